package archivetest

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"strongroom/archive"
)

// Remote makes any store one that answers many requests at once, each after a while, and counts them.
type Remote struct {
	archive.Store

	Delay time.Duration // of each request; none if 0
	Most  int           // requests at once; 16 if 0

	mu     sync.Mutex
	counts map[string]int
	now    atomic.Int64
	peak   atomic.Int64
}

// Counts gives the requests so far by method, and begins to count anew.
func (r *Remote) Counts() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := r.counts
	r.counts = nil
	return counts
}

// Peak is how many requests were under way at once at most.
func (r *Remote) Peak() int { return int(r.peak.Load()) }

func (r *Remote) request(method string) (done func()) {
	r.mu.Lock()
	if r.counts == nil {
		r.counts = map[string]int{}
	}
	r.counts[method]++
	r.mu.Unlock()
	if now := r.now.Add(1); now > r.peak.Load() {
		r.peak.Store(now)
	}
	if r.Delay > 0 {
		<-time.NewTimer(r.Delay).C
	}
	return func() { r.now.Add(-1) }
}

// Parallel implements [archive.Remote].
func (r *Remote) Parallel() int {
	if r.Most > 0 {
		return r.Most
	}
	return 16
}

// Create implements [archive.Store].
func (r *Remote) Create(ctx context.Context, name string, data []byte) error {
	defer r.request("Create")()
	return r.Store.Create(ctx, name, data)
}

// ReadAt implements [archive.Store].
func (r *Remote) ReadAt(ctx context.Context, name string, p []byte, off int64) (int, error) {
	defer r.request("ReadAt")()
	return r.Store.ReadAt(ctx, name, p, off)
}

// ReadObject implements [archive.Remote].
func (r *Remote) ReadObject(ctx context.Context, name string, limit int) ([]byte, error) {
	defer r.request("ReadObject")()
	var data []byte
	for part := make([]byte, 256<<10); ; {
		n, err := r.Store.ReadAt(ctx, name, part, int64(len(data)))
		data = append(data, part[:n]...)
		switch {
		case len(data) > limit:
			return nil, archive.ErrDamaged
		case errors.Is(err, io.EOF):
			return data, nil
		case err != nil:
			return nil, err
		}
	}
}

// List implements [archive.Store].
func (r *Remote) List(ctx context.Context, prefix string) iter.Seq2[archive.ObjectInfo, error] {
	return func(yield func(archive.ObjectInfo, error) bool) {
		r.request("List")()
		r.Store.List(ctx, prefix)(yield)
	}
}

// Delete implements [archive.Store].
func (r *Remote) Delete(ctx context.Context, name string) error {
	defer r.request("Delete")()
	return r.Store.Delete(ctx, name)
}

// DeleteAll implements [archive.Remote].
func (r *Remote) DeleteAll(ctx context.Context, names []string) error {
	defer r.request("DeleteAll")()
	for _, name := range names {
		if err := r.Store.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

var _ archive.Remote = (*Remote)(nil)
