package rds

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// CreateDBClusterParameterGroup makes a group for DB clusters.
func (s *Service) CreateDBClusterParameterGroup(ctx context.Context, c *api.Caller, in *rds.CreateDBClusterParameterGroupInput) (*rds.CreateDBClusterParameterGroupOutput, error) {
	g, err := s.newClusterParameterGroup(ctx, c, in)
	if err != nil {
		return nil, err
	}
	return &rds.CreateDBClusterParameterGroupOutput{DBClusterParameterGroup: describeClusterParameterGroup(g)}, s.enterParameterGroup(ctx, g)
}

func (s *Service) newClusterParameterGroup(ctx context.Context, c *api.Caller, in *rds.CreateDBClusterParameterGroupInput) (state.DBParameterGroup, error) {
	return s.newParameterGroup(ctx, c, state.ClusterParameters, "DBClusterParameterGroupName", in.DBClusterParameterGroupName, in.DBParameterGroupFamily, in.Description, in.Tags)
}

func (s *Service) createClusterParameterGroupAccess(ctx context.Context, c *api.Caller, in *rds.CreateDBClusterParameterGroupInput) ([]api.Access, error) {
	g, err := s.newClusterParameterGroup(ctx, c, in)
	if err != nil {
		return named(err, "rds:CreateDBClusterParameterGroup", nameOf(c, "cluster-pg", in.DBClusterParameterGroupName))
	}
	return newGroupAccess("CreateDBClusterParameterGroup", parameterGroupARN(g), g.Tags), nil
}

// CopyDBClusterParameterGroup makes a group for DB clusters of what another has.
func (s *Service) CopyDBClusterParameterGroup(ctx context.Context, c *api.Caller, in *rds.CopyDBClusterParameterGroupInput) (*rds.CopyDBClusterParameterGroupOutput, error) {
	g, err := s.copyParameterGroup(ctx, c, state.ClusterParameters, in.SourceDBClusterParameterGroupIdentifier, in.TargetDBClusterParameterGroupIdentifier, in.TargetDBClusterParameterGroupDescription, in.Tags)
	if err != nil {
		return nil, err
	}
	return &rds.CopyDBClusterParameterGroupOutput{DBClusterParameterGroup: describeClusterParameterGroup(g)}, nil
}

// DescribeDBClusterParameterGroups lists the groups for DB clusters, or one.
func (s *Service) DescribeDBClusterParameterGroups(ctx context.Context, c *api.Caller, in *rds.DescribeDBClusterParameterGroupsInput) (*rds.DescribeDBClusterParameterGroupsOutput, error) {
	all, err := s.parameterGroups(ctx, c, state.ClusterParameters, in.DBClusterParameterGroupName, in.Filters)
	if err != nil {
		return nil, err
	}
	all, next, err := page(s.Pages, "DescribeDBClusterParameterGroups", c, all, in.MaxRecords, in.Marker, parameterGroupPosition)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBClusterParameterGroupsOutput{Marker: next}
	for _, g := range all {
		out.DBClusterParameterGroups = append(out.DBClusterParameterGroups, *describeClusterParameterGroup(g))
	}
	return out, nil
}

// DeleteDBClusterParameterGroup removes a group that no DB cluster uses.
func (s *Service) DeleteDBClusterParameterGroup(ctx context.Context, c *api.Caller, in *rds.DeleteDBClusterParameterGroupInput) (*rds.DeleteDBClusterParameterGroupOutput, error) {
	return &rds.DeleteDBClusterParameterGroupOutput{}, s.deleteParameterGroup(ctx, c, state.ClusterParameters, in.DBClusterParameterGroupName)
}

// ModifyDBClusterParameterGroup sets parameters of a group for DB clusters.
func (s *Service) ModifyDBClusterParameterGroup(ctx context.Context, c *api.Caller, in *rds.ModifyDBClusterParameterGroupInput) (*rds.ModifyDBClusterParameterGroupOutput, error) {
	name, err := s.setParameters(ctx, c, state.ClusterParameters, in.DBClusterParameterGroupName, in.Parameters)
	return &rds.ModifyDBClusterParameterGroupOutput{DBClusterParameterGroupName: &name}, err
}

// ResetDBClusterParameterGroup takes parameters of a group for DB clusters back to the engine's defaults.
func (s *Service) ResetDBClusterParameterGroup(ctx context.Context, c *api.Caller, in *rds.ResetDBClusterParameterGroupInput) (*rds.ResetDBClusterParameterGroupOutput, error) {
	name, err := s.resetParameters(ctx, c, state.ClusterParameters, in.DBClusterParameterGroupName, in.Parameters, deref(in.ResetAllParameters))
	return &rds.ResetDBClusterParameterGroupOutput{DBClusterParameterGroupName: &name}, err
}

