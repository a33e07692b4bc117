// Package porttest gives tests ports of the loopback address that no other test of this host has, in whatever process it runs.
//
// A port that was found free a moment ago, as by listening at port 0 and closing, is anybody's: of a server that is killed and
// started again the port is free for as long as that takes, and tests run side by side. The kernel hands such ports out, too, for
// every outgoing connection. So ports of tests come from below its range
// (https://docs.kernel.org/networking/ip-sysctl.html#ip-local-port-range: 32768), and who has some holds them by name.
package porttest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"

	"strongroom/internal/waittest"
)

const (
	first  = 20000
	size   = 50  // of a range
	ranges = 240 // up to 31999
)

// Range is a run of ports, with first and last among them.
type Range struct{ First, Last int }

// String is the range as a server's configuration has it.
func (r Range) String() string { return strconv.Itoa(r.First) + "-" + strconv.Itoa(r.Last) }

// New is a range of 50 ports that is the test's until it ends: as long as its process lives, whoever else asks gets another. A machine
// with many processors has as many tests at once: if others have all ranges, it waits for one.
func New(t testing.TB) (r Range) {
	t.Helper()
	begin := rand.IntN(ranges)
	waittest.Until(t, fmt.Sprintf("one of the %d ranges of ports from %d to be given back", ranges, first), func() bool {
		for i := range ranges {
			n := (begin + i) % ranges
			// A name of the abstract kind ends with the process that holds it, however it ends: unix(7).
			held, err := new(net.ListenConfig).Listen(context.Background(), "unix", "@strongroom-ports-"+strconv.Itoa(n))
			if err != nil {
				continue // somebody has it
			}
			t.Cleanup(func() { _ = held.Close() })
			r = Range{First: first + n*size, Last: first + n*size + size - 1}
			return true
		}
		return false
	})
	return r
}

// One is a port that is the test's until it ends, and that nobody listens at.
func One(t testing.TB) int {
	t.Helper()
	r := New(t)
	for port := r.First; port <= r.Last; port++ {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatalf("none of the ports %v is free", r)
	return 0
}
