package kms

import (
	"cmp"
	"context"
	"errors"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

const symmetric = types.EncryptionAlgorithmSpecSymmetricDefault

// algorithm is the condition key of operations that name an encryption algorithm.
var algorithm = map[string][]string{"kms:EncryptionAlgorithm": {string(symmetric)}}

func checkAlgorithm(a types.EncryptionAlgorithmSpec) error {
	if a != "" && a != symmetric {
		return api.Errorf("InvalidKeyUsageException", "The encryption algorithm %s is not compatible with key spec SYMMETRIC_DEFAULT.", a)
	}
	return nil
}

// errInvalidCiphertext says nothing of the cause, as KMS does.
func errInvalidCiphertext() error {
	return &api.Error{Code: "InvalidCiphertextException", Err: errCiphertext}
}

// Encrypt seals up to 4096 bytes under a key.
func (s *Service) Encrypt(ctx context.Context, c *api.Caller, in *kms.EncryptInput) (*kms.EncryptOutput, error) {
	t, err := s.find(ctx, c, "Encrypt", in.KeyId, aliases|foreign)
	if err != nil {
		return nil, err
	}
	if err := t.usable(); err != nil {
		return nil, err
	}
	if in.DryRun != nil && *in.DryRun {
		return nil, errDryRun()
	}
	return &kms.EncryptOutput{
		CiphertextBlob:      t.current().seal(t.ID, in.Plaintext, in.EncryptionContext),
		EncryptionAlgorithm: symmetric,
		KeyId:               new(t.arn),
	}, nil
}

func (s *Service) encryptAccess(ctx context.Context, c *api.Caller, in *kms.EncryptInput) ([]api.Access, error) {
	switch {
	case in.Plaintext == nil:
		return nil, errNull("plaintext")
	case len(in.Plaintext) == 0:
		return nil, errConstraint("plaintext", "", "Member must have length greater than or equal to 1")
	case len(in.Plaintext) > 4096:
		return nil, errConstraint("plaintext", "", "Member must have length less than or equal to 4096")
	}
	if err := checkAlgorithm(in.EncryptionAlgorithm); err != nil {
		return nil, err
	}
	if err := s.checkTokens(ctx, in.GrantTokens); err != nil {
		return nil, err
	}
	return s.ask(ctx, c, in.KeyId, aliases|foreign, question{
		operation: "Encrypt", granted: "Encrypt", encryptionContext: in.EncryptionContext, more: algorithm,
	})
}

// Decrypt opens what Encrypt, ReEncrypt or GenerateDataKey sealed, with the same encryption context.
func (s *Service) Decrypt(ctx context.Context, c *api.Caller, in *kms.DecryptInput) (*kms.DecryptOutput, error) {
	t, blob, err := s.findByCiphertext(ctx, c, "Decrypt", in.CiphertextBlob, in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := t.usable(); err != nil {
		return nil, err
	}
	plaintext, m, err := t.open(blob, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	if in.DryRun != nil && *in.DryRun {
		return nil, errDryRun()
	}
	return &kms.DecryptOutput{
		Plaintext: plaintext, EncryptionAlgorithm: symmetric, KeyId: new(t.arn), KeyMaterialId: new(m.row.ID),
	}, nil
}

func (s *Service) decryptAccess(ctx context.Context, c *api.Caller, in *kms.DecryptInput) ([]api.Access, error) {
	if in.Recipient != nil {
		return nil, api.NotImplemented("kms:Decrypt with Recipient")
	}
	if err := checkAlgorithm(in.EncryptionAlgorithm); err != nil {
		return nil, err
	}
	if err := s.checkTokens(ctx, in.GrantTokens); err != nil {
		return nil, err
	}
	t, _, err := s.findByCiphertext(ctx, c, "Decrypt", in.CiphertextBlob, in.KeyId)
	if err != nil {
		return nil, err
	}
	return []api.Access{question{
		operation: "Decrypt", granted: "Decrypt", encryptionContext: in.EncryptionContext, more: algorithm,
		ofCiphertext: in.KeyId == nil,
	}.access(c, t)}, nil
}

// open opens a blob under the generation of material that sealed it.
func (k *liveKey) open(blob ciphertext, encryptionContext map[string]string) ([]byte, *material, error) {
	m := k.material(blob.material)
	if m == nil {
		return nil, nil, errInvalidCiphertext()
	}
	plaintext, err := m.open(blob, encryptionContext)
	if err != nil {
		return nil, nil, errInvalidCiphertext()
	}
	return plaintext, m, nil
}

// findByCiphertext finds the key that a blob names, which must be the given one if one is given.
func (s *Service) findByCiphertext(ctx context.Context, c *api.Caller, operation string, blob []byte, id *string) (target, ciphertext, error) {
	switch {
	case blob == nil:
		return target{}, ciphertext{}, errNull("ciphertextBlob")
	case len(blob) > 6144:
		return target{}, ciphertext{}, errConstraint("ciphertextBlob", "", "Member must have length less than or equal to 6144")
	}
	parsed, err := parseCiphertext(blob)
	if err != nil {
		return target{}, ciphertext{}, errInvalidCiphertext()
	}
	if id != nil {
		t, err := s.find(ctx, c, operation, id, aliases|foreign)
		if err == nil && t.ID != parsed.keyID {
			err = api.Errorf("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
		}
		return t, parsed, err
	}
	k, err := s.key(ctx, parsed.keyID)
	if errors.Is(err, state.ErrNotFound) || err == nil && k.Region != c.Region {
		return target{}, ciphertext{}, errOutOfReach(callerName(c), "kms:"+operation, "the resource associated with this ciphertext")
	}
	return target{liveKey: k}, parsed, err
}

// ReEncrypt opens a blob and seals it under another key or encryption context, without showing the plaintext.
func (s *Service) ReEncrypt(ctx context.Context, c *api.Caller, in *kms.ReEncryptInput) (*kms.ReEncryptOutput, error) {
	source, blob, err := s.findByCiphertext(ctx, c, "ReEncryptFrom", in.CiphertextBlob, in.SourceKeyId)
	if err != nil {
		return nil, err
	}
	destination, err := s.find(ctx, c, "ReEncryptTo", in.DestinationKeyId, aliases|foreign)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(source.usable(), destination.usable()); err != nil {
		return nil, err
	}
	plaintext, from, err := source.open(blob, in.SourceEncryptionContext)
	if err != nil {
		return nil, err
	}
	defer clear(plaintext)
	if in.DryRun != nil && *in.DryRun {
		return nil, errDryRun()
	}
	return &kms.ReEncryptOutput{
		CiphertextBlob:                 destination.current().seal(destination.ID, plaintext, in.DestinationEncryptionContext),
		DestinationEncryptionAlgorithm: symmetric,
		DestinationKeyMaterialId:       new(destination.current().row.ID),
		KeyId:                          new(destination.arn),
		SourceEncryptionAlgorithm:      symmetric,
		SourceKeyId:                    new(source.arn),
		SourceKeyMaterialId:            new(from.row.ID),
	}, nil
}

func (s *Service) reEncryptAccess(ctx context.Context, c *api.Caller, in *kms.ReEncryptInput) ([]api.Access, error) {
	if err := cmp.Or(checkAlgorithm(in.SourceEncryptionAlgorithm), checkAlgorithm(in.DestinationEncryptionAlgorithm)); err != nil {
		return nil, err
	}
	if err := s.checkTokens(ctx, in.GrantTokens); err != nil {
		return nil, err
	}
	if in.DestinationKeyId == nil {
		return nil, errNull("destinationKeyId")
	}
	source, _, err := s.findByCiphertext(ctx, c, "ReEncryptFrom", in.CiphertextBlob, in.SourceKeyId)
	if err != nil {
		return nil, err
	}
	destination, err := s.find(ctx, c, "ReEncryptTo", in.DestinationKeyId, aliases|foreign)
	if err != nil {
		return nil, err
	}
	more := map[string][]string{
		"kms:EncryptionAlgorithm": {string(symmetric)},
		"kms:ReEncryptOnSameKey":  {strconv.FormatBool(source.ID == destination.ID)},
	}
	return []api.Access{
		question{
			operation: "ReEncryptFrom", granted: "ReEncryptFrom", encryptionContext: in.SourceEncryptionContext, more: more,
			ofCiphertext: in.SourceKeyId == nil,
		}.access(c, source),
		question{
			operation: "ReEncryptTo", granted: "ReEncryptTo", encryptionContext: in.DestinationEncryptionContext, more: more,
		}.access(c, destination),
	}, nil
}
