package archive

import "sync/atomic"

// slabSize is how many bytes a slab has: the longest chunk, and room so that a slab takes more than one.
const slabSize = maxChunk + maxChunk/2

// firstSlab is the length of a writer's first slab, so that a small job does not pay for what it does not fill: clearing the
// memory would be most of it.
const firstSlab = 256 << 10

// A slab is memory that chunks lie in on their way to the workers. It is free again when the last of them is done.
type slab struct {
	buf   []byte
	used  int
	users atomic.Int32 // chunks that lie in it, and one for the slab being filled
	pool  chan *slab
}

func (s *slab) done() {
	if s.users.Add(-1) == 0 {
		s.used = 0
		s.pool <- s
	}
}

// slabs are all the slabs of a writer; their number bounds its memory.
type slabs struct {
	free    chan *slab
	made    int
	most    int
	current *slab
}

func newSlabs(most int) *slabs {
	return &slabs{free: make(chan *slab, most), most: most}
}

// room gives at least need bytes of free memory that lies together; those in carry, from the end of the current slab,
// come first in it.
func (s *slabs) room(carry []byte, need int) []byte {
	if c := s.current; c != nil && len(c.buf)-c.used >= need {
		return c.buf[c.used:]
	}
	next := s.take(need)
	copy(next.buf, carry)
	if s.current != nil {
		s.current.done()
	}
	s.current = next
	return next.buf
}

// take gives a slab of at least need bytes.
func (s *slabs) take(need int) *slab {
	next := s.another()
	if len(next.buf) < need {
		next.buf = make([]byte, slabSize)
	}
	next.users.Store(1)
	return next
}

func (s *slabs) another() *slab {
	select {
	case next := <-s.free:
		return next
	default:
	}
	if s.made == s.most {
		return <-s.free
	}
	s.made++
	length := slabSize
	if s.made == 1 {
		length = firstSlab
	}
	return &slab{buf: make([]byte, length), pool: s.free}
}

// claim gives away the first n bytes of the room. Whoever has them calls the slab's done.
func (s *slabs) claim(n int) ([]byte, *slab) {
	c := s.current
	c.users.Add(1)
	data := c.buf[c.used : c.used+n : c.used+n]
	c.used += n
	return data, c
}
