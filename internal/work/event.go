package work

import (
	"context"
	"maps"

	"strongroom/internal/state"
)

// event keeps an event that CloudTrail shows in the account. What is not known, or not yet, is left out of its details, as in
// the example of https://docs.aws.amazon.com/aws-backup/latest/devguide/logging-using-cloudtrail.html.
func (r *Runner) event(ctx context.Context, accountID, region, name string, details map[string]any) {
	maps.DeleteFunc(details, func(_ string, value any) bool { return value == nil || value == "" })
	r.Trail.RecordServiceEvent(context.WithoutCancel(ctx), accountID, region, name, details)
}

// seconds is a time as serviceEventDetails shows it.
func seconds(m state.Micros) any {
	if m == 0 {
		return nil
	}
	return map[string]int64{"seconds": int64(m) / 1e6, "nanos": int64(m) % 1e6 * 1000}
}

func backupDetails(j state.BackupJob) map[string]any {
	return map[string]any{
		"backupJobId": j.ID, "backupVaultName": j.VaultName, "backupVaultArn": j.VaultARN, "recoveryPointArn": j.PointARN,
		"resourceArn": j.ResourceARN, "resourceType": j.ResourceType, "iamRoleArn": j.IAMRoleARN, "state": j.State, "statusMessage": j.StatusMessage,
		"percentDone": j.Percent, "backupSizeInBytes": j.SizeBytes, "creationDate": seconds(j.CreatedAt), "completionDate": seconds(j.CompletedAt),
	}
}

func copyDetails(j state.CopyJob) map[string]any {
	return map[string]any{
		"copyJobId": j.ID, "sourceBackupVaultArn": j.SourceVaultARN, "sourceRecoveryPointArn": j.SourcePointARN,
		"destinationBackupVaultArn": j.DestinationVaultARN, "destinationRecoveryPointArn": j.DestinationPointARN,
		"resourceArn": j.ResourceARN, "resourceType": j.ResourceType, "iamRoleArn": j.IAMRoleARN, "state": j.State, "statusMessage": j.StatusMessage,
		"backupSizeInBytes": j.SizeBytes, "creationDate": seconds(j.CreatedAt), "completionDate": seconds(j.CompletedAt),
	}
}

func restoreDetails(j state.RestoreJob) map[string]any {
	return map[string]any{
		"restoreJobId": j.ID, "recoveryPointArn": j.PointARN, "createdResourceArn": j.CreatedResourceARN, "resourceType": j.ResourceType,
		"iamRoleArn": j.IAMRoleARN, "state": j.State, "statusMessage": j.StatusMessage, "percentDone": j.Percent,
		"backupSizeInBytes": j.SizeBytes, "creationDate": seconds(j.CreatedAt), "completionDate": seconds(j.CompletedAt),
	}
}

func pointDetails(p state.RecoveryPoint) map[string]any {
	return map[string]any{
		"recoveryPointArn": p.ARN, "backupVaultName": p.VaultName, "backupVaultArn": p.VaultARN, "resourceArn": p.ResourceARN, "resourceType": p.ResourceType,
		"iamRoleArn": p.IAMRoleARN, "status": p.Status, "isEncrypted": p.IsEncrypted, "backupSizeInBytes": p.SizeBytes, "creationDate": seconds(p.CreatedAt),
	}
}
