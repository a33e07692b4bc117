package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

// A scene is what a vault holds while it goes through the steps: what each recovery point must restore to.
type scene struct {
	first, merged, third map[string][]byte
	points               map[string]map[string][]byte // by domain's key and id
}

// A step is one thing done to the vault, and what of the scene it changes.
type step struct {
	name string
	do   func(*world) error
	then func(*scene)
}

func newScene() *scene {
	s := &scene{points: map[string]map[string][]byte{}}
	s.first = map[string][]byte{"a": random(1, 9<<10), "b": text(2, 6<<10), "c": random(3, 100)}
	s.merged = maps.Clone(s.first)
	maps.Copy(s.merged, secondChanges)
	delete(s.merged, "c")
	s.third = maps.Clone(s.merged)
	maps.Copy(s.third, thirdChanges)
	return s
}

var (
	secondChanges = map[string][]byte{"b": random(4, 5<<10), "d": text(5, 500), "c": nil}
	thirdChanges  = map[string][]byte{"e": random(6, 3000)}
)

// steps are a vault's life, short: each kind of job, and all that a collection does in the order in which it comes to it.
func (s *scene) steps() []step {
	nothing := func(*scene) {}
	return []step{
		{"backup", func(w *world) error { return backup(w, "first", "", s.first) }, func(s *scene) { s.points["key/first"] = s.first }},
		{"incremental backup", func(w *world) error { return backup(w, "second", "first", secondChanges) }, func(s *scene) { s.points["key/second"] = s.merged }},
		{"copy", func(w *world) error { return copyToOther(w, "second", "") }, func(s *scene) { s.points["other/second"] = s.merged }},
		{"another backup", func(w *world) error { return backup(w, "third", "second", thirdChanges) }, func(s *scene) { s.points["key/third"] = s.third }},
		{"incremental copy", func(w *world) error { return copyToOther(w, "third", "second") }, func(s *scene) { s.points["other/third"] = s.third }},
		{"restore", func(w *world) error { return restoreAll(w, "third", s.third) }, nothing},
		{"verify", verifyOnce, nothing},
		{"index anew", reindex, nothing},
		{"delete", func(w *world) error { return deletePoint(w, "first") }, func(s *scene) { delete(s.points, "key/first") }},
		{"mark", collectOnce, nothing},
		{"compact", collectOnce, nothing},
		{"remove", collectOnce, nothing},
		{"clear", collectOnce, nothing},
		{"delete all", deleteAll, func(s *scene) { clear(s.points) }},
		{"mark all", collectOnce, nothing},
		{"remove all", collectOnce, nothing},
	}
}

// Every fault at every operation of every step. Whatever the fault was: what was acknowledged restores, what was not is
// whole or is not there, verification is clean, the step can be done again, and what the fault has left is collected,
// without a recovery point being touched. FAULTS=all strikes reading at each operation too, where it is every fourth, and lets
// late operations arrive at other times, and removes everything after each.
func TestFaultAtEveryOperation(t *testing.T) {
	t.Parallel()
	everything := os.Getenv("FAULTS") == "all"
	s := newScene()
	for i, step := range s.steps() {
		t.Run(step.name, func(t *testing.T) {
			before := new(archive.Mem)
			ring := archivetest.NewKeyring()
			s := newScene()
			w := newFaultyWorld(t, before, ring, 0)
			for _, earlier := range s.steps()[:i] {
				if err := earlier.do(w); err != nil {
					t.Fatalf("%s: %v", earlier.name, err)
				}
				earlier.then(s)
			}
			runs := 0
			for _, fault := range archivetest.Faults {
				if fault == archivetest.CrashBefore && !everything {
					continue // it leaves what a crash after the operation before leaves
				}
				arrivals := []int{0}
				if fault == archivetest.Late && everything {
					arrivals = []int{0, 1, 2}
				}
				for _, arrival := range arrivals {
					for n := 0; ; n++ {
						if fault == archivetest.Refused && !everything && n%4 != i%4 && n > 8 {
							continue
						}
						f := faultRun{w: newFaultyWorld(t, cloned(t, before), ring, time.Duration(i)*4*time.Hour), step: step, s: s, fault: fault, n: n, sparse: !everything, arrival: arrival}
						runs++
						if !f.run(t) {
							break
						}
					}
				}
			}
			t.Logf("%d runs", runs)
		})
	}
}

