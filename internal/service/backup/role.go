package backup

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// makeServiceRole makes AWSServiceRoleForBackup of the caller's account if it is not there, as the caller, who needs
// iam:CreateServiceLinkedRole for it. See docs/decisions/0010-when-roles-come-to-be.md for who calls it.
func (s *Service) makeServiceRole(ctx context.Context, c *api.Caller) error {
	there, err := s.HasServiceLinkedRole(ctx, c.AccountID, principal)
	if err != nil || there {
		return err
	}
	_, err = api.Call[awsiam.CreateServiceLinkedRoleOutput](ctx, s.Door, c.Through(principal, c.Region),
		&awsiam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String(principal)})
	if err != nil && api.Code(err) == "InvalidInput" { // somebody else was quicker, if it is there now
		if there, again := s.HasServiceLinkedRole(ctx, c.AccountID, principal); there || again != nil {
			return again
		}
	}
	return err
}

// offerServiceRole makes the role if the caller may; what the caller asked for does not depend on it.
func (s *Service) offerServiceRole(ctx context.Context, c *api.Caller) error {
	err := s.makeServiceRole(ctx, c)
	if api.Refused(err) != nil {
		s.Log.DebugContext(ctx, "the caller may not make the service-linked role", slog.String("account", c.AccountID), slog.Any("error", err))
		return nil
	}
	return err
}

// ServiceRoleInUse says why an account's AWSServiceRoleForBackup cannot be deleted: it has vaults or recovery points.
// The reason is "" if it can.
func (s *Service) ServiceRoleInUse(ctx context.Context, accountID, servicePrincipal string) (reason string, err error) {
	if servicePrincipal != principal {
		return "", nil
	}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		vaults, err := tx.CountBackupVaults(ctx, accountID, "")
		if err != nil {
			return err
		}
		points, err := tx.CountRecoveryPoints(ctx, state.PointFilter{AccountID: accountID})
		if vaults > 0 || points > 0 {
			reason = fmt.Sprintf("The account has %d backup vaults and %d recovery points.", vaults, points)
		}
		return err
	})
	return reason, err
}

// ServiceRoleGone deletes the selections of an account whose AWSServiceRoleForBackup is deleted, and leaves an event of
// each, as AWS does: without the role nothing finds resources any more. Those of plans that the organization's policies made
// are the organization's, and stay.
// https://docs.aws.amazon.com/aws-backup/latest/devguide/logging-using-cloudtrail.html
func (s *Service) ServiceRoleGone(ctx context.Context, tx *state.Tx, accountID, servicePrincipal string) error {
	if servicePrincipal != principal {
		return nil
	}
	selections, err := tx.SelectionsOfAccount(ctx, accountID)
	if err != nil {
		return err
	}
	for _, selection := range selections {
		plan, err := tx.BackupPlan(ctx, selection.PlanID)
		if err != nil {
			return err
		}
		if err := tx.DeleteBackupSelection(ctx, selection.PlanID, selection.ID); err != nil {
			return err
		}
		if s.Trail == nil {
			continue
		}
		err = s.Trail.PutServiceEvent(ctx, tx, accountID, plan.Region, "BackupSelectionDeletedDueToSLRDeletion", map[string]any{
			"backupPlanId": plan.ID, "backupPlanArn": plan.ARN, "selectionId": selection.ID, "selectionName": selection.Name, "iamRoleArn": selection.IAMRoleARN,
		}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}
