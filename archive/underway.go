package archive

import (
	"context"
	"slices"
	"time"
)

// A writer that fails removes the packs that it has not told of in the index, see [sink.abandon]. Whoever makes index objects
// anew must leave those out: another writer would count on them, and then they would go. FORMAT.md has the rule under "Making the
// index anew".

// clockStep is how far a writer's clock may be set back between its lease and a pack that it makes.
const clockStep = time.Minute

// underway is the time since when packs that no index object names may be those of a writer at work. It is asked after the packs
// were listed: a writer whose lease is not there any more has removed what it removes.
type underway struct {
	any   bool
	since time.Time
}

func (v *Vault) underway(ctx context.Context, own *lease) (u underway, err error) {
	if err := v.endLeases(ctx, own.domain, CollectOptions{}.withDefaults().Margin); err != nil {
		return u, err
	}
	leases, err := v.allLeases(ctx, own.domain)
	if err != nil {
		return u, err
	}
	leases = slices.DeleteFunc(leases, func(l leaseInfo) bool { return own.has(l.name) })
	for _, l := range leases {
		if since := l.start.Add(-clockStep); !u.any || since.Before(u.since) {
			u = underway{true, since}
		}
	}
	return u, nil
}

// has tells whether a pack that no index object names may be one of a writer at work.
func (u underway) has(pack objectID) bool { return u.any && !pack.created().Before(u.since) }

// endLeases ends the leases that ran out more than a margin ago. Their writers find out before they commit, and before they
// remove anything.
func (v *Vault) endLeases(ctx context.Context, domain objectID, margin time.Duration) error {
	now := v.opts.Clock.Now()
	leases, err := v.listLeases(ctx, domain)
	if err != nil {
		return err
	}
	for _, l := range leases {
		if l.end.Add(margin).Before(now) {
			if err := v.store.Delete(ctx, l.name); err != nil {
				return err
			}
		}
	}
	return nil
}
