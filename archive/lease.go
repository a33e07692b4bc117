package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// A lease tells collections that a writer is at work. While it is there, nothing that was reachable when the writer began,
// and nothing that was stored since, is removed.
//
// It is an empty object whose name says who, since when and until when. It is renewed by a new object; the old one is
// removed after. The chain must not break: if the old one has gone, a collection has taken the writer for dead.
type lease struct {
	vault  *Vault
	domain objectID
	writer objectID
	start  time.Time

	held chan struct{} // full while somebody has the rest, which may last as long as the store takes to answer
	name string
	also []string // other names of it that may be there: of renewals that failed or were given up half done
	lost error

	stop    context.CancelFunc
	stopped chan struct{}
}

// newLease makes a lease and keeps it up until it is released.
func (v *Vault) newLease(ctx context.Context, domain objectID) (*lease, error) {
	now := v.opts.Clock.Now()
	l := &lease{vault: v, domain: domain, writer: newObjectID(now), start: now, held: make(chan struct{}, 1), stopped: make(chan struct{})}
	l.name = l.nameUntil(now.Add(v.opts.Lease))
	if err := v.store.Create(ctx, l.name, nil); err != nil {
		return nil, fmt.Errorf("taking a lease: %w", err)
	}
	ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	go l.keep(ctx, now)
	return l, nil
}

func (l *lease) lock()   { l.held <- struct{}{} }
func (l *lease) unlock() { <-l.held }

// backdate lets the lease say that it began earlier, if it began later.
func (l *lease) backdate(ctx context.Context, start time.Time) error {
	if !start.Before(l.start.Truncate(time.Millisecond)) { // as its name says
		return nil
	}
	l.lock()
	l.start = start
	l.unlock()
	if err := l.renew(ctx, l.vault.opts.Clock.Now()); err != nil {
		return fmt.Errorf("dating a lease back: %w", err)
	}
	return nil
}

func (l *lease) nameUntil(end time.Time) string {
	return fmt.Sprintf("%s%s.%s.%s", leasePrefix(l.domain), l.writer, stamp(l.start), stamp(end))
}

// keep renews the lease whenever a third of it has passed.
func (l *lease) keep(ctx context.Context, renewed time.Time) {
	defer close(l.stopped)
	for {
		due, cancel := l.vault.opts.Clock.Until(renewed.Add(l.vault.opts.Lease / 3))
		select {
		case <-ctx.Done():
			cancel()
			return
		case <-due:
			cancel()
		}
		renewed = l.vault.opts.Clock.Now()
		if err := l.renew(ctx, renewed); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "renewing an archive lease", slog.String("lease", l.name), slog.Any("error", err))
		}
		if l.check() != nil {
			return
		}
	}
}

func (l *lease) renew(ctx context.Context, now time.Time) error {
	l.lock()
	defer l.unlock()
	next := l.nameUntil(now.Add(l.vault.opts.Lease))
	if next == l.name {
		return nil
	}
	l.also = append(l.also, next)
	if err := l.vault.store.Create(ctx, next, nil); err != nil && !errors.Is(err, ErrExist) {
		return err
	}
	there, err := exists(ctx, l.vault.store, l.name)
	if err != nil {
		return err
	}
	if !there {
		l.lost = ErrLeaseLost
		return errors.Join(ErrLeaseLost, l.vault.store.Delete(ctx, next))
	}
	old := l.name
	l.name, l.also[len(l.also)-1] = next, old
	if err := l.vault.store.Delete(ctx, old); err != nil {
		return err
	}
	l.also = l.also[:len(l.also)-1]
	return nil
}

// has tells whether a lease in the store, of any time, is this one.
func (l *lease) has(name string) bool {
	return strings.HasPrefix(name, leasePrefix(l.domain)+l.writer.String()+".")
}

func (l *lease) check() error {
	l.lock()
	defer l.unlock()
	return l.lost
}

