package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
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

// recentBlobs are those that are in memory.
type recentBlobs struct {
	count   int
	byID    map[uint64]place
	more    map[ID][]place // further places of blobs that are in byID, and blobs whose place there is taken
	origins map[uint64]place
}

func newRecent() recentBlobs {
	return recentBlobs{byID: map[uint64]place{}, more: map[ID][]place{}, origins: map[uint64]place{}}
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

// refresh reads what the store has that the index has not. Tombs are read before index objects: whoever sees an index
// object that names a pack sees the pack's tomb too, if it has one, because tombs go last. While packs come and go, both the
// tombs there were and those there are count.
func (x *index) refresh(ctx context.Context, d *Domain) error {
	_, err := x.refreshed(ctx, d)
	return err
}

// refreshed is refresh for who draws conclusions from what is not found: as long as x.faults is what it gives, the index has been
// whole since, and its packs are the same ones.
func (x *index) refreshed(ctx context.Context, d *Domain) (faults uint64, err error) {
	x.loading.Lock()
	defer x.loading.Unlock()
	tombs, err := d.vault.listTombs(ctx, d.id())
	if err != nil {
		return 0, err
	}
	x.begin(tombs)
	for {
		files, superseded, broken, err := x.readFiles(ctx, d)
		if errors.Is(err, ErrNotExist) {
			continue // an object that was listed has been superseded and removed; what supersedes it is listed now
		} else if err != nil {
			return 0, fmt.Errorf("reading the index of the domain %s: %w", d.id(), err)
		}
		x.finish(files, superseded, tombs)
		x.note(ctx, broken)
		return x.seen, nil
	}
}

// begin adds tombs to those that are known, and drops what lies in damaged files.
func (x *index) begin(tombs map[objectID]time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if faults := x.faults.Load(); faults != x.seen {
		x.seen = faults
		x.clear()
	}
	both := maps.Clone(x.tombs)
	maps.Copy(both, tombs)
	x.tombs = both
	x.round++
}

// indexReads is how many index objects are read at once.
const indexReads = 8

// readFiles takes in the index objects that are new, and gives all that count and those that are superseded. They are read
// from the newest on, because it is the newer ones that say which of the older are not worth reading. What only damaged ones
// told of is found in the packs; see rescue.go.
func (x *index) readFiles(ctx context.Context, d *Domain) (files, superseded map[objectID]bool, broken map[objectID]error, err error) {
	ids, err := d.vault.listIndexes(ctx, d.id())
	if err != nil {
		return nil, nil, nil, err
	}
	slices.SortFunc(ids, func(a, b objectID) int { return bytes.Compare(b[:], a[:]) })
	files, superseded = map[objectID]bool{}, map[objectID]bool{}
	note := func(id objectID, supersedes []objectID) {
		files[id] = true
		for _, s := range supersedes {
			superseded[s] = true
		}
	}
	unread := slices.DeleteFunc(ids, func(id objectID) bool {
		f := x.file(id)
		if f != nil {
			note(id, f.supersedes)
		}
		return f != nil
	})
	broken = map[objectID]error{}
	for len(unread) > 0 {
		var batch []objectID
		for len(unread) > 0 && len(batch) < indexReads {
			if !superseded[unread[0]] {
				batch = append(batch, unread[0])
			}
			unread = unread[1:]
		}
		read, damage, err := d.readIndexFiles(ctx, batch)
		if err != nil {
			return nil, nil, nil, err
		}
		maps.Copy(broken, damage)
		for _, f := range read {
			note(f.id, f.supersedes)
			x.add(f)
		}
	}
	for id := range superseded {
		delete(files, id)
		delete(broken, id)
	}
	for _, err := range broken {
		if !errors.Is(err, ErrDamaged) {
			return nil, nil, nil, err
		}
	}
	return files, superseded, broken, nil
}

// readIndexFiles reads index objects, and says of some that they are damaged.
func (d *Domain) readIndexFiles(ctx context.Context, ids []objectID) (files []*indexFile, broken map[objectID]error, err error) {
	read, damage := make([]*indexFile, len(ids)), make([]error, len(ids))
	group, ctx := errgroup.WithContext(ctx)
	for i, id := range ids {
		group.Go(func() (err error) {
			read[i], err = d.readIndexFile(ctx, id)
			if errors.Is(err, ErrDamaged) || errors.Is(err, ErrVersion) {
				damage[i], err = err, nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	broken = map[objectID]error{}
	for i, id := range ids {
		if damage[i] != nil {
			broken[id] = damage[i]
		} else {
			files = append(files, read[i])
		}
	}
	return files, broken, nil
}

// readIndexFile reads an index object.
func (d *Domain) readIndexFile(ctx context.Context, id objectID) (*indexFile, error) {
	name := indexName(d.id(), id)
	data, err := readObject(ctx, d.vault.store, name, maxIndex)
	if err != nil {
		return nil, err
	}
	f, err := parseIndexFile(d.keys, id, data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

func (x *index) file(id objectID) *knownFile {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.files[id]
}

// finish leaves out the index objects that no longer count, and then the tombs that are no longer there. What was added since
// the index objects were listed stays.
func (x *index) finish(files, superseded map[objectID]bool, tombs map[objectID]time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for id, f := range x.files {
		if files[id] || f.round == x.round && !superseded[id] {
			continue
		}
		delete(x.files, id)
		for _, p := range f.packs {
			if p.named--; p.named == 0 {
				x.dead += p.count
			}
		}
	}
	x.tombs = tombs
	x.tidy()
}

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

func (x *index) addRecent(p *knownPack) {
	r := &x.recent
	r.count += p.count
	x.share.set(r.count)
	for i := range p.blobs {
		b, at := &p.blobs[i], place{p.number, uint32(i)}
		if _, taken := r.byID[key(b.id[:])]; taken {
			r.more[b.id] = append(r.more[b.id], at)
		} else {
			r.byID[key(b.id[:])] = at
		}
		if b.flags&flagOrigin != 0 {
			r.origins[key(b.origin[:])] = at
		}
	}
}

// deadBlobs is how many blobs that count no more it takes at least to begin anew without them.
const deadBlobs = 4 << 10

// tidy forgets packs that no index object names when most blobs lie in such, and brings blobs to files when they are too
// many for memory; x.mu is held.
func (x *index) tidy() {
	if x.dead > deadBlobs && x.dead > x.blobs/2 {
		x.forgetDead()
	}
	if x.recent.count > 2*x.stuck && x.cache.full(x.recent.count) {
		x.spillRecent()
	}
}

// forgetDead forgets the packs that no index object names.
func (x *index) forgetDead() {
	for id, p := range x.packs {
		if p.named == 0 {
			delete(x.packs, id)
			x.order[p.number] = nil
			x.blobs -= p.count
		}
	}
	x.dead = 0
	x.share.set(0)
	x.recent = newRecent()
	for _, p := range x.packs {
		if p.blobs != nil {
			x.addRecent(p)
		}
	}
	if x.spill == nil {
		return
	}
	if err := x.spill.rewrite(x.order); err != nil {
		x.fault(err)
	}
}

// spillRecent brings the blobs that are in memory to files. If they cannot be written, on a full disk say, memory has to do.
func (x *index) spillRecent() {
	if x.spill == nil {
		x.spill = newSpill(x.cache.dir)
	}
	var packs []*knownPack
	for _, p := range x.order {
		if p != nil && p.blobs != nil {
			packs = append(packs, p)
		}
	}
	if err := x.spill.add(packs, x.order); err != nil {
		slog.Warn("an archive's index stays in memory", slog.String("dir", x.cache.dir), slog.Any("error", err))
		x.stuck = x.recent.count
		return
	}
	x.stuck = 0
	for _, p := range packs {
		p.blobs = nil
	}
	x.share.set(0)
	x.recent = newRecent()
}

// fault notes that the files beside cannot be read. The next refresh drops them.
func (x *index) fault(err error) {
	x.faults.Add(1)
	slog.Warn("an archive's index is read anew", slog.String("dir", x.cache.dir), slog.Any("error", err))
}

// each visits all places of a blob that count; x.mu is held.
func (x *index) each(id ID, visit func(location)) {
	short := key(id[:])
	if at, ok := x.recent.byID[short]; ok {
		x.visitRecent(id, at, visit)
		for _, at := range x.recent.more[id] {
			x.visitRecent(id, at, visit)
		}
	}
	if x.spill == nil {
		return
	}
	err := x.spill.find(x.spill.ids, short, func(at place) error {
		p := x.order[at.pack]
		if p == nil || p.named == 0 {
			return nil
		}
		b, err := x.spill.blob(p, at.blob)
		if err == nil && b.id == id {
			visit(location{p, &b})
		}
		return err
	})
	if err != nil {
		x.fault(err)
	}
}

func (x *index) visitRecent(id ID, at place, visit func(location)) {
	p := x.order[at.pack]
	if p != nil && p.named > 0 && p.blobs[at.blob].id == id {
		visit(location{p, &p.blobs[at.blob]})
	}
}

// find gives the place of a blob. If the blob lies in several packs, the one counts that is to stay, and among those the
// oldest, so that all who know the same packs and tombs find the same.
//
// If the files beside cannot be read the blob is not found, and x.faults has grown.
func (x *index) find(id ID) (at location, ok bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.findLocked(id)
}

func (x *index) findLocked(id ID) (at location, ok bool) {
	x.each(id, func(other location) {
		if !ok || x.preferred(other, at) {
			at, ok = other, true
		}
	})
	return at, ok
}

// places gives all places of a blob, the one that counts first.
func (x *index) places(id ID) (all []location) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	x.each(id, func(at location) { all = append(all, at) })
	slices.SortFunc(all, func(a, b location) int {
		if x.preferred(a, b) {
			return -1
		}
		return 1
	})
	return all
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
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.staysLocked(id)
}

func (x *index) staysLocked(id ID) bool {
	at, ok := x.findLocked(id)
	return ok && x.tombs[at.pack.id].IsZero()
}

// copied gives the blob that was copied from the one with this origin, if it is there and stays.
func (x *index) copied(o origin) (id ID, ok bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	short := key(o[:])
	if at, found := x.recent.origins[short]; found {
		if p := x.order[at.pack]; p != nil && p.named > 0 && p.blobs[at.blob].origin == o {
			id, ok = p.blobs[at.blob].id, true
		}
	}
	if !ok && x.spill != nil {
		err := x.spill.find(x.spill.origins, short, func(at place) error {
			p := x.order[at.pack]
			if ok || p == nil || p.named == 0 {
				return nil
			}
			b, err := x.spill.blob(p, at.blob)
			if err == nil && b.origin == o {
				id, ok = b.id, true
			}
			return err
		})
		if err != nil {
			x.fault(err)
		}
	}
	if !ok || !x.staysLocked(id) {
		return ID{}, false
	}
	return id, true
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
