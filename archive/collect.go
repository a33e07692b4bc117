package archive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
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
	// Thorough goes through everything from the recovery points on, whatever the process remembers of its last collection. It
	// is for who waits for the room.
	Thorough bool
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
	Idle     int    // domains in which nothing had changed since there was nothing to do
	Traced   int    // domains that were gone through from all recovery points on
	Skipped  []Skipped
}

// Collect removes what no recovery point reaches. It goes in two steps, a margin apart: a pack that is garbage is marked,
// from when on writers do not rely on it; a later collection removes it if it still is. It may run beside writers, readers
// and other collections; FORMAT.md says why.
//
// What a process remembers of its last collection, see [recollection], saves it most of the next: where nothing has changed it
// asks for no key, and only if it has gone through all recovery points it removes anything.
//
// A domain whose key cannot be had is left as it is, unless nothing of it is left to keep; so is one whose header is damaged.
func (v *Vault) Collect(ctx context.Context, rings Rings, opts CollectOptions) (Collected, error) {
	domains, skipped, err := v.readableDomains(ctx)
	if err != nil {
		return Collected{}, fmt.Errorf("collecting: %w", err)
	}
	all := Collected{Skipped: skipped}
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
	before  *recollection // of the last collection; nil if there is none
	d       *Domain
	lease   *lease
	alone   bool      // nobody else had a lease
	horizon time.Time // what was made or marked before it, no writer relies on without a mark having told it not to
	tombs   map[objectID]time.Time
	packs   map[objectID]int64 // all there are, and their sizes
	traced  bool               // live is what the roots reach and not more; only then anything is removed
	live    map[objectID]*liveness
	covered map[string]coveredRoot // whose trees are in live
	reads   int                    // of manifests, nodes and lists, for live
	waits   bool                   // something is garbage, or may be, that needs tracing to be removed
	faults  uint64                 // of the index, when it was read
	files   []objectID             // index objects that count
	named   map[objectID]bool      // packs that the index tells of
	missing bool                   // something that is reached lies in no pack that the index tells of
}

func (c *collection) run(ctx context.Context, rings Rings) (err error) {
	if c.id, err = parseObjectID(c.info.ID); err != nil {
		return err
	}
	c.before = c.v.recall(c.id)
	if idle, err := c.idle(ctx); err != nil || idle {
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
	calm := c.alone && len(c.tombs) == 0 && len(trash) == 0
	if len(roots) == 0 {
		err = c.collectEmpty(ctx)
	} else {
		err = c.collectLive(ctx, rings, roots)
	}
	if errors.Is(err, errOutrun) {
		return nil
	} else if err != nil {
		return err
	}
	var gone []string
	for _, r := range trash {
		if expired(r) {
			gone = append(gone, r.name)
		}
	}
	if err := deleteAll(ctx, c.v.store, gone); err != nil {
		return err
	}
	c.v.remember(c.id, c.recollect(calm))
	return nil
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
	c.horizon, c.alone = now, true
	for _, l := range leases {
		c.alone = c.alone && c.lease.has(l.name)
		if l.start.Before(c.horizon) {
			c.horizon = l.start
		}
	}
	// Trash that this collection counts on is not to be emptied by one with a later horizon, when those have ended that made this
	// one's early.
	if err := c.lease.backdate(ctx, c.horizon); err != nil {
		return err
	}
	c.horizon = c.horizon.Add(-c.opts.Margin)
	return nil
}

// collectEmpty collects a domain of which nothing is to be kept. It needs no key.
func (c *collection) collectEmpty(ctx context.Context) error {
	c.traced = true
	if err := c.lease.confirm(ctx); err != nil {
		return err
	}
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
	// As long as the lease was there no root can have gone without having been seen.
	if err := c.lease.confirm(ctx); err != nil {
		return err
	}
	if err := c.steady(); err != nil { // what was not found may be there
		return err
	}
	files, tables := d.index.snapshot()
	c.files = files
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
