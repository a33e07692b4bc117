package backup

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
	"strongroom/rules"
)

// restoreRole is the role of a restore: the one named, or the console's AWSBackupDefaultServiceRole.
func restoreRole(c *api.Caller, in *backup.StartRestoreJobInput) *string {
	if in.IamRoleArn != nil {
		return in.IamRoleArn
	}
	return aws.String(rules.DefaultRole(c.AccountID))
}

// startRestoreJobAccess asks for the recovery point, for its vault, and for passing the role: always, since the point may
// come into being between this and the operation.
func (s *Service) startRestoreJobAccess(ctx context.Context, c *api.Caller, in *backup.StartRestoreJobInput) ([]api.Access, error) {
	if aws.ToString(in.RecoveryPointArn) == "" {
		return nil, missing("RecoveryPointArn")
	}
	role, err := passRole(c, restoreRole(c, in))
	if err != nil {
		return nil, err
	}
	var point state.RecoveryPoint
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		point, err = findOwnPoint(ctx, tx, c, *in.RecoveryPointArn)
		return err
	})
	switch {
	case api.Code(err) == "ResourceNotFoundException":
		return []api.Access{{Action: "backup:StartRestoreJob", Resource: *in.RecoveryPointArn, ResourceAccountID: c.AccountID}, role}, nil
	case err != nil:
		return nil, err
	}
	onPoint, err := s.onPoint(ctx, c, "StartRestoreJob", &point.VaultName, in.RecoveryPointArn)
	if err != nil {
		return nil, err
	}
	return []api.Access{onPoint, role}, nil
}

// StartRestoreJob writes a restore job down and enqueues it. What the metadata must hold is for the resource's kind, and
// the job, to tell.
func (s *Service) StartRestoreJob(ctx context.Context, c *api.Caller, in *backup.StartRestoreJobInput) (*backup.StartRestoreJobOutput, error) {
	if in.Metadata == nil {
		return nil, missing("Metadata")
	}
	if err := checkToken(in.IdempotencyToken); err != nil {
		return nil, err
	}
	job := state.RestoreJob{
		ID: newJobID(), AccountID: c.AccountID, Region: c.Region, IAMRoleARN: *restoreRole(c, in),
		IdempotencyToken: aws.ToString(in.IdempotencyToken), State: state.JobPending, Metadata: in.Metadata,
		CopySourceTags: in.CopySourceTagsToRestoredResource,
	}
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		point, err := findOwnPoint(ctx, tx, c, *in.RecoveryPointArn)
		if err != nil {
			return err
		}
		if job.IdempotencyToken != "" {
			there, err := tx.RestoreJobByToken(ctx, c.AccountID, c.Region, job.IdempotencyToken)
			if !errors.Is(err, state.ErrNotFound) {
				same := there.PointARN == point.ARN && there.IAMRoleARN == job.IAMRoleARN && maps.Equal(there.Metadata, in.Metadata) &&
					there.CopySourceTags == job.CopySourceTags
				job = there
				return cmp.Or(err, repeated(*in.IdempotencyToken, same))
			}
		}
		switch {
		case in.ResourceType != nil && *in.ResourceType != point.ResourceType:
			return invalid("ResourceType %s does not match the recovery point, which is of type %s.", *in.ResourceType, point.ResourceType)
		case point.Status != state.PointCompleted && point.Status != state.PointAvailable && point.Status != state.PointPartial:
			return invalidRequest("Recovery point %s cannot be restored: it is %s.", point.ARN, point.Status)
		}
		job.VaultARN, job.PointARN, job.PointCreatedAt = point.VaultARN, point.ARN, point.CreatedAt
		job.SourceResourceARN, job.ResourceType, job.SizeBytes = point.ResourceARN, point.ResourceType, point.SizeBytes
		job.CreatedAt = tx.Now
		if err := tx.InsertRestoreJob(ctx, job); err != nil {
			return err
		}
		if err := s.PutEvent.RestoreJobCreated(ctx, tx, job); err != nil {
			return err
		}
		if err := s.PutEvent.RestoreJob(ctx, tx, job); err != nil { // which is PENDING already
			return err
		}
		return s.Queue.EnqueueRestore(ctx, tx, job.ID)
	})
	if err != nil {
		return nil, err
	}
	return &backup.StartRestoreJobOutput{RestoreJobId: &job.ID}, nil
}

