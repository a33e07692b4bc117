package archive

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// A forger has the keys of a domain, and stores what no writer of this package would: trees whose every seal opens and whose every
// blob has the id that it is named by, and that are wrong.
type forger struct {
	t    *testing.T
	v    *Vault
	d    *Domain
	sink *sink
}

// plainRing is a KMS key that protects nothing.
type plainRing struct{}

func (plainRing) GenerateDataKey(context.Context, map[string]string) (plaintext, wrapped []byte, err error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	return key, bytes.Clone(key), nil
}

func (plainRing) Unwrap(_ context.Context, wrapped []byte, _ map[string]string) ([]byte, error) {
	return bytes.Clone(wrapped), nil
}

func newForger(t *testing.T) *forger {
	t.Helper()
	f := &forger{t: t, v: OpenVault(new(Mem), "vault", Options{Workers: 1, PackSize: 64 << 10})}
	var err error
	if f.d, err = f.v.Domain(t.Context(), "key", plainRing{}); err != nil {
		t.Fatal(err)
	}
	f.sink = newSink(t.Context(), f.d)
	return f
}

func (f *forger) put(kind blobKind, plain []byte) ID {
	f.t.Helper()
	id, _, err := f.sink.put(kind, plain, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return id
}

func (f *forger) chunk(content string) ref {
	return ref{f.put(chunkBlob, []byte(content)), uint64(len(content))}
}

// node stores a node and gives what is true of it.
func (f *forger) node(n *node) child {
	entries, size := n.sums()
	return child{first: n.first(), id: f.put(nodeBlob, n.encode(nil)), entries: entries, size: size}
}

func (f *forger) list(l *chunkList) ref { return ref{f.put(listBlob, l.encode(nil)), l.size()} }

// object is an entry of one chunk.
func (f *forger) object(key, content string) entry {
	return entry{key: []byte(key), meta: []byte{}, size: uint64(len(content)), refs: []ref{f.chunk(content)}}
}

func (f *forger) leaf(entries ...entry) *node { return &node{kind: Objects, entries: entries} }

// above is a node above others.
func above(kind Kind, level byte, children ...child) *node {
	return &node{kind: kind, level: level, children: children}
}

// commit stores a manifest.
func (f *forger) commit(point string, m *manifest) {
	f.t.Helper()
	if err := f.sink.flush(); err != nil {
		f.t.Fatal(err)
	}
	m.header.domain, m.header.created = f.d.id(), f.v.opts.Clock.Now()
	_, _ = rand.Read(m.header.nonce[:])
	if err := f.v.store.Create(f.t.Context(), pointName(f.d.id(), point), m.seal(f.d.keys, point)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *forger) objects(level byte, root child) *manifest {
	return &manifest{kind: Objects, level: level, root: root}
}

func (f *forger) volume(level byte, root child) *manifest {
	return &manifest{kind: extents, level: level, root: root, blockSize: BlockSize, volume: 1 << 30}
}

// pages is a leaf of a volume whose extents each have pages of a chunk of their own.
func (f *forger) pages(list ...extent) *node {
	n := &node{kind: extents}
	for i, e := range list {
		e.chunk = uint64(i)
		n.chunks = append(n.chunks, f.chunk(strings.Repeat(string(rune('a'+len(n.chunks)+int(e.page%20))), int(e.pages*pageSize))))
		n.extents = append(n.extents, e)
	}
	return n
}

func (f *forger) block(number uint64, content string) entry {
	return entry{key: binary.BigEndian.AppendUint64(nil, number), meta: []byte{}, size: uint64(len(content)), refs: []ref{f.chunk(content)}}
}

// forgeries are manifests of trees that are wrong, and what verification says of them.
var forgeries = map[string]struct {
	says  string
	forge func(f *forger) *manifest
}{
	"keys that descend": {"do not ascend", func(f *forger) *manifest {
		return f.objects(0, f.node(f.leaf(f.object("b", "x"), f.object("a", "y"))))
	}},
	"a key twice": {"do not ascend", func(f *forger) *manifest {
		return f.objects(0, f.node(f.leaf(f.object("a", "x"), f.object("a", "y"))))
	}},
	"a leaf that reaches into the next": {"reach into the next", func(f *forger) *manifest {
		one, two := f.node(f.leaf(f.object("a", "x"), f.object("m", "y"))), f.node(f.leaf(f.object("k", "z")))
		return f.objects(1, f.node(above(Objects, 1, one, two)))
	}},
	"another first key": {"first key", func(f *forger) *manifest {
		one := f.node(f.leaf(f.object("b", "x")))
		one.first = []byte("a")
		return f.objects(1, f.node(above(Objects, 1, one)))
	}},
	"more entries than there are": {"differ in size", func(f *forger) *manifest {
		one := f.node(f.leaf(f.object("b", "x")))
		one.entries++
		return f.objects(1, f.node(above(Objects, 1, one)))
	}},
	"more bytes than there are": {"differ in size", func(f *forger) *manifest {
		one := f.node(f.leaf(f.object("b", "x")))
		one.size++
		return f.objects(1, f.node(above(Objects, 1, one)))
	}},
	"a manifest of more entries": {"differ in size", func(f *forger) *manifest {
		root := f.node(f.leaf(f.object("b", "x")))
		root.entries = 1000
		return f.objects(0, root)
	}},
	"a manifest of more bytes": {"differ in size", func(f *forger) *manifest {
		root := f.node(f.leaf(f.object("b", "x")))
		root.size = 1 << 60
		return f.objects(0, root)
	}},
	"a manifest of another level": {"another kind or level", func(f *forger) *manifest {
		return f.objects(maxLevel, f.node(f.leaf(f.object("b", "x"))))
	}},
	"a level too many": {"unknown kind", func(f *forger) *manifest {
		return f.objects(maxLevel+1, f.node(f.leaf(f.object("b", "x"))))
	}},
	"a root of another kind": {"another kind or level", func(f *forger) *manifest {
		return f.objects(0, f.node(f.pages(extent{page: 0, pages: 1})))
	}},
	"a root that is a chunk": {"another kind or size", func(f *forger) *manifest {
		root := f.node(f.leaf(f.object("b", "x")))
		root.id = f.chunk("x").id
		return f.objects(0, root)
	}},
	"a leaf above a leaf": {"another kind or level", func(f *forger) *manifest {
		one := f.node(f.leaf(f.object("b", "x")))
		return f.objects(2, f.node(above(Objects, 2, one)))
	}},
	"the same leaf at two levels": {"another kind or level", func(f *forger) *manifest {
		one := f.node(f.leaf(f.object("b", "x")))
		above1 := f.node(above(Objects, 1, one))
		again := one
		again.first = []byte("c")
		return f.objects(2, f.node(above(Objects, 2, above1, again)))
	}},
	"a node that has itself in its place again and again": {"first key", func(f *forger) *manifest {
		at := f.node(f.leaf(f.object("a", "x")))
		for level := byte(1); level <= maxLevel; level++ {
			second := at
			second.first = fmt.Appendf(nil, "b%02d", maxLevel-level)
			at = f.node(above(Objects, level, at, second))
		}
		return f.objects(maxLevel, at)
	}},
	"content that is shorter": {"another kind or size", func(f *forger) *manifest {
		e := f.object("a", "short")
		e.size, e.refs[0].size = 5000, 5000
		return f.objects(0, f.node(f.leaf(e)))
	}},
	"content that is longer": {"another kind or size", func(f *forger) *manifest {
		e := f.object("a", "not so short")
		e.size, e.refs[0].size = 5, 5
		return f.objects(0, f.node(f.leaf(e)))
	}},
	"a size that is not its chunks'": {"differ in size", func(f *forger) *manifest {
		e := f.object("a", "short")
		e.size++
		return f.objects(0, f.node(f.leaf(e)))
	}},
	"sizes that wrap around": {"empty", func(f *forger) *manifest {
		c := f.chunk("x")
		e := entry{key: []byte("a"), meta: []byte{}, size: 0, refs: []ref{{c.id, 1 << 63}, {c.id, 1 << 63}}}
		return f.objects(0, f.node(f.leaf(e)))
	}},
	"content that is a node": {"another kind or size", func(f *forger) *manifest {
		e := f.object("a", "x")
		inner := f.leaf(f.object("inner", "y"))
		e.size = uint64(len(inner.encode(nil)))
		e.refs = []ref{{f.node(inner).id, e.size}}
		return f.objects(0, f.node(f.leaf(e)))
	}},
	"a list of another depth": {"another depth", func(f *forger) *manifest {
		l := f.list(&chunkList{refs: []ref{f.chunk("one"), f.chunk("two")}})
		return f.objects(0, f.node(f.leaf(entry{key: []byte("a"), meta: []byte{}, size: l.size, depth: 2, refs: []ref{l}})))
	}},
	"a list of another size": {"differ in size", func(f *forger) *manifest {
		l := f.list(&chunkList{refs: []ref{f.chunk("one"), f.chunk("two")}})
		l.size = 7
		return f.objects(0, f.node(f.leaf(entry{key: []byte("a"), meta: []byte{}, size: l.size, depth: 1, refs: []ref{l}})))
	}},
	"a list that has two sizes": {"differ in size", func(f *forger) *manifest {
		l := f.list(&chunkList{refs: []ref{f.chunk("one"), f.chunk("two")}})
		other := ref{l.id, 7}
		return f.objects(0, f.node(f.leaf(entry{key: []byte("a"), meta: []byte{}, size: l.size + 7, depth: 1, refs: []ref{l, other}})))
	}},
	"lists that name one another twice": {"more chunks than", func(f *forger) *manifest {
		at := f.chunk("x")
		for depth := range byte(maxLevel) {
			at = f.list(&chunkList{depth: depth, refs: []ref{at, at}})
		}
		return f.objects(0, f.node(f.leaf(entry{key: []byte("a"), meta: []byte{}, size: at.size, depth: maxLevel, refs: []ref{at}})))
	}},
	"extents that overlap": {"lie in a region", func(f *forger) *manifest {
		return f.volume(0, f.node(f.pages(extent{page: 0, pages: 3}, extent{page: 2, pages: 1})))
	}},
	"leaves that overlap": {"reach into the next", func(f *forger) *manifest {
		one, two := f.node(f.pages(extent{page: 0, pages: 3})), f.node(f.pages(extent{page: 2, pages: 1}))
		return f.volume(1, f.node(above(extents, 1, one, two)))
	}},
	"an extent behind the end": {"behind the end", func(f *forger) *manifest {
		m := f.volume(0, f.node(f.pages(extent{page: 0, pages: 1}, extent{page: 5, pages: 1})))
		m.volume = 5 * pageSize
		return m
	}},
	"an extent over the end": {"behind the end", func(f *forger) *manifest {
		m := f.volume(0, f.node(f.pages(extent{page: 0, pages: 3})))
		m.volume = 2 * pageSize
		return m
	}},
	"an extent over its chunk": {"over its chunk", func(f *forger) *manifest {
		n := f.pages(extent{page: 0, pages: 3})
		n.extents[0].at = 1
		return f.volume(0, f.node(n))
	}},
	"a chunk of a volume that is shorter": {"another kind or size", func(f *forger) *manifest {
		n := f.pages(extent{page: 0, pages: 1})
		n.chunks[0].size, n.extents[0].pages = 3*pageSize, 3
		return f.volume(0, f.node(n))
	}},
	"blocks without a size": {"block size is none", func(f *forger) *manifest {
		m := f.volume(0, f.node(f.pages(extent{page: 0, pages: 1})))
		m.blockSize = 0
		return m
	}},
	"blocks of less than a page": {"no such pages", func(f *forger) *manifest {
		m := f.volume(0, f.node(f.pages(extent{page: 0, pages: 1})))
		m.blockSize = 1
		return m
	}},
	"a block of another size": {"block is not one chunk", func(f *forger) *manifest {
		e := f.block(0, strings.Repeat("x", pageSize))
		e.refs = append(e.refs, f.chunk("more"))
		e.size += 4
		return &manifest{kind: Volume, root: f.node(&node{kind: Volume, entries: []entry{e}}), blockSize: pageSize, volume: 1 << 20}
	}},
	"a block far behind the end": {"behind the end", func(f *forger) *manifest {
		n := &node{kind: Volume, entries: []entry{f.block(0, "x"), f.block(1<<63, "y")}}
		return &manifest{kind: Volume, root: f.node(n), blockSize: 2 * pageSize, volume: 1 << 20}
	}},
}

// Whatever somebody who has the keys puts together wrongly: verification says that the recovery point is damaged, and that the one
// beside it is not; neither a restore nor a copy gives it for good; a collection keeps the other one. And none of them takes more
// time and memory than a tree of that many nodes: of those that double with each level there would not be enough of either.
func TestForgedTrees(t *testing.T) {
	t.Parallel()
	for name, forgery := range forgeries {
		t.Run(name, func(t *testing.T) {
			f := newForger(t)
			f.commit("sound", f.objects(0, f.node(f.leaf(f.object("sound", "content that is sound")))))
			f.commit("forged", forgery.forge(f))
			f.isFound(t, forgery.says)
			f.isRefused(t)
			f.otherIsKept(t)
		})
	}
}

func (f *forger) isFound(t *testing.T, says string) {
	t.Helper()
	rings := func(context.Context, DomainInfo) (Keyring, error) { return plainRing{}, nil }
	report, err := f.v.Verify(t.Context(), rings, VerifyOptions{})
	if err != nil || len(report.Skipped) > 0 {
		t.Fatalf("verifying: %v, %+v", err, report)
	}
	forged := f.d.info.ID + "/forged"
	if touched := report.Touched(); !slices.Equal(touched, []string{forged}) {
		t.Errorf("verification says that %q are damaged: %+v", touched, report.Damage)
	}
	if !slices.ContainsFunc(report.Damage, func(d Damage) bool {
		return strings.Contains(d.Err.Error(), says) && slices.Contains(d.Points, forged)
	}) {
		t.Errorf("verification does not say %q: %+v", says, report.Damage)
	}
}

// writerAt takes whatever is written.
type writerAt struct{}

func (writerAt) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

// restore reads all of a recovery point, in each way there is to.
func (f *forger) restore(ctx context.Context, point string) error {
	p, err := f.d.Open(ctx, point)
	if err != nil {
		return err
	}
	if p.Kind() == Volume {
		whole := p.WriteVolume(ctx, writerAt{}, nil)
		for _, err := range p.Blocks(ctx, 0) {
			if err != nil {
				break
			}
		}
		_, _ = p.ReadVolume(ctx, make([]byte, 1<<20), 0) // may be well, where it reads nothing that is wrong
		return whole
	}
	for e, err := range p.Entries(ctx, nil) {
		if err != nil {
			return err
		}
		if _, err := p.Entry(ctx, e.Key); err != nil && !errors.Is(err, ErrNoEntry) { // which leaf it is sought in, the wrong node says
			return err
		}
		if _, err := io.Copy(io.Discard, io.LimitReader(e.Open(ctx), 1<<20)); err != nil {
			return err
		}
	}
	return nil
}

func (f *forger) isRefused(t *testing.T) {
	t.Helper()
	if err := f.restore(t.Context(), "sound"); err != nil {
		t.Errorf("restoring the sound one: %v", err)
	}
	if err := f.restore(t.Context(), "forged"); !errors.Is(err, ErrDamaged) {
		t.Errorf("restoring gives %v, want ErrDamaged", err)
	}
	other, err := f.v.Domain(t.Context(), "other", plainRing{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.d.Open(t.Context(), "forged")
	if err != nil {
		return // and so it cannot be copied
	}
	if _, err := Copy(t.Context(), other, p, CopyOptions{Point: "forged"}); err == nil {
		if err := (&forger{t: t, v: f.v, d: other}).restore(t.Context(), "forged"); !errors.Is(err, ErrDamaged) {
			t.Errorf("it is copied, and restoring the copy gives %v, want ErrDamaged", err)
		}
	} else if !errors.Is(err, ErrDamaged) {
		t.Errorf("copying gives %v, want ErrDamaged", err)
	}
}

func (f *forger) otherIsKept(t *testing.T) {
	t.Helper()
	rings := func(context.Context, DomainInfo) (Keyring, error) { return plainRing{}, nil }
	for range 2 {
		if _, err := f.v.Collect(t.Context(), rings, CollectOptions{Margin: -1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.restore(t.Context(), "sound"); err != nil {
		t.Errorf("restoring the sound one after a collection: %v", err)
	}
}
