package work

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"sync"
	"time"

	"strongroom/clock"
	"strongroom/internal/state"
)

// Scrub says how the archives are read anew in the background.
type Scrub struct {
	Rate  float64       // bytes a second; 0 for not at all
	Every time.Duration // how long a pack may lie unread
}

// Parts of [Scrub.Every].
const (
	scrubPasses = 30          // in how many passes it goes at least
	scrubLook   = time.Minute // how often it is seen whether a pass is due, at most
	scrubYield  = 4           // by what it slows down while jobs are at work
)

// lastScrub is the setting that says when the last pass ended.
const lastScrub = "scrub.last"

// pass is how long one pass is after the other.
func (s Scrub) pass() time.Duration { return min(s.Every/scrubPasses, 24*time.Hour) }

// watchScrub reads the archives anew, slowly, so that what decays on a disk is found while there is a copy to mend it from.
// It goes by the machine's clock, whose disks they are. Where it is stands in the state, pack by pass, and outlasts restarts.
func (r *Runner) watchScrub(ctx context.Context) {
	if r.Scrub.Rate <= 0 || r.Scrub.Every <= 0 {
		return
	}
	for {
		if err := r.scrubIfDue(ctx); err != nil && ctx.Err() == nil {
			r.Log.ErrorContext(ctx, "scrubbing the archives", slog.String("error", err.Error()))
		}
		if rest(ctx, min(scrubLook, r.Scrub.pass()), nil); ctx.Err() != nil {
			return
		}
	}
}

func (r *Runner) scrubIfDue(ctx context.Context) error {
	value, err := view(ctx, r, func(ctx context.Context, tx *state.Tx) ([]byte, error) { return tx.Setting(ctx, lastScrub) })
	switch {
	case errors.Is(err, state.ErrNotFound): // the first pass is due when there has been time to store something
		return r.noteScrub(ctx)
	case err != nil:
		return err
	case len(value) == 8 && within(r.Scrub.pass(), state.Micros(binary.BigEndian.Uint64(value))):
		return nil
	}
	turn, done, ok := r.readings.scrub(ctx)
	if !ok {
		return nil // somebody reads them already
	}
	defer done()
	began := clock.Wall.Now()
	report, err := r.scrub(turn)
	if err != nil && errors.Is(context.Cause(turn), errGaveWay) {
		r.Log.InfoContext(ctx, "the scrub goes on later", slog.String("cause", errGaveWay.Error()))
		return nil
	} else if err != nil {
		return err
	}
	r.Log.InfoContext(ctx, "scrubbed the archives", slog.Int("archives", report.Archives), slog.Int("packs", report.Packs),
		slog.Uint64("bytes", report.Bytes), slog.Int("damages", len(report.Damage)), slog.Int("skipped", len(report.Skipped)),
		slog.Duration("took", clock.Wall.Now().Sub(began)))
	return r.noteScrub(ctx)
}

func (r *Runner) noteScrub(ctx context.Context) error {
	now := binary.BigEndian.AppendUint64(nil, uint64(state.MicrosOf(clock.Wall.Now())))
	return r.update(ctx, func(ctx context.Context, tx *state.Tx) error { return tx.PutSetting(ctx, lastScrub, now) })
}

// scrub reads what was not read for long enough, and follows the recovery points of archives where that was not done for as
// long.
func (r *Runner) scrub(ctx context.Context) (Report, error) {
	last, err := view(ctx, r, func(ctx context.Context, tx *state.Tx) ([]state.ArchiveVerification, error) {
		return tx.ArchiveVerifications(ctx)
	})
	if err != nil {
		return Report{}, err
	}
	followed := map[string]bool{}
	for _, v := range last {
		followed[v.Archive] = within(r.Scrub.Every, v.EndedAt)
	}
	p := &pacer{r: r}
	return r.verifyAll(ctx, VerifyRequest{
		Since: r.Scrub.Every, by: "scrub", pace: p.wait, dataOnly: func(archiveID string) bool { return followed[archiveID] },
	})
}

// within tells whether something was less than some time ago. What is yet to come was written down by a clock that was wrong, and
// keeps nobody from reading until then.
func within(d time.Duration, at state.Micros) bool {
	ago := clock.Wall.Now().Sub(at.Time())
	return ago >= 0 && ago < d
}

// A pacer lets bytes pass at the rate of the scrub, and at a part of it while jobs are at work.
type pacer struct {
	r *Runner

	mu   sync.Mutex // guards next
	next time.Time
}

func (p *pacer) wait(ctx context.Context, bytes int) error {
	rate := p.r.Scrub.Rate
	if p.r.atWork.Load() > 0 {
		rate /= scrubYield
	}
	now := clock.Wall.Now()
	p.mu.Lock()
	turn := p.next
	if turn.Before(now) {
		turn = now
	}
	p.next = turn.Add(time.Duration(float64(bytes) / rate * float64(time.Second)))
	p.mu.Unlock()
	if turn.After(now) {
		rest(ctx, turn.Sub(now), nil)
	}
	return ctx.Err()
}
