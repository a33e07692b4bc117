package kms

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
)

// GenerateDataKeyPair makes a fresh key pair for use outside of KMS, its private half in clear and sealed.
func (s *Service) GenerateDataKeyPair(ctx context.Context, c *api.Caller, in *kms.GenerateDataKeyPairInput) (*kms.GenerateDataKeyPairOutput, error) {
	return s.dataKeyPair(ctx, c, "GenerateDataKeyPair", in)
}

func (s *Service) generateDataKeyPairAccess(ctx context.Context, c *api.Caller, in *kms.GenerateDataKeyPairInput) ([]api.Access, error) {
	return s.dataKeyPairAccess(ctx, c, "GenerateDataKeyPair", in)
}

// GenerateDataKeyPairWithoutPlaintext makes a fresh key pair and returns its private half sealed only.
func (s *Service) GenerateDataKeyPairWithoutPlaintext(ctx context.Context, c *api.Caller, in *kms.GenerateDataKeyPairWithoutPlaintextInput) (*kms.GenerateDataKeyPairWithoutPlaintextOutput, error) {
	made, err := s.dataKeyPair(ctx, c, "GenerateDataKeyPairWithoutPlaintext", pairWithPlaintext(in))
	if err != nil {
		return nil, err
	}
	clear(made.PrivateKeyPlaintext)
	return &kms.GenerateDataKeyPairWithoutPlaintextOutput{
		KeyId: made.KeyId, KeyMaterialId: made.KeyMaterialId, KeyPairSpec: made.KeyPairSpec,
		PrivateKeyCiphertextBlob: made.PrivateKeyCiphertextBlob, PublicKey: made.PublicKey,
	}, nil
}

func (s *Service) generateDataKeyPairWithoutPlaintextAccess(ctx context.Context, c *api.Caller, in *kms.GenerateDataKeyPairWithoutPlaintextInput) ([]api.Access, error) {
	return s.dataKeyPairAccess(ctx, c, "GenerateDataKeyPairWithoutPlaintext", pairWithPlaintext(in))
}

// pairWithPlaintext is the same request to GenerateDataKeyPair.
func pairWithPlaintext(in *kms.GenerateDataKeyPairWithoutPlaintextInput) *kms.GenerateDataKeyPairInput {
	return &kms.GenerateDataKeyPairInput{
		KeyId: in.KeyId, KeyPairSpec: in.KeyPairSpec, DryRun: in.DryRun, EncryptionContext: in.EncryptionContext, GrantTokens: in.GrantTokens,
	}
}

func (s *Service) dataKeyPair(ctx context.Context, c *api.Caller, operation string, in *kms.GenerateDataKeyPairInput) (*kms.GenerateDataKeyPairOutput, error) {
	t, err := s.find(ctx, c, operation, in.KeyId, aliases|foreign)
	if err != nil {
		return nil, err
	}
	if err := t.encrypts(operation, symmetric); err != nil {
		return nil, err
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	private, err := specNamed(types.KeySpec(in.KeyPairSpec)).newPair()
	if err != nil {
		return nil, err
	}
	plaintext, err := marshalPrivate(private)
	if err != nil {
		return nil, err
	}
	public, err := marshalPublic(private)
	if err != nil {
		return nil, err
	}
	sealed, err := t.seal(symmetric, plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &kms.GenerateDataKeyPairOutput{
		KeyId: new(t.arn), KeyMaterialId: t.shownID(t.current()), KeyPairSpec: in.KeyPairSpec,
		PrivateKeyCiphertextBlob: sealed, PrivateKeyPlaintext: plaintext, PublicKey: public,
	}, nil
}

func (s *Service) dataKeyPairAccess(ctx context.Context, c *api.Caller, operation string, in *kms.GenerateDataKeyPairInput) ([]api.Access, error) {
	of := specNamed(types.KeySpec(in.KeyPairSpec))
	switch {
	case in.Recipient != nil:
		return nil, api.NotImplemented("kms:" + operation + " with Recipient")
	case in.KeyPairSpec == "":
		return nil, errNull("keyPairSpec")
	case !slices.Contains(in.KeyPairSpec.Values(), in.KeyPairSpec):
		return nil, errConstraint("keyPairSpec", string(in.KeyPairSpec), "Member must satisfy enum value set")
	case of == nil || of.kind == encapsulation:
		return nil, api.NotImplemented("kms:" + operation + " with KeyPairSpec " + string(in.KeyPairSpec))
	}
	if err := s.checkTokens(ctx, in.GrantTokens); err != nil {
		return nil, err
	}
	more := algorithmKey(symmetric)
	more["kms:DataKeyPairSpec"] = []string{string(in.KeyPairSpec)}
	return s.ask(ctx, c, in.KeyId, aliases|foreign, question{
		operation: operation, granted: operation, encryptionContext: in.EncryptionContext, more: more,
	})
}
