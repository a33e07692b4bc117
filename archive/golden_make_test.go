package archive_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"strongroom/archive"
	"strongroom/archive/archivetest"
	"strongroom/clock"
)

// goldenFile is testdata/golden/vN/golden.json: what lies in the vaults beside it.
type goldenFile struct {
	Format int            `json:"format"`
	Made   time.Time      `json:"made"`
	Points []*goldenPoint `json:"points"`
}

// goldenPoint is a recovery point, and what reading it gives.
type goldenPoint struct {
	Vault  string `json:"vault"`
	Key    string `json:"key"`
	Point  string `json:"point"`
	Kind   string `json:"kind"`
	Count  uint64 `json:"entries"`
	Digest string `json:"sha256"`
}

// goldenKey is the fixed key that wraps the data keys of a domain. It protects nothing.
func goldenKey(id string) *archivetest.Keyring {
	sum := sha256.Sum256([]byte("golden archive, key " + id))
	return archivetest.KeyringOf(sum[:])
}

func goldenRings(_ context.Context, info archive.DomainInfo) (archive.Keyring, error) {
	return goldenKey(info.KeyID), nil
}

func goldenDir(version int) string {
	return filepath.Join("testdata", "golden", fmt.Sprintf("v%d", version))
}

// goldenMaker writes the archives of the current version.
type goldenMaker struct {
	t      *testing.T
	clock  *clock.Shifted
	stores map[string]*archive.Mem
	vaults map[string]*archive.Vault
	file   goldenFile
}

// makeGolden stores golden archives of the current version in the source tree. Those of a version that was released are never
// made anew: that they still open is what they are for.
func makeGolden(t *testing.T) {
	dir := goldenDir(archive.FormatVersion)
	if _, err := os.Stat(dir); err == nil {
		t.Fatalf("%s is there already; remove it if that version was never released", dir)
	}
	made := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m := &goldenMaker{
		t: t, clock: clock.NewFrozen(made),
		stores: map[string]*archive.Mem{}, vaults: map[string]*archive.Vault{},
		file: goldenFile{Format: archive.FormatVersion, Made: made},
	}
	for _, name := range []string{"source", "copy"} {
		m.stores[name] = new(archive.Mem)
		m.vaults[name] = archive.OpenVault(m.stores[name], "golden/"+name, archive.Options{
			Clock: m.clock, Workers: 2, PackSize: 64 << 10,
		})
		archive.SetMaxRefs(m.vaults[name], 2)
	}
	m.objects()
	m.volumes()
	m.copies()
	m.garbage()
	m.save(dir)
}

func (m *goldenMaker) domain(vault, key string) *archive.Domain {
	m.t.Helper()
	d, err := m.vaults[vault].Domain(m.t.Context(), key, goldenKey(key))
	if err != nil {
		m.t.Fatal(err)
	}
	return d
}

// note puts a recovery point into the record.
func (m *goldenMaker) note(vault, key, point string) {
	m.t.Helper()
	g := &goldenPoint{Vault: vault, Key: key, Point: point}
	g.read(m.t, openPoint(m.t, m.domain(vault, key), point))
	m.file.Points = append(m.file.Points, g)
	m.clock.Advance(time.Minute)
}

// goldenLong is content of many chunks that takes little room.
func goldenLong(seed uint64, n int) []byte {
	block, out := text(seed, 4096), make([]byte, 0, n+4096)
	for i := uint64(0); len(out) < n; i++ {
		out = append(out, block...)
		if i%64 == 0 {
			out = binary.BigEndian.AppendUint64(out, i)
		}
	}
	return out[:n]
}

