package backup

import (
	"context"

	"strongroom/internal/api"
	"strongroom/internal/state"
	"strongroom/rules"
)

// accounts says whose jobs a list shows: the caller's own, or of another account of its organization, or of all of them
// ("*"), which takes cross-account monitoring; see
// https://docs.aws.amazon.com/aws-backup/latest/devguide/manage-cross-account.html#enable-xcross-monitoring
func (s *Service) accounts(ctx context.Context, c *api.Caller, by *string, f *state.JobFilter) error {
	if by == nil || *by == c.AccountID {
		f.AccountID = c.AccountID
		return nil
	}
	organization, err := s.OrganizationOf(ctx, c.AccountID)
	if err != nil {
		return err
	}
	if !organization.monitoredFrom(c) {
		return denied()
	}
	f.MonitoredBy = organization.ID
	if *by == "*" {
		return nil
	}
	there, err := s.OrganizationOf(ctx, *by)
	if err == nil && there.ID != organization.ID {
		err = denied()
	}
	f.AccountID = *by
	return err
}

// monitoredFrom reports whether the caller may look at the jobs of the organization's accounts: as the management
// account, or as a delegated administrator in a Region that needs no opting in, while AWS Backup has trusted access. What
// it then sees was created in a time of trusted access.
func (o Organization) monitoredFrom(c *api.Caller) bool {
	if o.ID == "" || !o.TrustedAccess {
		return false
	}
	return o.ManagementAccountID == c.AccountID || o.Delegated && !rules.NeedsOptIn(c.Region)
}
