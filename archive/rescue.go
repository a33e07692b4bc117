package archive

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// A blob that is damaged where it is usually read from may be well elsewhere: in another pack, or in a pack that the index
// has lost together with one of its objects. Whoever reads looks there before giving up, so that damage which can be
// survived is survived; [Vault.Verify] reports it all the same, and [Vault.Repair] mends it.

// names tells whether an index object that counts names a pack.
func (x *index) names(pack objectID) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	p := x.packs[pack]
	return p != nil && p.named > 0
}

// marked tells whether a pack has a tomb.
func (x *index) marked(pack objectID) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return !x.tombs[pack].IsZero()
}

// note keeps what is damaged of the index, and says so when it is new.
func (x *index) note(ctx context.Context, broken map[objectID]error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for id, err := range broken {
		if x.broken[id] == nil {
			slog.WarnContext(ctx, "an index object of an archive is damaged; packs are read instead", slog.String("object", id.String()), slog.Any("error", err))
		}
	}
	x.broken = broken
}

// damagedFiles gives the index objects that were found damaged.
func (x *index) damagedFiles() map[objectID]error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.broken
}

// lostPacks are the packs of a domain that no index object names. Most are a crashed writer's and nobody misses them.
type lostPacks struct {
	mu     sync.Mutex // guards the rest, and is held while packs are read
	loaded bool
	blobs  map[ID][]location
	tables []*knownPack
}

// find gives the lost packs that a blob lies in. They are read at the first call, and that may take long: it is for when
// something is missing.
func (l *lostPacks) find(ctx context.Context, d *Domain, id ID) ([]location, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.load(ctx, d); err != nil {
		return nil, err
	}
	return l.blobs[id], nil
}

// forget makes the next look read the packs anew.
func (l *lostPacks) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loaded, l.blobs, l.tables = false, nil, nil
}

// packs gives the lost packs whose tables can be read.
func (l *lostPacks) packs(ctx context.Context, d *Domain) ([]*knownPack, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.load(ctx, d); err != nil {
		return nil, err
	}
	return l.tables, nil
}

func (l *lostPacks) load(ctx context.Context, d *Domain) error {
	if l.loaded {
		return nil
	}
	l.blobs, l.tables = map[ID][]location{}, nil
	for object, err := range d.vault.store.List(ctx, packPrefix(d.id())) {
		if err != nil {
			return err
		}
		id, err := parseObjectID(strings.TrimPrefix(object.Name, packPrefix(d.id())))
		if err != nil || d.index.names(id) {
			continue
		}
		t, err := d.readStoredTable(ctx, object)
		if errors.Is(err, ErrDamaged) || errors.Is(err, ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		p := &knownPack{id: id, size: t.size, count: len(t.blobs), stored: t.stored(), blobs: t.blobs}
		l.tables = append(l.tables, p)
		for i := range t.blobs {
			at := location{p, &t.blobs[i]}
			l.blobs[at.blob.id] = append(l.blobs[at.blob.id], at)
		}
	}
	l.loaded = true
	return nil
}

// everyPlace gives all places of a blob, known to the index or lost.
func (d *Domain) everyPlace(ctx context.Context, id ID) ([]location, error) {
	places := d.index.places(id)
	lost, err := d.lost.find(ctx, d, id)
	if err != nil {
		return nil, err
	}
	for _, at := range lost {
		if !slices.ContainsFunc(places, func(p location) bool { return bytes.Equal(p.pack.id[:], at.pack.id[:]) }) {
			places = append(places, at)
		}
	}
	return places, nil
}

// rescuePayload reads a blob from any place where it is well. If there is none, it gives the error that made it look.
func (d *Domain) rescuePayload(ctx context.Context, kind blobKind, id ID, buf []byte, failed error) (location, []byte, error) {
	places, err := d.everyPlace(ctx, id)
	if err != nil {
		return location{}, nil, err
	}
	for _, at := range places {
		if at.blob.kind != kind {
			continue
		}
		payload, err := d.readPayload(ctx, at, buf)
		if err == nil {
			return at, payload, nil
		}
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNotExist) {
			return location{}, nil, err
		}
	}
	return location{}, nil, failed
}
