package sqs

import "sync"

// arrivals wakes who waits at a queue when something may have become receivable there.
type arrivals struct {
	mu      *sync.Mutex
	waiting map[string]chan struct{} // by queue ARN; closed at the next arrival; guarded by mu
}

func newArrivals() arrivals {
	return arrivals{mu: &sync.Mutex{}, waiting: map[string]chan struct{}{}}
}

// next returns a channel that is closed when the next message arrives. To miss none, it is taken before looking.
func (a arrivals) next(queueARN string) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waiting[queueARN] == nil {
		a.waiting[queueARN] = make(chan struct{})
	}
	return a.waiting[queueARN]
}

// tell wakes all who wait at a queue.
func (a arrivals) tell(queueARN string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.waiting[queueARN]; c != nil {
		close(c)
		delete(a.waiting, queueARN)
	}
}