func (m *goldenMaker) objects() {
	m.t.Helper()
	all := map[string][]byte{
		"": []byte("an empty key"), "empty": {}, "one": {1}, "whole": goldenLong(1, 512<<10), "random": random(2, 40<<10),
		"text": text(3, 900<<10), "long": goldenLong(4, 18<<20), strings.Repeat("k", 4096): []byte("a key of 4 KiB"),
	}
	for i := range 250 {
		all[fmt.Sprintf("many/%03d", i)] = text(uint64(i), 20+i)
	}
	m.put("one", "objects-1", "", all, nil)
	m.put("one", "objects-2", "objects-1", map[string][]byte{"many/007": nil, "many/100": random(5, 3000), "random": random(6, 100)}, []string{"long", "one"})
	m.put("one", "nothing", "", nil, nil)
	m.put("two", "objects-1", "", map[string][]byte{"another": all["random"]}, nil)
}

// put writes a point of objects, some of which only get other metadata.
func (m *goldenMaker) put(key, point, parent string, objects map[string][]byte, retag []string) {
	m.t.Helper()
	m.write("source", key, archive.WriteOptions{
		Point: point, Parent: parent, Kind: archive.Objects, Metadata: []byte("metadata of " + point),
	}, func(w *archive.Writer) error {
		all := map[string]func() error{}
		for k, data := range objects {
			all[k] = func() error {
				return w.Put(m.t.Context(), []byte(k), []byte("about "+k), bytes.NewReader(data), int64(len(data)))
			}
			if data == nil {
				all[k] = func() error { return w.Remove(m.t.Context(), []byte(k)) }
			}
		}
		for _, k := range retag {
			all[k] = func() error { return w.Retag(m.t.Context(), []byte(k), []byte("other metadata")) }
		}
		return inOrder(all)
	})
	m.note("source", key, point)
}

func (m *goldenMaker) write(vault, key string, opts archive.WriteOptions, fill func(*archive.Writer) error) {
	m.t.Helper()
	w, err := m.domain(vault, key).NewWriter(m.t.Context(), opts)
	if err != nil {
		m.t.Fatal(err)
	}
	defer w.Abort()
	if err := fill(w); err != nil {
		m.t.Fatal(err)
	}
	if _, err := w.Commit(m.t.Context()); err != nil {
		m.t.Fatal(err)
	}
}

func (m *goldenMaker) volumes() {
	m.t.Helper()
	m.volume("volume-1", "", 4096, 1000*4096+100, map[uint64][]byte{
		0: random(10, 4096), 1: text(11, 4096), 255: random(12, 4096), 256: random(13, 4096), 700: make([]byte, 4096), 1000: random(14, 100),
	})
	m.volume("volume-2", "volume-1", 0, 1000*4096+100, map[uint64][]byte{
		1: make([]byte, 4096), 256: random(15, 4096), 512: text(16, 4096),
	})
	// It has grown: the block that was the last, and short, has zeros after it.
	m.volume("volume-3", "volume-2", 0, 2000*4096, map[uint64][]byte{1999: random(17, 4096)})
	m.volume("volume-usual", "", 0, 40<<20, map[uint64][]byte{3: goldenLong(18, archive.BlockSize), 79: goldenLong(19, archive.BlockSize)})
	m.volume("volume-zeros", "", 0, 1<<20, nil)
}

func (m *goldenMaker) volume(point, parent string, blockSize int, size int64, blocks map[uint64][]byte) {
	m.t.Helper()
	m.write("source", "one", archive.WriteOptions{
		Point: point, Parent: parent, Kind: archive.Volume, BlockSize: blockSize, Size: size, Metadata: []byte("metadata of " + point),
	}, func(w *archive.Writer) error {
		all := map[string]func() error{}
		for number, data := range blocks {
			all[fmt.Sprintf("%20d", number)] = func() error { return w.PutBlock(m.t.Context(), number, data) }
		}
		return inOrder(all)
	})
	m.note("source", "one", point)
}

func (m *goldenMaker) copies() {
	m.t.Helper()
	from, to := m.domain("source", "one"), m.domain("copy", "three")
	for _, c := range [][2]string{{"objects-1", ""}, {"objects-2", "objects-1"}, {"volume-1", ""}, {"volume-2", "volume-1"}} {
		_, err := archive.Copy(m.t.Context(), to, openPoint(m.t, from, c[0]), archive.CopyOptions{Point: c[0], Parent: c[1]})
		if err != nil {
			m.t.Fatal(err)
		}
		m.note("copy", "three", c[0])
	}
}

