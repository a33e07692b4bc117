package archive_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"strongroom/archive"
	"strongroom/archive/archivetest"
	"strongroom/clock"
)

// A play is one meeting of the actors of a plot in a vault's store, in an order that a director chose, operation by operation.
type play struct {
	*world
	t      *testing.T
	mem    *archive.Mem
	stage  *archivetest.Stage
	mu     sync.Mutex       // guards fates and failed while the actors are at work
	fates  map[string]*fate // by domain's key and id
	trace  []string
	ids    map[string]string // short names of ids in the trace
	died   bool              // somebody did
	over   map[string]chan struct{}
	failed []string
}

// A fate is what became of a recovery point.
type fate struct {
	content  map[string][]byte
	acked    bool // whoever wrote it was told that it is there
	deleting bool // somebody has begun to delete it
	deleted  bool // and was told that it is gone
}

// A plot is who does what in a vault.
type plot struct {
	before func(t *testing.T, w *world)
	points map[string]map[string][]byte // that are there in the beginning, by domain's key and id
	actors []actor
	dies   string // who is killed in every play, if not anybody in some
}

// An actor is a process: its clock, and what it does. Errors that mean nothing worse than that somebody was faster are its own to
// overlook.
type actor struct {
	name  string
	skew  time.Duration // by which its clock is fast
	after string        // begins when that actor has ended
	does  func(ctx context.Context, p *play, v *archive.Vault) error
}

// A skewed clock is fast or slow by some minutes.
type skewed struct {
	clock.Clock
	by time.Duration
}

func (s skewed) Now() time.Time { return s.Clock.Now().Add(s.by) }

func (s skewed) Until(at time.Time) (<-chan struct{}, func()) { return s.Clock.Until(at.Add(-s.by)) }

// A director chooses what is done next.
type director interface {
	// next chooses among the turns and, if there is time left, its going on, which is the last. Those of who went last come first.
	next(turns []*archivetest.Turn, last string, time bool) int
	// listing chooses what a listing shows of what came and went.
	listing() archivetest.Listing
	// hours are how much time passes whenever it does.
	hours() []time.Duration
	// dies tells who dies now, if anybody.
	dies(step int) string
}

// perform plays a plot on a copy of what its beginning has left, and judges what became of it. What was wrong is in p.failed.
func perform(t *testing.T, plot *plot, begun *world, d director) *play {
	p := &play{
		t: t, mem: cloned(t, begun.store), fates: map[string]*fate{}, ids: map[string]string{}, over: map[string]chan struct{}{},
		world: &world{ring: begun.ring, clock: clock.NewFrozen(begun.clock.Now()), pack: begun.pack, ctx: t.Context()},
	}
	p.store, p.stage = p.mem, archivetest.NewStage(p.mem)
	for name, content := range plot.points {
		p.fates[name] = &fate{content: content, acked: true}
	}
	for _, a := range plot.actors {
		p.over[a.name] = make(chan struct{})
	}
	for _, a := range plot.actors {
		go func() {
			defer close(p.over[a.name])
			if a.after != "" {
				<-p.over[a.after]
			}
			v := archive.OpenVault(p.stage.Actor(a.name), "vault", archive.Options{Clock: skewed{p.clock, a.skew}, PackSize: p.pack, Workers: 1})
			if err := a.does(t.Context(), p, v); err != nil && !errors.Is(err, archivetest.ErrFault) {
				p.fail("%s: %v", a.name, err)
			}
		}()
	}
	p.direct(plot, d)
	if leases := p.names(t, "leases/"); len(leases) > 0 && !p.died {
		p.fail("leases of those who have ended: %q", leases)
	}
	p.judge()
	return p
}

func (p *play) fail(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = append(p.failed, fmt.Sprintf(format, args...))
}

// fate gives that of a recovery point, and begins it if there is none.
func (p *play) fate(name string, content map[string][]byte) *fate {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fates[name] == nil {
		p.fates[name] = &fate{content: content}
	}
	return p.fates[name]
}

