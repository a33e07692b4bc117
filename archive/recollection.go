package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"iter"
	"maps"
	"slices"
	"time"
)

// A recollection is what a process remembers of a domain from its last collection, as long as it has the vault open. The next
// one leaves a domain alone that has nothing new, and elsewhere follows the recovery points that are new.
//
// What it says to be reached may be too much, when recovery points have gone meanwhile. It may even be too little: all that a
// recovery point is known by is its name and length. So a collection that goes by it gives tombs, which a mistake makes no
// worse, and takes none and removes no pack: see FORMAT.md, "What a collection remembers".
type recollection struct {
	opts    CollectOptions
	looked  time.Time
	idle    bool     // time alone makes nothing due
	seen    [32]byte // index objects and packs
	wrapped []byte   // the domain's data key, so that a domain made anew under the old name is another
	faults  uint64   // of the index

	traced  time.Time // when what is reached was last found out from all roots
	reads   int       // what that took
	covered map[string]coveredRoot
	live    map[objectID]*liveness // nil if nothing is known
}

// A coveredRoot is a recovery point whose tree was followed.
type coveredRoot struct {
	size   int64  // of its manifest
	stored uint64 // what writing it took, in bytes; about what goes with it
}

const (
	// freeReads is how many manifests, nodes and lists a collection may read every time.
	freeReads = 1000
	// restPerRead is how long a domain is left in peace for each one beyond. A read takes about 100 µs of a processor, and costs
	// money where the store is somebody else's.
	restPerRead = time.Second / 2
	// mostRest bounds that: what was deleted does not lie about for longer.
	mostRest = 12 * time.Hour
	// mostIdle is for how long a process believes what it remembers, at most.
	mostIdle = 24 * time.Hour
	// muchGarbage is the part of a domain's packs that is worth reading everything for, whenever it was read last: one in so many.
	muchGarbage = 8
)

// rest is how long after everything was read it may be read again, if there is not much to be had from it.
func (m *recollection) rest(free int) time.Duration {
	return min(time.Duration(max(m.reads-free, 0))*restPerRead, mostRest)
}

// recall takes what is remembered of a domain, so that it is used by one collection alone.
func (v *Vault) recall(domain objectID) *recollection {
	v.mu.Lock()
	defer v.mu.Unlock()
	m := v.collected[domain]
	delete(v.collected, domain)
	return m
}

func (v *Vault) remember(domain objectID, m *recollection) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.collected[domain] = m
}

// recollect is what is to be remembered of this collection. It was calm if it found no tomb, no trash and nobody else.
func (c *collection) recollect(calm bool) *recollection {
	young := func(id objectID) bool { return !id.created().Before(c.horizon) }
	m := &recollection{opts: c.opts, looked: c.v.opts.Clock.Now(), faults: c.faults, wrapped: c.info.Wrapped}
	m.opts.Thorough = false
	m.seen = inventory(c.files, maps.Keys(c.packs))
	m.idle = calm && len(c.tombs) == 0 && !c.missing && !c.waits && !slices.ContainsFunc(c.files, young)
	for pack := range c.packs {
		m.idle = m.idle && !young(pack)
	}
	if c.missing || c.live == nil {
		return m
	}
	m.live, m.covered, m.traced, m.reads = c.live, c.covered, m.looked, c.reads
	if !c.traced {
		m.traced, m.reads = c.before.traced, c.before.reads
	}
	return m
}

// inventory stands for some index objects and packs.
func inventory(files []objectID, packs iter.Seq[objectID]) [32]byte {
	files, all := slices.Clone(files), slices.Collect(packs)
	order := func(a, b objectID) int { return bytes.Compare(a[:], b[:]) }
	slices.SortFunc(files, order)
	slices.SortFunc(all, order)
	h := sha256.New()
	for _, id := range files {
		h.Write(id[:])
	}
	h.Write([]byte("packs"))
	for _, id := range all {
		h.Write(id[:])
	}
	return [32]byte(h.Sum(nil))
}

// believes tells whether what is remembered can be gone by at all.
func (c *collection) believes(since func(*recollection) time.Time) bool {
	m := c.before
	if m == nil || c.opts.Thorough || m.opts != c.opts || !bytes.Equal(m.wrapped, c.info.Wrapped) {
		return false
	}
	age := c.v.opts.Clock.Now().Sub(since(m))
	return age >= 0 && age < mostIdle
}

// idle tells whether a domain is as the last collection left it, which found nothing to do, and nothing that time would make
// due. New garbage needs new packs, or a deletion, which leaves trash until a collection has given the tombs. So recovery points need
// not be listed, however many there are.
func (c *collection) idle(ctx context.Context) (bool, error) {
	if !c.believes(func(m *recollection) time.Time { return m.looked }) || !c.before.idle {
		return false, nil
	}
	for _, prefix := range []string{leasePrefix(c.id), tombPrefix(c.id), trashPrefix(c.id)} {
		for _, err := range c.v.store.List(ctx, prefix) {
			return false, err
		}
	}
	files, err := c.v.listIndexes(ctx, c.id)
	if err != nil {
		return false, err
	}
	if err := c.listPacks(ctx); err != nil {
		return false, err
	}
	if inventory(files, maps.Keys(c.packs)) != c.before.seen {
		return false, nil
	}
	c.v.remember(c.id, c.before)
	c.done.Idle++
	return true, nil
}

// goesOn tells whether to go on from what is remembered, and not to read everything. That is so as long as there is nothing to be
// had from reading everything, and for a while, which depends on how much there is to read, if there is little.
func (c *collection) goesOn(roots []root) bool {
	m := c.before
	if !c.believes(func(m *recollection) time.Time { return m.traced }) || m.live == nil || m.faults != c.faults {
		return false
	}
	garbage, all := c.expected(roots)
	if c.waits {
		if rested := c.v.opts.Clock.Now().Sub(m.traced); rested >= m.rest(c.v.free) || garbage >= all/muchGarbage {
			return false
		}
	}
	return c.settle()
}

// expected is about how many bytes of all would go if everything was read. If there is anything, the collection waits for that.
func (c *collection) expected(roots []root) (garbage, all uint64) {
	there := make(map[string]bool, len(roots))
	for _, r := range roots {
		there[r.point] = true
	}
	for point, r := range c.before.covered {
		if !there[point] {
			c.waits = true
			garbage += r.stored
		}
	}
	for pack := range c.tombs { // also of packs that the index does not tell of
		c.waits = c.waits || c.ripe(pack)
	}
	_, packs := c.d.index.snapshot()
	for _, p := range packs {
		all += p.size
		if c.ripe(p.id) {
			garbage += p.size
		}
	}
	return garbage, all
}

// settle follows what was reached to where collections have moved it. It tells whether all was found.
func (c *collection) settle() bool {
	c.live = c.before.live
	for _, pack := range slices.Collect(maps.Keys(c.live)) {
		p, stays := c.d.index.pack(pack)
		if p == nil {
			return false
		}
		if stays {
			continue
		}
		l := c.live[pack]
		delete(c.live, pack)
		t, err := c.d.index.table(p)
		if err != nil {
			return false
		}
		for i := range t.blobs {
			if !l.blobs.has(uint32(i)) {
				continue
			}
			if !c.d.index.stays(t.blobs[i].id) {
				return false // it is to have its place again, which takes tracing
			}
			if at, ok := c.d.index.find(t.blobs[i].id); ok {
				c.add(at)
			}
		}
	}
	return true
}
