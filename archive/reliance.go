package archive

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// A reliance is what a writer counts on without having stored it: packs in which the index has blobs, and recovery points of
// which it takes over what they reach. Whether it may is asked again when the manifest is stored, so that nothing depends on
// how long an operation of the store takes, what clocks say, or whether the index is true. FORMAT.md, "Why collection is
// safe", has the argument, and package model tries it.
type reliance struct {
	mu     sync.Mutex // guards the rest
	packs  map[objectID]struct{}
	points []string
}

func (r *reliance) onPack(pack objectID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.packs == nil {
		r.packs = map[objectID]struct{}{}
	}
	r.packs[pack] = struct{}{}
}

// onPoint notes a recovery point, if the id is one.
func (r *reliance) onPoint(point string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if point != "" {
		r.points = append(r.points, point)
	}
}

// keptIn gives the pack that a blob lies in, if it is there and stays.
func (x *index) keptIn(id ID) (pack objectID, ok bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	at, ok := x.findLocked(id)
	if !ok || !x.tombs[at.pack.id].IsZero() {
		return objectID{}, false
	}
	return at.pack.id, true
}

// manyPacks is how many packs are looked for one by one; where there are more, all are listed.
const manyPacks = 64

// there makes sure that the packs are. One that is not was removed while an index object that was stored late still told of it,
// or while its tomb was on its way.
func (r *reliance) there(ctx context.Context, d *Domain) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.allThere(ctx, d)
}

// allThere is there; r.mu is held.
func (r *reliance) allThere(ctx context.Context, d *Domain) error {
	if len(r.packs) > manyPacks {
		return r.listed(ctx, d)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel(d.vault.store))
	for pack := range r.packs {
		group.Go(func() error {
			name := packName(d.id(), pack)
			if there, err := exists(ctx, d.vault.store, name); err != nil {
				return err
			} else if !there {
				return fmt.Errorf("%s has gone: %w", name, ErrOvertaken)
			}
			return nil
		})
	}
	return group.Wait()
}

// listed is there for many packs; r.mu is held.
func (r *reliance) listed(ctx context.Context, d *Domain) error {
	found := 0
	for object, err := range d.vault.store.List(ctx, packPrefix(d.id())) {
		if err != nil {
			return err
		}
		id, err := parseObjectID(strings.TrimPrefix(object.Name, packPrefix(d.id())))
		if err != nil {
			continue // not ours; Verify tells of it
		}
		if _, relied := r.packs[id]; relied {
			found++
		}
	}
	if found < len(r.packs) {
		return fmt.Errorf("%d packs have gone: %w", len(r.packs)-found, ErrOvertaken)
	}
	return nil
}

// stays makes sure, once the manifest is stored, that no pack has a tomb from before the writer's time that the writer has
// not seen, and that no recovery point was deleted before the writer's time without the writer having seen it. Collections
// read the tombs before they list the recovery points: either they find the manifest, or the writer finds here what they found.
func (r *reliance) stays(ctx context.Context, d *Domain, since time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.packsStay(ctx, d, since); err != nil {
		return err
	}
	for _, point := range r.points {
		if err := d.stillRoot(ctx, point, since); err != nil {
			return err
		}
	}
	return nil
}

// packsStay looks at the tombs, and then for the packs: a tomb goes when its pack has gone. Any tomb from before the writer's time
// counts, even if there is a later one beside it: whoever removes the pack may know of the early one only. r.mu is held.
func (r *reliance) packsStay(ctx context.Context, d *Domain, since time.Time) error {
	if len(r.packs) == 0 {
		return nil
	}
	err := d.vault.eachTomb(ctx, d.id(), func(pack objectID, tomb time.Time) error {
		if _, relied := r.packs[pack]; relied && tomb.Before(since) {
			return fmt.Errorf("%s got a tomb of %s: %w", packName(d.id(), pack), tomb.UTC().Format(time.RFC3339), ErrOvertaken)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.allThere(ctx, d)
}

// stillRoot makes sure that a recovery point is there, or was deleted since.
func (d *Domain) stillRoot(ctx context.Context, point string, since time.Time) error {
	if there, err := exists(ctx, d.vault.store, pointName(d.id(), point)); err != nil || there {
		return err
	}
	_, trash, err := d.vault.listRoots(ctx, d.id())
	if err != nil {
		return err
	}
	for _, r := range trash {
		if r.point == point && !r.trashed.Before(since) {
			return nil
		}
	}
	return fmt.Errorf("the recovery point %s was deleted: %w", point, ErrOvertaken)
}
