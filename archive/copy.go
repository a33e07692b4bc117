package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"
)

// CopyOptions say what recovery point a copy becomes.
type CopyOptions struct {
	// Point is the id of the copy, as [WriteOptions].Point.
	Point string
	// Parent is the id of a recovery point of the destination domain that was copied from the same domain before. What it
	// has in common with the source is not even looked at. None if empty. As [WriteOptions].Parent it was acknowledged.
	Parent string
	// Metadata is kept with the copy. If nil it is the source's.
	Metadata []byte
	// Progress is told, by several goroutines, of bytes of content that are in the destination now. It may be nil.
	Progress func(bytes uint64)
}

// Copy copies a recovery point into another domain: each chunk that is not there yet is opened under the one key and
// sealed under the other, as compressed as it was. If the destination has a recovery point of the id already the error wraps
// [ErrPointExists].
func Copy(ctx context.Context, dst *Domain, src *Point, opts CopyOptions) (Summary, error) {
	summary, err := copyPoint(ctx, dst, src, opts)
	if err != nil {
		return Summary{}, fmt.Errorf("copying %s: %w", src.id, err)
	}
	return summary, nil
}

func copyPoint(ctx context.Context, dst *Domain, src *Point, opts CopyOptions) (s Summary, err error) {
	if err := checkPointID(opts.Point); err != nil {
		return Summary{}, err
	}
	if there, err := exists(ctx, dst.vault.store, pointName(dst.id(), opts.Point)); err != nil {
		return Summary{}, err
	} else if there {
		return Summary{}, fmt.Errorf("%s: %w", opts.Point, ErrPointExists)
	}
	giveBack, err := dst.vault.opts.Budget.Take(ctx, dst.vault.copyHolds(src.m.root.size))
	if err != nil {
		return Summary{}, err
	}
	defer giveBack()
	held, err := src.d.vault.newLease(ctx, src.d.id())
	if err != nil {
		return Summary{}, err
	}
	defer held.release(ctx)
	if _, err := src.d.readManifest(ctx, src.id); err != nil { // under the lease, so that it stays readable if it is there
		return Summary{}, err
	}
	lease, err := dst.vault.newLease(ctx, dst.id())
	if err != nil {
		return Summary{}, err
	}
	defer lease.release(ctx)
	if err := dst.index.refresh(ctx, dst); err != nil {
		return Summary{}, err
	}
	c := newCopier(ctx, dst, src, opts.Progress)
	m, err := c.manifest(opts)
	if err == nil {
		err = c.sink.flush()
	}
	if err == nil {
		s, err = c.sink.commit(ctx, lease, opts.Point, m)
	}
	if err != nil {
		return Summary{}, errors.Join(err, c.sink.abandon(context.WithoutCancel(ctx), lease))
	}
	c.sink.cancel(nil)
	return s, nil
}

// A copier brings the tree of a recovery point into another domain. The copy has the shape of the source, node for node, and
// says of each node where it comes from, sealed like all the rest.
type copier struct {
	dst      *Domain
	src      *Point
	sink     *sink
	progress func(uint64)
	slots    chan struct{}     // taken by who copies chunks
	spare    chan *copyScratch // memory of nobody, for the next one

	listed sync.Map // the ids of copied chunk lists, by sighting

	mu     sync.Mutex // guards the rest
	copies recentCopies
}

func newCopier(ctx context.Context, dst *Domain, src *Point, progress func(uint64)) *copier {
	workers := dst.vault.opts.Workers
	return &copier{
		dst: dst, src: src, sink: newSink(ctx, dst), progress: progress,
		slots: make(chan struct{}, workers), spare: make(chan *copyScratch, workers),
	}
}

