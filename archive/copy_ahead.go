package archive

import (
	"iter"
	"slices"
)

// expectLeaves tells the source, if that is remote, what is to be moved of some leaves below a node, from the child of a
// number on, and gives the number of the first that it has not been told of.
func (c *copier) expectLeaves(n *node, first int, known []child, knownLevel byte) (next int, err error) {
	if _, remote := c.src.d.vault.store.(expecter); !remote {
		return len(n.children), nil
	}
	var ids []ID
	var size uint64
	for next = first; next < len(n.children) && size < maxPiece; next++ {
		at := &n.children[next]
		if knownLevel == 0 && c.isKnown(at, known) {
			continue
		}
		leaf, err := c.src.d.readNode(c.sink.ctx, at.id, c.src.m.kind, 0)
		if err != nil {
			return 0, err
		}
		size += at.size
		ids = slices.AppendSeq(ids, c.uncopied(leaf))
	}
	c.src.d.expect(c.sink.ctx, slices.Values(ids))
	return next, nil
}

// isKnown tells whether an earlier copy of a node is among those of the parent.
func (c *copier) isKnown(from *child, known []child) bool {
	o := c.dst.keys.origin(c.src.d.id(), from.id)
	return slices.ContainsFunc(known, func(k child) bool { return k.origin == o })
}

// uncopied yields the chunks of a leaf that are to be moved.
func (c *copier) uncopied(n *node) iter.Seq[ID] {
	return func(yield func(ID) bool) {
		each := contentIDs(n.entries)
		if len(n.chunks) > 0 {
			each = refIDs(n.chunks)
		}
		for id := range each {
			if _, done := c.dst.index.copied(c.dst.keys.origin(c.src.d.id(), id)); !done && !yield(id) {
				return
			}
		}
	}
}
