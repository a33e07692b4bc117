package backup

import (
	"context"
	"fmt"

	"strongroom/internal/state"
)

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
