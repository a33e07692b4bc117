package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// facts are what a verification found out of a node and all below it, or of a chunk list.
type facts struct {
	bad           []ID // blobs that are reached and cannot be read
	first, last   []byte
	entries, size uint64
	chunks        uint64 // of a chunk list
	known         bool   // the node could be read, so that the rest holds
}

// follow goes down from every recovery point and notes which of them reach what is bad.
func (c *verification) follow(ctx context.Context) error {
	for _, r := range c.points {
		m, err := c.d.readRoot(ctx, r)
		if m == nil && err == nil {
			continue // deleted meanwhile
		}
		c.report.Points++
		name := c.d.info.ID + "/" + r.point
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrVersion) {
				return err
			}
			c.touch(c.damage(r.name, "manifest", err), name)
			continue
		}
		if m.root.entries == 0 {
			continue
		}
		f, err := c.node(ctx, m.root.id, m.kind, m.level)
		if err != nil {
			return err
		}
		if err := f.fitsManifest(m); err != nil {
			c.touch(c.damage(r.name, "manifest", err), name)
		}
		for _, id := range f.bad {
			for _, number := range c.bad[id] {
				c.touch(number, name)
			}
		}
	}
	return nil
}

// fitsManifest checks what a manifest says of its tree.
func (f *facts) fitsManifest(m *manifest) error {
	switch {
	case !f.known:
	case f.entries != m.root.entries || f.size != m.root.size:
		return damaged("the manifest and its tree differ in size")
	case m.kind == Volume && binary.BigEndian.Uint64(f.last) >= (m.volume+m.blockSize-1)/m.blockSize:
		return damaged("a block lies behind the end of the volume")
	case m.kind == extents && binary.BigEndian.Uint64(f.last) >= pagesOf(m.volume):
		return damaged("an extent lies behind the end of the volume")
	}
	return nil
}

// readable tells whether a blob can be read from any place. If not, it is among c.bad when it returns.
func (c *verification) readable(ctx context.Context, kind blobKind, id ID, size uint64) (bool, error) {
	at, ok := c.d.index.find(id)
	if c.bad[id] == nil && ok && at.blob.kind == kind && (size == 0 || uint64(at.blob.size) == size) {
		return true, nil
	}
	if _, all := c.bad[id][objectID{}]; all {
		return false, nil
	}
	for _, at := range c.d.index.places(id) {
		if _, bad := c.bad[id][at.pack.id]; bad {
			continue
		}
		if at.blob.kind == kind && (size == 0 || uint64(at.blob.size) == size) {
			return true, nil
		}
		c.badBlob(id, objectID{}, c.damage(packName(c.d.id(), at.pack.id), fmt.Sprintf("%s %s", kind, id), damaged("it is of another kind or size")))
		return false, nil
	}
	return c.found(ctx, kind, id)
}

// found tells whether a blob that the index does not know, or that is bad wherever it does, lies in a pack that the index
// has lost.
func (c *verification) found(ctx context.Context, kind blobKind, id ID) (bool, error) {
	lost, err := c.d.lost.find(ctx, c.d, id)
	if err != nil {
		return false, err
	}
	p := packVerifier{c: c}
	for _, at := range lost {
		if _, bad := c.bad[id][at.pack.id]; bad {
			continue
		}
		name := packName(c.d.id(), at.pack.id)
		p.name = name
		if _, told := c.lost[at.pack.id]; !told {
			c.lost[at.pack.id] = c.damage(name, "pack", damaged("no index object names it, and recovery points need it"))
		}
		data, err := p.read(ctx, int64(at.blob.offset), int64(at.blob.stored))
		if err != nil && !errors.Is(err, ErrNotExist) {
			return false, err
		}
		if err = damaged("the pack ends early"); len(data) == int(at.blob.stored) {
			err = p.blob(c.d.keys.sealer(packObject, at.pack.id[:]), at, data)
		}
		if err == nil && at.blob.kind == kind {
			return true, nil
		}
		c.injured(at.pack.id)
		c.badBlob(id, at.pack.id, c.damage(name, fmt.Sprintf("%s %s", kind, id), err))
	}
	if len(c.bad[id]) == 0 {
		c.badBlob(id, objectID{}, c.damage("", fmt.Sprintf("%s %s", kind, id), damaged("it is missing")))
	}
	return false, nil
}

// node gives the facts of a node.
func (c *verification) node(ctx context.Context, id ID, kind Kind, level byte) (*facts, error) {
	at := sighting{id: id, kind: kind, level: level}
	if f, known := c.below[at]; known {
		return f, nil
	}
	f, all := &facts{}, map[ID]bool{}
	ok, err := c.readable(ctx, nodeBlob, id, 0)
	if err != nil {
		return nil, err
	}
	if !ok {
		all[id] = true
	} else if err := c.readNode(ctx, id, kind, level, f, all); err != nil {
		if !errors.Is(err, ErrDamaged) {
			return nil, err
		}
		object := ""
		if at, ok := c.d.index.find(id); ok {
			object = packName(c.d.id(), at.pack.id)
		}
		c.badBlob(id, objectID{}, c.damage(object, "node "+id.String(), err))
		all[id] = true
	}
	f.bad = slices.Collect(maps.Keys(all))
	c.below[at] = f
	return f, nil
}

