package organizations

import (
	"context"
	"time"

	"strongroom/internal/state"
)

// departure is how an account leaves its organization.
type departure string

const (
	left    departure = "LEFT"    // by itself
	removed departure = "REMOVED" // by the management account
	cleaned departure = "CLEANED" // its post-closure period is over
)

// tellJoined lets the management account's CloudTrail show that an account has come:
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_security_incident-response.html#orgs_cloudtrail-integration
func (s *Service) tellJoined(ctx context.Context, tx *state.Tx, o state.Organization, a state.Account) error {
	return s.tell(ctx, tx, o, "AccountJoinedOrganization", map[string]any{
		"organizationId": o.ID, "accountId": a.ID, "joinedMethod": a.JoinedMethod, "joinedTime": tx.Now.Time().UTC().Format(time.RFC3339),
	})
}

// tellDeparted lets it show that one has gone.
func (s *Service) tellDeparted(ctx context.Context, tx *state.Tx, o state.Organization, a state.Account, how departure) error {
	return s.tell(ctx, tx, o, "AccountDepartedOrganization", map[string]any{
		"organizationId": o.ID, "accountId": a.ID, "departureMethod": string(how), "departureTime": tx.Now.Time().UTC().Format(time.RFC3339),
	})
}

func (s *Service) tell(ctx context.Context, tx *state.Tx, o state.Organization, name string, details map[string]any) error {
	if s.PutTrailEvent == nil {
		return nil
	}
	return s.PutTrailEvent(ctx, tx, o.ManagementAccountID, name, details)
}
