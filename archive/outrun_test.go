package archive_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"strongroom/archive"
)

// These are the traces that package model found where two collections are at work, of which one is slow, played with the real code.

// cued is a store that does something once: when a name of some kind is about to be created, was created, or was listed.
type cued struct {
	archive.Store
	creating, created, listed map[string]func()
}

func (s *cued) act(acts map[string]func(), name string) {
	kind, _, _ := strings.Cut(name, "/")
	if act := acts[kind]; act != nil {
		delete(acts, kind)
		act()
	}
}

func (s *cued) Create(ctx context.Context, name string, data []byte) error {
	s.act(s.creating, name)
	err := s.Store.Create(ctx, name, data)
	s.act(s.created, name)
	return err
}

func (s *cued) List(ctx context.Context, prefix string) iter.Seq2[archive.ObjectInfo, error] {
	return func(yield func(archive.ObjectInfo, error) bool) {
		for info, err := range s.Store.List(ctx, prefix) {
			if !yield(info, err) {
				return
			}
		}
		s.act(s.listed, prefix)
	}
}

// over is the same world as another process sees it, whose store is cued.
func (w *world) over(s *cued) *world {
	other := *w
	s.Store = w.store
	other.store = s
	other.reopen()
	return &other
}

// entomb gives every pack a tomb of some time ago, as one comes that was under way for long.
func (w *world) entomb(t *testing.T, ago time.Duration) {
	t.Helper()
	for _, name := range w.names(t, "packs/") {
		tomb := fmt.Sprintf("tombs/%s.%016x", strings.TrimPrefix(name, "packs/"), w.clock.Now().Add(-ago).UnixMilli())
		if err := w.store.Create(t.Context(), tomb, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// pass collects now.
func (w *world) pass(t *testing.T) archive.Collected {
	t.Helper()
	return collectBy(t.Context(), t, w.vault, w.ring, archive.CollectOptions{})
}

// withGarbage is a world with content that nothing reaches, and that has no tomb yet.
func withGarbage(t *testing.T) (w *world, content []byte) {
	t.Helper()
	w, content = newWorld(new(archive.Mem)), random(1, 9<<10)
	d := openDomain(t, w.vault, w.ring)
	write(t, d, "old", "", map[string][]byte{"a": content})
	if err := w.store.Delete(t.Context(), "points/"+d.Info().ID+"/old"); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(90 * time.Minute)
	return w, content
}

// A tomb comes late, and a later one was given as well. Another collection may go by the early one.
func TestALateTombBesideALaterOne(t *testing.T) {
	t.Parallel()
	w, content := withGarbage(t)
	wr := w.begin(t, "new", "", content)
	w.entomb(t, 80*time.Minute)
	w.entomb(t, -time.Minute)
	_, committed := wr.Commit(t.Context())
	w.overtaken(t, committed)
}

// A tomb comes late, the pack goes by it, and then the tomb, while a writer that counts on the pack is about to store its manifest.
func TestATombThatGoesWithItsPack(t *testing.T) {
	t.Parallel()
	w, content := withGarbage(t)
	wr := w.over(&cued{creating: map[string]func(){"points": func() {
		w.entomb(t, 85*time.Minute)
		for range 2 {
			w.pass(t)
		}
		if left := append(w.names(t, "packs/"), w.names(t, "tombs/")...); len(left) > 1 { // the writer's node is a pack of its own
			t.Errorf("the pack or its tomb is there: %q", left)
		}
	}}}).begin(t, "new", "", content)
	_, committed := wr.Commit(t.Context())
	w.overtaken(t, committed)
}

// A tomb comes late. One collection has seen it, and that nothing needs the pack; another sees that the new recovery point needs it, and
// leaves the tomb, so that the writer sees it too.
func TestATombThatOneCollectionHasSeen(t *testing.T) {
	t.Parallel()
	w, content := withGarbage(t)
	var committed error
	wr := w.over(&cued{created: map[string]func(){"points": func() { w.pass(t) }}}).begin(t, "new", "", content)
	w.entomb(t, 80*time.Minute)
	slow := w.over(&cued{listed: map[string]func(){"points": func() { _, committed = wr.Commit(t.Context()) }}})
	slow.pass(t)
	w.overtaken(t, committed)
}

// A writer takes everything over from a parent that was deleted in its time, and that lies in packs with old tombs. It commits when a slow
// collection has listed the recovery points; what another collection does then, in the slow one's sleep, must not take the parent
// from it.
func TestTheTrashThatASlowCollectionCountsOn(t *testing.T) {
	t.Parallel()
	begin := func(t *testing.T) (*world, *archive.Writer, map[string][]byte) {
		w := newWorld(new(archive.Mem))
		want := map[string][]byte{"a": random(1, 9<<10)}
		write(t, openDomain(t, w.vault, w.ring), "parent", "", want)
		w.clock.Advance(3 * time.Hour)
		w.entomb(t, 2*time.Hour)
		return w, w.begin(t, "child", "parent", nil), want
	}
	later := func(t *testing.T, w *world) { // the writer is at work
		d := openDomain(t, w.vault, w.ring)
		for range 8 {
			w.clock.Advance(15 * time.Minute)
			w.vault.AwaitRenewal(t.Context(), d, w.clock.Now())
		}
	}
	commit := func(t *testing.T, wr *archive.Writer) {
		if _, err := wr.Commit(t.Context()); err != nil {
			t.Error(err)
		}
	}
	whole := func(t *testing.T, w *world, want map[string][]byte) {
		w.reopen()
		check(t, openDomain(t, w.vault, w.ring), "child", want)
		w.settle(t)
		check(t, openDomain(t, w.vault, w.ring), "child", want)
		verifyClean(t, w.vault, w.ring)
	}
	t.Run("before it has listed the trash", func(t *testing.T) {
		t.Parallel()
		w, wr, want := begin(t)
		if err := w.vault.Delete(t.Context(), archive.DomainID("vault", "key"), "parent"); err != nil {
			t.Fatal(err)
		}
		later(t, w)
		w.over(&cued{listed: map[string]func(){"points": func() {
			commit(t, wr)
			w.pass(t)
		}}}).pass(t)
		whole(t, w, want)
	})
	t.Run("and its lease runs out", func(t *testing.T) {
		t.Parallel()
		w, wr, want := begin(t)
		if err := w.vault.Delete(t.Context(), archive.DomainID("vault", "key"), "parent"); err != nil {
			t.Fatal(err)
		}
		later(t, w)
		slow := w.over(&cued{listed: map[string]func(){"points": func() {
			commit(t, wr)
			for _, lease := range w.names(t, "leases/") { // as another collection does
				if err := w.store.Delete(t.Context(), lease); err != nil {
					t.Error(err)
				}
			}
			w.pass(t)
		}}})
		done, err := slow.vault.Collect(t.Context(), rings(w.ring), archive.CollectOptions{})
		if err != nil || len(done.Skipped) != 1 || !errors.Is(done.Skipped[0].Err, archive.ErrLeaseLost) {
			t.Errorf("%+v, %v, want the lease lost", done, err)
		}
		whole(t, w, want)
	})
	t.Run("when the deletion is slow as well", func(t *testing.T) {
		t.Parallel()
		w, wr, want := begin(t)
		parent := w.names(t, "points/")[0]
		manifest := make([]byte, 64<<10)
		n, _ := w.store.ReadAt(t.Context(), parent, manifest, 0)
		trash := strings.Replace(strings.Replace(parent, "points/", "trash/", 1), "/parent", fmt.Sprintf("/%016x.parent", w.clock.Now().Add(-2*time.Hour).UnixMilli()), 1)
		if err := w.store.Create(t.Context(), trash, manifest[:n]); err != nil {
			t.Fatal(err)
		}
		w.over(&cued{listed: map[string]func(){
			"points": func() { commit(t, wr) },
			"trash": func() {
				w.pass(t)
				if err := w.store.Delete(t.Context(), parent); err != nil {
					t.Error(err)
				}
			},
		}}).pass(t)
		whole(t, w, want)
	})
}
