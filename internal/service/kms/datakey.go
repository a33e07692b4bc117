package kms

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
)

// GenerateDataKey makes a fresh key for use outside of KMS, in clear and sealed.
func (s *Service) GenerateDataKey(ctx context.Context, c *api.Caller, in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error) {
	t, plaintext, err := s.dataKey(ctx, c, "GenerateDataKey", in)
	if err != nil {
		return nil, err
	}
	return &kms.GenerateDataKeyOutput{
		CiphertextBlob: t.current().seal(t.ID, plaintext, in.EncryptionContext),
		KeyId:          new(t.arn),
		KeyMaterialId:  new(t.current().row.ID),
		Plaintext:      plaintext,
	}, nil
}

func (s *Service) generateDataKeyAccess(ctx context.Context, c *api.Caller, in *kms.GenerateDataKeyInput) ([]api.Access, error) {
	return s.dataKeyAccess(ctx, c, "GenerateDataKey", in)
}

// GenerateDataKeyWithoutPlaintext makes a fresh key and returns it sealed only.
func (s *Service) GenerateDataKeyWithoutPlaintext(ctx context.Context, c *api.Caller, in *kms.GenerateDataKeyWithoutPlaintextInput) (*kms.GenerateDataKeyWithoutPlaintextOutput, error) {
	t, plaintext, err := s.dataKey(ctx, c, "GenerateDataKeyWithoutPlaintext", withPlaintext(in))
	if err != nil {
		return nil, err
	}
	defer clear(plaintext)
	return &kms.GenerateDataKeyWithoutPlaintextOutput{
		CiphertextBlob: t.current().seal(t.ID, plaintext, in.EncryptionContext),
		KeyId:          new(t.arn),
		KeyMaterialId:  new(t.current().row.ID),
	}, nil
}

func (s *Service) generateDataKeyWithoutPlaintextAccess(ctx context.Context, c *api.Caller, in *kms.GenerateDataKeyWithoutPlaintextInput) ([]api.Access, error) {
	return s.dataKeyAccess(ctx, c, "GenerateDataKeyWithoutPlaintext", withPlaintext(in))
}

// withPlaintext is the same request to GenerateDataKey.
func withPlaintext(in *kms.GenerateDataKeyWithoutPlaintextInput) *kms.GenerateDataKeyInput {
	return &kms.GenerateDataKeyInput{
		KeyId: in.KeyId, DryRun: in.DryRun, EncryptionContext: in.EncryptionContext, GrantTokens: in.GrantTokens,
		KeySpec: in.KeySpec, NumberOfBytes: in.NumberOfBytes,
	}
}

func (s *Service) dataKey(ctx context.Context, c *api.Caller, operation string, in *kms.GenerateDataKeyInput) (target, []byte, error) {
	size, err := dataKeySize(in)
	if err != nil {
		return target{}, nil, err
	}
	t, err := s.find(ctx, c, operation, in.KeyId, aliases|foreign)
	if err != nil {
		return target{}, nil, err
	}
	if err := t.encrypts(operation, symmetric); err != nil {
		return target{}, nil, err
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return target{}, nil, err
	}
	return t, randomBytes(size), nil
}

func (s *Service) dataKeyAccess(ctx context.Context, c *api.Caller, operation string, in *kms.GenerateDataKeyInput) ([]api.Access, error) {
	if in.Recipient != nil {
		return nil, api.NotImplemented("kms:" + operation + " with Recipient")
	}
	if _, err := dataKeySize(in); err != nil {
		return nil, err
	}
	if err := s.checkTokens(ctx, in.GrantTokens); err != nil {
		return nil, err
	}
	return s.ask(ctx, c, in.KeyId, aliases|foreign, question{
		operation: operation, granted: operation, encryptionContext: in.EncryptionContext, more: algorithmKey(symmetric),
	})
}

func dataKeySize(in *kms.GenerateDataKeyInput) (int, error) {
	switch {
	case (in.KeySpec == "") == (in.NumberOfBytes == nil):
		return 0, api.Errorf("ValidationException", "Please specify either number of bytes or key spec.")
	case in.NumberOfBytes != nil:
		return byteCount(*in.NumberOfBytes)
	case in.KeySpec == types.DataKeySpecAes256:
		return 32, nil
	case in.KeySpec == types.DataKeySpecAes128:
		return 16, nil
	}
	return 0, errConstraint("keySpec", string(in.KeySpec), "Member must satisfy enum value set: [AES_256, AES_128]")
}

func byteCount(n int32) (int, error) {
	if n < 1 || n > 1024 {
		return 0, errConstraint("numberOfBytes", strconv.Itoa(int(n)), "Member must have value between 1 and 1024")
	}
	return int(n), nil
}

// GenerateRandom returns random bytes.
func (s *Service) GenerateRandom(_ context.Context, _ *api.Caller, in *kms.GenerateRandomInput) (*kms.GenerateRandomOutput, error) {
	switch {
	case in.Recipient != nil || in.CustomKeyStoreId != nil:
		return nil, api.NotImplemented("kms:GenerateRandom with Recipient or CustomKeyStoreId")
	case in.NumberOfBytes == nil:
		return nil, errNull("numberOfBytes")
	}
	n, err := byteCount(*in.NumberOfBytes)
	if err != nil {
		return nil, err
	}
	return &kms.GenerateRandomOutput{Plaintext: randomBytes(n)}, nil
}
