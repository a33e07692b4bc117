package organizations

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

const (
	suspended = string(types.AccountStatusSuspended)
	// A closed account stays in its organization for the post-closure period, and then leaves it for ever:
	// https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-closing.html#post-closure-period
	postClosure = 90 * 24 * time.Hour
	// Within closureWindow only so many accounts can be closed; see closures.
	closureWindow = 30 * 24 * time.Hour
)

// closures is how many accounts of so many members can be closed within thirty days:
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
func closures(members int) int { return min(max(250, members/5), 1000) }

// CloseAccount closes a member for good: none of its principals can call any more, and nobody else reaches what it has.
// It is done when the call returns, which at AWS takes a while.
func (s *Service) CloseAccount(ctx context.Context, c *api.Caller, in *organizations.CloseAccountInput) (*organizations.CloseAccountOutput, error) {
	if err := want("AccountId", in.AccountId, accountPattern); err != nil {
		return nil, err
	}
	err := s.change(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		a, err := memberAccount(ctx, tx, o, *in.AccountId)
		switch {
		case err != nil:
			return err
		case o.FeatureSet != string(types.OrganizationFeatureSetAll):
			return constraintViolation("ORGANIZATION_NOT_IN_ALL_FEATURES_MODE", "Your organization must have all features enabled.")
		case a.ID == o.ManagementAccountID:
			return constraintViolation("CANNOT_CLOSE_MANAGEMENT_ACCOUNT", "You attempted to close the management account. To close the management account for the organization, you must first either remove or close all member accounts in the organization.")
		case a.Status != active:
			return api.Errorf("AccountAlreadyClosedException", "You attempted to close an account that is already closed.")
		}
		services, err := tx.DelegatedServices(ctx, o.ID, a.ID)
		if err != nil {
			return err
		}
		if len(services) > 0 {
			return delegatedStays()
		}
		if err := mayClose(ctx, tx, o); err != nil {
			return err
		}
		a.Status, a.ClosedAt = suspended, tx.Now
		if err := tx.UpdateAccount(ctx, a); err != nil {
			return err
		}
		return s.policiesChanged(ctx, tx, o, a.ID)
	})
	if err != nil {
		return nil, err
	}
	return &organizations.CloseAccountOutput{}, nil
}

// mayClose refuses one more account within thirty days than may be closed.
func mayClose(ctx context.Context, tx *state.Tx, o state.Organization) error {
	accounts, err := tx.AccountsOfOrganization(ctx, o.ID)
	if err != nil {
		return err
	}
	since, closed := state.MicrosOf(tx.Now.Time().Add(-closureWindow)), 0
	for _, a := range accounts {
		if a.ClosedAt > since {
			closed++
		}
	}
	if closed >= closures(len(accounts)-1) {
		return constraintViolation("CLOSE_ACCOUNT_QUOTA_EXCEEDED", "You have exceeded close account quota for the past 30 days.")
	}
	return nil
}

// delegatedStays refuses to let a delegated administrator go.
func delegatedStays() error {
	return constraintViolation("CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG",
		"You attempted to remove an account that is registered as a delegated administrator for a service integrated with your organization. To complete this operation, you must first deregister this account as a delegated administrator.")
}

// accountState is the newer of the two words that AWS has for it: https://docs.aws.amazon.com/organizations/latest/APIReference/API_Account.html
func accountState(a state.Account) types.AccountState {
	if a.ClosedAt != 0 {
		return types.AccountStateClosed
	}
	return types.AccountState(a.Status)
}

// RunDue takes accounts whose post-closure period is over out of their organizations.
func (s *Service) RunDue(ctx context.Context) error {
	var due []state.Account
	find := func(ctx context.Context, tx *state.Tx) (err error) {
		due, err = tx.ClosedAccounts(ctx, state.MicrosOf(tx.Now.Time().Add(-postClosure)))
		return err
	}
	if err := s.DB.View(ctx, find); err != nil || len(due) == 0 {
		return err
	}
	for accounts := range slices.Chunk(due, batch) {
		err := s.update(ctx, func(ctx context.Context, tx *state.Tx) error {
			for _, a := range accounts {
				a, err := tx.Account(ctx, a.ID)
				if err != nil {
					return err
				}
				if a.OrganizationID == "" {
					continue // another process has been here
				}
				o, err := tx.Organization(ctx, a.OrganizationID)
				if err != nil {
					return err
				}
				if err := s.leave(ctx, tx, o, a, cleaned); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
