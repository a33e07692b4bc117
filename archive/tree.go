package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"math/bits"
	"sync"

	"golang.org/x/sync/semaphore"
)

// The shape of a tree follows from its keys, so that trees of like content have like nodes.
const (
	leafBits    = 6   // a leaf of objects has 2^leafBits entries on average
	fanoutBits  = 5   // a node above has 2^fanoutBits children on average
	maxChildren = 512 // and entries of a leaf of objects
	maxNode     = 512 << 10
	maxRefs     = 1024 // of an entry or a chunk list
	blockBits   = 8    // a leaf of a volume of version 1 covers 2^blockBits blocks
	groupBits   = 6    // a node above covers 2^groupBits nodes
)

// boundary tells whether a node of the level ends between two keys that follow one another.
func boundary(kind Kind, level int, prev, key []byte) bool {
	switch kind {
	case extents:
		shift := regionBits + groupBits*level
		return binary.BigEndian.Uint64(prev)>>shift != binary.BigEndian.Uint64(key)>>shift
	case Volume:
		shift := blockBits + groupBits*level
		return binary.BigEndian.Uint64(prev)>>shift != binary.BigEndian.Uint64(key)>>shift
	default:
		return bits.TrailingZeros64(keyHash(key)) >= leafBits+fanoutBits*level
	}
}

