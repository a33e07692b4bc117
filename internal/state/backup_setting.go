package state

import "context"

// Kinds of backup settings.
const (
	SettingGlobal     = "GlobalSettings"
	SettingOptIn      = "ResourceTypeOptInPreference"
	SettingManagement = "ResourceTypeManagementPreference"
)

// BackupSetting is one map of settings of an account; Region is empty for the global ones.
type BackupSetting struct {
	AccountID string            `db:"account_id"`
	Region    string            `db:"region"`
	Kind      string            `db:"kind"`
	Value     map[string]string `db:"value,json"`
	UpdatedAt Micros            `db:"updated_at"`
}

// BackupSetting reads one map; [ErrNotFound] if it was never set.
func (tx *Tx) BackupSetting(ctx context.Context, accountID, region, kind string) (BackupSetting, error) {
	return queryOne(ctx, tx, scanRow[BackupSetting], selectRow[BackupSetting]("backup_settings")+
		"WHERE account_id = $1 AND region = $2 AND kind = $3", accountID, region, kind)
}

// PutBackupSetting sets one map.
func (tx *Tx) PutBackupSetting(ctx context.Context, s BackupSetting) error {
	if _, err := tx.exec(ctx, `DELETE FROM backup_settings WHERE account_id = $1 AND region = $2 AND kind = $3`,
		s.AccountID, s.Region, s.Kind); err != nil {
		return err
	}
	return insertRow(ctx, tx, "backup_settings", s)
}
