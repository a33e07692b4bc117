package task

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"strongroom/internal/state"
)

const (
	firstPause = time.Second
	lastPause  = 30 * time.Second
)

// Insist does what must be done before a task may end, such as writing down how it went: it tries again, after ever longer
// pauses, until fn succeeds or the context ends. A task whose end is written nowhere looks as if it went on for ever, and a full
// disk passes. If fn finds no row any more, that is [state.ErrNotFound], there is nothing to insist on.
func (g *Group) Insist(ctx context.Context, log *slog.Logger, fn func(ctx context.Context) error) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := fn(ctx)
		switch {
		case err == nil || errors.Is(err, state.ErrNotFound):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
		log.ErrorContext(ctx, "trying again", slog.Duration("after", pause), slog.Any("error", err))
		over, stop := g.clock.Until(g.clock.Now().Add(pause))
		select {
		case <-over:
		case <-ctx.Done():
		}
		stop()
	}
}
