package archive

import (
	"fmt"

	"golang.org/x/sync/errgroup"
)

// batchSize is how many bytes of chunks one goroutine copies at a time, about: many small ones, so that starting it costs
// little, or one long one, so that all have work to the end.
const batchSize = 1 << 20

// batches are the chunks of a leaf or of a list, copied by several goroutines at once. Those of all leaves together are no more
// than the workers of the destination.
type batches struct {
	c     *copier
	group errgroup.Group
	next  []wantedChunk
	size  uint64
}

// A wantedChunk is one to be copied. Where it is wanted there will be the copy.
type wantedChunk struct {
	ref *ref
	key []byte // of the object it is of, or nil
}

func (c *copier) newBatches() *batches { return &batches{c: c} }

// add copies chunks and puts the copies into the refs, by the time that wait returns.
func (b *batches) add(refs []ref, key []byte) {
	for i := range refs {
		b.next, b.size = append(b.next, wantedChunk{&refs[i], key}), b.size+refs[i].size
		if b.size >= batchSize {
			b.start()
		}
	}
}

func (b *batches) start() {
	batch := b.next
	b.next, b.size = nil, 0
	b.c.slots <- struct{}{}
	b.group.Go(func() error {
		defer func() { <-b.c.slots }()
		return b.c.batch(batch)
	})
}

// wait copies what is left and gives the first error.
func (b *batches) wait() error {
	if len(b.next) > 0 {
		b.start()
	}
	return b.group.Wait()
}

// copyScratch is memory for one goroutine.
type copyScratch struct{ sealed, plain []byte }

func (c *copier) batch(batch []wantedChunk) (err error) {
	var scratch *copyScratch
	select {
	case scratch = <-c.spare:
	default:
		scratch = new(copyScratch)
	}
	defer func() { c.spare <- scratch }() // there are no more of them than slots
	for _, w := range batch {
		if w.ref.id, err = c.chunk(w.ref.id, scratch); err != nil {
			if w.key != nil {
				err = fmt.Errorf("%q: %w", w.key, err)
			}
			c.sink.fail(err) // so that the others stop
			return err
		}
		c.report(w.ref.size)
	}
	return nil
}