// manifest copies the tree and gives what is to be committed.
func (c *copier) manifest(opts CopyOptions) (*manifest, error) {
	m := *c.src.m
	m.parent = opts.Parent
	if opts.Metadata != nil {
		m.metadata = opts.Metadata
	}
	if m.root.entries == 0 {
		return &m, nil
	}
	if c.dst.same(c.src.d) {
		c.sink.relies.onPoint(c.src.id)
		return &m, nil
	}
	c.sink.relies.onPoint(opts.Parent)
	var known []child
	var level byte
	if opts.Parent != "" {
		p, err := c.dst.readManifest(c.sink.ctx, opts.Parent)
		if err != nil {
			return nil, err
		}
		if p.kind.public() != m.kind.public() {
			return nil, fmt.Errorf("parent %s: %w", opts.Parent, ErrKind)
		}
		if p.root.entries > 0 && p.kind == m.kind {
			known, level = append(known, p.root), p.level
		}
	}
	for ; level > m.level; level-- {
		below, err := c.below(known, level)
		if err != nil {
			return nil, err
		}
		known = below
	}
	root, err := c.tree(m.root, m.level, known, level)
	if err != nil {
		c.sink.fail(err)
		return nil, err
	}
	m.root = root
	return &m, nil
}

// below gives the children of nodes of the destination.
func (c *copier) below(nodes []child, level byte) (children []child, err error) {
	for _, k := range nodes {
		n, err := c.dst.readNode(c.sink.ctx, k.id, c.src.m.kind, level)
		if err != nil {
			return nil, err
		}
		children = append(children, n.children...)
	}
	return children, nil
}

// overlapping gives those of the nodes whose keys may lie from first to below hi.
func overlapping(nodes []child, first, hi []byte) []child {
	start, end := 0, len(nodes)
	for i := range nodes {
		if bytes.Compare(nodes[i].first, first) <= 0 {
			start = i
		}
		if hi != nil && bytes.Compare(nodes[i].first, hi) >= 0 {
			end = i
			break
		}
	}
	return nodes[min(start, end):end]
}

// tree copies a node with all below it, and gives what the node above says of the copy. Known are nodes of the parent, of the
// level given, among which an earlier copy of it may be.
func (c *copier) tree(from child, level byte, known []child, knownLevel byte) (child, error) {
	to := child{first: from.first, entries: from.entries, size: from.size}
	to.origin = c.dst.keys.origin(c.src.d.id(), from.id)
	if len(known) > 0 && knownLevel == level {
		for _, k := range known {
			if k.origin == to.origin {
				c.report(from.size)
				to.id = k.id // not k itself: a root does not know its first key
				return to, nil
			}
		}
	}
	n, err := c.src.d.readChild(c.sink.ctx, &from, c.src.m.kind, level)
	if err != nil {
		return child{}, err
	}
	if level == 0 {
		err = c.leaf(n)
	} else {
		err = c.children(n, known, knownLevel)
	}
	if err != nil {
		return child{}, err
	}
	to.id, _, err = c.sink.put(nodeBlob, n.encode(nil), nil)
	return to, err
}

// children copies what is below a node and puts the copies into it.
func (c *copier) children(n *node, known []child, knownLevel byte) (err error) {
	if len(known) > 0 && knownLevel == n.level {
		if known, err = c.below(known, knownLevel); err != nil {
			return err
		}
		knownLevel--
	}
	c.src.d.expectNodes(c.sink.ctx, childIDs(n.children))
	var group errgroup.Group
	group.SetLimit(1)
	if n.level == 1 {
		group.SetLimit(c.dst.vault.opts.Workers + 1)
	}
	told := 0
	for i := range n.children {
		if n.level == 1 && i == told {
			if told, err = c.expectLeaves(n, i, known, knownLevel); err != nil {
				return errors.Join(err, group.Wait())
			}
		}
		at := &n.children[i]
		var hi []byte
		if i+1 < len(n.children) {
			hi = n.children[i+1].first
		}
		near := overlapping(known, at.first, hi)
		group.Go(func() (err error) {
			if err := c.sink.err(); err != nil {
				return err
			}
			*at, err = c.tree(*at, n.level-1, near, knownLevel)
			return err
		})
	}
	return group.Wait()
}

