package environment

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"strongroom/clock"
)

// longestLine is where a line of the log is cut, as the logs do.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
const longestLine = 256 << 10

// output reads what an environment prints, line by line.
type output struct {
	inner *os.File // the process's end
	outer *os.File
	lines func(string)
	ended chan struct{}

	mu      sync.Mutex // held from a read until its lines are passed on
	pending []byte     // a line that has no end yet; guarded by mu
}

func newOutput(lines func(string)) (*output, error) {
	outer, inner, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	o := &output{inner: inner, outer: outer, lines: lines, ended: make(chan struct{})}
	go o.read()
	return o, nil
}

func (o *output) read() {
	defer close(o.ended)
	buffer := make([]byte, 32<<10)
	raw, err := o.outer.SyscallConn()
	if err != nil {
		return
	}
	for open := true; open; {
		err := raw.Read(func(fd uintptr) bool {
			o.mu.Lock()
			defer o.mu.Unlock()
			n, err := syscall.Read(int(fd), buffer)
			if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
				return false
			}
			if n <= 0 {
				open = false
				return true
			}
			o.take(buffer[:n])
			return true
		})
		open = open && err == nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.pending) > 0 {
		o.lines(string(o.pending))
		o.pending = nil
	}
}

// take passes the lines of what was read on. The caller holds mu.
func (o *output) take(text []byte) {
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n')
		part := text
		if end >= 0 {
			part = text[:end]
		}
		room := longestLine - len(o.pending)
		o.pending = append(o.pending, part[:min(room, len(part))]...)
		if end >= 0 || len(o.pending) == longestLine {
			o.lines(string(o.pending))
			o.pending = o.pending[:0]
		}
		switch {
		case end >= 0:
			text = text[end+1:]
		case room < len(part):
			text = text[room:]
		default:
			text = nil
		}
	}
}

// drain waits until all that was printed before is passed on, for a short time.
func (o *output) drain() {
	for range 100 {
		if n := o.waiting(); n == 0 {
			o.mu.Lock()
			o.mu.Unlock() //nolint:staticcheck // what was read is passed on
			return
		}
		reached, stop := clock.Wall.Until(clock.Wall.Now().Add(time.Millisecond))
		<-reached
		stop()
	}
}

// waiting is how many bytes nobody has read yet.
func (o *output) waiting() (n int) {
	raw, err := o.outer.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	return n
}

// close ends the reading, after what was printed is passed on.
func (o *output) close() {
	_ = o.inner.Close()
	o.drain()
	_ = o.outer.SetReadDeadline(clock.Wall.Now())
	<-o.ended
	_ = o.outer.Close()
}
