package iam

import (
	"context"
	"crypto/md5" // how fingerprints of keys are made
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// UploadSSHPublicKey gives a user an RSA key, in the form of ssh-rsa or PEM.
func (s *Service) UploadSSHPublicKey(ctx context.Context, c *api.Caller, in *iam.UploadSSHPublicKeyInput) (*iam.UploadSSHPublicKeyOutput, error) {
	parsed, err := parsePublicKey(*in.SSHPublicKeyBody)
	if err != nil {
		return nil, &api.Error{Code: "InvalidPublicKey", Message: "The public key is not a valid RSA key in ssh-rsa or PEM format.", Err: err}
	}
	key := state.UserCredential{ID: newUniqueID(sshKeyPrefix), Body: sshLine(parsed)}
	if err := s.addCredential(ctx, c, in.UserName, sshKeys, &key); err != nil {
		return nil, err
	}
	shape, err := sshKeyShape(key, types.EncodingTypeSsh)
	return &iam.UploadSSHPublicKeyOutput{SSHPublicKey: shape}, err
}

// GetSSHPublicKey shows a key in the form that is asked for.
func (s *Service) GetSSHPublicKey(ctx context.Context, c *api.Caller, in *iam.GetSSHPublicKeyInput) (*iam.GetSSHPublicKeyOutput, error) {
	key, err := s.credential(ctx, c, in.UserName, sshKeys, in.SSHPublicKeyId)
	if err != nil {
		return nil, err
	}
	shape, err := sshKeyShape(key, in.Encoding)
	return &iam.GetSSHPublicKeyOutput{SSHPublicKey: shape}, err
}

// ListSSHPublicKeys lists a user's keys without the keys themselves.
func (s *Service) ListSSHPublicKeys(ctx context.Context, c *api.Caller, in *iam.ListSSHPublicKeysInput) (*iam.ListSSHPublicKeysOutput, error) {
	p, err := s.page(c, in)
	if err != nil {
		return nil, err
	}
	keys, err := s.listCredentials(ctx, c, in.UserName, sshKeys)
	if err != nil {
		return nil, err
	}
	keys, next := cut(p, keys, func(k state.UserCredential) string { return k.ID })
	out := &iam.ListSSHPublicKeysOutput{SSHPublicKeys: []types.SSHPublicKeyMetadata{}, Marker: next, IsTruncated: next != nil}
	for _, key := range keys {
		out.SSHPublicKeys = append(out.SSHPublicKeys, types.SSHPublicKeyMetadata{
			SSHPublicKeyId: aws.String(key.ID), UserName: aws.String(key.UserName), Status: types.StatusType(key.Status), UploadDate: seconds(key.CreatedAt),
		})
	}
	return out, nil
}

// UpdateSSHPublicKey makes a key Active or Inactive.
func (s *Service) UpdateSSHPublicKey(ctx context.Context, c *api.Caller, in *iam.UpdateSSHPublicKeyInput) (*iam.UpdateSSHPublicKeyOutput, error) {
	err := s.changeCredential(ctx, c, in.UserName, sshKeys, in.SSHPublicKeyId, func(key *state.UserCredential) { key.Status = string(in.Status) })
	if err != nil {
		return nil, err
	}
	return &iam.UpdateSSHPublicKeyOutput{}, nil
}

// DeleteSSHPublicKey removes a key.
func (s *Service) DeleteSSHPublicKey(ctx context.Context, c *api.Caller, in *iam.DeleteSSHPublicKeyInput) (*iam.DeleteSSHPublicKeyOutput, error) {
	if err := s.deleteCredential(ctx, c, in.UserName, sshKeys, in.SSHPublicKeyId); err != nil {
		return nil, err
	}
	return &iam.DeleteSSHPublicKeyOutput{}, nil
}

var errPublicKey = errors.New("not an RSA public key")

// parsePublicKey reads a key in either form.
func parsePublicKey(text string) (*rsa.PublicKey, error) {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, err
		}
		key, ok := parsed.(*rsa.PublicKey)
		if !ok {
			return nil, errPublicKey
		}
		return key, nil
	}
	words := strings.Fields(text)
	if len(words) < 2 || words[0] != sshRSA {
		return nil, errPublicKey
	}
	blob, err := base64.StdEncoding.DecodeString(words[1])
	if err != nil {
		return nil, err
	}
	return parseSSHBlob(blob)
}

const sshRSA = "ssh-rsa"

// parseSSHBlob reads the three parts of an ssh-rsa key (RFC 4253, section 6.6): its name, the exponent and the modulus.
func parseSSHBlob(blob []byte) (*rsa.PublicKey, error) {
	var parts [3][]byte
	for i := range parts {
		if len(blob) < 4 || uint64(len(blob)-4) < uint64(binary.BigEndian.Uint32(blob)) {
			return nil, errPublicKey
		}
		n := 4 + int(binary.BigEndian.Uint32(blob))
		parts[i], blob = blob[4:n], blob[n:]
	}
	exponent, modulus := new(big.Int).SetBytes(parts[1]), new(big.Int).SetBytes(parts[2])
	const fewestBits, mostBits, mostExponent = 1024, 16384, 1<<31 - 1
	if string(parts[0]) != sshRSA || len(blob) > 0 || modulus.BitLen() < fewestBits || modulus.BitLen() > mostBits ||
		!exponent.IsInt64() || exponent.Int64() < 3 || exponent.Int64() > mostExponent {
		return nil, errPublicKey
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, nil
}

// sshBlob is the inverse of parseSSHBlob.
func sshBlob(key *rsa.PublicKey) []byte {
	var blob []byte
	for _, part := range [][]byte{[]byte(sshRSA), signed(big.NewInt(int64(key.E))), signed(key.N)} {
		blob = append(binary.BigEndian.AppendUint32(blob, uint32(len(part))), part...)
	}
	return blob
}

// sshLine is a key as files of authorized keys hold it.
func sshLine(key *rsa.PublicKey) string {
	return sshRSA + " " + base64.StdEncoding.EncodeToString(sshBlob(key))
}

// signed is a positive number in bytes of which the first is below 128.
func signed(n *big.Int) []byte {
	bytes := n.Bytes()
	if len(bytes) > 0 && bytes[0]&0x80 != 0 {
		return append([]byte{0}, bytes...)
	}
	return bytes
}

func sshKeyShape(key state.UserCredential, encoding types.EncodingType) (*types.SSHPublicKey, error) {
	parsed, err := parsePublicKey(key.Body)
	if err != nil {
		return nil, err
	}
	blob := sshBlob(parsed)
	sum := md5.Sum(blob)
	pairs := make([]string, len(sum))
	for i := range sum {
		pairs[i] = hex.EncodeToString(sum[i : i+1])
	}
	body := sshLine(parsed)
	if encoding == types.EncodingTypePem {
		der, err := x509.MarshalPKIXPublicKey(parsed)
		if err != nil {
			return nil, err
		}
		body = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	}
	return &types.SSHPublicKey{
		SSHPublicKeyId: aws.String(key.ID), UserName: aws.String(key.UserName), Status: types.StatusType(key.Status),
		UploadDate: seconds(key.CreatedAt), SSHPublicKeyBody: aws.String(body), Fingerprint: aws.String(strings.Join(pairs, ":")),
	}, nil
}
