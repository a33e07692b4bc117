package waittest

import (
	"sync/atomic"
	"time"
)

// Where so many waits of a process were in vain, the others are cut short to that.
const (
	vainEnough = 4
	cutShort   = time.Minute
)

var vain atomic.Int32

// Patience is for how long a test waits for what is to come true. Minutes cost nothing when all is well, and on a busy machine seconds
// pass anywhere. But once several waits were in vain, something is broken that no time mends, and if everybody else waited for
// minutes too, the run would be ended from outside before it has said what failed.
func Patience(long time.Duration) time.Duration {
	if vain.Load() >= vainEnough {
		return min(long, cutShort)
	}
	return long
}

// InVain notes that a test waited for nothing, and fails.
func InVain() { vain.Add(1) }
