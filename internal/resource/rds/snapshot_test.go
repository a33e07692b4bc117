package rds_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"strongroom/internal/state"
)

// A snapshot whose end cannot be written down, as on a full disk, goes on until it can; the database can be deleted then.
func TestSnapshotGoesOnUntilItsEndIsWritten(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec(`CREATE TRIGGER full BEFORE UPDATE OF status ON db_snapshots WHEN NEW.status = 'available' BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`)
	s := h.enter()
	h.Take(s)
	short, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err := h.WaitSnapshot(short, s.Point, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("nobody works on the snapshot any more, which is %s (%v)", h.status(s.Point), err)
	}
	h.exec(`DROP TRIGGER full`)
	h.clock.Advance(time.Minute)
	if err := h.WaitSnapshot(t.Context(), s.Point, nil); err != nil || h.status(s.Point) != "available" {
		t.Fatalf("the snapshot is %s (%v), want available", h.status(s.Point), err)
	}
	h.update(func(ctx context.Context, tx *state.Tx) error {
		return tx.SetDatabaseWanted(ctx, h.database, state.DatabaseDeleted, "deleting")
	})
	h.Tend(h.database)
	gone, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for {
		d, err := h.Database(t.Context(), h.database)
		if errors.Is(err, state.ErrNotFound) {
			return
		}
		select {
		case <-gone.Done():
			t.Fatalf("the database is %s (%v), want none", d.Status, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// A snapshot that nobody works on, whatever came of who was to, is taken up, and taking it twice changes nothing.
func TestSweepTakesSnapshotsUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.enter()
	if err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.WaitSnapshot(t.Context(), s.Point, nil); err != nil || h.status(s.Point) != "available" {
		t.Fatalf("the snapshot is %s (%v), want available", h.status(s.Point), err)
	}
	h.Take(s)
	if err := h.WaitSnapshot(t.Context(), s.Point, nil); err != nil {
		t.Fatalf("taking it again: %v", err)
	}
}
