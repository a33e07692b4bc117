package backupevent

import (
	"context"
	"strconv"

	"strongroom/internal/state"
)

// What happened to a vault or a plan.
const (
	Created  = "CREATED"
	Modified = "MODIFIED"
	Deleted  = "DELETED"
)

// Vault tells that a vault was created or deleted.
func (put Put) Vault(ctx context.Context, tx *state.Tx, v state.BackupVault, what string) error {
	return put.event(ctx, tx, v.AccountID, v.Region, "Backup Vault State Change", v.ARN, detail{"backupVaultName": v.Name, "state": what})
}

// VaultLock tells that a vault was locked, or its lock taken off.
func (put Put) VaultLock(ctx context.Context, tx *state.Tx, v state.BackupVault) error {
	return put.event(ctx, tx, v.AccountID, v.Region, "Backup Vault State Change", v.ARN, detail{
		"backupVaultName": v.Name, "state": Modified, "isLocked": strconv.FormatBool(v.Locked),
	})
}

// Plan tells that the version of a plan was created, or is the last of one that was deleted.
func (put Put) Plan(ctx context.Context, tx *state.Tx, p state.BackupPlan, what string) error {
	at := map[string]string{Created: "creationDate", Modified: "modifiedAt", Deleted: "deletionDate"}[what]
	return put.event(ctx, tx, p.AccountID, p.Region, "Backup Plan State Change", p.ARN, detail{
		"backupPlanId": p.ID, "versionId": p.VersionID, at: date(tx.Now), "state": what,
	})
}

// RegionSettings tells which preferences were set in a Region.
func (put Put) RegionSettings(ctx context.Context, tx *state.Tx, accountID, region string, optIn, management map[string]bool) error {
	d := detail{"modifiedAt": date(tx.Now), "state": Modified}
	if len(optIn) > 0 {
		d["ResourceTypeOptInPreference"] = optIn
	}
	if len(management) > 0 {
		d["ResourceTypeManagementPreference"] = management
	}
	return put.event(ctx, tx, accountID, region, "Region Setting State Change", "", d)
}
