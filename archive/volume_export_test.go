package archive

import (
	"context"
	"slices"
)

// WriteBlocks commits a volume as version 1 of the format did: of blocks, whose numbers are the keys of its entries.
func WriteBlocks(ctx context.Context, d *Domain, opts WriteOptions, blocks map[uint64][]byte) error {
	opts.Kind = Objects
	w, err := d.NewWriter(ctx, opts)
	if err != nil {
		return err
	}
	defer w.Abort()
	numbers := make([]uint64, 0, len(blocks))
	for n := range blocks {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	b := &builder{d: d, sink: w.sink, kind: Volume}
	for _, n := range numbers {
		id, _, err := w.sink.put(chunkBlob, blocks[n], nil)
		if err != nil {
			return err
		}
		size := uint64(len(blocks[n]))
		if err := b.addEntry(entry{key: pageKey(n), size: size, refs: []ref{{id, size}}}); err != nil {
			return err
		}
	}
	m := &manifest{kind: Volume, blockSize: uint64(opts.BlockSize), volume: uint64(opts.Size)}
	if m.root, m.level, err = b.finish(); err != nil {
		return err
	}
	if err := w.sink.flush(); err != nil {
		return err
	}
	_, err = w.sink.commit(ctx, w.lease, opts.Point, m)
	return err
}

// A Shape says how a volume lies in its chunks.
type Shape struct {
	Extents, Chunks int
	Bytes           uint64 // of all chunks, each counted once in each region
	Version         int
}

// ShapeOf looks at a volume.
func ShapeOf(ctx context.Context, p *Point) (s Shape, err error) {
	s.Version = int(p.m.header.version)
	var region uint64
	seen := map[ID]bool{}
	err = p.d.eachSpan(ctx, p.m, 0, func(at span) bool {
		if at.page>>regionBits != region {
			region = at.page >> regionBits
			clear(seen)
		}
		s.Extents++
		if !seen[at.chunk.id] {
			seen[at.chunk.id] = true
			s.Chunks++
			s.Bytes += at.chunk.size
		}
		return true
	})
	return s, err
}
