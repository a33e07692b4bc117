package rds

import (
	"context"
	"errors"

	"strongroom/internal/dbengine"
)

// current is the running server, or nil.
func (k *keeper) current() dbengine.Server {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.server
}

// set notes which server runs and how the last step ended, and tells everybody who waits.
func (k *keeper) set(server dbengine.Server, failure error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.server, k.failure = server, failure
	close(k.changed)
	k.changed = make(chan struct{})
}

// inUse reports whether somebody works with the server who must not be cut off.
func (k *keeper) inUse() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.users > 0
}

// sought reports whether somebody works with the server, or waits for it.
func (k *keeper) sought() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.users > 0 || k.waiting > 0
}

// withdraw takes the server from whoever would ask for it next, and returns it; nil if there is none, or, where only an idle one is
// meant, if somebody works with it or waits for it.
func (k *keeper) withdraw(idle bool) dbengine.Server {
	k.mu.Lock()
	defer k.mu.Unlock()
	if idle && (k.users > 0 || k.waiting > 0) {
		return nil
	}
	server := k.server
	k.server = nil
	return server
}

// await counts who waits for the server; the function ends it.
func (k *keeper) await() func() {
	count := func(n int) {
		k.mu.Lock()
		k.waiting += n
		k.mu.Unlock()
		k.wake()
	}
	count(1)
	return func() { count(-1) }
}

// use waits until the server runs, or the keeper has failed to start it, and returns it with a function that gives it back.
func (k *keeper) use(ctx context.Context) (dbengine.Server, func(), error) {
	defer k.await()()
	for {
		k.mu.Lock()
		server, failure, changed := k.server, k.failure, k.changed
		if server != nil {
			k.users++
		}
		k.mu.Unlock()
		if server != nil {
			return server, k.giveBack, nil
		}
		if failure != nil {
			return nil, nil, failure
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-k.fleet.ctx.Done():
			return nil, nil, errClosed
		case <-changed:
		}
	}
}

// errClosed says that the fleet was closed meanwhile; the next start goes on.
var errClosed = errors.New("the fleet is closed")

func (k *keeper) giveBack() {
	k.mu.Lock()
	k.users--
	k.mu.Unlock()
	k.wake()
}
