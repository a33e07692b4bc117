package backup

import (
	"cmp"
	"context"
	"errors"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
	"strongroom/rules"
)

func (s *Service) startBackupJobAccess(ctx context.Context, c *api.Caller, in *backup.StartBackupJobInput) ([]api.Access, error) {
	vault, err := s.onVault(ctx, c, "StartBackupJob", in.BackupVaultName)
	if err != nil {
		return nil, err
	}
	role, err := passRole(c, in.IamRoleArn)
	return []api.Access{with(vault, api.WithRequestTags(nil, in.RecoveryPointTags)), role}, err
}

// StartBackupJob writes a backup job down and enqueues it. Whether the role, the resource, the vault's lock and the keys
// let it succeed, the job will tell.
func (s *Service) StartBackupJob(ctx context.Context, c *api.Caller, in *backup.StartBackupJobInput) (*backup.StartBackupJobOutput, error) {
	named, resourceType, err := s.resourceType(ctx, c, "ResourceArn", in.ResourceArn)
	if err != nil {
		return nil, err
	}
	windows, err := rules.NewWindows(in.StartWindowMinutes, in.CompleteWindowMinutes)
	if err != nil {
		return nil, invalid("%s", err)
	}
	lifecycle := state.LifecycleOf(in.Lifecycle)
	if refusal := lifecycle.Validate(false); refusal != nil {
		return nil, refused(refusal)
	}
	switch {
	case in.LogicallyAirGappedBackupVaultArn != nil:
		return nil, api.NotImplemented("backup:StartBackupJob with LogicallyAirGappedBackupVaultArn")
	case in.Index == types.IndexEnabled:
		return nil, api.NotImplemented("backup:StartBackupJob with Index")
	}
	if err := errors.Join(checkOptions(resourceType, in.BackupOptions), checkTags(in.RecoveryPointTags), checkToken(in.IdempotencyToken)); err != nil {
		return nil, first(err)
	}
	job := state.BackupJob{
		ID: newJobID(), AccountID: c.AccountID, Region: c.Region, ResourceARN: named.String(), ResourceType: resourceType,
		IAMRoleARN: *in.IamRoleArn, IdempotencyToken: aws.ToString(in.IdempotencyToken), State: state.JobCreated, BackupType: "SNAPSHOT",
		Options: in.BackupOptions, Tags: in.RecoveryPointTags, Lifecycle: lifecycle.For(s.AsOf, resourceType),
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		vault, err := findVault(ctx, tx, c, *in.BackupVaultName)
		if err != nil {
			return err
		}
		job.VaultName, job.VaultARN = vault.Name, vault.ARN
		job.CreatedAt, job.InitiatedAt = tx.Now, tx.Now
		job.StartBy = state.MicrosOf(windows.StartBy(tx.Now.Time()))
		job.CompleteBy = state.MicrosOf(windows.CompleteBy(tx.Now.Time()))
		if job.IdempotencyToken != "" {
			there, err := tx.BackupJobByToken(ctx, c.AccountID, c.Region, job.IdempotencyToken)
			if !errors.Is(err, state.ErrNotFound) {
				asked := job
				job = there
				return cmp.Or(err, repeated(asked.IdempotencyToken, sameBackup(asked, there)))
			}
		}
		if err := optedIn(ctx, tx, c, resourceType); err != nil {
			return err
		}
		if err := tx.InsertBackupJob(ctx, job); err != nil {
			return err
		}
		if err := s.PutEvent.BackupJob(ctx, tx, job); err != nil {
			return err
		}
		return s.Queue.EnqueueBackup(ctx, tx, job.ID)
	})
	if err != nil {
		return nil, err
	}
	return &backup.StartBackupJobOutput{BackupJobId: &job.ID, CreationDate: job.CreatedAt.Ptr(), RecoveryPointArn: optional(job.PointARN)}, nil
}

// first is the first of joined errors.
func first(err error) error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()[0]
	}
	return err
}

// sameBackup reports whether two jobs were asked for in the same way.
func sameBackup(a, b state.BackupJob) bool {
	return a.VaultARN == b.VaultARN && a.ResourceARN == b.ResourceARN && a.IAMRoleARN == b.IAMRoleARN &&
		a.StartBy-a.CreatedAt == b.StartBy-b.CreatedAt && a.CompleteBy-a.CreatedAt == b.CompleteBy-b.CreatedAt &&
		maps.Equal(a.Options, b.Options) && maps.Equal(a.Tags, b.Tags) && a.Lifecycle.Equal(b.Lifecycle)
}

func findBackupJob(ctx context.Context, tx *state.Tx, c *api.Caller, id string) (state.BackupJob, error) {
	job, err := tx.BackupJob(ctx, id)
	if errors.Is(err, state.ErrNotFound) || err == nil && (job.AccountID != c.AccountID || job.Region != c.Region) {
		return job, notFound("Cannot find backup job with id: %s.", id)
	}
	return job, err
}

// StopBackupJob asks a job to stop; it is ABORTING until it has.
func (s *Service) StopBackupJob(ctx context.Context, c *api.Caller, in *backup.StopBackupJobInput) (*backup.StopBackupJobOutput, error) {
	return &backup.StopBackupJobOutput{}, s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		job, err := findBackupJob(ctx, tx, c, aws.ToString(in.BackupJobId))
		if err != nil {
			return err
		}
		if capability, _ := rules.CapabilityOf(job.ResourceType); !capability.Stoppable {
			return invalidRequest("Stopping backup jobs of resource type %s is not supported.", job.ResourceType)
		}
		switch job.State {
		case state.JobCreated, state.JobPending, state.JobRunning:
		case state.JobAborting:
			return nil
		default:
			return invalidRequest("Backup job %s cannot be stopped: it is %s.", job.ID, job.State)
		}
		was := job.State
		job.State, job.StatusMessage = state.JobAborting, "" // it will not be tried again, for whatever it said that it would
		if err := tx.UpdateBackupJob(ctx, job, was); err != nil {
			return err
		}
		if err := s.PutEvent.BackupJob(ctx, tx, job); err != nil {
			return err
		}
		return s.Queue.WakeBackup(ctx, tx, job.ID)
	})
}

