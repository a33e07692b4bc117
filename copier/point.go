package copier

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
)

// A Point is a recovery point in an intermediate vault.
type Point struct {
	ARN       string
	Vault     Vault
	Resource  string
	Type      string
	Status    types.RecoveryPointStatus
	Created   time.Time // of the first backup: copies keep it, and their lifecycles count from it
	Completed time.Time // of this copy
	Lifecycle *types.Lifecycle
	Cold      bool
	Tags      map[string]string // only if a route asks for them
}

// usable reports whether a point can be copied and restored: it is whole, and nothing is about to take it away.
func (p Point) usable() bool {
	return p.Status == types.RecoveryPointStatusCompleted || p.Status == types.RecoveryPointStatusAvailable
}

// moment tells the copies of one backup from all others: they have its resource and its creation date.
type moment struct {
	resource string
	created  int64 // milliseconds, as exact as AWS Backup is
}

func (p Point) moment() moment { return moment{p.Resource, p.Created.UnixMilli()} }

// describe reads a recovery point of an intermediate vault.
func (c *Copier) describe(ctx context.Context, vault Vault, pointARN string) (Point, error) {
	out, err := c.Backup(vault.Region).DescribeRecoveryPoint(ctx, &backup.DescribeRecoveryPointInput{BackupVaultName: &vault.Name, RecoveryPointArn: &pointARN})
	if err != nil {
		return Point{}, during("DescribeRecoveryPoint", err)
	}
	p := Point{
		ARN: pointARN, Vault: vault, Resource: aws.ToString(out.ResourceArn), Type: aws.ToString(out.ResourceType), Status: out.Status,
		Created: aws.ToTime(out.CreationDate), Completed: aws.ToTime(out.CompletionDate), Lifecycle: out.Lifecycle, Cold: out.StorageClass == types.StorageClassCold,
	}
	if c.Config.needsTags() {
		p.Tags, err = c.tags(ctx, vault.Region, pointARN)
	}
	return p, err
}

// listed is a recovery point as a list shows it.
func listed(vault Vault, p types.RecoveryPointByBackupVault) Point {
	return Point{
		ARN: aws.ToString(p.RecoveryPointArn), Vault: vault, Resource: aws.ToString(p.ResourceArn), Type: aws.ToString(p.ResourceType), Status: p.Status,
		Created: aws.ToTime(p.CreationDate), Completed: aws.ToTime(p.CompletionDate), Lifecycle: p.Lifecycle,
	}
}

// lifecycle is what a final copy gets. AWS Backup gives a copy the retention of its source if none is asked for; it is asked
// for all the same, so that the job says it.
func lifecycle(p Point, r Route) *types.Lifecycle {
	if r.Lifecycle != nil {
		return r.Lifecycle
	}
	if p.Lifecycle == nil || p.Lifecycle.DeleteAfterDays == nil && p.Lifecycle.MoveToColdStorageAfterDays == nil {
		return nil
	}
	kept := *p.Lifecycle
	kept.DeleteAfterEvent = "" // not valid as an input
	return &kept
}

// over reports whether a copy with a lifecycle would be deleted at once: retention counts from the creation of the backup.
func over(p Point, l *types.Lifecycle, now time.Time) bool {
	return l != nil && aws.ToInt64(l.DeleteAfterDays) > 0 && !p.Created.AddDate(0, 0, int(*l.DeleteAfterDays)).After(now)
}
