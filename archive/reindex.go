package archive

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Reindex makes the index of the domain anew from the packs, each of which tells what lies in it. It helps where index
// objects are lost or damaged; a pack that is damaged itself is left out, and the error that comes back, when all is done, names
// it. Packs that no index object names are left out too while a writer that has been at work since before they were made may yet
// remove them; if they are missed, as [Vault.Verify] tells, the index is to be made anew when that writer has ended.
func (d *Domain) Reindex(ctx context.Context) error {
	lease, err := d.vault.newLease(ctx, d.id())
	if err != nil {
		return fmt.Errorf("indexing anew: %w", err)
	}
	defer lease.release(ctx)
	for {
		again, broken, err := d.reindex(ctx, lease)
		if err != nil {
			return fmt.Errorf("indexing anew: %w", err)
		}
		if !again {
			return broken
		}
	}
}

// reindex makes the index anew, and tells whether packs went meanwhile, so that it has to be made once more, and what is wrong
// with packs that are damaged.
func (d *Domain) reindex(ctx context.Context, lease *lease) (again bool, broken, err error) {
	superseded, err := d.vault.listIndexes(ctx, d.id())
	if err != nil {
		return false, nil, err
	}
	if err := d.index.refresh(ctx, d); err != nil {
		return false, nil, err
	}
	objects, err := d.indexable(ctx, lease)
	if err != nil {
		return false, nil, err
	}
	var packs []objectID
	if err := d.storeIndex(ctx, d.packTables(ctx, objects, &packs, &broken), superseded); err != nil {
		return false, nil, err
	}
	// A collection may have removed packs since they were listed.
	again, err = d.anyGone(ctx, packs)
	return again, broken, err
}

// indexable gives the packs that stay until a collection removes them.
func (d *Domain) indexable(ctx context.Context, lease *lease) (objects []ObjectInfo, err error) {
	for object, err := range d.vault.store.List(ctx, packPrefix(d.id())) {
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	others, err := d.vault.underway(ctx, lease)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(objects, func(object ObjectInfo) bool {
		id, err := parseObjectID(strings.TrimPrefix(object.Name, packPrefix(d.id())))
		return err == nil && others.has(id) && !d.index.names(id)
	}), nil
}

// packTables reads the tables of packs. It notes which packs those are, and what is wrong with those that are damaged.
func (d *Domain) packTables(ctx context.Context, objects []ObjectInfo, packs *[]objectID, broken *error) iter.Seq2[*packTable, error] {
	return func(yield func(*packTable, error) bool) {
		for _, object := range objects {
			t, err := d.readStoredTable(ctx, object)
			switch {
			case errors.Is(err, ErrNotExist):
				continue
			case errors.Is(err, ErrDamaged):
				*broken = errors.Join(*broken, fmt.Errorf("%s: %w", object.Name, err))
				continue
			case err == nil:
				*packs = append(*packs, t.id)
			}
			if !yield(t, err) || err != nil {
				return
			}
		}
	}
}

// readStoredTable reads the table of a pack that was listed.
func (d *Domain) readStoredTable(ctx context.Context, object ObjectInfo) (*packTable, error) {
	id, err := parseObjectID(strings.TrimPrefix(object.Name, packPrefix(d.id())))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", object.Name, err)
	}
	blobs, err := readPackTable(ctx, d.vault.store, d.keys, id, object.Size)
	if err != nil {
		return nil, err
	}
	return &packTable{id: id, size: uint64(object.Size), blobs: blobs}, nil
}

func (d *Domain) anyGone(ctx context.Context, packs []objectID) (bool, error) {
	for _, id := range packs {
		if there, err := exists(ctx, d.vault.store, packName(d.id(), id)); err != nil || !there {
			return true, err
		}
	}
	return false, nil
}

// storeIndex stores index objects of the packs given, of which the last supersedes those named. It holds what one tells of.
func (d *Domain) storeIndex(ctx context.Context, packs iter.Seq2[*packTable, error], superseded []objectID) error {
	f := &indexFile{}
	blobs := 0
	store := func() error {
		f.id = newObjectID(d.vault.opts.Clock.Now())
		if err := d.vault.store.Create(ctx, indexName(d.id(), f.id), f.encode(d.keys)); err != nil {
			return fmt.Errorf("storing an index: %w", err)
		}
		f, blobs = &indexFile{}, 0
		return nil
	}
	for t, err := range packs {
		if err != nil {
			return err
		}
		if blobs > 0 && blobs+len(t.blobs) > indexBlobs {
			if err := store(); err != nil {
				return err
			}
		}
		f.packs = append(f.packs, *t)
		blobs += len(t.blobs)
	}
	f.supersedes = superseded
	if err := store(); err != nil {
		return err
	}
	return d.index.refresh(ctx, d)
}

func (v *Vault) listIndexes(ctx context.Context, domain objectID) (ids []objectID, err error) {
	for object, err := range v.store.List(ctx, indexPrefix(domain)) {
		if err != nil {
			return nil, err
		}
		id, err := parseObjectID(strings.TrimPrefix(object.Name, indexPrefix(domain)))
		if err != nil {
			continue // not ours; Verify tells of it
		}
		ids = append(ids, id)
	}
	return ids, nil
}
