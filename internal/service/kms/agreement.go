package kms

import (
	"context"
	"crypto/ecdsa"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
)

// DeriveSharedSecret agrees on a secret with the holder of another key pair of the same curve, by ECDH: the x coordinate.
func (s *Service) DeriveSharedSecret(ctx context.Context, c *api.Caller, in *kms.DeriveSharedSecretInput) (*kms.DeriveSharedSecretOutput, error) {
	t, err := s.find(ctx, c, "DeriveSharedSecret", in.KeyId, aliases|foreign)
	if err != nil {
		return nil, err
	}
	if err := t.usableFor("DeriveSharedSecret", types.KeyUsageTypeKeyAgreement); err != nil {
		return nil, err
	}
	peer, err := parsePublic(t.spec.curve, in.PublicKey)
	if err != nil {
		return nil, &api.Error{Code: "ValidationException", Message: "The public key is not a DER-encoded key of the curve of key spec " + t.Spec + ".", Err: err}
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	private, ok := t.current().private.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("key %s cannot agree on secrets", t.arn)
	}
	mine, err := private.ECDH()
	if err != nil {
		return nil, err
	}
	theirs, err := peer.ECDH()
	if err != nil {
		return nil, err
	}
	secret, err := mine.ECDH(theirs)
	if err != nil {
		return nil, err
	}
	return &kms.DeriveSharedSecretOutput{
		KeyAgreementAlgorithm: in.KeyAgreementAlgorithm, KeyId: new(t.arn), KeyOrigin: types.OriginType(t.Origin), SharedSecret: secret,
	}, nil
}

func (s *Service) deriveSharedSecretAccess(ctx context.Context, c *api.Caller, in *kms.DeriveSharedSecretInput) ([]api.Access, error) {
	switch {
	case in.Recipient != nil:
		return nil, api.NotImplemented("kms:DeriveSharedSecret with Recipient")
	case in.KeyAgreementAlgorithm == "":
		return nil, errNull("keyAgreementAlgorithm")
	case in.KeyAgreementAlgorithm != types.KeyAgreementAlgorithmSpecEcdh:
		return nil, errConstraint("keyAgreementAlgorithm", string(in.KeyAgreementAlgorithm), "Member must satisfy enum value set: [ECDH]")
	case in.PublicKey == nil:
		return nil, errNull("publicKey")
	}
	if err := s.checkTokens(ctx, in.GrantTokens); err != nil {
		return nil, err
	}
	return s.ask(ctx, c, in.KeyId, aliases|foreign, question{
		operation: "DeriveSharedSecret", granted: "DeriveSharedSecret",
		more: map[string][]string{"kms:KeyAgreementAlgorithm": {string(in.KeyAgreementAlgorithm)}},
	})
}
