package backupevent

import (
	"context"
	"strconv"

	"strongroom/internal/state"
)

// BackupJob tells that a backup job has come into its state. Of one that was created little is told, and messages stand in
// quotation marks of their own.
func (put Put) BackupJob(ctx context.Context, tx *state.Tx, j state.BackupJob) error {
	d := detail{"backupJobId": j.ID, "state": j.State, "creationDate": date(j.CreatedAt)}
	resource := ""
	if j.State != state.JobCreated {
		for name, value := range (detail{
			"backupVaultArn": j.VaultARN, "backupVaultName": j.VaultName, "bytesTransferred": strconv.FormatInt(j.TransferredBytes, 10),
			"iamRoleArn": j.IAMRoleARN, "resourceArn": j.ResourceARN, "resourceType": j.ResourceType, "percentDone": j.Percent,
			"startBy": date(j.StartBy), "completionDate": date(j.CompletedAt), "createdBy": createdBy(j.CreatedBy),
		}) {
			d[name] = value
		}
	}
	if j.StatusMessage != "" && j.State != state.JobCreated {
		d["statusMessage"] = `"` + j.StatusMessage + `"`
	}
	switch j.State {
	case state.JobPending:
		if j.StatusMessage == "" {
			d["statusMessage"] = ""
		}
	case state.JobRunning:
		if j.ExpectedAt != 0 {
			d["expectedCompletionDate"] = j.ExpectedAt.Time().UTC().Format("Jan 2, 2006 3:04:05 PM")
		}
	case state.JobCompleted, state.JobPartial:
		resource = j.PointARN
		fallthrough
	case state.JobFailed:
		d["retryCount"] = max(0, j.Attempts-1)
	}
	if j.SizeBytes > 0 || resource != "" {
		d["backupSizeInBytes"] = strconv.FormatInt(j.SizeBytes, 10)
	}
	return put.event(ctx, tx, j.AccountID, j.Region, "Backup Job State Change", resource, d)
}

// CopyJob tells, in the account and Region of the source vault, that a copy job has come into its state. The copy is an
// empty object until it is there.
func (put Put) CopyJob(ctx context.Context, tx *state.Tx, j state.CopyJob) error {
	d := detail{
		"state": j.State, "creationDate": date(j.CreatedAt), "sourceBackupVaultArn": j.SourceVaultARN, "destinationBackupVaultArn": j.DestinationVaultARN,
	}
	if j.State != state.JobCreated {
		for name, value := range (detail{
			"copyJobId": j.ID, "backupSizeInBytes": j.SizeBytes, "iamRoleArn": j.IAMRoleARN, "resourceArn": j.ResourceARN, "resourceType": j.ResourceType,
			"statusMessage": known(j.StatusMessage), "completionDate": date(j.CompletedAt), "destinationRecoveryPointArn": detail{}, "createdBy": createdBy(j.CreatedBy),
		}) {
			d[name] = value
		}
	}
	if (j.State == state.JobCompleted || j.State == state.JobPartial) && j.DestinationPointARN != "" {
		d["destinationRecoveryPointArn"] = j.DestinationPointARN
	}
	return put.event(ctx, tx, j.AccountID, j.Region, "Copy Job State Change", j.SourcePointARN, d)
}

// RestoreJobCreated tells that a restore job was created.
func (put Put) RestoreJobCreated(ctx context.Context, tx *state.Tx, j state.RestoreJob) error {
	return put.event(ctx, tx, j.AccountID, j.Region, "Restore Job State Change", j.PointARN, detail{
		"restoreJobId": j.ID, "creationDate": date(j.CreatedAt), "state": state.JobCreated, // the later ones have a status
	})
}

// RestoreJob tells that a restore job has come into its state.
func (put Put) RestoreJob(ctx context.Context, tx *state.Tx, j state.RestoreJob) error {
	return put.event(ctx, tx, j.AccountID, j.Region, "Restore Job State Change", j.PointARN, detail{
		"restoreJobId": j.ID, "backupVaultArn": j.VaultARN, "recoveryPointArn": j.PointARN, "sourceResourceArn": known(j.SourceResourceARN),
		"backupSizeInBytes": strconv.FormatInt(j.SizeBytes, 10), "creationDate": date(j.CreatedAt), "iamRoleArn": j.IAMRoleARN, "percentDone": j.Percent,
		"resourceType": j.ResourceType, "status": j.State, "statusMessage": known(j.StatusMessage),
		"createdResourceArn": known(j.CreatedResourceARN), "completionDate": date(j.CompletedAt),
	})
}
