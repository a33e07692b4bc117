package archive_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"strongroom/archive"
	"strongroom/archive/archivetest"
	"strongroom/clock"
)

var updateGolden = flag.Bool("update-golden", false, "make the golden archives of the current format version, if there are none")

// inOrder does what stands beside the keys, in their order.
func inOrder(all map[string]func() error) error {
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if err := all[key](); err != nil {
			return err
		}
	}
	return nil
}

// golden is what some version of this package has stored once, brought into memory so that a test may change it.
type golden struct {
	goldenFile
	clock  *clock.Shifted
	stores map[string]*archive.Mem
	vaults map[string]*archive.Vault
}

func loadGolden(t *testing.T, version int) *golden {
	t.Helper()
	dir := goldenDir(version)
	data, err := os.ReadFile(filepath.Join(dir, "golden.json"))
	if err != nil {
		t.Fatalf("every version of the format has its golden archives (go test -run TestGolden ./archive -update-golden): %v", err)
	}
	g := &golden{stores: map[string]*archive.Mem{}, vaults: map[string]*archive.Vault{}}
	if err := json.Unmarshal(data, &g.goldenFile); err != nil {
		t.Fatal(err)
	}
	if g.Format != version {
		t.Fatalf("%s holds version %d", dir, g.Format)
	}
	g.clock = clock.NewFrozen(g.Made.Add(24 * time.Hour))
	for _, name := range []string{"source", "copy"} {
		store := new(archive.Mem)
		root := os.DirFS(filepath.Join(dir, name))
		err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(root, path)
			if err != nil {
				return err
			}
			return store.Create(t.Context(), path, data)
		})
		if err != nil {
			t.Fatal(err)
		}
		g.stores[name] = store
		g.vaults[name] = archive.OpenVault(store, "golden/"+name, archive.Options{Clock: g.clock, Workers: 2, PackSize: 64 << 10})
	}
	return g
}

func (g *golden) domain(t *testing.T, p *goldenPoint) *archive.Domain {
	t.Helper()
	d, err := g.vaults[p.Vault].OpenDomain(t.Context(), p.Key, goldenKey(p.Key))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// same checks that a recovery point holds what the golden one was recorded to hold.
func (p *goldenPoint) same(t *testing.T, got *archive.Point) {
	t.Helper()
	back := *p
	if back.read(t, got); back != *p {
		t.Errorf("%s/%s came back as %+v, want %+v", p.Vault, p.Point, back, *p)
	}
}

// TestGolden holds this package to what every version of the format has stored: it is read, found whole, built upon, copied and
// collected.
func TestGolden(t *testing.T) {
	if *updateGolden {
		makeGolden(t)
	}
	for version := 1; version <= archive.FormatVersion; version++ {
		t.Run(filepath.Base(goldenDir(version)), func(t *testing.T) {
			for name, check := range map[string]func(*testing.T, *golden){
				"holds everything": goldenHolds, "reads": goldenReads, "is built upon": goldenParent,
				"is copied": goldenCopied, "is collected": goldenCollected,
			} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					check(t, loadGolden(t, version))
				})
			}
		})
	}
}

