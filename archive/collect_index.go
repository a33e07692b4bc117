package archive

import (
	"context"
	"iter"
	"slices"
)

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
