package model

import (
	"fmt"
	"hash/maphash"
)

// Found is what [Explore] found.
type Found struct {
	States int
	// Trace is how a recovery point that was acknowledged came to lose its content: who did what. Empty if none does.
	Trace []string
	// Cut says that there were more states than the limit.
	Cut bool
}

// Explore goes through every state that the setup can come to, up to a limit of states, until it finds one in which a recovery
// point has lost its content.
func Explore(u Setup, limit int) Found {
	e := explorer{u: &u, limit: limit, seen: map[[2]uint64]struct{}{}, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	e.visit(u.initial())
	return Found{States: len(e.seen), Trace: e.trace, Cut: e.cut}
}

type explorer struct {
	u     *Setup
	limit int
	seeds [2]maphash.Seed
	seen  map[[2]uint64]struct{} // hashes of states: of 128 bits, so that no two are taken for one
	path  []move
	trace []string
	cut   bool
}

// A move is what was done, for the trace.
type move struct {
	who   int
	at    step
	what  byte // 's'tep, 'r'enewal, 'c'rash, 't'ick
	clock int8
}

// visit goes through what can come after a state, and tells whether to stop.
func (e *explorer) visit(s State) bool {
	key := [2]uint64{maphash.Comparable(e.seeds[0], s), maphash.Comparable(e.seeds[1], s)}
	if _, seen := e.seen[key]; seen {
		return false
	}
	if len(e.seen) >= e.limit {
		e.cut = true
		return true
	}
	e.seen[key] = struct{}{}
	if !s.whole() {
		e.tell()
		return true
	}
	for p := range s.procs {
		if s.procs[p].at == done || s.procs[p].dead {
			continue
		}
		if e.process(s, p) {
			return true
		}
	}
	if s.now < e.u.End {
		now := s.now
		s.now++
		return e.after(s, move{what: 't', clock: now})
	}
	return false
}

// process tries all that one process may do next.
func (e *explorer) process(s State, p int) bool {
	at, now := s.procs[p].at, s.now
	if e.u.Renew && p < firstCollector && at > wLease && at < wRelease && !s.procs[p].stamped {
		renewed := s
		if e.u.renew(&renewed, p) && e.after(renewed, move{p, at, 'r', now}) {
			return true
		}
	}
	if s.procs[p].renewing == 0 || p >= firstCollector || at != wConfirm && at != wConfirmAfter {
		next := s
		switch {
		case p == deleter:
			e.u.delete(&next)
		case p >= firstCollector:
			e.u.collector(&next, p)
		default:
			e.u.writer(&next, p)
		}
		if next != s && e.after(next, move{p, at, 's', now}) {
			return true
		}
	}
	if s.crashes > 0 && at > 0 {
		s.crashes--
		s.procs[p] = process{at: at, dead: true, start: s.procs[p].start}
		return e.after(s, move{p, at, 'c', now})
	}
	return false
}

func (e *explorer) after(s State, m move) bool {
	e.path = append(e.path, m)
	stop := e.visit(s)
	e.path = e.path[:len(e.path)-1]
	return stop
}

func (e *explorer) tell() {
	for _, m := range e.path {
		if m.what == 't' {
			e.trace = append(e.trace, fmt.Sprintf("      the clock goes on to %d", m.clock+1))
			continue
		}
		who, steps := [...]string{"writer 1", "writer 2", "collector 1", "collector 2", "deleter"}[m.who], writerSteps
		switch {
		case m.who == deleter:
			steps = deleterSteps
		case m.who >= firstCollector:
			steps = collectorSteps
		}
		what := steps[m.at]
		switch m.what {
		case 'r':
			what = "renews its lease, while it " + what
		case 'c':
			what = "dies before it " + what
		}
		e.trace = append(e.trace, fmt.Sprintf("%2d    %s %s", m.clock, who, what))
	}
}
