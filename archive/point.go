package archive

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Point is a recovery point that is open for reading. Its methods may be called at once.
type Point struct {
	d  *Domain
	id string
	m  *manifest

	opened, yielded atomic.Int64 // entries whose content was asked for, and that a walk has found

	mu    sync.Mutex // guards nodes
	nodes map[ID]*node

	chunks heldChunks // of a volume
}

// cachedNodes is how many nodes of a point are kept for lookups.
const cachedNodes = 64

// Open opens a recovery point of the domain. If there is none of this id the error wraps [ErrNoPoint].
func (d *Domain) Open(ctx context.Context, point string) (*Point, error) {
	m, err := d.readManifest(ctx, point)
	if err != nil {
		return nil, err
	}
	return &Point{d: d, id: point, m: m, nodes: map[ID]*node{}}, nil
}

// ID is the id of the recovery point.
func (p *Point) ID() string { return p.id }

// Kind tells what the recovery point holds.
func (p *Point) Kind() Kind { return p.m.kind.public() }

// Created is when the recovery point was committed.
func (p *Point) Created() time.Time { return p.m.header.created }

// Parent is the id of the recovery point that this one was written against, or empty.
func (p *Point) Parent() string { return p.m.parent }

// Metadata is what the writer gave.
func (p *Point) Metadata() []byte { return bytes.Clone(p.m.metadata) }

// Summary is what Commit gave.
func (p *Point) Summary() Summary { return p.m.summary() }

// Size is the size of a volume in bytes.
func (p *Point) Size() int64 { return int64(p.m.volume) }

// BlockSize is the size of a volume's blocks in bytes.
func (p *Point) BlockSize() int { return int(p.m.blockSize) }

// Domain is the sealing domain the recovery point was opened in.
func (p *Point) Domain() *Domain { return p.d }

// Entries yields the entries whose keys are not below from, in ascending order. A volume has blocks instead.
func (p *Point) Entries(ctx context.Context, from []byte) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		if p.Kind() != Objects {
			yield(nil, ErrKind)
			return
		}
		if p.m.root.entries == 0 {
			return
		}
		err := p.walkAll(ctx, from, func(e *entry) bool {
			return yield(&Entry{Key: e.key, Meta: e.meta, Size: int64(e.size), p: p, e: e}, nil)
		})
		if err != nil {
			yield(nil, fmt.Errorf("recovery point %s: %w", p.id, err))
		}
	}
}

// walk visits the entries below a node until visit says no.
func (p *Point) walk(ctx context.Context, c *child, level byte, from []byte, visit func(*entry) bool) (bool, error) {
	n, err := p.d.readChild(ctx, c, p.m.kind, level)
	if err != nil {
		return false, err
	}
	for i := n.seek(from); i < len(n.children); i++ {
		if more, err := p.walk(ctx, &n.children[i], level-1, from, visit); !more || err != nil {
			return false, err
		}
	}
	for i := range n.entries {
		if bytes.Compare(n.entries[i].key, from) >= 0 && !visit(&n.entries[i]) {
			return false, nil
		}
	}
	return true, nil
}

// seek gives the number of the child below which the key is, if it is there at all.
func (n *node) seek(key []byte) int {
	i, found := slices.BinarySearchFunc(n.children, key, func(c child, key []byte) int { return bytes.Compare(c.first, key) })
	if !found {
		i--
	}
	return max(i, 0)
}

// Entry gives the entry of a key. If there is none the error wraps [ErrNoEntry].
func (p *Point) Entry(ctx context.Context, key []byte) (*Entry, error) {
	if p.Kind() != Objects {
		return nil, ErrKind
	}
	e, err := p.find(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("recovery point %s: %w", p.id, err)
	}
	if e == nil {
		return nil, fmt.Errorf("recovery point %s, %q: %w", p.id, key, ErrNoEntry)
	}
	return &Entry{Key: e.key, Meta: e.meta, Size: int64(e.size), p: p, e: e}, nil
}

// find gives the entry of a key, or nil.
func (p *Point) find(ctx context.Context, key []byte) (*entry, error) {
	if p.m.root.entries == 0 {
		return nil, nil
	}
	at := &p.m.root
	for level := p.m.level; ; level-- {
		n, err := p.node(ctx, at, level)
		if err != nil {
			return nil, err
		}
		if level > 0 {
			at = &n.children[n.seek(key)]
			continue
		}
		i, found := slices.BinarySearchFunc(n.entries, key, func(e entry, key []byte) int { return bytes.Compare(e.key, key) })
		if !found {
			return nil, nil
		}
		return &n.entries[i], nil
	}
}

// node reads a node, or gives it from memory.
func (p *Point) node(ctx context.Context, c *child, level byte) (*node, error) {
	p.mu.Lock()
	n := p.nodes[c.id]
	p.mu.Unlock()
	if n != nil && n.level == level {
		return n, nil
	}
	n, err := p.d.readChild(ctx, c, p.m.kind, level)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.nodes) >= cachedNodes {
		clear(p.nodes)
	}
	p.nodes[c.id] = n
	return n, nil
}
