package archive

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// commit stores the manifest, when all that it reaches is stored. Then it asks whether the lease held, and whether what the
// writer counted on stays: if a collection has taken the writer for dead, what the recovery point reaches may be gone, and the
// manifest goes too.
func (s *sink) commit(ctx context.Context, l *lease, point string, m *manifest) (Summary, error) {
	if err := s.relies.there(ctx, s.d); err != nil {
		return Summary{}, err
	}
	if err := l.confirm(ctx); err != nil {
		return Summary{}, err
	}
	m.header.domain, m.header.created = s.d.id(), s.d.vault.opts.Clock.Now()
	_, _ = rand.Read(m.header.nonce[:]) // never fails, says crypto/rand
	m.newBytes, m.stored = s.newBytes.Load(), s.stored.Load()
	name := pointName(s.d.id(), point)
	err := s.d.vault.store.Create(ctx, name, m.seal(s.d.keys, point))
	if errors.Is(err, ErrExist) {
		other, err := s.d.readManifest(ctx, point)
		if err != nil {
			return Summary{}, err
		}
		if other.header.nonce != m.header.nonce { // the same job, run twice at once
			if other, err = s.d.adopt(ctx, l, point); err != nil {
				return Summary{}, err
			}
			return other.summary(), nil
		} // otherwise it is this one: the store was asked twice
	} else if err != nil {
		return Summary{}, fmt.Errorf("storing the manifest: %w", err)
	}
	err = l.confirm(ctx)
	if err == nil {
		err = s.relies.stays(ctx, s.d, l.start.Truncate(time.Millisecond)) // as its name says
	}
	if err != nil {
		return Summary{}, errors.Join(err, s.d.vault.store.Delete(context.WithoutCancel(ctx), name))
	}
	return m.summary(), nil
}

func (m *manifest) summary() Summary {
	return Summary{Entries: m.root.entries, LogicalBytes: m.root.size, NewBytes: m.newBytes, StoredBytes: m.stored}
}
