package cloudtrail

import (
	"context"
	"errors"
	"slices"

	"strongroom/internal/state"
)

// principal is CloudTrail as it calls other services.
const principal = "cloudtrail.amazonaws.com"

// An organization as an account of it sees it; its ID is empty for an account of its own.
type organization struct {
	id         string
	trusted    bool // CloudTrail has trusted access
	management bool // the account is the management account
}

// organizationOf is the organization of an account.
func (s *Service) organizationOf(ctx context.Context, accountID string) (o organization, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		found, err := tx.OrganizationOfAccount(ctx, accountID)
		if errors.Is(err, state.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		trusted, err := tx.ServiceAccesses(ctx, found.ID)
		o = organization{
			id: found.ID, management: found.ManagementAccountID == accountID,
			trusted: slices.ContainsFunc(trusted, func(a state.ServiceAccess) bool { return a.Principal == principal }),
		}
		return err
	})
	return o, err
}

// accountsOf are those whose events a trail has.
func accountsOf(ctx context.Context, tx *state.Tx, t state.Trail) ([]string, error) {
	if t.OrganizationID == "" {
		return []string{t.AccountID}, nil
	}
	members, err := tx.AccountsOfOrganization(ctx, t.OrganizationID)
	var ids []string
	for _, m := range members {
		ids = append(ids, m.ID)
	}
	return ids, err
}
