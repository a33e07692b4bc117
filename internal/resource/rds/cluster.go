package rds

import (
	"context"
	"errors"
	"strings"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// clusterPrefix begins the resource ids of clusters.
const clusterPrefix = "cluster-"

// NewClusterID makes the resource id of a cluster.
func NewClusterID() string { return NewID(clusterPrefix) }

// OfCluster reports whether a database stands behind a cluster. It may be stopped because the cluster has no instances, and there
// are snapshots of it all the same.
func OfCluster(d state.Database) bool { return strings.HasPrefix(d.ID, clusterPrefix) }

// ClusterARN names a DB cluster; the id may be *.
func ClusterARN(account, region, id string) string {
	return arn.New("rds", region, account, "cluster:"+id).String()
}

// ClusterConditions are the condition keys of a DB cluster, be it there or asked for.
func ClusterConditions(c state.DBCluster) map[string][]string {
	return withTags(nil, "rds:cluster-tag/", c.Tags)
}

// CreateClusterSnapshotAccess is what whoever takes a snapshot of a DB cluster must be allowed.
func CreateClusterSnapshotAccess(c state.DBCluster, id string, tags map[string]string) []api.Access {
	const action = "rds:CreateDBClusterSnapshot"
	snapshot := SnapshotARN(state.ClusterSnapshot, c.AccountID, c.Region, id)
	return TaggedOnCreation([]api.Access{
		{Action: action, Resource: ClusterARN(c.AccountID, c.Region, c.ID), ResourceAccountID: c.AccountID, Context: WithRequestTags(ClusterConditions(c), tags)},
		{Action: action, Resource: snapshot, ResourceAccountID: c.AccountID, Context: WithRequestTags(nil, tags)},
	}, snapshot, tags)
}

// ClusterSnapshotOf is the row of a new manual snapshot of a DB cluster.
func ClusterSnapshotOf(c state.DBCluster, d state.Database, id string) state.DBSnapshot {
	s := NewSnapshot(state.ClusterSnapshot, id, d)
	s.SourceID, s.SourceCreated, s.Settings = c.ID, c.CreatedAt, c.Settings
	s.Tags = map[string]string{}
	return s
}

// clusterEvents are what clusters are told where their database's instances are told something else. Of what instances are told
// by themselves clusters hear nothing.
var clusterEvents = map[event]event{
	eventStarted: {"notification", "DB cluster started"},
	eventStopped: {"notification", "DB cluster stopped"},
	eventDeleted: {"deletion", "DB cluster deleted"},
}

var eventClusterCreated = event{"creation", "DB cluster created"}

// tellCluster keeps an event of the DB cluster that a database stands behind, if there is one. That a database without instances
// does not run is nothing to tell.
func tellCluster(ctx context.Context, tx *state.Tx, d state.Database, e event) error {
	if e == (event{}) || !OfCluster(d) {
		return nil
	}
	c, err := tx.DBClusterOf(ctx, d.ID)
	if errors.Is(err, state.ErrNotFound) || (err == nil && e == clusterEvents[eventStopped] && !c.Stopped) {
		return nil
	}
	if err != nil {
		return err
	}
	return tx.InsertDBEvent(ctx, state.DBEvent{
		AccountID: c.AccountID, Region: c.Region, SourceType: "db-cluster", SourceID: c.ID, SourceARN: ClusterARN(c.AccountID, c.Region, c.ID),
		Category: e.category, Message: e.message, At: tx.Now,
	})
}
