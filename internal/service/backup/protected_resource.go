package backup

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

func showProtected(p state.RecoveryPoint) types.ProtectedResource {
	return types.ProtectedResource{
		ResourceArn: &p.ResourceARN, ResourceType: &p.ResourceType, ResourceName: optional(p.ResourceName),
		LastBackupTime: p.CreatedAt.Ptr(), LastBackupVaultArn: &p.VaultARN, LastRecoveryPointArn: &p.ARN,
	}
}

// protected lists one page of resources by their newest recovery points.
func (s *Service) protected(ctx context.Context, c *api.Caller, p pages, vaultName *string) (shown []types.ProtectedResource, next *string, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		vault := state.BackupVault{}
		if vaultName != nil {
			if vault, err = findVault(ctx, tx, c, *vaultName); err != nil {
				return err
			}
		}
		newest, err := tx.ProtectedResources(ctx, c.AccountID, c.Region, vault.ARN, p.after.ID, p.limit+1)
		shown, next = cut(p, newest, func(r state.RecoveryPoint) state.Cursor { return state.Cursor{ID: r.ResourceARN} }, showProtected)
		return err
	})
	return shown, next, err
}

// ListProtectedResources lists the resources that the caller has recovery points of, by ARN. It is one of the calls that
// make AWSServiceRoleForBackup.
func (s *Service) ListProtectedResources(ctx context.Context, c *api.Caller, in *backup.ListProtectedResourcesInput) (*backup.ListProtectedResourcesOutput, error) {
	if err := s.offerServiceRole(ctx, c); err != nil {
		return nil, err
	}
	p, err := s.page(c, "ListProtectedResources", in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	results, next, err := s.protected(ctx, c, p, nil)
	return &backup.ListProtectedResourcesOutput{Results: results, NextToken: next}, err
}

// ListProtectedResourcesByBackupVault lists the resources that a vault has recovery points of, by ARN.
func (s *Service) ListProtectedResourcesByBackupVault(ctx context.Context, c *api.Caller, in *backup.ListProtectedResourcesByBackupVaultInput) (*backup.ListProtectedResourcesByBackupVaultOutput, error) {
	p, err := s.page(c, "ListProtectedResourcesByBackupVault:"+*in.BackupVaultName, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	results, next, err := s.protected(ctx, c, p, in.BackupVaultName)
	return &backup.ListProtectedResourcesByBackupVaultOutput{Results: results, NextToken: next}, err
}

// DescribeProtectedResource tells of a resource that the caller has recovery points of.
func (s *Service) DescribeProtectedResource(ctx context.Context, c *api.Caller, in *backup.DescribeProtectedResourceInput) (*backup.DescribeProtectedResourceOutput, error) {
	if aws.ToString(in.ResourceArn) == "" {
		return nil, missing("ResourceArn")
	}
	out := &backup.DescribeProtectedResourceOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		points, err := tx.RecoveryPoints(ctx, state.PointFilter{
			AccountID: c.AccountID, Region: c.Region, ResourceARN: *in.ResourceArn,
			Statuses: []string{state.PointCompleted, state.PointAvailable, state.PointPartial, state.PointExpired},
		}, state.Cursor{}, 1)
		if err != nil {
			return err
		}
		if len(points) == 0 {
			return notFound("Cannot find protected resource %s.", *in.ResourceArn)
		}
		shown := showProtected(points[0])
		*out = backup.DescribeProtectedResourceOutput{
			ResourceArn: shown.ResourceArn, ResourceType: shown.ResourceType, ResourceName: shown.ResourceName,
			LastBackupTime: shown.LastBackupTime, LastBackupVaultArn: shown.LastBackupVaultArn, LastRecoveryPointArn: shown.LastRecoveryPointArn,
		}
		restores, err := tx.RestoreJobs(ctx, state.JobFilter{
			AccountID: c.AccountID, Region: c.Region, ResourceARN: *in.ResourceArn, State: state.JobCompleted,
		}, state.Cursor{}, 1)
		for _, r := range restores {
			out.LatestRestoreJobCreationDate = r.CreatedAt.Ptr()
			out.LatestRestoreRecoveryPointCreationDate = r.PointCreatedAt.Ptr()
			out.LatestRestoreExecutionTimeMinutes = aws.Int64(int64(r.CompletedAt.Time().Sub(r.CreatedAt.Time()) / time.Minute))
		}
		return err
	})
}
