package clock_test

import (
	"fmt"
	"time"

	"strongroom/clock"
)

// A rehearsal stands at a day and moves on; whoever waits for a time is woken when it comes.
func Example() {
	c := clock.NewFrozen(time.Date(2024, 4, 26, 0, 0, 0, 0, time.UTC))
	night, stop := c.Until(c.Now().Add(5 * time.Hour))
	defer stop()
	c.Advance(24 * time.Hour)
	<-night
	fmt.Println(c.Now().Format(time.DateTime))
	// Output: 2024-04-27 00:00:00
}
