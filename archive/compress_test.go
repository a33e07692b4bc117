package archive

import (
	"bytes"
	"errors"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// A decoder has room behind its output. A frame that is longer or shorter than it must be does not profit from that.
func TestDecompressWantsTheSizeThatIsTold(t *testing.T) {
	t.Parallel()
	c := newCodec(zstd.SpeedFastest, nil)
	for _, size := range []int{1000, 128 << 10, 300_000} {
		plain := bytes.Repeat([]byte("as long as it says, "), size/20+1)[:size]
		frame, pays := c.compress(nil, plain)
		if !pays {
			t.Fatalf("%d bytes of one sentence do not shrink", size)
		}
		for _, room := range []int{0, size - 1, size, size + spareRoom(size), 4 * size} {
			got, err := c.decompress(make([]byte, 0, room), frame, size)
			if err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("%d bytes into room for %d: %v", size, room, err)
			}
			if cap(got) < room {
				t.Errorf("of room for %d bytes %d are left", room, cap(got))
			}
			for _, wrong := range []int{size - 1, size - 16, size + 1, size + 16} {
				if _, err := c.decompress(make([]byte, 0, room), frame, wrong); !errors.Is(err, ErrDamaged) {
					t.Errorf("a frame of %d bytes passes for one of %d, into room for %d: %v", size, wrong, room, err)
				}
			}
		}
	}
}
