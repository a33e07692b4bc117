package server

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/service/backup"
	"strongroom/internal/service/organizations"
	"strongroom/internal/state"
	"strongroom/internal/work"
)

// What jobs and AWS Backup need of Organizations.

// membership is an account's place in its organization, as jobs see it.
func membership(of func(context.Context, string) (backup.Organization, error)) func(context.Context, string) (work.Membership, error) {
	return func(ctx context.Context, accountID string) (work.Membership, error) {
		found, err := of(ctx, accountID)
		return work.Membership{OrganizationID: found.ID, ManagementAccountID: found.ManagementAccountID, TrustedAccess: found.TrustedAccess}, err
	}
}

// organizationOf is the organization of an account, as AWS Backup sees it.
func organizationOf(db *state.DB) func(context.Context, string) (backup.Organization, error) {
	const service = "backup.amazonaws.com"
	return func(ctx context.Context, accountID string) (found backup.Organization, err error) {
		err = db.View(ctx, func(ctx context.Context, tx *state.Tx) error {
			o, err := tx.OrganizationOfAccount(ctx, accountID)
			if errors.Is(err, state.ErrNotFound) {
				return nil
			} else if err != nil {
				return err
			}
			found.ID, found.ManagementAccountID = o.ID, o.ManagementAccountID
			if found.TrustedAccess, err = tx.HasServiceAccess(ctx, o.ID, service); err != nil {
				return err
			}
			administered, err := tx.DelegatedServices(ctx, o.ID, accountID)
			for _, d := range administered {
				found.Delegated = found.Delegated || d.Principal == service
			}
			return err
		})
		return found, err
	}
}

// policiesChanged has the plans of an organization's accounts made anew after a change of its backup policies. Nothing is
// made of tag policies: they are evaluated when they are asked for.
func policiesChanged(queue *work.Queue) func(context.Context, *state.Tx, string, types.PolicyType) error {
	return func(ctx context.Context, tx *state.Tx, organizationID string, policyType types.PolicyType) error {
		if policyType != types.PolicyTypeBackupPolicy {
			return nil
		}
		return queue.EnqueuePolicies(ctx, tx, organizationID)
	}
}

// followPolicies brings the effective backup policies of an organization up to date, and then the plans of its accounts.
func followPolicies(o *organizations.Service, plans *backup.Service) func(context.Context, string) error {
	return func(ctx context.Context, organizationID string) error {
		if err := o.ReconcileEffectivePolicies(ctx, organizationID, types.PolicyTypeBackupPolicy); err != nil {
			return err
		}
		return plans.ApplyBackupPolicies(ctx, organizationID)
	}
}
