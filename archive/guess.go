package archive

import (
	"context"
	"sync/atomic"
)

// A guess is where the parent's object of the same key and size was cut. What was not changed is cut alike, and need not be looked at
// for that: its chunks are found by their ids alone. A guess that fails costs nothing but chunks that end elsewhere than they would have, of
// which there are no more than guessAhead.
type guess struct {
	refs  []ref
	next  int
	held  bool          // whether the next chunk has its place in open
	open  chan struct{} // taken by chunks of which it is not known yet whether the guess was right
	wrong atomic.Bool   // a chunk was another
}

const (
	guessAhead = 4        // chunks that are guessed before it is known whether they are right
	guessMost  = 16 << 30 // bytes of an object that is guessed: the list of its chunks is in memory
)

// guess looks up where the parent cut an object. Nil if it has none that fits.
func (w *Writer) guess(ctx context.Context, key []byte, size int64) (*guess, error) {
	if w.parent == nil || size <= wholeSize || size > guessMost {
		return nil, nil
	}
	if w.older == nil {
		w.older = &Point{d: w.d, id: w.opts.Parent, m: w.parent, nodes: map[ID]*node{}}
	}
	e, err := w.older.find(ctx, key)
	if err != nil || e == nil || e.size != uint64(size) {
		return nil, err
	}
	refs, err := w.d.unfold(ctx, e.refs, e.depth)
	if err != nil {
		return nil, err
	}
	for i := range refs {
		if refs[i].size > maxChunk {
			return nil, nil // somebody else cut it
		}
	}
	return &guess{refs: refs, open: make(chan struct{}, guessAhead)}, nil
}

// length is that of the next chunk, and zero if nothing is guessed of it. It waits while too many guesses are open: looking for the cut
// instead would take longer than to learn whether they are right.
func (g *guess) length() int {
	if g == nil || g.next == len(g.refs) {
		return 0
	}
	if !g.held {
		g.open <- struct{}{}
		g.held = true
	}
	if g.wrong.Load() {
		return 0
	}
	return int(g.refs[g.next].size)
}

// take notes that a chunk of a length was cut, and gives the ref that it may be the chunk of. One of another length than guessed ends
// the guessing.
func (g *guess) take(n int) *ref {
	if g == nil || g.wrong.Load() {
		return nil
	}
	if !g.held || g.refs[g.next].size != uint64(n) {
		g.wrong.Store(true)
		return nil
	}
	g.held = false
	g.next++
	return &g.refs[g.next-1]
}

// tell says which chunk it was, so that the next can be guessed.
func (g *guess) tell(guessed *ref, id ID) {
	if guessed == nil {
		return
	}
	if guessed.id != id {
		g.wrong.Store(true)
	}
	<-g.open
}
