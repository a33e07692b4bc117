package waittest

import (
	"testing"
	"time"
)

// Where nothing comes true any more, waits are short: the run is to end and tell.
func TestPatience(t *testing.T) { //nolint:paralleltest // it counts for the whole process
	defer vain.Store(vain.Swap(0))
	for n := range vainEnough {
		if got := Patience(6 * time.Minute); got != 6*time.Minute {
			t.Errorf("after %d waits in vain one lasts %s", n, got)
		}
		InVain()
	}
	for long, want := range map[time.Duration]time.Duration{6 * time.Minute: cutShort, time.Second: time.Second} {
		if got := Patience(long); got != want {
			t.Errorf("after %d waits in vain one of %s lasts %s, want %s", vainEnough, long, got, want)
		}
	}
}
