package archive

import (
	"bytes"
	"encoding/binary"
)

// Kind tells what a recovery point holds.
type Kind byte

// What recovery points hold.
const (
	Objects Kind = 1 // entries by key, as of a bucket
	Volume  Kind = 2 // blocks by number, as of a disk
)

// String is the kind in a word.
func (k Kind) String() string {
	switch k {
	case Objects:
		return "objects"
	case Volume:
		return "volume"
	default:
		return "unknown"
	}
}

// A ref names a stretch of content: a chunk, or a list of refs.
type ref struct {
	id   ID
	size uint64 // bytes of content
}

// An entry is what a leaf holds: for volumes of version 1 a block, with its number as key.
type entry struct {
	key  []byte
	meta []byte
	size uint64
	// depth is 0 where refs name chunks, and the height of the lists that they name elsewhere.
	depth byte
	refs  []ref
}

// A child is what a node above the leaves knows of a node below it.
type child struct {
	first   []byte // its smallest key
	id      ID
	entries uint64
	size    uint64
	origin  origin
}

// A node of a recovery point's tree has entries or extents at level 0 and children above.
type node struct {
	kind     Kind
	level    byte
	entries  []entry
	children []child
	chunks   []ref // that the extents lie in
	extents  []extent
}

const (
	maxKey   = 4 << 10
	maxMeta  = 1 << 20
	maxLevel = 30
)

func (n *node) encode(dst []byte) []byte {
	dst = append(dst, byte(n.kind), n.level)
	if n.level > 0 {
		dst = binary.AppendUvarint(dst, uint64(len(n.children)))
		for i := range n.children {
			c := &n.children[i]
			dst = appendBytes(dst, c.first)
			dst = append(dst, c.id[:]...)
			dst = binary.AppendUvarint(dst, c.entries)
			dst = binary.AppendUvarint(dst, c.size)
			dst = append(dst, c.origin[:]...)
		}
		return dst
	}
	if n.kind == extents {
		return appendExtents(dst, n.chunks, n.extents)
	}
	dst = binary.AppendUvarint(dst, uint64(len(n.entries)))
	for i := range n.entries {
		e := &n.entries[i]
		dst = appendBytes(dst, e.key)
		dst = appendBytes(dst, e.meta)
		dst = binary.AppendUvarint(dst, e.size)
		dst = append(dst, e.depth)
		dst = appendRefs(dst, e.refs)
	}
	return dst
}

// parseNode decodes a node. Byte strings of the result lie in p.
func parseNode(p []byte) (*node, error) {
	d := decoder{rest: p}
	n := &node{kind: Kind(d.byte()), level: d.byte()}
	if n.kind != Objects && n.kind != Volume && n.kind != extents || n.level > maxLevel {
		return nil, damaged("a node is of an unknown kind")
	}
	if n.kind == extents && n.level == 0 {
		n.chunks, n.extents = d.extents()
		return n, d.end()
	}
	count := d.uvarint()
	if count == 0 || count > uint64(len(d.rest)) {
		return nil, damaged("a node has no entries")
	}
	var last []byte
	for i := uint64(0); i < count && d.err == nil; i++ {
		var key []byte
		if n.level > 0 {
			c := child{first: d.bytes(maxKey), id: d.id(), entries: d.uvarint(), size: d.uvarint()}
			copy(c.origin[:], d.take(len(c.origin)))
			n.children, key = append(n.children, c), c.first
		} else {
			e := entry{key: d.bytes(maxKey), meta: d.bytes(maxMeta), size: d.uvarint(), depth: d.byte()}
			e.refs = d.refs(e.size)
			n.entries, key = append(n.entries, e), e.key
			if e.depth > maxLevel {
				d.fail("an entry's lists are too deep")
			}
		}
		if i > 0 && bytes.Compare(last, key) >= 0 {
			d.fail("the keys of a node do not ascend")
		}
		if n.kind != Objects && len(key) != 8 {
			d.fail("the key of a block or page is not a number")
		}
		last = key
	}
	return n, d.end()
}

// A chunkList is a part of a long list of chunks.
type chunkList struct {
	depth byte // as an entry's
	refs  []ref
}

func (l *chunkList) encode(dst []byte) []byte {
	return appendRefs(append(dst, l.depth), l.refs)
}

func (l *chunkList) size() uint64 { return sumOf(l.refs) }

func sumOf(refs []ref) (size uint64) {
	for _, r := range refs {
		size += r.size
	}
	return size
}

func parseChunkList(p []byte, size uint64) (*chunkList, error) {
	d := decoder{rest: p}
	l := &chunkList{depth: d.byte(), refs: d.refs(size)}
	if l.depth > maxLevel || len(l.refs) == 0 {
		d.fail("a chunk list is none")
	}
	return l, d.end()
}

func appendRefs(dst []byte, refs []ref) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(refs)))
	for i := range refs {
		dst = append(dst, refs[i].id[:]...)
		dst = binary.AppendUvarint(dst, refs[i].size)
	}
	return dst
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// A decoder takes values from the front of a byte string. It accepts each value in one form only, so that what it read
// encodes to the same bytes. After the first failure it gives zero values.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail(why string) {
	if d.err == nil {
		d.err = damaged("%s", why)
	}
	d.rest = nil
}

func (d *decoder) end() error {
	if d.err == nil && len(d.rest) > 0 {
		d.fail("bytes are left over")
	}
	return d.err
}

func (d *decoder) take(n int) []byte {
	if n > len(d.rest) {
		d.fail("it ends early")
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uint64() uint64 {
	if b := d.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 || n > 1 && d.rest[n-1] == 0 { // a last byte of zero adds nothing: there is a shorter form
		d.fail("a number is none")
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) bytes(limit int) []byte {
	n := d.uvarint()
	if n > uint64(limit) {
		d.fail("a byte string is too long")
		return nil
	}
	return d.take(int(n))
}

func (d *decoder) id() (id ID) {
	copy(id[:], d.take(len(id)))
	return id
}

func (d *decoder) refs(size uint64) []ref {
	count := d.uvarint()
	if count > uint64(len(d.rest))/33 {
		d.fail("it ends early")
		return nil
	}
	var refs []ref
	if count > 0 {
		refs = make([]ref, count)
	}
	var sum uint64
	for i := range refs {
		refs[i] = ref{d.id(), d.uvarint()}
		if refs[i].size == 0 || sum+refs[i].size < sum {
			d.fail("a stretch of content is empty")
		}
		sum += refs[i].size
	}
	if sum != size {
		d.fail("content and its chunks differ in size")
	}
	return refs
}
