package archive

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// CollectOptions say how a collection goes about.
type CollectOptions struct {
	// Margin is how long what has become garbage lies before it is removed, counted from the beginning of the oldest writer
	// at work. It must exceed the differences between the clocks of those who write to the vault. Default: one hour;
	// negative for none, where one process alone has the vault.
	Margin time.Duration
	// Repack is the share of a pack's blobs, in bytes, below which what is still needed of it moves to another. Default: a
	// half; negative for never.
	Repack float64
	// MergeAbove is the number of index objects above which they are merged. Default: 32.
	MergeAbove int
}

func (o CollectOptions) withDefaults() CollectOptions {
	switch {
	case o.Margin == 0:
		o.Margin = time.Hour
	case o.Margin < 0:
		o.Margin = 0
	}
	if o.Repack == 0 {
		o.Repack = 0.5
	}
	if o.MergeAbove <= 0 {
		o.MergeAbove = 32
	}
	return o
}

// Collected says what a collection did.
type Collected struct {
	Marked   int    // packs found to be garbage; a later collection removes them
	Spared   int    // packs that were marked and turned out to be needed
	Removed  int    // packs that were removed
	Freed    uint64 // bytes of them
	Repacked int    // packs whose rest was moved
	Skipped  []Skipped
}

// Collect removes what no recovery point reaches. It goes in two steps, a margin apart: a pack that is garbage is marked,
// from when on writers do not rely on it; a later collection removes it if it still is. It may run beside writers, readers
// and other collections; FORMAT.md says why.
//
// A domain whose key cannot be had is left as it is, unless nothing of it is left to keep.
func (v *Vault) Collect(ctx context.Context, rings Rings, opts CollectOptions) (Collected, error) {
	domains, err := v.Domains(ctx)
	if err != nil {
		return Collected{}, fmt.Errorf("collecting: %w", err)
	}
	var all Collected
	for _, info := range domains {
		c := collection{v: v, opts: opts.withDefaults(), info: info, done: &all}
		err := c.run(ctx, rings)
		if ctx.Err() != nil {
			return all, ctx.Err()
		}
		if err != nil {
			all.Skipped = append(all.Skipped, Skipped{info, err})
		}
	}
	return all, nil
}

// A collection goes through one domain.
type collection struct {
	v    *Vault
	opts CollectOptions
	info DomainInfo
	done *Collected

	id      objectID
	d       *Domain
	lease   *lease
	horizon time.Time // what was made or marked before it, no writer relies on without a mark having told it not to
	tombs   map[objectID]time.Time
	packs   map[objectID]int64 // all there are, and their sizes
	live    map[objectID]*liveness
	faults  uint64            // of the index, when it was read
	named   map[objectID]bool // packs that the index tells of
	missing bool              // something that is reached lies in no pack that the index tells of
}

// liveness says what of a pack is reached.
type liveness struct {
	blobs bitset // by number
	bytes uint64
}

// A bitset is a set of small numbers.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(i uint32) bool { return b[i/64]&(1<<(i%64)) != 0 }

func (b bitset) add(i uint32) { b[i/64] |= 1 << (i % 64) }

func (c *collection) run(ctx context.Context, rings Rings) (err error) {
	if c.id, err = parseObjectID(c.info.ID); err != nil {
		return err
	}
	if c.lease, err = c.v.newLease(ctx, c.id); err != nil {
		return err
	}
	defer c.lease.release(ctx)
	// The order matters: leases, then tombs, then recovery points, then the trash. A writer that is about to commit stores its
	// manifest and then looks at the tombs.
	if err := c.findHorizon(ctx); err != nil {
		return err
	}
	if c.tombs, err = c.v.listTombs(ctx, c.id); err != nil {
		return err
	}
	points, trash, err := c.v.listRoots(ctx, c.id)
	if err != nil {
		return err
	}
	expired := func(r root) bool { return r.trashed.Before(c.horizon) }
	roots := slices.Concat(points, slices.DeleteFunc(slices.Clone(trash), expired))
	if len(roots) == 0 {
		err = c.collectEmpty(ctx)
	} else {
		err = c.collectLive(ctx, rings, roots)
	}
	if err != nil {
		return err
	}
	var gone []string
	for _, r := range trash {
		if expired(r) {
			gone = append(gone, r.name)
		}
	}
	return deleteAll(ctx, c.v.store, gone)
}

// findHorizon ends the leases that ran out and takes the horizon from the others. They are listed anew after that: a writer
// that renewed its lease in the same moment is among them, or finds that it was ended.
func (c *collection) findHorizon(ctx context.Context) error {
	now := c.v.opts.Clock.Now()
	if err := c.v.endLeases(ctx, c.id, c.opts.Margin); err != nil {
		return err
	}
	leases, err := c.v.allLeases(ctx, c.id)
	if err != nil {
		return err
	}
	c.horizon = now
	for _, l := range leases {
		if l.start.Before(c.horizon) {
			c.horizon = l.start
		}
	}
	c.horizon = c.horizon.Add(-c.opts.Margin)
	return nil
}

