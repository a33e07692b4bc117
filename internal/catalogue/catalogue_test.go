package catalogue_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gocloud.dev/secrets"
	"gocloud.dev/secrets/localsecrets"

	"strongroom/archive"
	"strongroom/archive/archivetest"
	"strongroom/clock"
	"strongroom/internal/catalogue"
	"strongroom/internal/state"
)

// world is a state whose catalogue is kept in stores in memory.
type world struct {
	t      *testing.T
	db     *state.DB
	root   *secrets.Keeper
	stores map[string]*archivetest.Faulty
	mirror *catalogue.Mirror
	log    bytes.Buffer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, root: localsecrets.NewKeeper([32]byte{1}), stores: map[string]*archivetest.Faulty{}}
	for _, region := range []string{"home", "north"} {
		w.stores[region] = archivetest.NewFaulty(new(archive.Mem))
	}
	w.db = openState(t)
	return w
}

// empty is a state that is new. Making its tables takes longer than a test does.
var empty = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "catalogue-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "state.db")
	db, err := state.Open(context.Background(), path, clock.Wall)
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func openState(t *testing.T) *state.DB {
	t.Helper()
	file, err := empty()
	if err != nil {
		t.Fatal(err)
	}
	return openFile(t, filepath.Join(t.TempDir(), "state.db"), file)
}

