package archive_test

import (
	"fmt"
	"maps"
	"sync/atomic"
	"testing"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

func openPoint(t *testing.T, d *archive.Domain, point string) *archive.Point {
	t.Helper()
	p, err := d.Open(t.Context(), point)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCopy(t *testing.T) {
	t.Parallel()
	from, to := &archivetest.Counting{Store: new(archive.Mem)}, &archivetest.Counting{Store: new(archive.Mem)}
	src := openDomain(t, archive.OpenVault(from, "source", small), archivetest.NewKeyring())
	ring := archivetest.NewKeyring()
	dst := openDomain(t, archive.OpenVault(to, "destination", small), ring)
	objects := sampleObjects()
	maps.Copy(objects, manyObjects(10000))
	first := write(t, src, "first", "", objects)
	var told atomic.Uint64
	s, err := archive.Copy(t.Context(), dst, openPoint(t, src, "first"), archive.CopyOptions{Point: "copy-1"})
	if err != nil {
		t.Fatal(err)
	}
	if s.NewBytes != first.NewBytes || s.Entries != first.Entries {
		t.Errorf("the copy took %+v, the original %+v", s, first)
	}
	check(t, dst, "copy-1", objects)

	// The source's first point goes. The next copy finds what it has in common with the destination's all the same.
	changes := map[string][]byte{"logs/0100": text(5, 5000), "new": random(9, 5000), "pictures/0000": nil}
	write(t, src, "second", "first", changes)
	if err := src.Vault().Delete(t.Context(), src.Info().ID, "first"); err != nil {
		t.Fatal(err)
	}
	maps.Copy(objects, changes)
	delete(objects, "pictures/0000")
	from.Reset()
	to.Reset()
	s, err = archive.Copy(t.Context(), dst, openPoint(t, src, "second"), archive.CopyOptions{
		Point: "copy-2", Parent: "copy-1", Progress: func(n uint64) { told.Add(n) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.NewBytes != 10000 {
		t.Errorf("%d bytes are new in the second copy, want 10000", s.NewBytes)
	}
	if told.Load() < s.LogicalBytes {
		t.Errorf("progress came to %d bytes of %d", told.Load(), s.LogicalBytes)
	}
	for name, n := range map[string]int64{
		"reading the source": from.BytesRead.Load(), "reading the destination": to.BytesRead.Load(), "writing": to.BytesWritten.Load(),
	} {
		if n > 300<<10 {
			t.Errorf("the second copy took %d bytes of %s", n, name)
		}
	}
	check(t, dst, "copy-2", objects)

	// Without a parent the trees are read, but no chunk that is there is moved again.
	to.Reset()
	s, err = archive.Copy(t.Context(), dst, openPoint(t, src, "second"), archive.CopyOptions{Point: "copy-3"})
	if err != nil {
		t.Fatal(err)
	}
	if s.NewBytes != 0 {
		t.Errorf("%d bytes are new in a copy of what is there", s.NewBytes)
	}
	check(t, dst, "copy-3", objects)
	verifyClean(t, dst.Vault(), ring)
}

// TestCopyOfATreeThatGrows: what was a root becomes a node below another, where its first key matters.
func TestCopyOfATreeThatGrows(t *testing.T) {
	t.Parallel()
	src := openDomain(t, archive.OpenVault(new(archive.Mem), "source", small), archivetest.NewKeyring())
	ring := archivetest.NewKeyring()
	dst := openDomain(t, archive.OpenVault(new(archive.Mem), "destination", small), ring)
	parent := ""
	objects := map[string][]byte{}
	for round := range 60 { // each before all that is there
		key := fmt.Sprintf("%04d", 9999-round*7)
		changes := map[string][]byte{key: text(uint64(round), 100)}
		maps.Copy(objects, changes)
		point, copied := fmt.Sprint("point-", round), fmt.Sprint("copy-", round)
		write(t, src, point, parent, changes)
		opts := archive.CopyOptions{Point: copied}
		if round > 0 {
			opts.Parent = fmt.Sprint("copy-", round-1)
		}
		if _, err := archive.Copy(t.Context(), dst, openPoint(t, src, point), opts); err != nil {
			t.Fatal(err)
		}
		parent = point
		check(t, dst, copied, objects)
	}
	verifyClean(t, dst.Vault(), ring)
}

func TestCopyWithinADomain(t *testing.T) {
	t.Parallel()
	d := openDomain(t, archive.OpenVault(new(archive.Mem), "vault", small), archivetest.NewKeyring())
	objects := sampleObjects()
	write(t, d, "first", "", objects)
	s, err := archive.Copy(t.Context(), d, openPoint(t, d, "first"), archive.CopyOptions{Point: "second"})
	if err != nil || s.NewBytes != 0 || s.StoredBytes != 0 {
		t.Fatalf("%+v, %v, want nothing new", s, err)
	}
	check(t, d, "second", objects)
}

func TestLongLists(t *testing.T) {
	t.Parallel()
	source := archive.OpenVault(new(archive.Mem), "a", archive.Options{Workers: 2})
	archive.SetMaxRefs(source, 3)
	ring := archivetest.NewKeyring()
	src := openDomain(t, source, ring)
	dst := openDomain(t, archive.OpenVault(new(archive.Mem), "b", archive.Options{Workers: 2}), ring)
	objects := map[string][]byte{"long": random(1, 24<<20), "short": random(2, 100)}
	write(t, src, "first", "", objects)
	check(t, src, "first", objects)
	verifyClean(t, source, ring)
	if _, err := archive.Copy(t.Context(), dst, openPoint(t, src, "first"), archive.CopyOptions{Point: "copy"}); err != nil {
		t.Fatal(err)
	}
	check(t, dst, "copy", objects)
	verifyClean(t, dst.Vault(), ring)
}