// direct gives turns until nobody waits for one and everybody has ended.
func (p *play) direct(plot *plot, d director) {
	last, moved, hours := "", 0, d.hours()
	for step := 0; ; step++ {
		synctest.Wait()
		if step > 5000 {
			p.fail("there is no end")
			for _, a := range plot.actors {
				p.stage.Kill(a.name)
			}
			continue
		}
		if victim := d.dies(step); victim != "" {
			p.note("%s dies", victim)
			p.stage.Kill(victim)
			p.died = true
			continue
		}
		turns := p.stage.Waiting()
		if len(turns) == 0 {
			for _, a := range plot.actors {
				<-p.over[a.name] // nobody waits for a turn, so nobody waits for anything but those who end
			}
			return
		}
		slices.SortStableFunc(turns, func(a, b *archivetest.Turn) int {
			switch {
			case a.Actor == last && b.Actor != last:
				return -1
			case a.Actor != last && b.Actor == last:
				return 1
			}
			return 0
		})
		chosen := d.next(turns, last, moved < len(hours))
		if chosen == len(turns) {
			p.note("%v pass", hours[moved])
			p.clock.Advance(hours[moved])
			moved++
			continue
		}
		turn := turns[chosen]
		last = turn.Actor
		how := archivetest.ListAfter
		if turn.Differs(p.ctx) {
			how = d.listing()
			p.note("%s: %s %s, %s", turn.Actor, turn.Op, p.short(turn.Name), [...]string{"the least", "the most", "as before", "as after"}[how])
		} else {
			p.note("%s: %s %s", turn.Actor, turn.Op, p.short(turn.Name))
		}
		turn.Take(how)
		p.clock.Advance(time.Millisecond) // so that what is made later has a later id
	}
}

func (p *play) note(format string, args ...any) {
	p.trace = append(p.trace, fmt.Sprintf(format, args...))
}

// short gives a name whose ids are numbers, in the order in which they turned up.
func (p *play) short(name string) string {
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '/' || r == '.' })
	for i, part := range parts {
		if len(part) != 32 {
			continue
		}
		if p.ids[part] == "" {
			p.ids[part] = fmt.Sprint("#", len(p.ids))
		}
		parts[i] = p.ids[part]
	}
	return strings.Join(parts, " ")
}

// judge looks at the vault as a process does that begins when all have ended, takes up what the dead have left as the service does,
// and collects what is garbage.
func (p *play) judge() {
	p.clock.Advance(4 * time.Hour)
	p.reopen()
	for name, f := range p.fates {
		if f.acked && !f.deleting {
			continue
		}
		key, id, _ := strings.Cut(name, "/")
		domain, err := p.vault.Domain(p.ctx, key, p.ring)
		if err != nil {
			p.fail("%v", err)
			return
		}
		if f.acked { // no job's, which may have lost its lease: whole or not there
			err = compare(p.ctx, domain, id, f.content)
		} else {
			_, err = domain.Adopt(p.ctx, id)
		}
		switch {
		case f.deleted && !errors.Is(err, archive.ErrNoPoint):
			p.fail("%s was deleted, and opening it gives %v", name, err)
		case err == nil:
			f.acked, f.deleting = true, false
		case f.acked && !errors.Is(err, archive.ErrNoPoint):
			p.fail("%s, half deleted, is not whole: %v", name, err)
		default:
			f.deleting = true
			if err := p.vault.Delete(p.ctx, domain.Info().ID, id); err != nil && !errors.Is(err, archive.ErrNoPoint) {
				p.fail("%v", err)
			}
		}
	}
	p.whole("at the end")
	for range 4 {
		p.clock.Advance(2 * time.Hour)
		done, err := p.vault.Collect(p.ctx, rings(p.ring), archive.CollectOptions{})
		if err != nil || len(done.Skipped) > 0 {
			p.fail("collecting at last: %v, %+v", err, done.Skipped)
		}
	}
	p.reopen()
	p.whole("after more collections")
}

