package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
)

// errDiffers says that a recovery point that should hold the same as another does not.
var errDiffers = errors.New("it does not hold the same")

// heal finds what a recovery point misses in its copies. It goes down the damaged tree and the copy's side by side: a copy
// has the shape of what it was copied from, node for node.
func (r *repair) heal(ctx context.Context, at root) error {
	m, err := r.d.readRoot(ctx, at)
	if errors.Is(err, ErrDamaged) || errors.Is(err, ErrVersion) || err == nil && (m == nil || m.root.entries == 0) {
		return nil
	} else if err != nil {
		return err
	}
	if f := r.c.below[sighting{id: m.root.id, kind: m.kind, level: m.level}]; f == nil || len(f.bad) == 0 {
		return nil
	}
	copies, err := r.copies(ctx, at.point)
	if err != nil {
		return err
	}
	name := r.d.info.ID + "/" + at.point
	if len(copies) == 0 {
		r.done.Failed = append(r.done.Failed, Damage{What: "recovery point", Err: damaged("no copy of it is known"), Points: []string{name}})
	}
	for _, src := range copies {
		if src.m.kind != m.kind || src.m.level != m.level || src.m.root.entries != m.root.entries || src.m.root.size != m.root.size {
			err = errDiffers
		} else {
			h := &healer{repair: r, src: src, kind: m.kind, ids: map[ID]ID{}}
			err = h.node(ctx, m.root.id, src.m.root.id, m.level)
			err = errors.Join(err, h.failed)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if r.sink.err() != nil {
			return r.sink.err()
		}
		if err != nil {
			r.done.Failed = append(r.done.Failed, Damage{What: "recovery point", Err: fmt.Errorf("from %s of %s: %w", src.id, src.d.vault.id, err), Points: []string{name}})
		}
	}
	return nil
}

// A healer takes from one copy what its original misses, or from an original what its copy misses.
type healer struct {
	*repair
	src    *Point
	kind   Kind
	copied bool      // the nodes of the damaged tree name the copy's as their origins
	ids    map[ID]ID // of the copy's chunks, lists and nodes: what the domain calls them
	failed error     // the first blob that could not be had
}

// lacks tells whether a blob is to be found elsewhere.
func (h *healer) lacks(ctx context.Context, kind blobKind, id ID) (bool, error) {
	if h.put[id] {
		return false, nil
	}
	ok, err := h.c.readable(ctx, kind, id, 0)
	return !ok, err
}

// miss notes that a blob could not be had; others may be.
func (h *healer) miss(kind blobKind, id ID, err error) {
	if h.failed == nil {
		h.failed = fmt.Errorf("%s %s: %w", kind, id, err)
	}
}

// passing tells whether an error is of the copy's content, so that the rest is worth trying.
func passing(err error) bool { return errors.Is(err, ErrDamaged) || errors.Is(err, errDiffers) }

// node heals a node and all below it, given the node of the copy that stands in the same place.
func (h *healer) node(ctx context.Context, id, from ID, level byte) error {
	if f := h.c.below[sighting{id: id, kind: h.kind, level: level}]; f != nil && len(f.bad) == 0 {
		return nil
	}
	src, err := h.src.d.readNode(ctx, from, h.kind, level)
	if err != nil {
		h.miss(nodeBlob, id, err)
		return ignore(err)
	}
	lacks, err := h.lacks(ctx, nodeBlob, id)
	if err != nil {
		return err
	}
	var n *node
	switch {
	case lacks:
		n, err = h.remake(ctx, id, src)
	case h.put[id]: // it is in the sink, not yet where it could be read
		n, err = h.remade(ctx, id, src)
	default:
		n, err = h.d.readNode(ctx, id, h.kind, level)
	}
	if err == nil && !alike(n, src) {
		err = errDiffers
	}
	if err != nil {
		h.miss(nodeBlob, id, err)
		return ignore(err)
	}
	for i := range n.children {
		if err := h.node(ctx, n.children[i].id, src.children[i].id, level-1); err != nil {
			return err
		}
	}
	theirs := src.contents()
	for i, c := range n.contents() {
		if err := h.refs(ctx, c.refs, theirs[i].refs, c.depth); err != nil {
			return err
		}
	}
	return nil
}

// ignore drops an error that was noted and does not end the repair.
func ignore(err error) error {
	if passing(err) {
		return nil
	}
	return err
}

// A content is what a leaf names of one entry.
type content struct {
	depth byte
	refs  []ref
}

// contents gives the content that a node of level 0 names. Changing the refs changes the node.
func (n *node) contents() (all []content) {
	for i := range n.entries {
		all = append(all, content{n.entries[i].depth, n.entries[i].refs})
	}
	if n.chunks != nil {
		all = append(all, content{0, n.chunks})
	}
	return all
}

// alike tells whether two nodes say the same but for the names of what is below.
func alike(a, b *node) bool {
	if len(a.children) != len(b.children) || a.level != b.level || !slices.Equal(a.extents, b.extents) {
		return false
	}
	for i := range a.children {
		x, y := &a.children[i], &b.children[i]
		if !bytes.Equal(x.first, y.first) || x.entries != y.entries || x.size != y.size {
			return false
		}
	}
	as, bs := a.contents(), b.contents()
	if len(as) != len(bs) {
		return false
	}
	for i := range as {
		if as[i].depth != bs[i].depth || len(as[i].refs) != len(bs[i].refs) {
			return false
		}
	}
	return true
}

// remake makes a node that is lost out of the copy's, and puts it into the sink.
func (h *healer) remake(ctx context.Context, id ID, src *node) (*node, error) {
	n, err := h.remade(ctx, id, src)
	if err != nil {
		return nil, err
	}
	return n, h.add(nodeBlob, id, n.encode(nil))
}

// remade gives a node that is lost, made out of the copy's: with the domain's own names of what is below, and the origins that
// it had, if it was a copy. That its id is right tells that it is the one.
func (h *healer) remade(ctx context.Context, id ID, src *node) (*node, error) {
	for range 2 {
		n, err := h.translate(ctx, src)
		if err != nil {
			return nil, err
		}
		if h.d.keys.id(nodeBlob, n.encode(nil)) == id {
			return n, nil
		}
		h.copied, h.ids = !h.copied, map[ID]ID{}
	}
	return nil, errDiffers
}

// translate gives a node of the copy with the names that the domain has.
func (h *healer) translate(ctx context.Context, src *node) (*node, error) {
	n, err := parseNode(src.encode(nil))
	if err != nil {
		return nil, err
	}
	for i := range n.children {
		at := &n.children[i]
		from := at.id
		at.origin = origin{}
		if h.copied {
			at.origin = h.d.keys.origin(h.src.d.id(), from)
		}
		if at.id, err = h.nodeID(ctx, from, n.level-1); err != nil {
			return nil, err
		}
	}
	for _, c := range n.contents() {
		if err := h.rename(ctx, c.refs, c.depth); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// nodeID is what the domain calls a node of the copy.
func (h *healer) nodeID(ctx context.Context, from ID, level byte) (ID, error) {
	if id, known := h.ids[from]; known {
		return id, nil
	}
	src, err := h.src.d.readNode(ctx, from, h.kind, level)
	if err != nil {
		return ID{}, err
	}
	n, err := h.translate(ctx, src)
	if err != nil {
		return ID{}, err
	}
	id := h.d.keys.id(nodeBlob, n.encode(nil))
	h.ids[from] = id
	return id, nil
}

// rename puts the domain's own names into refs of the copy.
func (h *healer) rename(ctx context.Context, refs []ref, depth byte) error {
	for i := range refs {
		r := &refs[i]
		from := r.id
		if id, known := h.ids[from]; known {
			r.id = id
			continue
		}
		if depth == 0 {
			plain, err := h.src.d.readBlob(ctx, chunkBlob, from, nil)
			if err != nil {
				return err
			}
			r.id = h.d.keys.id(chunkBlob, plain)
		} else {
			list, err := h.src.d.readList(ctx, *r, depth)
			if err == nil {
				err = h.rename(ctx, list.refs, list.depth)
			}
			if err != nil {
				return err
			}
			r.id = h.d.keys.id(listBlob, list.encode(nil))
		}
		h.ids[from] = r.id
	}
	return nil
}

// refs heals what refs name, given the copy's.
func (h *healer) refs(ctx context.Context, refs, theirs []ref, depth byte) error {
	for i := range refs {
		var err error
		if depth == 0 {
			err = h.chunk(ctx, refs[i].id, theirs[i].id)
		} else {
			err = h.list(ctx, refs[i], theirs[i], depth)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *healer) chunk(ctx context.Context, id, from ID) error {
	if lacks, err := h.lacks(ctx, chunkBlob, id); !lacks || err != nil {
		return err
	}
	plain, err := h.src.d.readBlob(ctx, chunkBlob, from, nil)
	if err == nil {
		err = h.add(chunkBlob, id, plain)
	}
	if err != nil {
		h.miss(chunkBlob, id, err)
	}
	return ignore(err)
}

func (h *healer) list(ctx context.Context, r, from ref, depth byte) error {
	theirs, err := h.src.d.readList(ctx, from, depth)
	if err != nil {
		h.miss(listBlob, r.id, err)
		return ignore(err)
	}
	lacks, err := h.lacks(ctx, listBlob, r.id)
	if err != nil {
		return err
	}
	list := &chunkList{depth: theirs.depth, refs: append([]ref(nil), theirs.refs...)}
	if lacks || h.put[r.id] {
		if err = h.rename(ctx, list.refs, list.depth); err == nil && lacks {
			err = h.add(listBlob, r.id, list.encode(nil))
		}
	} else {
		list, err = h.d.readList(ctx, r, depth)
	}
	if err == nil && len(list.refs) != len(theirs.refs) {
		err = errDiffers
	}
	if err != nil {
		h.miss(listBlob, r.id, err)
		return ignore(err)
	}
	return h.refs(ctx, list.refs, theirs.refs, list.depth)
}

// add puts a blob into the sink, if it is the one that is missed.
func (h *healer) add(kind blobKind, id ID, plain []byte) error {
	if h.d.keys.id(kind, plain) != id {
		return errDiffers
	}
	b := blobInfo{id: id, kind: kind, size: uint32(len(plain))}
	payload, pays := h.d.vault.codec.compress(nil, plain)
	if pays {
		b.flags |= flagCompressed
	} else {
		payload = plain
	}
	h.put[id] = true
	h.done.Healed = append(h.done.Healed, Healed{h.c.object(id), fmt.Sprintf("%s %s", kind, id), h.src.d.vault.id})
	return h.sink.add(b, payload)
}