// confirm tells whether the lease never broke. It asks the store, so the answer holds whatever clocks say.
func (l *lease) confirm(ctx context.Context) error {
	l.lock()
	defer l.unlock()
	if l.lost != nil {
		return l.lost
	}
	there, err := exists(ctx, l.vault.store, l.name)
	if err == nil && !there {
		l.lost = ErrLeaseLost
		return l.lost
	}
	return err
}

// release ends the lease, with a renewal that it interrupts. If the store does not let it, it runs out.
func (l *lease) release(ctx context.Context) {
	l.stop()
	<-l.stopped
	l.lock()
	defer l.unlock()
	if err := deleteAll(context.WithoutCancel(ctx), l.vault.store, append(l.also, l.name)); err != nil {
		slog.DebugContext(ctx, "releasing an archive lease", slog.String("lease", l.name), slog.Any("error", err))
	}
}

// A leaseInfo is a lease as a collection sees it.
type leaseInfo struct {
	name       string
	start, end time.Time
}

func (v *Vault) listLeases(ctx context.Context, domain objectID) ([]leaseInfo, error) {
	var leases []leaseInfo
	for object, err := range v.store.List(ctx, leasePrefix(domain)) {
		if err != nil {
			return nil, err
		}
		parts := strings.Split(strings.TrimPrefix(object.Name, leasePrefix(domain)), ".")
		if len(parts) != 3 {
			return nil, damaged("%s is not a lease", object.Name)
		}
		start, err := parseStamp(parts[1])
		if err != nil {
			return nil, err
		}
		end, err := parseStamp(parts[2])
		if err != nil {
			return nil, err
		}
		leases = append(leases, leaseInfo{object.Name, start, end})
	}
	return leases, nil
}

// allLeases lists the leases so that none is overlooked because it was renewed meanwhile: a listing need not have a lease
// that was stored after the listing began, nor one that was deleted before it ended. A renewal that is slow may end as the
// next begins, but the one after that begins a third of a lease later. So of three listings in less time one at least has each.
func (v *Vault) allLeases(ctx context.Context, domain objectID) ([]leaseInfo, error) {
	var all []leaseInfo
	for range 3 {
		began := v.opts.Clock.Now()
		for range 3 {
			leases, err := v.listLeases(ctx, domain)
			if err != nil {
				return nil, err
			}
			all = append(all, leases...)
		}
		if v.opts.Clock.Now().Sub(began) < v.opts.Lease/4 {
			return all, nil
		}
	}
	return nil, fmt.Errorf("listing leases takes longer than %v, a quarter of one: %w", v.opts.Lease/4, ErrLeaseLost)
}

// listTombs gives the packs of a domain that are about to be removed, and since when: the latest time counts.
func (v *Vault) listTombs(ctx context.Context, domain objectID) (map[objectID]time.Time, error) {
	tombs := map[objectID]time.Time{}
	err := v.eachTomb(ctx, domain, func(pack objectID, since time.Time) error {
		if old, two := tombs[pack]; !two || since.After(old) {
			tombs[pack] = since
		}
		return nil
	})
	return tombs, err
}

// eachTomb visits all tombs of a domain; a pack may have several.
func (v *Vault) eachTomb(ctx context.Context, domain objectID, visit func(pack objectID, since time.Time) error) error {
	for object, err := range v.store.List(ctx, tombPrefix(domain)) {
		if err != nil {
			return err
		}
		name, when, _ := strings.Cut(strings.TrimPrefix(object.Name, tombPrefix(domain)), ".")
		pack, err := parseObjectID(name)
		if err != nil {
			continue // not ours; Verify tells of it
		}
		since, err := parseStamp(when)
		if err != nil {
			continue
		}
		if err := visit(pack, since); err != nil {
			return err
		}
	}
	return nil
}

func tombName(domain, pack objectID, since time.Time) string {
	return tombPrefix(domain) + pack.String() + "." + stamp(since)
}
