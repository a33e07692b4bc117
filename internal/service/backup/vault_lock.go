package backup

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"

	"strongroom/internal/api"
	"strongroom/internal/state"
	"strongroom/rules"
)

func (s *Service) putVaultLockAccess(ctx context.Context, c *api.Caller, in *backup.PutBackupVaultLockConfigurationInput) ([]api.Access, error) {
	a, err := s.onVault(ctx, c, "PutBackupVaultLockConfiguration", in.BackupVaultName)
	for key, days := range map[string]*int64{
		"backup:ChangeableForDays": in.ChangeableForDays, "backup:MinRetentionDays": in.MinRetentionDays, "backup:MaxRetentionDays": in.MaxRetentionDays,
	} {
		if days != nil {
			a = with(a, map[string][]string{key: {strconv.FormatInt(*days, 10)}})
		}
	}
	return one(a, err)
}

// PutBackupVaultLockConfiguration locks a vault: as a governance lock, which whoever has the permission can take off
// again, or, with ChangeableForDays, as a compliance lock, which after that time nobody can.
func (s *Service) PutBackupVaultLockConfiguration(ctx context.Context, c *api.Caller, in *backup.PutBackupVaultLockConfigurationInput) (*backup.PutBackupVaultLockConfigurationOutput, error) {
	if err := rules.ValidateLock(in.MinRetentionDays, in.MaxRetentionDays, in.ChangeableForDays); err != nil {
		return nil, invalid("%s", err)
	}
	return &backup.PutBackupVaultLockConfigurationOutput{}, s.changeVault(ctx, c, *in.BackupVaultName, func(ctx context.Context, tx *state.Tx, v *state.BackupVault) error {
		if lockOf(*v).Immutable(tx.Now.Time()) {
			return immutableLock(*v)
		}
		v.Locked, v.LockDate = true, 0
		v.MinRetentionDays, v.MaxRetentionDays = aws.ToInt64(in.MinRetentionDays), aws.ToInt64(in.MaxRetentionDays)
		if in.ChangeableForDays != nil {
			v.LockDate = state.MicrosOf(tx.Now.Time().AddDate(0, 0, int(*in.ChangeableForDays)))
		}
		return s.PutEvent.VaultLock(ctx, tx, *v)
	})
}

func (s *Service) deleteVaultLockAccess(ctx context.Context, c *api.Caller, in *backup.DeleteBackupVaultLockConfigurationInput) ([]api.Access, error) {
	return one(s.onVault(ctx, c, "DeleteBackupVaultLockConfiguration", in.BackupVaultName))
}

// DeleteBackupVaultLockConfiguration takes the lock off, unless it is immutable.
func (s *Service) DeleteBackupVaultLockConfiguration(ctx context.Context, c *api.Caller, in *backup.DeleteBackupVaultLockConfigurationInput) (*backup.DeleteBackupVaultLockConfigurationOutput, error) {
	return &backup.DeleteBackupVaultLockConfigurationOutput{}, s.changeVault(ctx, c, *in.BackupVaultName, func(ctx context.Context, tx *state.Tx, v *state.BackupVault) error {
		if lockOf(*v).Immutable(tx.Now.Time()) {
			return immutableLock(*v)
		}
		v.Locked, v.LockDate, v.MinRetentionDays, v.MaxRetentionDays = false, 0, 0, 0
		return s.PutEvent.VaultLock(ctx, tx, *v)
	})
}

func lockOf(v state.BackupVault) rules.Lock {
	return rules.Lock{Locked: v.Locked, Date: v.LockDate.Time()}
}

func immutableLock(v state.BackupVault) *api.Error {
	return invalidRequest("Backup vault lock configuration of %s cannot be changed: its lock date has passed.", v.Name)
}
