package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"strongroom/archive"
	"strongroom/archive/archivetest"
	"strongroom/clock"
)

// world is a vault whose clock the test moves.
type world struct {
	store archive.Store
	ring  *archivetest.Keyring
	clock *clock.Shifted
	vault *archive.Vault
	ctx   context.Context
	pack  int // the length of packs in bytes
}

func newWorld(store archive.Store) *world {
	w := &world{store: store, ring: archivetest.NewKeyring(), pack: 64 << 10}
	w.clock = clock.NewFrozen(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	w.reopen()
	return w
}

// reopen is what a process does that was started anew.
func (w *world) reopen() {
	w.vault = archive.OpenVault(w.store, "vault", archive.Options{Clock: w.clock, PackSize: w.pack, Workers: 2})
}

func (w *world) collect(t *testing.T) archive.Collected {
	t.Helper()
	w.clock.Advance(2 * time.Hour)
	done, err := w.vault.Collect(t.Context(), rings(w.ring), archive.CollectOptions{Margin: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if len(done.Skipped) > 0 {
		t.Fatalf("skipped: %+v", done.Skipped)
	}
	return done
}

// settle collects until there is nothing left to collect.
func (w *world) settle(t *testing.T) (freed uint64) {
	t.Helper()
	for range 8 {
		freed += w.collect(t).Freed
	}
	return freed
}

func (w *world) names(t *testing.T, prefix string) []string {
	t.Helper()
	names, err := archivetest.Names(t.Context(), w.store, prefix)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestCollectRemovesWhatNothingReaches(t *testing.T) {
	t.Parallel()
	w := newWorld(new(archive.Mem))
	d := openDomain(t, w.vault, w.ring)
	keep := map[string][]byte{"keep": random(1, 200<<10), "both": random(2, 200<<10)}
	write(t, d, "old", "", map[string][]byte{"gone": random(3, 900<<10), "both": keep["both"]})
	write(t, d, "new", "", keep)
	if freed := w.settle(t); freed != 0 {
		t.Errorf("%d bytes were freed while all was needed", freed)
	}
	if err := w.vault.Delete(t.Context(), d.Info().ID, "old"); err != nil {
		t.Fatal(err)
	}
	if err := w.vault.Delete(t.Context(), d.Info().ID, "old"); !errors.Is(err, archive.ErrNoPoint) {
		t.Errorf("deleting again: %v, want ErrNoPoint", err)
	}
	if _, err := d.Open(t.Context(), "old"); !errors.Is(err, archive.ErrNoPoint) {
		t.Errorf("opening a deleted point: %v, want ErrNoPoint", err)
	}
	if freed := w.settle(t); freed < 900<<10 {
		t.Errorf("%d bytes were freed, want 900 KiB and more", freed)
	}
	check(t, d, "new", keep)
	w.reopen()
	check(t, openDomain(t, w.vault, w.ring), "new", keep)
	verifyClean(t, w.vault, w.ring)
	if left := append(w.names(t, "tombs/"), append(w.names(t, "trash/"), w.names(t, "leases/")...)...); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
}

// A damaged header keeps a collection from its own domain, and what is none from nothing.
func TestCollectGoesOnBesideADamagedHeader(t *testing.T) {
	t.Parallel()
	w := newWorld(new(archive.Mem))
	d := openDomain(t, w.vault, w.ring)
	write(t, d, "gone", "", map[string][]byte{"gone": random(3, 900<<10)})
	other, err := w.vault.Domain(t.Context(), "other", w.ring)
	if err != nil {
		t.Fatal(err)
	}
	write(t, other, "kept", "", sampleObjects())
	if err := w.vault.Delete(t.Context(), d.Info().ID, "gone"); err != nil {
		t.Fatal(err)
	}
	header := "domains/" + other.Info().ID
	if err := errors.Join(w.store.Delete(t.Context(), header), w.store.Create(t.Context(), header, []byte("{")), w.store.Create(t.Context(), "domains/notes.txt", nil)); err != nil {
		t.Fatal(err)
	}
	freed := uint64(0)
	for range 4 {
		w.clock.Advance(2 * time.Hour)
		done, err := w.vault.Collect(t.Context(), rings(w.ring), archive.CollectOptions{Margin: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		if len(done.Skipped) != 1 || done.Skipped[0].Domain.ID != other.Info().ID || !errors.Is(done.Skipped[0].Err, archive.ErrDamaged) {
			t.Fatalf("skipped were %+v, want the domain whose header is damaged", done.Skipped)
		}
		freed += done.Freed
	}
	if freed < 900<<10 {
		t.Errorf("%d bytes were freed, want 900 KiB and more", freed)
	}
	if _, err := w.vault.Domains(t.Context()); !errors.Is(err, archive.ErrDamaged) {
		t.Errorf("a damaged header is listed with %v", err)
	}
}

func TestCollectEmptiesWithoutTheKey(t *testing.T) {
	t.Parallel()
	w := newWorld(new(archive.Mem))
	d := openDomain(t, w.vault, w.ring)
	write(t, d, "one", "", sampleObjects())
	write(t, d, "two", "one", map[string][]byte{"new": random(77, 5000)})
	for _, point := range []string{"one", "two"} {
		if err := w.vault.Delete(t.Context(), d.Info().ID, point); err != nil {
			t.Fatal(err)
		}
	}
	w.ring.Disable(true)
	// The first collection finds the points in the trash, and no key to look what they reach.
	w.clock.Advance(time.Minute)
	done, err := w.vault.Collect(t.Context(), rings(w.ring), archive.CollectOptions{Margin: time.Hour})
	if err != nil || len(done.Skipped) != 1 || !errors.Is(done.Skipped[0].Err, archivetest.ErrDisabled) {
		t.Fatalf("%+v, %v, want the domain skipped for its key", done, err)
	}
	w.settle(t)
	for _, prefix := range []string{"packs/", "index/", "points/", "trash/", "tombs/", "leases/"} {
		if left := w.names(t, prefix); len(left) > 0 {
			t.Errorf("left over: %q", left)
		}
	}
	w.ring.Disable(false)
	w.reopen()
	objects := map[string][]byte{"again": random(5, 1000)}
	d = openDomain(t, w.vault, w.ring)
	write(t, d, "three", "", objects)
	check(t, d, "three", objects)
}

func TestCollectRepacks(t *testing.T) {
	t.Parallel()
	w := newWorld(new(archive.Mem))
	d := openDomain(t, w.vault, w.ring)
	// Objects that stay lie in packs between many that go.
	all, keep := map[string][]byte{}, map[string][]byte{}
	for i := range 400 {
		key := fmt.Sprintf("%04d", i)
		all[key] = random(uint64(i), 4000)
		if i%20 == 0 {
			keep[key] = all[key]
		}
	}
	write(t, d, "all", "", all)
	write(t, d, "keep", "", keep)
	if err := w.vault.Delete(t.Context(), d.Info().ID, "all"); err != nil {
		t.Fatal(err)
	}
	repacked := 0
	for range 8 {
		repacked += w.collect(t).Repacked
	}
	if repacked == 0 {
		t.Error("no pack was repacked")
	}
	var left int64
	for object, err := range w.store.List(t.Context(), "packs/") {
		if err != nil {
			t.Fatal(err)
		}
		left += object.Size
	}
	if left > 400*4000/2 {
		t.Errorf("%d bytes of packs are left for 80000 of content", left)
	}
	check(t, d, "keep", keep) // this domain has read the index before packs moved
	w.reopen()
	check(t, openDomain(t, w.vault, w.ring), "keep", keep)
	verifyClean(t, w.vault, w.ring)
}

// A writer that relies on what collections have found to be garbage, by deduplication and by its parent.
func TestCollectBesideAWriter(t *testing.T) {
	t.Parallel()
	w := newWorld(new(archive.Mem))
	d := openDomain(t, w.vault, w.ring)
	parent := map[string][]byte{"a": random(1, 100<<10), "b": random(2, 100<<10)}
	write(t, d, "parent", "", parent)
	write(t, d, "twin", "", map[string][]byte{"c": random(3, 300<<10)})
	begin := func(point string) *archive.Writer {
		wr, err := openDomain(t, w.vault, w.ring).NewWriter(t.Context(), archive.WriteOptions{
			Point: point, Parent: "parent", Kind: archive.Objects,
		})
		if err != nil {
			t.Fatal(err)
		}
		return wr
	}
	wr := begin("child")
	defer wr.Abort()
	for _, point := range []string{"parent", "twin"} {
		if err := w.vault.Delete(t.Context(), d.Info().ID, point); err != nil {
			t.Fatal(err)
		}
	}
	// The writer is alive but slow: it renews its lease whenever the clock says so, while collections come and go.
	for range 30 {
		w.clock.Advance(20 * time.Minute)
		w.vault.AwaitRenewal(t.Context(), d, w.clock.Now())
		if _, err := w.vault.Collect(t.Context(), rings(w.ring), archive.CollectOptions{Margin: time.Minute}); err != nil {
			t.Fatal(err)
		}
	}
	want := maps.Clone(parent)
	want["c"] = random(3, 300<<10)
	if err := wr.Put(t.Context(), []byte("c"), []byte("about c"), bytes.NewReader(want["c"]), -1); err != nil {
		t.Fatal(err)
	}
	s, err := wr.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.NewBytes != 0 {
		t.Errorf("%d bytes are new, want none: what was there when the writer began is there", s.NewBytes)
	}
	w.settle(t)
	w.reopen()
	check(t, openDomain(t, w.vault, w.ring), "child", want)
	verifyClean(t, w.vault, w.ring)
}

// A writer that was taken for dead commits nothing.
func TestAWriterWithoutLeaseCommitsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(new(archive.Mem))
	d := openDomain(t, w.vault, w.ring)
	wr, err := d.NewWriter(t.Context(), archive.WriteOptions{Point: "p", Kind: archive.Objects})
	if err != nil {
		t.Fatal(err)
	}
	defer wr.Abort()
	if err := wr.Put(t.Context(), []byte("k"), nil, bytes.NewReader([]byte("data")), -1); err != nil {
		t.Fatal(err)
	}
	for _, name := range w.names(t, "leases/") { // as a collection does when the lease has run out
		if err := w.store.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := wr.Commit(t.Context()); !errors.Is(err, archive.ErrLeaseLost) {
		t.Errorf("committing: %v, want ErrLeaseLost", err)
	}
	if _, err := d.Open(t.Context(), "p"); !errors.Is(err, archive.ErrNoPoint) {
		t.Errorf("opening: %v, want ErrNoPoint", err)
	}
}

// Writers, copies, deletions and collections all at once, with margins as short as leases allow. What is committed and not
// deleted is always whole.
func TestEverythingAtOnce(t *testing.T) {
	t.Parallel()
	store := new(archive.Mem)
	ring := archivetest.NewKeyring()
	v := archive.OpenVault(store, "vault", archive.Options{PackSize: 32 << 10, Workers: 2})
	other := archive.OpenVault(new(archive.Mem), "other", archive.Options{PackSize: 32 << 10, Workers: 2})
	stop := make(chan struct{})
	var collector, writers sync.WaitGroup
	for _, vault := range []*archive.Vault{v, other} {
		collector.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				done, err := vault.Collect(t.Context(), rings(ring), archive.CollectOptions{Margin: time.Millisecond, MergeAbove: 4})
				if err != nil || len(done.Skipped) > 0 {
					t.Errorf("collecting: %v, %+v", err, done.Skipped)
					return
				}
			}
		})
	}
	want := make([]map[string][]byte, 3)
	for i := range want {
		writers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 0))
			state, parent := map[string][]byte{}, ""
			for round := range 25 {
				d, err := v.Domain(t.Context(), "key", ring)
				if err != nil {
					t.Error(err)
					return
				}
				changes := map[string][]byte{}
				for range 20 {
					key := fmt.Sprintf("%03d", r.IntN(200))
					changes[key] = random(r.Uint64N(60), 3000) // the same contents again and again, among all writers
				}
				point := fmt.Sprintf("w%d-%d", i, round)
				w, err := d.NewWriter(t.Context(), archive.WriteOptions{Point: point, Parent: parent, Kind: archive.Objects})
				if err != nil {
					t.Error(err)
					return
				}
				err = putAll(t.Context(), w, changes)
				if err == nil {
					_, err = w.Commit(t.Context())
				}
				if err != nil {
					t.Error(err)
					return
				}
				maps.Copy(state, changes)
				if i == 0 {
					copied(t, d, other, ring, point, round)
				}
				if parent != "" {
					if err := v.Delete(t.Context(), d.Info().ID, parent); err != nil {
						t.Error(err)
					}
				}
				parent = point
			}
			want[i] = state
		})
	}
	writers.Wait()
	close(stop)
	collector.Wait()
	if t.Failed() {
		return
	}
	d := openDomain(t, v, ring)
	for i, state := range want {
		check(t, d, fmt.Sprintf("w%d-24", i), state)
	}
	check(t, openDomain(t, other, ring), "w0-24", want[0])
	verifyClean(t, v, ring)
	verifyClean(t, other, ring)
}

