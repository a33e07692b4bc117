package clock_test

import (
	"testing"
	"testing/synctest"
	"time"

	"strongroom/clock"
)

// reached reports whether a wait is over, once everybody who can go on has.
func reached(c <-chan struct{}) bool {
	synctest.Wait()
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestShiftedRunsBesideTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.NewShifted(time.Hour)
		if got := time.Until(c.Now()); got != time.Hour {
			t.Errorf("it runs %v ahead", got)
		}
		soon, stop := c.Until(c.Now().Add(time.Minute))
		defer stop()
		late, stopLate := c.Until(c.Now().Add(48 * time.Hour))
		defer stopLate()
		time.Sleep(59 * time.Second)
		if reached(soon) {
			t.Error("a minute passed in 59 seconds")
		}
		time.Sleep(time.Second)
		if !reached(soon) || reached(late) {
			t.Error("a minute did not pass in a minute, or two days did")
		}
		c.Advance(48*time.Hour - 2*time.Minute)
		if reached(late) {
			t.Error("two days passed a minute early")
		}
		time.Sleep(time.Minute)
		if !reached(late) {
			t.Error("the timer of a wait was not set anew when the clock moved")
		}
		if got := c.Offset(); got != 49*time.Hour-2*time.Minute {
			t.Errorf("it is %v ahead", got)
		}
	})
}

func TestAdvanceWakesWhoeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]*clock.Shifted{"running": clock.NewShifted(0), "frozen": clock.NewFrozen(time.Unix(1e9, 0))} {
			past, _ := c.Until(c.Now())
			day, _ := c.Until(c.Now().Add(24 * time.Hour))
			given, stop := c.Until(c.Now().Add(time.Hour))
			if !reached(past) || reached(day) {
				t.Errorf("%s: what is past is not reached, or a day is", name)
			}
			stop()
			c.Advance(24 * time.Hour)
			if !reached(day) {
				t.Errorf("%s: a day ahead is not reached by advancing a day", name)
			}
			if reached(given) {
				t.Errorf("%s: who gave up waiting was woken", name)
			}
		}
	})
}

func TestFrozenStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := time.Date(2024, 4, 26, 5, 0, 0, 0, time.UTC)
		c := clock.NewFrozen(at)
		wait, stop := c.Until(at.Add(time.Second))
		defer stop()
		time.Sleep(time.Hour)
		if !c.Now().Equal(at) || reached(wait) {
			t.Errorf("it stood at %v and shows %v", at, c.Now())
		}
	})
}

func TestWall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait, stop := clock.Wall.Until(clock.Wall.Now().Add(time.Second))
		defer stop()
		time.Sleep(time.Second)
		if !reached(wait) {
			t.Error("a second did not pass in a second")
		}
	})
}
