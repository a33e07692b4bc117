package catalogue_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"strongroom/archive"
	"strongroom/archive/archivetest"
	"strongroom/internal/catalogue"
	"strongroom/internal/state"
)

// insert makes vaults.
func (w *world) insert(names ...string) {
	w.t.Helper()
	for _, name := range names {
		w.update(func(ctx context.Context, tx *state.Tx) error { return tx.InsertBackupVault(ctx, vault(name)) })
	}
}

// documents lists the objects of vaults in the north.
func (w *world) documents() []string {
	w.t.Helper()
	names, err := archivetest.Names(w.t.Context(), w.stores["north"].Store, "catalogue/vault/")
	if err != nil {
		w.t.Fatal(err)
	}
	return names
}

// Whoever can add objects to a store hides nothing by a version that seems newer.
func TestANewerVersionThatDoesNotOpenHidesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.insert("a")
	w.stop()
	document, _, _ := strings.Cut(w.documents()[0], ".")
	if err := w.stores["north"].Store.Create(t.Context(), document+".7fffffffffffffff", []byte("anything")); err != nil {
		t.Fatal(err)
	}
	found, err := catalogue.Read(t.Context(), w.stores["north"].Store, w.root)
	if err != nil || len(found.Damaged) != 1 || len(found.Documents) != 1 {
		t.Errorf("%d documents, damaged %+v, %v, want one of each", len(found.Documents), found.Damaged, err)
	}
	w.start() // and takes no numbers away
	w.insert("b")
	w.stop()
	w.same()
}

// What decays in a store, or is taken away there, is found while the database is there, and stored anew out of it.
func TestCheckFindsAndMends(t *testing.T) {
	t.Parallel()
	for what, harm := range map[string]func(ctx context.Context, s archive.Store, names []string) error{
		"a bit": func(ctx context.Context, s archive.Store, names []string) error {
			data, err := archivetest.Read(ctx, s, names[0])
			if err != nil {
				return err
			}
			data[len(data)-1] ^= 1
			return archivetest.Replace(ctx, s, names[0], data)
		},
		"a document that is missing": func(ctx context.Context, s archive.Store, names []string) error { return s.Delete(ctx, names[1]) },
		"a document in another's place": func(ctx context.Context, s archive.Store, names []string) error {
			data, err := archivetest.Read(ctx, s, names[0])
			if err != nil {
				return err
			}
			return archivetest.Replace(ctx, s, names[1], data)
		},
		"something that is no document": func(ctx context.Context, s archive.Store, names []string) error {
			return s.Create(ctx, strings.Replace(names[0], ".0", ".7", 1), []byte("anything"))
		},
		"the data key that is missing": func(ctx context.Context, s archive.Store, _ []string) error {
			return s.Delete(ctx, "catalogue/data.key")
		},
		"the data key that is damaged": func(ctx context.Context, s archive.Store, _ []string) error {
			return archivetest.Replace(ctx, s, "catalogue/data.key", []byte("{"))
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.start()
			w.insert("a", "b", "c")
			damaged := func(mend bool) (found, healed int) {
				t.Helper()
				all, err := w.mirror.Check(t.Context(), mend)
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range all {
					found, healed = found+len(c.Damage), healed+len(c.Healed)
				}
				return found, healed
			}
			if found, _ := damaged(false); found != 0 {
				t.Fatalf("%d damages are found where nothing was done", found)
			}
			if err := harm(t.Context(), w.stores["north"].Store, w.documents()); err != nil {
				t.Fatal(err)
			}
			if found, healed := damaged(false); found != 1 || healed != 0 {
				t.Errorf("%d damages are found and %d mended, want one found", found, healed)
			}
			if found, healed := damaged(true); found != 0 || healed == 0 {
				t.Errorf("%d damages are left and %d are mended", found, healed)
			}
			if found, _ := damaged(false); found != 0 {
				t.Errorf("%d damages are found after all was mended", found)
			}
			w.insert("d")
			w.stop()
			w.same()
		})
	}
}

// What the root key wraps for others, and somebody knows, does not pass for a data key.
func TestOnlyItsOwnDataKeyOpensACatalogue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.insert("a")
	w.stop()
	store := w.stores["north"].Store
	was, err := archivetest.Read(t.Context(), store, "catalogue/data.key")
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]any
	if err := json.Unmarshal(was, &file); err != nil {
		t.Fatal(err)
	}
	put := func(key string, value any) {
		t.Helper()
		changed := maps.Clone(file)
		changed[key] = value
		text, err := json.Marshal(changed)
		if err == nil {
			err = archivetest.Replace(t.Context(), store, "catalogue/data.key", text)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := catalogue.Read(t.Context(), store, w.root); !errors.Is(err, catalogue.ErrDamaged) {
			t.Errorf("the catalogue with another %s is read: %v", key, err)
		}
	}
	known, err := w.root.Encrypt(t.Context(), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	put("wrapped", known)
	put("state", "another")
}

// If the data key is lost while no server runs, the next one does not go on as if what is stored could still be read.
func TestALostDataKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.insert("a", "b")
	w.stop()
	for _, name := range w.documents() {
		if err := w.stores["north"].Store.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.stores["north"].Store.Delete(t.Context(), "catalogue/data.key"); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.insert("c")
	w.stop()
	w.same()
}
