package kms

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mlkem"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// The object identifiers of what crypto/x509 does not know: secp256k1 (SEC 2), and ML-KEM (RFC 9935).
var (
	oidECPublicKey = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidSecp256k1   = asn1.ObjectIdentifier{1, 3, 132, 0, 10}
	oidMLKEM768    = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 4, 2}
	oidMLKEM1024   = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 4, 3}
)

// newPair makes a private key of a spec: *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey, *secp256k1.PrivateKey,
// *mlkem.DecapsulationKey768 or *mlkem.DecapsulationKey1024.
func (s *spec) newPair() (any, error) {
	switch s.kind {
	case rsaKind:
		return rsa.GenerateKey(rand.Reader, s.bits)
	case nistKind:
		return ecdsa.GenerateKey(s.curve, rand.Reader)
	case edwardsKind:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	case secpKind:
		return secp256k1.GeneratePrivateKey()
	case encapsulation:
		if s.name == types.KeySpecMlKem768 {
			return mlkem.GenerateKey768()
		}
		return mlkem.GenerateKey1024()
	default:
		return nil, fmt.Errorf("keys of spec %s are no pairs", s.name)
	}
}

// ecPrivateKey is the private key of RFC 5915.
type ecPrivateKey struct {
	Version    int
	PrivateKey []byte
	Parameters asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
	PublicKey  asn1.BitString        `asn1:"optional,explicit,tag:1"`
}

// privateKeyInfo is the private key of RFC 5208, PKCS #8.
type privateKeyInfo struct {
	Version    int
	Algorithm  pkix.AlgorithmIdentifier
	PrivateKey []byte
}

// publicKeyInfo is the SubjectPublicKeyInfo of RFC 5280.
type publicKeyInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	PublicKey asn1.BitString
}

// secpAlgorithm names secp256k1 in both.
func secpAlgorithm() (pkix.AlgorithmIdentifier, error) {
	curve, err := asn1.Marshal(oidSecp256k1)
	return pkix.AlgorithmIdentifier{Algorithm: oidECPublicKey, Parameters: asn1.RawValue{FullBytes: curve}}, err
}

// marshalPrivate prints a private key as PKCS #8; one of ML-KEM as the seed that it came from.
func marshalPrivate(private any) ([]byte, error) {
	switch p := private.(type) {
	case *mlkem.DecapsulationKey768:
		return p.Bytes(), nil
	case *mlkem.DecapsulationKey1024:
		return p.Bytes(), nil
	case *secp256k1.PrivateKey:
		public := p.PubKey().SerializeUncompressed()
		inner, err := asn1.Marshal(ecPrivateKey{Version: 1, PrivateKey: p.Serialize(), PublicKey: asn1.BitString{Bytes: public, BitLength: 8 * len(public)}})
		if err != nil {
			return nil, err
		}
		algorithm, err := secpAlgorithm()
		if err != nil {
			return nil, err
		}
		return asn1.Marshal(privateKeyInfo{Algorithm: algorithm, PrivateKey: inner})
	default:
		return x509.MarshalPKCS8PrivateKey(private)
	}
}

// parsePrivate reads what [marshalPrivate] or a client printed, and refuses what is no key of the spec.
func (s *spec) parsePrivate(der []byte) (any, error) {
	switch s.kind {
	case encapsulation:
		if s.name == types.KeySpecMlKem768 {
			return mlkem.NewDecapsulationKey768(der)
		}
		return mlkem.NewDecapsulationKey1024(der)
	case secpKind:
		return parseSecp(der)
	case symmetricKind, hmacKind, rsaKind, nistKind, edwardsKind: // the latter three in the common form
	}
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	fits := false
	switch p := private.(type) {
	case *rsa.PrivateKey:
		fits = s.kind == rsaKind && p.N.BitLen() == s.bits
	case *ecdsa.PrivateKey:
		fits = s.kind == nistKind && p.Curve == s.curve
	case ed25519.PrivateKey:
		fits = s.kind == edwardsKind
	}
	if !fits {
		return nil, fmt.Errorf("a %T is no key of spec %s", private, s.name)
	}
	return private, nil
}

func parseSecp(der []byte) (*secp256k1.PrivateKey, error) {
	var info privateKeyInfo
	var inner ecPrivateKey
	var curve asn1.ObjectIdentifier
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 || !info.Algorithm.Algorithm.Equal(oidECPublicKey) {
		return nil, errors.New("the private key is not one of PKCS #8 for an elliptic curve")
	}
	if _, err := asn1.Unmarshal(info.Algorithm.Parameters.FullBytes, &curve); err != nil || !curve.Equal(oidSecp256k1) {
		return nil, errors.New("the private key is of another curve than secp256k1")
	}
	if _, err := asn1.Unmarshal(info.PrivateKey, &inner); err != nil {
		return nil, fmt.Errorf("reading a secp256k1 private key: %w", err)
	}
	var scalar secp256k1.ModNScalar
	if len(inner.PrivateKey) > 32 || scalar.SetByteSlice(inner.PrivateKey) || scalar.IsZero() {
		return nil, errors.New("the private key is not in the range of secp256k1")
	}
	return secp256k1.NewPrivateKey(&scalar), nil
}

// marshalPublic prints the public half of a private key as a SubjectPublicKeyInfo.
func marshalPublic(private any) ([]byte, error) {
	switch p := private.(type) {
	case *rsa.PrivateKey:
		return x509.MarshalPKIXPublicKey(p.Public())
	case *ecdsa.PrivateKey:
		return x509.MarshalPKIXPublicKey(p.Public())
	case ed25519.PrivateKey:
		return x509.MarshalPKIXPublicKey(p.Public())
	case *secp256k1.PrivateKey:
		algorithm, err := secpAlgorithm()
		if err != nil {
			return nil, err
		}
		return marshalInfo(algorithm, p.PubKey().SerializeUncompressed())
	case *mlkem.DecapsulationKey768:
		return marshalInfo(pkix.AlgorithmIdentifier{Algorithm: oidMLKEM768}, p.EncapsulationKey().Bytes())
	case *mlkem.DecapsulationKey1024:
		return marshalInfo(pkix.AlgorithmIdentifier{Algorithm: oidMLKEM1024}, p.EncapsulationKey().Bytes())
	default:
		return nil, fmt.Errorf("a %T has no public half", private)
	}
}

func marshalInfo(algorithm pkix.AlgorithmIdentifier, public []byte) ([]byte, error) {
	return asn1.Marshal(publicKeyInfo{algorithm, asn1.BitString{Bytes: public, BitLength: 8 * len(public)}})
}

// parsePublic reads the public key of a peer on a curve.
func parsePublic(curve elliptic.Curve, der []byte) (*ecdsa.PublicKey, error) {
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, err
	}
	public, ok := parsed.(*ecdsa.PublicKey)
	if !ok || public.Curve != curve {
		return nil, fmt.Errorf("the public key is not one of %s", curve.Params().Name)
	}
	return public, nil
}
