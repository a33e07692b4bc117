package archive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func descriptors(t *testing.T, below string) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if target, err := os.Readlink(filepath.Join("/proc/self/fd", entry.Name())); err == nil && len(target) >= len(below) && target[:len(below)] == below {
			n++
		}
	}
	return n
}

// What is read is what lies under the name now, although packs stay open: also if another process has put another file there.
func TestDirReadsWhatLiesThereNow(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	d, err := NewDir(root)
	if err != nil {
		t.Fatal(err)
	}
	read := func() string {
		p := make([]byte, 5)
		if _, err := d.ReadAt(t.Context(), "packs/a/b", p, 0); errors.Is(err, ErrNotExist) {
			return "gone"
		} else if err != nil {
			t.Fatal(err)
		}
		return string(p)
	}
	path := filepath.Join(root, "packs", "a", "b")
	steps := []struct {
		do   func() error
		want string
	}{
		{func() error { return d.Create(t.Context(), "packs/a/b", []byte("first")) }, "first"},
		{func() error { return nil }, "first"},
		{func() error { return os.Remove(path) }, "gone"},
		{func() error { return os.WriteFile(path, []byte("other"), 0o600) }, "other"},
		{func() error {
			return errors.Join(os.WriteFile(path+".new", []byte("moved"), 0o600), os.Rename(path+".new", path))
		}, "moved"},
		{func() error { return d.Delete(t.Context(), "packs/a/b") }, "gone"},
	}
	for i, step := range steps {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got := read(); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
	if n := descriptors(t, path); n != 0 {
		t.Errorf("a deleted pack is held open %d times, and so takes its space", n)
	}
}

// However many packs are read, few stay open, and none is closed under who reads it.
func TestDirKeepsFewFilesOpen(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	d, err := NewDir(root)
	if err != nil {
		t.Fatal(err)
	}
	const packs = 3 * mostOpen
	for i := range packs {
		if err := d.Create(t.Context(), fmt.Sprintf("packs/a/%02d", i), []byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 10 * packs {
				p := make([]byte, 1)
				at := (i*(worker+1) + worker) % packs
				if _, err := d.ReadAt(t.Context(), fmt.Sprintf("packs/a/%02d", at), p, 0); err != nil || p[0] != byte(at) {
					t.Errorf("pack %d has %v, %v", at, p, err)
					return
				}
			}
		})
	}
	group.Wait()
	if n := descriptors(t, root); n > mostOpen {
		t.Errorf("%d files are open, want at most %d", n, mostOpen)
	}
	for i := range packs {
		if err := d.Delete(t.Context(), fmt.Sprintf("packs/a/%02d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := descriptors(t, root); n != 0 {
		t.Errorf("%d deleted files are open", n)
	}
}
