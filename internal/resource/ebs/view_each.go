package ebs

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// ahead is a block that is being read before its turn comes.
type ahead struct {
	block int64
	data  []byte
	ready chan error
}

// aheadBlocks is how many blocks are read before their turn comes.
func aheadBlocks() int64 { return 2 * int64(runtime.GOMAXPROCS(0)) }

// each calls visit with the blocks of the view in order, while the ones behind are being read and opened. The data is
// good until visit returns.
func (v *View) each(ctx context.Context, key *sectors, visit func(block int64, data []byte) error) error {
	workers := runtime.GOMAXPROCS(0)
	free := make(chan *ahead, aheadBlocks())
	for range cap(free) {
		free <- &ahead{data: make([]byte, BlockSize), ready: make(chan error, 1)}
	}
	work := make(chan *ahead, cap(free))
	turn := make(chan *ahead, cap(free))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(work)
		defer close(turn)
		for _, block := range v.list {
			select {
			case a := <-free:
				a.block = block
				work <- a // never waits: there are no more of them than it holds
				turn <- a
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range workers {
		group.Go(func() error {
			for a := range work {
				a.ready <- v.read(key, a.block, a.data)
			}
			return nil
		})
	}
	group.Go(func() error {
		for a := range turn {
			if err := <-a.ready; err != nil {
				return err
			}
			if err := visit(a.block, a.data); err != nil {
				return err
			}
			free <- a
		}
		return nil
	})
	return group.Wait()
}
