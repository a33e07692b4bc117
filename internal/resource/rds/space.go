package rds

import (
	"context"
	"log/slog"
	"time"

	"strongroom/internal/state"
)

const (
	// lookEvery is how often the keeper of a running database looks at the space that is left for it.
	lookEvery = 10 * time.Second
	// least is the space below which a database counts as having none: PostgreSQL's log, which grows by files of 16 MiB, and MariaDB's
	// need as much to go on. It has space again once there is twice as much, so that its status does not flicker.
	least = 32 << 20
)

const statusFull = "storage-full"

// look is how long the keeper waits before it looks again, unless it is woken; 0 is for ever.
func (k *keeper) look() time.Duration {
	if k.current() == nil {
		return 0
	}
	return lookEvery
}

// full reports whether no space is left on the file system of a database that runs. Where that cannot be found out it is not full:
// what the engine then says counts.
func (k *keeper) full(ctx context.Context, d state.Database) bool {
	if k.current() == nil {
		return false
	}
	free, err := k.fleet.Space(k.fleet.dir(d))
	if err != nil {
		k.fleet.Log.WarnContext(ctx, "looking at the space that is left for a database", slog.String("database", d.ID), slog.Any("error", err))
		return false
	}
	return free < least || (d.Status == statusFull && free < 2*least)
}

// filledUp tells that no space is left for a database that runs. It goes on running, for those who read and those who make space.
func (k *keeper) filledUp(ctx context.Context, d state.Database) error {
	return k.fleet.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		err := tx.SetDatabaseStatus(ctx, d.ID, state.DatabaseRunning, statusFull, messageFull)
		if err != nil {
			return ignoreNotFound(err) // it is wanted to be something else by now
		}
		return tell(ctx, tx, d, eventFull)
	})
}