// copied copies a point and deletes the copy before.
func copied(t *testing.T, from *archive.Domain, to *archive.Vault, ring archive.Keyring, point string, round int) {
	d, err := to.Domain(t.Context(), "key", ring)
	if err != nil {
		t.Error(err)
		return
	}
	p, err := from.Open(t.Context(), point)
	if err != nil {
		t.Error(err)
		return
	}
	opts := archive.CopyOptions{Point: point}
	if round > 0 {
		opts.Parent = strings.TrimSuffix(point, fmt.Sprint(round)) + fmt.Sprint(round-1)
	}
	if _, err := archive.Copy(t.Context(), d, p, opts); err != nil {
		t.Error(err)
	}
	if opts.Parent != "" {
		if err := to.Delete(t.Context(), d.Info().ID, opts.Parent); err != nil {
			t.Error(err)
		}
	}
}

// Many small backups leave many small packs. Collections put them together.
func TestCollectPutsSmallPacksTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(new(archive.Mem))
	d := openDomain(t, w.vault, w.ring)
	want, parent := map[string][]byte{}, ""
	for i := range 40 {
		key := fmt.Sprint(i)
		want[key] = random(uint64(i), 200)
		write(t, d, "p"+key, parent, map[string][]byte{key: want[key]})
		parent = "p" + key
	}
	before := len(w.names(t, "packs/")) + len(w.names(t, "index/"))
	w.settle(t)
	if after := len(w.names(t, "packs/")) + len(w.names(t, "index/")); before < 100 || after > 20 {
		t.Errorf("%d packs and index objects became %d, want 20 at most", before, after)
	}
	if done := w.collect(t); done.Repacked > 0 {
		t.Errorf("%+v: repacking does not come to an end", done)
	}
	check(t, d, "p39", want)
	verifyClean(t, w.vault, w.ring)
}

