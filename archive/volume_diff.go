package archive

import (
	"context"
	"fmt"
	"iter"
)

// A Range is a part of a volume that differs between two recovery points. Old and New tell whether each has anything but
// zeros there.
type Range struct {
	Off, Size int64 // bytes
	Old, New  bool
}

// ChangedRanges yields what of a volume differs from an older recovery point's, from an offset on, in ascending order. What
// was written anew with the same content may be among it. It reads only the parts of the trees that differ, and no content.
func (p *Point) ChangedRanges(ctx context.Context, older *Point, from int64) iter.Seq2[Range, error] {
	return func(yield func(Range, error) bool) {
		if p.Kind() != Volume || older.Kind() != Volume {
			yield(Range{}, ErrKind)
			return
		}
		if p.d.id() != older.d.id() {
			yield(Range{}, fmt.Errorf("recovery points %s and %s are of different domains", p.id, older.id))
			return
		}
		d := volumeDiff{now: newSide(p), before: newSide(older)}
		for {
			r, err := d.next(ctx)
			if err != nil {
				yield(Range{}, fmt.Errorf("comparing %s with %s: %w", p.id, older.id, err))
				return
			}
			if r.Size == 0 {
				return
			}
			if r.Off+r.Size > from && !yield(r, nil) {
				return
			}
		}
	}
}

// A ChangedBlock is a block of a volume that differs between two recovery points.
type ChangedBlock struct {
	Block      // its size is zero if there is nothing but zeros now
	Old   bool // whether the older one has anything but zeros there
}

// ChangedBlocks yields the blocks of a volume that differ from an older recovery point's, from a number on, in ascending
// order.
func (p *Point) ChangedBlocks(ctx context.Context, older *Point, from uint64) iter.Seq2[ChangedBlock, error] {
	return func(yield func(ChangedBlock, error) bool) {
		next := from
		for r, err := range p.ChangedRanges(ctx, older, int64(from*p.m.blockSize)) {
			if err != nil {
				yield(ChangedBlock{}, err)
				return
			}
			for next = max(next, uint64(r.Off)/p.m.blockSize); next*p.m.blockSize < uint64(r.Off+r.Size); next++ {
				b, err := p.changedBlock(ctx, older, next)
				if !yield(b, err) || err != nil {
					return
				}
			}
		}
	}
}

// changedBlock looks up what either recovery point has in a block.
func (p *Point) changedBlock(ctx context.Context, older *Point, number uint64) (b ChangedBlock, err error) {
	from, to := number*p.m.blockSize/pageSize, (number+1)*p.m.blockSize/pageSize
	now, err := p.spans(ctx, from, to)
	if err != nil {
		return b, err
	}
	before, err := older.spans(ctx, from, to)
	b.Number, b.Old = number, len(before) > 0
	if len(now) > 0 {
		b.Block = p.block(number)
	}
	return b, err
}

// A side is one of two volumes that are compared: where its tree's cursor is, and the span it took last, as far as that was
// not compared yet.
type side struct {
	c    *cursor
	span *span
}

func newSide(p *Point) *side { return &side{c: newCursor(p)} }

// settle takes the next span, if that is what comes next, and gives the node that comes next otherwise.
func (s *side) settle() *item {
	if s.span != nil {
		return nil
	}
	top := s.c.top()
	if top == nil || top.child != nil {
		return top
	}
	s.span = top.span
	s.c.skip()
	return nil
}

// from is the first page of what comes next, as far as is known; past everything if nothing does.
func (s *side) from(next *item) uint64 {
	switch {
	case s.span != nil:
		return s.span.page
	case next == nil:
		return 1<<64 - 1
	case next.child.first == nil: // a root
		return 0
	case s.c.p.m.kind == Volume:
		return next.child.firstNumber() * (s.c.p.m.blockSize / pageSize)
	}
	return next.child.firstNumber()
}

// volumeDiff goes through two volumes at once.
type volumeDiff struct{ now, before *side }

// next gives the next range that differs; one of no size if there is none.
func (d *volumeDiff) next(ctx context.Context) (Range, error) {
	for {
		a, b := d.now.settle(), d.before.settle()
		from, old := d.now.from(a), d.before.from(b)
		switch {
		case a == nil && b == nil && d.now.span == nil && d.before.span == nil:
			return Range{}, nil
		case a != nil && b != nil && a.level == b.level && a.child.id == b.child.id:
			d.now.c.skip()
			d.before.c.skip()
		case a != nil && from <= old && (b == nil || from < old || a.level >= b.level):
			if err := d.now.c.descend(ctx); err != nil {
				return Range{}, err
			}
		case b != nil && old <= from:
			if err := d.before.c.descend(ctx); err != nil {
				return Range{}, err
			}
		default:
			if r := d.compare(from, old); r.Size > 0 {
				return r, nil
			}
		}
	}
}

// compare takes the pages up to where either side's span begins or ends and tells of them if they differ.
func (d *volumeDiff) compare(from, old uint64) Range {
	at, end := min(from, old), max(from, old)
	var r Range
	for _, s := range []*side{d.now, d.before} {
		if s.span == nil || s.span.page != at {
			continue
		}
		if from == old {
			end = d.now.span.end()
		}
		end = min(end, s.span.end())
		r.Old, r.New = r.Old || s == d.before, r.New || s == d.now
	}
	same := r.Old && r.New && d.now.span.chunk == d.before.span.chunk && d.now.span.at == d.before.span.at
	for _, s := range []*side{d.now, d.before} {
		if s.span == nil || s.span.page != at {
			continue
		}
		if end == s.span.end() {
			s.span = nil
			continue
		}
		rest := s.span.cut(end, s.span.end())
		s.span = &rest
	}
	if same {
		return Range{}
	}
	r.Off, r.Size = int64(at*pageSize), int64((end-at)*pageSize)
	return r
}
