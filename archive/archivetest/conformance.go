package archivetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"

	"strongroom/archive"
)

// TestStore checks that what open gives, an empty store each time, keeps the promises of [archive.Store].
func TestStore(t *testing.T, open func(t *testing.T) archive.Store) {
	for name, check := range map[string]func(*testing.T, archive.Store){
		"create once":     createOnce,
		"create at once":  createAtOnce,
		"read ranges":     readRanges,
		"list by prefix":  listByPrefix,
		"delete":          deleteObjects,
		"canceled":        canceled,
		"below a prefix":  belowPrefix,
		"large and empty": largeAndEmpty,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, open(t))
		})
	}
}

func mustCreate(t *testing.T, s archive.Store, name string, data []byte) {
	t.Helper()
	if err := s.Create(t.Context(), name, data); err != nil {
		t.Fatal(err)
	}
}

func createOnce(t *testing.T, s archive.Store) {
	mustCreate(t, s, "a/b", []byte("first"))
	if err := s.Create(t.Context(), "a/b", []byte("second")); !errors.Is(err, archive.ErrExist) {
		t.Errorf("creating again: %v, want ErrExist", err)
	}
	if data, err := Read(t.Context(), s, "a/b"); err != nil || string(data) != "first" {
		t.Errorf("read %q, %v, want the first content", data, err)
	}
}

func createAtOnce(t *testing.T, s archive.Store) {
	var group sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		group.Go(func() { errs[i] = s.Create(t.Context(), "one/name", fmt.Appendf(nil, "writer %d", i)) })
	}
	group.Wait()
	winner := slices.Index(errs, nil)
	for i, err := range errs {
		if i != winner && !errors.Is(err, archive.ErrExist) {
			t.Errorf("writer %d: %v, want ErrExist", i, err)
		}
	}
	data, err := Read(t.Context(), s, "one/name")
	if err != nil || string(data) != fmt.Sprintf("writer %d", winner) {
		t.Errorf("read %q, %v, want what writer %d wrote", data, err, winner)
	}
}

func readRanges(t *testing.T, s archive.Store) {
	mustCreate(t, s, "digits", []byte("0123456789"))
	for _, test := range []struct {
		off, n int
		want   string
		end    bool
	}{
		{0, 10, "0123456789", false},
		{3, 4, "3456", false},
		{9, 1, "9", false},
		{8, 5, "89", true},
		{0, 11, "0123456789", true},
		{10, 1, "", true},
		{50, 3, "", true},
	} {
		p := make([]byte, test.n)
		n, err := s.ReadAt(t.Context(), "digits", p, int64(test.off))
		if test.end != errors.Is(err, io.EOF) || err != nil && !test.end || string(p[:n]) != test.want {
			t.Errorf("%d bytes at %d: %q, %v, want %q, end %v", test.n, test.off, p[:n], err, test.want, test.end)
		}
	}
	if _, err := s.ReadAt(t.Context(), "letters", make([]byte, 1), 0); !errors.Is(err, archive.ErrNotExist) {
		t.Errorf("reading what is not there: %v, want ErrNotExist", err)
	}
}

func list(t *testing.T, s archive.Store, prefix string) []string {
	t.Helper()
	names, err := Names(t.Context(), s, prefix)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

func listByPrefix(t *testing.T, s archive.Store) {
	for _, name := range []string{"a/1", "a/2", "a/deep/er/3", "ab/4", "b"} {
		mustCreate(t, s, name, []byte(name))
	}
	for prefix, want := range map[string][]string{
		"":        {"a/1", "a/2", "a/deep/er/3", "ab/4", "b"},
		"a":       {"a/1", "a/2", "a/deep/er/3", "ab/4"},
		"a/":      {"a/1", "a/2", "a/deep/er/3"},
		"a/deep/": {"a/deep/er/3"},
		"a/d":     {"a/deep/er/3"},
		"c/":      nil,
	} {
		if got := list(t, s, prefix); !slices.Equal(got, want) {
			t.Errorf("%q lists %q, want %q", prefix, got, want)
		}
	}
	for object, err := range s.List(t.Context(), "ab/") {
		if err != nil || object.Size != 4 {
			t.Errorf("listed %+v, %v, want 4 bytes", object, err)
		}
	}
	for _, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Errorf("listing: %v", err)
		}
		break // a listing may be left
	}
}

func deleteObjects(t *testing.T, s archive.Store) {
	mustCreate(t, s, "x/1", nil)
	mustCreate(t, s, "x/2", nil)
	for range 2 {
		if err := s.Delete(t.Context(), "x/1"); err != nil {
			t.Errorf("deleting: %v", err)
		}
	}
	if got := list(t, s, "x/"); !slices.Equal(got, []string{"x/2"}) {
		t.Errorf("listed %q, want x/2", got)
	}
	mustCreate(t, s, "x/1", []byte("again"))
}

func canceled(t *testing.T, s archive.Store) {
	mustCreate(t, s, "there", []byte("x"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Create(ctx, "name", nil); err == nil {
		t.Error("created under a canceled context")
	}
	if _, err := s.ReadAt(ctx, "there", make([]byte, 1), 0); err == nil {
		t.Error("read under a canceled context")
	}
	if got := list(t, s, ""); !slices.Equal(got, []string{"there"}) {
		t.Errorf("listed %q, want what was there", got)
	}
}

func belowPrefix(t *testing.T, s archive.Store) {
	mustCreate(t, s, "other/name", nil)
	part := archive.Sub(archive.Sub(s, "vaults"), "v1/")
	mustCreate(t, part, "name", []byte("data"))
	if got := list(t, part, ""); !slices.Equal(got, []string{"name"}) {
		t.Errorf("the part lists %q", got)
	}
	if got := list(t, s, ""); !slices.Equal(got, []string{"other/name", "vaults/v1/name"}) {
		t.Errorf("the whole lists %q", got)
	}
	if data, err := Read(t.Context(), part, "name"); err != nil || string(data) != "data" {
		t.Errorf("read %q, %v", data, err)
	}
	if err := part.Delete(t.Context(), "name"); err != nil {
		t.Error(err)
	}
	if got := list(t, s, "vaults/"); len(got) > 0 {
		t.Errorf("left %q", got)
	}
}

func largeAndEmpty(t *testing.T, s archive.Store) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
	mustCreate(t, s, "large", data)
	if back, err := Read(t.Context(), s, "large"); err != nil || !bytes.Equal(back, data) {
		t.Errorf("read %d bytes, %v", len(back), err)
	}
	mustCreate(t, s, "empty", nil)
	if n, err := s.ReadAt(t.Context(), "empty", make([]byte, 1), 0); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("read %d bytes of an empty object, %v", n, err)
	}
}
