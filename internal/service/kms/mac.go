package kms

import (
	"context"
	"crypto/hmac"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
)

// GenerateMac makes the hash-based message authentication code of a message of up to 4096 bytes.
func (s *Service) GenerateMac(ctx context.Context, c *api.Caller, in *kms.GenerateMacInput) (*kms.GenerateMacOutput, error) {
	t, mac, err := s.mac(ctx, c, "GenerateMac", in)
	if err != nil {
		return nil, err
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	return &kms.GenerateMacOutput{KeyId: new(t.arn), Mac: mac, MacAlgorithm: in.MacAlgorithm}, nil
}

func (s *Service) generateMacAccess(ctx context.Context, c *api.Caller, in *kms.GenerateMacInput) ([]api.Access, error) {
	return s.macAccess(ctx, c, "GenerateMac", in)
}

// VerifyMac says whether a code is that of a message; one that is not is an error.
func (s *Service) VerifyMac(ctx context.Context, c *api.Caller, in *kms.VerifyMacInput) (*kms.VerifyMacOutput, error) {
	t, mac, err := s.mac(ctx, c, "VerifyMac", generated(in))
	if err != nil {
		return nil, err
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	if !hmac.Equal(mac, in.Mac) {
		return nil, &api.Error{Code: "KMSInvalidMacException"}
	}
	return &kms.VerifyMacOutput{KeyId: new(t.arn), MacValid: true, MacAlgorithm: in.MacAlgorithm}, nil
}

func (s *Service) verifyMacAccess(ctx context.Context, c *api.Caller, in *kms.VerifyMacInput) ([]api.Access, error) {
	switch {
	case in.Mac == nil:
		return nil, errNull("mac")
	case len(in.Mac) == 0 || len(in.Mac) > 6144:
		return nil, errConstraint("mac", "", "Member must have length between 1 and 6144")
	}
	return s.macAccess(ctx, c, "VerifyMac", generated(in))
}

// generated is the request that made the code.
func generated(in *kms.VerifyMacInput) *kms.GenerateMacInput {
	return &kms.GenerateMacInput{KeyId: in.KeyId, Message: in.Message, MacAlgorithm: in.MacAlgorithm, GrantTokens: in.GrantTokens}
}

func (s *Service) mac(ctx context.Context, c *api.Caller, operation string, in *kms.GenerateMacInput) (target, []byte, error) {
	t, err := s.find(ctx, c, operation, in.KeyId, aliases|foreign)
	if err != nil {
		return t, nil, err
	}
	if err := t.usableFor(operation, types.KeyUsageTypeGenerateVerifyMac); err != nil {
		return t, nil, err
	}
	if err := takes(t.liveKey, t.spec.mac, in.MacAlgorithm); err != nil {
		return t, nil, err
	}
	h := hmac.New(t.spec.hash.New, t.current().secret)
	h.Write(in.Message)
	return t, h.Sum(nil), nil
}

func (s *Service) macAccess(ctx context.Context, c *api.Caller, operation string, in *kms.GenerateMacInput) ([]api.Access, error) {
	if err := checkMessage(in.Message); err != nil {
		return nil, err
	}
	if in.MacAlgorithm == "" {
		return nil, errNull("macAlgorithm")
	}
	if err := s.checkTokens(ctx, in.GrantTokens); err != nil {
		return nil, err
	}
	return s.ask(ctx, c, in.KeyId, aliases|foreign, question{operation: operation, granted: operation, more: map[string][]string{
		"kms:MacAlgorithm": {string(in.MacAlgorithm)},
	}})
}