// collectEmpty collects a domain of which nothing is to be kept. It needs no key.
func (c *collection) collectEmpty(ctx context.Context) error {
	if err := c.listPacks(ctx); err != nil {
		return err
	}
	var garbage []objectID
	for pack := range c.packs {
		if c.removable(pack) {
			garbage = append(garbage, pack)
		}
	}
	if len(garbage) == len(c.packs) {
		// Every index object older than the horizon names only packs that go, or have gone.
		err := c.deleteIndexes(ctx, func(id objectID) bool { return id.created().Before(c.horizon) })
		if err != nil {
			return err
		}
		if err := c.remove(ctx, garbage); err != nil {
			return err
		}
		if left, err := c.v.listIndexes(ctx, c.id); err != nil || len(left) > 0 || len(garbage) > 0 {
			return err
		}
		return c.clearTombs(ctx, nil)
	}
	return c.markGarbage(ctx)
}

// collectLive collects a domain that has recovery points.
func (c *collection) collectLive(ctx context.Context, rings Rings, roots []root) error {
	d, err := rings.open(ctx, c.v, c.info)
	if err != nil {
		return err
	}
	defer d.Close()
	c.d = d
	if c.faults, err = d.index.refreshed(ctx, d); err != nil {
		return err
	}
	if err := c.reach(ctx, roots); err != nil {
		return err
	}
	if err := c.steady(); err != nil { // what was not found may be there
		return err
	}
	files, tables := d.index.snapshot()
	if err := c.listPacks(ctx); err != nil { // after the snapshot, so that all packs in it are listed unless they have gone
		return err
	}
	c.named = map[objectID]bool{}
	for _, t := range tables {
		c.named[t.id] = true
	}
	if err := c.spare(ctx); err != nil {
		return err
	}
	// Old index objects go before new ones are superseded: only while there are none that others repeat are tombs cleared,
	// and a vault where every collection merges some would keep all tombs.
	if err := c.dropSuperseded(ctx); err != nil {
		return err
	}
	if err := c.clearTombs(ctx, tables); err != nil {
		return err
	}
	if err := c.sweep(ctx, files, tables); err != nil {
		return err
	}
	if err := c.repack(ctx, tables); err != nil {
		return err
	}
	return c.markGarbage(ctx)
}

// steady fails if the index was dropped, or is about to be, since the collection has read it.
func (c *collection) steady() error {
	if c.d.index.faults.Load() != c.faults {
		return errIndexDropped
	}
	return nil
}

// reach finds out what the roots reach.
func (c *collection) reach(ctx context.Context, roots []root) error {
	c.live = map[objectID]*liveness{}
	s := survey{d: c.d, blob: c.reached}
	for i, r := range roots {
		if i%rootsAhead == 0 {
			expectRoots(ctx, c.v.store, roots[i:min(i+rootsAhead, len(roots))])
		}
		m, err := c.d.readRoot(ctx, r)
		if m == nil && err == nil && r.trashed.IsZero() {
			m, err = c.trashed(ctx, r)
		}
		if err != nil {
			return err
		}
		if m == nil {
			continue // trash that another collection has removed
		}
		if err := s.root(ctx, m); err != nil {
			return fmt.Errorf("recovery point %s: %w", r.point, err)
		}
	}
	return nil
}

// trashed finds the manifest of a recovery point that was deleted since it was listed.
func (c *collection) trashed(ctx context.Context, deleted root) (*manifest, error) {
	_, trash, err := c.v.listRoots(ctx, c.id)
	if err != nil {
		return nil, err
	}
	for _, r := range trash {
		if r.point == deleted.point {
			return c.d.readRoot(ctx, r)
		}
	}
	return nil, nil
}

// reached notes that a blob is needed, and tells whether it was not before. One that is missing, as Verify tells, may lie in a pack that the index has lost.
func (c *collection) reached(_ blobKind, id ID) (first bool, err error) {
	at, ok := c.d.index.find(id)
	if !ok {
		c.missing = true
		return true, nil
	}
	l := c.live[at.pack.id]
	if l == nil {
		l = &liveness{blobs: newBitset(at.pack.count)}
		c.live[at.pack.id] = l
	}
	if l.blobs.has(at.blob.number) {
		return false, nil
	}
	l.blobs.add(at.blob.number)
	l.bytes += uint64(at.blob.stored)
	return true, nil
}

