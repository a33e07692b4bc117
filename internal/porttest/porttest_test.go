package porttest_test

import (
	"net"
	"testing"

	"strongroom/internal/porttest"
)

// Ranges that are held at once are different ones, and one that was given back can be had again.
func TestNew(t *testing.T) {
	seen := map[porttest.Range]bool{}
	t.Run("at once", func(t *testing.T) {
		for range 40 {
			r := porttest.New(t)
			if seen[r] {
				t.Fatalf("%v is held twice", r)
			}
			if r.First < 20000 || r.Last > 31999 || r.Last-r.First != 49 {
				t.Errorf("the range is %v", r)
			}
			seen[r] = true
		}
	})
	again := false
	for n := 0; n < 150 && !again; n++ { // of 240, of which others need some meanwhile
		again = seen[porttest.New(t)]
	}
	if !again {
		t.Error("none of 40 ranges comes back")
	}
}

// A port that is the test's can be listened at.
func TestOne(t *testing.T) {
	port := porttest.One(t)
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
