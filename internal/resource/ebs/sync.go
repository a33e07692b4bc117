package ebs

import "sync"

// groupSync makes writes durable for many writers at once: whoever asks while a sync runs shares the next one.
type groupSync struct {
	sync func() error

	mu      sync.Mutex
	next    *syncRound // gathers askers until it begins; guarded by mu, as is running
	running bool
}

type syncRound struct {
	done chan struct{}
	err  error
}

// Do returns once a sync that began after the call has ended.
func (g *groupSync) Do() error {
	g.mu.Lock()
	if g.next == nil {
		g.next = &syncRound{done: make(chan struct{})}
	}
	round := g.next
	lead := !g.running
	g.running = true
	g.mu.Unlock()
	if lead {
		g.lead()
	}
	<-round.done
	return round.err
}

// lead runs rounds until nobody waits for one.
func (g *groupSync) lead() {
	for {
		g.mu.Lock()
		round := g.next
		g.next = nil
		g.running = round != nil
		g.mu.Unlock()
		if round == nil {
			return
		}
		round.err = g.sync()
		close(round.done)
	}
}
