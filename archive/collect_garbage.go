package archive

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

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

// removable tells whether a pack goes: it has been marked for long enough, and nothing reaches it from the roots on.
func (c *collection) removable(pack objectID) bool {
	return c.traced && c.live[pack] == nil && c.ripe(pack)
}

// ripe tells whether a pack has been marked for long enough.
func (c *collection) ripe(pack objectID) bool {
	since, marked := c.tombs[pack]
	return marked && since.Before(c.horizon)
}

// spare takes the mark from packs that are needed again, unless somebody is at work who began after the mark's time: if it was
// stored late a writer may not have seen it, and is to find it when it looks once more, because another collection may be about to
// remove the pack. What a collection only remembers to be needed keeps its mark for the same reason.
func (c *collection) spare(ctx context.Context) error {
	if !c.traced {
		return nil
	}
	var needed []objectID
	for pack := range c.tombs {
		if c.live[pack] != nil {
			needed = append(needed, pack)
		}
	}
	if len(needed) == 0 {
		return nil
	}
	newest, err := c.newest(ctx)
	if err != nil {
		return err
	}
	for _, pack := range needed {
		since := c.tombs[pack]
		if newest.After(since) {
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

// newest is when the last of the others began who are at work now.
func (c *collection) newest(ctx context.Context) (newest time.Time, err error) {
	leases, err := c.v.allLeases(ctx, c.id)
	for _, l := range leases {
		if !c.lease.has(l.name) && l.start.After(newest) {
			newest = l.start
		}
	}
	return newest, err
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
