package archive

import (
	"context"
	"errors"
	"fmt"
)

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
		if err := c.markAll(ctx, []objectID{t.id}); err != nil {
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