// leaf copies the content of the entries and puts the copies into them.
func (c *copier) leaf(n *node) error {
	chunks := c.newBatches()
	for i := range n.entries {
		if e := &n.entries[i]; e.depth == 0 {
			chunks.add(e.refs, e.key)
		}
	}
	chunks.add(n.chunks, nil)
	if err := chunks.wait(); err != nil {
		return err
	}
	for i := range n.entries {
		e := &n.entries[i]
		if e.depth == 0 {
			continue
		}
		if err := c.lists(e.refs, e.depth); err != nil {
			return fmt.Errorf("%q: %w", e.key, err)
		}
	}
	return nil
}

// lists copies the chunk lists that refs of a depth name, with all they name, and puts the copies into the refs.
func (c *copier) lists(refs []ref, depth byte) error {
	for i := range refs {
		r := &refs[i]
		from := sighting{id: r.id, level: depth, size: r.size}
		if to, done := c.listed.Load(from); done { // content that repeats itself has lists that do
			r.id = to.(ID)
			continue
		}
		list, err := c.src.d.readList(c.sink.ctx, *r, depth)
		switch {
		case err != nil:
			return err
		case depth > 1:
			err = c.lists(list.refs, depth-1)
		default:
			chunks := c.newBatches()
			chunks.add(list.refs, nil)
			err = chunks.wait()
		}
		if err != nil {
			return err
		}
		if r.id, _, err = c.sink.put(listBlob, list.encode(nil), nil); err != nil {
			return err
		}
		c.listed.Store(from, r.id)
	}
	return nil
}

// chunk copies a chunk and gives the id of the copy.
func (c *copier) chunk(from ID, scratch *copyScratch) (ID, error) {
	c.mu.Lock()
	id, done := c.copies.get(from)
	c.mu.Unlock()
	if done {
		return id, nil
	}
	o := c.dst.keys.origin(c.src.d.id(), from)
	id, done = c.copied(o)
	if !done {
		var err error
		if id, err = c.move(from, o, scratch); err != nil {
			return ID{}, err
		}
	}
	c.mu.Lock()
	c.copies.put(from, id)
	c.mu.Unlock()
	return id, nil
}

// copied gives the chunk that was copied from the one with this origin, if it is there and stays.
func (c *copier) copied(o origin) (ID, bool) {
	id, ok := c.dst.index.copied(o)
	if !ok {
		return ID{}, false
	}
	pack, kept := c.dst.index.keptIn(id)
	if kept {
		c.sink.relies.onPack(pack)
	}
	return id, kept
}

// move opens a chunk in the source and seals it in the destination.
func (c *copier) move(from ID, o origin, scratch *copyScratch) (ID, error) {
	if err := c.sink.err(); err != nil {
		return ID{}, err
	}
	at, payload, err := c.src.d.findPayload(c.sink.ctx, chunkBlob, from, scratch.sealed)
	if err != nil {
		return ID{}, err
	}
	scratch.sealed = payload
	plain := payload
	if at.blob.flags&flagCompressed != 0 {
		if plain, err = c.src.d.vault.codec.decompress(scratch.plain, payload, int(at.blob.size)); err != nil {
			return ID{}, fmt.Errorf("chunk %s: %w", from, err)
		}
		scratch.plain = plain
	}
	b := blobInfo{
		id: c.dst.keys.id(chunkBlob, plain), kind: chunkBlob,
		flags: at.blob.flags&flagCompressed | flagOrigin, size: at.blob.size, origin: o,
	}
	if !c.sink.claim(b.id) {
		return b.id, nil
	}
	return b.id, c.sink.add(b, payload)
}

// recentCopies remember what was copied last, because the destination's index may not tell of it yet. What is older is in there
// by its origin; else it is copied once more, and claimed to be there.
type recentCopies struct{ young, old map[ID]ID }

// generation is how many copies are young.
const generation = indexBlobs

func (r *recentCopies) get(from ID) (to ID, ok bool) {
	if to, ok = r.young[from]; !ok {
		to, ok = r.old[from]
	}
	return to, ok
}

func (r *recentCopies) put(from, to ID) {
	if len(r.young) >= generation {
		r.young, r.old = nil, r.young
	}
	if r.young == nil {
		r.young = map[ID]ID{}
	}
	r.young[from] = to
}

func (c *copier) report(bytes uint64) {
	if c.progress != nil {
		c.progress(bytes)
	}
}
