package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
)

// A seal tells that somebody who had the key has stored a node, and its id that the node is the one that is named. Whether it belongs
// where it is named, only the two together tell: each node says of those below where they begin and how much they hold. Whoever
// restores or copies holds them against each other, so that a tree that was put together wrongly is damage and no recovery point.

// first is the key that a node begins with.
func (n *node) first() []byte {
	switch {
	case len(n.children) > 0:
		return n.children[0].first
	case len(n.extents) > 0:
		return pageKey(n.extents[0].page)
	}
	return n.entries[0].key
}

// sums are how many entries lie in a node and below, and how large they are.
func (n *node) sums() (entries, size uint64) {
	for i := range n.children {
		entries, size = entries+n.children[i].entries, size+n.children[i].size
	}
	for i := range n.entries {
		entries, size = entries+1, size+n.entries[i].size
	}
	for i := range n.extents {
		entries, size = entries+1, size+n.extents[i].pages*pageSize
	}
	return entries, size
}

// fits tells whether a node is what the one above says of it. A manifest does not say where its root begins.
func (n *node) fits(c *child) error {
	if c.first != nil && !bytes.Equal(c.first, n.first()) {
		return damaged("a node names a first key that the node below it does not have")
	}
	if entries, size := n.sums(); entries != c.entries || size != c.size {
		return damaged("a node and the one below it differ in size")
	}
	return nil
}

// readChild reads a node that another, or a manifest, names, and makes sure that it fits.
func (d *Domain) readChild(ctx context.Context, c *child, kind Kind, level byte) (*node, error) {
	n, err := d.readNode(ctx, c.id, kind, level)
	if err != nil {
		return nil, err
	}
	if err := n.fits(c); err != nil {
		return nil, fmt.Errorf("node %s: %w", c.id, err)
	}
	return n, nil
}

// An ascent makes sure that keys ascend from leaf to leaf. Within a leaf they do, or it could not be read.
type ascent struct {
	last []byte
	any  bool
}

func (a *ascent) to(key []byte) error {
	if a.any && bytes.Compare(a.last, key) >= 0 {
		return damaged("the keys of a node reach into the next")
	}
	a.last, a.any = key, true
	return nil
}

// leaf goes on to a leaf of a volume, which must not lie behind the volume's end.
func (a *ascent) leaf(m *manifest, n *node) error {
	if err := a.to(n.first()); err != nil {
		return err
	}
	if m.kind == extents {
		last := n.extents[len(n.extents)-1]
		a.last = pageKey(last.end() - 1)
		if last.end() > pagesOf(m.volume) {
			return damaged("an extent lies behind the end of the volume")
		}
		return nil
	}
	a.last = n.entries[len(n.entries)-1].key
	if binary.BigEndian.Uint64(a.last) >= (m.volume+m.blockSize-1)/m.blockSize {
		return damaged("a block lies behind the end of the volume")
	}
	return nil
}

// A sighting is a node or a chunk list as it was named somewhere: of one that is named in two ways, one is wrong.
type sighting struct {
	id    ID
	kind  Kind // zero for a chunk list
	level byte // or depth
	size  uint64
}
