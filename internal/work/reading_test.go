package work

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// The scrub ends when somebody asks for a verification, and does not begin as long as somebody has his turn or waits for it. Who
// waits may give up.
func TestTheScrubGivesWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := newReadings()
		turn, scrubbed, ok := x.scrub(t.Context())
		if !ok {
			t.Fatal("nobody reads, and the scrub does not begin")
		}
		if _, _, ok := x.scrub(t.Context()); ok {
			t.Fatal("two scrubs at once")
		}
		begun := make(chan func())
		go func() {
			done, err := x.ask(t.Context())
			if err != nil {
				t.Error(err)
			}
			begun <- done
		}()
		synctest.Wait()
		if cause := context.Cause(turn); !errors.Is(cause, errGaveWay) {
			t.Fatalf("somebody waits, and the scrub's turn has ended by %v", cause)
		}
		scrubbed()
		done := <-begun
		if _, _, ok := x.scrub(t.Context()); ok {
			t.Error("the scrub began beside a verification")
		}
		impatient, giveUp := context.WithCancel(t.Context())
		giveUp()
		if _, err := x.ask(impatient); !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up waiting got %v", err)
		}
		done()
		if _, scrubbed, ok = x.scrub(t.Context()); !ok {
			t.Error("all have ended, and the scrub does not begin")
		}
		scrubbed()
	})
}
