package rds_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"strongroom/clock"
	"strongroom/internal/service/rds"
	"strongroom/internal/state"
)

// Events are kept for fourteen days of the service's clock, of whatever account they are.
func TestOldEventsAreForgotten(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now := clock.NewFrozen(start)
	db, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	err = db.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		for account, at := range map[string]time.Duration{"111111111111": 0, "222222222222": time.Hour, "333333333333": 2 * time.Hour} {
			e := state.DBEvent{AccountID: account, Region: region, SourceType: "db-instance", SourceID: "i", Category: "creation", Message: "m", At: state.MicrosOf(start.Add(at))}
			if err := tx.InsertDBEvent(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	service := rds.New(rds.Config{DB: db})
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{13 * 24 * time.Hour, 3}, {14*24*time.Hour + 30*time.Minute, 2}, {14*24*time.Hour + 90*time.Minute, 1}, {15 * 24 * time.Hour, 0}} {
		now.Advance(start.Add(step.after).Sub(now.Now()))
		if err := service.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		left := 0
		err := db.View(t.Context(), func(ctx context.Context, tx *state.Tx) error {
			for _, account := range []string{"111111111111", "222222222222", "333333333333"} {
				events, err := tx.DBEvents(ctx, account, region, 0, state.MicrosOf(start.Add(24*time.Hour)))
				if err != nil {
					return err
				}
				left += len(events)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if left != step.want {
			t.Errorf("%v after the first event %d are left, want %d", step.after, left, step.want)
		}
	}
}
