package archive

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
)

const (
	// aheadMemory is how many bytes a [ReadAhead] holds unless told otherwise.
	aheadMemory = 64 << 20
	// firstPiece and maxPiece are how many bytes are asked for at a time, where it looks as if a pack were read from one end
	// to the other, at first and in the end.
	firstPiece = 256 << 10
	maxPiece   = 8 << 20
	// slack is how far from where the last read of a pack ended the next may begin and still go on with it: several
	// goroutines read side by side, and not all that lies in a pack is wanted.
	slack = 1 << 20
	// maxGap is up to how many bytes between two wanted pieces are read as well, instead of asking twice: in the time that a
	// request takes to come and go, a connection brings more.
	maxGap = 512 << 10
)

// A ReadAhead is a store that reads packs of a [Remote] one in large pieces: those that it was told will be wanted, and those
// that follow where a pack is being read in order. It holds them in memory, within a bound, until they are read.
type ReadAhead struct {
	Remote
	memory int64
	slots  chan struct{} // taken by what is being fetched

	mu      sync.Mutex // guards the rest
	held    int64      // bytes of all pieces
	pieces  map[string][]*piece
	oldest  *list.List // of pieces, those first that were not used for longest
	streams map[string][]*stream
	ended   map[string]int64 // where objects end of which that was found out
}

// NewReadAhead reads ahead in a store and holds up to memory bytes, or 64 MiB if it is 0.
func NewReadAhead(s Remote, memory int64) *ReadAhead {
	if memory <= 0 {
		memory = aheadMemory
	}
	return &ReadAhead{
		Remote: s, memory: memory, slots: make(chan struct{}, parallel(s)),
		pieces: map[string][]*piece{}, oldest: list.New(), streams: map[string][]*stream{}, ended: map[string]int64{},
	}
}

// reread gives the same with nothing in memory, for who wants to see what lies in the store.
func (r *ReadAhead) reread() Store { return NewReadAhead(r.Remote, r.memory) }

// A piece of an object was fetched, or is being fetched. Pieces of one object do not overlap.
type piece struct {
	name     string
	off, end int64
	planned  bool
	left     int64        // bytes that somebody wants and has not read yet
	parts    []objectSpan // what is wanted of it, in order, where that is not all
	age      *list.Element

	users int  // who wait for it or copy from it
	gone  bool // it is in no list any more

	done chan struct{} // closed when the rest is there
	data []byte        // shorter than the piece if the object ends in it
	err  error
}

func isPack(name string) bool {
	i := strings.LastIndex(name, "packs/")
	return i == 0 || i > 0 && name[i-1] == '/'
}

