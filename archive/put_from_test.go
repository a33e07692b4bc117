package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

// sources give content, and count how many of them are open.
type sources struct{ opened, closed atomic.Int64 }

// source is content in memory. With fails it cannot be read.
type source struct {
	*bytes.Reader
	of    *sources
	fails error
}

func (s *sources) open(content []byte, fails error) func() (archive.Source, error) {
	return func() (archive.Source, error) {
		s.opened.Add(1)
		return &source{bytes.NewReader(content), s, fails}, nil
	}
}

func (s *source) ReadAt(p []byte, off int64) (int, error) {
	if s.fails != nil {
		return 0, s.fails
	}
	return s.Reader.ReadAt(p, off)
}

func (s *source) Close() error { s.of.closed.Add(1); return nil }

// check tells of sources that stayed open, or were opened more or less often than the objects are.
func (s *sources) check(t *testing.T, opened int) {
	t.Helper()
	if got := s.opened.Load(); opened >= 0 && got != int64(opened) || got != s.closed.Load() {
		t.Errorf("%d sources were opened and %d closed, want %d", got, s.closed.Load(), opened)
	}
}

func begin(t *testing.T, d *archive.Domain, point, parent string) *archive.Writer {
	t.Helper()
	w, err := d.NewWriter(t.Context(), archive.WriteOptions{Point: point, Parent: parent, Kind: archive.Objects})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Abort() })
	return w
}

