package backup_test

import (
	"context"
	"testing"
	"time"

	awsbackup "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/internal/state"
)

// TestLocksByTheClock holds the rules of governance and compliance locks, before and after the lock date, as the page on Vault
// Lock of the AWS Backup developer guide has them
// (https://docs.aws.amazon.com/aws-backup/latest/devguide/vault-lock.html). "" is what succeeds.
func TestLocksByTheClock(t *testing.T) {
	t.Parallel()
	const (
		locked    = "is locked"
		immutable = "its lock date has passed"
		notEmpty  = "contains recovery points"
	)
	type call func(ctx context.Context, w *world, c *awsbackup.Client, vault *string, point *string) error
	keepFor := func(n int64) call {
		return func(ctx context.Context, _ *world, c *awsbackup.Client, vault, point *string) error {
			_, err := c.UpdateRecoveryPointLifecycle(ctx, &awsbackup.UpdateRecoveryPointLifecycleInput{BackupVaultName: vault, RecoveryPointArn: point, Lifecycle: &types.Lifecycle{DeleteAfterDays: &n}})
			return err
		}
	}
	relock := func(changeable *int64) call {
		return func(ctx context.Context, _ *world, c *awsbackup.Client, vault, _ *string) error {
			_, err := c.PutBackupVaultLockConfiguration(ctx, &awsbackup.PutBackupVaultLockConfigurationInput{BackupVaultName: vault, MinRetentionDays: new(int64(1)), MaxRetentionDays: new(int64(100)), ChangeableForDays: changeable})
			return err
		}
	}
	deleteVault := func(ctx context.Context, _ *world, c *awsbackup.Client, vault, _ *string) error {
		_, err := c.DeleteBackupVault(ctx, &awsbackup.DeleteBackupVaultInput{BackupVaultName: vault})
		return err
	}
	rows := []struct {
		what                          string
		call                          call
		unlocked                      string
		governance, grace, afterwards string
	}{
		{"delete a recovery point", func(ctx context.Context, _ *world, c *awsbackup.Client, vault, point *string) error {
			_, err := c.DeleteRecoveryPoint(ctx, &awsbackup.DeleteRecoveryPointInput{BackupVaultName: vault, RecoveryPointArn: point})
			return err
		}, "", locked, locked, locked},
		{"shorten its lifecycle", keepFor(8), "", locked, locked, locked},
		{"lengthen its lifecycle", keepFor(90), "", locked, locked, locked},
		{"change the lock", relock(nil), "", "", "", immutable},
		{"make it a compliance lock", relock(new(int64(3))), "", "", "", immutable},
		{"take the lock off", func(ctx context.Context, _ *world, c *awsbackup.Client, vault, _ *string) error {
			_, err := c.DeleteBackupVaultLockConfiguration(ctx, &awsbackup.DeleteBackupVaultLockConfigurationInput{BackupVaultName: vault})
			return err
		}, "", "", "", immutable},
		{"delete the vault", deleteVault, notEmpty, notEmpty, notEmpty, notEmpty},
		{"delete the vault when its lifecycles have emptied it", func(ctx context.Context, w *world, c *awsbackup.Client, vault, point *string) error {
			w.update(func(ctx context.Context, tx *state.Tx) error { return tx.DeleteRecoveryPoint(ctx, *point) })
			return deleteVault(ctx, w, c, vault, point)
		}, "", "", "", ""},
		{"disassociate a recovery point", func(ctx context.Context, _ *world, c *awsbackup.Client, vault, point *string) error {
			_, err := c.DisassociateRecoveryPoint(ctx, &awsbackup.DisassociateRecoveryPointInput{BackupVaultName: vault, RecoveryPointArn: point})
			return err
		}, "not a continuous recovery point", locked, locked, locked},
	}
	for name, mode := range map[string]struct {
		locked     bool
		changeable *int64
		later      time.Duration
		want       func(i int) string
	}{
		"no lock":                             {false, nil, 0, func(i int) string { return rows[i].unlocked }},
		"governance":                          {true, nil, 0, func(i int) string { return rows[i].governance }},
		"governance, years later":             {true, nil, 3 * 365 * 24 * time.Hour, func(i int) string { return rows[i].governance }},
		"compliance, at once":                 {true, new(int64(3)), 0, func(i int) string { return rows[i].grace }},
		"compliance, a moment before the end": {true, new(int64(3)), 72*time.Hour - time.Second, func(i int) string { return rows[i].grace }},
		"compliance, at the lock date":        {true, new(int64(3)), 72 * time.Hour, func(i int) string { return rows[i].afterwards }},
		"compliance, years later":             {true, new(int64(3)), 3 * 365 * 24 * time.Hour, func(i int) string { return rows[i].afterwards }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			ctx, c := t.Context(), w.backup(member)
			vaults, points := make([]string, len(rows)), make([]*string, len(rows))
			for i := range rows {
				vaults[i] = "vault-" + string(rune('a'+i))
				w.vault(member, vaults[i])
				points[i] = w.point(member, vaults[i], vaults[i], start, func(p *state.RecoveryPoint) { p.Lifecycle.DeleteAfterDays = new(int64(30)) })
				if !mode.locked {
					continue
				}
				_, err := c.PutBackupVaultLockConfiguration(ctx, &awsbackup.PutBackupVaultLockConfigurationInput{
					BackupVaultName: &vaults[i], MinRetentionDays: new(int64(7)), MaxRetentionDays: new(int64(100)), ChangeableForDays: mode.changeable,
				})
				must(t, err)
				v, err := c.DescribeBackupVault(ctx, &awsbackup.DescribeBackupVaultInput{BackupVaultName: &vaults[i]})
				must(t, err)
				if !*v.Locked || *v.MinRetentionDays != 7 || *v.MaxRetentionDays != 100 || (v.LockDate != nil) != (mode.changeable != nil) || v.LockDate != nil && !v.LockDate.Equal(start.AddDate(0, 0, 3)) {
					t.Errorf("the locked vault is %+v", v)
				}
			}
			w.clock.Advance(mode.later)
			for i, row := range rows {
				err := row.call(ctx, w, c, &vaults[i], points[i])
				if text := mode.want(i); text != "" {
					refused(t, err, "InvalidRequestException", text)
				} else if err != nil {
					t.Errorf("%s: %v", row.what, err)
				}
				if t.Failed() {
					t.Fatalf("that was: %s", row.what)
				}
			}
		})
	}
}

