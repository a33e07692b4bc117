package rds_test

import (
	"context"
	"testing"
	"time"

	"strongroom/clock"
	"strongroom/internal/state"
)

// reboot restarts the database while its port is taken.
func (h *house) reboot() {
	h.Helper()
	h.taken.Store(true)
	h.update(func(ctx context.Context, tx *state.Tx) error {
		if err := tx.SetDatabaseRestart(ctx, h.database, true); err != nil {
			return err
		}
		return tx.SetDatabaseWanted(ctx, h.database, state.DatabaseRunning, "rebooting")
	})
	h.Tend(h.database)
}

// pass has the fleet live through a while.
func (h *house) pass(while time.Duration) {
	h.Helper()
	for range int(while / time.Second) {
		h.clock.Advance(time.Second)
		time.Sleep(5 * time.Millisecond) // what must not happen has time to
	}
}

// TestPortTakenForAMoment: what holds a port for some seconds costs nobody anything: not the status, nor who waits for the database.
func TestPortTakenForAMoment(t *testing.T) {
	t.Parallel()
	h := newHouseBy(t, clock.NewFrozen(clock.Wall.Now())) // no second passes that the test does not let pass
	h.reboot()
	h.pass(3 * time.Second)
	s := h.enter()
	h.Take(s)
	h.pass(2 * time.Second)
	if d, err := h.Database(t.Context(), h.database); err != nil || d.Status != "rebooting" {
		t.Errorf("after 5 seconds the database is %s, %v", d.Status, err)
	}
	if got := h.status(s.Point); got != "creating" {
		t.Errorf("the snapshot that waits for the database is %s", got)
	}
	h.taken.Store(false)
	h.await(h.database, "available", time.Second)
	for begin := time.Now(); h.status(s.Point) != "available"; {
		if time.Since(begin) > 3*time.Minute {
			t.Fatalf("the snapshot is %s", h.status(s.Point))
		}
		h.clock.Advance(time.Second)
		time.Sleep(10 * time.Millisecond)
	}
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
	h.pass(3 * time.Second)
	if d, err := h.Database(t.Context(), h.database); err != nil || d.Status != "rebooting" {
		t.Errorf("the second time the database is %s after 3 seconds, %v", d.Status, err)
	}
}
