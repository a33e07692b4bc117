package backup

import (
	"cmp"
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
	"strongroom/rules"
)

func (s *Service) startCopyJobAccess(ctx context.Context, c *api.Caller, in *backup.StartCopyJobInput) ([]api.Access, error) {
	point, err := s.onPoint(ctx, c, "StartCopyJob", in.SourceBackupVaultName, in.RecoveryPointArn)
	if err != nil {
		return nil, err
	}
	role, err := passRole(c, in.IamRoleArn)
	return []api.Access{point, role}, err
}

// StartCopyJob writes a copy job down and enqueues it. The organization's gates, the policies of both vaults, the
// destination's lock and the keys are the job's to tell.
func (s *Service) StartCopyJob(ctx context.Context, c *api.Caller, in *backup.StartCopyJobInput) (*backup.StartCopyJobOutput, error) {
	destination := aws.ToString(in.DestinationBackupVaultArn)
	switch {
	case destination == "":
		return nil, missing("DestinationBackupVaultArn")
	case !rules.VaultARNPattern.MatchString(destination):
		return nil, invalid("Invalid ARN %s in DestinationBackupVaultArn.", destination)
	}
	lifecycle := state.LifecycleOf(in.Lifecycle)
	if refusal := lifecycle.Validate(false); refusal != nil {
		return nil, refused(refusal)
	}
	if err := checkToken(in.IdempotencyToken); err != nil {
		return nil, err
	}
	job := state.CopyJob{
		ID: newJobID(), AccountID: c.AccountID, Region: c.Region, DestinationVaultARN: destination,
		IAMRoleARN: *in.IamRoleArn, IdempotencyToken: aws.ToString(in.IdempotencyToken), State: state.JobCreated, Lifecycle: lifecycle,
	}
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		vault, point, err := findPoint(ctx, tx, c, *in.SourceBackupVaultName, *in.RecoveryPointArn)
		if err != nil {
			return err
		}
		if job.IdempotencyToken != "" {
			there, err := tx.CopyJobByToken(ctx, c.AccountID, c.Region, job.IdempotencyToken)
			if !errors.Is(err, state.ErrNotFound) {
				same := there.SourcePointARN == point.ARN && there.SourceVaultARN == vault.ARN && there.DestinationVaultARN == destination &&
					there.IAMRoleARN == job.IAMRoleARN && there.Lifecycle.Equal(lifecycle)
				job = there
				return cmp.Or(err, repeated(*in.IdempotencyToken, same))
			}
		}
		switch {
		case destination == vault.ARN:
			return invalid("The destination backup vault in DestinationBackupVaultArn is the source backup vault.")
		case point.Status != state.PointCompleted && point.Status != state.PointAvailable && point.Status != state.PointPartial:
			return invalidRequest("Recovery point %s cannot be copied: it is %s.", point.ARN, point.Status)
		case point.StorageClass == string(types.StorageClassCold):
			return invalidRequest("Recovery point %s cannot be copied: it is in cold storage.", point.ARN)
		}
		job.SourceVaultARN, job.SourcePointARN, job.CreatedAt = vault.ARN, point.ARN, tx.Now
		job.ResourceARN, job.ResourceType, job.ResourceName = point.ResourceARN, point.ResourceType, point.ResourceName
		job.SizeBytes = point.SizeBytes
		if err := tx.InsertCopyJob(ctx, job); err != nil {
			return err
		}
		if err := s.PutEvent.CopyJob(ctx, tx, job); err != nil {
			return err
		}
		return s.Queue.EnqueueCopy(ctx, tx, job.ID)
	})
	if err != nil {
		return nil, err
	}
	return &backup.StartCopyJobOutput{CopyJobId: &job.ID, CreationDate: job.CreatedAt.Ptr()}, nil
}

// DescribeCopyJob tells of a job.
func (s *Service) DescribeCopyJob(ctx context.Context, c *api.Caller, in *backup.DescribeCopyJobInput) (*backup.DescribeCopyJobOutput, error) {
	if aws.ToString(in.CopyJobId) == "" {
		return nil, missing("CopyJobId")
	}
	out := &backup.DescribeCopyJobOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		job, err := tx.CopyJob(ctx, *in.CopyJobId)
		if errors.Is(err, state.ErrNotFound) || err == nil && (job.AccountID != c.AccountID || job.Region != c.Region) {
			return notFound("Cannot find copy job with id: %s.", *in.CopyJobId)
		}
		shown := showCopyJob(job)
		if vault, err := tx.BackupVaultByARN(ctx, job.DestinationVaultARN); err == nil && vault.AccountID == c.AccountID {
			shown.DestinationVaultLockState = lockState(vault)
		}
		out.CopyJob = &shown
		return err
	})
}

func showCopyJob(j state.CopyJob) types.CopyJob {
	return types.CopyJob{
		AccountId: &j.AccountID, CopyJobId: &j.ID, SourceBackupVaultArn: &j.SourceVaultARN, SourceRecoveryPointArn: &j.SourcePointARN,
		DestinationBackupVaultArn: &j.DestinationVaultARN, DestinationRecoveryPointArn: optional(j.DestinationPointARN),
		DestinationVaultType: aws.String(string(types.VaultTypeBackupVault)), DestinationEncryptionKeyArn: optional(j.DestinationKeyARN),
		DestinationRecoveryPointLifecycle: showLifecycle(j.Lifecycle),
		ResourceArn:                       &j.ResourceARN, ResourceType: &j.ResourceType, ResourceName: optional(j.ResourceName),
		CreationDate: j.CreatedAt.Ptr(), CompletionDate: j.CompletedAt.Ptr(), State: types.CopyJobState(j.State),
		StatusMessage: optional(j.StatusMessage), MessageCategory: optional(j.MessageCategory), BackupSizeInBytes: &j.SizeBytes,
		IamRoleArn: &j.IAMRoleARN, CreatedBy: showCreator(j.CreatedBy), CreatedByBackupJobId: optional(j.BackupJobID), ParentJobId: optional(j.ParentJobID),
	}
}

// ListCopyJobs lists jobs, newest first.
func (s *Service) ListCopyJobs(ctx context.Context, c *api.Caller, in *backup.ListCopyJobsInput) (*backup.ListCopyJobsOutput, error) {
	p, err := s.page(c, "ListCopyJobs", in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	f := state.JobFilter{
		Region: c.Region, State: string(in.ByState), ResourceARN: aws.ToString(in.ByResourceArn), ResourceType: aws.ToString(in.ByResourceType),
		DestinationVaultARN: aws.ToString(in.ByDestinationVaultArn), SourcePointARN: aws.ToString(in.BySourceRecoveryPointArn),
		ParentJobID: aws.ToString(in.ByParentJobId), MessageCategory: filterCategory(in.ByMessageCategory),
		CreatedAfter: micros(in.ByCreatedAfter), CreatedBefore: micros(in.ByCreatedBefore),
		CompletedAfter: micros(in.ByCompleteAfter), CompletedBefore: micros(in.ByCompleteBefore),
	}
	if err := s.accounts(ctx, c, in.ByAccountId, &f); err != nil {
		return nil, err
	}
	out := &backup.ListCopyJobsOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		jobs, err := tx.CopyJobs(ctx, f, p.after, p.limit+1)
		out.CopyJobs, out.NextToken = cut(p, jobs, func(j state.CopyJob) state.Cursor { return state.Cursor{At: j.CreatedAt, ID: j.ID} }, showCopyJob)
		return err
	})
}
