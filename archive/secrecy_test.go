package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

// windows collects every run of n bytes of the store's objects, without their public headers: magic numbers and ids, which say
// what an object is, not what is in it.
func windows(t *testing.T, store archive.Store, n int) map[string]string {
	t.Helper()
	all := map[string]string{}
	for name, data := range snapshot(t, store, "") {
		switch {
		case len(data) < 48, bytes.HasPrefix(data, []byte("{")): // a domain's JSON, tombs
			continue
		}
		data = data[48:]
		for i := 0; i+n <= len(data); i++ {
			all[string(data[i:i+n])] = name
		}
	}
	return all
}

// What is stored has no run of bytes in common with what was put in, nor with another domain that holds the same, nor with what the
// same domain would hold in another vault. Content that compresses, that does not, keys, metadata and volumes.
func TestStoredBytesTellNothing(t *testing.T) {
	t.Parallel()
	const window = 12 // 2^-96 for a match by chance, times some 2^38 pairs
	objects := map[string][]byte{"report of the board": text(1, 60<<10), "noise": random(2, 60<<10), "again": random(2, 60<<10)}
	disk := random(3, 3*4096)
	plain := map[string]string{}
	add := func(what string, data []byte) {
		for i := 0; i+window <= len(data); i++ {
			plain[string(data[i:i+window])] = what
		}
	}
	for key, data := range objects {
		add("content of "+key, data)
		add("the key "+key, []byte(key))
		add("metadata of "+key, []byte("about "+key))
	}
	add("a volume", disk)
	stores := map[string]map[string]string{}
	for _, place := range []struct{ vault, key string }{{"vault", "key"}, {"vault", "other key"}, {"other vault", "key"}} {
		store, ring := new(archive.Mem), archivetest.NewKeyring()
		d, err := archive.OpenVault(store, place.vault, small).Domain(t.Context(), place.key, ring)
		if err != nil {
			t.Fatal(err)
		}
		write(t, d, "point", "", objects)
		w, err := d.NewWriter(t.Context(), archive.WriteOptions{Point: "volume", Kind: archive.Volume, BlockSize: 4096, Size: int64(len(disk))})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if err := w.PutBlock(t.Context(), uint64(i), disk[i*4096:(i+1)*4096]); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := windows(t, store, window)
		for run, name := range got {
			if what, open := plain[run]; open {
				t.Fatalf("%s of %v shows %s", name, place, what)
			}
			for other, there := range stores {
				if where, same := there[run]; same {
					t.Fatalf("%s of %v and %s of %s have bytes in common", name, place, where, other)
				}
			}
		}
		if len(got) < 60<<10 {
			t.Fatalf("only %d windows were looked at", len(got))
		}
		stores[fmt.Sprint(place)] = got
	}
}

// TestNoncesAreNotUsedTwice goes through a history of backups, copies, deletions and collections, with stores that die and writers that
// begin again under the same names, and sees that no key seals twice with one nonce.
func TestNoncesAreNotUsedTwice(t *testing.T) {
	seals := archive.WatchNonces(t) // not beside other tests: it sees all seals of the process
	ring := archivetest.NewKeyring()
	faulty := archivetest.NewFaulty(new(archive.Mem))
	w := newWorld(faulty)
	w.ring = ring
	other := archive.OpenVault(new(archive.Mem), "other", archive.Options{Clock: w.clock, PackSize: 64 << 10, Workers: 2})
	r := rand.New(rand.NewPCG(7, 7))
	parent := ""
	for round := range 60 {
		w.reopen()
		if round%3 == 2 {
			faulty.Strike(r.IntN(8), archivetest.Faults[r.IntN(len(archivetest.Faults))], false)
		}
		point := fmt.Sprint("point-", round/2) // each name is tried twice
		changes := map[string][]byte{}
		for range 12 {
			changes[fmt.Sprintf("%03d", r.IntN(60))] = random(r.Uint64N(40), 9000)
		}
		committed := func() bool {
			d, err := w.vault.Domain(t.Context(), "key", ring)
			if err != nil {
				return false
			}
			wr, err := d.NewWriter(t.Context(), archive.WriteOptions{Point: point, Parent: parent, Kind: archive.Objects})
			if err != nil {
				return false
			}
			defer wr.Abort()
			if putAll(t.Context(), wr, changes) != nil {
				return false
			}
			_, err = wr.Commit(t.Context())
			return err == nil
		}()
		faulty.Mend()
		w.reopen()
		if !committed {
			continue
		}
		parent = point
		d := openDomain(t, w.vault, ring)
		to, err := other.Domain(t.Context(), "key", ring)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Copy(t.Context(), to, openPoint(t, d, point), archive.CopyOptions{Point: point}); err != nil {
			t.Fatal(err)
		}
		if round%4 == 3 {
			w.collect(t)
		}
	}
	n, twice := seals()
	if n < 300 {
		t.Errorf("only %d seals were made", n)
	}
	if len(twice) > 0 {
		t.Errorf("%d of %d seals used a nonce again, the first: %s", len(twice), n, twice[0])
	}
}

// A domain that was closed seals and opens nothing.
func TestAClosedDomainDoesNothing(t *testing.T) {
	t.Parallel()
	d := openDomain(t, archive.OpenVault(new(archive.Mem), "vault", small), archivetest.NewKeyring())
	write(t, d, "point", "", map[string][]byte{"a": {1}})
	d.Close()
	d.Close()
	if _, err := d.Open(t.Context(), "point"); !errors.Is(err, archive.ErrDomainClosed) {
		t.Errorf("a closed domain opens a recovery point: %v", err)
	}
}
