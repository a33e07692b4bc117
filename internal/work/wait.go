package work

import (
	"context"
	"time"

	"strongroom/clock"
)

// wallAfter is closed when d has passed by the machine's clock, or ctx ends.
func wallAfter(ctx context.Context, d time.Duration) <-chan struct{} {
	reached, stop := clock.Wall.Until(clock.Wall.Now().Add(d))
	context.AfterFunc(ctx, stop)
	return reached
}
