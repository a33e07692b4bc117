package rds

import (
	"context"
	"sync"
)

// task is something that goes on after the call that began it: a snapshot being taken or copied.
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

// run begins the task of a point, or returns the one that is running.
func (f *Fleet) run(point string, fn func(ctx context.Context, t *task) error) *task {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.running[point]; t != nil {
		return t
	}
	t := &task{done: make(chan struct{})}
	f.running[point] = t
	f.going.Go(func() {
		t.err = fn(f.ctx, t)
		f.mu.Lock()
		delete(f.running, point)
		f.mu.Unlock()
		close(t.done)
	})
	return t
}

// task returns what is under way with a point, or nil.
func (f *Fleet) task(point string) *task {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.running[point]
}
