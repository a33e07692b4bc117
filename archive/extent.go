package archive

import (
	"encoding/binary"
	"fmt"
)

// A volume is kept in pages, and a leaf of its tree covers a region. No extent reaches from one region into the next, so
// that what lies in a region can be replaced without a look at its neighbours.
const (
	pageSize    = 4 << 10
	regionBits  = 13 // a region has 2^regionBits pages
	regionPages = 1 << regionBits
	regionSize  = regionPages * pageSize
	maxExtents  = 1024 // of a leaf
)

// extents is the kind of the nodes and manifests of volumes since version 2 of the format; [Volume], as a kind of nodes,
// is that of version 1, whose entries are blocks.
const extents Kind = 3

// public is the kind as callers know it.
func (k Kind) public() Kind {
	if k == extents {
		return Volume
	}
	return k
}

// An extent says where in a chunk some pages of a volume lie.
type extent struct {
	page  uint64 // where it begins in the volume
	pages uint64
	chunk uint64 // its number among the leaf's chunks
	at    uint64 // the page of the chunk it begins with
}

func (e *extent) end() uint64 { return e.page + e.pages }

// appendExtents encodes what a leaf of extents holds: its chunks in the order of their first use, then the extents. Where
// an extent begins is counted from the end of the one before.
func appendExtents(dst []byte, chunks []ref, list []extent) []byte {
	dst = appendRefs(dst, chunks)
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	var end uint64
	for i := range list {
		e := &list[i]
		dst = binary.AppendUvarint(dst, e.page-end)
		dst = binary.AppendUvarint(dst, e.pages)
		dst = binary.AppendUvarint(dst, e.chunk)
		dst = binary.AppendUvarint(dst, e.at)
		end = e.end()
	}
	return dst
}

// extents decodes a leaf of extents.
func (d *decoder) extents() (chunks []ref, list []extent) {
	chunks = d.chunks()
	count := d.uvarint()
	if count == 0 || count > uint64(len(d.rest))/4 {
		d.fail("a leaf has no extents")
		return nil, nil
	}
	list = make([]extent, count)
	var end, used uint64
	for i := range list {
		e := extent{page: d.uvarint() + end, pages: d.uvarint(), chunk: d.uvarint(), at: d.uvarint()}
		switch {
		case d.err != nil:
			return nil, nil
		case e.page < end || e.page >= 1<<52 || e.pages == 0 || e.pages > regionPages || e.page>>regionBits != (e.end()-1)>>regionBits:
			d.fail("an extent does not lie in a region")
		case e.chunk > used || e.chunk >= uint64(len(chunks)):
			d.fail("an extent is of no chunk")
		case e.at >= maxBlob/pageSize || (e.at+e.pages) > pagesOf(chunks[e.chunk].size):
			d.fail("an extent reaches over its chunk")
		}
		if e.chunk == used {
			used++
		}
		list[i], end = e, e.end()
	}
	if used != uint64(len(chunks)) {
		d.fail("a leaf names a chunk that no extent is of")
	}
	return chunks, list
}

// chunks takes a list of chunks whose sizes add up to whatever they do.
func (d *decoder) chunks() []ref {
	count := d.uvarint()
	if count == 0 || count > uint64(len(d.rest))/33 {
		d.fail("it ends early")
		return nil
	}
	chunks := make([]ref, count)
	for i := range chunks {
		chunks[i] = ref{d.id(), d.uvarint()}
		if chunks[i].size == 0 || chunks[i].size > maxBlob {
			d.fail("a chunk is of no size")
		}
	}
	return chunks
}

// pagesOf is the number of pages that size bytes take.
func pagesOf(size uint64) uint64 { return (size + pageSize - 1) / pageSize }

// A span is an extent that stands for itself: some pages of a volume and where in which chunk they lie. A chunk that ends
// within its last page goes on with zeros.
type span struct {
	page  uint64
	pages uint64
	chunk ref
	at    uint64
}

func (s *span) end() uint64 { return s.page + s.pages }

// whole tells whether the span is all of its chunk.
func (s *span) whole() bool { return s.at == 0 && s.pages == pagesOf(s.chunk.size) }

// cut gives the part of the span between two pages, which lie in it.
func (s *span) cut(from, to uint64) span {
	return span{page: from, pages: to - from, chunk: s.chunk, at: s.at + from - s.page}
}

// follows tells whether the span goes on where another ends, in the volume and in the chunk.
func (s *span) follows(before *span) bool {
	return before.end() == s.page && before.at+before.pages == s.at && before.chunk == s.chunk && s.page%regionPages != 0
}

// join appends a span to others and makes one of two that follow each other.
func join(spans []span, s span) []span {
	if n := len(spans); n > 0 && s.follows(&spans[n-1]) {
		spans[n-1].pages += s.pages
		return spans
	}
	return append(spans, s)
}

// spans gives what a leaf holds of a volume. A leaf of version 1 has blocks of blockSize bytes; they become spans that
// do not reach from one region into the next.
func (n *node) spans(blockSize uint64) (spans []span, err error) {
	for i := range n.extents {
		e := &n.extents[i]
		spans = append(spans, span{e.page, e.pages, n.chunks[e.chunk], e.at})
	}
	if len(n.entries) > 0 && blockSize%pageSize != 0 {
		return nil, fmt.Errorf("a volume in blocks of %d bytes: %w", blockSize, ErrVersion)
	}
	for i := range n.entries {
		e := &n.entries[i]
		if len(e.refs) != 1 || e.depth != 0 || e.size > blockSize {
			return nil, damaged("a block is not one chunk")
		}
		if binary.BigEndian.Uint64(e.key) >= 1<<52/(blockSize/pageSize) {
			return nil, damaged("a block lies behind the end of all volumes")
		}
		s := span{page: binary.BigEndian.Uint64(e.key) * (blockSize / pageSize), pages: pagesOf(e.size), chunk: e.refs[0]}
		for s.page>>regionBits != (s.end()-1)>>regionBits {
			border := (s.page>>regionBits + 1) << regionBits
			spans = append(spans, s.cut(s.page, border))
			s = s.cut(border, s.end())
		}
		spans = append(spans, s)
	}
	return spans, nil
}

// firstNumber is the number of the page or block that a node begins with.
func (c *child) firstNumber() uint64 { return binary.BigEndian.Uint64(c.first) }
