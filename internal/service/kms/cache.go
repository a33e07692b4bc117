package kms

import (
	"context"
	"sync"

	"strongroom/internal/state"
)

// cache holds keys in use. What it holds is never changed, only dropped; a key that was being read while a change was
// committed is not kept, which generation tells.
type cache struct {
	mu         sync.RWMutex
	generation uint64
	keys       map[string]*liveKey
	aliases    map[aliasName]string
}

type aliasName struct{ accountID, region, name string }

func newCache() *cache {
	return &cache{keys: map[string]*liveKey{}, aliases: map[aliasName]string{}}
}

// changed drops a key and all aliases.
func (c *cache) changed(keyID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	delete(c.keys, keyID)
	clear(c.aliases)
}

// liveKey is a key as it is used: with its material unwrapped and its grants indexed.
type liveKey struct {
	state.Key
	arn       string
	materials []*material // the first generation first
	aliases   []string
	grants    grantIndex
}

// current is the material that seals.
func (k *liveKey) current() *material { return k.materials[len(k.materials)-1] }

// material returns a generation by its id, or nil.
func (k *liveKey) material(id materialID) *material {
	for _, m := range k.materials {
		if m.id == id {
			return m
		}
	}
	return nil
}

// key returns a key by its id, after what is due of its deletion and rotation has been done; [state.ErrNotFound] if there
// is none.
func (s *Service) key(ctx context.Context, id string) (*liveKey, error) {
	s.cache.mu.RLock()
	k, generation := s.cache.keys[id], s.cache.generation
	s.cache.mu.RUnlock()
	now := state.MicrosOf(s.Clock.Now())
	if k != nil && !due(k.Key, now) {
		return k, nil
	}
	k, err := s.load(ctx, id)
	if err != nil {
		return nil, err
	}
	if due(k.Key, now) {
		if err := s.settle(ctx, id); err != nil {
			return nil, err
		}
		return s.load(ctx, id) // the next call keeps it
	}
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	if s.cache.generation == generation {
		s.cache.keys[id] = k
	}
	return k, nil
}

func (s *Service) load(ctx context.Context, id string) (*liveKey, error) {
	k := &liveKey{}
	var materials []state.KeyMaterial
	var grants []state.Grant
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if k.Key, err = tx.Key(ctx, id); err != nil {
			return err
		}
		named, err := tx.KeyAliases(ctx, id)
		if err != nil {
			return err
		}
		for _, a := range named {
			k.aliases = append(k.aliases, a.Name)
		}
		if grants, err = tx.KeyGrants(ctx, id); err != nil {
			return err
		}
		materials, err = tx.KeyMaterials(ctx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	k.arn = keyARN(k.Region, k.AccountID, k.ID)
	k.grants = indexGrants(grants)
	for _, row := range materials {
		m, err := s.unwrap(ctx, row)
		if err != nil {
			return nil, err
		}
		k.materials = append(k.materials, m)
	}
	return k, nil
}

// aliasTarget returns the id of the key that an alias names; [state.ErrNotFound] if there is no such alias.
func (s *Service) aliasTarget(ctx context.Context, accountID, region, name string) (string, error) {
	alias := aliasName{accountID, region, name}
	s.cache.mu.RLock()
	keyID, generation := s.cache.aliases[alias], s.cache.generation
	s.cache.mu.RUnlock()
	if keyID != "" {
		return keyID, nil
	}
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		a, err := tx.Alias(ctx, accountID, region, name)
		keyID = a.KeyID
		return err
	})
	if err != nil {
		return "", err
	}
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	if s.cache.generation == generation {
		s.cache.aliases[alias] = keyID
	}
	return keyID, nil
}

// change applies fn to a key's row in a transaction, writes the row back and drops the key from memory. A key that is
// gone is answered as not found.
func (s *Service) change(ctx context.Context, k *liveKey, fn func(ctx context.Context, tx *state.Tx, row *state.Key) error) error {
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		row, err := tx.Key(ctx, k.ID)
		if err != nil {
			return notFoundAs(err, errKeyNotFound(k.arn))
		}
		if err := fn(ctx, tx, &row); err != nil {
			return err
		}
		return tx.UpdateKey(ctx, row)
	})
	s.cache.changed(k.ID)
	return err
}