// readNode goes through a node. What does not fit together is an error, given when all below was looked at.
func (c *verification) readNode(ctx context.Context, id ID, kind Kind, level byte, f *facts, all map[ID]bool) error {
	n, err := c.d.readNode(ctx, id, kind, level)
	if err != nil {
		return err
	}
	f.known = true
	if level == 0 {
		return c.leaf(ctx, n, f, all)
	}
	var wrong error
	for i := range n.children {
		at := &n.children[i]
		below, err := c.node(ctx, at.id, kind, level-1)
		if err != nil {
			return err
		}
		for _, id := range below.bad {
			all[id] = true
		}
		if wrong == nil && below.known {
			wrong = below.fitsChild(at)
			if i+1 < len(n.children) && wrong == nil && bytes.Compare(below.last, n.children[i+1].first) >= 0 {
				wrong = damaged("the keys of a node reach into the next")
			}
		}
		f.entries, f.size, f.last = f.entries+at.entries, f.size+at.size, below.last
		if !below.known {
			f.last = at.first // as far as is known
		}
	}
	// Clones, because keys lie in the memory of the whole node.
	f.first, f.last = bytes.Clone(n.children[0].first), bytes.Clone(f.last)
	return wrong
}

// fitsChild checks what a node says of the one below it.
func (f *facts) fitsChild(at *child) error {
	switch {
	case !bytes.Equal(at.first, f.first):
		return damaged("a node names a first key that the node below it does not have")
	case at.entries != f.entries || at.size != f.size:
		return damaged("a node and the one below it differ in size")
	}
	return nil
}

func (c *verification) leaf(ctx context.Context, n *node, f *facts, all map[ID]bool) error {
	if n.kind == extents {
		for i := range n.extents {
			f.size += n.extents[i].pages * pageSize
		}
		end := n.extents[len(n.extents)-1]
		f.entries, f.first, f.last = uint64(len(n.extents)), pageKey(n.extents[0].page), pageKey(end.page+end.pages-1)
		_, err := c.refs(ctx, n.chunks, 0, all)
		return err
	}
	var wrong error
	for i := range n.entries {
		e := &n.entries[i]
		if n.kind == Volume && (len(e.refs) != 1 || e.depth != 0 || len(e.meta) > 0) {
			wrong = damaged("a block is not one chunk")
		}
		chunks, err := c.refs(ctx, e.refs, e.depth, all)
		if err != nil {
			return err
		}
		if e.depth > 0 && chunks > mostChunks(e.size) {
			wrong = damaged("a list names more chunks than its content can have")
		}
		f.size += e.size
	}
	f.entries, f.first, f.last = uint64(len(n.entries)), bytes.Clone(n.entries[0].key), bytes.Clone(n.entries[len(n.entries)-1].key)
	return wrong
}

// refs adds the bad blobs that refs reach, and counts the chunks.
func (c *verification) refs(ctx context.Context, refs []ref, depth byte, all map[ID]bool) (chunks uint64, err error) {
	for _, r := range refs {
		if depth > 0 {
			f, err := c.list(ctx, r, depth)
			if err != nil {
				return 0, err
			}
			chunks = min(chunks+f.chunks, 1<<40) // and that is too many
			for _, id := range f.bad {
				all[id] = true
			}
			continue
		}
		ok, err := c.readable(ctx, chunkBlob, r.id, r.size)
		if err != nil {
			return 0, err
		}
		if !ok {
			all[r.id] = true
		}
		chunks++
	}
	return chunks, nil
}

// list gives the facts of a chunk list.
func (c *verification) list(ctx context.Context, r ref, depth byte) (*facts, error) {
	at := sighting{id: r.id, level: depth, size: r.size}
	if f, known := c.below[at]; known {
		return f, nil
	}
	f, all := &facts{}, map[ID]bool{}
	ok, err := c.readable(ctx, listBlob, r.id, 0)
	if err != nil {
		return nil, err
	}
	if !ok {
		all[r.id] = true
	} else {
		list, err := c.d.readList(ctx, r, depth)
		if err == nil {
			f.chunks, err = c.refs(ctx, list.refs, list.depth, all)
		}
		if errors.Is(err, ErrDamaged) {
			c.badBlob(r.id, objectID{}, c.damage("", "chunk list "+r.id.String(), err))
			all[r.id] = true
		} else if err != nil {
			return nil, err
		}
	}
	f.bad = slices.Collect(maps.Keys(all))
	c.below[at] = f
	return f, nil
}
