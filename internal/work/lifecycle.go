package work

import (
	"context"
	"log/slog"
	"time"

	"strongroom/internal/state"
)

// watchLifecycles deletes recovery points whose retention is over.
func (r *Runner) watchLifecycles(ctx context.Context) {
	r.watch(ctx, "lifecycles", lookAgain, r.ExpireDuePoints)
}

// ExpireDuePoints marks the recovery points whose retention is over as DELETING and enqueues their removal. (AWS Backup
// does so at some moment of the eight hours that follow.)
func (r *Runner) ExpireDuePoints(ctx context.Context) error {
	due, err := view(ctx, r, pointsDue)
	if err != nil || len(due) == 0 {
		return err
	}
	return r.update(ctx, func(ctx context.Context, tx *state.Tx) error {
		// Asked anew: a longer retention that was acknowledged in between counts.
		if due, err = pointsDue(ctx, tx); err != nil {
			return err
		}
		for _, point := range due {
			was := point.Status
			point.Status = state.PointDeleting
			if err := tx.UpdateRecoveryPoint(ctx, point, was); err != nil {
				return err
			}
			if err := r.Queue.EnqueueDelete(ctx, tx, point.ARN); err != nil {
				return err
			}
		}
		return nil
	})
}

func pointsDue(ctx context.Context, tx *state.Tx) ([]state.RecoveryPoint, error) {
	return tx.PointsToDelete(ctx, tx.Now, 100)
}

// How often garbage is looked for, by the machine's clock: it is the machine's disk that fills.
const collectEvery = 15 * time.Minute

// watchGarbage collects what no recovery point reaches any more.
func (r *Runner) watchGarbage(ctx context.Context) {
	for {
		if rest(ctx, collectEvery, nil); ctx.Err() != nil {
			return
		}
		if _, err := r.Collect(ctx); err != nil && ctx.Err() == nil {
			r.Log.ErrorContext(ctx, "collecting garbage", slog.String("error", err.Error()))
		}
		for _, sweep := range r.Sweep {
			if err := sweep(ctx); err != nil && ctx.Err() == nil {
				r.Log.ErrorContext(ctx, "sweeping", slog.String("error", err.Error()))
			}
		}
	}
}
