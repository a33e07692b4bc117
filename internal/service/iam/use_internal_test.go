package iam

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"

	"strongroom/clock"
	"strongroom/internal/state"
)

func newUses(t *testing.T) (*state.DB, *uses) {
	t.Helper()
	db, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"), clock.Wall)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db, &uses{db: db, clock: clock.Wall, log: slog.New(slog.DiscardHandler)}
}

// Whoever notes a use waits for no writer; what is noted meanwhile is known, and is written together afterwards.
func TestUsesAreNotedWhileSomebodyWrites(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, u := newUses(t)
	const calls = 50
	err := db.Update(ctx, func(context.Context, *state.Tx) error { // as long as this lasts, nobody else writes
		for i := range calls {
			u.note(ctx, called{"111111111111", fmt.Sprint("AIDA", i), "", "kms", "Encrypt", "eu-central-1"})
			u.note(ctx, called{"111111111111", fmt.Sprint("AIDA", i), "", "kms", "Encrypt", "eu-central-1"}) // it is known already
		}
		u.note(ctx, called{"111111111111", "AIDAGONE", "AKIAGONE", "kms", "Encrypt", "eu-central-1"}) // which is deleted, and keeps none of the others
		if n := len(u.unwritten()); n != calls+1 {
			t.Errorf("%d uses wait, not %d", n, calls+1)
		}
		short, stop := context.WithCancel(ctx)
		stop()
		if u.settle(short) == nil {
			t.Error("whoever wants them written does not wait")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := u.settle(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(u.unwritten()); n != 0 {
		t.Errorf("%d uses still wait", n)
	}
	err = db.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		for i := range calls {
			if last, err := tx.LastPrincipalUse(ctx, "111111111111", fmt.Sprint("AIDA", i)); err != nil || last.Action != "Encrypt" {
				t.Errorf("of the user %d the last use is %+v, %v", i, last, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A use that is written while somebody looks, after his transaction has begun, is shown all the same.
func TestUsesAreShownWhileTheyAreWritten(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, u := newUses(t)
	role := state.Role{AccountID: "111111111111", ID: "AROA"}
	looking, written, looked := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	err := db.Update(ctx, func(context.Context, *state.Tx) error { // as long as this lasts, nobody else writes
		u.note(ctx, called{role.AccountID, role.ID, "", "kms", "Encrypt", "eu-central-1"})
		go func() {
			looked <- u.view(ctx, func(ctx context.Context, tx *state.Tx, unwritten []noted) error {
				if _, err := tx.PrincipalUses(ctx, role.AccountID, role.ID); err != nil {
					return err
				}
				close(looking)
				<-written
				found, err := withLastUse(ctx, tx, role, unwritten...)
				if err == nil && found.LastUsedRegion != "eu-central-1" {
					t.Errorf("the role was last used in %q", found.LastUsedRegion)
				}
				return err
			})
		}()
		<-looking
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := u.settle(ctx); err != nil {
		t.Fatal(err)
	}
	close(written)
	if err := <-looked; err != nil {
		t.Error(err)
	}
}
