package main

import (
	"context"
	"errors"
	"time"

	"strongroom/archive"
	"strongroom/clock"
)

// margin is how long garbage lies here before it is removed, as in the service.
const margin = time.Hour

// engineRemove deletes all recovery points but one, and collects what they leave: once to mark it, and once more with a clock that is past
// the margin, to remove it. Whoever runs a server waits for that hour; the work is the same.
func engineRemove(ctx context.Context, f *flags) (any, error) {
	d, ring, err := openVault(ctx, f.vault, f.key)
	if err != nil {
		return nil, err
	}
	points, err := d.Vault().Points(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range points {
		if p.ID != f.keep {
			err = errors.Join(err, d.Vault().Delete(ctx, p.Domain, p.ID))
		}
	}
	if err != nil {
		return nil, err
	}
	rings := func(context.Context, archive.DomainInfo) (archive.Keyring, error) { return ring, nil }
	var all []archive.Collected
	for _, ahead := range []time.Duration{0, 2 * margin, 4 * margin} {
		store, err := archive.NewDir(f.vault)
		if err != nil {
			return nil, err
		}
		v := archive.OpenVault(store, vaultID, archive.Options{Clock: clock.NewShifted(ahead)})
		c, err := v.Collect(ctx, rings, archive.CollectOptions{Margin: margin})
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}
