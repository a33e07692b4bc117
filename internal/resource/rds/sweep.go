package rds

import (
	"context"
	"slices"

	"strongroom/internal/state"
)

// Sweep takes up the snapshots that are being written by their rows and by nobody else. It is called now and then.
func (f *Fleet) Sweep(ctx context.Context) error {
	var creating, copying []state.DBSnapshot
	err := f.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if creating, err = tx.DBSnapshotsInStatus(ctx, "creating"); err != nil {
			return err
		}
		copying, err = tx.DBSnapshotsInStatus(ctx, "copying")
		return err
	})
	if err != nil {
		return err
	}
	for _, s := range slices.Concat(creating, copying) {
		f.Take(s)
	}
	return nil
}
