package organizations

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/state"
)

// policiesChanged notes that the tree or who is in it has changed, and with it what the enabled types of management
// policy may amount to.
func (s *Service) policiesChanged(ctx context.Context, tx *state.Tx, o state.Organization) error {
	enabled, err := tx.PolicyTypes(ctx, o.ID)
	if err != nil {
		return err
	}
	for _, t := range policyTypes {
		if t.management == nil || !slices.Contains(enabled, string(t.name)) {
			continue
		}
		if err := s.policiesOfTypeChanged(ctx, tx, o, t.name); err != nil {
			return err
		}
	}
	return nil
}

// policiesOfTypeChanged notes that effective policies of one type may have changed.
func (s *Service) policiesOfTypeChanged(ctx context.Context, tx *state.Tx, o state.Organization, name types.PolicyType) error {
	if err := tx.CountPolicyChange(ctx, o.ID, string(name)); err != nil {
		return err
	}
	if s.PoliciesChanged == nil {
		return nil
	}
	return s.PoliciesChanged(ctx, tx, o.ID, name)
}