func (c *collection) listPacks(ctx context.Context) error {
	c.packs = map[objectID]int64{}
	for object, err := range c.v.store.List(ctx, packPrefix(c.id)) {
		if err != nil {
			return err
		}
		id, err := parseObjectID(strings.TrimPrefix(object.Name, packPrefix(c.id)))
		if err != nil {
			return err
		}
		c.packs[id] = object.Size
	}
	return nil
}

// spared tells whether a pack stays because nobody knows what lies in it while something is missing: [Domain.Reindex]
// may find it there.
func (c *collection) spared(pack objectID) bool { return c.missing && !c.named[pack] }

// removable tells whether a pack has been marked for long enough.
func (c *collection) removable(pack objectID) bool {
	since, marked := c.tombs[pack]
	return marked && since.Before(c.horizon)
}

// spare takes the mark from packs that are needed again.
func (c *collection) spare(ctx context.Context) error {
	for pack, since := range c.tombs {
		if c.live[pack] == nil {
			continue
		}
		if err := c.v.store.Delete(ctx, tombName(c.id, pack, since)); err != nil {
			return err
		}
		delete(c.tombs, pack)
		c.done.Spared++
	}
	return nil
}

// clearTombs removes the marks of packs that have gone and that no index object names any more.
func (c *collection) clearTombs(ctx context.Context, tables []*knownPack) error {
	named := map[objectID]bool{}
	for _, t := range tables {
		named[t.id] = true
	}
	if superseded, err := c.anySuperseded(ctx); err != nil || superseded {
		return err // an old index object, which may name any pack, is still about
	}
	for pack, since := range c.tombs {
		if _, there := c.packs[pack]; there || named[pack] || !since.Before(c.horizon) {
			continue
		}
		if err := c.v.store.Delete(ctx, tombName(c.id, pack, since)); err != nil {
			return err
		}
		delete(c.tombs, pack)
	}
	return nil
}

// anySuperseded tells whether there are index objects that others repeat.
func (c *collection) anySuperseded(ctx context.Context) (bool, error) {
	if c.d == nil {
		return false, nil
	}
	listed := 0
	for _, err := range c.v.store.List(ctx, indexPrefix(c.id)) {
		if err != nil {
			return false, err
		}
		listed++
	}
	files, _ := c.d.index.snapshot()
	return listed > len(files), nil
}

// sweep removes the packs that were marked long ago and that nothing reaches, after their entries in the index.
func (c *collection) sweep(ctx context.Context, files []objectID, tables []*knownPack) error {
	var garbage []objectID
	for pack := range c.tombs {
		if _, there := c.packs[pack]; there && c.removable(pack) && !c.spared(pack) {
			garbage = append(garbage, pack)
		}
	}
	keep := make([]*knownPack, 0, len(tables))
	for _, t := range tables {
		_, there := c.packs[t.id]
		goes := c.removable(t.id) // what is reached has lost its mark by now
		if there && !goes || !there && !t.id.created().Before(c.horizon) {
			keep = append(keep, t)
		}
	}
	if old := c.d.index.toMerge(files, keep, c.opts.MergeAbove); len(old) > 0 {
		if err := c.mergeIndex(ctx, old, keep); err != nil {
			return err
		}
	}
	return c.remove(ctx, garbage)
}

// mergeIndex stores what some index objects tell of the packs given, in new ones of which the last supersedes the old.
func (c *collection) mergeIndex(ctx context.Context, files []objectID, packs []*knownPack) error {
	if err := c.lease.confirm(ctx); err != nil { // if it was taken for dead, packs it knows of may have gone
		return err
	}
	superseded, err := c.v.listIndexes(ctx, c.id)
	if err != nil {
		return err
	}
	// What these supersede already is superseded again: it may outlast them.
	gone := map[objectID]bool{}
	for _, id := range slices.Concat(files, c.d.index.supersededBy(files)) {
		gone[id] = true
	}
	superseded = slices.DeleteFunc(superseded, func(id objectID) bool { return !gone[id] })
	return c.d.storeIndex(ctx, c.tablesOf(files, packs), superseded)
}

// tablesOf gives the tables of those of the packs that some index objects tell of. It ends with an error if the index was dropped
// meanwhile: the index objects would be superseded by ones that tell of nothing.
func (c *collection) tablesOf(files []objectID, packs []*knownPack) iter.Seq2[*packTable, error] {
	return func(yield func(*packTable, error) bool) {
		for t, err := range c.d.index.tablesOf(files, packs) {
			if !yield(t, err) {
				return
			}
		}
		if err := c.steady(); err != nil {
			yield(nil, err)
		}
	}
}

