package work

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"strongroom/archive"
	"strongroom/clock"
	"strongroom/internal/state"
)

// watchLifecycles follows the lifecycles of recovery points, and the records of what is over.
func (r *Runner) watchLifecycles(ctx context.Context) {
	r.watch(ctx, "lifecycles", lookAgain, r.FollowLifecycles)
}

// FollowLifecycles does what the clock has made due: recovery points expire or move to cold storage, and old records go.
func (r *Runner) FollowLifecycles(ctx context.Context) error {
	return errors.Join(r.ExpireDuePoints(ctx), r.CoolDuePoints(ctx), r.ForgetOldRecords(ctx))
}

// ExpireDuePoints marks the recovery points whose retention is over as DELETING and enqueues their removal. (AWS Backup
// does so at some moment of the eight hours that follow.) What a legal hold keeps waits for its release.
func (r *Runner) ExpireDuePoints(ctx context.Context) error {
	return r.eachDue(ctx, (*state.Tx).PointsToDelete, func(ctx context.Context, tx *state.Tx, point state.RecoveryPoint) error {
		was := point.Status
		point.Status = state.PointDeleting
		if err := tx.UpdateRecoveryPoint(ctx, point, was); err != nil {
			return err
		}
		if err := r.PutEvent.RecoveryPoint(ctx, tx, point); err != nil {
			return err
		}
		return r.Queue.EnqueueDelete(ctx, tx, point.ARN)
	})
}

// removalPatience is how long a move of the clock waits for removals. One may have to wait itself, for a copy that is tried again say.
const removalPatience = time.Minute

// SettleRemovals waits until no recovery point is being removed, or for a minute. What has long been due and is let go becomes due between
// two moves of the clock, by the cancellation of a legal hold say: the service may have begun with it, or be about to.
func (r *Runner) SettleRemovals(ctx context.Context) error {
	return r.settleRemovals(ctx, removalPatience)
}

func (r *Runner) settleRemovals(ctx context.Context, patience time.Duration) error {
	if err := r.ExpireDuePoints(ctx); err != nil {
		return err
	}
	for until := clock.Wall.Now().Add(patience); ; {
		removing, err := r.Queue.Removing(ctx)
		if err != nil || !removing {
			return err
		}
		if clock.Wall.Now().After(until) {
			r.Log.InfoContext(ctx, "the clock is moved while recovery points are being removed")
			return nil
		}
		if rest(ctx, 20*time.Millisecond, nil); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// CoolDuePoints moves the recovery points that are due to cold storage. They cannot be copied any more; restoring them
// needs nothing else.
func (r *Runner) CoolDuePoints(ctx context.Context) error {
	var cooled []state.RecoveryPoint
	err := r.eachDue(ctx, (*state.Tx).PointsToCool, func(ctx context.Context, tx *state.Tx, point state.RecoveryPoint) error {
		point.StorageClass = "COLD"
		if err := tx.UpdateRecoveryPoint(ctx, point, point.Status); err != nil {
			return err
		}
		cooled = append(cooled, point)
		return r.tell(ctx, tx, ofPoint(point, "was moved to cold storage"))
	})
	if err != nil {
		return err
	}
	for _, point := range cooled {
		r.event(ctx, point.AccountID, point.Region, "BackupTransitionedToCold", pointDetails(point))
	}
	return nil
}

// mostDue is how many points one transaction looks after.
const mostDue = 100

// eachDue calls fn for the points that are due now. They are asked for without the store's lock first, and then anew in
// fn's transaction: a longer retention, or a legal hold, that was acknowledged in between counts.
func (r *Runner) eachDue(ctx context.Context, ask func(*state.Tx, context.Context, state.Micros, int) ([]state.RecoveryPoint, error), fn func(context.Context, *state.Tx, state.RecoveryPoint) error) error {
	due := func(ctx context.Context, tx *state.Tx) ([]state.RecoveryPoint, error) {
		return ask(tx, ctx, tx.Now, mostDue)
	}
	if some, err := view(ctx, r, due); err != nil || len(some) == 0 {
		return err
	}
	return r.update(ctx, func(ctx context.Context, tx *state.Tx) error {
		points, err := due(ctx, tx)
		if err != nil {
			return err
		}
		for _, point := range points {
			if err := fn(ctx, tx, point); err != nil {
				return err
			}
		}
		return nil
	})
}

// recordDays is how long a job is told of after its end; see
// https://docs.aws.amazon.com/aws-backup/latest/devguide/API_ListBackupJobs.html.
const recordDays = 30

// ForgetOldRecords removes the jobs that have been over for thirty days, and the legal holds whose records were to be
// kept until now.
func (r *Runner) ForgetOldRecords(ctx context.Context) error {
	before := func(tx *state.Tx) state.Micros { return state.MicrosOf(tx.Now.Time().AddDate(0, 0, -recordDays)) }
	old, err := view(ctx, r, func(ctx context.Context, tx *state.Tx) (bool, error) {
		jobs, err := tx.JobsDoneBefore(ctx, before(tx))
		if jobs || err != nil {
			return jobs, err
		}
		return tx.LegalHoldsToForget(ctx)
	})
	if err != nil || !old {
		return err
	}
	return r.update(ctx, func(ctx context.Context, tx *state.Tx) error {
		return errors.Join(tx.ForgetJobs(ctx, before(tx)), tx.ForgetLegalHolds(ctx))
	})
}

// How often garbage is looked for, by the machine's clock: it is the machine's disk that fills.
const collectEvery = 15 * time.Minute

// watchGarbage collects what no recovery point reaches any more.
func (r *Runner) watchGarbage(ctx context.Context) {
	for {
		if rest(ctx, collectEvery, nil); ctx.Err() != nil {
			return
		}
		if _, err := r.collect(ctx, archive.CollectOptions{}); err != nil && ctx.Err() == nil {
			r.Log.ErrorContext(ctx, "collecting garbage", slog.String("error", err.Error()))
		}
		for _, sweep := range r.Sweep {
			if err := sweep(ctx); err != nil && ctx.Err() == nil {
				r.Log.ErrorContext(ctx, "sweeping", slog.String("error", err.Error()))
			}
		}
	}
}
