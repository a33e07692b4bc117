package archive

import (
	"context"
	"log/slog"
)

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
		slog.WarnContext(context.Background(), "an archive's index stays in memory", slog.String("dir", x.cache.dir), slog.Any("error", err))
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
