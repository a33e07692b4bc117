package rds

import (
	"context"
	"errors"
	"os"

	"strongroom/internal/state"
)

// delete takes a database away, once no snapshot of it is being taken any more. A final snapshot that failed keeps it.
func (k *keeper) delete(ctx context.Context, d state.Database) (more bool, err error) {
	f := k.fleet
	var pending []state.DBSnapshot
	var final state.DBSnapshot
	err = f.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if pending, err = tx.DBSnapshotsOf(ctx, d.ID, "creating"); err != nil || d.FinalSnapshot == "" {
			return err
		}
		final, err = tx.DBSnapshotByPoint(ctx, d.FinalSnapshot)
		return ignoreNotFound(err)
	})
	switch {
	case err != nil:
		return false, err
	case len(pending) > 0 && k.current() == nil && d.Phase == state.DatabaseReady:
		// Also one that was stopped: its final snapshot is taken like any other.
		err := k.start(ctx, d)
		k.set(k.current(), err)
		return err == nil, err
	case len(pending) > 0 || k.inUse():
		return false, nil // who is done wakes the keeper
	case final.Status == "failed":
		return true, f.spare(ctx, d, final)
	}
	if err := errors.Join(k.halt(ctx), os.RemoveAll(f.dir(d)), f.revoke(ctx, d)); err != nil {
		return false, err
	}
	return true, f.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if err := tell(ctx, tx, d, eventDeleted); err != nil {
			return err
		}
		if err := tx.DeleteDBInstancesOf(ctx, d.ID); err != nil {
			return err
		}
		if err := tx.DeleteDBClusterOf(ctx, d.ID); err != nil {
			return err
		}
		return tx.DeleteDatabase(ctx, d.ID)
	})
}

// spare keeps a database whose final snapshot failed.
func (f *Fleet) spare(ctx context.Context, d state.Database, final state.DBSnapshot) error {
	return f.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if err := tx.SetDatabaseFinalSnapshot(ctx, d.ID, ""); err != nil {
			return err
		}
		if err := tx.SetDatabaseWanted(ctx, d.ID, state.DatabaseRunning, "starting"); err != nil {
			return err
		}
		return tell(ctx, tx, d, event{"failure", "The DB instance was not deleted, because its final snapshot " + final.ID + " failed: " + final.Message})
	})
}
