package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"sync"
)

// A Block is a block of a volume that is not zero.
type Block struct {
	Number uint64
	Size   int // bytes
}

// eachSpan visits what a volume has, in order, from the span on that ends after a page, until visit says no.
func (d *Domain) eachSpan(ctx context.Context, m *manifest, from uint64, visit func(span) bool) error {
	key := from
	if m.kind == Volume {
		key = from / max(1, m.blockSize/pageSize)
	}
	err := d.eachLeaf(ctx, m, key, func(n *node) error {
		spans, err := n.spans(m.blockSize)
		if err != nil {
			return err
		}
		for i := range spans {
			if spans[i].end() > from && !visit(spans[i]) {
				return errEnough
			}
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

var errEnough = errors.New("enough was seen")

// Blocks yields the blocks of a volume that are not zero, from a number on, in ascending order. A block of which only some
// pages are not zero is among them.
func (p *Point) Blocks(ctx context.Context, from uint64) iter.Seq2[Block, error] {
	return func(yield func(Block, error) bool) {
		if p.Kind() != Volume {
			yield(Block{}, ErrKind)
			return
		}
		if from > math.MaxUint64/p.m.blockSize {
			return
		}
		next, perBlock := from, max(1, p.m.blockSize/pageSize)
		err := p.d.eachSpan(ctx, p.m, from*perBlock, func(s span) bool {
			for next = max(next, s.page/perBlock); next*perBlock < s.end(); next++ {
				if !yield(p.block(next), nil) {
					return false
				}
			}
			return true
		})
		if err != nil {
			yield(Block{}, fmt.Errorf("recovery point %s: %w", p.id, err))
		}
	}
}

// block is the block of a number, which may be the short one that the volume ends with.
func (p *Point) block(number uint64) Block {
	return Block{number, int(min(p.m.blockSize, p.m.volume-number*p.m.blockSize))}
}

// ReadBlock reads a block of a volume into buf, which has room for a whole one, and gives its length: the block size, or
// less for the block the volume ends in. A block that was never written is zeros.
func (p *Point) ReadBlock(ctx context.Context, number uint64, buf []byte) (int, error) {
	if p.Kind() != Volume {
		return 0, ErrKind
	}
	start := number * p.m.blockSize
	if start/p.m.blockSize != number || start >= p.m.volume {
		return 0, fmt.Errorf("recovery point %s, block %d: %w", p.id, number, ErrNoEntry)
	}
	size := p.block(number).Size
	if len(buf) < size {
		return 0, fmt.Errorf("block %d has %d bytes and the buffer %d", number, size, len(buf))
	}
	return p.ReadVolume(ctx, buf[:size], int64(start))
}

// ReadVolume reads what lies at off in a volume. Like an [io.ReaderAt] it gives fewer bytes than there is room for with an
// error only, which at the volume's end is [io.EOF].
func (p *Point) ReadVolume(ctx context.Context, buf []byte, off int64) (n int, err error) {
	if p.Kind() != Volume {
		return 0, ErrKind
	}
	if off < 0 {
		return 0, fmt.Errorf("recovery point %s has nothing at %d", p.id, off)
	}
	room := buf
	buf = buf[:min(int64(len(buf)), max(0, int64(p.m.volume)-off))]
	if len(buf) < len(room) {
		err = io.EOF
	}
	clear(buf)
	if e := p.fill(ctx, buf, uint64(off)); e != nil {
		return 0, fmt.Errorf("recovery point %s, at %d: %w", p.id, off, e)
	}
	return len(buf), err
}

// fill reads what is not zero into buf, which is all zeros.
func (p *Point) fill(ctx context.Context, buf []byte, off uint64) error {
	end := off + uint64(len(buf))
	spans, err := p.spans(ctx, off/pageSize, pagesOf(end))
	if err != nil {
		return err
	}
	for i := range spans {
		s := &spans[i]
		from, to := max(off, s.page*pageSize), min(end, s.end()*pageSize)
		if s.whole() && s.chunk.size == s.pages*pageSize && from == s.page*pageSize && to == s.end()*pageSize {
			// All of the chunk is wanted, so that it can be decoded where it belongs.
			into := buf[from-off : to-off]
			data, err := p.d.readChunk(ctx, s.chunk, into[:0:len(into)])
			if err != nil {
				return err
			}
			if &data[0] != &into[0] {
				copy(into, data)
			}
			continue
		}
		data, err := p.chunks.get(ctx, p.d, s.chunk)
		if err != nil {
			return err
		}
		if at := s.at*pageSize + from - s.page*pageSize; at < uint64(len(data)) { // or it ended within its last page
			copy(buf[from-off:to-off], data[at:])
		}
	}
	return nil
}

// spans gives what the volume has between two pages. It keeps nodes for the next time.
func (p *Point) spans(ctx context.Context, from, to uint64) (spans []span, err error) {
	if p.m.root.entries == 0 || from >= to {
		return nil, nil
	}
	return p.spansBelow(ctx, &p.m.root, p.m.level, from, to, nil)
}

func (p *Point) spansBelow(ctx context.Context, c *child, level byte, from, to uint64, spans []span) ([]span, error) {
	n, err := p.node(ctx, c, level)
	if err != nil {
		return nil, err
	}
	perKey := uint64(1)
	if p.m.kind == Volume {
		if perKey = p.m.blockSize / pageSize; perKey == 0 {
			return nil, fmt.Errorf("a volume in blocks of %d bytes: %w", p.m.blockSize, ErrVersion)
		}
	}
	if level == 0 {
		all, err := n.spans(p.m.blockSize)
		for i := range all {
			if all[i].page < to && all[i].end() > from {
				spans = append(spans, all[i])
			}
		}
		return spans, err
	}
	for i := n.seek(pageKey(from / perKey)); i < len(n.children) && n.children[i].firstNumber()*perKey < to; i++ {
		if spans, err = p.spansBelow(ctx, &n.children[i], level-1, from, to, spans); err != nil {
			return nil, err
		}
	}
	return spans, nil
}

// heldChunks are decoded chunks that are kept because part of them was read: what follows may be next.
type heldChunks struct {
	mu    sync.Mutex // guards all
	order []ID
	data  map[ID][]byte
}

// heldBytes is how many bytes of chunks a point keeps.
const heldBytes = 8 << 20

func (h *heldChunks) get(ctx context.Context, d *Domain, chunk ref) ([]byte, error) {
	h.mu.Lock()
	data := h.data[chunk.id]
	h.mu.Unlock()
	if data != nil {
		return data, nil
	}
	data, err := d.readChunk(ctx, chunk, nil)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.data == nil {
		h.data = map[ID][]byte{}
	}
	if h.data[chunk.id] == nil {
		h.order = append(h.order, chunk.id)
	}
	h.data[chunk.id] = data
	held := 0
	for i := len(h.order) - 1; i >= 0; i-- {
		if held += len(h.data[h.order[i]]); held > heldBytes && i < len(h.order)-1 {
			for _, id := range h.order[:i+1] {
				delete(h.data, id)
			}
			h.order = append([]ID(nil), h.order[i+1:]...)
			break
		}
	}
	return data, nil
}
