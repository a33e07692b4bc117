package main

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"strongroom/clock"
)

// A loaded is what a server answered under load.
type loaded struct {
	wall  time.Duration
	cpu   time.Duration
	times []time.Duration // of each request, ascending
}

func (l *loaded) rate() float64 { return float64(len(l.times)) / l.wall.Seconds() }

func (l *loaded) cpuPerRequest() time.Duration { return l.cpu / time.Duration(len(l.times)) }

// percentile gives the time within which n of a hundred requests were answered.
func (l *loaded) percentile(n int) time.Duration { return l.times[(len(l.times)-1)*n/100] }

func (l *loaded) sort() { slices.Sort(l.times) }

// load has clients make the call over and over for length, one after the other each, and a tenth of that before, unmeasured.
func load(ctx context.Context, p *peer, call request, clients int, length time.Duration) (*loaded, error) {
	if _, err := repeat(ctx, p, call, clients, length/10); err != nil {
		return nil, err
	}
	before, err := cpuOf(p.pid)
	if err != nil {
		return nil, err
	}
	begin := clock.Wall.Now()
	times, err := repeat(ctx, p, call, clients, length)
	if err != nil {
		return nil, err
	}
	l := &loaded{wall: clock.Wall.Now().Sub(begin), times: times}
	after, err := cpuOf(p.pid)
	l.cpu = after - before
	return l, err
}

func repeat(ctx context.Context, p *peer, call request, clients int, length time.Duration) ([]time.Duration, error) {
	group, ctx := errgroup.WithContext(ctx)
	end := clock.Wall.Now().Add(length)
	times := make([][]time.Duration, clients)
	for client := range clients {
		group.Go(func() error {
			for n := 0; ; n++ {
				begin := clock.Wall.Now()
				if n > 0 && begin.After(end) {
					return nil
				}
				if err := call.do(ctx, p, client, n); err != nil {
					return err
				}
				times[client] = append(times[client], clock.Wall.Now().Sub(begin))
			}
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := slices.Concat(times...)
	slices.Sort(all)
	return all, nil
}
