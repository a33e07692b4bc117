package organizations

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/state"
)

// Limits that hold for every organization, and those that [Config] changes:
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
const (
	defaultAccounts = 10
	maxUnits        = 2000
	maxInvitations  = 20 // attempts in a day, or the number of accounts if that is greater
	// minimumAge is how old an account that was made in an organization must be before it can leave.
	minimumAge = 4 * 24 * time.Hour
)

// full reports whether the organization has no room for one more account. Closed accounts count until they leave, and
// so do open invitations.
func (s *Service) full(ctx context.Context, tx *state.Tx, o state.Organization) (bool, error) {
	accounts, err := tx.AccountsOfOrganization(ctx, o.ID)
	if err != nil {
		return false, err
	}
	sent, err := tx.HandshakesOfOrganization(ctx, o.ID)
	taken := len(accounts)
	for _, h := range sent {
		if h.Action == invite && handshakeState(h, tx.Now) == types.HandshakeStateOpen {
			taken++
		}
	}
	return taken >= s.MaxAccounts, err
}

// tiresome reports whether the organization has invited too often within a day. What was accepted does not count.
func (s *Service) tiresome(ctx context.Context, tx *state.Tx, o state.Organization) (bool, error) {
	sent, err := tx.HandshakesOfOrganization(ctx, o.ID)
	since, attempts := state.MicrosOf(tx.Now.Time().Add(-24*time.Hour)), 0
	for _, h := range sent {
		if h.Action == invite && h.RequestedAt > since && h.State != string(types.HandshakeStateAccepted) {
			attempts++
		}
	}
	return attempts >= max(maxInvitations, s.MaxAccounts), err
}

// mayLeave refuses to let accounts go that are needed where they are, or were made only just now.
func mayLeave(ctx context.Context, tx *state.Tx, o state.Organization, a state.Account) error {
	if a.ID == o.ManagementAccountID {
		return masterCannotLeave()
	}
	services, err := tx.DelegatedServices(ctx, o.ID, a.ID)
	if err != nil {
		return err
	}
	if len(services) > 0 {
		return delegatedStays()
	}
	made, err := tx.MadeInOrganization(ctx, o.ID, a.ID)
	if err != nil {
		return err
	}
	if made && tx.Now.Time().Before(a.CreatedAt.Time().Add(minimumAge)) {
		return constraintViolation("WAIT_PERIOD_ACTIVE", "After you create an Amazon Web Services account, you must wait until at least four days after the account was created.")
	}
	return nil
}
