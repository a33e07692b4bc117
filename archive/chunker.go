package archive

// Content-defined chunking: a chunk ends where a rolling hash of the last 64 bytes has enough leading zeros, so that
// an insertion moves few boundaries. Below the wanted size more zeros are asked for, above it fewer, which keeps sizes
// near it. The table of the hash is a secret of the domain, so that sizes tell nothing of content that others know.
const (
	minChunk  = 256 << 10
	avgChunk  = 1 << 20
	maxChunk  = 4 << 20
	wholeSize = 512 << 10 // content up to this size is one chunk

	strictLimit = 1 << (64 - 21) // a hash below it has 21 leading zeros
	easyLimit   = 1 << (64 - 18)
)

// A cutter finds where one chunk ends, in content that comes piece by piece.
type cutter struct {
	gear *[256]uint64
	at   int    // how far the chunk has been looked at
	hash uint64 // of what lies before at
}

// next gives the length of the chunk that data begins with, or zero if it goes on behind data. Data is the chunk from its
// beginning, as far as it is known: what was there in the last call, and more.
func (c *cutter) next(data []byte) int {
	data = data[:min(len(data), maxChunk)]
	c.at = max(c.at, minChunk)
	if c.scan(data[:min(len(data), avgChunk)], strictLimit) || c.scan(data, easyLimit) || len(data) == maxChunk {
		n := c.at
		c.at, c.hash = 0, 0
		return n
	}
	return 0
}

const (
	window    = 64      // bytes that the hash is of: the others were shifted out
	laneSize  = 2 << 10 // bytes of a lane
	laneBlock = 4 * laneSize
)

// scan goes on to where the hash is below the limit, and tells whether that is before the end of data.
func (c *cutter) scan(data []byte, limit uint64) bool {
	for c.at+laneBlock <= len(data) && c.lanes(data[c.at-window:c.at+laneBlock], limit) {
		c.at += laneBlock
	}
	for ; c.at < len(data); c.at++ {
		if c.hash = c.hash<<1 + c.gear[data[c.at]]; c.hash < limit {
			c.at++
			return true
		}
	}
	return false
}

// lanes goes over a block, with a window before it, in four places at once: each step of the hash waits for the one before it,
// so that four hashes take hardly longer than one. It gives false, and has gone nowhere, if a chunk ends in the block.
func (c *cutter) lanes(data []byte, limit uint64) bool {
	h0 := c.hash
	h1, h2, h3 := c.warm(data[laneSize:]), c.warm(data[2*laneSize:]), c.warm(data[3*laneSize:])
	data = data[window:]
	p0, p1, p2, p3 := data[:laneSize], data[laneSize:2*laneSize], data[2*laneSize:3*laneSize], data[3*laneSize:]
	p1, p2, p3 = p1[:len(p0)], p2[:len(p0)], p3[:len(p0)]
	gear := c.gear
	for i := range p0 {
		h0 = h0<<1 + gear[p0[i]]
		h1 = h1<<1 + gear[p1[i]]
		h2 = h2<<1 + gear[p2[i]]
		h3 = h3<<1 + gear[p3[i]]
		if h0 < limit || h1 < limit || h2 < limit || h3 < limit {
			return false
		}
	}
	c.hash = h3
	return true
}

// warm gives the hash of a window.
func (c *cutter) warm(data []byte) (h uint64) {
	for _, b := range data[:window] {
		h = h<<1 + c.gear[b]
	}
	return h
}