// garbage leaves in the source all that a collection leaves between two runs: tombs, a point in the trash, an index object that
// supersedes others which are still there, and the lease of a writer that died.
func (m *goldenMaker) garbage() {
	m.t.Helper()
	d := m.domain("source", "one")
	remove := func(point string) {
		if err := m.vaults["source"].Delete(m.t.Context(), d.Info().ID, point); err != nil {
			m.t.Fatal(err)
		}
	}
	for _, point := range []string{"gone", "trashed"} {
		m.write("source", "one", archive.WriteOptions{Point: point, Kind: archive.Objects}, func(w *archive.Writer) error {
			return w.Put(m.t.Context(), []byte("gone"), nil, bytes.NewReader(random(uint64(len(point)), 30<<10)), -1)
		})
	}
	remove("gone")
	m.clock.Advance(2 * time.Hour)
	_, err := m.vaults["source"].Collect(m.t.Context(), goldenRings, archive.CollectOptions{MergeAbove: 1, Repack: -1})
	if err != nil {
		m.t.Fatal(err)
	}
	remove("trashed")
	w, err := d.NewWriter(m.t.Context(), archive.WriteOptions{Point: "unfinished", Kind: archive.Objects})
	if err != nil {
		m.t.Fatal(err)
	}
	leases := snapshot(m.t, m.stores["source"], "leases/")
	if err := w.Abort(); err != nil {
		m.t.Fatal(err)
	}
	for name, data := range leases {
		if err := m.stores["source"].Create(m.t.Context(), name, data); err != nil {
			m.t.Fatal(err)
		}
	}
}

func snapshot(t *testing.T, store archive.Store, prefix string) map[string][]byte {
	t.Helper()
	names, err := archivetest.Names(t.Context(), store, prefix)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, name := range names {
		if all[name], err = archivetest.Read(t.Context(), store, name); err != nil && len(all[name]) > 0 {
			t.Fatal(err)
		}
	}
	return all
}

func (m *goldenMaker) save(dir string) {
	m.t.Helper()
	data, err := json.MarshalIndent(m.file, "", "  ")
	if err != nil {
		m.t.Fatal(err)
	}
	files := map[string][]byte{"golden.json": append(data, '\n')}
	for vault, store := range m.stores {
		for name, data := range snapshot(m.t, store, "") {
			files[filepath.Join(vault, filepath.FromSlash(name))] = data
		}
	}
	for name, data := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			m.t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			m.t.Fatal(err)
		}
	}
}

// read takes down what a recovery point holds: every entry with its metadata and content, or every byte of a volume.
func (g *goldenPoint) read(t *testing.T, p *archive.Point) {
	t.Helper()
	h := sha256.New()
	fmt.Fprintf(h, "metadata %q\n", p.Metadata())
	g.Count = p.Summary().Entries
	if g.Kind = "objects"; p.Kind() == archive.Volume {
		g.Kind = "volume"
		fmt.Fprintf(h, "volume %d %d\n", p.Size(), p.BlockSize())
		buf := make([]byte, p.BlockSize())
		for number := uint64(0); number*uint64(p.BlockSize()) < uint64(p.Size()); number++ {
			n, err := p.ReadBlock(t.Context(), number, buf)
			if err != nil {
				t.Fatal(err)
			}
			h.Write(buf[:n])
		}
	} else {
		for e, err := range p.Entries(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			content := sha256.New()
			r := e.Open(t.Context())
			if n, err := r.WriteTo(content); err != nil || n != e.Size {
				t.Fatalf("%s/%s %q: %d bytes of %d, %v", g.Vault, g.Point, e.Key, n, e.Size, err)
			}
			fmt.Fprintf(h, "%q %q %d %x\n", e.Key, e.Meta, e.Size, content.Sum(nil))
		}
	}
	g.Digest = hex.EncodeToString(h.Sum(nil))
}
