package work

import (
	"context"
	"errors"
	"log/slog"

	"golang.org/x/sync/semaphore"

	"strongroom/internal/resource"
	"strongroom/internal/state"
)

// lanes let jobs begin: big ones few at a time, because each fills the processors and takes its share of memory, and small ones
// beside them, so that a small job waits for no big one to end. In each lane who comes first begins first.
type lanes struct{ big, small *semaphore.Weighted }

// bigJob is the size in bytes from which a job is a big one.
const bigJob = 256 << 20

// newLanes makes lanes for jobs at once, of which half may be big; as many small ones go on beside those.
func newLanes(jobs int) lanes {
	return lanes{big: semaphore.NewWeighted(int64(max(1, jobs/2))), small: semaphore.NewWeighted(int64(jobs))}
}

// enter waits until a job of a size may begin. leave lets the next one in.
func (l lanes) enter(ctx context.Context, size int64) (leave func(), err error) {
	lane := l.small
	if size >= bigJob {
		lane = l.big
	}
	if err := lane.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	return func() { lane.Release(1) }, nil
}

// begun works on a job once its lane lets it in. What its size is tells size; a job of which that is not known counts as small.
func (r *Runner) begun(ctx context.Context, jobID string, size func(ctx context.Context, jobID string) (int64, error), work func() error) error {
	bytes, err := size(ctx, jobID)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		r.Log.DebugContext(ctx, "the size of a job is not known", slog.String("job", jobID), slog.String("error", err.Error()))
	}
	leave, err := r.lanes.enter(ctx, bytes)
	if err != nil {
		return err
	}
	defer leave()
	return work()
}

// backupSize is what a backup job reads at most.
func (r *Runner) backupSize(ctx context.Context, jobID string) (int64, error) {
	job, err := view(ctx, r, func(ctx context.Context, tx *state.Tx) (state.BackupJob, error) { return tx.BackupJob(ctx, jobID) })
	if err != nil {
		return 0, err
	}
	kind, named, err := r.kindOf(ctx, job.ResourceARN)
	if err != nil {
		return 0, err
	}
	if s, ok := kind.(resource.Sized); ok {
		return s.Size(ctx, named)
	}
	return 0, nil
}

// copySize and restoreSize are the sizes of the recovery points that jobs begin with.
func (r *Runner) copySize(ctx context.Context, jobID string) (int64, error) {
	return view(ctx, r, func(ctx context.Context, tx *state.Tx) (int64, error) {
		job, err := tx.CopyJob(ctx, jobID)
		if err != nil {
			return 0, err
		}
		point, err := tx.RecoveryPoint(ctx, job.SourcePointARN)
		return point.SizeBytes, err
	})
}

func (r *Runner) restoreSize(ctx context.Context, jobID string) (int64, error) {
	return view(ctx, r, func(ctx context.Context, tx *state.Tx) (int64, error) {
		job, err := tx.RestoreJob(ctx, jobID)
		if err != nil {
			return 0, err
		}
		point, err := tx.RecoveryPoint(ctx, job.PointARN)
		return point.SizeBytes, err
	})
}
