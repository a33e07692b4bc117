package archive

import (
	"context"
	"encoding/binary"
)

// pageKey is the key of what begins at a page.
func pageKey(page uint64) []byte { return binary.BigEndian.AppendUint64(nil, page) }

// regionOf is the number of the region that the page of a key lies in.
func regionOf(key []byte) uint64 { return binary.BigEndian.Uint64(key) >> regionBits }

// buildVolume makes the tree of a volume out of an older one and the regions that are to be in the place of its own. It
// gives the root and its level as build does.
func (b *builder) buildVolume(ctx context.Context, parent *manifest) (root child, level byte, err error) {
	b.pending = <-b.regions
	switch {
	case parent == nil || parent.root.entries == 0:
	case parent.kind == extents:
		first := parent.root
		if first.first, err = b.firstKey(ctx, first, parent.level); err == nil {
			err = b.mergeExtents(ctx, first, parent.level, nil)
		}
	default:
		err = b.mergeBlocks(ctx, parent)
	}
	if err == nil {
		err = b.addRegions(1<<64 - 1)
	}
	if err != nil {
		return child{}, 0, err
	}
	return b.finish()
}

// firstKey finds out the first key of a root, which no node names.
func (b *builder) firstKey(ctx context.Context, c child, level byte) ([]byte, error) {
	n, err := b.d.readNode(ctx, c.id, extents, level)
	switch {
	case err != nil:
		return nil, err
	case level > 0:
		return n.children[0].first, nil
	}
	return pageKey(n.extents[0].page), nil
}

// mergeExtents adds a node of the older tree, but for the regions that are replaced. The next node begins at hi.
func (b *builder) mergeExtents(ctx context.Context, c child, level byte, hi []byte) error {
	first := regionOf(c.first)
	if err := b.addRegions(first); err != nil {
		return err
	}
	replaced := b.replaced == first+1
	if replaced && level == 0 {
		return nil // a leaf lies in one region
	}
	later := b.pending == nil || level == 0 || hi != nil && b.pending.number > regionOf(hi)
	if !replaced && later && b.reusable(c.first, int(level)) {
		return b.reuse(c, int(level))
	}
	n, err := b.d.readNode(ctx, c.id, extents, level)
	if err != nil {
		return err
	}
	for below, end := range n.below(hi) {
		if err := b.mergeExtents(ctx, below, level-1, end); err != nil {
			return err
		}
	}
	spans, err := n.spans(0)
	if err != nil {
		return err
	}
	return b.keep(spans)
}

// mergeBlocks adds the blocks of a volume of version 1, but for the regions that are replaced. Their chunks stay what
// they are.
func (b *builder) mergeBlocks(ctx context.Context, parent *manifest) error {
	return b.d.eachLeaf(ctx, parent, 0, func(n *node) error {
		spans, err := n.spans(parent.blockSize)
		if err != nil {
			return err
		}
		return b.keep(spans)
	})
}

// keep adds what the older tree has, but for the regions that are replaced.
func (b *builder) keep(spans []span) error {
	for i := range spans {
		number := spans[i].page >> regionBits
		if err := b.addRegions(number); err != nil {
			return err
		}
		if b.replaced == number+1 {
			continue
		}
		if err := b.addSpan(&spans[i]); err != nil {
			return err
		}
	}
	return nil
}

// addRegions adds the regions up to a number.
func (b *builder) addRegions(upTo uint64) error {
	for b.pending != nil && b.pending.number <= upTo {
		r := b.pending
		<-r.ready
		if err := b.sink.err(); err != nil {
			return err
		}
		for i := range r.spans {
			if err := b.addSpan(&r.spans[i]); err != nil {
				return err
			}
		}
		b.replaced = r.number + 1
		b.pending = <-b.regions
	}
	return nil
}

// addSpan adds a span to the leaf that is being made.
func (b *builder) addSpan(s *span) error {
	l := b.level(0)
	if !l.empty() && boundary(extents, 0, l.last(), pageKey(s.page)) {
		if err := b.flush(0); err != nil {
			return err
		}
	}
	l = b.level(0)
	number, known := l.chunks[s.chunk.id]
	if !known {
		if l.chunks == nil {
			l.chunks = map[ID]uint64{}
		}
		number = uint64(len(l.node.chunks))
		l.chunks[s.chunk.id] = number
		l.node.chunks = append(l.node.chunks, s.chunk)
	}
	l.node.extents = append(l.node.extents, extent{s.page, s.pages, number, s.at})
	if len(l.node.extents) >= maxExtents {
		return b.flush(0)
	}
	return nil
}

// eachLeaf visits the leaves of a tree in order, from the one on that a page or block may lie in.
func (d *Domain) eachLeaf(ctx context.Context, m *manifest, from uint64, visit func(*node) error) error {
	if m.root.entries == 0 {
		return nil
	}
	var keys ascent
	return d.leavesBelow(ctx, &m.root, m.kind, m.level, pageKey(from), func(n *node) error {
		if err := keys.leaf(m, n); err != nil {
			return err
		}
		return visit(n)
	})
}

func (d *Domain) leavesBelow(ctx context.Context, c *child, kind Kind, level byte, from []byte, visit func(*node) error) error {
	n, err := d.readChild(ctx, c, kind, level)
	if err != nil {
		return err
	}
	if level == 0 {
		return visit(n)
	}
	first := n.seek(from)
	d.expect(ctx, childIDs(n.children[first:]))
	for i := first; i < len(n.children); i++ {
		if err := d.leavesBelow(ctx, &n.children[i], kind, level-1, from, visit); err != nil {
			return err
		}
	}
	return nil
}
