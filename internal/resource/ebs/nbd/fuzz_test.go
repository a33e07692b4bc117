package nbd_test

import (
	"encoding/binary"
	"io"
	"net"
	"testing"

	"strongroom/internal/resource/ebs/nbd"
)

// bounded is a device that fails the test if it is asked for bytes it does not have.
type bounded struct {
	memory
	t *testing.T
}

func (b *bounded) inside(off, length int64) {
	if off < 0 || length < 0 || off+length > b.Size() {
		b.t.Errorf("asked for %d bytes at %d of %d", length, off, b.Size())
	}
}

func (b *bounded) ReadAt(p []byte, off int64) (int, error) {
	b.inside(off, int64(len(p)))
	return b.memory.ReadAt(p, off)
}

func (b *bounded) WriteAt(p []byte, off int64) (int, error) {
	b.inside(off, int64(len(p)))
	return b.memory.WriteAt(p, off)
}

func (b *bounded) Trim(off, length int64) error { b.inside(off, length); return nil }

func (b *bounded) WriteZeroes(off, length int64) error { b.inside(off, length); return nil }

// Whatever a client sends, the server comes to an end and the device is asked only for what it has.
func FuzzServe(f *testing.F) {
	begin := binary.BigEndian.AppendUint32(nil, 3)
	begin = append(begin, "IHAVEOPT\x00\x00\x00\x01\x00\x00\x00\x00"...)
	request := func(command uint16, off uint64, length uint32, data string) []byte {
		b := binary.BigEndian.AppendUint32(nil, 0x25609513)
		b = binary.BigEndian.AppendUint32(b, uint32(command))
		b = binary.BigEndian.AppendUint64(b, 1)
		b = binary.BigEndian.AppendUint64(b, off)
		b = binary.BigEndian.AppendUint32(b, length)
		return append(b, data...)
	}
	f.Add(append(begin, request(0, 10, 20, "")...))
	f.Add(append(begin, append(request(1, 4090, 6, "sector"), request(3, 0, 0, "")...)...))
	f.Add(append(begin, request(4, 1<<63, 1<<31, "")...))
	f.Add([]byte("\x00\x00\x00\x03IHAVEOPT\x00\x00\x00\x07\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		here, there := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, here) }()
		go func() {
			_, _ = here.Write(data)
			_ = here.Close()
		}()
		_ = nbd.Serve(t.Context(), there, "vol-1", &bounded{memory: memory{data: make([]byte, 4096)}, t: t})
	})
}
