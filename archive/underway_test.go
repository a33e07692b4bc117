package archive_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

// anew are the ways in which an index is made anew from the packs.
var anew = map[string]func(*testing.T, *world){
	"Reindex": func(t *testing.T, w *world) {
		if err := openDomain(t, w.vault, w.ring).Reindex(t.Context()); err != nil {
			t.Fatal(err)
		}
	},
	"Repair": func(t *testing.T, w *world) {
		done, err := w.vault.Repair(t.Context(), rings(w.ring), archive.RepairOptions{})
		if err != nil || len(done.Healed) == 0 || len(done.Failed) > 0 || len(done.Left.Skipped) > 0 {
			t.Fatalf("repairing: %+v, %v", done, err)
		}
	},
}

// An index is made anew while a writer is at work that has stored packs and told of none of them. Another writer commits the same
// content. Then the first gives up and removes its packs.
func TestAnIndexMadeAnewBesideAWriter(t *testing.T) {
	t.Parallel()
	for name, anew := range anew {
		for what, taken := range map[string]bool{"with its lease": false, "taken for dead": true} {
			t.Run(name+" "+what, func(t *testing.T) {
				t.Parallel()
				w := newWorld(new(archive.Mem))
				w.pack = 8 << 10
				w.reopen()
				write(t, openDomain(t, w.vault, w.ring), "old", "", map[string][]byte{"old": random(77, 5000)})
				if err := archivetest.Replace(t.Context(), w.store, w.names(t, "index/")[0], []byte("damaged")); err != nil {
					t.Fatal(err)
				}
				w.clock.Advance(10 * time.Minute)
				objects := map[string][]byte{}
				for i := range 4 {
					objects[fmt.Sprint(i)] = random(uint64(i), 9<<10)
				}
				before := len(w.names(t, "packs/"))
				first := w.begin(t, "first", "", nil)
				if err := putAll(t.Context(), first, objects); err != nil {
					t.Fatal(err)
				}
				for len(w.names(t, "packs/")) == before { // the last is full only when the writer ends
					if err := t.Context().Err(); err != nil {
						t.Fatal(err)
					}
				}
				if taken {
					for _, lease := range w.names(t, "leases/") {
						if err := w.store.Delete(t.Context(), lease); err != nil {
							t.Fatal(err)
						}
					}
				}
				w.reopen()
				w.clock.Advance(time.Minute)
				anew(t, w)
				w.reopen()
				write(t, openDomain(t, w.vault, w.ring), "second", "", objects)
				if err := first.Abort(); err != nil {
					t.Fatal(err)
				}
				w.reopen()
				check(t, openDomain(t, w.vault, w.ring), "second", objects)
				verifyClean(t, w.vault, w.ring)
				w.settle(t)
				verifyClean(t, w.vault, w.ring)
				if left := w.names(t, "leases/"); len(left) > 0 {
					t.Errorf("left over: %q", left)
				}
			})
		}
	}
}

// An index is made anew from packs that were listed when a writer was at work. It gives up before the writers at work are listed, which are
// none then, and its packs are gone.
func TestAnIndexMadeAnewOfPacksThatGo(t *testing.T) {
	t.Parallel()
	for name, anew := range anew {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(new(archive.Mem))
			w.pack = 8 << 10
			w.reopen()
			write(t, openDomain(t, w.vault, w.ring), "old", "", map[string][]byte{"old": random(77, 5000)})
			if err := archivetest.Replace(t.Context(), w.store, w.names(t, "index/")[0], []byte("damaged")); err != nil {
				t.Fatal(err)
			}
			before := w.names(t, "packs/")
			objects := map[string][]byte{"a": random(1, 9<<10), "b": random(2, 9<<10)}
			failing := w.begin(t, "failing", "", nil)
			if err := putAll(t.Context(), failing, objects); err != nil {
				t.Fatal(err)
			}
			for len(w.names(t, "packs/")) == len(before) {
				if err := t.Context().Err(); err != nil {
					t.Fatal(err)
				}
			}
			store, failed := w.store, false
			w.store = &hooked{Store: store, listed: func(prefix string) {
				if !failed && strings.HasPrefix(prefix, "leases/") {
					failed = true
					if err := failing.Abort(); err != nil {
						t.Error(err)
					}
				}
			}}
			w.reopen()
			anew(t, w)
			w.store = store
			w.reopen()
			if there := w.names(t, "packs/"); !failed || len(there) != len(before) {
				t.Fatalf("that the writer has given up is %t; the packs were %q and are %q", failed, before, there)
			}
			verifyClean(t, w.vault, w.ring)
			write(t, openDomain(t, w.vault, w.ring), "second", "", objects)
			check(t, openDomain(t, w.vault, w.ring), "second", objects)
		})
	}
}

// A writer that died long ago keeps no index from being made anew; one that may live, only from telling of what it may remove.
func TestAnIndexMadeAnewAfterAWriterDied(t *testing.T) {
	t.Parallel()
	for name, anew := range anew {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(new(archive.Mem))
			d := openDomain(t, w.vault, w.ring)
			start := w.clock.Now()
			lease := func(end time.Time) string {
				return fmt.Sprintf("leases/%s/%s.%016x.%016x", d.Info().ID, strings.Repeat("0", 32), start.UnixMilli(), end.UnixMilli())
			}
			if err := w.store.Create(t.Context(), lease(start.Add(6*time.Hour)), nil); err != nil {
				t.Fatal(err)
			}
			w.clock.Advance(2 * time.Minute)
			want := map[string][]byte{"a": random(1, 200<<10)}
			write(t, d, "point", "", want)
			if err := w.store.Delete(t.Context(), w.names(t, "index/")[0]); err != nil {
				t.Fatal(err)
			}
			w.reopen()
			if err := openDomain(t, w.vault, w.ring).Reindex(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := verifyOnce(&world{vault: w.vault, ring: w.ring, ctx: t.Context()}); !errors.Is(err, archive.ErrDamaged) {
				t.Errorf("verifying while packs are left out: %v, want ErrDamaged", err)
			}
			w.collect(t)
			w.clock.Advance(6 * time.Hour)
			w.reopen()
			check(t, openDomain(t, w.vault, w.ring), "point", want) // from the packs
			anew(t, w)
			w.reopen()
			check(t, openDomain(t, w.vault, w.ring), "point", want)
			verifyClean(t, w.vault, w.ring)
			w.settle(t)
			verifyClean(t, w.vault, w.ring)
		})
	}
}
