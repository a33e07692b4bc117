package archive

import "encoding/binary"

// blobKind tells what a blob of a pack is.
type blobKind byte

const (
	chunkBlob blobKind = 1 // a piece of an entry's content
	nodeBlob  blobKind = 2 // a node of a recovery point's tree
	listBlob  blobKind = 3 // a part of a long list of chunks
)

func (k blobKind) valid() bool { return k >= chunkBlob && k <= listBlob }

// String is the kind in words.
func (k blobKind) String() string {
	switch k {
	case chunkBlob:
		return "chunk"
	case nodeBlob:
		return "node"
	case listBlob:
		return "chunk list"
	}
	return "unknown blob"
}

// maxBlob is the largest plaintext of a blob, in bytes.
const maxBlob = 16 << 20

const (
	flagCompressed = 1 << 0 // what is sealed is a zstd frame
	flagOrigin     = 1 << 1 // the blob was copied from another domain, and its origin is known
)

// A blobInfo says what a blob is and where in its pack it lies.
type blobInfo struct {
	id     ID
	kind   blobKind
	flags  byte
	number uint32 // of the blob in its pack, from 0
	offset uint32 // of its seal in the pack
	stored uint32 // length of the seal
	size   uint32 // length of the plaintext
	origin origin // valid with flagOrigin
}

const blobInfoSize = 32 + 1 + 1 + 4 + 4 + 4 + 16

func (b *blobInfo) append(dst []byte) []byte {
	dst = append(dst, b.id[:]...)
	dst = append(dst, byte(b.kind), b.flags)
	dst = binary.BigEndian.AppendUint32(dst, b.offset)
	dst = binary.BigEndian.AppendUint32(dst, b.stored)
	dst = binary.BigEndian.AppendUint32(dst, b.size)
	return append(dst, b.origin[:]...)
}

// parse decodes what append encoded, but for the number.
func (b *blobInfo) parse(p []byte) {
	copy(b.id[:], p)
	b.kind, b.flags = blobKind(p[32]), p[33]
	b.offset = binary.BigEndian.Uint32(p[34:])
	b.stored = binary.BigEndian.Uint32(p[38:])
	b.size = binary.BigEndian.Uint32(p[42:])
	copy(b.origin[:], p[46:])
}

// about is what a blob's seal is bound to besides its pack and number.
func (b *blobInfo) about(dst []byte) []byte {
	dst = append(dst, b.id[:]...)
	dst = append(dst, byte(b.kind), b.flags&flagCompressed)
	return binary.BigEndian.AppendUint32(dst, b.size)
}

// appendBlobTable encodes the table of a pack: the number of its blobs and each of them in the order they lie.
func appendBlobTable(dst []byte, blobs []blobInfo) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(blobs)))
	for i := range blobs {
		dst = blobs[i].append(dst)
	}
	return dst
}

// parseBlobTable decodes the table of a pack and gives what follows it. It accepts only tables of blobs that lie side
// by side from the pack's header on.
func parseBlobTable(p []byte) (blobs []blobInfo, rest []byte, err error) {
	if len(p) < 4 {
		return nil, nil, damaged("a pack's table ends early")
	}
	n := uint64(binary.BigEndian.Uint32(p))
	p = p[4:]
	if uint64(len(p)) < n*blobInfoSize {
		return nil, nil, damaged("a pack's table ends early")
	}
	blobs = make([]blobInfo, n)
	next := uint64(packHeaderSize)
	for i := range blobs {
		b := &blobs[i]
		b.parse(p)
		b.number = uint32(i)
		p = p[blobInfoSize:]
		switch {
		case !b.kind.valid() || b.flags&^(flagCompressed|flagOrigin) != 0:
			return nil, nil, damaged("a pack's table names an unknown kind of blob")
		case b.flags&flagOrigin == 0 && b.origin != origin{}:
			return nil, nil, damaged("a pack's table names an origin that is none")
		case uint64(b.offset) != next || b.stored < tagSize || b.size > maxBlob:
			return nil, nil, damaged("a pack's table does not fit together")
		case b.flags&flagCompressed == 0 && b.stored != b.size+tagSize:
			return nil, nil, damaged("a pack's table does not fit together")
		}
		next += uint64(b.stored)
	}
	return blobs, p, nil
}