// openFile opens a state that is in a file.
func openFile(t *testing.T, path string, file []byte) *state.DB {
	t.Helper()
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := state.Open(t.Context(), path, clock.Wall)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func (w *world) store(_ context.Context, region string) (archive.Store, error) {
	if s := w.stores[region]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("there is no Region %s", region)
}

// start is what a process does when it starts.
func (w *world) start() {
	w.t.Helper()
	id, err := catalogue.StateID(w.t.Context(), w.db, "home")
	if err != nil {
		w.t.Fatal(err)
	}
	w.mirror = catalogue.New(catalogue.Config{
		DB: w.db, Root: w.root, Stores: w.store, Home: "home", StateID: id, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	if err := w.mirror.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) stop() {
	w.t.Helper()
	if err := w.mirror.Stop(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) update(fn func(ctx context.Context, tx *state.Tx) error) {
	w.t.Helper()
	if err := w.db.Update(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// read gives the documents that lie in the stores, by section and key.
func (w *world) read() map[string]state.CatalogueRows {
	w.t.Helper()
	all := map[string]state.CatalogueRows{}
	for name, s := range w.stores {
		found, err := catalogue.Read(w.t.Context(), s.Store, w.root)
		if errors.Is(err, archive.ErrNotExist) {
			continue
		}
		if err != nil || len(found.Damaged) > 0 {
			w.t.Fatalf("reading %s: %+v, %v", name, found.Damaged, err)
		}
		for _, d := range found.Documents {
			all[d.Section+d.Key] = d.Rows
		}
	}
	return all
}

// want gives the documents that should lie there: those of the database.
func (w *world) want() map[string]state.CatalogueRows {
	w.t.Helper()
	all := map[string]state.CatalogueRows{}
	err := w.db.View(w.t.Context(), func(ctx context.Context, tx *state.Tx) error {
		vaults, err := tx.BackupVaults(ctx, "", "")
		if err != nil {
			return err
		}
		keys := []string{`settings[]`}
		for _, v := range vaults {
			keys = append(keys, `vault["`+v.ARN+`"]`)
		}
		holds, err := tx.LegalHolds(ctx, "", "", state.Cursor{}, 0)
		if err != nil {
			return err
		}
		for _, h := range holds {
			keys = append(keys, `hold["`+h.ID+`"]`)
		}
		for _, key := range keys {
			at := strings.Index(key, "[")
			if all[key], err = tx.CatalogueRows(ctx, key[:at], key[at:]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w *world) same() {
	w.t.Helper()
	if diff := cmp.Diff(w.want(), w.read()); diff != "" {
		w.t.Errorf("what lies in the stores is not what the database has (-database +stores):\n%s", diff)
	}
}

func vault(name string) state.BackupVault {
	return state.BackupVault{AccountID: "111111111111", Region: "north", Name: name, ARN: "arn:" + name, Tags: map[string]string{"a": "ä\xff"}}
}

// What is changed is there when the change returns, and what is removed is not.
func TestChangesAreThereWhenTheyReturn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.update(func(ctx context.Context, tx *state.Tx) error { return tx.InsertBackupVault(ctx, vault("before")) }) // a state of former times
	w.start()
	w.update(func(ctx context.Context, tx *state.Tx) error { return tx.InsertBackupVault(ctx, vault("a")) })
	w.same()
	for days := range int64(3) {
		locked := vault("a")
		locked.Locked, locked.MinRetentionDays = true, days
		w.update(func(ctx context.Context, tx *state.Tx) error { return tx.UpdateBackupVault(ctx, locked) })
		w.same()
	}
	w.update(func(ctx context.Context, tx *state.Tx) error { return tx.DeleteBackupVault(ctx, "arn:a") })
	w.same()
	w.update(func(ctx context.Context, tx *state.Tx) error { return tx.PutSetting(ctx, "not awaited", []byte{0xff}) })
	w.stop()
	w.same()
	names, err := archivetest.Names(t.Context(), w.stores["north"], "catalogue/vault/")
	if err != nil || len(names) != 1 {
		t.Errorf("versions that are replaced, or documents that are gone, stay: %q (%v)", names, err)
	}
}

// Nothing is readable without the root key, under another name or changed in a bit, and old versions do not count.
func TestDocumentsAreSealed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	for _, name := range []string{"first-secret", "other-secret"} {
		w.update(func(ctx context.Context, tx *state.Tx) error { return tx.InsertBackupVault(ctx, vault(name)) })
	}
	w.stop()
	store := w.stores["north"].Store
	names, err := archivetest.Names(t.Context(), store, "catalogue/vault/")
	if err != nil || len(names) != 2 {
		t.Fatalf("%q, %v", names, err)
	}
	objects := map[string][]byte{}
	for _, name := range names {
		if objects[name], err = archivetest.Read(t.Context(), store, name); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(objects[name], []byte("secret")) || strings.Contains(name, "secret") {
			t.Errorf("%s shows what should be sealed", name)
		}
	}
	if _, err := catalogue.Read(t.Context(), store, localsecrets.NewKeeper([32]byte{2})); err == nil {
		t.Error("another root key opens the catalogue")
	}
	damaged := func(what string) {
		t.Helper()
		found, err := catalogue.Read(t.Context(), store, w.root)
		if err != nil || len(found.Damaged) != 1 || len(found.Documents) != 1 {
			t.Errorf("%s: %d documents, damaged %+v, %v, want one of each", what, len(found.Documents), found.Damaged, err)
		}
	}
	put := func(data []byte) {
		t.Helper()
		if err := archivetest.Replace(t.Context(), store, names[0], data); err != nil {
			t.Fatal(err)
		}
	}
	for i := range objects[names[0]] {
		bad := bytes.Clone(objects[names[0]])
		bad[i] ^= 4
		put(bad)
		damaged(fmt.Sprintf("byte %d is changed", i))
	}
	put(objects[names[1]])
	damaged("a document in another's place")
	put(objects[names[0]][:30])
	damaged("a document cut short")
}

// A store that fails keeps nobody from working but whoever needs to know; what it missed it gets later.
func TestAStoreThatFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.update(func(ctx context.Context, tx *state.Tx) error { return tx.InsertBackupVault(ctx, vault("a")) })
	w.stores["north"].Strike(0, archivetest.CrashBefore, false)
	w.update(func(ctx context.Context, tx *state.Tx) error { return tx.InsertBackupVault(ctx, vault("b")) })
	err := w.db.UpdateKept(t.Context(), func(ctx context.Context, tx *state.Tx) error { return tx.InsertBackupVault(ctx, vault("c")) })
	if !errors.Is(err, state.ErrNotKept) || !errors.Is(err, archivetest.ErrFault) {
		t.Errorf("a change that has to be kept: %v", err)
	}
	hold := state.LegalHold{ID: "h", AccountID: "111111111111", Region: "home", Status: state.HoldActive}
	if err := w.db.UpdateKept(t.Context(), func(ctx context.Context, tx *state.Tx) error { return tx.InsertLegalHold(ctx, hold) }); err != nil {
		t.Errorf("a change in a Region whose store works: %v", err)
	}
	w.stop() // the process ends with changes that are not stored
	w.stores["north"].Mend()
	w.start()
	w.stop()
	w.same()
}

// Whenever the process dies, or the store is lost between a change and its acknowledgement, the next start stores what is
// missing, and nothing that was removed comes back.
func TestCrashes(t *testing.T) {
	t.Parallel()
	for n := range 10 {
		for _, fault := range []archivetest.Fault{archivetest.Refused, archivetest.Unacknowledged, archivetest.Repeated, archivetest.CrashBefore, archivetest.CrashAfter} {
			w := newWorld(t)
			r := rand.New(rand.NewPCG(uint64(n), 1))
			w.start()
			change := func() {
				name := string(rune('a' + r.IntN(3)))
				w.update(func(ctx context.Context, tx *state.Tx) error {
					v := vault(name)
					_, err := tx.BackupVaultByARN(ctx, v.ARN)
					switch {
					case err != nil:
						return tx.InsertBackupVault(ctx, v)
					case r.IntN(2) == 0:
						return tx.DeleteBackupVault(ctx, v.ARN)
					}
					v.MinRetentionDays = r.Int64()
					return tx.UpdateBackupVault(ctx, v)
				})
			}
			for range 4 {
				change()
			}
			w.stores["north"].Strike(n, fault, true)
			for range 4 {
				change()
			}
			w.stop()
			w.stores["north"].Mend()
			w.start()
			for range n % 3 {
				change()
			}
			w.stop()
			if w.same(); t.Failed() {
				t.Fatalf("operation %d is %s\n%s", n, fault, &w.log)
			}
		}
	}
}

// What was stored makes a database again, and the versions that follow count.
func TestRebuild(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	hold := state.LegalHold{ID: "h", AccountID: "111111111111", Region: "north", Status: state.HoldActive, VaultNames: []string{"a"}}
	point := state.RecoveryPoint{ARN: "p", AccountID: "111111111111", Region: "north", VaultName: "a", VaultARN: "arn:a", Status: state.PointCompleted}
	going := state.RecoveryPoint{ARN: "q", AccountID: "111111111111", Region: "north", VaultName: "b", VaultARN: "arn:b", Status: state.PointDeleting}
	w.update(func(ctx context.Context, tx *state.Tx) error {
		return errors.Join(tx.InsertBackupVault(ctx, vault("a")), tx.InsertLegalHold(ctx, hold), tx.InsertRecoveryPoint(ctx, point), tx.InsertRecoveryPoint(ctx, going))
	})
	w.update(func(ctx context.Context, tx *state.Tx) error { return tx.UpdateBackupVault(ctx, vault("a")) })
	w.stop()
	var documents []catalogue.Document
	for _, s := range w.stores {
		found, err := catalogue.Read(t.Context(), s, w.root)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, found.Documents...)
	}
	w.db = openState(t)
	if foreign, err := catalogue.StateID(t.Context(), openState(t), "home"); err != nil || catalogue.Foreign(t.Context(), w.stores["north"], w.root, foreign) == nil {
		t.Errorf("the catalogue passes for another state's (%v)", err)
	}
	done, err := catalogue.Rebuild(t.Context(), w.db, documents)
	if err != nil || len(done.Refused) > 0 || done.Documents["point"] != 2 {
		t.Fatalf("%+v, %v", done, err)
	}
	w.start()
	w.update(func(ctx context.Context, tx *state.Tx) error {
		held, err := tx.PointHeld(ctx, "p")
		if err != nil || !held {
			t.Errorf("the point is no longer held (%v)", err)
		}
		expired, err := tx.RecoveryPoint(ctx, "q")
		if err != nil || expired.Status != state.PointExpired {
			t.Errorf("a point whose deletion was interrupted is %s (%v), want EXPIRED", expired.Status, err)
		}
		n, err := tx.CountBackupVaults(ctx, "111111111111", "north")
		if err != nil || n != 1 {
			t.Errorf("%d vaults are counted (%v), want 1", n, err)
		}
		return errors.Join(tx.DeleteRecoveryPoint(ctx, "q"), tx.DeleteRecoveryPoint(ctx, "p"))
	})
	locked := vault("a")
	locked.Locked = true
	w.update(func(ctx context.Context, tx *state.Tx) error { return tx.UpdateBackupVault(ctx, locked) })
	w.stop()
	w.same()
}

// A state of an earlier time is put back: from then on what it says counts, also where the time that is forgotten had come further.
func TestAStateOfAnEarlierTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file, err := empty()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "state.db")
	w.db = openFile(t, path, file)
	reopen := func() []byte {
		t.Helper()
		w.stop()
		if err := w.db.Close(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	w.start()
	for _, name := range []string{"changed", "locked", "removed", "gone", "quiet"} {
		w.update(func(ctx context.Context, tx *state.Tx) error { return tx.InsertBackupVault(ctx, vault(name)) })
	}
	earlier := reopen()

	w.db = openFile(t, path, earlier)
	w.start()
	for days := range int64(20) {
		w.update(func(ctx context.Context, tx *state.Tx) error {
			for _, name := range []string{"changed", "locked", "removed"} {
				v := vault(name)
				v.MinRetentionDays = days
				if err := tx.UpdateBackupVault(ctx, v); err != nil {
					return err
				}
			}
			return nil
		})
	}
	w.update(func(ctx context.Context, tx *state.Tx) error { return tx.DeleteBackupVault(ctx, "arn:gone") })
	w.update(func(ctx context.Context, tx *state.Tx) error { return tx.InsertBackupVault(ctx, vault("forgotten")) })
	reopen()

	w.db = openFile(t, path, earlier)
	w.start()
	w.update(func(ctx context.Context, tx *state.Tx) error {
		locked := vault("locked")
		locked.Locked, locked.MinRetentionDays = true, 7
		return errors.Join(tx.UpdateBackupVault(ctx, locked), tx.DeleteBackupVault(ctx, "arn:removed"))
	})
	w.stop()
	got := w.read()
	if _, there := got[`vault["arn:forgotten"]`]; !there {
		t.Error("what the database does not know is removed")
	}
	delete(got, `vault["arn:forgotten"]`)
	if diff := cmp.Diff(w.want(), got); diff != "" {
		t.Errorf("what lies in the stores is not what the database has (-database +stores):\n%s", diff)
	}
	w.update(func(ctx context.Context, tx *state.Tx) error { return tx.InsertBackupVault(ctx, vault("forgotten")) })
	w.start()
	w.stop()
	w.same()
}
