package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

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
	plain := binary.BigEndian.AppendUint32(nil, uint32(len(f.supersedes)))
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
	header := appendIndexHeader(nil, k.domain, f.id)
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

// A location says where a blob lies.
type location struct {
	pack *packTable
	blob *blobInfo
}

// An index finds blobs by their ids, for one domain. All who have the domain open in this process share it.
type index struct {
	loading sync.Mutex // held while the store is read

	mu      sync.RWMutex // guards the rest
	files   map[objectID]*indexFile
	tombs   map[objectID]time.Time // packs that are about to be removed, and since when
	packs   map[objectID]bool
	byID    map[uint64]location
	more    map[ID][]location // further places of blobs that are in byID, and blobs whose place there is taken
	origins map[uint64]location
}

func newIndex() *index {
	x := &index{files: map[objectID]*indexFile{}, tombs: map[objectID]time.Time{}}
	x.clear()
	return x
}

func (x *index) clear() {
	x.packs, x.byID, x.more = map[objectID]bool{}, map[uint64]location{}, map[ID][]location{}
	x.origins = map[uint64]location{}
}

// refresh reads what the store has that the index has not. Tombs are read before index objects: whoever sees an index
// object that names a pack sees the pack's tomb too, if it has one, because tombs go last.
func (x *index) refresh(ctx context.Context, d *Domain) error {
	x.loading.Lock()
	defer x.loading.Unlock()
	tombs, err := d.vault.listTombs(ctx, d.id())
	if err != nil {
		return err
	}
	for {
		files, err := x.readFiles(ctx, d)
		if errors.Is(err, ErrNotExist) {
			continue // an object that was listed has been superseded and removed; what supersedes it is listed now
		} else if err != nil {
			return fmt.Errorf("reading the index of the domain %s: %w", d.id(), err)
		}
		x.replace(files, tombs)
		return nil
	}
}

// readFiles gives all index objects that count.
func (x *index) readFiles(ctx context.Context, d *Domain) (map[objectID]*indexFile, error) {
	files, broken := map[objectID]*indexFile{}, map[objectID]error{}
	prefix := indexPrefix(d.id())
	for object, err := range d.vault.store.List(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		id, err := parseObjectID(strings.TrimPrefix(object.Name, prefix))
		if err != nil {
			return nil, err
		}
		if f := x.file(id); f != nil {
			files[id] = f
			continue
		}
		data, err := readObject(ctx, d.vault.store, object.Name, maxIndex)
		if err != nil {
			return nil, err
		}
		f, err := parseIndexFile(d.keys, id, data)
		if err != nil {
			broken[id] = fmt.Errorf("%s: %w", object.Name, err)
			continue
		}
		files[id] = f
	}
	var superseded []objectID
	for _, f := range files {
		superseded = append(superseded, f.supersedes...)
	}
	for _, id := range superseded {
		delete(files, id)
		delete(broken, id)
	}
	for _, err := range broken {
		return nil, err
	}
	return files, nil
}

func (x *index) file(id objectID) *indexFile {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.files[id]
}

func (x *index) replace(files map[objectID]*indexFile, tombs map[objectID]time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tombs = tombs
	for id := range x.files {
		if files[id] == nil { // something went: begin anew
			x.files = map[objectID]*indexFile{}
			x.clear()
			break
		}
	}
	for _, f := range files {
		x.addLocked(f)
	}
}

// add takes in an index object that was just stored.
func (x *index) add(f *indexFile) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.addLocked(f)
}

func (x *index) addLocked(f *indexFile) {
	if x.files[f.id] != nil {
		return
	}
	x.files[f.id] = f
	for i := range f.packs {
		p := &f.packs[i]
		if x.packs[p.id] {
			continue
		}
		x.packs[p.id] = true
		for j := range p.blobs {
			b := &p.blobs[j]
			at := location{p, b}
			short := binary.LittleEndian.Uint64(b.id[:])
			if _, taken := x.byID[short]; taken {
				x.more[b.id] = append(x.more[b.id], at)
			} else {
				x.byID[short] = at
			}
			if b.flags&flagOrigin != 0 {
				x.origins[binary.LittleEndian.Uint64(b.origin[:])] = at
			}
		}
	}
}

// find gives the place of a blob. If the blob lies in several packs, the one counts that is to stay, and among those the
// oldest, so that all who know the same packs and tombs find the same.
func (x *index) find(id ID) (at location, ok bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	at, ok = x.byID[binary.LittleEndian.Uint64(id[:])]
	ok = ok && at.blob.id == id
	for _, other := range x.more[id] {
		if !ok || x.preferred(other, at) {
			at, ok = other, true
		}
	}
	return at, ok
}

// preferred tells whether a blob is rather to be taken from a than from b; x.mu is held.
func (x *index) preferred(a, b location) bool {
	stays, other := x.tombs[a.pack.id].IsZero(), x.tombs[b.pack.id].IsZero()
	if stays != other {
		return stays
	}
	return bytes.Compare(a.pack.id[:], b.pack.id[:]) < 0
}

// stays tells whether a blob lies in a pack that is not about to be removed, so that a writer may rely on it.
func (x *index) stays(id ID) bool {
	at, ok := x.find(id)
	if !ok {
		return false
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.tombs[at.pack.id].IsZero()
}

// copied gives the blob that was copied from the one with this origin, if it is there and stays.
func (x *index) copied(o origin) (id ID, ok bool) {
	x.mu.RLock()
	at, ok := x.origins[binary.LittleEndian.Uint64(o[:])]
	x.mu.RUnlock()
	if !ok || at.blob.origin != o || !x.stays(at.blob.id) {
		return ID{}, false
	}
	return at.blob.id, true
}

// snapshot gives the index objects that count and the packs they tell of, each once and in the order of their ids.
func (x *index) snapshot() (files []objectID, packs []*packTable) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	seen := map[objectID]bool{}
	for id, f := range x.files {
		files = append(files, id)
		for i := range f.packs {
			if p := &f.packs[i]; !seen[p.id] {
				seen[p.id] = true
				packs = append(packs, p)
			}
		}
	}
	slices.SortFunc(packs, func(a, b *packTable) int { return bytes.Compare(a.id[:], b.id[:]) })
	return files, packs
}

// supersededBy gives what some of the index objects supersede.
func (x *index) supersededBy(files []objectID) (superseded []objectID) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, id := range files {
		if f := x.files[id]; f != nil {
			superseded = append(superseded, f.supersedes...)
		}
	}
	return superseded
}