// whole restores every recovery point that is there for good and verifies the vault.
func (p *play) whole(when string) {
	for name, f := range p.fates {
		if !f.acked || f.deleting {
			continue
		}
		key, id, _ := strings.Cut(name, "/")
		domain, err := p.vault.Domain(p.ctx, key, p.ring)
		if err == nil {
			err = compare(p.ctx, domain, id, f.content)
		}
		if err != nil {
			p.fail("%s: %s is lost: %v", when, name, err)
		}
	}
	report, err := p.vault.Verify(p.ctx, rings(p.ring), archive.VerifyOptions{})
	if err != nil || !report.Clean() {
		p.fail("%s: verifying: %v, %+v", when, err, report)
	}
}

// A chance is a director that goes by a seed. It keeps to one actor for as long as the play is calm.
type chance struct {
	random *rand.Rand
	calm   int // turns of one actor at a time, about
	victim string
	death  int
}

func newChance(seed uint64, plot *plot) *chance {
	c := &chance{random: rand.New(rand.NewPCG(seed, 7))}
	c.calm = []int{2, 6, 20, 60}[c.random.IntN(4)]
	c.death = c.random.IntN(1 + c.random.IntN(150))
	switch {
	case plot.dies != "":
		c.victim = plot.dies
	case c.random.IntN(3) == 0:
		c.victim = plot.actors[c.random.IntN(len(plot.actors))].name
	}
	return c
}

func (c *chance) next(turns []*archivetest.Turn, last string, time bool) int {
	own := 0
	for own < len(turns) && turns[own].Actor == last {
		own++
	}
	if own > 0 && c.random.IntN(c.calm) > 0 {
		return c.random.IntN(own)
	}
	n := len(turns)
	if time && c.random.IntN(2) == 0 {
		n++ // hours pass less often than processes meet
	}
	return c.random.IntN(n)
}

func (c *chance) listing() archivetest.Listing {
	return archivetest.Listing(c.random.IntN(archivetest.Listings))
}

// From a third of a lease, when it is renewed, to more than a lease and a margin.
func (c *chance) hours() []time.Duration {
	return []time.Duration{21 * time.Minute, 50 * time.Minute, 21 * time.Minute, 90 * time.Minute, 21 * time.Minute, 3 * time.Hour}
}

func (c *chance) dies(step int) string {
	if step != c.death {
		return ""
	}
	return c.victim
}

// A script is a director that goes through all plays in which actors are interrupted a few times only.
type script struct {
	choices []choice
	at      int
}

// A choice is one of so many.
type choice struct{ taken, of int }

// choose takes what the script says, or the first if that says nothing yet.
func (s *script) choose(of int) int {
	if s.at == len(s.choices) {
		s.choices = append(s.choices, choice{0, of})
	}
	c := &s.choices[s.at]
	c.of, c.taken = of, min(c.taken, of-1)
	s.at++
	return c.taken
}

// again gets ready for the next play, and tells whether there is one.
func (s *script) again() bool {
	s.choices, s.at = s.choices[:s.at], 0
	for n := len(s.choices); n > 0; n-- {
		if last := &s.choices[n-1]; last.taken+1 < last.of {
			last.taken++
			s.choices = s.choices[:n]
			return true
		}
	}
	return false
}

// A scripted director takes part in one play of a script.
type scripted struct {
	*script
	left  int
	slept bool // hours have just passed, in which whoever went last did nothing
}

func (s *scripted) next(turns []*archivetest.Turn, last string, time bool) int {
	n := len(turns)
	if turns[0].Actor != last || s.slept { // whoever went last has ended, or sleeps
		s.slept = false
		return s.choose(n)
	}
	if s.left == 0 {
		return 0
	}
	if time {
		n++
	}
	chosen := s.choose(n)
	if chosen > 0 {
		s.left--
	}
	s.slept = chosen == len(turns)
	return chosen
}

func (s *scripted) listing() archivetest.Listing {
	return archivetest.Listing(s.choose(archivetest.Listings))
}

func (s *scripted) hours() []time.Duration {
	return []time.Duration{3 * time.Hour, 21 * time.Minute, 3 * time.Hour}
}

func (s *scripted) dies(int) string { return "" }