func TestReindex(t *testing.T) {
	t.Parallel()
	w := newWorld(new(archive.Mem))
	d := openDomain(t, w.vault, w.ring)
	first, second := map[string][]byte{"a": random(1, 200<<10)}, map[string][]byte{"b": random(2, 200<<10)}
	write(t, d, "first", "", first)
	write(t, d, "second", "", second)
	indexes := w.names(t, "index/")
	if err := w.store.Delete(t.Context(), indexes[0]); err != nil {
		t.Fatal(err)
	}
	if err := archivetest.Replace(t.Context(), w.store, indexes[1], []byte("damaged")); err != nil {
		t.Fatal(err)
	}
	w.reopen()
	d = openDomain(t, w.vault, w.ring)
	check(t, d, "first", first) // from the packs
	check(t, d, "second", second)
	report, err := w.vault.Verify(t.Context(), rings(w.ring), archive.VerifyOptions{})
	if err != nil || report.Clean() || len(report.Touched()) > 0 {
		t.Errorf("verifying without an index: %+v, %v, want damage that touches no point", report, err)
	}
	w.clock.Advance(time.Minute)
	if err := d.Reindex(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(t, d, "first", first)
	check(t, d, "second", second)
	w.settle(t)
	w.reopen()
	check(t, openDomain(t, w.vault, w.ring), "second", second)
	verifyClean(t, w.vault, w.ring)
}

// An index object that is lost can be made anew from its packs, unless a collection took these for garbage.
func TestCollectSparesWhatTheIndexHasLost(t *testing.T) {
	t.Parallel()
	w := newWorld(new(archive.Mem))
	d := openDomain(t, w.vault, w.ring)
	want := map[string][]byte{"a": random(1, 200<<10)}
	write(t, d, "first", "", want)
	lost := w.names(t, "index/")
	want["b"] = random(2, 200<<10)
	w.clock.Advance(time.Minute)
	write(t, d, "second", "first", map[string][]byte{"b": want["b"]})
	if err := w.vault.Delete(t.Context(), d.Info().ID, "first"); err != nil {
		t.Fatal(err)
	}
	w.collect(t) // what is left of the first point's content is reached by the second point alone
	for _, name := range lost {
		if err := w.store.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	w.reopen()
	w.settle(t)
	d = openDomain(t, w.vault, w.ring)
	if err := d.Reindex(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(t, d, "second", want)
	verifyClean(t, w.vault, w.ring)
	w.settle(t)
	w.reopen()
	check(t, openDomain(t, w.vault, w.ring), "second", want)
}

// watched calls a function before it lists.
type watched struct {
	archive.Store
	list func(prefix string)
}

func (w *watched) List(ctx context.Context, prefix string) iter.Seq2[archive.ObjectInfo, error] {
	w.list(prefix)
	return w.Store.List(ctx, prefix)
}

// The files beside the index are damaged, and another job has the index read anew, when a collection has just found out what
// recovery points reach: it does not store an index that tells of nothing.
func TestCollectWhileTheIndexIsDropped(t *testing.T) {
	t.Parallel()
	store := &watched{Store: new(archive.Mem), list: func(string) {}}
	w := newWorld(store)
	d := openDomain(t, w.vault, w.ring)
	want := map[string][]byte{"a": random(1, 200<<10)}
	write(t, d, "first", "", want)
	dropped := false
	store.list = func(prefix string) {
		if !dropped && strings.HasPrefix(prefix, "packs/") {
			dropped = true
			if err := archive.DropIndex(t.Context(), d); err != nil {
				t.Error(err)
			}
		}
	}
	w.clock.Advance(2 * time.Hour)
	if _, err := w.vault.Collect(t.Context(), rings(w.ring), archive.CollectOptions{}); err != nil || !dropped {
		t.Fatalf("dropped: %v, %v", dropped, err)
	}
	w.reopen()
	verifyClean(t, w.vault, w.ring)
	w.settle(t)
	check(t, openDomain(t, w.vault, w.ring), "first", want)
}
