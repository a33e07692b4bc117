package archive

import (
	"math/bits"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// A codec compresses and decompresses single blobs. Its methods may be called at once.
type codec struct {
	gate     *Gate
	encoders sync.Pool // for blobs longer than smallBlob
	thorough sync.Pool // for the others
	decoders sync.Pool
}

func newCodec(level zstd.EncoderLevel, gate *Gate) *codec {
	return &codec{
		gate:     gate,
		encoders: sync.Pool{New: func() any { return newEncoder(level) }},
		thorough: sync.Pool{New: func() any { return newEncoder(max(level, zstd.SpeedDefault)) }},
		decoders: sync.Pool{New: func() any {
			d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBlob),
				zstd.WithDecodeAllCapLimit(true))
			if err != nil {
				panic("archive: constant zstd options: " + err.Error())
			}
			return d
		}},
	}
}

func newEncoder(level zstd.EncoderLevel) *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false), zstd.WithWindowSize(maxWindow), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic("archive: constant zstd options: " + err.Error())
	}
	return e
}

const (
	// smallBlob is up to which length in bytes zstd's default level is used at least: its larger tables fit the cache still, and a short
	// blob has more to gain from each match that is found.
	smallBlob  = 64 << 10
	maxWindow  = 4 << 20
	probeSize  = 4 << 10  // bytes of one probe
	probeAbove = 32 << 10 // bytes from which on a blob is probed
)

// compress appends the compressed blob to dst, or tells that it does not pay.
func (c *codec) compress(dst, plain []byte) (out []byte, pays bool) {
	if len(plain) < 64 {
		return dst, false
	}
	c.gate.Enter()
	defer c.gate.Leave()
	pool := &c.encoders
	if len(plain) <= smallBlob {
		pool = &c.thorough
	}
	e := pool.Get().(*zstd.Encoder)
	defer pool.Put(e)
	if len(plain) > probeAbove && !probe(e, dst, plain) {
		return dst, false
	}
	out = e.EncodeAll(plain, dst)
	if saved := len(plain) - (len(out) - len(dst)); saved < len(plain)/32 {
		return dst, false
	}
	return out, true
}

// probe compresses three short stretches and tells whether any got smaller.
func probe(e *zstd.Encoder, scratch, plain []byte) bool {
	for _, at := range [...]int{0, len(plain)/2 - probeSize/2, len(plain) - probeSize} {
		out := e.EncodeAll(plain[at:at+probeSize], scratch)
		if len(out)-len(scratch) < probeSize-probeSize/16 {
			return true
		}
	}
	return false
}

// spareRoom is how much room behind its output makes a decoder quicker: it then copies in whole words and need not look where
// the output ends. It wants a whole block's, and a bit.
func spareRoom(size int) int { return min(size, 128<<10) + 16 }

// decompress gives the plaintext of a known size, in buf if it fits, and with all the room that buf has.
func (c *codec) decompress(buf, compressed []byte, size int) ([]byte, error) {
	room := size + spareRoom(size)
	if cap(buf) < size {
		buf = roomy(buf, room)
	}
	c.gate.Enter()
	defer c.gate.Leave()
	d := c.decoders.Get().(*zstd.Decoder)
	defer c.decoders.Put(d)
	out, err := d.DecodeAll(compressed, buf[:0:min(cap(buf), room)]) // it never makes more: the frame may lie about its size
	if err != nil || len(out) != size {
		return nil, damaged("a blob does not decompress to its size")
	}
	return buf[:size], nil
}

// roomy gives an empty buffer with room for size bytes: buf, or a new one. A buffer that has become too small makes place for
// one of twice the room or so, for blobs are of all sizes; the first is made to measure, for there may be but one blob.
func roomy(buf []byte, size int) []byte {
	switch {
	case cap(buf) >= size:
		return buf[:0]
	case cap(buf) == 0 || size <= tagSize:
		return make([]byte, 0, size)
	}
	return make([]byte, 0, tagSize+1<<bits.Len(uint(size-tagSize-1)))
}
