package archive_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

// random gives n bytes that do not compress, the same for the same seed.
func random(seed uint64, n int) []byte {
	var key [32]byte
	key[0], key[1], key[2] = byte(seed), byte(seed>>8), byte(seed>>16)
	p := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(p)
	return p
}

// text gives n bytes that compress well.
func text(seed uint64, n int) []byte {
	var b bytes.Buffer
	r := rand.New(rand.NewPCG(seed, 1))
	for b.Len() < n {
		fmt.Fprintf(&b, "line %d of the log says %d\n", b.Len(), r.IntN(100))
	}
	return b.Bytes()[:n]
}

// small are options that make small tests meet many packs.
var small = archive.Options{PackSize: 256 << 10, Workers: 2}

func openDomain(t *testing.T, v *archive.Vault, ring archive.Keyring) *archive.Domain {
	t.Helper()
	d, err := v.Domain(t.Context(), "key", ring)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// write commits a point of objects; a nil value removes the key.
func write(t *testing.T, d *archive.Domain, point, parent string, objects map[string][]byte) archive.Summary {
	t.Helper()
	w, err := d.NewWriter(t.Context(), archive.WriteOptions{Point: point, Parent: parent, Kind: archive.Objects})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if err := putAll(t.Context(), w, objects); err != nil {
		t.Fatal(err)
	}
	s, err := w.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func putAll(ctx context.Context, w *archive.Writer, objects map[string][]byte) error {
	keys := make([]string, 0, len(objects))
	for key := range objects {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		data := objects[key]
		if data == nil {
			if err := w.Remove(ctx, []byte(key)); err != nil {
				return err
			}
			continue
		}
		if err := w.Put(ctx, []byte(key), []byte("about "+key), bytes.NewReader(data), int64(len(data))); err != nil {
			return err
		}
	}
	return nil
}

// check compares a point with what it should hold.
func check(t *testing.T, d *archive.Domain, point string, want map[string][]byte) {
	t.Helper()
	p, err := d.Open(t.Context(), point)
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	for e, err := range p.Entries(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		got++
		data, ok := want[string(e.Key)]
		if !ok {
			t.Fatalf("%s has %q", point, e.Key)
		}
		if string(e.Meta) != "about "+string(e.Key) {
			t.Errorf("%s: %q has metadata %q", point, e.Key, e.Meta)
		}
		r := e.Open(t.Context())
		back, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(back, data) {
			t.Fatalf("%s: %q came back with %d other bytes than the %d that went in", point, e.Key, len(back), len(data))
		}
	}
	if got != len(want) {
		t.Fatalf("%s has %d entries, want %d", point, got, len(want))
	}
}

func sampleObjects() map[string][]byte {
	objects := map[string][]byte{"empty": {}, "one": {1}}
	for i := range 300 {
		objects[fmt.Sprintf("logs/%04d", i)] = text(uint64(i), 100+37*i)
		objects[fmt.Sprintf("pictures/%04d", i)] = random(uint64(i), 1000+11*i)
	}
	objects["large/random"] = random(1000, 7<<20)
	objects["large/text"] = text(1001, 9<<20)
	objects["large/whole"] = random(1002, 512<<10)
	return objects
}

func TestObjectsRoundTrip(t *testing.T) {
	t.Parallel()
	v := archive.OpenVault(&archive.Mem{}, "vault", small)
	d := openDomain(t, v, archivetest.NewKeyring())
	objects := sampleObjects()
	s := write(t, d, "first", "", objects)
	if s.Entries != uint64(len(objects)) {
		t.Errorf("the summary tells of %d entries, want %d", s.Entries, len(objects))
	}
	check(t, d, "first", objects)
}

func TestVolumeRoundTrip(t *testing.T) {
	t.Parallel()
	v := archive.OpenVault(&archive.Mem{}, "vault", small)
	d := openDomain(t, v, archivetest.NewKeyring())
	const size = 1000*4096 + 100
	disk := make([]byte, size)
	put := func(point, parent string, blocks ...uint64) {
		w, err := d.NewWriter(t.Context(), archive.WriteOptions{
			Point: point, Parent: parent, Kind: archive.Volume, BlockSize: 4096, Size: size,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Abort()
		for _, b := range blocks {
			if err := w.PutBlock(t.Context(), b, disk[b*4096:min(size, (b+1)*4096)]); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	compare := func(point string) *archive.Point {
		p, err := d.Open(t.Context(), point)
		if err != nil {
			t.Fatal(err)
		}
		back, buf := make([]byte, 0, size), make([]byte, 4096)
		for b := range uint64(1001) {
			n, err := p.ReadBlock(t.Context(), b, buf)
			if err != nil {
				t.Fatal(err)
			}
			back = append(back, buf[:n]...)
		}
		if !bytes.Equal(back, disk) {
			t.Fatalf("%s came back otherwise", point)
		}
		return p
	}
	copy(disk[5*4096:], random(1, 300*4096))
	copy(disk[1000*4096:], random(2, 100))
	var all []uint64
	for b := range uint64(1001) {
		all = append(all, b)
	}
	put("first", "", all...)
	first := compare("first")
	copy(disk[7*4096:], random(3, 4096))
	clear(disk[9*4096 : 10*4096])
	copy(disk[900*4096:], random(4, 4096))
	put("second", "first", 7, 9, 900)
	second := compare("second")
	var changed []uint64
	for b, err := range second.ChangedBlocks(t.Context(), first, 0) {
		if err != nil {
			t.Fatal(err)
		}
		changed = append(changed, b.Number)
	}
	if !slices.Equal(changed, []uint64{7, 9, 900}) {
		t.Errorf("blocks %v changed, want 7, 9, 900", changed)
	}
}
