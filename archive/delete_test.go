package archive_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

// Who deletes a recovery point needs neither its key nor anything else of it to be well: what is damaged goes as what is not, and the
// points beside it, and what they need, stay.
func TestWhatIsDamagedCanBeDeleted(t *testing.T) {
	t.Parallel()
	header := func(t *testing.T, w *world) string { return w.names(t, "domains/")[0] }
	manifest := func(t *testing.T, w *world) string {
		names := w.names(t, "points/")
		return names[slices.IndexFunc(names, func(n string) bool { return n[len(n)-3:] == "old" })]
	}
	for name, damage := range map[string]struct {
		object  func(*testing.T, *world) string
		content []byte // nil for a loss
		mended  bool   // the object is put back before the domain is opened again
	}{
		"a header that is garbled":      {header, []byte("{"), true},
		"a header that is gone":         {header, nil, true},
		"a manifest that is garbled":    {manifest, []byte("{"), false},
		"a manifest that is empty":      {manifest, []byte{}, false},
		"a manifest that never ends":    {manifest, bytes.Repeat([]byte{7}, 17<<20), false},
		"a manifest of the other point": {manifest, []byte("new"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(new(archive.Mem))
			d := openDomain(t, w.vault, w.ring)
			keep := map[string][]byte{"keep": random(1, 200<<10), "both": random(2, 200<<10)}
			write(t, d, "old", "", map[string][]byte{"gone": random(3, 900<<10), "both": keep["both"]})
			write(t, d, "new", "", keep)
			at := damage.object(t, w)
			put := func(name string, content []byte) {
				err := w.store.Delete(t.Context(), name)
				if content != nil {
					err = errors.Join(err, w.store.Create(t.Context(), name, content))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			was, err := archivetest.Read(t.Context(), w.store, at)
			if err != nil {
				t.Fatal(err)
			}
			put(at, damage.content)
			w.reopen()
			ids, err := w.vault.DomainIDs(t.Context())
			if there := damage.content != nil || !damage.mended; err != nil || slices.Contains(ids, d.Info().ID) != there {
				t.Errorf("the domains are %v, %v; that the header is there: %t", ids, err, there)
			}
			if err := w.vault.Delete(t.Context(), d.Info().ID, "old"); err != nil {
				t.Fatalf("deleting: %v", err)
			}
			if err := w.vault.Delete(t.Context(), d.Info().ID, "old"); !errors.Is(err, archive.ErrNoPoint) {
				t.Errorf("deleting again: %v, want ErrNoPoint", err)
			}
			if damage.mended {
				put(at, was)
			}
			freed := w.settle(t)
			if freed < 900<<10 {
				t.Errorf("%d bytes were freed, want 900 KiB and more", freed)
			}
			w.reopen()
			check(t, openDomain(t, w.vault, w.ring), "new", keep)
			verifyClean(t, w.vault, w.ring)
		})
	}
}
