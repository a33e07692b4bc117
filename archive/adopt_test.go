package archive_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"strongroom/archive"
)

// adoption is what befalls a recovery point that a run of a job has stored without its lease, before another run finds it.
type adoption struct {
	*world
	armed int // listings of tombs until the first run takes its manifest back
}

func (a *adoption) remove(t *testing.T, prefix string, which func(info archive.ObjectInfo) bool) {
	for info, err := range a.store.List(t.Context(), prefix) {
		if err == nil && which(info) {
			err = a.store.Delete(t.Context(), info.Name)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (a *adoption) mark(t *testing.T, since time.Duration) {
	for _, pack := range a.names(t, "packs/") {
		tomb := fmt.Sprintf("%s.%016x", strings.Replace(pack, "packs/", "tombs/", 1), a.clock.Now().Add(since).UnixMilli())
		if err := a.store.Create(t.Context(), tomb, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// A point is stored by a run of a job that was taken for dead just before, and collections have done what they do with what
// nobody needs. Another run finds it, at once or after a crash, and must not say that all is well unless it is.
func TestAPointOfSomebodyTakenForDead(t *testing.T) {
	t.Parallel()
	all := func(archive.ObjectInfo) bool { return true }
	content := func(info archive.ObjectInfo) bool { return info.Size > 9<<10 }
	nodes := func(info archive.ObjectInfo) bool { return !content(info) }
	for name, test := range map[string]struct {
		happens func(*testing.T, *adoption)
		want    error
	}{
		"nothing":                   {func(*testing.T, *adoption) {}, nil},
		"its nodes go":              {func(t *testing.T, a *adoption) { a.remove(t, "packs/", nodes) }, archive.ErrDamaged},
		"its content goes":          {func(t *testing.T, a *adoption) { a.remove(t, "packs/", content) }, archive.ErrOvertaken},
		"its index goes":            {func(t *testing.T, a *adoption) { a.remove(t, "index/", all) }, archive.ErrDamaged},
		"its packs are to go":       {func(t *testing.T, a *adoption) { a.mark(t, -time.Hour) }, archive.ErrOvertaken},
		"its packs got tombs since": {func(t *testing.T, a *adoption) { a.mark(t, time.Minute) }, nil},
		"it is taken back at first": {func(_ *testing.T, a *adoption) { a.armed = 1 }, archive.ErrNoPoint},
		"it is taken back at last":  {func(_ *testing.T, a *adoption) { a.armed = 2 }, archive.ErrNoPoint},
	} {
		for _, crash := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, after a crash: %v", name, crash), func(t *testing.T) {
				t.Parallel()
				store := new(archive.Mem)
				a := &adoption{world: newWorld(store)}
				a.store = &hooked{Store: store, listed: func(prefix string) {
					if !strings.HasPrefix(prefix, "tombs/") {
						return
					}
					if a.armed--; a.armed == 0 {
						a.remove(t, "points/", all)
					}
				}}
				a.reopen()
				first := a.begin(t, "point", "", random(1, 10<<10))
				second := a.begin(t, "point", "", random(2, 12<<10))
				want, err := first.Commit(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				test.happens(t, a)
				a.reopen()
				var got archive.Summary
				if crash {
					d := openDomain(t, a.vault, a.ring)
					var p *archive.Point
					if p, err = d.Adopt(t.Context(), "point"); err == nil {
						got = p.Summary()
						check(t, d, "point", map[string][]byte{"a": random(1, 10<<10)})
					}
					if err := second.Abort(); err != nil {
						t.Fatal(err)
					}
				} else {
					got, err = second.Commit(t.Context())
				}
				if !errors.Is(err, test.want) || test.want == nil && got != want {
					t.Errorf("%+v, %v, want %+v, %v", got, err, want, test.want)
				}
				if left := a.names(t, "leases/"); len(left) > 0 {
					t.Errorf("left over: %q", left)
				}
			})
		}
	}
}
