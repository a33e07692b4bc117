// Package rds is RDS's API: DB instances, DB clusters and their snapshots, for the engines of RDS, Aurora, DocumentDB and
// Neptune, which share it. What stands behind them the fleet runs, package internal/resource/rds; here are the names, the
// settings, and what may be done when.
package rds

import (
	"log/slog"
	"slices"

	"strongroom/clock"
	"strongroom/internal/api"
	pages "strongroom/internal/page"
	fleet "strongroom/internal/resource/rds"
	"strongroom/internal/state"
)

// Config is what the service needs.
type Config struct {
	DB    *state.DB
	Clock clock.Clock // the service's time
	Fleet *fleet.Fleet
	Door  *api.Door
	// Pages seals the tokens of lists.
	Pages *pages.Sealer
	Log   *slog.Logger // nil means slog.Default()
}

// Service is RDS in every account and Region. Its methods may be called at once.
type Service struct{ Config }

// New returns the service.
func New(c Config) *Service {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Service{c}
}

// API is the table of the service's operations. Each file that has operations has its rows.
func (s *Service) API() *api.Service {
	return &api.Service{
		Name: "rds", EventSource: "rds.amazonaws.com", AccessDenied: "AccessDenied", Authorization: authorization,
		Operations: slices.Concat(
			s.instanceOperations(),
			s.powerOperations(),
			s.snapshotOperations(),
			s.clusterOperations(),
			s.clusterSnapshotOperations(),
			s.globalClusterOperations(),
			s.snapshotSharingOperations(),
			s.parameterGroupOperations(),
			s.clusterParameterGroupOperations(),
			s.subnetGroupOperations(),
			s.optionGroupOperations(),
			s.engineOperations(),
			s.tagOperations(),
		),
	}
}

func (s *Service) instanceOperations() []api.Operation {
	return []api.Operation{
		api.Op("", s.CreateDBInstance, s.createInstanceAccess),
		api.Op("", s.DescribeDBInstances, s.describeInstancesAccess),
		api.Op("", s.DeleteDBInstance, s.deleteInstanceAccess),
		api.Op("", s.RestoreDBInstanceFromDBSnapshot, s.restoreInstanceAccess),
	}
}

func (s *Service) snapshotOperations() []api.Operation {
	return []api.Operation{
		api.Op("", s.CreateDBSnapshot, s.createSnapshotAccess),
		api.Op("", s.DescribeDBSnapshots, s.describeSnapshotsAccess),
		api.Op("", s.DeleteDBSnapshot, s.deleteSnapshotAccess),
	}
}

func (s *Service) clusterOperations() []api.Operation {
	return []api.Operation{
		api.Op("", s.CreateDBCluster, s.createClusterAccess),
		api.Op("", s.DescribeDBClusters, s.describeClustersAccess),
		api.Op("", s.DescribeDBClusterEndpoints, s.describeClusterEndpointsAccess),
		api.Op("", s.ModifyDBCluster, s.modifyClusterAccess),
		api.Op("", s.StartDBCluster, s.startClusterAccess),
		api.Op("", s.StopDBCluster, s.stopClusterAccess),
		api.Op("", s.RebootDBCluster, s.rebootClusterAccess),
		api.Op("", s.FailoverDBCluster, s.failoverClusterAccess),
		api.Op("", s.DeleteDBCluster, s.deleteClusterAccess),
		api.Op("", s.RestoreDBClusterFromSnapshot, s.restoreClusterAccess),
	}
}

func (s *Service) clusterSnapshotOperations() []api.Operation {
	return []api.Operation{
		api.Op("", s.CreateDBClusterSnapshot, s.createClusterSnapshotAccess),
		api.Op("", s.DescribeDBClusterSnapshots, s.describeClusterSnapshotsAccess),
		api.Op("", s.CopyDBClusterSnapshot, s.copyClusterSnapshotAccess),
		api.Op("", s.DescribeDBClusterSnapshotAttributes, s.describeClusterSnapshotAttributesAccess),
		api.Op("", s.ModifyDBClusterSnapshotAttribute, s.modifyClusterSnapshotAttributeAccess),
		api.Op("", s.DeleteDBClusterSnapshot, s.deleteClusterSnapshotAccess),
	}
}

// deref reads an optional field of the SDK; nil is the zero value.
func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// text is an optional text of an answer: nil for "".
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// number is an optional number of an answer: nil for 0.
func number(n int32) *int32 {
	if n == 0 {
		return nil
	}
	return &n
}
