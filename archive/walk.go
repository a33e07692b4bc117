package archive

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"slices"
	"sync"

	"golang.org/x/sync/semaphore"
)

const (
	// walkAhead is how many bytes of content a walk through a remote store may be ahead of whoever reads it.
	walkAhead = 24 << 20
	// leafWeight is what a leaf weighs besides: its entries are held in memory.
	leafWeight = 256 << 10
)

// walkAll visits the entries from a key on, until visit says no.
func (p *Point) walkAll(ctx context.Context, from []byte, visit func(*entry) bool) error {
	var keys ascent
	var wrong error
	ascending := func(e *entry) bool {
		wrong = keys.to(e.key)
		return wrong == nil && visit(e)
	}
	var err error
	if _, remote := p.d.vault.store.(expecter); remote {
		err = p.walkFar(ctx, from, ascending)
	} else {
		_, err = p.walk(ctx, &p.m.root, p.m.level, from, ascending)
	}
	return cmp.Or(err, wrong)
}

// A batch is some leaves that were read ahead, and whose content was asked for together.
type batch struct {
	entries []entry
	ids     []ID
	weight  int64
}

func (b *batch) add(entries []entry) {
	b.entries = append(b.entries, entries...)
	b.weight += leafWeight
	for i := range entries {
		b.weight += int64(min(entries[i].size, maxPiece))
	}
	b.ids = slices.AppendSeq(b.ids, contentIDs(entries))
}

// walkFar visits the entries as walk does, but reads leaves ahead in another goroutine. If it sees that the content is read
// as well, it has that fetched too, so that it is there when its turn comes: each piece of a pack by one request, whatever
// number of objects lies in it.
func (p *Point) walkFar(ctx context.Context, from []byte, visit func(*entry) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	var walker sync.WaitGroup
	defer walker.Wait()
	defer cancel()
	room, batches := semaphore.NewWeighted(walkAhead), make(chan batch, walkAhead/leafWeight)
	var failed error
	walker.Go(func() {
		defer close(batches)
		failed = p.gather(ctx, from, func(b batch, read bool) error {
			if b.weight = min(b.weight, walkAhead); !read {
				b.weight = walkAhead / 4 // until it is known what is wanted, do not run too far
			}
			if err := room.Acquire(ctx, b.weight); err != nil {
				return err
			}
			if read {
				p.d.expect(ctx, slices.Values(b.ids))
			}
			batches <- b // there is room: a batch weighs leafWeight at least
			return nil
		})
	})
	for b := range batches {
		for i := range b.entries {
			p.yielded.Add(1)
			if bytes.Compare(b.entries[i].key, from) >= 0 && !visit(&b.entries[i]) {
				return nil
			}
		}
		room.Release(b.weight)
	}
	return failed
}

// gather puts leaves together: at first each is a batch of its own, then, if the content is read, larger and larger ones.
func (p *Point) gather(ctx context.Context, from []byte, do func(b batch, read bool) error) error {
	var b batch
	size := int64(leafWeight)
	err := p.leaves(ctx, &p.m.root, p.m.level, from, func(entries []entry) error {
		read := p.isRead()
		if b.add(entries); read && b.weight < size {
			return nil
		}
		if read {
			size = min(2*size, maxPiece)
		}
		whole := b
		b = batch{}
		return do(whole, read)
	})
	if err != nil || len(b.entries) == 0 {
		return err
	}
	return do(b, p.isRead())
}

// isRead tells whether who walks through the point reads the content of what it finds, or most of it.
func (p *Point) isRead() bool { return 2*p.opened.Load() > p.yielded.Load() }

// leaves visits the leaves below a node in which keys from one on may be, in order.
func (p *Point) leaves(ctx context.Context, c *child, level byte, from []byte, visit func([]entry) error) error {
	n, err := p.d.readChild(ctx, c, p.m.kind, level)
	if err != nil {
		return err
	}
	if level == 0 {
		return visit(n.entries)
	}
	first := min(n.seek(from), len(n.children))
	p.d.expectNodes(ctx, childIDs(n.children[first:]))
	for i := first; i < len(n.children); i++ {
		if err := p.leaves(ctx, &n.children[i], level-1, from, visit); err != nil {
			return err
		}
	}
	return nil
}

// contentIDs yields the chunks of entries, but for long ones: whoever reads those is ahead of itself.
func contentIDs(entries []entry) iter.Seq[ID] {
	return func(yield func(ID) bool) {
		for i := range entries {
			if entries[i].depth > 0 || entries[i].size > maxPiece {
				continue
			}
			for _, r := range entries[i].refs {
				if !yield(r.id) {
					return
				}
			}
		}
	}
}

func refIDs(refs []ref) iter.Seq[ID] {
	return func(yield func(ID) bool) {
		for i := range refs {
			if !yield(refs[i].id) {
				return
			}
		}
	}
}

// childIDs yields what a node above names.
func childIDs(children []child) iter.Seq[ID] {
	return func(yield func(ID) bool) {
		for i := range children {
			if !yield(children[i].id) {
				return
			}
		}
	}
}
