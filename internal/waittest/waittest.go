// Package waittest has tests wait for what is to come true and tells nobody that it has: in another process, or behind an API.
package waittest

import (
	"testing"
	"time"

	"strongroom/clock"
)

// long is how long [Until] waits, and look how often it asks.
const (
	long = 3 * time.Minute
	look = 10 * time.Millisecond
)

// Until waits until something is reached, for three minutes at most, and as long as [Patience] lasts.
func Until(t testing.TB, what string, reached func() bool) {
	t.Helper()
	for end := clock.Wall.Now().Add(Patience(long)); !reached(); pause() {
		if clock.Wall.Now().After(end) {
			InVain()
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func pause() {
	reached, stop := clock.Wall.Until(clock.Wall.Now().Add(look))
	defer stop()
	<-reached
}
