package archive

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Reindex makes the index of the domain anew from the packs, each of which tells what lies in it. It helps where index
// objects are lost or damaged; a pack that is damaged itself is left out, and the error that comes back, when all is done, names
// it.
func (d *Domain) Reindex(ctx context.Context) error {
	lease, err := d.vault.newLease(ctx, d.id())
	if err != nil {
		return fmt.Errorf("indexing anew: %w", err)
	}
	defer lease.release(ctx)
	for {
		superseded, err := d.vault.listIndexes(ctx, d.id())
		if err != nil {
			return fmt.Errorf("indexing anew: %w", err)
		}
		tables, broken, err := d.readPackTables(ctx)
		if err == nil {
			err = d.storeIndex(ctx, tables, superseded)
		}
		if err != nil {
			return fmt.Errorf("indexing anew: %w", err)
		}
		// A collection may have removed packs since they were listed.
		gone, err := d.anyGone(ctx, tables)
		if err != nil || !gone {
			return errors.Join(err, broken)
		}
	}
}

// readPackTables reads the tables of all packs, and tells of those that are damaged.
func (d *Domain) readPackTables(ctx context.Context) (tables []*packTable, broken, err error) {
	for object, err := range d.vault.store.List(ctx, packPrefix(d.id())) {
		if err != nil {
			return nil, nil, err
		}
		id, err := parseObjectID(strings.TrimPrefix(object.Name, packPrefix(d.id())))
		if err != nil {
			return nil, nil, err
		}
		blobs, err := readPackTable(ctx, d.vault.store, d.keys, id, object.Size)
		switch {
		case errors.Is(err, ErrNotExist):
		case errors.Is(err, ErrDamaged):
			broken = errors.Join(broken, fmt.Errorf("%s: %w", object.Name, err))
		case err != nil:
			return nil, nil, err
		default:
			tables = append(tables, &packTable{id: id, size: uint64(object.Size), blobs: blobs})
		}
	}
	return tables, broken, nil
}

func (d *Domain) anyGone(ctx context.Context, tables []*packTable) (bool, error) {
	for _, t := range tables {
		if there, err := exists(ctx, d.vault.store, packName(d.id(), t.id)); err != nil || !there {
			return true, err
		}
	}
	return false, nil
}

// storeIndex stores index objects of the packs given, of which the last supersedes those named.
func (d *Domain) storeIndex(ctx context.Context, packs []*packTable, superseded []objectID) error {
	for {
		f := &indexFile{id: newObjectID(d.vault.opts.Clock.Now())}
		blobs := 0
		for len(packs) > 0 && (blobs == 0 || blobs+len(packs[0].blobs) <= indexBlobs) {
			blobs += len(packs[0].blobs)
			f.packs = append(f.packs, *packs[0])
			packs = packs[1:]
		}
		if len(packs) == 0 {
			f.supersedes = superseded
		}
		if err := d.vault.store.Create(ctx, indexName(d.id(), f.id), f.encode(d.keys)); err != nil {
			return fmt.Errorf("storing an index: %w", err)
		}
		if len(packs) == 0 {
			return d.index.refresh(ctx, d)
		}
	}
}

func (v *Vault) listIndexes(ctx context.Context, domain objectID) (ids []objectID, err error) {
	for object, err := range v.store.List(ctx, indexPrefix(domain)) {
		if err != nil {
			return nil, err
		}
		id, err := parseObjectID(strings.TrimPrefix(object.Name, indexPrefix(domain)))
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}
