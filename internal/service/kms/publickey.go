package kms

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
)

// GetPublicKey returns the public half of a key pair as a DER-encoded SubjectPublicKeyInfo.
func (s *Service) GetPublicKey(ctx context.Context, c *api.Caller, in *kms.GetPublicKeyInput) (*kms.GetPublicKeyOutput, error) {
	t, err := s.find(ctx, c, "GetPublicKey", in.KeyId, aliases|foreign)
	if err != nil {
		return nil, err
	}
	if !t.spec.asymmetric() {
		return nil, t.errSpec()
	}
	if err := t.usable(); err != nil {
		return nil, err
	}
	public, err := marshalPublic(t.current().private)
	if err != nil {
		return nil, err
	}
	m := metadata(t.liveKey)
	return &kms.GetPublicKeyOutput{
		CustomerMasterKeySpec:   m.CustomerMasterKeySpec, //nolint:staticcheck // older clients read it
		EncapsulationAlgorithms: m.EncapsulationAlgorithms,
		EncryptionAlgorithms:    m.EncryptionAlgorithms,
		KeyAgreementAlgorithms:  m.KeyAgreementAlgorithms,
		KeyId:                   new(t.arn),
		KeySpec:                 types.KeySpec(t.Spec),
		KeyUsage:                types.KeyUsageType(t.Usage),
		PublicKey:               public,
		SigningAlgorithms:       m.SigningAlgorithms,
	}, nil
}

func (s *Service) getPublicKeyAccess(ctx context.Context, c *api.Caller, in *kms.GetPublicKeyInput) ([]api.Access, error) {
	if err := s.checkTokens(ctx, in.GrantTokens); err != nil {
		return nil, err
	}
	return s.ask(ctx, c, in.KeyId, aliases|foreign, question{operation: "GetPublicKey", granted: "GetPublicKey"})
}
