package state_test

import (
	"context"
	"errors"
	"path/filepath"
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
