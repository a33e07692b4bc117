package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
)

// liveness says what of a pack is reached.
type liveness struct {
	blobs bitset // by number
	bytes uint64
}

// A bitset is a set of small numbers.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(i uint32) bool { return b[i/64]&(1<<(i%64)) != 0 }

func (b bitset) add(i uint32) { b[i/64] |= 1 << (i % 64) }

// reach finds out what the roots reach. From what the process remembers it takes only those that are new.
func (c *collection) reach(ctx context.Context, roots []root) error {
	if c.goesOn(roots) {
		c.live, c.covered = c.before.live, c.before.covered
		fresh := slices.DeleteFunc(slices.Clone(roots), func(r root) bool { return c.covered[r.point].size == r.size })
		err := c.follow(ctx, fresh)
		if err == nil || ctx.Err() != nil || errors.Is(err, errOutrun) {
			return err
		}
		slog.WarnContext(ctx, "collecting from all recovery points, as those that are new cannot be followed", slog.Any("error", err))
	}
	c.traced, c.reads, c.waits, c.missing = true, 0, false, false
	c.live, c.covered = map[objectID]*liveness{}, map[string]coveredRoot{}
	c.done.Traced++
	return c.follow(ctx, roots)
}

// follow finds out what some roots reach that is not known to be reached yet.
func (c *collection) follow(ctx context.Context, roots []root) error {
	s := survey{d: c.d, blob: c.reached}
	for i, r := range roots {
		if i%rootsAhead == 0 {
			expectRoots(ctx, c.v.store, roots[i:min(i+rootsAhead, len(roots))])
		}
		c.reads++
		m, err := c.d.readRoot(ctx, r)
		if m == nil && err == nil && r.trashed.IsZero() {
			m, err = c.trashed(ctx, r)
		}
		if err != nil {
			return err
		}
		if m == nil {
			return errOutrun
		}
		if err := s.root(ctx, m); err != nil {
			return fmt.Errorf("recovery point %s: %w", r.point, err)
		}
		c.covered[r.point] = coveredRoot{r.size, m.stored}
	}
	return nil
}

// errOutrun says that a root has gone since it was listed. Another collection, which began later, has found that its time is over; what
// it reaches may be reached by a recovery point that came when this collection had listed them already. So this one knows too little.
var errOutrun = errors.New("another collection is ahead")

// trashed finds the manifest of a recovery point that was deleted since it was listed.
func (c *collection) trashed(ctx context.Context, deleted root) (*manifest, error) {
	_, trash, err := c.v.listRoots(ctx, c.id)
	if err != nil {
		return nil, err
	}
	for _, r := range trash {
		if r.point == deleted.point {
			return c.d.readRoot(ctx, r)
		}
	}
	return nil, nil
}

// reached notes that a blob is needed, and tells whether it was not before. One that is missing, as Verify tells, may lie in a pack that the index has lost.
func (c *collection) reached(kind blobKind, id ID) (first bool, err error) {
	at, ok := c.d.index.find(id)
	if !ok {
		c.missing = true
		return true, nil
	}
	first = c.add(at)
	if first && kind != chunkBlob {
		c.reads++
	}
	return first, nil
}

// add notes that what lies in a place is reached, and tells whether that is news.
func (c *collection) add(at location) bool {
	l := c.live[at.pack.id]
	if l == nil {
		l = &liveness{blobs: newBitset(at.pack.count)}
		c.live[at.pack.id] = l
	}
	if l.blobs.has(at.blob.number) {
		return false
	}
	l.blobs.add(at.blob.number)
	l.bytes += uint64(at.blob.stored)
	return true
}
