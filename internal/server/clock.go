package server

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"strongroom/clock"
	"strongroom/internal/state"
)

// The distance of the service's clock to the machine's outlives the process.
const clockSetting = "clock.offset"

// openClock returns a clock and the function that sets it to where it was left. The store needs the clock to be opened,
// and the clock's distance lies in the store.
func openClock() (*clock.Shifted, func(context.Context, *state.DB) error) {
	c := clock.NewShifted(0)
	return c, func(ctx context.Context, db *state.DB) error {
		return db.View(ctx, func(ctx context.Context, tx *state.Tx) error {
			text, err := tx.Setting(ctx, clockSetting)
			if errors.Is(err, state.ErrNotFound) {
				return nil
			} else if err != nil {
				return err
			}
			offset, err := strconv.ParseInt(string(text), 10, 64)
			if err != nil {
				return fmt.Errorf("reading the clock's offset: %w", err)
			}
			c.Advance(time.Duration(offset))
			return nil
		})
	}
}

// moveClock moves the service's clock, from one thing that is due to the next, and waits each time for the jobs that
// became due.
func (s *Server) moveClock(ctx context.Context, move ClockMove) (Clock, error) {
	s.clockMoves.Lock()
	defer s.clockMoves.Unlock()
	target := move.To
	if move.Advance != 0 {
		target = s.clock.Now().Add(move.Advance)
	}
	if target.IsZero() {
		return s.showClock(), nil
	}
	if target.Before(s.clock.Now()) {
		return Clock{}, fmt.Errorf("the clock shows %s and moves forward only", s.clock.Now().Format(time.RFC3339))
	}
	if !move.DoNotWait {
		if err := s.runner.SettlePolicies(ctx); err != nil {
			return Clock{}, err
		}
	}
	for !move.DoNotWait {
		next, err := s.runner.NextEvent(ctx)
		if err != nil {
			return Clock{}, err
		}
		if next.IsZero() || next.After(target) {
			break
		}
		if d := next.Sub(s.clock.Now()); d > 0 {
			if err := s.advance(ctx, d); err != nil {
				return Clock{}, err
			}
		}
		if err := errors.Join(s.runner.Settle(ctx), s.outbox.Settle(ctx)); err != nil {
			return Clock{}, err
		}
	}
	if d := target.Sub(s.clock.Now()); d > 0 {
		if err := s.advance(ctx, d); err != nil {
			return Clock{}, err
		}
	}
	if !move.DoNotWait {
		// No event announces a removal that was begun before the clock was moved, nor that the record of a job is over, nor what is to be
		// told of either.
		if err := errors.Join(s.runner.SettleRemovals(ctx), s.runner.ForgetOldRecords(ctx), s.outbox.Settle(ctx)); err != nil {
			return Clock{}, err
		}
	}
	return s.showClock(), nil
}

func (s *Server) advance(ctx context.Context, d time.Duration) error {
	offset := s.clock.Offset() + d
	if err := s.db.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		return tx.PutSetting(ctx, clockSetting, []byte(strconv.FormatInt(int64(offset), 10)))
	}); err != nil {
		return err
	}
	s.clock.Advance(d)
	return nil
}

func (s *Server) showClock() Clock { return Clock{Now: s.clock.Now(), Offset: s.clock.Offset()} }
