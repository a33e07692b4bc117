package backupevent

import (
	"context"
	"strconv"

	"strongroom/internal/state"
)

// RecoveryPoint tells that a recovery point has come into its status.
func (put Put) RecoveryPoint(ctx context.Context, tx *state.Tx, p state.RecoveryPoint) error {
	lifecycle, calculated := detail{}, detail{}
	if days := p.Lifecycle.DeleteAfterDays; days != nil {
		lifecycle["deleteAfterDays"] = *days
	}
	if days := p.Lifecycle.MoveToColdStorageAfterDays; days != nil {
		lifecycle["moveToColdStorageAfterDays"] = *days
	}
	if at := date(p.DeleteAt); at != nil {
		calculated["deleteAt"] = at
	}
	if at := date(p.MoveAt); at != nil {
		calculated["moveToColdStorageAt"] = at
	}
	d := detail{
		"backupVaultName": p.VaultName, "backupVaultArn": p.VaultARN, "creationDate": date(p.CreatedAt), "completionDate": date(p.CompletedAt),
		"iamRoleArn": p.IAMRoleARN, "resourceType": p.ResourceType, "resourceArn": p.ResourceARN, "status": p.Status, "statusMessage": known(p.StatusMessage),
		"isEncrypted": strconv.FormatBool(p.IsEncrypted), "storageClass": p.StorageClass, "createdBy": createdBy(p.CreatedBy),
	}
	if len(lifecycle) > 0 {
		d["lifecycle"] = lifecycle
	}
	if len(calculated) > 0 {
		d["calculatedLifeCycle"] = calculated
	}
	return put.event(ctx, tx, p.AccountID, p.Region, "Recovery Point State Change", p.ARN, d)
}
