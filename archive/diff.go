package archive

import (
	"bytes"
	"context"
	"fmt"
	"iter"
)

// A Change is an object that differs between two recovery points.
type Change struct {
	Key []byte
	Old *Entry // nil if it was added
	New *Entry // nil if it was removed
}

// Changes yields what differs in p from an older recovery point of the same domain, both of objects, in ascending order of
// keys. It reads only the parts of the trees that differ.
func (p *Point) Changes(ctx context.Context, older *Point) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		if p.m.kind != Objects || older.m.kind != Objects {
			yield(Change{}, ErrKind)
			return
		}
		if p.d.id() != older.d.id() {
			yield(Change{}, fmt.Errorf("recovery points %s and %s are of different domains", p.id, older.id))
			return
		}
		now, before := newCursor(p), newCursor(older)
		if err := diff(ctx, now, before, yield); err != nil {
			yield(Change{}, fmt.Errorf("comparing %s with %s: %w", p.id, older.id, err))
		}
	}
}

// diff steps through two trees at once and skips nodes that they share.
func diff(ctx context.Context, now, before *cursor, yield func(Change, error) bool) error {
	for {
		switch a, b := now.top(), before.top(); {
		case a == nil && b == nil:
			return nil
		case a != nil && b != nil && a.child != nil && b.child != nil && a.level == b.level && a.child.id == b.child.id:
			now.skip()
			before.skip()
			continue
		case a != nil && a.child != nil && (b == nil || b.child == nil || a.level >= b.level):
			if err := now.descend(ctx); err != nil {
				return err
			}
			continue
		case b != nil && b.child != nil:
			if err := before.descend(ctx); err != nil {
				return err
			}
			continue
		}
		if !step(now, before, yield) {
			return nil
		}
	}
}

// step takes the lower of two entries, or both if they have one key.
func step(now, before *cursor, yield func(Change, error) bool) bool {
	a, b := now.top(), before.top()
	var order int
	switch {
	case a == nil:
		order = 1
	case b == nil:
		order = -1
	default:
		order = bytes.Compare(a.entry.key, b.entry.key)
	}
	var c Change
	if order <= 0 {
		c.Key, c.New = a.entry.key, now.entry(a.entry)
		now.skip()
	}
	if order >= 0 {
		c.Key, c.Old = b.entry.key, before.entry(b.entry)
		before.skip()
	}
	if c.New != nil && c.Old != nil && c.New.Same(c.Old) {
		return true
	}
	return yield(c, nil)
}

// A cursor goes through a tree in the order of keys and stands before a node or an entry.
type cursor struct {
	p     *Point
	stack []item // what comes next is last
}

// An item is a node that was not entered yet, or an entry, or a span of a volume.
type item struct {
	level byte // of the node
	child *child
	entry *entry
	span  *span
}

func newCursor(p *Point) *cursor {
	c := &cursor{p: p}
	if p.m.root.entries > 0 {
		c.stack = append(c.stack, item{level: p.m.level, child: &p.m.root})
	}
	return c
}

func (c *cursor) top() *item {
	if len(c.stack) == 0 {
		return nil
	}
	return &c.stack[len(c.stack)-1]
}

func (c *cursor) skip() { c.stack = c.stack[:len(c.stack)-1] }

// descend replaces the node the cursor stands before by what it holds.
func (c *cursor) descend(ctx context.Context) error {
	at := *c.top()
	n, err := c.p.d.readChild(ctx, at.child, c.p.m.kind, at.level)
	if err != nil {
		return err
	}
	c.skip()
	for i := len(n.children) - 1; i >= 0; i-- {
		c.stack = append(c.stack, item{level: at.level - 1, child: &n.children[i]})
	}
	if n.kind != Objects && n.level == 0 {
		spans, err := n.spans(c.p.m.blockSize)
		for i := len(spans) - 1; i >= 0; i-- {
			c.stack = append(c.stack, item{span: &spans[i]})
		}
		return err
	}
	for i := len(n.entries) - 1; i >= 0; i-- {
		c.stack = append(c.stack, item{entry: &n.entries[i]})
	}
	return nil
}

func (c *cursor) entry(e *entry) *Entry {
	return &Entry{Key: e.key, Meta: e.meta, Size: int64(e.size), p: c.p, e: e}
}
