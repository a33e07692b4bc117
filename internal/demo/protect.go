package demo

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
)

// resource is one thing that is protected, lost and recovered.
type resource struct {
	title string // "bucket photos"
	arn   string
	plan  string

	data   *dataset // of a bucket
	image  []byte   // of a volume
	ledger *ledger  // of a database

	local string // ARN of its recovery point in the member's vault
	first string // ARN of the copy in the backup account's first vault, for the plan cross-region-special
	copy  string // ARN of the copy in the backup account's vault in the second Region, for both plans that copy
}

// watchBackups waits for the backup jobs of the night and notes the recovery points.
func (s *solution) watchBackups(ctx context.Context, v *view, resources []*resource) error {
	for _, r := range resources {
		b := v.bar("backup  "+r.title, 100, percent)
		err := until(ctx, func() (bool, error) {
			jobs, err := s.member.backup.ListBackupJobs(ctx, &backup.ListBackupJobsInput{ByResourceArn: &r.arn})
			if err != nil {
				return false, fmt.Errorf("looking for the backup of %s: %w", r.title, err)
			}
			if len(jobs.BackupJobs) == 0 {
				return false, nil
			}
			job := jobs.BackupJobs[0]
			b.set(percentDone(job.PercentDone))
			switch job.State {
			case backuptypes.BackupJobStateCompleted:
				r.local = aws.ToString(job.RecoveryPointArn)
				b.end(size(aws.ToInt64(job.BackupSizeInBytes)))
				return true, nil
			case backuptypes.BackupJobStateFailed, backuptypes.BackupJobStateAborted, backuptypes.BackupJobStateExpired, backuptypes.BackupJobStatePartial:
				return false, fmt.Errorf("the backup of %s is %s: %s", r.title, job.State, aws.ToString(job.StatusMessage))
			default:
				return false, nil
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// watchCopies waits for the copies that the plans make.
func (s *solution) watchCopies(ctx context.Context, v *view, resources []*resource) error {
	for _, r := range resources {
		if r.plan == planSimple {
			continue
		}
		b := v.bar("copy    "+r.title, 100, percent)
		err := until(ctx, func() (bool, error) {
			jobs, err := s.member.backup.ListCopyJobs(ctx, &backup.ListCopyJobsInput{ByResourceArn: &r.arn})
			if err != nil {
				return false, fmt.Errorf("looking for the copy of %s: %w", r.title, err)
			}
			if len(jobs.CopyJobs) == 0 {
				return false, nil
			}
			done, err := copyDone(jobs.CopyJobs[0])
			if done {
				made := aws.ToString(jobs.CopyJobs[0].DestinationRecoveryPointArn)
				if r.plan == planSpecial {
					r.first = made
				} else {
					r.copy = made
				}
				b.end(size(aws.ToInt64(jobs.CopyJobs[0].BackupSizeInBytes)))
			}
			return done, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// watchSecondCopies waits for the copies that the copier starts when a first one has arrived.
func (s *solution) watchSecondCopies(ctx context.Context, v *view, resources []*resource) error {
	for _, r := range resources {
		if r.first == "" {
			continue
		}
		b := v.bar("second copy  "+r.title, 100, percent)
		err := until(ctx, func() (bool, error) {
			jobs, err := s.first.backup.ListCopyJobs(ctx, &backup.ListCopyJobsInput{BySourceRecoveryPointArn: &r.first})
			if err != nil {
				return false, fmt.Errorf("looking for the second copy of %s: %w", r.title, err)
			}
			if len(jobs.CopyJobs) == 0 {
				return false, nil
			}
			done, err := copyDone(jobs.CopyJobs[0])
			if done {
				r.copy = aws.ToString(jobs.CopyJobs[0].DestinationRecoveryPointArn)
				b.end(size(aws.ToInt64(jobs.CopyJobs[0].BackupSizeInBytes)))
			}
			return done, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// copyBack copies what the backup account holds of r into the member's vault and returns the new recovery point. Databases
// take the detour: into the Region first, then into the account.
func (s *solution) copyBack(ctx context.Context, v *view, r *resource) (recoveryPoint string, err error) {
	if r.ledger == nil {
		return s.vaulted.copy(ctx, v, r, r.copy, backupVault, s.member.vaultARN(memberVault))
	}
	near, err := s.vaulted.copy(ctx, v, r, r.copy, backupVault, s.first.vaultARN(firstVault))
	if err != nil {
		return "", err
	}
	return s.first.copy(ctx, v, r, near, firstVault, s.member.vaultARN(memberVault))
}

// copy copies a recovery point of r out of a vault of the account in its Region and returns the new one.
func (a *account) copy(ctx context.Context, v *view, r *resource, point, vault, destination string) (recoveryPoint string, err error) {
	b := v.bar("copy    "+r.title, 100, percent)
	started, err := a.backup.StartCopyJob(ctx, &backup.StartCopyJobInput{
		RecoveryPointArn: &point, SourceBackupVaultName: &vault, DestinationBackupVaultArn: &destination, IamRoleArn: aws.String(a.roleARN(roleName)),
	})
	if err != nil {
		return "", fmt.Errorf("copying %s to %s: %w", r.title, destination, err)
	}
	err = until(ctx, func() (bool, error) {
		out, err := a.backup.DescribeCopyJob(ctx, &backup.DescribeCopyJobInput{CopyJobId: started.CopyJobId})
		if err != nil {
			return false, fmt.Errorf("looking at the copy of %s: %w", r.title, err)
		}
		done, err := copyDone(*out.CopyJob)
		if done {
			recoveryPoint = aws.ToString(out.CopyJob.DestinationRecoveryPointArn)
			b.end("to " + destination[strings.Index(destination, ":backup:")+len(":backup:"):])
		}
		return done, err
	})
	return recoveryPoint, err
}

func copyDone(job backuptypes.CopyJob) (bool, error) {
	switch job.State {
	case backuptypes.CopyJobStateCompleted:
		return true, nil
	case backuptypes.CopyJobStateFailed, backuptypes.CopyJobStatePartial:
		return false, fmt.Errorf("copy job %s is %s: %s", aws.ToString(job.CopyJobId), job.State, aws.ToString(job.StatusMessage))
	default:
		return false, nil
	}
}

func percentDone(text *string) int64 {
	n, err := strconv.ParseFloat(strings.TrimSuffix(aws.ToString(text), "%"), 64)
	if err != nil {
		return 0
	}
	return int64(n)
}

// recoveryPoints lists what a vault of the solution holds, by resource.
func (a *account) recoveryPoints(ctx context.Context, vault string) ([]backuptypes.RecoveryPointByBackupVault, error) {
	var all []backuptypes.RecoveryPointByBackupVault
	pages := backup.NewListRecoveryPointsByBackupVaultPaginator(a.backup, &backup.ListRecoveryPointsByBackupVaultInput{BackupVaultName: &vault})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing vault %s of %s: %w", vault, a.name, err)
		}
		all = append(all, page.RecoveryPoints...)
	}
	slices.SortFunc(all, func(p, q backuptypes.RecoveryPointByBackupVault) int {
		return strings.Compare(aws.ToString(p.ResourceArn)+aws.ToString(p.RecoveryPointArn), aws.ToString(q.ResourceArn)+aws.ToString(q.RecoveryPointArn))
	})
	return all, nil
}
