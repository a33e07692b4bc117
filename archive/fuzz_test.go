package archive

import (
	"bytes"
	"crypto/sha256"
	"math/bits"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// A node that is accepted encodes to the same bytes.
func FuzzNode(f *testing.F) {
	leaf := node{kind: Objects, entries: []entry{
		{key: []byte("a"), meta: []byte("m"), size: 7, refs: []ref{{ID{1}, 3}, {ID{2}, 4}}},
		{key: []byte("b")},
	}}
	above := node{kind: Volume, level: 1, children: []child{{first: make([]byte, 8), id: ID{3}, entries: 2, size: 9, origin: origin{4}}}}
	pages := node{kind: extents, chunks: []ref{{ID{1}, 40960}, {ID{2}, 5000}}, extents: []extent{
		{page: 3, pages: 2, chunk: 0, at: 8}, {page: 5, pages: 2, chunk: 1}, {page: 8191, pages: 1, chunk: 0}, {page: 8192, pages: 1, chunk: 1},
	}}
	f.Add(leaf.encode(nil))
	f.Add(above.encode(nil))
	f.Add(pages.encode(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := parseNode(data)
		if err == nil && !bytes.Equal(n.encode(nil), data) {
			t.Errorf("%x encodes to %x", data, n.encode(nil))
		}
		if err == nil && n.kind == extents && n.level == 0 {
			checkSpans(t, n)
		}
	})
}

// checkSpans makes sure of what readers of a leaf of extents rely on.
func checkSpans(t *testing.T, n *node) {
	spans, err := n.spans(0)
	if err != nil {
		t.Fatal(err)
	}
	var last uint64
	for i := range spans {
		s := &spans[i]
		if s.page < last || s.pages == 0 || s.at+s.pages > pagesOf(s.chunk.size) || s.page>>regionBits != (s.end()-1)>>regionBits {
			t.Errorf("%+v is accepted, after what ends at %d", s, last)
		}
		last = s.end()
	}
}

// A chunk list that is accepted encodes to the same bytes.
func FuzzChunkList(f *testing.F) {
	f.Add((&chunkList{depth: 1, refs: []ref{{ID{1}, 300}, {ID{2}, 1}}}).encode(nil), uint64(301))
	f.Fuzz(func(t *testing.T, data []byte, size uint64) {
		l, err := parseChunkList(data, size)
		if err == nil && (!bytes.Equal(l.encode(nil), data) || l.size() != size) {
			t.Errorf("%x encodes to %x", data, l.encode(nil))
		}
	})
}

// The inside of a manifest that is accepted encodes to the same bytes, and so does its header.
func FuzzManifest(f *testing.F) {
	m := manifest{kind: Volume, level: 2, blockSize: 4096, volume: 1 << 40, newBytes: 5, parent: "p", metadata: []byte("{}")}
	m.root = child{id: ID{1}, entries: 3, size: 4, origin: origin{9}}
	m.header.created = time.UnixMilli(1700000000000)
	m.header.version = formatVersion
	f.Add(m.header.append(nil), m.encodePlain(nil))
	m.kind, m.header.version = extents, extentsVersion
	f.Add(m.header.append(nil), m.encodePlain(nil))
	f.Fuzz(func(t *testing.T, header, plain []byte) {
		if h, err := parseManifestHeader(header); err == nil && !bytes.Equal(h.append(nil), header[:manifestHeaderSize]) {
			t.Errorf("the header %x encodes to %x", header, h.append(nil))
		}
		if m, err := parseManifestPlain(plain); err == nil && !bytes.Equal(m.encodePlain(nil), plain) {
			t.Errorf("%x encodes to %x", plain, m.encodePlain(nil))
		}
	})
}

// The inside of an index object that is accepted encodes to the same bytes.
func FuzzIndex(f *testing.F) {
	k := newKeys("vault", objectID{1}, make([]byte, 32))
	index := indexFile{supersedes: []objectID{{7}}, packs: []packTable{{id: objectID{8}, size: 1000, blobs: []blobInfo{
		{id: ID{1}, kind: chunkBlob, offset: packHeaderSize, stored: 26, size: 10},
		{id: ID{2}, kind: nodeBlob, flags: flagCompressed | flagOrigin, number: 1, offset: packHeaderSize + 26, stored: 20, size: 99, origin: origin{3}},
	}}}}
	inside := func(x *indexFile) []byte {
		plain, err := k.sealer(indexObject, x.id[:]).open(nil, wholePiece, x.encode(k)[packHeaderSize:], nil)
		if err != nil {
			panic("archive: what was sealed does not open: " + err.Error())
		}
		return plain
	}
	f.Add(inside(&index))
	f.Fuzz(func(t *testing.T, data []byte) {
		var x indexFile
		if x.parse(data) == nil && !bytes.Equal(inside(&x), data) {
			t.Errorf("%x encodes to %x", data, inside(&x))
		}
	})
}

// A pack of any blobs reads back, and a pack of which any byte differs is not accepted with another content.
func FuzzPack(f *testing.F) {
	f.Add([]byte("some content that is long enough to be compressed, long enough, long enough"), []byte{}, uint16(50), byte(1))
	k := newKeys("vault", objectID{1}, bytes.Repeat([]byte{7}, 32))
	c := newCodec(zstd.SpeedFastest, nil)
	f.Fuzz(func(t *testing.T, first, second []byte, at uint16, change byte) {
		id := objectID{2}
		s := k.sealer(packObject, id[:])
		pack := appendPackHeader(nil, k.domain, id)
		var blobs []blobInfo
		for i, plain := range [][]byte{first, second} {
			b := blobInfo{id: k.id(chunkBlob, plain), kind: chunkBlob, number: uint32(i), offset: uint32(len(pack)), size: uint32(len(plain))}
			payload, pays := c.compress(nil, plain)
			if pays {
				b.flags = flagCompressed
			} else {
				payload = plain
			}
			pack = s.seal(pack, uint64(i), payload, b.about(nil))
			b.stored = uint32(len(pack)) - b.offset
			blobs = append(blobs, b)
		}
		pack = appendPackFooter(pack, s, blobs)
		open := func(pack []byte) (contents [][]byte, ok bool) {
			if err := checkHeader(pack, appendPackHeader(nil, k.domain, id)); err != nil {
				return nil, false
			}
			blobs, err := parsePackEnd(k, id, pack, int64(len(pack)))
			if err != nil {
				return nil, false
			}
			for i := range blobs {
				b := &blobs[i]
				payload, err := s.open(nil, uint64(i), pack[b.offset:][:b.stored], b.about(nil))
				if err == nil && b.flags&flagCompressed != 0 {
					payload, err = c.decompress(nil, payload, int(b.size))
				}
				if err != nil {
					return nil, false
				}
				contents = append(contents, payload)
			}
			return contents, true
		}
		contents, ok := open(pack)
		if !ok || len(contents) != 2 || !bytes.Equal(contents[0], first) || !bytes.Equal(contents[1], second) {
			t.Fatal("a pack does not read back")
		}
		if change != 0 {
			pack[int(at)%len(pack)] ^= change
			if _, ok := open(pack); ok {
				t.Errorf("a pack opens although byte %d is another", int(at)%len(pack))
			}
		}
	})
}

// A chunker cuts where the format says, however the content comes.
func FuzzCut(f *testing.F) {
	f.Add([]byte("seed"), uint32(3<<20), uint32(256<<10))
	f.Add([]byte("another seed"), uint32(9<<20), uint32(300_001))
	f.Add([]byte{}, uint32(5<<20), uint32(5<<20))
	gear := newKeys("vault", objectID{1}, make([]byte, 32)).gear
	f.Fuzz(func(t *testing.T, seed []byte, n, piece uint32) {
		data := make([]byte, n%(10<<20))
		_, _ = rand.NewChaCha8(sha256.Sum256(seed)).Read(data)
		copy(data[len(data)/2:], bytes.Repeat(append(seed, 1), len(data)/2/(len(seed)+1))) // no hash ends that
		step := 1<<16 + int(piece%(8<<20))
		c := cutter{gear: gear}
		for len(data) > 0 {
			got := 0
			for have := 0; got == 0 && have < len(data); {
				have = min(have+step, len(data))
				got = c.next(data[:have])
			}
			if got == 0 {
				got = len(data)
			}
			if want := cut(gear, data); got != want {
				t.Fatalf("cut %d bytes of %d, want %d", got, len(data), want)
			}
			data = data[got:]
		}
	})
}

// cut gives the length of the first chunk, as FORMAT.md says it.
func cut(gear *[256]uint64, data []byte) int {
	var h uint64
	for i := minChunk; i < min(len(data), maxChunk); i++ {
		h = h<<1 + gear[data[i]]
		if zeros := bits.LeadingZeros64(h); zeros >= 21 || zeros >= 18 && i >= avgChunk {
			return i + 1
		}
	}
	return min(len(data), maxChunk)
}
