package state_test

import (
	"context"
	"testing"

	"strongroom/internal/state"
)

// TestVaultsAreCounted holds the count that quotas look at against what is there, also after an insertion that fails.
func TestVaultsAreCounted(t *testing.T) {
	t.Parallel()
	db := open(t)
	vault := func(region, name string) state.BackupVault {
		return state.BackupVault{AccountID: "1", Region: region, Name: name, ARN: region + ":" + name}
	}
	count := func(region string) (n int64) {
		t.Helper()
		if err := db.View(t.Context(), func(ctx context.Context, tx *state.Tx) (err error) {
			n, err = tx.CountBackupVaults(ctx, "1", region)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	change := func(fn func(ctx context.Context, tx *state.Tx) error) error { return db.Update(t.Context(), fn) }
	for _, v := range []state.BackupVault{vault("a", "one"), vault("a", "two"), vault("b", "one")} {
		if err := change(func(ctx context.Context, tx *state.Tx) error { return tx.InsertBackupVault(ctx, v) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := change(func(ctx context.Context, tx *state.Tx) error { return tx.InsertBackupVault(ctx, vault("a", "one")) }); err == nil {
		t.Error("a vault was made twice")
	}
	if err := change(func(ctx context.Context, tx *state.Tx) error { return tx.DeleteBackupVault(ctx, "a:two") }); err != nil {
		t.Fatal(err)
	}
	if err := change(func(ctx context.Context, tx *state.Tx) error { return tx.DeleteBackupVault(ctx, "a:none") }); err == nil {
		t.Error("a vault that is not there was deleted")
	}
	if here, all := count("a"), count(""); here != 1 || all != 2 {
		t.Errorf("%d vaults in a Region and %d in all, not 1 and 2", here, all)
	}
}