// DescribeDBClusterParameters lists the parameters of a group for DB clusters.
func (s *Service) DescribeDBClusterParameters(ctx context.Context, c *api.Caller, in *rds.DescribeDBClusterParametersInput) (*rds.DescribeDBClusterParametersOutput, error) {
	list, next, err := s.listParameters(ctx, c, "DescribeDBClusterParameters", state.ClusterParameters, in.DBClusterParameterGroupName, in.Source, in.Filters, in.MaxRecords, in.Marker)
	return &rds.DescribeDBClusterParametersOutput{Parameters: list, Marker: next}, err
}

// DescribeEngineDefaultClusterParameters lists the parameters of a family with the engine's defaults.
func (s *Service) DescribeEngineDefaultClusterParameters(ctx context.Context, c *api.Caller, in *rds.DescribeEngineDefaultClusterParametersInput) (*rds.DescribeEngineDefaultClusterParametersOutput, error) {
	defaults, err := s.engineDefaults(ctx, c, "DescribeEngineDefaultClusterParameters", state.ClusterParameters, in.DBParameterGroupFamily, in.MaxRecords, in.Marker)
	return &rds.DescribeEngineDefaultClusterParametersOutput{EngineDefaults: defaults}, err
}

func describeClusterParameterGroup(g state.DBParameterGroup) *types.DBClusterParameterGroup {
	name := parameterGroupARN(g)
	return &types.DBClusterParameterGroup{
		DBClusterParameterGroupArn: &name, DBParameterGroupFamily: &g.Family, DBClusterParameterGroupName: &g.Name, Description: &g.Description,
	}
}

// clusterParameterGroupUsed reports whether a DB cluster is in a group.
func clusterParameterGroupUsed(ctx context.Context, tx *state.Tx, g state.DBParameterGroup) (bool, error) {
	clusters, err := tx.DBClusters(ctx, g.AccountID, g.Region)
	return slices.ContainsFunc(clusters, func(k state.DBCluster) bool { return k.Settings.ParameterGroup == g.Name }), err
}

// clusterParametersNow gives a cluster's database the parameters that its group has now, from its next start on.
func clusterParametersNow(ctx context.Context, tx *state.Tx, k state.DBCluster) error {
	values, err := groupValues(ctx, tx, state.ClusterParameters, k.AccountID, k.Region, k.Settings.ParameterGroup)
	if err != nil {
		return err
	}
	return tx.SetDatabaseParameters(ctx, k.ResourceID, values)
}

// clusterParametersDue reports whether a cluster's database has other parameters than its group.
func clusterParametersDue(ctx context.Context, tx *state.Tx, k cluster) (bool, error) {
	values, err := groupValues(ctx, tx, state.ClusterParameters, k.AccountID, k.Region, k.Settings.ParameterGroup)
	return !maps.Equal(values, k.database.Parameters), err
}

func (s *Service) clusterParameterGroupOperations() []api.Operation {
	const kind = state.ClusterParameters
	return []api.Operation{
		api.Op("", s.CreateDBClusterParameterGroup, s.createClusterParameterGroupAccess),
		api.Op("", s.CopyDBClusterParameterGroup, func(ctx context.Context, c *api.Caller, in *rds.CopyDBClusterParameterGroupInput) ([]api.Access, error) {
			return s.copyParameterGroupAccess(ctx, c, kind, "CopyDBClusterParameterGroup", in.SourceDBClusterParameterGroupIdentifier, in.TargetDBClusterParameterGroupIdentifier, in.Tags)
		}),
		api.Op("", s.DescribeDBClusterParameterGroups, func(_ context.Context, c *api.Caller, in *rds.DescribeDBClusterParameterGroupsInput) ([]api.Access, error) {
			return describeGroupsAccess(c, "DescribeDBClusterParameterGroups", "cluster-pg", in.DBClusterParameterGroupName), nil
		}),
		onParameterGroup(s, kind, s.DeleteDBClusterParameterGroup),
		onParameterGroup(s, kind, s.ModifyDBClusterParameterGroup),
		onParameterGroup(s, kind, s.ResetDBClusterParameterGroup),
		onParameterGroup(s, kind, s.DescribeDBClusterParameters),
		unnamed(s.DescribeEngineDefaultClusterParameters),
	}
}
