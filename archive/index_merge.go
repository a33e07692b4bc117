package archive

import "iter"

// toMerge gives the index objects that are to be replaced: those that tell of a pack that is not to be kept, and the small
// ones if there are more of them than given. A large one stays as it is, so that what a collection writes does not grow with
// what the vault has.
func (x *index) toMerge(files []objectID, keep []*knownPack, above int) (old []objectID) {
	kept := make(map[*knownPack]bool, len(keep))
	for _, p := range keep {
		kept[p] = true
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	var small []objectID
	for _, id := range files {
		f := x.files[id]
		switch {
		case f == nil:
		case !f.within(kept):
			old = append(old, id)
		case f.blobs < indexBlobs/2:
			small = append(small, id)
		}
	}
	if len(small) > above {
		old = append(old, small...)
	}
	return old
}

// within tells whether an index object tells only of packs of a set.
func (f *knownFile) within(packs map[*knownPack]bool) bool {
	for _, p := range f.packs {
		if !packs[p] {
			return false
		}
	}
	return true
}

// tablesOf gives the tables of those of the packs that some index objects tell of, in the order of the packs.
func (x *index) tablesOf(files []objectID, packs []*knownPack) iter.Seq2[*packTable, error] {
	told := map[*knownPack]bool{}
	x.mu.RLock()
	for _, id := range files {
		if f := x.files[id]; f != nil {
			for _, p := range f.packs {
				told[p] = true
			}
		}
	}
	x.mu.RUnlock()
	return func(yield func(*packTable, error) bool) {
		for _, p := range packs {
			if !told[p] {
				continue
			}
			if t, err := x.table(p); !yield(t, err) || err != nil {
				return
			}
		}
	}
}
