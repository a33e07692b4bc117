package archive

import (
	"sync"

	"github.com/klauspost/compress/zstd"
)

// A codec compresses and decompresses single blobs. Its methods may be called at once.
type codec struct {
	encoders sync.Pool
	decoders sync.Pool
}

func newCodec(level zstd.EncoderLevel) *codec {
	return &codec{
		encoders: sync.Pool{New: func() any {
			e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1),
				zstd.WithEncoderCRC(false), zstd.WithWindowSize(maxWindow), zstd.WithLowerEncoderMem(true))
			if err != nil {
				panic("archive: constant zstd options: " + err.Error())
			}
			return e
		}},
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

const (
	maxWindow  = 4 << 20
	probeSize  = 4 << 10  // bytes of one probe
	probeAbove = 32 << 10 // bytes from which on a blob is probed
)

// compress appends the compressed blob to dst, or tells that it does not pay.
func (c *codec) compress(dst, plain []byte) (out []byte, pays bool) {
	if len(plain) < 64 {
		return dst, false
	}
	e := c.encoders.Get().(*zstd.Encoder)
	defer c.encoders.Put(e)
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

// decompress appends the plaintext of a known size to dst.
func (c *codec) decompress(dst, compressed []byte, size int) ([]byte, error) {
	if cap(dst)-len(dst) < size {
		grown := make([]byte, len(dst), len(dst)+size)
		copy(grown, dst)
		dst = grown
	}
	d := c.decoders.Get().(*zstd.Decoder)
	defer c.decoders.Put(d)
	out, err := d.DecodeAll(compressed, dst[:len(dst):len(dst)+size])
	if err != nil || len(out)-len(dst) != size {
		return nil, damaged("a blob does not decompress to its size")
	}
	return out, nil
}
