package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

// These are the traces that package model found, played with the real code: what must not happen when somebody or something is
// slow for hours.

// hooked is a store that tells when an operation is over, or, if hurried, about to begin.
type hooked struct {
	archive.Store
	listed   func(prefix string)
	deleting func(name string)
	list     func(prefix string) iter.Seq2[archive.ObjectInfo, error] // in place of the store's, unless it is nil or gives nil
}

func (h *hooked) List(ctx context.Context, prefix string) iter.Seq2[archive.ObjectInfo, error] {
	return func(yield func(archive.ObjectInfo, error) bool) {
		objects := h.Store.List(ctx, prefix)
		if h.list != nil {
			if other := h.list(prefix); other != nil {
				objects = other
			}
		}
		for info, err := range objects {
			if !yield(info, err) {
				return
			}
		}
		if h.listed != nil {
			h.listed(prefix)
		}
	}
}

func (h *hooked) Delete(ctx context.Context, name string) error {
	if h.deleting != nil {
		h.deleting(name)
	}
	return h.Store.Delete(ctx, name)
}

// begin begins a recovery point of one object.
func (w *world) begin(t *testing.T, point, parent string, content []byte) *archive.Writer {
	t.Helper()
	v := archive.OpenVault(w.store, "vault", archive.Options{Clock: w.clock, PackSize: w.pack, Workers: 2})
	wr, err := openDomain(t, v, w.ring).NewWriter(t.Context(), archive.WriteOptions{Point: point, Parent: parent, Kind: archive.Objects})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = wr.Abort() })
	if content != nil {
		if err := wr.Put(t.Context(), []byte("a"), []byte("about a"), bytes.NewReader(content), int64(len(content))); err != nil {
			t.Fatal(err)
		}
	}
	return wr
}

// overtaken checks that the writer could not commit, and that nothing is wrong now or later.
func (w *world) overtaken(t *testing.T, committed error) {
	t.Helper()
	if !errors.Is(committed, archive.ErrOvertaken) {
		t.Errorf("committing: %v, want ErrOvertaken", committed)
	}
	w.reopen()
	w.settle(t)
	verifyClean(t, w.vault, w.ring)
}

// A collection's request to store a tomb is lost in a network for hours, and is done when a writer has begun that counts on the
// pack. Another collection takes the tomb for old.
func TestATombThatComesLate(t *testing.T) {
	t.Parallel()
	content := random(1, 9<<10)
	for n := 0; ; n++ {
		store := archivetest.NewFaulty(new(archive.Mem))
		w := newWorld(store)
		d := openDomain(t, w.vault, w.ring)
		write(t, d, "old", "", map[string][]byte{"a": content})
		if err := w.vault.Delete(t.Context(), d.Info().ID, "old"); err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(2 * time.Hour)
		store.Strike(n, archivetest.Late, false)
		_, err := w.vault.Collect(t.Context(), rings(w.ring), archive.CollectOptions{})
		if store.Struck() == "" || err != nil {
			t.Fatalf("no tomb was struck: %v", err)
		}
		if !strings.HasPrefix(store.Struck(), "create tombs/") {
			continue
		}
		w.clock.Advance(4 * time.Hour)
		wr := w.begin(t, "new", "", content)
		var committed error
		w.store = &hooked{Store: store, listed: func(prefix string) {
			if strings.HasPrefix(prefix, "points/") {
				_, committed = wr.Commit(t.Context())
			}
		}}
		w.reopen()
		if err := store.Arrive(); err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(2 * time.Hour)
		w.vault.AwaitRenewal(t.Context(), openDomain(t, w.vault, w.ring), w.clock.Now())
		if _, err := w.vault.Collect(t.Context(), rings(w.ring), archive.CollectOptions{}); err != nil {
			t.Fatal(err)
		}
		w.store = store
		w.overtaken(t, committed)
		return
	}
}

// The index tells of a pack that has gone, as when a collection stores it late.
func TestAnIndexOfWhatHasGone(t *testing.T) {
	t.Parallel()
	for name, packs := range map[string]int{"few packs": 1, "many packs": 70} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(new(archive.Mem))
			w.pack = 4 << 10
			w.reopen()
			objects := map[string][]byte{}
			for i := range packs {
				objects[fmt.Sprintf("%03d", i)] = random(uint64(i), 4000)
			}
			d := openDomain(t, w.vault, w.ring)
			write(t, d, "old", "", objects)
			if err := w.vault.Delete(t.Context(), d.Info().ID, "old"); err != nil {
				t.Fatal(err)
			}
			if err := w.store.Delete(t.Context(), w.names(t, "packs/")[0]); err != nil {
				t.Fatal(err)
			}
			wr := w.begin(t, "new", "", nil)
			if err := putAll(t.Context(), wr, objects); err != nil {
				t.Fatal(err)
			}
			_, err := wr.Commit(t.Context())
			w.overtaken(t, err)
			write(t, openDomain(t, w.vault, w.ring), "again", "", objects)
			check(t, openDomain(t, w.vault, w.ring), "again", objects)
		})
	}
}

