package rds

import (
	"context"
	"errors"
	"strings"
	"time"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// lookAgain is how long a restore waits before it looks again whether its database is there.
const lookAgain = 200 * time.Millisecond

// waitMade waits until a database is made from its source: until it serves, or, where nothing of it is to run, until its storage
// is there. If it comes to nothing, the error says what users are told.
func (f *Fleet) waitMade(ctx context.Context, id string) error {
	for {
		d, err := f.Database(ctx, id)
		switch {
		case errors.Is(err, state.ErrNotFound) || err == nil && d.Wanted == state.DatabaseDeleted:
			return api.Errorf("InvalidDBInstanceState", "The database was deleted while it was being restored.")
		case err != nil:
			return err
		case d.Phase == state.DatabaseReady && (d.Status == statusAvailable || d.Wanted == state.DatabaseStopped):
			return nil
		case hasFailed(d.Status):
			return api.Errorf("InvalidDBInstanceState", "The database is %s. %s", d.Status, d.Message)
		}
		if err := f.rest(ctx, lookAgain); err != nil {
			return err
		}
	}
}

// hasFailed reports whether a status is one of those that tell why a database does not run.
func hasFailed(status string) bool {
	return status == "failed" || status == "storage-full" || strings.HasPrefix(status, "incompatible-") || strings.HasPrefix(status, "inaccessible-")
}

// rest waits for a while, or until there is nothing more to wait for.
func (f *Fleet) rest(ctx context.Context, while time.Duration) error {
	over, stop := f.Wall.Until(f.Wall.Now().Add(while))
	defer stop()
	select {
	case <-over:
		return nil
	case <-f.ctx.Done():
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}