// dropSuperseded removes index objects that have been superseded for long enough, so that nobody still reads them.
func (c *collection) dropSuperseded(ctx context.Context) error {
	old := map[objectID]bool{}
	files, _ := c.d.index.snapshot()
	for _, id := range files {
		if id.created().Before(c.horizon) {
			for _, s := range c.d.index.supersededBy([]objectID{id}) {
				old[s] = true
			}
		}
	}
	return c.deleteIndexes(ctx, func(id objectID) bool { return old[id] })
}

func (c *collection) deleteIndexes(ctx context.Context, which func(objectID) bool) error {
	ids, err := c.v.listIndexes(ctx, c.id)
	if err != nil {
		return err
	}
	var gone []string
	for _, id := range ids {
		if which(id) {
			gone = append(gone, indexName(c.id, id))
		}
	}
	return deleteAll(ctx, c.v.store, gone)
}

// remove removes packs. Their marks stay until a later collection.
func (c *collection) remove(ctx context.Context, packs []objectID) error {
	names := make([]string, len(packs))
	for i, pack := range packs {
		names[i] = packName(c.id, pack)
	}
	if err := deleteAll(ctx, c.v.store, names); err != nil {
		return err
	}
	for _, pack := range packs {
		c.done.Removed++
		c.done.Freed += uint64(c.packs[pack])
		delete(c.packs, pack)
	}
	return nil
}

// repack moves what is needed of packs that are mostly garbage into new ones, and marks the old ones. Packs that are small,
// as many small backups leave them, go together.
func (c *collection) repack(ctx context.Context, tables []*knownPack) error {
	if c.opts.Repack < 0 {
		return nil
	}
	var wanted, small []*knownPack
	for _, t := range tables {
		l := c.live[t.id]
		_, marked := c.tombs[t.id]
		_, there := c.packs[t.id]
		switch {
		case l == nil || marked || !there || !t.id.created().Before(c.horizon):
		case float64(l.bytes) < c.opts.Repack*float64(t.stored):
			wanted = append(wanted, t)
		case t.size < uint64(min(c.v.opts.PackSize, treePackSize)/4):
			small = append(small, t)
		}
	}
	if len(small) >= smallPacks {
		wanted = append(wanted, small...)
	}
	sink := newSink(ctx, c.d)
	for _, t := range wanted {
		if err := c.move(sink, t, c.live[t.id]); err != nil {
			return errors.Join(fmt.Errorf("repacking %s: %w", t.id, err), sink.abandon(context.WithoutCancel(ctx), c.lease))
		}
	}
	if err := sink.flush(); err != nil {
		return errors.Join(fmt.Errorf("repacking: %w", err), sink.abandon(context.WithoutCancel(ctx), c.lease))
	}
	sink.cancel(nil)
	for _, t := range wanted {
		if err := c.mark(ctx, t.id); err != nil {
			return err
		}
		c.done.Repacked++
	}
	return nil
}

// smallPacks is how many packs of less than a quarter of a usual one it takes to make it worth while to put them together.
const smallPacks = 16

// move puts what is needed of a pack into the sink.
func (c *collection) move(sink *sink, p *knownPack, l *liveness) error {
	t, err := c.d.index.table(p)
	if err != nil {
		return err
	}
	var buf []byte
	for i := range t.blobs {
		if !l.blobs.has(uint32(i)) {
			continue
		}
		payload, err := c.d.readPayload(sink.ctx, location{p, &t.blobs[i]}, buf)
		if err != nil {
			return err
		}
		buf = payload
		if err := sink.add(t.blobs[i], payload); err != nil {
			return err
		}
	}
	return nil
}

// markGarbage marks the packs that nothing reaches.
func (c *collection) markGarbage(ctx context.Context) error {
	var garbage []objectID
	for pack := range c.packs {
		if _, marked := c.tombs[pack]; marked || c.live[pack] != nil || !pack.created().Before(c.horizon) || c.spared(pack) {
			continue
		}
		garbage = append(garbage, pack)
	}
	for some := range slices.Chunk(garbage, parallel(c.v.store)) {
		if err := c.markAll(ctx, some); err != nil {
			return err
		}
		c.done.Marked += len(some)
	}
	return nil
}

// markAll marks packs side by side.
func (c *collection) markAll(ctx context.Context, packs []objectID) error {
	since := c.v.opts.Clock.Now()
	var group errgroup.Group
	for _, pack := range packs {
		group.Go(func() error {
			if err := c.v.store.Create(ctx, tombName(c.id, pack, since), nil); err != nil && !errors.Is(err, ErrExist) {
				return err
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, pack := range packs {
		c.tombs[pack] = since
	}
	return nil
}

func (c *collection) mark(ctx context.Context, pack objectID) error {
	since := c.v.opts.Clock.Now()
	if err := c.v.store.Create(ctx, tombName(c.id, pack, since), nil); err != nil && !errors.Is(err, ErrExist) {
		return err
	}
	c.tombs[pack] = since
	return nil
}
