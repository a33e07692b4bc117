package ebs

import (
	"context"
	"maps"
	"sync"

	"strongroom/archive"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// openReaders is how many snapshots are kept open for block reads. A reader's open point saves reading its manifest for
// each block; it does not save asking KMS.
const openReaders = 8

// readers keeps points open that callers read block by block.
type readers struct {
	mu   sync.Mutex
	open map[readerID]*reader // guarded by mu
	turn int64                // counts uses; guarded by mu
}

type readerID struct{ snapshot, principal string }

type reader struct {
	point *archive.Point
	key   *witness // nil where no KMS key seals the snapshot
	used  int64
}

// witness is a keyring that remembers what it unwrapped, to ask KMS again whether the caller still may.
type witness struct {
	archive.Keyring
	wrapped []byte
	bound   map[string]string
}

func (w *witness) Unwrap(ctx context.Context, wrapped []byte, bound map[string]string) ([]byte, error) {
	w.wrapped, w.bound = wrapped, maps.Clone(bound)
	return w.Keyring.Unwrap(ctx, wrapped, bound)
}

// ReadSnapshot opens a completed snapshot for block reads as the caller, who needs kms:Decrypt on its key. Each call
// asks KMS, also where the snapshot is open already from a call before.
func (e *Engine) ReadSnapshot(ctx context.Context, c *api.Caller, s state.Snapshot) (*archive.Point, error) {
	id := readerID{s.ID, c.ARN + " " + c.UserID}
	if r := e.readers.find(id); r != nil {
		if r.key == nil {
			return r.point, nil
		}
		ring := e.Archives.Keyring(c.Through(servicePrincipal, c.Region), s.DomainKeyARN)
		plain, err := ring.Unwrap(ctx, r.key.wrapped, r.key.bound)
		clear(plain)
		if err != nil {
			return nil, keyError(err)
		}
		return r.point, nil
	}
	r := &reader{}
	ring := e.Archives.ServiceKeyring()
	if s.DomainKeyARN != "" {
		r.key = &witness{Keyring: e.Archives.Keyring(c.Through(servicePrincipal, c.Region), s.DomainKeyARN)}
		ring = r.key
	}
	d, err := e.Archives.Domain(ctx, Location(s), s.DomainKeyARN, ring)
	if err != nil {
		return nil, keyError(err)
	}
	if r.point, err = d.Open(ctx, s.Point); err != nil {
		return nil, err
	}
	e.readers.add(id, r)
	return r.point, nil
}

func (r *readers) find(id readerID) *reader {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := r.open[id]
	if found != nil {
		r.turn++
		found.used = r.turn
	}
	return found
}

func (r *readers) add(id readerID, added *reader) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		r.open = map[readerID]*reader{}
	}
	for len(r.open) >= openReaders {
		oldest := id
		for other, o := range r.open {
			if oldest == id || o.used < r.open[oldest].used {
				oldest = other
			}
		}
		delete(r.open, oldest)
	}
	r.turn++
	added.used = r.turn
	r.open[id] = added
}
