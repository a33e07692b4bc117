package work

import (
	"context"
	"errors"
	"log/slog"

	"strongroom/archive"
	"strongroom/internal/state"
)

// waitsForMemory is what a running job says while it waits for its share of jobs.memory: without it a job would stand at 0 % for hours
// behind big ones, and nobody could tell it from one that hangs.
const waitsForMemory = "The job waits for memory that other jobs hold (jobs.memory)."

// telling has a job say that it waits for memory as long as it does. say writes it down; a job that says nothing more says "".
func (r *Runner) telling(ctx context.Context, jobID string, say func(ctx context.Context, tx *state.Tx, message string) error) context.Context {
	if say == nil {
		return ctx
	}
	return archive.WithWaiting(ctx, func(waiting bool) {
		message := ""
		if waiting {
			message = waitsForMemory
		}
		err := r.update(ctx, func(ctx context.Context, tx *state.Tx) error { return say(ctx, tx, message) })
		if err != nil && ctx.Err() == nil && !errors.Is(err, state.ErrConflict) {
			r.Log.WarnContext(ctx, "could not note that a job waits for memory", slog.String("job", jobID), slog.Any("error", err))
		}
	})
}