// keyHash is FNV-1a of 64 bits, its bits mixed once more.
func keyHash(key []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range key {
		h = (h ^ uint64(c)) * 1099511628211
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// A mutation is an entry that is new, changed or gone.
type mutation struct {
	key   []byte
	entry *entry         // nil if the entry is gone
	refs  []*ref         // the entry's chunks
	meta  *[]byte        // not nil if the entry stays as it is but for this metadata
	ready sync.WaitGroup // done when they have their ids
	with  *bundle        // that the object is in; then its workers are what is waited for
}

// weight is what the mutation takes in memory while it waits for its turn.
func (m *mutation) weight() int64 {
	n := len(m.key)
	if m.entry != nil {
		n += len(m.entry.meta)
	}
	if m.meta != nil {
		n += len(*m.meta)
	}
	return int64(min(n, aboutAhead))
}

// wait returns when the chunks have their ids, or the sink has failed.
func (m *mutation) wait() {
	if m.with != nil {
		m.with.ready.Wait()
	}
	m.ready.Wait()
}

// A builder makes a tree out of an older one and ascending mutations. What no mutation touches is neither read nor
// written.
type builder struct {
	d         *Domain
	sink      *sink
	kind      Kind
	mutations <-chan *mutation
	about     *semaphore.Weighted // room that mutations give back when their turn has come
	next      *mutation
	regions   <-chan *region // of volumes, instead of mutations
	pending   *region
	replaced  uint64 // the number of the region that was added last, and one
	levels    []levelBuilder
	scratch   []byte
	plain     []byte
}

// A levelBuilder collects what will be one node.
type levelBuilder struct {
	node   node
	size   int           // of the node's entries, about
	chunks map[ID]uint64 // numbers of the node's chunks
}

func (l *levelBuilder) empty() bool {
	return len(l.node.entries)+len(l.node.children)+len(l.node.extents) == 0
}

func (l *levelBuilder) last() []byte {
	if n := len(l.node.children); n > 0 {
		return l.node.children[n-1].first
	}
	if n := len(l.node.extents); n > 0 {
		return pageKey(l.node.extents[n-1].page)
	}
	return l.node.entries[len(l.node.entries)-1].key
}

// build gives the root of the new tree, which is the zero child if the tree is empty, and its level.
func (b *builder) build(ctx context.Context, parent *manifest) (root child, level byte, err error) {
	if b.kind == extents {
		return b.buildVolume(ctx, parent)
	}
	b.advance()
	if parent != nil && parent.root.entries > 0 {
		err = b.merge(ctx, parent.root, parent.level, nil)
	} else {
		err = b.addMutations(nil)
	}
	if err != nil {
		return child{}, 0, err
	}
	return b.finish()
}

func (b *builder) advance() {
	if b.next = <-b.mutations; b.next != nil {
		b.about.Release(b.next.weight())
	}
}

// before tells whether there is a mutation below the key; nil is above all keys.
func (b *builder) before(key []byte) bool {
	return b.next != nil && (key == nil || bytes.Compare(b.next.key, key) < 0)
}

// merge adds a node of the older tree, and the mutations below hi, where the next node begins.
func (b *builder) merge(ctx context.Context, c child, level byte, hi []byte) error {
	if !b.before(hi) && b.reusable(c.first, int(level)) {
		return b.reuse(c, int(level))
	}
	n, err := b.d.readNode(ctx, c.id, b.kind, level)
	if err != nil {
		return err
	}
	for below, end := range n.below(hi) {
		if err := b.merge(ctx, below, level-1, end); err != nil {
			return err
		}
	}
	for i := range n.entries {
		e := &n.entries[i]
		if err := b.addMutations(e.key); err != nil {
			return err
		}
		if b.next != nil && bytes.Equal(b.next.key, e.key) {
			if b.next.meta != nil {
				b.next.entry = &entry{key: e.key, meta: *b.next.meta, size: e.size, depth: e.depth, refs: e.refs}
			}
			continue // it comes with the next mutations
		}
		if err := b.addEntry(*e); err != nil {
			return err
		}
	}
	if level == 0 {
		return b.addMutations(hi)
	}
	return nil
}

// below yields the nodes below, each with the key before which its keys end; that of the last is hi.
func (n *node) below(hi []byte) iter.Seq2[child, []byte] {
	return func(yield func(child, []byte) bool) {
		for i, c := range n.children {
			end := hi
			if i+1 < len(n.children) {
				end = n.children[i+1].first
			}
			if !yield(c, end) {
				return
			}
		}
	}
}

// addMutations adds the mutations below hi.
func (b *builder) addMutations(hi []byte) error {
	for b.before(hi) {
		m := b.next
		m.wait()
		if err := b.sink.err(); err != nil {
			return err
		}
		if m.meta != nil && m.entry == nil {
			return fmt.Errorf("changing the metadata of %q: %w", m.key, ErrNoEntry)
		}
		if m.entry != nil {
			for _, r := range m.refs {
				m.entry.refs = append(m.entry.refs, *r)
			}
			if err := b.foldRefs(m.entry); err != nil {
				return err
			}
			if err := b.addEntry(*m.entry); err != nil {
				return err
			}
		}
		b.advance()
	}
	return nil
}

// reusable tells whether a node of the older tree can follow what is collected, without a node being cut where none
// should end.
func (b *builder) reusable(first []byte, level int) bool {
	for l := 0; l <= level && l < len(b.levels); l++ {
		if !b.levels[l].empty() && !boundary(b.kind, l, b.levels[l].last(), first) {
			return false
		}
	}
	return true
}

// reuse adds a whole node of the older tree.
func (b *builder) reuse(c child, level int) error {
	for l := 0; l <= level && l < len(b.levels); l++ {
		if err := b.flush(l); err != nil {
			return err
		}
	}
	return b.addChild(level+1, c)
}

func (b *builder) level(l int) *levelBuilder {
	for len(b.levels) <= l {
		b.levels = append(b.levels, levelBuilder{node: node{kind: b.kind, level: byte(len(b.levels))}})
	}
	return &b.levels[l]
}

func (b *builder) addEntry(e entry) error {
	l := b.level(0)
	if !l.empty() && boundary(b.kind, 0, l.last(), e.key) {
		if err := b.flush(0); err != nil {
			return err
		}
	}
	l = b.level(0)
	l.node.entries = append(l.node.entries, e)
	l.size += len(e.key) + len(e.meta) + 40*len(e.refs) + 16
	if len(l.node.entries) >= maxChildren || l.size >= maxNode {
		return b.flush(0)
	}
	return nil
}

func (b *builder) addChild(level int, c child) error {
	l := b.level(level)
	if !l.empty() && boundary(b.kind, level, l.last(), c.first) {
		if err := b.flush(level); err != nil {
			return err
		}
	}
	l = b.level(level)
	l.node.children = append(l.node.children, c)
	l.size += len(c.first) + 64
	if len(l.node.children) >= maxChildren || l.size >= maxNode {
		return b.flush(level)
	}
	return nil
}

// flush makes a node of what is collected at a level, if anything is, and adds it to the level above.
func (b *builder) flush(level int) error {
	l := b.level(level)
	if l.empty() {
		return nil
	}
	c, err := b.store(&l.node)
	if err != nil {
		return err
	}
	l.node.entries, l.node.children, l.size = l.node.entries[:0], l.node.children[:0], 0
	l.node.chunks, l.node.extents = l.node.chunks[:0], l.node.extents[:0]
	clear(l.chunks)
	return b.addChild(level+1, c)
}

// store puts a node and gives what the node above says of it.
func (b *builder) store(n *node) (c child, err error) {
	for i := range n.entries {
		c.size += n.entries[i].size
	}
	for i := range n.extents {
		c.size += n.extents[i].pages * pageSize
	}
	c.entries = uint64(len(n.entries) + len(n.extents))
	for i := range n.children {
		c.size += n.children[i].size
		c.entries += n.children[i].entries
	}
	switch {
	case n.level > 0:
		c.first = n.children[0].first
	case n.kind == extents:
		c.first = pageKey(n.extents[0].page)
	default:
		c.first = n.entries[0].key
	}
	b.plain = n.encode(b.plain[:0])
	c.id, b.scratch, err = b.sink.put(nodeBlob, b.plain, b.scratch)
	return c, err
}

// finish makes nodes of all that is left, up to the root.
func (b *builder) finish() (root child, level byte, err error) {
	for l := 0; l < len(b.levels); l++ {
		at := &b.levels[l]
		if l > 0 && len(at.node.children) == 1 && l+1 == len(b.levels) {
			return at.node.children[0], byte(l - 1), nil
		}
		if err := b.flush(l); err != nil {
			return child{}, 0, err
		}
	}
	return child{}, 0, nil
}

// foldRefs gives an entry of many chunks lists of them.
func (b *builder) foldRefs(e *entry) (err error) {
	for len(e.refs) > b.d.vault.refs {
		var folded []ref
		list := chunkList{depth: e.depth}
		for i, r := range e.refs {
			list.refs = append(list.refs, r)
			if r.id[31] != 0 && len(list.refs) < b.d.vault.refs && i+1 < len(e.refs) {
				continue
			}
			b.plain = list.encode(b.plain[:0])
			up := ref{size: list.size()}
			if up.id, b.scratch, err = b.sink.put(listBlob, b.plain, b.scratch); err != nil {
				return err
			}
			folded, list.refs = append(folded, up), list.refs[:0]
		}
		e.refs, e.depth = folded, e.depth+1
	}
	return nil
}
