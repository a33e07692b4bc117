package rds

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// DescribeAccountAttributes tells how much of RDS the account has in the Region, and how much it may have. Only the limits of
// groups are enforced: those of databases are the host's.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html
func (s *Service) DescribeAccountAttributes(ctx context.Context, c *api.Caller, _ *rds.DescribeAccountAttributesInput) (*rds.DescribeAccountAttributesOutput, error) {
	out := &rds.DescribeAccountAttributesOutput{}
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		instances, err := tx.DBInstances(ctx, c.AccountID, c.Region)
		if err != nil {
			return err
		}
		snapshots, err := tx.DBSnapshots(ctx, state.InstanceSnapshot, c.AccountID, c.Region)
		if err != nil {
			return err
		}
		groups, err := tx.DBParameterGroups(ctx, state.InstanceParameters, c.AccountID, c.Region)
		if err != nil {
			return err
		}
		clusterGroups, err := tx.DBParameterGroups(ctx, state.ClusterParameters, c.AccountID, c.Region)
		if err != nil {
			return err
		}
		subnetGroups, err := tx.DBSubnetGroups(ctx, c.AccountID, c.Region)
		if err != nil {
			return err
		}
		optionGroups, err := tx.OptionGroups(ctx, c.AccountID, c.Region)
		if err != nil {
			return err
		}
		storage, manual := 0, 0
		for _, i := range instances {
			storage += int(i.Settings.AllocatedStorage)
		}
		for _, snap := range snapshots {
			if snap.Type == "manual" {
				manual++
			}
		}
		for _, quota := range []struct {
			name      string
			used, max int
		}{
			{"DBInstances", len(instances), 40},
			{"AllocatedStorage", storage, 100000},
			{"ManualSnapshots", manual, 100},
			{"DBParameterGroups", len(groups), mostParameterGroups},
			{"DBSubnetGroups", len(subnetGroups), mostSubnetGroups},
			{"OptionGroups", len(optionGroups), mostOptionGroups},
			{"DBClusterParameterGroups", len(clusterGroups), mostParameterGroups},
		} {
			used, most := int64(quota.used), int64(quota.max)
			out.AccountQuotas = append(out.AccountQuotas, types.AccountQuota{AccountQuotaName: &quota.name, Used: &used, Max: &most})
		}
		return nil
	})
	return out, err
}