func (s *Service) restoreJob(ctx context.Context, c *api.Caller, id *string) (job state.RestoreJob, err error) {
	if aws.ToString(id) == "" {
		return job, missing("RestoreJobId")
	}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		job, err = tx.RestoreJob(ctx, *id)
		return err
	})
	if errors.Is(err, state.ErrNotFound) || err == nil && (job.AccountID != c.AccountID || job.Region != c.Region) {
		return job, notFound("Cannot find restore job with id: %s.", *id)
	}
	return job, err
}

// DescribeRestoreJob tells of a job.
func (s *Service) DescribeRestoreJob(ctx context.Context, c *api.Caller, in *backup.DescribeRestoreJobInput) (*backup.DescribeRestoreJobOutput, error) {
	job, err := s.restoreJob(ctx, c, in.RestoreJobId)
	if err != nil {
		return nil, err
	}
	j := showRestoreJob(job)
	return &backup.DescribeRestoreJobOutput{
		AccountId: j.AccountId, RestoreJobId: j.RestoreJobId, RecoveryPointArn: j.RecoveryPointArn, SourceResourceArn: j.SourceResourceArn,
		BackupVaultArn: j.BackupVaultArn, CreationDate: j.CreationDate, CompletionDate: j.CompletionDate, Status: j.Status,
		StatusMessage: j.StatusMessage, PercentDone: j.PercentDone, BackupSizeInBytes: j.BackupSizeInBytes, IamRoleArn: j.IamRoleArn,
		CreatedResourceArn: j.CreatedResourceArn, ResourceType: j.ResourceType, RecoveryPointCreationDate: j.RecoveryPointCreationDate,
		ValidationStatus: j.ValidationStatus, ValidationStatusMessage: j.ValidationStatusMessage,
	}, nil
}

func showRestoreJob(j state.RestoreJob) types.RestoreJobsListMember {
	return types.RestoreJobsListMember{
		AccountId: &j.AccountID, RestoreJobId: &j.ID, RecoveryPointArn: &j.PointARN, SourceResourceArn: optional(j.SourceResourceARN),
		BackupVaultArn: &j.VaultARN, CreationDate: j.CreatedAt.Ptr(), CompletionDate: j.CompletedAt.Ptr(), Status: types.RestoreJobStatus(j.State),
		StatusMessage: optional(j.StatusMessage), PercentDone: aws.String(strconv.FormatFloat(j.Percent, 'f', 2, 64) + "%"),
		BackupSizeInBytes: &j.SizeBytes, IamRoleArn: &j.IAMRoleARN, CreatedResourceArn: optional(j.CreatedResourceARN),
		ResourceType: &j.ResourceType, RecoveryPointCreationDate: j.PointCreatedAt.Ptr(),
		ValidationStatus: types.RestoreValidationStatus(j.ValidationStatus), ValidationStatusMessage: optional(j.ValidationMessage),
	}
}

