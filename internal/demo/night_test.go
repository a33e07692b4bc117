package demo

import (
	"testing"
	"time"
)

// The plans run once, in the night that the demo moves the clock to, at whatever hour it is begun.
func TestNoNightComesWhileTheDataAreMade(t *testing.T) {
	t.Parallel()
	for minute := range 24 * 60 {
		now := time.Date(2026, time.February, 28, 0, minute, 0, 0, time.FixedZone("CET", 3600))
		begin := now.Add(beforeLong(now))
		night := nightAfter(begin)
		if d := night.Sub(begin); d < preparing || d > 24*time.Hour {
			t.Errorf("begun at %s, at %s by the clock of the service, the night comes after %s", now, begin, d)
		}
		if h, m, s := night.Clock(); h != 5 || m != 0 || s != 1 || night.Location() != time.UTC {
			t.Errorf("begun at %s, the night is at %s", now, night)
		}
	}
}