// newFaultyWorld is a world on a store that can fail. Its clock stands after everything that the store has.
func newFaultyWorld(t *testing.T, store archive.Store, ring *archivetest.Keyring, later time.Duration) *world {
	w := newWorld(archivetest.NewFaulty(store))
	w.ring, w.ctx, w.pack = ring, t.Context(), 8<<10
	w.reopen()
	w.clock.Advance(later)
	return w
}

// cloned is a store with the same objects.
func cloned(t *testing.T, s archive.Store) *archive.Mem {
	t.Helper()
	clone := new(archive.Mem)
	for info, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, info.Size)
		if _, err := s.ReadAt(t.Context(), info.Name, data, 0); err != nil && len(data) > 0 {
			t.Fatal(err)
		}
		if err := clone.Create(t.Context(), info.Name, data); err != nil {
			t.Fatal(err)
		}
	}
	return clone
}

// A faultRun is one step with one fault.
type faultRun struct {
	w       *world
	step    step
	s       *scene
	fault   archivetest.Fault
	n       int
	sparse  bool // look only now and then whether all can be removed
	arrival int  // when what is late arrives: after the step, after its repetition, after a collection
	where   string
}

// run tells whether the fault struck: if not, the step has fewer operations.
func (f *faultRun) run(t *testing.T) bool {
	t.Helper()
	store := f.w.store.(*archivetest.Faulty)
	store.Strike(f.n, f.fault, f.fault.OnReads())
	failed := f.step.do(f.w)
	struck := store.Struck()
	store.Mend()
	f.where = fmt.Sprintf("%s at operation %d of %s (%s)", f.fault, f.n, f.step.name, struck)
	if failed != nil && (struck == "" || !errors.Is(failed, archivetest.ErrFault) && !errors.Is(failed, archive.ErrExist)) {
		t.Fatalf("%s: %v", f.where, failed)
	}
	f.arrive(t, 0)
	f.w.reopen()
	f.w.clock.Advance(3 * time.Hour) // leases of the dead run out
	old := f.s.points
	done := &scene{first: f.s.first, merged: f.s.merged, third: f.s.third, points: maps.Clone(old)}
	f.step.then(done)
	if failed == nil {
		f.check(t, done.points, nil)
	} else {
		f.check(t, old, done.points)
	}
	if err := f.step.do(f.w); err != nil && !errors.Is(err, archive.ErrPointExists) && !errors.Is(err, archive.ErrNoPoint) {
		t.Fatalf("%s: again: %v", f.where, err)
	}
	f.arrive(t, 1)
	f.restore(t, done.points, nil)
	f.w.collect(t)
	f.arrive(t, 2)
	f.w.settle(t)
	f.check(t, done.points, nil)
	f.leaves(t, "leases/", "tombs/", "trash/")
	if f.sparse && f.n%3 != int(f.fault)%3 {
		return struck != ""
	}
	if err := deleteAll(f.w); err != nil {
		t.Fatalf("%s: deleting all: %v", f.where, err)
	}
	f.w.settle(t)
	f.leaves(t, "leases/", "tombs/", "trash/", "points/", "packs/", "index/")
	return struck != ""
}

func (f *faultRun) arrive(t *testing.T, when int) {
	t.Helper()
	if f.arrival != when {
		return
	}
	if err := f.w.store.(*archivetest.Faulty).Arrive(); err != nil && !errors.Is(err, archive.ErrExist) {
		t.Fatalf("%s: arriving late: %v", f.where, err)
	}
}

