package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"testing"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

// manyObjects are enough for a tree of three levels.
func manyObjects(n int) map[string][]byte {
	objects := map[string][]byte{}
	for i := range n {
		objects[fmt.Sprintf("object/%06d", i*7919%1000003)] = random(uint64(i), 200)
	}
	return objects
}

func TestIncrementalCostsWhatChanged(t *testing.T) {
	t.Parallel()
	store := &archivetest.Counting{Store: new(archive.Mem)}
	ring := archivetest.NewKeyring()
	v := archive.OpenVault(store, "vault", archive.Options{Workers: 2, PackSize: 1 << 20})
	d := openDomain(t, v, ring)
	objects := manyObjects(20000)
	full := write(t, d, "full", "", objects)

	store.Reset()
	changes := map[string][]byte{"object/000000": random(1<<20, 300), "object/500000x": random(1<<21, 300)}
	var gone string
	for key := range objects {
		if key > "object/9" {
			gone = key
			break
		}
	}
	changes[gone] = nil
	s := write(t, d, "next", "full", changes)
	if s.NewBytes != 600 {
		t.Errorf("%d bytes of chunks are new, want 600", s.NewBytes)
	}
	if got := store.BytesWritten.Load(); uint64(got)*20 > full.StoredBytes {
		t.Errorf("the change took %d bytes of writing, the whole %d", got, full.StoredBytes)
	}
	if got := store.BytesRead.Load(); got > 1<<20 {
		t.Errorf("the change took %d bytes of reading", got)
	}
	next := maps.Clone(objects)
	maps.Copy(next, changes)
	delete(next, gone)
	check(t, d, "next", next)
	check(t, d, "full", objects)

	store.Reset()
	same := write(t, d, "same", "next", nil)
	if same.NewBytes != 0 || same.Entries != uint64(len(next)) || store.BytesWritten.Load() > 1000 {
		t.Errorf("an unchanged point: %+v and %d bytes written", same, store.BytesWritten.Load())
	}

	// Whoever compares the points reads what differs.
	p, err := d.Open(t.Context(), "next")
	if err != nil {
		t.Fatal(err)
	}
	older, err := d.Open(t.Context(), "full")
	if err != nil {
		t.Fatal(err)
	}
	store.Reset()
	changed := map[string]bool{}
	for c, err := range p.Changes(t.Context(), older) {
		if err != nil {
			t.Fatal(err)
		}
		changed[string(c.Key)] = true
		if (c.New == nil) != (string(c.Key) == gone) {
			t.Errorf("%q is told to be gone, or not to be", c.Key)
		}
	}
	if len(changed) != len(changes) || !changed[gone] {
		t.Errorf("%d entries differ, want %d", len(changed), len(changes))
	}
	if got := store.BytesRead.Load(); got > 200<<10 {
		t.Errorf("comparing took %d bytes of reading", got)
	}
}

// A tree that came about by changes is the one that would have come about at once, so that points share what they can.
func TestTreesDependOnContentAlone(t *testing.T) {
	t.Parallel()
	v := archive.OpenVault(new(archive.Mem), "vault", small)
	d := openDomain(t, v, archivetest.NewKeyring())
	objects := manyObjects(3000)
	write(t, d, "0", "", objects)
	state := maps.Clone(objects)
	for round := range 8 {
		changes := map[string][]byte{}
		for i := range 40 {
			changes[fmt.Sprintf("object/%06d+", (round*977+i*13337)%1000003)] = random(uint64(round*100+i), 50)
		}
		maps.Copy(state, changes)
		write(t, d, fmt.Sprint(round+1), fmt.Sprint(round), changes)
	}
	check(t, d, "8", state)
	s := write(t, d, "scratch", "", state)
	if s.NewBytes != 0 || s.StoredBytes > 4096 {
		t.Errorf("the same content, written anew, took %d bytes of chunks and %d of the store", s.NewBytes, s.StoredBytes)
	}
}

func TestDeduplication(t *testing.T) {
	t.Parallel()
	v := archive.OpenVault(new(archive.Mem), "vault", archive.Options{Workers: 2})
	ring := archivetest.NewKeyring()
	d := openDomain(t, v, ring)
	body := random(1, 6<<20)
	s := write(t, d, "first", "", map[string][]byte{"a": body, "b": body, "c": body[:100000], "d": body[:100000]})
	if want := uint64(6<<20 + 100000); s.NewBytes != want {
		t.Errorf("%d bytes are new, want %d", s.NewBytes, want)
	}
	moved := append(random(2, 1000), body...) // all content has moved by a thousand bytes
	s = write(t, d, "second", "", map[string][]byte{"a": body, "moved": moved})
	if s.NewBytes > 4<<20 {
		t.Errorf("%d bytes are new after an insertion at the beginning", s.NewBytes)
	}
	other, err := v.Domain(t.Context(), "other key", ring)
	if err != nil {
		t.Fatal(err)
	}
	if s := write(t, other, "third", "", map[string][]byte{"a": body}); s.NewBytes != 6<<20 {
		t.Errorf("%d bytes are new in another domain, want all", s.NewBytes)
	}
}

