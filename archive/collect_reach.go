package archive

import (
	"context"
	"fmt"
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

// reach finds out what the roots reach.
func (c *collection) reach(ctx context.Context, roots []root) error {
	c.live = map[objectID]*liveness{}
	s := survey{d: c.d, blob: c.reached}
	for i, r := range roots {
		if i%rootsAhead == 0 {
			expectRoots(ctx, c.v.store, roots[i:min(i+rootsAhead, len(roots))])
		}
		m, err := c.d.readRoot(ctx, r)
		if m == nil && err == nil && r.trashed.IsZero() {
			m, err = c.trashed(ctx, r)
		}
		if err != nil {
			return err
		}
		if m == nil {
			continue // trash that another collection has removed
		}
		if err := s.root(ctx, m); err != nil {
			return fmt.Errorf("recovery point %s: %w", r.point, err)
		}
	}
	return nil
}

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
func (c *collection) reached(_ blobKind, id ID) (first bool, err error) {
	at, ok := c.d.index.find(id)
	if !ok {
		c.missing = true
		return true, nil
	}
	l := c.live[at.pack.id]
	if l == nil {
		l = &liveness{blobs: newBitset(at.pack.count)}
		c.live[at.pack.id] = l
	}
	if l.blobs.has(at.blob.number) {
		return false, nil
	}
	l.blobs.add(at.blob.number)
	l.bytes += uint64(at.blob.stored)
	return true, nil
}
