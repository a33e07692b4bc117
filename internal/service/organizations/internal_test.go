package organizations

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"strongroom/clock"
	"strongroom/internal/state"
)

// A batch that was evaluated before something changed writes nothing.
func TestOvertakenBatch(t *testing.T) {
	t.Parallel()
	c := clock.NewShifted(0)
	db, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	const id, accountID = "o-a1b2c3d4e5", "111111111111"
	kind := typeOf(state.OrganizationPolicy{Type: "BACKUP_POLICY"})
	s := New(Config{DB: db, Clock: c})
	count := func() {
		t.Helper()
		err := db.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error {
			return tx.CountPolicyChange(ctx, id, string(kind.name))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	err = db.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		return tx.InsertAccount(ctx, state.Account{ID: accountID, Name: "n", Email: "n@example.com", Status: active, OrganizationID: id})
	})
	if err != nil {
		t.Fatal(err)
	}
	count()
	outcomes := map[string]outcome{accountID: {content: `{"plans":{}}`}}
	write := func(number int64) error {
		return s.follow(t.Context(), id, kind, state.PolicyChange{Number: number}, []string{accountID}, outcomes)
	}
	version := func() (version int64) {
		t.Helper()
		err := db.View(t.Context(), func(ctx context.Context, tx *state.Tx) error {
			row, err := tx.EffectivePolicy(ctx, accountID, string(kind.name))
			version = row.Version
			return err
		})
		if err != nil && !errors.Is(err, state.ErrNotFound) {
			t.Fatal(err)
		}
		return version
	}
	count()
	if err := write(1); !errors.Is(err, errOvertaken) || version() != 0 {
		t.Errorf("overtaken: %v, version %d", err, version())
	}
	for range 2 {
		if err := write(2); err != nil || version() != 1 {
			t.Errorf("in time: %v, version %d", err, version())
		}
	}
}