// TestLockParameters holds the bounds of a lock's parameters.
func TestLockParameters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, c := t.Context(), w.backup(member)
	w.vault(member, "local")
	for _, row := range []struct {
		least, most, changeable *int64
		text                    string
	}{
		{nil, nil, nil, ""},
		{new(int64(1)), nil, nil, ""},
		{nil, new(int64(36500)), nil, ""},
		{new(int64(7)), new(int64(7)), new(int64(36500)), ""},
		{new(int64(0)), nil, nil, "MinRetentionDays"},
		{new(int64(-1)), nil, nil, "MinRetentionDays"},
		{nil, new(int64(36501)), nil, "MaxRetentionDays"},
		{new(int64(8)), new(int64(7)), nil, "MaxRetentionDays"},
		{nil, nil, new(int64(2)), "ChangeableForDays"},
		{nil, nil, new(int64(36501)), "ChangeableForDays"},
	} {
		_, err := c.PutBackupVaultLockConfiguration(ctx, &awsbackup.PutBackupVaultLockConfigurationInput{
			BackupVaultName: new("local"), MinRetentionDays: row.least, MaxRetentionDays: row.most, ChangeableForDays: row.changeable,
		})
		if row.text == "" {
			must(t, err)
			continue
		}
		refused(t, err, "InvalidParameterValueException", row.text)
	}
	_, err := c.PutBackupVaultLockConfiguration(ctx, &awsbackup.PutBackupVaultLockConfigurationInput{BackupVaultName: new("nowhere")})
	refused(t, err, "ResourceNotFoundException", "nowhere")
	_, err = c.DeleteBackupVaultLockConfiguration(ctx, &awsbackup.DeleteBackupVaultLockConfigurationInput{BackupVaultName: new("nowhere")})
	refused(t, err, "ResourceNotFoundException", "nowhere")
}
