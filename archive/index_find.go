package archive

import (
	"bytes"
	"slices"
)

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

// pack gives a pack that the index tells of, or nil, and whether it is not about to be removed.
func (x *index) pack(id objectID) (p *knownPack, stays bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if p = x.packs[id]; p == nil || p.named == 0 {
		return nil, false
	}
	return p, x.tombs[id].IsZero()
}