func TestWriterRefuses(t *testing.T) {
	t.Parallel()
	v := archive.OpenVault(new(archive.Mem), "vault", small)
	d := openDomain(t, v, archivetest.NewKeyring())
	write(t, d, "there", "", map[string][]byte{"a": {1}})
	options := func(point string) archive.WriteOptions {
		return archive.WriteOptions{Point: point, Kind: archive.Objects}
	}
	if _, err := d.NewWriter(t.Context(), options("there")); !errors.Is(err, archive.ErrPointExists) {
		t.Errorf("a point that is there: %v, want ErrPointExists", err)
	}
	for _, id := range []string{"", "a/b", "..", ".x", "ä", "a b"} {
		if _, err := d.NewWriter(t.Context(), options(id)); err == nil {
			t.Errorf("a point may be named %q", id)
		}
	}
	if _, err := d.NewWriter(t.Context(), archive.WriteOptions{Point: "x", Kind: archive.Objects, Parent: "none"}); !errors.Is(err, archive.ErrNoPoint) {
		t.Errorf("a parent that is not there: %v, want ErrNoPoint", err)
	}
	if _, err := d.NewWriter(t.Context(), archive.WriteOptions{Point: "x", Kind: archive.Volume, Parent: "there"}); !errors.Is(err, archive.ErrKind) {
		t.Errorf("a parent of another kind: %v, want ErrKind", err)
	}
	for name, try := range map[string]func(*archive.Writer) error{
		"a key that comes again": func(w *archive.Writer) error { return w.Remove(t.Context(), []byte("k")) },
		"a key that came before": func(w *archive.Writer) error { return w.Remove(t.Context(), []byte("j")) },
		"content that is short": func(w *archive.Writer) error {
			return w.Put(t.Context(), []byte("l"), nil, bytes.NewReader(make([]byte, 9)), 10)
		},
		"content that is long": func(w *archive.Writer) error {
			return w.Put(t.Context(), []byte("l"), nil, bytes.NewReader(make([]byte, 11)), 10)
		},
		"a reader that fails": func(w *archive.Writer) error {
			return w.Put(t.Context(), []byte("l"), nil, failing{}, -1)
		},
		"a block": func(w *archive.Writer) error { return w.PutBlock(t.Context(), 0, make([]byte, 1)) },
	} {
		w, err := d.NewWriter(t.Context(), options("x"))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Put(t.Context(), []byte("k"), nil, bytes.NewReader([]byte("data")), -1); err != nil {
			t.Fatal(err)
		}
		if err := try(w); err == nil {
			t.Errorf("%s was accepted", name)
		}
		if err := w.Abort(); err != nil {
			t.Errorf("%s: aborting: %v", name, err)
		}
		if _, err := w.Commit(t.Context()); !errors.Is(err, archive.ErrClosed) {
			t.Errorf("%s: committing after aborting: %v, want ErrClosed", name, err)
		}
	}
	if points, err := v.Points(t.Context()); err != nil || len(points) != 1 || points[0].ID != "there" {
		t.Errorf("the points are %v, %v, want one", points, err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

func TestRetagLeavesContentAlone(t *testing.T) {
	t.Parallel()
	store := &archivetest.Counting{Store: new(archive.Mem)}
	v := archive.OpenVault(store, "vault", archive.Options{Workers: 2})
	archive.SetMaxRefs(v, 4) // so that the object's chunks are named by lists
	d := openDomain(t, v, archivetest.NewKeyring())
	objects := map[string][]byte{"long": random(3, 20<<20), "short": random(4, 10)}
	write(t, d, "first", "", objects)

	store.Reset()
	w, err := d.NewWriter(t.Context(), archive.WriteOptions{Point: "second", Parent: "first", Kind: archive.Objects})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for _, key := range []string{"long", "short"} {
		if err := w.Retag(t.Context(), []byte(key), []byte("other "+key)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if read, written := store.BytesRead.Load(), store.BytesWritten.Load(); read+written > 64<<10 {
		t.Errorf("other metadata took %d bytes of reading and %d of writing", read, written)
	}
	p, err := d.Open(t.Context(), "second")
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range objects {
		e, err := p.Entry(t.Context(), []byte(key))
		if err != nil {
			t.Fatal(err)
		}
		r := e.Open(t.Context())
		got, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) || string(e.Meta) != "other "+key {
			t.Errorf("%s has %d bytes and the metadata %q", key, len(got), e.Meta)
		}
	}

	w, err = d.NewWriter(t.Context(), archive.WriteOptions{Point: "third", Parent: "second", Kind: archive.Objects})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if err := w.Retag(t.Context(), []byte("nothing"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(t.Context()); !errors.Is(err, archive.ErrNoEntry) {
		t.Errorf("metadata for an object that is not there are committed: %v", err)
	}
}
