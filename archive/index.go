package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A location says where a blob lies.
type location struct {
	pack *knownPack
	blob *blobInfo
}

// A knownPack is a pack that the index tells of. Its table is had by [index.table].
type knownPack struct {
	id     objectID
	size   uint64 // of the object
	count  int    // blobs
	stored uint64 // of the seals of all blobs
	number uint32 // in the index
	named  int    // index objects that name it; with none it counts no more
	blobs  []blobInfo
	at     int64 // where in the cache's file its table lies, if blobs is nil
}

// A knownFile is an index object that counts.
type knownFile struct {
	supersedes []objectID
	packs      []*knownPack
	blobs      int
	round      int // of the refresh in or after which it was added
}

// A place is a location, short.
type place struct{ pack, blob uint32 } // numbers

// An index finds blobs by their ids, for one domain. All who have the domain open in this process share it. What it tells of
// lies in memory first, and when there is more than its [IndexCache] allows, in sealed files beside.
type index struct {
	cache  *IndexCache
	share  *share
	faults atomic.Uint64 // how often the files beside could not be read

	loading sync.Mutex // held while the store is read
	seen    uint64     // the faults that the last refresh has seen to; with loading

	mu     sync.RWMutex // guards the rest
	round  int          // of refreshing
	files  map[objectID]*knownFile
	broken map[objectID]error     // index objects that are there and damaged
	tombs  map[objectID]time.Time // packs that are about to be removed, and since when
	packs  map[objectID]*knownPack
	order  []*knownPack // by number; nil for those of which nothing is known any more
	blobs  int          // of all packs
	dead   int          // blobs of packs that no index object names
	recent recentBlobs
	spill  *spill // nil as long as all is recent
	stuck  int    // how many recent blobs could not be brought to files
}

func newIndex(cache *IndexCache) *index {
	x := &index{cache: cache, share: &share{cache: cache}, tombs: map[objectID]time.Time{}}
	runtime.AddCleanup(x, (*share).release, x.share)
	x.clear()
	return x
}

// clear forgets all but the tombs; x.mu is held.
func (x *index) clear() {
	x.files, x.packs, x.order, x.blobs, x.dead = map[objectID]*knownFile{}, map[objectID]*knownPack{}, nil, 0, 0
	x.share.set(0)
	x.recent = newRecent()
	x.spill.close()
	x.spill, x.stuck = nil, 0
}

// key is what a blob or an origin is looked up by: any eight bytes of a keyed hash will do.
func key(id []byte) uint64 { return binary.BigEndian.Uint64(id) }

// add takes in an index object that was just stored.
func (x *index) add(f *indexFile) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.files[f.id] != nil {
		return
	}
	known := &knownFile{round: x.round, supersedes: f.supersedes, packs: make([]*knownPack, 0, len(f.packs))}
	x.files[f.id] = known
	for i := range f.packs {
		p := x.packs[f.packs[i].id]
		switch {
		case p == nil:
			p = x.addPack(&f.packs[i])
		case p.named == 0:
			x.dead -= p.count
		}
		p.named++
		known.packs = append(known.packs, p)
		known.blobs += p.count
	}
	x.tidy()
}

// addPack takes in a pack that the index does not know; x.mu is held.
func (x *index) addPack(t *packTable) *knownPack {
	p := &knownPack{
		id: t.id, size: t.size, count: len(t.blobs), stored: t.stored(), number: uint32(len(x.order)), blobs: t.blobs,
	}
	x.packs[p.id], x.order = p, append(x.order, p)
	x.blobs += p.count
	x.addRecent(p)
	return p
}

// fault notes that the files beside cannot be read. The next refresh drops them.
func (x *index) fault(err error) {
	x.faults.Add(1)
	slog.WarnContext(context.Background(), "an archive's index is read anew", slog.String("dir", x.cache.dir), slog.Any("error", err))
}

// snapshot gives the index objects that count and the packs they tell of, each once and in the order of their ids.
func (x *index) snapshot() (files []objectID, packs []*knownPack) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for id := range x.files {
		files = append(files, id)
	}
	for _, p := range x.packs {
		if p.named > 0 {
			packs = append(packs, p)
		}
	}
	slices.SortFunc(packs, func(a, b *knownPack) int { return bytes.Compare(a.id[:], b.id[:]) })
	return files, packs
}

// table gives what lies in a pack.
func (x *index) table(p *knownPack) (*packTable, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	t := &packTable{id: p.id, size: p.size, blobs: p.blobs}
	if t.blobs != nil || p.count == 0 {
		return t, nil
	}
	if x.packs[p.id] != p || x.spill == nil {
		return nil, errIndexDropped
	}
	var err error
	if t.blobs, err = x.spill.table(p); err != nil {
		x.fault(err)
	}
	return t, err
}

// errIndexDropped says that what was had from an index is stale, because its files were damaged and it was read anew.
var errIndexDropped = errors.New("the index has been read anew meanwhile")

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
