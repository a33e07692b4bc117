package state_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"strongroom/clock"
	"strongroom/internal/state"
)

func open(t *testing.T) *state.DB {
	t.Helper()
	db, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"), clock.Wall)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestUpdateRollsBackOnError(t *testing.T) {
	t.Parallel()
	db := open(t)
	stop := errors.New("stop")
	err := db.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		if err := tx.PutSetting(ctx, "a", []byte("1")); err != nil {
			return err
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Fatalf("Update returned %v, want %v", err, stop)
	}
	err = db.View(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		_, err := tx.Setting(ctx, "a")
		return err
	})
	if !errors.Is(err, state.ErrNotFound) {
		t.Fatalf("a rolled back setting reads %v, want ErrNotFound", err)
	}
}

func TestViewCannotWrite(t *testing.T) {
	t.Parallel()
	db := open(t)
	err := db.View(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		return tx.PutSetting(ctx, "a", []byte("1"))
	})
	if err == nil {
		t.Fatal("a view wrote")
	}
}

// A full disk is told as one, and what was there before still is once there is space.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	db := open(t)
	bound := func(pages int) {
		// The one connection that writes cannot make the file longer, as if the disk were full.
		if _, err := db.Writer().ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	put := func(name string, size int) error {
		return db.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error { return tx.PutSetting(ctx, name, make([]byte, size)) })
	}
	if err := put("before", 1); err != nil {
		t.Fatal(err)
	}
	bound(1) // which SQLite takes for as many as there are
	err := put("large", 1<<20)
	if !errors.Is(err, state.ErrFull) || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("on a full disk it says %v, want %v", err, state.ErrFull)
	}
	bound(1 << 30)
	if err := put("large", 1<<20); err != nil {
		t.Fatalf("with space again: %v", err)
	}
	err = db.View(t.Context(), func(ctx context.Context, tx *state.Tx) error { _, err := tx.Setting(ctx, "before"); return err })
	if err != nil {
		t.Errorf("what was there before: %v", err)
	}
}
