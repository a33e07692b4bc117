package rds

import (
	"context"

	"strongroom/internal/state"
)

// event is what users are told by DescribeEvents: a category and a text of
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html
type event struct{ category, message string }

var (
	eventCreated   = event{"creation", "DB instance created"}
	eventRestored  = event{"availability", "DB instance restarted"}
	eventEnded     = event{"recovery", "Recovery of the DB instance has started. Recovery time will vary with the amount of data to be recovered."}
	eventStarted   = event{"notification", "DB instance started"}
	eventRecovered = event{"recovery", "Recovery of the DB instance is complete."}
	eventShutdown  = event{"availability", "DB instance shutdown"}
	eventStopped   = event{"notification", "DB instance stopped"}
	eventDeleted   = event{"deletion", "DB instance deleted"}
	eventFull      = event{"low storage", messageFull}
)

// becameAvailable is what there is to tell of a database that runs now and had another status.
func becameAvailable(before string) event {
	switch before {
	case "creating":
		return eventCreated
	case "rebooting":
		return eventRestored
	case "starting", statusStopped:
		return eventStarted
	}
	return eventRecovered
}

// tell keeps an event of the DB instances, or the cluster, that a database stands behind.
func tell(ctx context.Context, tx *state.Tx, d state.Database, e event) error {
	instances, err := tx.DBInstancesOf(ctx, d.ID)
	if err != nil {
		return err
	}
	for _, i := range instances {
		err := tx.InsertDBEvent(ctx, state.DBEvent{
			AccountID: d.AccountID, Region: d.Region, SourceType: "db-instance", SourceID: i.ID, SourceARN: InstanceARN(i.AccountID, i.Region, i.ID),
			Category: e.category, Message: e.message, At: tx.Now,
		})
		if err != nil {
			return err
		}
	}
	return tellCluster(ctx, tx, d, clusterEvents[e])
}

// tellSnapshot keeps an event of a snapshot.
func tellSnapshot(ctx context.Context, tx *state.Tx, s state.DBSnapshot, e event) error {
	source := "db-snapshot"
	if s.Kind == state.ClusterSnapshot {
		source = "db-cluster-snapshot"
	}
	return tx.InsertDBEvent(ctx, state.DBEvent{
		AccountID: s.AccountID, Region: s.Region, SourceType: source, SourceID: s.ID, SourceARN: SnapshotARN(s.Kind, s.AccountID, s.Region, s.ID),
		Category: e.category, Message: e.message, At: tx.Now,
	})
}
