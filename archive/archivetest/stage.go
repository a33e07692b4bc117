package archivetest

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"sync"

	"strongroom/archive"
)

// A Stage is a store on which nothing is done before a director says so: every operation of every actor waits for its turn. So
// a test chooses the order in which processes meet in a store, and can choose it again.
//
// An operation is one turn, a listing two: what is stored or deleted between them may be listed or not, as the director says,
// which is all that [archive.Store] promises.
type Stage struct {
	store archive.Store

	mu      sync.Mutex // guards the rest
	waiting []*Turn
	dead    map[string]bool
}

// NewStage makes a stage of a store.
func NewStage(s archive.Store) *Stage { return &Stage{store: s, dead: map[string]bool{}} }

// Actor is the store as one of the actors has it.
func (s *Stage) Actor(name string) archive.Store { return stageActor{s, name} }

// Waiting are the operations that wait for their turn, in an order that does not depend on which goroutine came first.
func (s *Stage) Waiting() []*Turn {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.SortStableFunc(s.waiting, func(a, b *Turn) int {
		return cmp.Or(strings.Compare(a.Actor, b.Actor), strings.Compare(a.Op, b.Op), strings.Compare(a.Name, b.Name))
	})
	return slices.Clone(s.waiting)
}

// Kill ends an actor: what it waits for, and all that it asks for later, fails with [ErrFault] and is not done.
func (s *Stage) Kill(actor string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead[actor] = true
	s.waiting = slices.DeleteFunc(s.waiting, func(t *Turn) bool {
		if t.Actor == actor {
			t.answer <- ErrFault
		}
		return t.Actor == actor
	})
}

// A Turn is an operation that waits.
type Turn struct {
	Actor string
	Op    string // create, read, delete, list or listed
	Name  string // of the object, or the prefix of a listing

	stage    *Stage
	do       func() error
	answer   chan error
	listings [2]map[string]archive.ObjectInfo // at the beginning and the end of a listing
	lists    Listing
}

// A Listing says which of the objects that came and went during a listing it shows.
type Listing int

// The listings.
const (
	ListLeast  Listing = iota // neither those that came nor those that went
	ListMost                  // those that came and those that went
	ListBefore                // those that went
	ListAfter                 // those that came
	Listings   = iota         // how many there are
)

// Differs tells whether the turn ends a listing during which objects came or went, so that it matters how it is done.
func (t *Turn) Differs(ctx context.Context) bool {
	if t.Op != "listed" {
		return false
	}
	after, err := t.stage.snapshot(ctx, t.Name)
	if err != nil || len(after) != len(t.listings[0]) {
		return true
	}
	for name := range after {
		if _, before := t.listings[0][name]; !before {
			return true
		}
	}
	return false
}

// Take does the operation and lets the actor go on.
func (t *Turn) Take(how Listing) {
	t.stage.mu.Lock()
	t.stage.waiting = slices.DeleteFunc(t.stage.waiting, func(other *Turn) bool { return other == t })
	t.stage.mu.Unlock()
	t.lists = how
	t.answer <- t.do()
}

// await waits for the turn, and gives what the operation gave.
func (s *Stage) await(t *Turn) error {
	t.stage, t.answer = s, make(chan error, 1)
	s.mu.Lock()
	if s.dead[t.Actor] {
		s.mu.Unlock()
		return ErrFault
	}
	s.waiting = append(s.waiting, t)
	s.mu.Unlock()
	return <-t.answer
}

func (s *Stage) snapshot(ctx context.Context, prefix string) (map[string]archive.ObjectInfo, error) {
	objects := map[string]archive.ObjectInfo{}
	for info, err := range s.store.List(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		objects[info.Name] = info
	}
	return objects, nil
}

// A stageActor is the stage's store as one actor has it.
type stageActor struct {
	stage *Stage
	name  string
}

// Create implements [archive.Store].
func (a stageActor) Create(ctx context.Context, name string, data []byte) error {
	return a.stage.await(&Turn{Actor: a.name, Op: "create", Name: name, do: func() error { return a.stage.store.Create(ctx, name, data) }})
}

// Delete implements [archive.Store].
func (a stageActor) Delete(ctx context.Context, name string) error {
	return a.stage.await(&Turn{Actor: a.name, Op: "delete", Name: name, do: func() error { return a.stage.store.Delete(ctx, name) }})
}

// ReadAt implements [archive.Store].
func (a stageActor) ReadAt(ctx context.Context, name string, p []byte, off int64) (n int, err error) {
	err = a.stage.await(&Turn{Actor: a.name, Op: "read", Name: name, do: func() (err error) {
		n, err = a.stage.store.ReadAt(ctx, name, p, off)
		return err
	}})
	return n, err
}

// List implements [archive.Store].
func (a stageActor) List(ctx context.Context, prefix string) iter.Seq2[archive.ObjectInfo, error] {
	return func(yield func(archive.ObjectInfo, error) bool) {
		t := &Turn{Actor: a.name, Op: "list", Name: prefix}
		for i, op := range []string{"list", "listed"} {
			t.Op, t.do = op, func() (err error) {
				t.listings[i], err = a.stage.snapshot(ctx, prefix)
				return err
			}
			if err := a.stage.await(t); err != nil {
				yield(archive.ObjectInfo{}, err)
				return
			}
		}
		for _, info := range t.listed() {
			if !yield(info, nil) {
				return
			}
		}
	}
}

// listed gives what the listing shows, by name.
func (t *Turn) listed() (objects []archive.ObjectInfo) {
	before, after := t.listings[0], t.listings[1]
	for name, info := range before {
		if _, stayed := after[name]; stayed || t.lists == ListMost || t.lists == ListBefore {
			objects = append(objects, info)
		}
	}
	for name, info := range after {
		if _, was := before[name]; !was && (t.lists == ListMost || t.lists == ListAfter) {
			objects = append(objects, info)
		}
	}
	slices.SortFunc(objects, func(a, b archive.ObjectInfo) int { return strings.Compare(a.Name, b.Name) })
	return objects
}
