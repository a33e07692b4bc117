package work

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/semaphore"
)

// readings let one verification at a time read the archives. The scrub, which may take days, gives way to whoever asks for one: it
// goes on later with what was not read.
type readings struct {
	turn *semaphore.Weighted

	mu      sync.Mutex // guards the rest
	asked   int        // how many have their turn or wait for it, besides the scrub
	giveWay func()     // ends the scrub that has its turn, if one has
}

// errGaveWay says that the scrub was ended by somebody who wanted to read the archives.
var errGaveWay = errors.New("somebody else verifies the archives")

func newReadings() *readings { return &readings{turn: semaphore.NewWeighted(1)} }

// ask waits for a turn, which ends with done.
func (x *readings) ask(ctx context.Context) (done func(), err error) {
	x.mu.Lock()
	x.asked++
	if x.giveWay != nil {
		x.giveWay()
	}
	x.mu.Unlock()
	end := func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.asked--
	}
	if err := x.turn.Acquire(ctx, 1); err != nil {
		end()
		return nil, err
	}
	return func() { x.turn.Release(1); end() }, nil
}

// scrub begins the scrub's turn, unless somebody else has his or waits for it. Its context ends, by [errGaveWay], when somebody asks.
func (x *readings) scrub(ctx context.Context) (turn context.Context, done func(), ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.asked > 0 || !x.turn.TryAcquire(1) {
		return nil, nil, false
	}
	turn, cancel := context.WithCancelCause(ctx)
	x.giveWay = func() { cancel(errGaveWay) }
	return turn, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.giveWay = nil
		cancel(nil)
		x.turn.Release(1)
	}, true
}
