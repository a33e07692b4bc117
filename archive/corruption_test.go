package archive_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom/archive"
	"strongroom/archive/archivetest"
	"strongroom/clock"
)

// A patient is a small vault of which every object is attacked, with what its recovery points hold.
type patient struct {
	ring   archive.Keyring
	store  *archive.Mem
	domain string
	points map[string]string // by id: all that a restore gives
	former map[string][]byte // objects that were there once, by name
	others map[string][]byte // objects of another vault
}

func newPatient(t *testing.T) *patient {
	t.Helper()
	p := &patient{ring: archivetest.NewKeyring(), store: new(archive.Mem), points: map[string]string{}, former: map[string][]byte{}, others: map[string][]byte{}}
	now := clock.NewFrozen(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	dated := small
	dated.Clock = now
	v := archive.OpenVault(p.store, "vault", dated)
	d := openDomain(t, v, p.ring)
	p.domain = d.Info().ID
	write(t, d, "gone", "", map[string][]byte{"a": text(1, 2000), "lost": random(9, 1500)})
	write(t, d, "first", "", map[string][]byte{"a": text(1, 2000), "b": random(2, 300)})
	write(t, d, "second", "first", map[string][]byte{"c": text(3, 700)})
	writeBlocks(t, d, "disk", 4<<10, 64<<10, map[uint64][]byte{0: text(4, 4<<10), 9: random(5, 4<<10)})
	before := contents(t, p.store)
	if err := v.Delete(t.Context(), p.domain, "gone"); err != nil {
		t.Fatal(err)
	}
	// Collections without a margin: what only the deleted point needed goes, and so does the index that named it.
	for range 4 {
		now.Advance(time.Second)
		if _, err := v.Collect(t.Context(), rings(p.ring), archive.CollectOptions{Margin: -1, MergeAbove: 1}); err != nil {
			t.Fatal(err)
		}
	}
	now.Advance(time.Second)
	write(t, d, "third", "second", map[string][]byte{"b": nil, "d": random(6, 200)})
	// One more collection marks what only the first needed, and the manifest of the fourth lies in the trash.
	write(t, d, "fourth", "third", map[string][]byte{"d": nil})
	if err := v.Delete(t.Context(), p.domain, "first"); err != nil {
		t.Fatal(err)
	}
	now.Advance(time.Second)
	if _, err := v.Collect(t.Context(), rings(p.ring), archive.CollectOptions{Margin: -1}); err != nil {
		t.Fatal(err)
	}
	if err := v.Delete(t.Context(), p.domain, "fourth"); err != nil {
		t.Fatal(err)
	}
	after := contents(t, p.store)
	for name, data := range before {
		if _, still := after[name]; !still && !strings.HasPrefix(name, "leases/") {
			p.former[name] = data
		}
	}
	for _, id := range []string{"second", "disk", "third"} {
		p.points[id] = p.restore(t.Context(), id)
		if strings.HasPrefix(p.points[id], "error") {
			t.Fatal(p.points[id])
		}
	}
	other := new(archive.Mem)
	write(t, openDomain(t, archive.OpenVault(other, "other", small), p.ring), "second", "", map[string][]byte{"a": text(1, 2000)})
	p.others = contents(t, other)
	return p
}

func writeBlocks(t *testing.T, d *archive.Domain, point string, block int, size int64, blocks map[uint64][]byte) {
	t.Helper()
	w, err := d.NewWriter(t.Context(), archive.WriteOptions{Point: point, Kind: archive.Volume, BlockSize: block, Size: size})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for _, number := range slices.Sorted(maps.Keys(blocks)) {
		if err := w.PutBlock(t.Context(), number, blocks[number]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func contents(t *testing.T, s archive.Store) map[string][]byte {
	t.Helper()
	names, err := archivetest.Names(t.Context(), s, "")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, name := range names {
		if all[name], err = archivetest.Read(t.Context(), s, name); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// restore gives all that a recovery point holds, or the error that ends its restore, as somebody who just opened the vault.
func (p *patient) restore(ctx context.Context, id string) string {
	text, err := restoreText(ctx, archive.OpenVault(p.store, "vault", small), p.ring, id)
	if err != nil {
		return "error: " + err.Error()
	}
	return text
}

func restoreText(ctx context.Context, v *archive.Vault, ring archive.Keyring, id string) (string, error) {
	d, err := v.OpenDomain(ctx, "key", ring)
	if err != nil {
		return "", err
	}
	point, err := d.Open(ctx, id)
	if err != nil {
		return "", err
	}
	var all bytes.Buffer
	fmt.Fprintln(&all, point.Kind(), point.Size(), point.BlockSize(), string(point.Metadata()))
	if point.Kind() == archive.Volume {
		block := make([]byte, point.BlockSize())
		for i := range uint64(point.Size()) / uint64(point.BlockSize()) {
			n, err := point.ReadBlock(ctx, i, block)
			if err != nil {
				return "", err
			}
			all.Write(block[:n])
		}
		return all.String(), nil
	}
	for e, err := range point.Entries(ctx, nil) {
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&all, "%q %q %d ", e.Key, e.Meta, e.Size)
		if _, err := io.Copy(&all, e.Open(ctx)); err != nil {
			return "", err
		}
	}
	return all.String(), nil
}

// examine verifies the vault and restores all its points, and holds the one against the other: the points that cannot be
// restored are those, and only those, that the verification names. It tells whether anything was reported.
func (p *patient) examine(t *testing.T, what string) (reported bool) {
	t.Helper()
	ctx := t.Context()
	report, err := archive.OpenVault(p.store, "vault", small).Verify(ctx, rings(p.ring), archive.VerifyOptions{})
	if err != nil {
		t.Errorf("%s: the verification ended: %v", what, err)
		return true
	}
	named := map[string]bool{}
	for _, name := range report.Touched() {
		named[strings.TrimPrefix(name, p.domain+"/")] = true
	}
	for id, want := range p.points {
		// A manifest that is gone leaves no trace in the vault; the catalogue tells, and There is what it is compared with.
		there := slices.Contains(report.There, p.domain+"/"+id)
		blocked := len(report.Skipped) > 0
		switch got := p.restore(ctx, id); {
		case got == want && named[id]:
			t.Errorf("%s: %s is reported and can be restored: %+v", what, id, report.Damage)
		case got != want && !strings.HasPrefix(got, "error"):
			t.Errorf("%s: %s is restored as something else", what, id)
		case got != want && !named[id] && there && !blocked:
			t.Errorf("%s: %s cannot be restored and is not reported: %s\n%+v", what, id, got, report.Damage)
		}
	}
	return !report.Clean() || len(report.There) != len(p.points)
}

// Whatever happens to an object of a vault, verification tells, names exactly the recovery points that can no longer be
// restored, and none is ever restored as something else. What may happen unnoticed is listed in harmless, with the reason.
func TestEveryCorruptionIsFoundAndNamed(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	if p.examine(t, "nothing") {
		t.Fatal("the vault is damaged before anything was done to it")
	}
	names := slices.Sorted(maps.Keys(contents(t, p.store)))
	kinds, missed, attacks := map[string]int{}, map[string]int{}, 0
	for _, name := range names {
		kind, _, _ := strings.Cut(name, "/")
		kinds[kind]++
		data, err := archivetest.Read(t.Context(), p.store, name)
		if err != nil {
			t.Fatal(err)
		}
		for what, bad := range p.attacks(t, name, data) {
			if bad == nil {
				err = p.store.Delete(t.Context(), name)
			} else {
				err = archivetest.Replace(t.Context(), p.store, name, bad)
			}
			if err != nil {
				t.Fatal(err)
			}
			attacks++
			switch reported := p.examine(t, name+" "+what); {
			case !reported && !harmless(kind, what) && (what != "deleted" || !p.marked(t, name)):
				t.Errorf("%s %s: not reported", name, what)
			case reported && what == "deleted":
				missed[kind]++
			}
			if err := archivetest.Replace(t.Context(), p.store, name, data); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, data := range p.former {
		if err := p.store.Create(t.Context(), name, data); err != nil {
			t.Fatal(err)
		}
		attacks++
		kind, _, _ := strings.Cut(name, "/")
		if !p.examine(t, name+" put back") && !harmless(kind, "put back") {
			t.Errorf("%s put back: not reported", name)
		}
		if err := p.store.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	for _, kind := range []string{"domains", "points", "trash", "packs", "index", "tombs"} {
		if kinds[kind] == 0 {
			t.Errorf("the vault has no object of %s to attack: %v", kind, kinds)
		}
	}
	for kind, least := range map[string]int{"domains": 1, "points": 3, "packs": kinds["packs"] - kinds["tombs"], "index": 2} {
		if missed[kind] < least {
			t.Errorf("%d objects of %s were missed when they were deleted, want %d", missed[kind], kind, least)
		}
	}
	t.Logf("%d attacks on %v, %d former objects", attacks, kinds, len(p.former))
}

// marked tells whether an object is a pack that has a tomb: it may go, as long as no recovery point needs it.
func (p *patient) marked(t *testing.T, name string) bool {
	t.Helper()
	id, is := strings.CutPrefix(name, "packs/")
	tombs, err := archivetest.Names(t.Context(), p.store, "tombs/"+id+".")
	if err != nil {
		t.Fatal(err)
	}
	return is && len(tombs) > 0
}

// attacks gives what an object is replaced by, by what that is; nil is nothing at all.
func (p *patient) attacks(t *testing.T, name string, data []byte) map[string][]byte {
	all := map[string][]byte{"deleted": nil, "extended": append(bytes.Clone(data), 0), "emptied": {}}
	for i := range data {
		if i >= 56 && i < len(data)-24 && i%97 != 0 && os.Getenv("STRONGROOM_CORRUPTION") == "" {
			continue // every byte of headers and ends, and some between
		}
		bad := bytes.Clone(data)
		bad[i] ^= 1 << (i % 8)
		all[fmt.Sprintf("flipped at %d", i)] = bad
	}
	for _, n := range []int{1, 39, 40, 48, len(data) / 2, len(data) - 8, len(data) - 1} {
		if n > 0 && n < len(data) {
			all[fmt.Sprintf("cut to %d", n)] = data[:n]
		}
	}
	for other, bad := range contents(t, p.store) {
		if !bytes.Equal(bad, data) {
			all["swapped with "+other] = bad
		}
	}
	for other, bad := range p.former {
		if bytes.Equal(bad, data) {
			continue
		}
		all["rolled back to "+other] = bad
	}
	for other, bad := range p.others {
		all["swapped with another vault's "+other] = bad
	}
	return all
}

// harmless tells whether it takes nothing from any recovery point if this happens to an object and nobody notices.
func harmless(kind, what string) bool {
	switch kind {
	case "tombs":
		// Empty objects: only their names count, so what is in them is nobody's. If one goes, the next collection makes it
		// anew; one that comes back marks garbage that has gone, or is taken away because the pack is needed.
		return true
	case "trash":
		// Nobody can restore a deleted point; a manifest that goes from the trash goes a little earlier than it would have.
		return what == "deleted" || what == "put back"
	case "domains":
		// Flips in the time of making, which is for people, and in the spaces and the form of the JSON: the key and the wrapped
		// data key are what they were, for all points can be restored.
		return strings.HasPrefix(what, "flipped") || what == "extended"
	case "packs":
		// A pack of garbage that comes back is found by no index object and by no recovery point: a collection removes it.
		return what == "put back"
	case "index":
		// An index object that comes back names packs that are there, or is superseded. One that goes and named only garbage is
		// missed by nobody; that those which are needed are missed, the test counts.
		return what == "put back" || what == "deleted"
	}
	return false
}