// PutRestoreValidationResult keeps what the caller's own test of a restore found, once and for all.
func (s *Service) PutRestoreValidationResult(ctx context.Context, c *api.Caller, in *backup.PutRestoreValidationResultInput) (*backup.PutRestoreValidationResultOutput, error) {
	found, err := s.restoreJob(ctx, c, in.RestoreJobId)
	switch {
	case err != nil:
		return nil, err
	case in.ValidationStatus == "":
		return nil, missing("ValidationStatus")
	case !slices.Contains(in.ValidationStatus.Values(), in.ValidationStatus) || in.ValidationStatus == types.RestoreValidationStatusValidating:
		return nil, invalid("Invalid ValidationStatus %s: it must be SUCCESSFUL, FAILED or TIMED_OUT.", in.ValidationStatus)
	}
	return &backup.PutRestoreValidationResultOutput{}, s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		job, err := tx.RestoreJob(ctx, found.ID)
		switch {
		case err != nil:
			return err
		case job.State != state.JobCompleted:
			return invalidRequest("Restore job %s cannot be validated: it is %s.", job.ID, job.State)
		case job.ValidationStatus != "":
			return invalidRequest("Restore job %s has a validation result already: %s.", job.ID, job.ValidationStatus)
		}
		job.ValidationStatus, job.ValidationMessage = string(in.ValidationStatus), aws.ToString(in.ValidationStatusMessage)
		return tx.UpdateRestoreJob(ctx, job, state.JobCompleted)
	})
}

// GetRestoreJobMetadata tells the metadata that a restore was started with.
func (s *Service) GetRestoreJobMetadata(ctx context.Context, c *api.Caller, in *backup.GetRestoreJobMetadataInput) (*backup.GetRestoreJobMetadataOutput, error) {
	job, err := s.restoreJob(ctx, c, in.RestoreJobId)
	if err != nil {
		return nil, err
	}
	return &backup.GetRestoreJobMetadataOutput{RestoreJobId: &job.ID, Metadata: job.Metadata}, nil
}

func restoreCursor(j state.RestoreJob) state.Cursor { return state.Cursor{At: j.CreatedAt, ID: j.ID} }

// ListRestoreJobs lists jobs, newest first.
func (s *Service) ListRestoreJobs(ctx context.Context, c *api.Caller, in *backup.ListRestoreJobsInput) (*backup.ListRestoreJobsOutput, error) {
	p, err := s.page(c, "ListRestoreJobs", in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	f := state.JobFilter{
		Region: c.Region, State: string(in.ByStatus), ResourceType: aws.ToString(in.ByResourceType),
		CreatedAfter: micros(in.ByCreatedAfter), CreatedBefore: micros(in.ByCreatedBefore),
		CompletedAfter: micros(in.ByCompleteAfter), CompletedBefore: micros(in.ByCompleteBefore),
	}
	if err := s.accounts(ctx, c, in.ByAccountId, &f); err != nil {
		return nil, err
	}
	out := &backup.ListRestoreJobsOutput{}
	if in.ByRestoreTestingPlanArn != nil || in.ByParentJobId != nil { // no job has either
		return out, nil
	}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		jobs, err := tx.RestoreJobs(ctx, f, p.after, p.limit+1)
		out.RestoreJobs, out.NextToken = cut(p, jobs, restoreCursor, showRestoreJob)
		return err
	})
}

// ListRestoreJobsByProtectedResource lists the restore jobs of the recovery points of one resource, newest first.
func (s *Service) ListRestoreJobsByProtectedResource(ctx context.Context, c *api.Caller, in *backup.ListRestoreJobsByProtectedResourceInput) (*backup.ListRestoreJobsByProtectedResourceOutput, error) {
	if aws.ToString(in.ResourceArn) == "" {
		return nil, missing("ResourceArn")
	}
	p, err := s.page(c, "ListRestoreJobsByProtectedResource:"+*in.ResourceArn, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	f := state.JobFilter{
		AccountID: c.AccountID, Region: c.Region, ResourceARN: *in.ResourceArn, State: string(in.ByStatus),
		PointCreatedAfter: micros(in.ByRecoveryPointCreationDateAfter), PointCreatedBefore: micros(in.ByRecoveryPointCreationDateBefore),
	}
	out := &backup.ListRestoreJobsByProtectedResourceOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		jobs, err := tx.RestoreJobs(ctx, f, p.after, p.limit+1)
		out.RestoreJobs, out.NextToken = cut(p, jobs, restoreCursor, showRestoreJob)
		return err
	})
}