// ReadAt implements [Store].
func (r *ReadAhead) ReadAt(ctx context.Context, name string, p []byte, off int64) (n int, err error) {
	if !isPack(name) {
		return r.Remote.ReadAt(ctx, name, p, off)
	}
	r.follow(ctx, name, off, off+int64(len(p)))
	for n < len(p) {
		w, until := r.use(name, off+int64(n))
		var got int
		if w == nil && until == 0 {
			return n, io.EOF
		} else if w == nil {
			rest := p[n:min(int64(len(p)), until-off)]
			got, err = r.Remote.ReadAt(ctx, name, rest, off+int64(n))
		} else {
			got, err = r.copy(ctx, w, p[n:], off+int64(n))
		}
		n += got
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// ReadObject implements [Remote].
func (r *ReadAhead) ReadObject(ctx context.Context, name string, limit int) ([]byte, error) {
	if w, size := r.use(name, 0); w != nil {
		data := make([]byte, min(size, int64(limit)+1))
		n, err := r.copy(ctx, w, data, 0)
		if err == nil && int64(n) == size && n <= limit {
			return data[:n], nil
		}
	}
	return r.Remote.ReadObject(ctx, name, limit) // what was expected may not be what is there
}

// use gives the piece that a byte is in, for copy, and where it ends; or nil, and where the next one begins, which is 0 behind the object's end.
func (r *ReadAhead) use(name string, off int64) (w *piece, until int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	pieces := r.pieces[name]
	i, found := slices.BinarySearchFunc(pieces, off, func(w *piece, off int64) int { return cmp.Compare(w.off, off) })
	if !found {
		i--
	}
	if i >= 0 && off < pieces[i].end {
		w = pieces[i]
		w.users++
		r.oldest.MoveToBack(w.age)
		return w, w.end
	}
	if end, known := r.ended[name]; known && off >= end {
		return nil, 0
	}
	if i+1 < len(pieces) {
		return nil, pieces[i+1].off
	}
	return nil, 1<<63 - 1
}

// copy copies from a piece, when it is there. If it could not be had it is forgotten, and nothing is copied.
func (r *ReadAhead) copy(ctx context.Context, w *piece, p []byte, off int64) (n int, err error) {
	select {
	case <-w.done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err == nil && w.err == nil {
		if n = copy(p, w.data[min(off-w.off, int64(len(w.data))):]); n == 0 {
			err = io.EOF
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	w.users--
	w.left -= w.wanted(off, off+int64(n))
	if err == nil && (w.err != nil || w.left <= 0) {
		r.drop(w)
	}
	return n, err
}

// wanted is how many bytes of those from off to end somebody asked for. Others are read, too: packs are filled by several at once, so
// that what one batch of a walk wants lies among what the one before it wants.
func (w *piece) wanted(off, end int64) (n int64) {
	if w.parts == nil {
		return end - off
	}
	i, _ := slices.BinarySearchFunc(w.parts, off, func(s objectSpan, off int64) int { return cmp.Compare(s.end, off+1) })
	for _, s := range w.parts[i:] {
		if s.off >= end {
			break
		}
		if from, until := max(s.off, off), min(s.end, end); from < until {
			n += until - from
			off = until // what is wanted twice is read once
		}
	}
	return n
}

// want adds to what is wanted.
func (w *piece) want(s objectSpan) {
	w.left += s.size()
	if w.parts != nil {
		i, _ := slices.BinarySearchFunc(w.parts, s.off, func(s objectSpan, off int64) int { return cmp.Compare(s.off, off) })
		w.parts = slices.Insert(w.parts, i, s)
	}
}

// drop forgets a piece; r.mu is held.
func (r *ReadAhead) drop(w *piece) {
	if w.gone {
		return
	}
	w.gone = true
	r.held -= w.end - w.off
	r.oldest.Remove(w.age)
	rest := slices.DeleteFunc(r.pieces[w.name], func(other *piece) bool { return other == w })
	if r.pieces[w.name] = rest; len(rest) == 0 {
		delete(r.pieces, w.name)
	}
}

// expect fetches what will be read, as far as there is room.
func (r *ReadAhead) expect(ctx context.Context, spans []objectSpan, between bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range coalesce(r.missing(spans, between)) {
		if between {
			s.wanted = 1 << 40 // it stays until its room is needed: who walks may come by twice
		}
		if !r.fetch(ctx, s) {
			return
		}
	}
}

// missing gives the spans that are not there. Those that are stay until they are read once more; r.mu is held.
func (r *ReadAhead) missing(spans []objectSpan, between bool) (rest []objectSpan) {
	for _, s := range spans {
		i := slices.IndexFunc(r.pieces[s.name], func(w *piece) bool { return w.off <= s.off && s.end <= w.end })
		if i < 0 {
			rest = append(rest, s)
			continue
		}
		w := r.pieces[s.name][i]
		if !w.planned && !between {
			w.left, w.parts = 0, []objectSpan{} // what else was read of it, or is read twice, does not count for what is wanted
		}
		w.planned = true // whatever it was fetched for: a stream that has passed it does not take it away
		w.want(s)
		r.oldest.MoveToBack(w.age)
	}
	return rest
}

// fetch begins to fetch what is not there of a span. It tells whether there was room; r.mu is held. Of a span that was not
// planned, wanted is 0, and all of it is.
func (r *ReadAhead) fetch(ctx context.Context, s plannedSpan) bool {
	at, wanted := s.off, s.wanted
	var gaps []objectSpan
	for _, w := range r.pieces[s.name] {
		if w.end <= at || w.off >= s.end {
			continue
		}
		if w.off > at {
			gaps = append(gaps, objectSpan{s.name, at, w.off})
		}
		at = w.end
	}
	if at < s.end {
		gaps = append(gaps, objectSpan{s.name, at, s.end})
	}
	for _, gap := range gaps {
		size := gap.end - gap.off
		if !r.room(size) {
			return false
		}
		w := &piece{name: gap.name, off: gap.off, end: gap.end, planned: wanted > 0, left: size, done: make(chan struct{})}
		switch {
		case size == s.end-s.off && wanted > 0:
			w.left = wanted // more than there is if it is read more than once
		case wanted > 0:
			w.left = min(size, wanted)
		}
		if wanted > 0 && wanted < s.size() {
			w.parts = slices.Clone(s.parts)
		}
		r.held += size
		w.age = r.oldest.PushBack(w)
		all := append(r.pieces[s.name], w)
		slices.SortFunc(all, func(a, b *piece) int { return cmp.Compare(a.off, b.off) })
		r.pieces[s.name] = all
		go r.fill(context.WithoutCancel(ctx), w)
	}
	return true
}

// room makes room for so many bytes, by forgetting what was not used for longest; r.mu is held.
func (r *ReadAhead) room(size int64) bool {
	for e := r.oldest.Front(); e != nil && r.held+size > r.memory; {
		next := e.Next()
		if w, ok := e.Value.(*piece); ok && w.users == 0 {
			select {
			case <-w.done:
				r.drop(w)
			default:
			}
		}
		e = next
	}
	return r.held+size <= r.memory
}

// fill fetches a piece.
func (r *ReadAhead) fill(ctx context.Context, w *piece) {
	defer close(w.done)
	r.slots <- struct{}{}
	defer func() { <-r.slots }()
	data := make([]byte, w.end-w.off)
	n, err := r.Remote.ReadAt(ctx, w.name, data, w.off)
	if errors.Is(err, io.EOF) {
		err = nil
		r.ends(w, int64(n))
	}
	w.data, w.err = data[:n], err
}

// ends notes that an object ends so many bytes into a piece, so that no more of it is fetched.
func (r *ReadAhead) ends(w *piece, size int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if size > 0 { // or else it ended before
		r.ended[w.name] = w.off + size
	}
	if w.gone {
		return
	}
	if size == 0 {
		r.drop(w)
		return
	}
	behind := w.end - w.off - size
	w.end -= behind
	w.left -= behind
	r.held -= behind
}

var _ Remote = (*ReadAhead)(nil)
