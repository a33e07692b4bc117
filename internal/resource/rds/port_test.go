package rds_test

import (
	"context"
	"testing"
	"time"

	"strongroom/clock"
	"strongroom/internal/state"
	"strongroom/internal/waittest"
)

// reboot restarts the database while its port is taken.
func (h *house) reboot() {
	h.Helper()
	h.taken.Store(true)
	select {
	case <-h.tried: // by what was before
	default:
	}
	h.update(func(ctx context.Context, tx *state.Tx) error {
		if err := tx.SetDatabaseRestart(ctx, h.database, true); err != nil {
			return err
		}
		return tx.SetDatabaseWanted(ctx, h.database, state.DatabaseRunning, "rebooting")
	})
	h.Tend(h.database)
}

// tries has the database be started so many times more, in vain, a second after the other. Where the clock was moved before the fleet
// looked at it, it is moved once more.
func (h *house) tries(n int) {
	h.Helper()
	for range n {
		tried := false
		waittest.Until(h.T, "a start of the database", func() bool {
			h.clock.Advance(time.Second)
			select {
			case <-h.tried:
				tried = true
			case <-time.After(time.Second):
			}
			return tried
		})
	}
}

// TestPortTakenForAMoment: what holds a port for some seconds costs nobody anything: not the status, nor who waits for the database.
func TestPortTakenForAMoment(t *testing.T) {
	t.Parallel()
	h := newHouseBy(t, clock.NewFrozen(clock.Wall.Now())) // no second passes that the test does not let pass
	h.reboot()
	h.tries(3)
	s := h.enter()
	h.Take(s)
	h.tries(2)
	if d, err := h.Database(t.Context(), h.database); err != nil || d.Status != "rebooting" {
		t.Errorf("after five starts the database is %s, %v", d.Status, err)
	}
	if got := h.status(s.Point); got != "creating" {
		t.Errorf("the snapshot that waits for the database is %s", got)
	}
	h.taken.Store(false)
	h.await(h.database, "available", time.Second)
	waittest.Until(t, "the snapshot to be available", func() bool {
		h.clock.Advance(time.Second)
		return h.status(s.Point) == "available"
	})
	for _, told := range h.events() {
		if told == "books: failure" {
			t.Error("an event tells of a failure")
		}
	}
}

// TestPortTaken: what holds a port longer is told, and the database starts once the port is free, with patience for the next time.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	h := newHouseBy(t, clock.NewFrozen(clock.Wall.Now())) // no second passes that the test does not let pass
	h.reboot()
	h.await(h.database, "incompatible-network", time.Second)
	h.taken.Store(false)
	h.await(h.database, "available", time.Second)
	h.reboot()
	h.tries(3)
	if d, err := h.Database(t.Context(), h.database); err != nil || d.Status != "rebooting" {
		t.Errorf("the second time the database is %s after three starts, %v", d.Status, err)
	}
}
