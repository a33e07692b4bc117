package backup

import (
	"context"
	"errors"
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
	if refused, ok := errors.AsType[*api.Error](err); ok && refused.HTTPStatus() < 500 {
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
