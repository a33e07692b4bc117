package work

import (
	"context"
	"time"

	"strongroom/clock"
)

// rest waits until d has passed by the machine's clock, ctx ends, or wake, which may be nil, is closed. It leaves nothing
// behind, however long ctx goes on: loops rest every second for as long as the process lives.
func rest(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	reached, stop := clock.Wall.Until(clock.Wall.Now().Add(d))
	defer stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-reached:
	}
}
