package copier

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
)

// A ledger is what AWS Backup knows of one hop: the copy jobs from a point to a final vault, and whether its copy is there.
type ledger struct {
	jobs  []types.CopyJob // newest first
	there *Point          // the copy, whoever made it and whatever became of it
}

// look reads the ledger of a hop. A job that AWS Backup shows is shown until 30 days after its end.
func (c *Copier) look(ctx context.Context, p Point, to Vault) (ledger, error) {
	jobs, err := c.jobsFrom(ctx, p.Vault, p.ARN)
	if err != nil {
		return ledger{}, err
	}
	l := ledger{jobs: slices.DeleteFunc(jobs, func(j types.CopyJob) bool { return aws.ToString(j.DestinationBackupVaultArn) != to.ARN })}
	if l.delivered() || l.underWay() != nil {
		return l, nil
	}
	l.there, err = c.copyOf(ctx, p, to)
	return l, err
}

// jobsFrom lists the copy jobs from a point, newest first.
func (c *Copier) jobsFrom(ctx context.Context, from Vault, pointARN string) ([]types.CopyJob, error) {
	return c.copyJobs(ctx, from.Region, &backup.ListCopyJobsInput{BySourceRecoveryPointArn: &pointARN})
}

func (c *Copier) copyJobs(ctx context.Context, region string, in *backup.ListCopyJobsInput) (jobs []types.CopyJob, err error) {
	pages := backup.NewListCopyJobsPaginator(c.Backup(region), in, func(o *backup.ListCopyJobsPaginatorOptions) { o.Limit = 1000 })
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, during("ListCopyJobs", err)
		}
		jobs = append(jobs, page.CopyJobs...)
	}
	slices.SortStableFunc(jobs, func(a, b types.CopyJob) int {
		return cmp.Or(aws.ToTime(b.CreationDate).Compare(aws.ToTime(a.CreationDate)), cmp.Compare(aws.ToString(a.CopyJobId), aws.ToString(b.CopyJobId)))
	})
	return jobs, nil
}

// copyOf finds the copy of a point in a final vault. AWS Backup does not say what a point was copied from, but it keeps the
// creation date, and no resource has two backups of the same millisecond.
func (c *Copier) copyOf(ctx context.Context, p Point, in Vault) (*Point, error) {
	points, err := c.points(ctx, in, &backup.ListRecoveryPointsByBackupVaultInput{
		ByResourceArn: &p.Resource, ByCreatedAfter: aws.Time(p.Created.Add(-time.Second)), ByCreatedBefore: aws.Time(p.Created.Add(time.Second)),
	})
	if there, ok := byMoment(points)[p.moment()]; ok {
		return &there, err
	}
	return nil, err
}

func (c *Copier) points(ctx context.Context, vault Vault, in *backup.ListRecoveryPointsByBackupVaultInput) (points []Point, err error) {
	in.BackupVaultName = &vault.Name
	pages := backup.NewListRecoveryPointsByBackupVaultPaginator(c.Backup(vault.Region), in, func(o *backup.ListRecoveryPointsByBackupVaultPaginatorOptions) { o.Limit = 1000 })
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, during("ListRecoveryPointsByBackupVault", err)
		}
		for _, p := range page.RecoveryPoints {
			points = append(points, listed(vault, p))
		}
	}
	return points, nil
}

// delivered reports whether a job has brought the point to its vault. What became of the copy since is not the copier's:
// whoever deleted it meant to.
func (l ledger) delivered() bool {
	return slices.ContainsFunc(l.jobs, func(j types.CopyJob) bool {
		return j.State == types.CopyJobStateCompleted || j.State == types.CopyJobStatePartial
	})
}

// underWay is a job that is not over; states that the copier does not know are taken for one.
func (l ledger) underWay() *types.CopyJob {
	for i, j := range l.jobs {
		if !failed(j) && j.State != types.CopyJobStateCompleted && j.State != types.CopyJobStatePartial {
			return &l.jobs[i]
		}
	}
	return nil
}

// failures are the jobs that failed, newest first.
func (l ledger) failures() []types.CopyJob {
	var all []types.CopyJob
	for _, j := range l.jobs {
		if failed(j) {
			all = append(all, j)
		}
	}
	return all
}

// failed reports whether a job is over and has brought nothing. ABORTED is a state of summaries, which no list should show.
func failed(j types.CopyJob) bool { return j.State == types.CopyJobStateFailed || j.State == "ABORTED" }
