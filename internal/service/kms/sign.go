package kms

import (
	"cmp"
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
)

// Sign signs a message of up to 4096 bytes, or the digest of any.
func (s *Service) Sign(ctx context.Context, c *api.Caller, in *kms.SignInput) (*kms.SignOutput, error) {
	t, scheme, digest, err := s.findSigner(ctx, c, "Sign", in)
	if err != nil {
		return nil, err
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	signature, err := scheme.sign(t.current().private, digest)
	if err != nil {
		return nil, err
	}
	return &kms.SignOutput{KeyId: new(t.arn), Signature: signature, SigningAlgorithm: in.SigningAlgorithm}, nil
}

func (s *Service) signAccess(ctx context.Context, c *api.Caller, in *kms.SignInput) ([]api.Access, error) {
	return s.signerAccess(ctx, c, "Sign", in)
}

// Verify says whether a signature was made by Sign of the same key; one that was not is an error.
func (s *Service) Verify(ctx context.Context, c *api.Caller, in *kms.VerifyInput) (*kms.VerifyOutput, error) {
	t, scheme, digest, err := s.findSigner(ctx, c, "Verify", signed(in))
	if err != nil {
		return nil, err
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	if !scheme.verify(t.current().private, digest, in.Signature) {
		return nil, &api.Error{Code: "KMSInvalidSignatureException"}
	}
	return &kms.VerifyOutput{KeyId: new(t.arn), SignatureValid: true, SigningAlgorithm: in.SigningAlgorithm}, nil
}

func (s *Service) verifyAccess(ctx context.Context, c *api.Caller, in *kms.VerifyInput) ([]api.Access, error) {
	switch {
	case in.Signature == nil:
		return nil, errNull("signature")
	case len(in.Signature) == 0 || len(in.Signature) > 6144:
		return nil, errConstraint("signature", "", "Member must have length between 1 and 6144")
	}
	return s.signerAccess(ctx, c, "Verify", signed(in))
}

// signed is the request that made the signature.
func signed(in *kms.VerifyInput) *kms.SignInput {
	return &kms.SignInput{
		KeyId: in.KeyId, Message: in.Message, MessageType: in.MessageType, SigningAlgorithm: in.SigningAlgorithm, GrantTokens: in.GrantTokens,
	}
}

func messageType(in *kms.SignInput) types.MessageType {
	return cmp.Or(in.MessageType, types.MessageTypeRaw)
}

func (s *Service) findSigner(ctx context.Context, c *api.Caller, operation string, in *kms.SignInput) (target, scheme, []byte, error) {
	t, err := s.find(ctx, c, operation, in.KeyId, aliases|foreign)
	if err != nil {
		return t, scheme{}, nil, err
	}
	if err := t.usableFor(operation, types.KeyUsageTypeSignVerify); err != nil {
		return t, scheme{}, nil, err
	}
	if err := takes(t.liveKey, t.spec.signing, in.SigningAlgorithm); err != nil {
		return t, scheme{}, nil, err
	}
	how := schemes[in.SigningAlgorithm]
	digest, err := how.digest(in.SigningAlgorithm, in.Message, messageType(in))
	return t, how, digest, err
}

func (s *Service) signerAccess(ctx context.Context, c *api.Caller, operation string, in *kms.SignInput) ([]api.Access, error) {
	if err := checkMessage(in.Message); err != nil {
		return nil, err
	}
	if in.SigningAlgorithm == "" {
		return nil, errNull("signingAlgorithm")
	}
	if err := s.checkTokens(ctx, in.GrantTokens); err != nil {
		return nil, err
	}
	return s.ask(ctx, c, in.KeyId, aliases|foreign, question{operation: operation, granted: operation, more: map[string][]string{
		"kms:MessageType":      {string(messageType(in))},
		"kms:SigningAlgorithm": {string(in.SigningAlgorithm)},
	}})
}

func checkMessage(message []byte) error {
	switch {
	case message == nil:
		return errNull("message")
	case len(message) == 0:
		return errConstraint("message", "", "Member must have length greater than or equal to 1")
	case len(message) > 4096:
		return errConstraint("message", "", "Member must have length less than or equal to 4096")
	}
	return nil
}