// writeFrom is write by PutFrom.
func writeFrom(t *testing.T, d *archive.Domain, point, parent string, objects map[string][]byte) archive.Summary {
	t.Helper()
	w, all := begin(t, d, point, parent), new(sources)
	for _, key := range slices.Sorted(maps.Keys(objects)) {
		content := objects[key]
		if err := w.PutFrom(t.Context(), []byte(key), []byte("about "+key), int64(len(content)), all.open(content, nil)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := w.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all.check(t, len(objects))
	return s
}

// What workers read is the same, to the last chunk, as what is handed to them: the second writer finds all that the first stored.
func TestPutFromIsAsPut(t *testing.T) {
	t.Parallel()
	objects := map[string][]byte{"empty": {}, "long": random(1, 9<<20), "longest of one chunk": random(2, archive.WholeSize), "shortest of several": random(3, archive.WholeSize+1)}
	for i := range 500 {
		objects[fmt.Sprintf("short %03d", i)] = text(uint64(i), 40*i)
	}
	ring := archivetest.NewKeyring()
	v := archive.OpenVault(new(archive.Mem), "vault", small)
	d := openDomain(t, v, ring)
	write(t, d, "put", "", objects)
	for _, parent := range []string{"", "put"} {
		if s := writeFrom(t, d, "from"+parent, parent, objects); s.NewBytes != 0 || s.Entries != uint64(len(objects)) {
			t.Errorf("on %q: %+v, want %d entries and nothing new", parent, s, len(objects))
		}
		check(t, d, "from"+parent, objects)
	}
	verifyClean(t, v, ring)
}

// What is to be read stands beside more of what is only said than the builder takes at once.
func TestPutFromAmongOthers(t *testing.T) {
	t.Parallel()
	ring := archivetest.NewKeyring()
	v := archive.OpenVault(new(archive.Mem), "vault", small)
	d := openDomain(t, v, ring)
	w, all := begin(t, d, "first", ""), new(sources)
	want := map[string][]byte{}
	for i := range 3 {
		key := fmt.Sprintf("%d", i)
		want[key] = []byte("content of " + key)
		if err := w.PutFrom(t.Context(), []byte(key), []byte("about "+key), int64(len(want[key])), all.open(want[key], nil)); err != nil {
			t.Fatal(err)
		}
		for n := range 3000 {
			if err := w.Remove(t.Context(), fmt.Appendf(nil, "%d none %04d", i, n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(t, d, "first", want)
	all.check(t, 3)
}

// Content that is not what was said of it makes no recovery point, and everything that was opened is closed.
func TestPutFromOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	const short, long = 10_000, 8 << 20
	gone := errors.New("the disk is gone")
	content := random(1, long)
	for _, c := range []struct {
		name   string
		size   int64
		now    []byte
		fails  error
		parent string
	}{
		{"short and shorter", short, content[:short-1], nil, ""},
		{"short and longer", short, content[:short+1], nil, ""},
		{"short and unreadable", short, content[:short], gone, ""},
		{"empty and longer", 0, content[:1], nil, ""},
		{"long and shorter", long, content[:long-1], nil, ""},
		{"long and longer", long - 1, content, nil, ""},
		{"long and unreadable", long, content, gone, ""},
		{"long on a parent and shorter", long, content[:long-1], nil, "parent"},
		{"long on a parent and longer", long, append(bytes.Clone(content), 1), nil, "parent"},
		{"long on a parent and unreadable", long, content, gone, "parent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := openDomain(t, archive.OpenVault(new(archive.Mem), "vault", small), archivetest.NewKeyring())
			write(t, d, "parent", "", map[string][]byte{"object": content})
			w, all := begin(t, d, "point", c.parent), new(sources)
			err := w.PutFrom(t.Context(), []byte("object"), nil, c.size, all.open(c.now, c.fails))
			if _, committed := w.Commit(t.Context()); committed == nil {
				t.Errorf("the recovery point was committed; PutFrom said %v", err)
			} else if c.fails != nil && !errors.Is(committed, c.fails) {
				t.Errorf("Commit says %q, which is not why", committed)
			}
			all.check(t, 1)
			if _, err := d.Open(t.Context(), "point"); err == nil {
				t.Error("there is a recovery point")
			}
		})
	}
}

// Who gives up closes what was opened, and does not open what is left.
func TestPutFromGivenUp(t *testing.T) {
	t.Parallel()
	d := openDomain(t, archive.OpenVault(new(archive.Mem), "vault", small), archivetest.NewKeyring())
	content := random(1, 6<<20)
	write(t, d, "parent", "", map[string][]byte{"a": content})
	w, all := begin(t, d, "point", "parent"), new(sources)
	if err := w.PutFrom(t.Context(), []byte("a"), nil, int64(len(content)), all.open(content, nil)); err != nil {
		t.Fatal(err)
	}
	if err := w.PutFrom(t.Context(), []byte("b"), nil, 100, all.open(content[:100], nil)); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	all.check(t, -1)
}

// stuck stores no pack until it is let.
type stuck struct {
	archive.Store
	let chan struct{}
}

func (s *stuck) Create(ctx context.Context, name string, data []byte) error {
	if strings.HasPrefix(name, "packs/") {
		<-s.let
	}
	return s.Store.Create(ctx, name, data)
}

// Who puts objects with much metadata waits for a store that does not keep up, and does not fill the memory: by Put, by PutFrom, whose
// objects lie in a bundle that nobody reads yet, and by Retag.
func TestMetadataWaitsItsTurn(t *testing.T) {
	t.Parallel()
	const objects = 100
	about, content := random(1, 512<<10), []byte("content")
	for name, put := range map[string]func(w *archive.Writer, key []byte) error{
		"put": func(w *archive.Writer, key []byte) error {
			return w.Put(context.Background(), key, append(key, about...), bytes.NewReader(content), int64(len(content)))
		},
		"put from": func(w *archive.Writer, key []byte) error {
			return w.PutFrom(context.Background(), key, append(key, about...), int64(len(content)), new(sources).open(content, nil))
		},
		"retag": func(w *archive.Writer, key []byte) error {
			return w.Retag(context.Background(), key, append(key, about...))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &stuck{new(archive.Mem), make(chan struct{})}
				ring := archivetest.NewKeyring()
				d := openDomain(t, archive.OpenVault(store.Store, "vault", small), ring)
				parent := map[string][]byte{}
				for i := range objects {
					parent[fmt.Sprintf("%03d", i)] = content
				}
				write(t, d, "parent", "", parent)
				w := begin(t, openDomain(t, archive.OpenVault(store, "vault", small), ring), "point", "parent")
				var done atomic.Int64
				failed := make(chan error, 1)
				go func() {
					for i := range objects {
						if err := put(w, fmt.Appendf(nil, "%03d", i)); err != nil {
							failed <- err
							return
						}
						done.Add(1)
					}
					failed <- nil
				}()
				synctest.Wait()
				if n := done.Load(); n > 40 {
					t.Errorf("%d objects with half a MiB of metadata each are in memory", n)
				}
				close(store.let)
				if err := <-failed; err != nil {
					t.Fatal(err)
				}
				if s, err := w.Commit(t.Context()); err != nil || s.Entries != objects {
					t.Errorf("%+v, %v, want %d entries", s, err, objects)
				}
			})
		})
	}
}
