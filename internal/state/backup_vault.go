package state

import (
	"context"
	"fmt"
)

// Key types, as the API's EncryptionKeyType spells them.
const (
	KeyAWSOwned        = "AWS_OWNED_KMS_KEY"
	KeyCustomerManaged = "CUSTOMER_MANAGED_KMS_KEY"
)

// BackupVault is a backup vault of one account in one Region.
type BackupVault struct {
	AccountID        string            `db:"account_id"`
	Region           string            `db:"region"`
	Name             string            `db:"name"`
	ARN              string            `db:"arn"`
	KeyARN           string            `db:"key_arn"`
	KeyType          string            `db:"key_type"` // KeyCustomerManaged, or "" under the account's aws/backup key
	GrantID          string            `db:"grant_id"` // of the grant that lets the service use the key; "" under aws/backup
	CreatorRequestID string            `db:"creator_request_id"`
	CreatedAt        Micros            `db:"created_at"`
	Policy           string            `db:"policy"` // JSON, "" for none
	Tags             map[string]string `db:"tags,json"`
	Locked           bool              `db:"locked"`
	MinRetentionDays int64             `db:"min_retention_days"` // 0 for none
	MaxRetentionDays int64             `db:"max_retention_days"` // 0 for none
	LockDate         Micros            `db:"lock_date"`          // from then on the lock cannot be changed; 0 for never
	TopicARN         string            `db:"topic_arn"`          // where notifications go; "" for none
	Events           []string          `db:"events,json"`        // that are notified of
}

// IsServiceKey reports whether the vault is under its account's aws/backup managed key.
func (v BackupVault) IsServiceKey() bool { return v.KeyType != KeyCustomerManaged }

// InsertBackupVault adds a vault; [ErrExists] if the name is taken.
func (tx *Tx) InsertBackupVault(ctx context.Context, v BackupVault) error {
	if err := insertRow(ctx, tx, "backup_vaults", v); err != nil {
		return err
	}
	_, err := tx.exec(ctx, `INSERT INTO backup_vault_counts (account_id, region, vaults) VALUES ($1, $2, 1)
		ON CONFLICT (account_id, region) DO UPDATE SET vaults = backup_vault_counts.vaults + 1`, v.AccountID, v.Region)
	return err
}

// UpdateBackupVault writes the vault's row; [ErrNotFound] if it is gone.
func (tx *Tx) UpdateBackupVault(ctx context.Context, v BackupVault) error {
	n, err := updateRow(ctx, tx, "backup_vaults", v, new(filter).add("arn = ?", v.ARN))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// BackupVault reads a vault by name.
func (tx *Tx) BackupVault(ctx context.Context, accountID, region, name string) (BackupVault, error) {
	return queryOne(ctx, tx, scanRow[BackupVault], selectRow[BackupVault]("backup_vaults")+
		"WHERE account_id = $1 AND region = $2 AND name = $3", accountID, region, name)
}

// BackupVaultByARN reads a vault of any account.
func (tx *Tx) BackupVaultByARN(ctx context.Context, arn string) (BackupVault, error) {
	return queryOne(ctx, tx, scanRow[BackupVault], selectRow[BackupVault]("backup_vaults")+"WHERE arn = $1", arn)
}

// BackupVaults lists an account's vaults in a Region by name. An empty account or Region means all.
func (tx *Tx) BackupVaults(ctx context.Context, accountID, region string) ([]BackupVault, error) {
	return selectWhere[BackupVault](ctx, tx, "backup_vaults",
		new(filter).eq("account_id", accountID).eq("region", region), "ORDER BY account_id, region, name")
}

// BackupVaultsPage lists at most limit of them whose names come after a name.
func (tx *Tx) BackupVaultsPage(ctx context.Context, accountID, region, after string, limit int) ([]BackupVault, error) {
	return selectWhere[BackupVault](ctx, tx, "backup_vaults",
		new(filter).add("account_id = ?", accountID).add("region = ?", region).add("name > ?", after), fmt.Sprintf("ORDER BY name LIMIT %d", limit))
}

// CountBackupVaults tells how many vaults an account has in a Region. An empty Region means all.
func (tx *Tx) CountBackupVaults(ctx context.Context, accountID, region string) (int64, error) {
	where, args := new(filter).add("account_id = ?", accountID).eq("region", region).sql(0)
	return queryOne(ctx, tx, func(s scanner) (n int64, err error) {
		err = s.Scan(&n)
		return n, err
	}, "SELECT COALESCE(SUM(vaults), 0) FROM backup_vault_counts"+where, args...)
}

// DeleteBackupVault removes a vault.
func (tx *Tx) DeleteBackupVault(ctx context.Context, arn string) error {
	if _, err := tx.exec(ctx, `UPDATE backup_vault_counts SET vaults = vaults - 1 WHERE EXISTS (SELECT 1 FROM backup_vaults v
		WHERE v.arn = $1 AND v.account_id = backup_vault_counts.account_id AND v.region = backup_vault_counts.region)`, arn); err != nil {
		return err
	}
	return tx.execOne(ctx, `DELETE FROM backup_vaults WHERE arn = $1`, arn)
}
