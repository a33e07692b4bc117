package kms

import (
	"context"
	"crypto/mlkem"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
)

// Encapsulate makes a secret, and what the holder of the key needs to have it, too, by ML-KEM.
func (s *Service) Encapsulate(ctx context.Context, c *api.Caller, in *kms.EncapsulateInput) (*kms.EncapsulateOutput, error) {
	t, err := s.findEncapsulation(ctx, c, "Encapsulate", in.KeyId, in.DryRun)
	if err != nil {
		return nil, err
	}
	out := &kms.EncapsulateOutput{EncapsulationAlgorithm: in.EncapsulationAlgorithm, KeyId: new(t.arn)}
	switch private := t.current().private.(type) {
	case *mlkem.DecapsulationKey768:
		out.SharedSecret, out.SharedSecretCiphertextBlob = private.EncapsulationKey().Encapsulate()
	case *mlkem.DecapsulationKey1024:
		out.SharedSecret, out.SharedSecretCiphertextBlob = private.EncapsulationKey().Encapsulate()
	default:
		return nil, fmt.Errorf("key %s cannot encapsulate", t.arn)
	}
	return out, nil
}

func (s *Service) encapsulateAccess(ctx context.Context, c *api.Caller, in *kms.EncapsulateInput) ([]api.Access, error) {
	return s.encapsulationAccess(ctx, c, "Encapsulate", in.KeyId, in.EncapsulationAlgorithm, in.GrantTokens)
}

// Decapsulate returns the secret that Encapsulate made.
func (s *Service) Decapsulate(ctx context.Context, c *api.Caller, in *kms.DecapsulateInput) (*kms.DecapsulateOutput, error) {
	t, err := s.findEncapsulation(ctx, c, "Decapsulate", in.KeyId, nil)
	if err != nil {
		return nil, err
	}
	var secret []byte
	switch private := t.current().private.(type) {
	case *mlkem.DecapsulationKey768:
		secret, err = private.Decapsulate(in.SharedSecretCiphertextBlob)
	case *mlkem.DecapsulationKey1024:
		secret, err = private.Decapsulate(in.SharedSecretCiphertextBlob)
	default:
		return nil, fmt.Errorf("key %s cannot decapsulate", t.arn)
	}
	if err != nil {
		return nil, errInvalidCiphertext()
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	return &kms.DecapsulateOutput{EncapsulationAlgorithm: in.EncapsulationAlgorithm, KeyId: new(t.arn), SharedSecret: secret}, nil
}

func (s *Service) decapsulateAccess(ctx context.Context, c *api.Caller, in *kms.DecapsulateInput) ([]api.Access, error) {
	if in.SharedSecretCiphertextBlob == nil {
		return nil, errNull("sharedSecretCiphertextBlob")
	}
	return s.encapsulationAccess(ctx, c, "Decapsulate", in.KeyId, in.EncapsulationAlgorithm, in.GrantTokens)
}

func (s *Service) findEncapsulation(ctx context.Context, c *api.Caller, operation string, id *string, dryRun *bool) (target, error) {
	t, err := s.find(ctx, c, operation, id, aliases|foreign)
	if err != nil {
		return t, err
	}
	if err := t.usableFor(operation, types.KeyUsageTypeEncapsulateDecapsulate); err != nil {
		return t, err
	}
	return t, checkDryRun(dryRun)
}

func (s *Service) encapsulationAccess(ctx context.Context, c *api.Caller, operation string, id *string, a types.EncapsulationAlgorithmSpec, tokens []string) ([]api.Access, error) {
	switch a {
	case "":
		return nil, errNull("encapsulationAlgorithm")
	case types.EncapsulationAlgorithmSpecMlKem:
	default:
		return nil, errConstraint("encapsulationAlgorithm", string(a), "Member must satisfy enum value set: [ML_KEM]")
	}
	if err := s.checkTokens(ctx, tokens); err != nil {
		return nil, err
	}
	return s.ask(ctx, c, id, aliases|foreign, question{operation: operation, granted: operation})
}
