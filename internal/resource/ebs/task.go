package ebs

import (
	"context"
	"sync"
)

// task is something that goes on after the call that began it: a volume being filled, a snapshot being written.
type task struct {
	done chan struct{}
	err  error // set before done is closed

	mu       sync.Mutex
	watchers []func(done, total int64) // guarded by mu
}

// report tells everybody who watches how far the task is.
func (t *task) report(done, total int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, watch := range t.watchers {
		watch(done, total)
	}
}

func (t *task) watch(fn func(done, total int64)) {
	if fn == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watchers = append(t.watchers, fn)
}

func (t *task) wait(ctx context.Context) error {
	select {
	case <-t.done:
		return t.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run begins the task of a volume or snapshot, or returns the one that is running.
func (e *Engine) run(id string, fn func(ctx context.Context, t *task) error) *task {
	e.mu.Lock()
	defer e.mu.Unlock()
	if t := e.running[id]; t != nil {
		return t
	}
	t := &task{done: make(chan struct{})}
	e.running[id] = t
	e.tasks.Go(func() {
		t.err = fn(e.ctx, t)
		e.mu.Lock()
		delete(e.running, id)
		e.mu.Unlock()
		close(t.done)
	})
	return t
}

// task returns what is under way with a volume or snapshot, or nil.
func (e *Engine) task(id string) *task {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.running[id]
}
