package work

import (
	"context"
	"testing"
	"time"
)

// counted is a context that knows how many functions wait for its end.
type counted struct {
	context.Context
	waiting int
}

func (c *counted) AfterFunc(func()) func() bool {
	c.waiting++
	return func() bool { c.waiting--; return true }
}

func TestRestLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	ctx := &counted{Context: t.Context()}
	for range 100 {
		rest(ctx, 0, nil)
	}
	if ctx.waiting > 0 {
		t.Errorf("after 100 rests %d functions still wait for the context's end", ctx.waiting)
	}
}

func TestRestEndsWithItsContextOrWhenWoken(t *testing.T) {
	t.Parallel()
	ended, end := context.WithCancel(t.Context())
	end()
	rest(ended, time.Hour, nil)
	woken := make(chan struct{})
	close(woken)
	rest(t.Context(), time.Hour, woken)
}
