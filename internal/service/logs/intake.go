package logs

import (
	"context"
	"errors"
	"sync"

	"strongroom/internal/state"
)

// intake gathers the chunks of calls that come while others are being written, and writes them in one transaction.
type intake struct {
	mu      sync.Mutex
	waiting []*arrival // guarded by mu
	writing bool       // guarded by mu
	work    sync.WaitGroup
}

// arrival is a chunk on its way, with the error of its own once done is closed.
type arrival struct {
	chunk state.LogChunk
	err   error
	done  chan struct{}
}

// arrivalsAtOnce are written in one transaction at most.
const arrivalsAtOnce = 64

// write keeps a chunk; [state.ErrNotFound] if its stream is gone.
func (s *Service) write(ctx context.Context, chunk state.LogChunk) error {
	a := &arrival{chunk: chunk, done: make(chan struct{})}
	q := &s.intake
	q.mu.Lock()
	q.waiting = append(q.waiting, a)
	if !q.writing {
		q.writing = true
		q.work.Go(func() { s.drain(context.WithoutCancel(ctx)) })
	}
	q.mu.Unlock()
	<-a.done // it is written whoever waits
	return a.err
}

// drain writes until nobody waits.
func (s *Service) drain(ctx context.Context) {
	q := &s.intake
	for {
		q.mu.Lock()
		n := min(len(q.waiting), arrivalsAtOnce)
		now := q.waiting[:n:n]
		q.waiting = q.waiting[n:]
		q.writing = n > 0
		q.mu.Unlock()
		if n == 0 {
			return
		}
		s.writeAll(ctx, now)
	}
}

// writeAll writes chunks together. A stream that is gone is the error of its own chunk alone: nothing is written of it.
func (s *Service) writeAll(ctx context.Context, all []*arrival) {
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		for _, a := range all {
			a.chunk.IngestedAt = tx.Now.Millis()
			if a.err = tx.InsertLogChunk(ctx, a.chunk); a.err != nil && !errors.Is(a.err, state.ErrNotFound) {
				return a.err
			}
		}
		return nil
	})
	for _, a := range all {
		if err != nil {
			a.err = err
		}
		close(a.done)
	}
}
