package archive_test

import (
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

// A crash before and after every change to the store: in a first backup, an incremental one, a copy, a deletion and a
// collection. After a restart all that was acknowledged is whole, verification is clean, the step can be done again, and
// what the crash has left is collected.
func TestCrashAtEveryChange(t *testing.T) {
	t.Parallel()
	first := map[string][]byte{"a": random(1, 70<<10), "b": text(2, 30<<10), "c": random(3, 100)}
	second := map[string][]byte{"b": random(4, 50<<10), "d": text(5, 500), "c": nil}
	merged := maps.Clone(first)
	maps.Copy(merged, second)
	delete(merged, "c")
	steps := []struct {
		name string
		do   func(*world) error
	}{
		{"first", func(w *world) error { return backup(w, "first", "", first) }},
		{"incremental", func(w *world) error { return backup(w, "second", "first", second) }},
		{"copy", copyToOther},
		{"delete", func(w *world) error { return deletePoint(w, "first") }},
		{"mark", collectOnce},
		{"repack", collectOnce},
		{"remove", collectOnce},
		{"clear", collectOnce},
	}
	for i, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			t.Parallel()
			for _, after := range []bool{false, true} {
				for n := 0; ; n++ {
					faulty := archivetest.NewFaulty(new(archive.Mem))
					w := newWorld(faulty)
					w.ctx = t.Context()
					for _, before := range steps[:i] {
						if err := before.do(w); err != nil {
							t.Fatal(err)
						}
					}
					w.reopen()
					faulty.StopAt(n, after)
					err := step.do(w)
					changes := faulty.Changes()
					if err != nil && !errors.Is(err, archivetest.ErrStopped) {
						t.Fatalf("change %d: %v", n, err)
					}
					faulty.StopAt(-1, false)
					w.reopen()
					w.clock.Advance(3 * time.Hour) // the crashed writer's lease runs out
					where := fmt.Sprintf("change %d of %s, after it: %v", n, step.name, after)
					restore(t, w, where, i, err == nil, first, merged)
					if err := step.do(w); err != nil && !errors.Is(err, archive.ErrPointExists) && !errors.Is(err, archive.ErrNoPoint) {
						t.Fatalf("%s: again: %v", where, err)
					}
					restore(t, w, where, i, true, first, merged)
					w.settle(t)
					restore(t, w, where, i, true, first, merged)
					for _, prefix := range []string{"leases/", "tombs/", "trash/"} {
						if left := w.names(t, prefix); len(left) > 0 {
							t.Fatalf("%s: left over: %q", where, left)
						}
					}
					if n >= changes { // it did not stop at all
						break
					}
				}
			}
		})
	}
}

// restore checks that what should be there after the step with this number is.
func restore(t *testing.T, w *world, where string, step int, done bool, first, merged map[string][]byte) {
	t.Helper()
	t.Log(where)
	d := openDomain(t, w.vault, w.ring)
	if (step > 0 || done) && step < 3 {
		check(t, d, "first", first)
	}
	if step > 1 || step == 1 && done {
		check(t, d, "second", merged)
	}
	if step > 2 || step == 2 && done {
		o, err := w.vault.Domain(t.Context(), "other", w.ring)
		if err != nil {
			t.Fatal(err)
		}
		check(t, o, "copy", merged)
	}
	verifyClean(t, w.vault, w.ring)
}

func backup(w *world, point, parent string, objects map[string][]byte) error {
	d, err := w.vault.Domain(w.ctx, "key", w.ring)
	if err != nil {
		return err
	}
	wr, err := d.NewWriter(w.ctx, archive.WriteOptions{Point: point, Parent: parent, Kind: archive.Objects})
	if err != nil {
		return err
	}
	if err := putAll(w.ctx, wr, objects); err != nil {
		return errors.Join(err, wr.Abort())
	}
	_, err = wr.Commit(w.ctx)
	return err
}

func copyToOther(w *world) error {
	from, err := w.vault.Domain(w.ctx, "key", w.ring)
	if err != nil {
		return err
	}
	to, err := w.vault.Domain(w.ctx, "other", w.ring)
	if err != nil {
		return err
	}
	p, err := from.Open(w.ctx, "second")
	if err != nil {
		return err
	}
	_, err = archive.Copy(w.ctx, to, p, archive.CopyOptions{Point: "copy"})
	return err
}

func deletePoint(w *world, point string) error {
	d, err := w.vault.Domain(w.ctx, "key", w.ring)
	if err != nil {
		return err
	}
	return w.vault.Delete(w.ctx, d.Info().ID, point)
}

func collectOnce(w *world) error {
	w.clock.Advance(2 * time.Hour)
	done, err := w.vault.Collect(w.ctx, rings(w.ring), archive.CollectOptions{Margin: time.Hour})
	for _, s := range done.Skipped {
		err = errors.Join(err, s.Err)
	}
	return err
}