// DescribeBackupJob tells of a job.
func (s *Service) DescribeBackupJob(ctx context.Context, c *api.Caller, in *backup.DescribeBackupJobInput) (*backup.DescribeBackupJobOutput, error) {
	if aws.ToString(in.BackupJobId) == "" {
		return nil, missing("BackupJobId")
	}
	out := &backup.DescribeBackupJobOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		job, err := findBackupJob(ctx, tx, c, *in.BackupJobId)
		if err != nil {
			return err
		}
		j := showBackupJob(job)
		if vault, err := tx.BackupVaultByARN(ctx, job.VaultARN); err == nil {
			j.VaultLockState = lockState(vault)
		}
		*out = backup.DescribeBackupJobOutput{
			AccountId: j.AccountId, BackupJobId: j.BackupJobId, BackupVaultName: j.BackupVaultName, BackupVaultArn: j.BackupVaultArn,
			VaultType: j.VaultType, VaultLockState: j.VaultLockState, RecoveryPointLifecycle: j.RecoveryPointLifecycle,
			RecoveryPointArn: j.RecoveryPointArn, EncryptionKeyArn: j.EncryptionKeyArn, IsEncrypted: j.IsEncrypted,
			ResourceArn: j.ResourceArn, ResourceType: j.ResourceType, ResourceName: j.ResourceName,
			CreationDate: j.CreationDate, InitiationDate: j.InitiationDate, CompletionDate: j.CompletionDate,
			State: j.State, StatusMessage: j.StatusMessage, MessageCategory: j.MessageCategory, PercentDone: j.PercentDone,
			BackupSizeInBytes: j.BackupSizeInBytes, BytesTransferred: j.BytesTransferred, IamRoleArn: j.IamRoleArn, CreatedBy: j.CreatedBy,
			ExpectedCompletionDate: j.ExpectedCompletionDate, StartBy: j.StartBy, BackupOptions: j.BackupOptions, BackupType: j.BackupType,
			ParentJobId: j.ParentJobId,
		}
		return nil
	})
}

// lockState is how jobs show the lock of their vault.
func lockState(v state.BackupVault) *string {
	switch {
	case !v.Locked:
		return nil
	case v.LockDate != 0:
		return aws.String("COMPLIANCE")
	default:
		return aws.String("GOVERNANCE")
	}
}

func showBackupJob(j state.BackupJob) types.BackupJob {
	shown := types.BackupJob{
		AccountId: &j.AccountID, BackupJobId: &j.ID, BackupVaultName: &j.VaultName, BackupVaultArn: &j.VaultARN,
		VaultType: aws.String(string(types.VaultTypeBackupVault)), RecoveryPointArn: optional(j.PointARN), RecoveryPointLifecycle: showLifecycle(j.Lifecycle),
		EncryptionKeyArn: optional(j.KeyARN), IsEncrypted: j.IsEncrypted, ResourceArn: &j.ResourceARN, ResourceType: &j.ResourceType, ResourceName: optional(j.ResourceName),
		CreationDate: j.CreatedAt.Ptr(), InitiationDate: j.InitiatedAt.Ptr(), CompletionDate: j.CompletedAt.Ptr(),
		State: types.BackupJobState(j.State), StatusMessage: optional(j.StatusMessage), MessageCategory: optional(j.MessageCategory), PercentDone: percent(j.Percent),
		IamRoleArn: &j.IAMRoleARN, CreatedBy: showCreator(j.CreatedBy),
		ExpectedCompletionDate: j.ExpectedAt.Ptr(), StartBy: j.StartBy.Ptr(), BackupOptions: j.Options, BackupType: optional(j.BackupType), ParentJobId: optional(j.ParentJobID),
	}
	if j.StartedAt != 0 {
		shown.BackupSizeInBytes, shown.BytesTransferred = &j.SizeBytes, &j.TransferredBytes
	}
	return shown
}

// ListBackupJobs lists jobs, newest first.
func (s *Service) ListBackupJobs(ctx context.Context, c *api.Caller, in *backup.ListBackupJobsInput) (*backup.ListBackupJobsOutput, error) {
	p, err := s.page(c, "ListBackupJobs", in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	f := state.JobFilter{
		Region: c.Region, State: string(in.ByState), ResourceARN: aws.ToString(in.ByResourceArn), ResourceType: aws.ToString(in.ByResourceType),
		ParentJobID: aws.ToString(in.ByParentJobId), MessageCategory: filterCategory(in.ByMessageCategory),
		CreatedAfter: micros(in.ByCreatedAfter), CreatedBefore: micros(in.ByCreatedBefore),
		CompletedAfter: micros(in.ByCompleteAfter), CompletedBefore: micros(in.ByCompleteBefore),
	}
	if err := s.accounts(ctx, c, in.ByAccountId, &f); err != nil {
		return nil, err
	}
	f.VaultName = aws.ToString(in.ByBackupVaultName)
	out := &backup.ListBackupJobsOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		jobs, err := tx.BackupJobs(ctx, f, p.after, p.limit+1)
		out.BackupJobs, out.NextToken = cut(p, jobs, func(j state.BackupJob) state.Cursor { return state.Cursor{At: j.CreatedAt, ID: j.ID} }, showBackupJob)
		return err
	})
}
