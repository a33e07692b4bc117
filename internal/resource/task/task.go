// Package task keeps what goes on after the call that began it, such as a volume being filled or a snapshot being written: one
// task for each name, whom anybody may watch and wait for. It does not know what the tasks do.
package task

import (
	"context"
	"sync"

	"strongroom/clock"
)

// Task goes on until it has done what it was begun for, or its [Group] is closed.
type Task struct {
	done chan struct{}
	err  error // set before done is closed

	mu       sync.Mutex
	watchers []func(done, total int64) // guarded by mu
}

// Report tells everybody who watches how far the task is.
func (t *Task) Report(done, total int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, watch := range t.watchers {
		watch(done, total)
	}
}

// Watch has fn, unless it is nil, called with each report from now on.
func (t *Task) Watch(fn func(done, total int64)) {
	if fn == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watchers = append(t.watchers, fn)
}

// Wait returns how the task ended, once it has.
func (t *Task) Wait(ctx context.Context) error {
	select {
	case <-t.done:
		return t.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Group runs tasks by name. Its methods may be called at once.
type Group struct {
	clock  clock.Clock
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	going  sync.WaitGroup // not added to once ctx has ended

	mu      sync.Mutex
	running map[string]*Task // by name; guarded by mu
}

// NewGroup returns a group without tasks, whose pauses are by c.
func NewGroup(c clock.Clock) *Group {
	g := &Group{clock: c, running: map[string]*Task{}}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	return g
}

// Run begins the task of a name, or returns the one that is running. The context of fn ends when the group is closed; from then
// on no task is begun, and the one returned has ended by that.
func (g *Group) Run(name string, fn func(ctx context.Context, t *Task) error) *Task {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t := g.running[name]; t != nil {
		return t
	}
	t := &Task{done: make(chan struct{})}
	if t.err = g.ctx.Err(); t.err != nil {
		close(t.done)
		return t
	}
	g.running[name] = t
	g.going.Go(func() {
		t.err = fn(g.ctx, t)
		g.mu.Lock()
		delete(g.running, name)
		g.mu.Unlock()
		close(t.done)
	})
	return t
}

// Task returns what is under way by a name, or nil.
func (g *Group) Task(name string) *Task {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.running[name]
}

// Close ends the contexts of all tasks, and returns once they have ended.
func (g *Group) Close() {
	g.mu.Lock()
	g.cancel()
	g.mu.Unlock()
	g.going.Wait()
}