// A recovery point is deleted by somebody who sleeps between storing it in the trash and deleting it. A writer takes it for
// parent meanwhile. Its packs have old tombs, as when it was itself written by a parent that has gone.
func TestADeletionThatTakesLong(t *testing.T) {
	t.Parallel()
	content := map[string][]byte{"a": random(1, 9<<10)}
	store := new(archive.Mem)
	w := newWorld(store)
	d := openDomain(t, w.vault, w.ring)
	write(t, d, "parent", "", content)
	for _, pack := range w.names(t, "packs/") {
		tomb := fmt.Sprintf("%s.%016x", strings.Replace(pack, "packs/", "tombs/", 1), w.clock.Now().Add(-time.Hour).UnixMilli())
		if err := store.Create(t.Context(), tomb, nil); err != nil {
			t.Fatal(err)
		}
	}
	asleep, wake, gone := make(chan struct{}), make(chan struct{}), make(chan error)
	slow := archive.OpenVault(&hooked{Store: store, deleting: func(string) { close(asleep); <-wake }}, "vault", archive.Options{Clock: w.clock})
	go func() { gone <- slow.Delete(context.WithoutCancel(t.Context()), d.Info().ID, "parent") }()
	<-asleep
	w.clock.Advance(4 * time.Hour)
	wr := w.begin(t, "child", "parent", nil)
	var committed error
	awake := false
	w.store = &hooked{Store: store, listed: func(prefix string) { // by a collection: the writer has its own store
		switch {
		case strings.HasPrefix(prefix, "tombs/"):
			if !awake {
				close(wake)
				awake = true
				if err := <-gone; err != nil {
					t.Error(err)
				}
			}
		case strings.HasPrefix(prefix, "points/"):
			if awake && committed == nil {
				_, committed = wr.Commit(t.Context())
			}
		}
	}}
	w.reopen()
	if _, err := w.vault.Collect(t.Context(), rings(w.ring), archive.CollectOptions{}); err != nil {
		t.Fatal(err)
	}
	w.store = store
	w.overtaken(t, committed)
}

// A lease is renewed while a collection lists the leases, so that a listing has neither its old name nor its new one. Where that
// happens in one of three listings, the others have it; where they are so slow that it may happen in each, they are done again;
// where they stay so slow, nothing is collected.
func TestALeaseThatIsRenewedWhileLeasesAreListed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		first, last int // the listings that miss it; the first of all is for leases that ran out
		before      time.Duration
		lasts       time.Duration
		skipped     error
	}{
		"in the first":                {2, 2, 20*time.Minute - time.Second, 2 * time.Second, nil},
		"in the last":                 {4, 4, 20*time.Minute - time.Second, 2 * time.Second, nil},
		"in each, for a while":        {2, 4, time.Minute, 21 * time.Minute, nil},
		"in each, however often done": {2, 100, time.Minute, 21 * time.Minute, archive.ErrLeaseLost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content := random(1, 9<<10)
			store := new(archive.Mem)
			w := newWorld(store)
			d := openDomain(t, w.vault, w.ring)
			write(t, d, "old", "", map[string][]byte{"a": content})
			wr := w.begin(t, "new", "", content)
			if err := w.vault.Delete(t.Context(), d.Info().ID, "old"); err != nil {
				t.Fatal(err)
			}
			writer, _, _ := strings.Cut(w.names(t, "leases/")[0], ".")
			listings, missed := 0, 0
			w.store = &hooked{Store: store, list: func(prefix string) iter.Seq2[archive.ObjectInfo, error] {
				if !strings.HasPrefix(prefix, "leases/") {
					return nil
				}
				if listings++; listings < test.first || listings > test.last {
					return nil
				}
				missed++
				before := storeNames(t, store, writer)
				w.clock.Advance(test.lasts)
				for now := storeNames(t, store, writer); len(now) != 1 || now[0] == before[0]; now = storeNames(t, store, writer) {
					if t.Context().Err() != nil {
						return nil
					}
				}
				return func(yield func(archive.ObjectInfo, error) bool) {
					for info, err := range store.List(t.Context(), prefix) {
						if !strings.HasPrefix(info.Name, writer) && !yield(info, err) {
							return
						}
					}
				}
			}}
			w.reopen()
			for range 3 {
				listings, missed = 0, 0
				w.clock.Advance(test.before)
				done, err := w.vault.Collect(t.Context(), rings(w.ring), archive.CollectOptions{Margin: time.Minute})
				if err != nil {
					t.Fatal(err)
				}
				if missed == 0 {
					t.Error("no listing missed the lease")
				}
				if done.Marked > 0 || done.Removed > 0 || len(done.Skipped) > 0 != (test.skipped != nil) {
					t.Errorf("%+v beside a writer that needs the packs", done)
				}
				for _, skipped := range done.Skipped {
					if !errors.Is(skipped.Err, test.skipped) {
						t.Errorf("skipped: %v, want %v", skipped.Err, test.skipped)
					}
				}
			}
			if _, err := wr.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.store = store
			w.reopen()
			check(t, openDomain(t, w.vault, w.ring), "new", map[string][]byte{"a": content})
			w.settle(t)
			verifyClean(t, w.vault, w.ring)
		})
	}
}

func storeNames(t *testing.T, store archive.Store, prefix string) []string {
	t.Helper()
	names, err := archivetest.Names(t.Context(), store, prefix)
	if err != nil {
		t.Error(err)
	}
	return names
}
