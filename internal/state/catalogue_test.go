package state_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strongroom/clock"
	"strongroom/internal/state"
)

func openCatalogue(t *testing.T) (*state.DB, *sql.DB) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	db, err := state.Open(t.Context(), path, clock.Wall)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db, db.Writer()
}

// Every table is in the catalogue, or stands with a reason among those that are not; and of those that are, no change is missed.
func TestTheCatalogueKnowsEveryTable(t *testing.T) {
	t.Parallel()
	_, raw := openCatalogue(t)
	kept := map[string]bool{}
	for _, table := range state.CatalogueTables() {
		kept[table] = true
		var triggers int
		if err := raw.QueryRow(`SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = $1
			AND name IN ('catalogue_' || $1 || '_insert', 'catalogue_' || $1 || '_update', 'catalogue_' || $1 || '_delete')`, table).Scan(&triggers); err != nil {
			t.Fatal(err)
		}
		if triggers != 3 {
			t.Errorf("%s has %d triggers that note its changes, want 3", table, triggers)
		}
	}
	rows, err := raw.Query(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'goose_%'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			t.Fatal(err)
		}
		if _, not := state.NotInCatalogue[table]; not == kept[table] {
			t.Errorf("%s is neither in the catalogue that is kept outside the database nor among state.NotInCatalogue, or in both", table)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// What a document is written as comes back as the same rows.
func TestCatalogueRowsComeBack(t *testing.T) {
	t.Parallel()
	from, _ := openCatalogue(t)
	to, _ := openCatalogue(t)
	key := state.Key{
		ID: "k", Region: "eu-central-1", AccountID: "111111111111", Manager: "CUSTOMER", Spec: "SYMMETRIC_DEFAULT", Usage: "ENCRYPT_DECRYPT",
		Origin: "AWS_KMS", State: "Enabled", Description: "ä 'quoted' \x01", Policy: `{"a": 1}`, Tags: map[string]string{"a": "b"},
		CreatedAt: 1 << 60, RotationDays: 90,
	}
	material := state.KeyMaterial{ID: "m", KeyID: "k", Region: "eu-central-1", Sequence: 1, Wrapped: []byte{0, 1, 0xff, '{'}, Pending: true}
	update := func(db *state.DB, fn func(context.Context, *state.Tx) error) {
		t.Helper()
		if err := db.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	var changes []state.CatalogueChange
	var rows state.CatalogueRows
	update(from, func(ctx context.Context, tx *state.Tx) error {
		if err := tx.InsertKey(ctx, key); err != nil {
			return err
		}
		return tx.InsertKeyMaterial(ctx, material)
	})
	update(from, func(ctx context.Context, tx *state.Tx) (err error) {
		if changes, err = tx.CatalogueChanges(ctx, 0, 10); err != nil {
			return err
		}
		rows, err = tx.CatalogueRows(ctx, changes[0].Section, changes[0].Key)
		return err
	})
	if len(changes) != 2 || changes[1] != (state.CatalogueChange{Seq: 2, Section: "key", Key: `["k","eu-central-1"]`, Region: "eu-central-1"}) {
		t.Fatalf("the changes are %+v", changes)
	}
	text, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := state.ParseCatalogueRows(text)
	if err != nil {
		t.Fatal(err)
	}
	update(to, func(ctx context.Context, tx *state.Tx) error {
		if err := tx.InsertCatalogueRows(ctx, "key", parsed); err != nil {
			return err
		}
		back, err := tx.Key(ctx, "eu-central-1", "k")
		if err != nil {
			return err
		}
		materials, err := tx.KeyMaterials(ctx, "eu-central-1", "k")
		if diff := cmp.Diff(key, back) + cmp.Diff([]state.KeyMaterial{material}, materials); diff != "" {
			t.Errorf("want -, got +:\n%s", diff)
		}
		return err
	})
}

// Whoever changes what is awaited is told of it, and nobody else is.
func TestUpdateWaitsForTheCatalogue(t *testing.T) {
	t.Parallel()
	db, _ := openCatalogue(t)
	keeper := &failingKeeper{}
	db.KeepCatalogue(keeper)
	hold := func(ctx context.Context, tx *state.Tx) error {
		return tx.InsertLegalHold(ctx, state.LegalHold{ID: string(rune('a' + len(keeper.waited))), AccountID: "1", Region: "r"})
	}
	if err := db.Update(t.Context(), hold); err != nil {
		t.Errorf("a change that could not be kept failed: %v", err)
	}
	if err := db.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error { return tx.PutSetting(ctx, "a", []byte("b")) }); err != nil {
		t.Fatal(err)
	}
	if err := db.UpdateKept(t.Context(), hold); err == nil {
		t.Error("a change that must be kept, and could not be, did not fail")
	}
	if keeper.told != 3 {
		t.Errorf("the keeper was told of %d changes, want 3", keeper.told)
	}
	if diff := cmp.Diff([][2]int64{{0, 1}, {1, 3}}, keeper.waited); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

type failingKeeper struct {
	told   int
	waited [][2]int64
}

func (k *failingKeeper) Changed() { k.told++ }

func (k *failingKeeper) Wait(_ context.Context, after, upTo int64) error {
	k.waited = append(k.waited, [2]int64{after, upTo})
	return context.DeadlineExceeded
}

// What is deleted and forgotten is in no byte of the database's files.
func TestForget(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	db, err := state.Open(t.Context(), path, clock.Wall)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	secret := func(i int) []byte { return bytes.Repeat([]byte{byte(i), 0xa5, byte(i >> 8)}, 40) }
	in := func(i int) (held bool) {
		t.Helper()
		for _, file := range []string{path, path + "-wal"} {
			data, err := os.ReadFile(file)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			held = held || bytes.Contains(data, secret(i))
		}
		return held
	}
	key := func(i int) string { return fmt.Sprintf("%04d", i*7919%400) } // so that pages are balanced again and again
	update := func(fn func(context.Context, *state.Tx) error) {
		t.Helper()
		if err := db.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 400 {
		update(func(ctx context.Context, tx *state.Tx) error {
			return errors.Join(tx.InsertKey(ctx, state.Key{ID: key(i), Region: "r"}),
				tx.InsertKeyMaterial(ctx, state.KeyMaterial{ID: key(i), KeyID: key(i), Region: "r", Sequence: 1, Wrapped: secret(i)}))
		})
	}
	for i := range 40 {
		if !in(i) {
			t.Fatalf("secret %d is nowhere before it is deleted", i)
		}
		update(func(ctx context.Context, tx *state.Tx) error { return tx.DeleteKey(ctx, "r", key(i)) })
		if err := db.Forget(t.Context(), secret(i)); err != nil || in(i) {
			t.Errorf("secret %d is still in the files (%v)", i, err)
		}
	}
	if err := db.Forget(t.Context(), secret(300)); !errors.Is(err, state.ErrRemembered) {
		t.Errorf("forgetting what a row holds: %v", err)
	}
}
