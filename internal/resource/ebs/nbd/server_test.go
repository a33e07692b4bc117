package nbd_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"strongroom/internal/resource/ebs/nbd"
)

// memory is a device in memory that counts its flushes.
type memory struct {
	mu      sync.Mutex
	data    []byte
	flushed int
	broken  error
}

func (m *memory) Size() int64 { return int64(len(m.data)) }

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return copy(p, m.data[off:]), m.broken
}

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return copy(m.data[off:], p), m.broken
}

func (m *memory) WriteZeroes(off, length int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.data[off : off+length])
	return m.broken
}

func (m *memory) Trim(off, length int64) error { return m.WriteZeroes(off, length) }

func (m *memory) Flush() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.flushed++
	return m.broken
}

// client is as much of an NBD client as the tests need.
type client struct {
	t    *testing.T
	conn net.Conn
}

func (c client) send(parts ...any) {
	c.t.Helper()
	var b bytes.Buffer
	for _, p := range parts {
		if err := binary.Write(&b, binary.BigEndian, p); err != nil {
			c.t.Fatal(err)
		}
	}
	if _, err := c.conn.Write(b.Bytes()); err != nil {
		c.t.Fatal(err)
	}
}

func (c client) receive(parts ...any) {
	c.t.Helper()
	for _, p := range parts {
		if err := binary.Read(c.conn, binary.BigEndian, p); err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c client) hello() {
	c.t.Helper()
	var server, option uint64
	var flags uint16
	c.receive(&server, &option, &flags)
	if server != 0x4e42444d41474943 || option != 0x49484156454f5054 || flags&3 != 3 {
		c.t.Fatalf("the server says %x %x %x", server, option, flags)
	}
	c.send(uint32(3))
}

func (c client) option(option uint32, data []byte) {
	c.send(uint64(0x49484156454f5054), option, uint32(len(data)), data)
}

func (c client) reply() (kind uint32, data []byte) {
	c.t.Helper()
	var magic uint64
	var option, length uint32
	c.receive(&magic, &option, &kind, &length)
	data = make([]byte, length)
	c.receive(data)
	return kind, data
}

// begin asks for the export by NBD_OPT_GO and returns its size.
func (c client) begin(name string) (size uint64) {
	c.t.Helper()
	c.hello()
	data := binary.BigEndian.AppendUint32(nil, uint32(len(name)))
	data = append(append(data, name...), 0, 0)
	c.option(7, data)
	for {
		kind, data := c.reply()
		switch {
		case kind == 1:
			return size
		case kind == 3 && binary.BigEndian.Uint16(data) == 0:
			size = binary.BigEndian.Uint64(data[2:])
		case kind>>31 == 1:
			c.t.Fatalf("refused with %x", kind)
		}
	}
}

func (c client) do(command, flags uint16, off uint64, length uint32, data []byte) (answer []byte, errno uint32) {
	c.t.Helper()
	c.send(uint32(0x25609513), flags, command, off+7, off, length, data)
	var magic uint32
	var cookie uint64
	c.receive(&magic, &errno, &cookie)
	if magic != 0x67446698 || cookie != off+7 {
		c.t.Fatalf("the answer has magic %x and cookie %d", magic, cookie)
	}
	if command == 0 && errno == 0 {
		answer = make([]byte, length)
		c.receive(answer)
	}
	return answer, errno
}

func serve(t *testing.T, device nbd.Device) (client, <-chan error) {
	t.Helper()
	here, there := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- nbd.Serve(t.Context(), there, "vol-1", device) }()
	t.Cleanup(func() { _ = here.Close() })
	return client{t, here}, done
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	device := &memory{data: make([]byte, 1<<20)}
	c, done := serve(t, device)
	if size := c.begin("vol-1"); size != 1<<20 {
		t.Fatalf("size %d", size)
	}
	text := []byte("some bytes on a disk")
	if _, errno := c.do(1, 1, 1000, uint32(len(text)), text); errno != 0 {
		t.Fatalf("write: %d", errno)
	}
	if device.flushed != 1 {
		t.Fatal("a write with FUA did not flush")
	}
	if got, errno := c.do(0, 0, 1000, uint32(len(text)), nil); errno != 0 || !bytes.Equal(got, text) {
		t.Fatalf("read %q, %d", got, errno)
	}
	if _, errno := c.do(6, 0, 1000, 5, nil); errno != 0 {
		t.Fatalf("write zeroes: %d", errno)
	}
	if _, errno := c.do(4, 0, 1010, 2, nil); errno != 0 {
		t.Fatalf("trim: %d", errno)
	}
	if got, _ := c.do(0, 0, 1000, 12, nil); !bytes.Equal(got, append(make([]byte, 5), "bytes\x00\x00"...)) {
		t.Fatalf("after zeroing: %q", got)
	}
	if _, errno := c.do(3, 0, 0, 0, nil); errno != 0 || device.flushed != 2 {
		t.Fatalf("flush: %d, %d flushes", errno, device.flushed)
	}
	c.send(uint32(0x25609513), uint16(0), uint16(2), uint64(0), uint64(0), uint32(0))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestExportNameAndList(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, &memory{data: make([]byte, 4096)})
	c.hello()
	c.option(3, nil)
	if kind, data := c.reply(); kind != 2 || string(data[4:]) != "vol-1" {
		t.Fatalf("list answers %d %q", kind, data)
	}
	if kind, _ := c.reply(); kind != 1 {
		t.Fatalf("list ends with %d", kind)
	}
	c.option(8, nil) // structured replies are not spoken
	if kind, _ := c.reply(); kind != 1<<31+1 {
		t.Fatalf("an unknown option answers %x", kind)
	}
	c.option(1, []byte("vol-1"))
	var size uint64
	var flags uint16
	c.receive(&size, &flags)
	if size != 4096 || flags&1 == 0 {
		t.Fatalf("size %d, flags %x", size, flags)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	device := &memory{data: make([]byte, 4096)}
	c, _ := serve(t, device)
	c.hello()
	c.option(7, append(binary.BigEndian.AppendUint32(nil, 5), "other\x00\x00"...))
	if kind, _ := c.reply(); kind != 1<<31+6 {
		t.Fatalf("another export answers %x", kind)
	}
	c.option(7, []byte{0xff, 0xff, 0xff, 0xff, 0, 0})
	if kind, _ := c.reply(); kind != 1<<31+3 {
		t.Fatalf("a malformed option answers %x", kind)
	}
	c.option(1, nil)
	var size uint64
	var flags uint16
	c.receive(&size, &flags)
	if _, errno := c.do(0, 0, 4000, 200, nil); errno != 22 {
		t.Errorf("a read beyond the end answers %d", errno)
	}
	if _, errno := c.do(1, 0, 4096, 1, []byte{1}); errno != 28 {
		t.Errorf("a write beyond the end answers %d", errno)
	}
	if _, errno := c.do(0, 0, 1<<63, 1, nil); errno != 22 {
		t.Errorf("a read far beyond the end answers %d", errno)
	}
	if _, errno := c.do(99, 0, 0, 0, nil); errno != 22 {
		t.Errorf("an unknown command answers %d", errno)
	}
	device.mu.Lock()
	device.broken = errors.New("broken")
	device.mu.Unlock()
	if _, errno := c.do(0, 0, 0, 1, nil); errno != 5 {
		t.Errorf("a broken device answers %d", errno)
	}
}

func TestProtocolViolationEndsTheConnection(t *testing.T) {
	t.Parallel()
	c, done := serve(t, &memory{data: make([]byte, 4096)})
	c.begin("")
	c.send(make([]byte, 28))
	if err := <-done; !errors.Is(err, nbd.ErrProtocol) {
		t.Fatalf("Serve returned %v", err)
	}
}

func TestContextEndsTheConnection(t *testing.T) {
	t.Parallel()
	here, there := net.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- nbd.Serve(ctx, there, "", &memory{}) }()
	if _, err := io.ReadFull(here, make([]byte, 18)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("Serve returned %v", err)
	}
}
