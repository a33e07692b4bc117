package archive

import "encoding/binary"

const (
	indexMagic = "SRIX"
	// indexBlobs is how many blobs an index object tells of, about.
	indexBlobs = 64 << 10
	maxIndex   = 64 << 20 // bytes
)

// A packTable says what lies in a pack.
type packTable struct {
	id    objectID
	size  uint64
	blobs []blobInfo
}

// stored is the length of all blobs in the pack.
func (t *packTable) stored() (n uint64) {
	for i := range t.blobs {
		n += uint64(t.blobs[i].stored)
	}
	return n
}

// An indexFile is an object that repeats the tables of packs, so that one need not read the end of each.
type indexFile struct {
	id         objectID
	supersedes []objectID // index objects whose packs this and earlier ones tell of again, as far as they still count
	packs      []packTable
}

// encode gives the index object: a header as of packs, and the sealed rest.
func (f *indexFile) encode(k *keys) []byte {
	length := 8 + 16*len(f.supersedes)
	for i := range f.packs {
		length += 28 + len(f.packs[i].blobs)*blobInfoSize
	}
	plain := binary.BigEndian.AppendUint32(make([]byte, 0, length), uint32(len(f.supersedes)))
	for _, id := range f.supersedes {
		plain = append(plain, id[:]...)
	}
	plain = binary.BigEndian.AppendUint32(plain, uint32(len(f.packs)))
	for i := range f.packs {
		p := &f.packs[i]
		plain = append(plain, p.id[:]...)
		plain = binary.BigEndian.AppendUint64(plain, p.size)
		plain = appendBlobTable(plain, p.blobs)
	}
	header := appendIndexHeader(make([]byte, 0, packHeaderSize+length+tagSize), k.domain, f.id)
	return k.sealer(indexObject, f.id[:]).seal(header, wholePiece, plain, nil)
}

func appendIndexHeader(dst []byte, domain, id objectID) []byte {
	dst = appendPackHeader(dst, domain, id)
	copy(dst[len(dst)-packHeaderSize:], indexMagic)
	return dst
}

func parseIndexFile(k *keys, id objectID, data []byte) (*indexFile, error) {
	if err := checkHeader(data, appendIndexHeader(nil, k.domain, id)); err != nil {
		return nil, err
	}
	plain, err := k.sealer(indexObject, id[:]).open(nil, wholePiece, data[packHeaderSize:], nil)
	if err != nil {
		return nil, err
	}
	f := &indexFile{id: id}
	return f, f.parse(plain)
}

func (f *indexFile) parse(plain []byte) error {
	d := decoder{rest: plain}
	supersedes := d.count(16)
	for range supersedes {
		f.supersedes = append(f.supersedes, objectID(d.take(16)))
	}
	packs := d.count(28)
	for range packs {
		if d.err != nil {
			break
		}
		head := d.take(16)
		if head == nil {
			break
		}
		t := packTable{id: objectID(head), size: d.uint64()}
		blobs, rest, err := parseBlobTable(d.rest)
		if err != nil {
			return err
		}
		t.blobs, d.rest = blobs, rest
		f.packs = append(f.packs, t)
	}
	return d.end()
}

// count takes a number of things of at least size bytes each.
func (d *decoder) count(size int) int {
	b := d.take(4)
	if b == nil {
		return 0
	}
	n := int(binary.BigEndian.Uint32(b))
	if n > len(d.rest)/size {
		d.fail("it ends early")
		return 0
	}
	return n
}
