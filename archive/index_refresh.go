package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// refresh reads what the store has that the index has not. Tombs are read before index objects: whoever sees an index
// object that names a pack sees the pack's tomb too, if it has one, because tombs go last. While packs come and go, both the
// tombs there were and those there are count.
func (x *index) refresh(ctx context.Context, d *Domain) error {
	_, err := x.refreshed(ctx, d)
	return err
}

// refreshed is refresh for who draws conclusions from what is not found: as long as x.faults is what it gives, the index has been
// whole since, and its packs are the same ones.
func (x *index) refreshed(ctx context.Context, d *Domain) (faults uint64, err error) {
	x.loading.Lock()
	defer x.loading.Unlock()
	tombs, err := d.vault.listTombs(ctx, d.id())
	if err != nil {
		return 0, err
	}
	x.begin(tombs)
	for {
		files, superseded, broken, err := x.readFiles(ctx, d)
		if errors.Is(err, ErrNotExist) {
			continue // an object that was listed has been superseded and removed; what supersedes it is listed now
		} else if err != nil {
			return 0, fmt.Errorf("reading the index of the domain %s: %w", d.id(), err)
		}
		x.finish(files, superseded, tombs)
		x.note(ctx, broken)
		return x.seen, nil
	}
}

// begin adds tombs to those that are known, and drops what lies in damaged files.
func (x *index) begin(tombs map[objectID]time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if faults := x.faults.Load(); faults != x.seen {
		x.seen = faults
		x.clear()
	}
	both := maps.Clone(x.tombs)
	maps.Copy(both, tombs)
	x.tombs = both
	x.round++
}

// indexReads is how many index objects are read at once.
const indexReads = 8

// readFiles takes in the index objects that are new, and gives all that count and those that are superseded. They are read
// from the newest on, because it is the newer ones that say which of the older are not worth reading. What only damaged ones
// told of is found in the packs; see rescue.go.
func (x *index) readFiles(ctx context.Context, d *Domain) (files, superseded map[objectID]bool, broken map[objectID]error, err error) {
	ids, err := d.vault.listIndexes(ctx, d.id())
	if err != nil {
		return nil, nil, nil, err
	}
	slices.SortFunc(ids, func(a, b objectID) int { return bytes.Compare(b[:], a[:]) })
	files, superseded = map[objectID]bool{}, map[objectID]bool{}
	note := func(id objectID, supersedes []objectID) {
		files[id] = true
		for _, s := range supersedes {
			superseded[s] = true
		}
	}
	unread := slices.DeleteFunc(ids, func(id objectID) bool {
		f := x.file(id)
		if f != nil {
			note(id, f.supersedes)
		}
		return f != nil
	})
	broken = map[objectID]error{}
	for len(unread) > 0 {
		var batch []objectID
		for len(unread) > 0 && len(batch) < indexReads {
			if !superseded[unread[0]] {
				batch = append(batch, unread[0])
			}
			unread = unread[1:]
		}
		read, damage, err := d.readIndexFiles(ctx, batch)
		if err != nil {
			return nil, nil, nil, err
		}
		maps.Copy(broken, damage)
		for _, f := range read {
			note(f.id, f.supersedes)
			x.add(f)
		}
	}
	for id := range superseded {
		delete(files, id)
		delete(broken, id)
	}
	for _, err := range broken {
		if !errors.Is(err, ErrDamaged) {
			return nil, nil, nil, err
		}
	}
	return files, superseded, broken, nil
}

// readIndexFiles reads index objects, and says of some that they are damaged.
func (d *Domain) readIndexFiles(ctx context.Context, ids []objectID) (files []*indexFile, broken map[objectID]error, err error) {
	read, damage := make([]*indexFile, len(ids)), make([]error, len(ids))
	group, ctx := errgroup.WithContext(ctx)
	for i, id := range ids {
		group.Go(func() (err error) {
			read[i], err = d.readIndexFile(ctx, id)
			if errors.Is(err, ErrDamaged) || errors.Is(err, ErrVersion) {
				damage[i], err = err, nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	broken = map[objectID]error{}
	for i, id := range ids {
		if damage[i] != nil {
			broken[id] = damage[i]
		} else {
			files = append(files, read[i])
		}
	}
	return files, broken, nil
}

// readIndexFile reads an index object.
func (d *Domain) readIndexFile(ctx context.Context, id objectID) (*indexFile, error) {
	name := indexName(d.id(), id)
	data, err := readObject(ctx, d.vault.store, name, maxIndex)
	if err != nil {
		return nil, err
	}
	f, err := parseIndexFile(d.keys, id, data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

func (x *index) file(id objectID) *knownFile {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.files[id]
}

// finish leaves out the index objects that no longer count, and then the tombs that are no longer there. What was added since
// the index objects were listed stays.
func (x *index) finish(files, superseded map[objectID]bool, tombs map[objectID]time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for id, f := range x.files {
		if files[id] || f.round == x.round && !superseded[id] {
			continue
		}
		delete(x.files, id)
		for _, p := range f.packs {
			if p.named--; p.named == 0 {
				x.dead += p.count
			}
		}
	}
	x.tombs = tombs
	x.tidy()
}