// check restores all points and verifies the vault.
func (f *faultRun) check(t *testing.T, points, or map[string]map[string][]byte) {
	t.Helper()
	f.restore(t, points, or)
	report, err := f.w.vault.Verify(t.Context(), rings(f.w.ring), archive.VerifyOptions{})
	if err != nil || !report.Clean() {
		t.Fatalf("%s: verifying: %+v, %v", f.where, report, err)
	}
}

// restore restores all points. Those of one map that are not in the other may be there or not, but no part of them.
func (f *faultRun) restore(t *testing.T, points, or map[string]map[string][]byte) {
	t.Helper()
	must := maps.Clone(points)
	may := maps.Clone(or)
	if or != nil {
		maps.DeleteFunc(must, func(name string, _ map[string][]byte) bool { return or[name] == nil })
		maps.Copy(may, points)
	}
	for name, want := range must {
		f.same(t, name, want, false)
	}
	for name, want := range may {
		if must[name] == nil {
			f.same(t, name, want, true)
		}
	}
}

// same restores a point that may be missing if absent says so.
func (f *faultRun) same(t *testing.T, name string, want map[string][]byte, absent bool) {
	t.Helper()
	key, point, _ := strings.Cut(name, "/")
	d, err := f.w.vault.Domain(t.Context(), key, f.w.ring)
	if err == nil {
		err = compare(t.Context(), d, point, want)
	}
	if absent && errors.Is(err, archive.ErrNoPoint) {
		return
	}
	if err != nil {
		t.Fatalf("%s: %s: %v", f.where, name, err)
	}
}

func (f *faultRun) leaves(t *testing.T, prefixes ...string) {
	t.Helper()
	for _, prefix := range prefixes {
		if left := f.w.names(t, prefix); len(left) > 0 {
			t.Fatalf("%s: left over: %q", f.where, left)
		}
	}
}

// compare reads a point and tells how it differs from what it should hold.
func compare(ctx context.Context, d *archive.Domain, point string, want map[string][]byte) error {
	p, err := d.Open(ctx, point)
	if err != nil {
		return err
	}
	left := maps.Clone(want)
	for e, err := range p.Entries(ctx, nil) {
		if err != nil {
			return err
		}
		data, err := io.ReadAll(e.Open(ctx))
		if err != nil {
			return err
		}
		if expected, there := left[string(e.Key)]; !there || !bytes.Equal(expected, data) {
			return fmt.Errorf("%q is not what was written", e.Key)
		}
		delete(left, string(e.Key))
	}
	if len(left) > 0 {
		return fmt.Errorf("%d entries are missing", len(left))
	}
	return nil
}

func restoreAll(w *world, point string, want map[string][]byte) error {
	d, err := w.vault.Domain(w.ctx, "key", w.ring)
	if err != nil {
		return err
	}
	return compare(w.ctx, d, point, want)
}

func verifyOnce(w *world) error {
	report, err := w.vault.Verify(w.ctx, rings(w.ring), archive.VerifyOptions{})
	if err != nil {
		return err
	}
	for _, d := range report.Damage {
		err = errors.Join(err, d.Err)
	}
	for _, s := range report.Skipped {
		err = errors.Join(err, s.Err)
	}
	return err
}

func reindex(w *world) error {
	d, err := w.vault.Domain(w.ctx, "key", w.ring)
	if err != nil {
		return err
	}
	return d.Reindex(w.ctx)
}

func deleteAll(w *world) error {
	points, err := w.vault.Points(w.ctx)
	if err != nil {
		return err
	}
	for _, p := range points {
		if err := w.vault.Delete(w.ctx, p.Domain, p.ID); err != nil {
			return err
		}
	}
	return nil
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

func copyToOther(w *world, point, parent string) error {
	from, err := w.vault.Domain(w.ctx, "key", w.ring)
	if err != nil {
		return err
	}
	to, err := w.vault.Domain(w.ctx, "other", w.ring)
	if err != nil {
		return err
	}
	p, err := from.Open(w.ctx, point)
	if err != nil {
		return err
	}
	_, err = archive.Copy(w.ctx, to, p, archive.CopyOptions{Point: point, Parent: parent})
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