// goldenHolds makes sure that no kind of object was forgotten when the archives were made.
func goldenHolds(t *testing.T, g *golden) {
	for _, prefix := range []string{"domains/", "points/", "trash/", "packs/", "index/", "tombs/", "leases/"} {
		if names, err := archivetest.Names(t.Context(), g.stores["source"], prefix); err != nil || len(names) == 0 {
			t.Errorf("there is nothing in %s (%v)", prefix, err)
		}
	}
	for name, v := range g.vaults {
		points, err := v.Points(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		recorded := 0
		for _, p := range g.Points {
			if p.Vault == name {
				recorded++
			}
		}
		if len(points) != recorded || recorded == 0 {
			t.Errorf("%s lists %d points, and %d are recorded", name, len(points), recorded)
		}
	}
}

func goldenReads(t *testing.T, g *golden) {
	for _, p := range g.Points {
		p.same(t, openPoint(t, g.domain(t, p), p.Point))
	}
	g.verify(t)
}

func (g *golden) verify(t *testing.T) {
	t.Helper()
	for name, v := range g.vaults {
		report, err := v.Verify(t.Context(), goldenRings, archive.VerifyOptions{})
		if err != nil || !report.Clean() {
			t.Errorf("verifying %s: %+v, %v", name, report, err)
		}
	}
}

// goldenParent writes a point against each, once changing nothing and once a little.
func goldenParent(t *testing.T, g *golden) {
	for _, p := range g.Points {
		d := g.domain(t, p)
		parent := openPoint(t, d, p.Point)
		opts := archive.WriteOptions{
			Point: p.Point + "-same", Parent: p.Point, Kind: parent.Kind(), Metadata: parent.Metadata(), Size: parent.Size(),
		}
		s := goldenWrite(t, d, opts, func(*archive.Writer) error { return nil })
		if s.NewBytes != 0 {
			t.Errorf("%s/%s: a backup without changes brought %d new bytes", p.Vault, p.Point, s.NewBytes)
		}
		p.same(t, openPoint(t, d, opts.Point))

		opts.Point = p.Point + "-changed"
		if parent.Kind() == archive.Volume {
			block := random(99, parent.BlockSize())
			s = goldenWrite(t, d, opts, func(w *archive.Writer) error { return w.PutBlock(t.Context(), 0, block) })
			back := make([]byte, len(block))
			if n, err := openPoint(t, d, opts.Point).ReadBlock(t.Context(), 0, back); err != nil || !bytes.Equal(back[:n], block) {
				t.Errorf("%s/%s: the block that was changed came back otherwise (%v)", p.Vault, p.Point, err)
			}
		} else {
			s = goldenWrite(t, d, opts, func(w *archive.Writer) error {
				return w.Put(t.Context(), []byte("zz/added"), nil, strings.NewReader("since"), -1)
			})
			if s.Entries != p.Count+1 {
				t.Errorf("%s/%s: %d entries after one was added to %d", p.Vault, p.Point, s.Entries, p.Count)
			}
		}
		p.same(t, openPoint(t, d, p.Point))
	}
	g.verify(t)
}

func goldenWrite(t *testing.T, d *archive.Domain, opts archive.WriteOptions, fill func(*archive.Writer) error) archive.Summary {
	t.Helper()
	w, err := d.NewWriter(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if err := fill(w); err != nil {
		t.Fatal(err)
	}
	s, err := w.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// goldenCopied copies each point into a vault that is new, and once more after a change, against the first copy. The copies of
// the golden vault are continued too: what it knows of their origins saves moving anything.
func goldenCopied(t *testing.T, g *golden) {
	fresh := archive.OpenVault(new(archive.Mem), "fresh", archive.Options{Clock: g.clock, Workers: 2})
	to, err := fresh.Domain(t.Context(), "fresh", goldenKey("fresh"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range g.Points {
		name := p.Vault + "-" + p.Key + "-" + p.Point
		from := openPoint(t, g.domain(t, p), p.Point)
		if _, err := archive.Copy(t.Context(), to, from, archive.CopyOptions{Point: name}); err != nil {
			t.Fatal(err)
		}
		p.same(t, openPoint(t, to, name))
		s, err := archive.Copy(t.Context(), to, from, archive.CopyOptions{Point: name + "-again", Parent: name})
		if err != nil || s.NewBytes != 0 {
			t.Errorf("copying %s again: %+v, %v", name, s, err)
		}
	}
	for _, p := range g.Points {
		if p.Vault != "copy" {
			continue
		}
		source := &goldenPoint{Vault: "source", Key: "one"}
		from, to := openPoint(t, g.domain(t, source), p.Point), g.domain(t, p)
		s, err := archive.Copy(t.Context(), to, from, archive.CopyOptions{Point: p.Point + "-again"})
		if err != nil || s.NewBytes != 0 {
			t.Errorf("copying %s to where it was copied before: %+v, %v", p.Point, s, err)
		}
		p.same(t, openPoint(t, to, p.Point+"-again"))
	}
	report, err := fresh.Verify(t.Context(), goldenRings, archive.VerifyOptions{})
	if err != nil || !report.Clean() {
		t.Errorf("verifying the copies: %+v, %v", report, err)
	}
}

// goldenCollected removes some points and collects until nothing more goes. What was kept is whole.
func goldenCollected(t *testing.T, g *golden) {
	kept := slices.DeleteFunc(slices.Clone(g.Points), func(p *goldenPoint) bool {
		if p.Point != "objects-1" && p.Point != "volume-1" {
			return false
		}
		d := g.domain(t, p)
		if err := d.Vault().Delete(t.Context(), d.Info().ID, p.Point); err != nil {
			t.Fatal(err)
		}
		return true
	})
	for name, v := range g.vaults {
		freed := uint64(0)
		for range 8 {
			g.clock.Advance(3 * time.Hour)
			done, err := v.Collect(t.Context(), goldenRings, archive.CollectOptions{})
			if err != nil || len(done.Skipped) > 0 {
				t.Fatalf("collecting %s: %+v, %v", name, done, err)
			}
			freed += done.Freed
		}
		if freed == 0 {
			t.Errorf("collecting %s freed nothing", name)
		}
		for _, prefix := range []string{"trash/", "tombs/", "leases/"} {
			if left, err := archivetest.Names(t.Context(), g.stores[name], prefix); err != nil || len(left) > 0 {
				t.Errorf("%s has %q left (%v)", name, left, err)
			}
		}
	}
	for _, p := range kept {
		p.same(t, openPoint(t, g.domain(t, p), p.Point))
	}
	g.verify(t)
}
