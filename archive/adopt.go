package archive

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Adopt gives a recovery point that an earlier run of a job has stored without living to tell, as [ErrPointExists] says, once it has
// made sure that all is there which the recovery point reaches, and stays: that run may have lost its lease, and died before it could
// take the manifest back. If content is missing the error wraps [ErrDamaged] or [ErrOvertaken]; the recovery point is left as it is.
// The earlier run must have ended.
func (d *Domain) Adopt(ctx context.Context, point string) (*Point, error) {
	if err := checkPointID(point); err != nil {
		return nil, err
	}
	lease, err := d.vault.newLease(ctx, d.id())
	if err != nil {
		return nil, fmt.Errorf("taking over %s: %w", point, err)
	}
	defer lease.release(ctx)
	m, err := d.adopt(ctx, lease, point)
	if err != nil {
		return nil, err
	}
	return &Point{d: d, id: point, m: m, nodes: map[ID]*node{}}, nil
}

// adopt makes sure of a stored manifest what a writer makes sure of before and after it stores its own. What the recovery point
// reaches is looked up, and not read but for nodes and chunk lists.
func (d *Domain) adopt(ctx context.Context, l *lease, point string) (m *manifest, err error) {
	if err := d.index.refresh(ctx, d); err != nil {
		return nil, err
	}
	if m, err = d.readManifest(ctx, point); err != nil {
		return nil, err
	}
	var relies reliance
	reached := func(_ blobKind, id ID) (bool, error) {
		at, ok := d.index.find(id)
		if !ok {
			return false, damaged("the blob %s is missing", id)
		}
		relies.onPack(at.pack.id)
		return true, nil // a tree hardly names a node twice
	}
	err = (&survey{d: d, blob: reached}).root(ctx, m)
	if err == nil {
		err = relies.there(ctx, d)
	}
	if err == nil {
		err = l.confirm(ctx)
	}
	if err == nil {
		err = relies.stays(ctx, d, l.start.Truncate(time.Millisecond))
	}
	if err != nil {
		return nil, fmt.Errorf("the recovery point %s was stored by somebody who may have lost its lease: %w", point, err)
	}
	// Last: whoever stored it may have looked after its own lease meanwhile, and taken it back.
	there, err := exists(ctx, d.vault.store, pointName(d.id(), point))
	if err == nil && !there {
		err = errors.Join(ErrNoPoint, ErrOvertaken)
	}
	if err != nil {
		return nil, fmt.Errorf("the recovery point %s: %w", point, err)
	}
	return m, nil
}
