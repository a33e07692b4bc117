package ebs

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Whatever lies in a kept view's file, what is taken of it is a row of whole records: cut off behind the last one the
// file gives the same, and a record appended there is found.
func FuzzKeptView(f *testing.F) {
	dir := f.TempDir()
	d, err := openDisk(filepath.Join(dir, "seed"), 2*BlockSize)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := d.writeAt(nil, []byte("some"), 0); err != nil {
		f.Fatal(err)
	}
	v, err := d.freeze(0, filepath.Join(dir, "view"))
	if err != nil {
		f.Fatal(err)
	}
	if err := v.preserve(pieces(0, 2*BlockSize)); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, "view"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add([]byte{})
	f.Add(make([]byte, 40))
	f.Fuzz(func(t *testing.T, data []byte) {
		load := func(data []byte) *View {
			path := filepath.Join(t.TempDir(), "view")
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			file, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = file.Close() })
			v := &View{disk: d, preserved: file, offsets: map[int64]int64{}, needed: map[int64]struct{}{1: {}}}
			if err := v.load(); err != nil {
				t.Fatal(err)
			}
			return v
		}
		first := load(data)
		if first.end > int64(len(data)) {
			t.Fatalf("%d bytes were taken of %d", first.end, len(data))
		}
		again := load(data[:first.end])
		if again.end != first.end || !maps.Equal(again.offsets, first.offsets) {
			t.Fatalf("cut off behind the last record the file gives %v, not %v", again.offsets, first.offsets)
		}
		delete(first.offsets, 1)
		if err := first.preserve([]piece{{block: 1}}); err != nil {
			t.Fatal(err)
		}
		bigger, err := os.ReadFile(first.preserved.Name())
		if err != nil {
			t.Fatal(err)
		}
		found := load(bigger)
		if at, there := found.offsets[1]; !there || at != first.offsets[1] || found.end != first.end {
			t.Fatalf("the record appended at %d is found at %d", first.offsets[1], at)
		}
	})
}

// Whatever lies in a file of block changes, it is refused or opened; once opened, a mark made is found again.
func FuzzChanges(f *testing.F) {
	path := filepath.Join(f.TempDir(), "cbt")
	c, err := openChanges(path, 8)
	if err != nil {
		f.Fatal(err)
	}
	if err := c.markAll([]int64{1, 2, 5}); err != nil {
		f.Fatal(err)
	}
	seed, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add(bytes.Repeat([]byte{0xff}, changesHeader))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "cbt")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := openChanges(path, 8)
		if err != nil {
			return
		}
		ended, err := c.end()
		if err != nil {
			return // no generations left
		}
		if err := c.markAll([]int64{3}); err != nil {
			t.Fatal(err)
		}
		if err := c.close(); err != nil {
			t.Fatal(err)
		}
		again, err := openChanges(path, 8)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = again.close() }()
		if got := again.between(ended, again.now()); !slices.Contains(got, 3) {
			t.Fatalf("after generation %d the changed blocks are %v", ended, got)
		}
	})
}
