package work

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"strongroom/clock"
	"strongroom/internal/state"
)

// progress writes down how far a job is, at most about once a second.
type progress struct {
	r    *Runner
	ctx  context.Context
	save func(ctx context.Context, tx *state.Tx, percent float64, done int64) error

	mu    sync.Mutex
	saved time.Time
}

func (r *Runner) progress(ctx context.Context, save func(ctx context.Context, tx *state.Tx, percent float64, done int64) error) *progress {
	return &progress{r: r, ctx: ctx, save: save}
}

// report is what kinds and copies call; it may be called by several at once.
func (p *progress) report(done, total int64) {
	now := clock.Wall.Now()
	p.mu.Lock()
	if now.Sub(p.saved) < time.Second {
		p.mu.Unlock()
		return
	}
	p.saved = now
	p.mu.Unlock()
	percent := 99.0
	if total > 0 {
		percent = min(99, 100*float64(done)/float64(total))
	}
	if err := p.r.update(p.ctx, func(ctx context.Context, tx *state.Tx) error { return p.save(ctx, tx, percent, done) }); err != nil && p.ctx.Err() == nil {
		p.r.Log.WarnContext(p.ctx, "could not note a job's progress", slog.String("error", err.Error()))
	}
}
