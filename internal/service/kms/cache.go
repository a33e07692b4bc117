package kms

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/state"
)

// cache holds keys in use. What it holds is never changed, only dropped; a key that was being read while a change was
// committed is not kept, which generation tells.
type cache struct {
	mu         sync.RWMutex
	generation uint64
	keys       map[string]map[string]*liveKey // by id and Region
	aliases    map[aliasName]string
}

type aliasName struct{ accountID, region, name string }

func newCache() *cache {
	return &cache{keys: map[string]map[string]*liveKey{}, aliases: map[aliasName]string{}}
}

// keep adds a key that was read in a generation, unless something changed since.
func (c *cache) keep(k *liveKey, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != generation {
		return
	}
	if c.keys[k.ID] == nil {
		c.keys[k.ID] = map[string]*liveKey{}
	}
	c.keys[k.ID][k.Region] = k
}

// changed drops a key, in all Regions, and all aliases.
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
	spec       *spec
	arn        string
	materials  []*material // the first generation first
	aliases    []string
	grants     grantIndex
	related    []state.Key         // all keys of its id by Region: itself, or those of a multi-Region key
	conditions map[string][]string // the condition keys that tell what it is
	dueAt      state.Micros        // when the next thing happens by itself to it or to a related key; 0 if nothing does
}

// current is the material that seals and signs; nil if nothing was imported yet.
func (k *liveKey) current() *material {
	for _, m := range slices.Backward(k.materials) {
		if !m.row.Pending {
			return m
		}
	}
	return nil
}

// material returns a generation by its id, or nil.
func (k *liveKey) material(id materialID) *material {
	for _, m := range k.materials {
		if m.id == id {
			return m
		}
	}
	return nil
}

// key returns the key of an id in a Region, after what is due of its deletion, rotation and expiry has been done;
// [state.ErrNotFound] if there is none.
func (s *Service) key(ctx context.Context, region, id string) (*liveKey, error) {
	s.cache.mu.RLock()
	k, generation := s.cache.keys[id][region], s.cache.generation
	s.cache.mu.RUnlock()
	now := state.MicrosOf(s.Clock.Now())
	if k != nil && !reached(k.dueAt, now) {
		return k, nil
	}
	k, err := s.load(ctx, region, id)
	if err != nil {
		return nil, err
	}
	if reached(k.dueAt, now) {
		if err := s.settle(ctx, id); err != nil {
			return nil, err
		}
		return s.load(ctx, region, id) // the next call keeps it
	}
	s.cache.keep(k, generation)
	return k, nil
}

func (s *Service) load(ctx context.Context, region, id string) (*liveKey, error) {
	k := &liveKey{}
	var materials []state.KeyMaterial
	var grants []state.Grant
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if k.Key, err = tx.Key(ctx, region, id); err != nil {
			return err
		}
		k.related = []state.Key{k.Key}
		if k.PrimaryRegion != "" {
			if k.related, err = tx.RelatedKeys(ctx, id); err != nil {
				return err
			}
		}
		named, err := tx.KeyAliases(ctx, region, id)
		if err != nil {
			return err
		}
		for _, a := range named {
			k.aliases = append(k.aliases, a.Name)
		}
		if grants, err = tx.KeyGrants(ctx, region, id); err != nil {
			return err
		}
		materials, err = tx.KeyMaterials(ctx, region, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	if k.spec = specNamed(types.KeySpec(k.Spec)); k.spec == nil {
		return nil, fmt.Errorf("key %s has the unknown spec %q", id, k.Spec)
	}
	k.arn = keyARN(k.Region, k.AccountID, k.ID)
	k.grants = indexGrants(grants)
	k.conditions = keyConditions(k.Key)
	for _, row := range k.related {
		k.dueAt = sooner(k.dueAt, dueAt(row))
	}
	for _, row := range materials {
		m, err := s.unwrap(ctx, k.spec, row)
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
	return s.changeBy(ctx, s.DB.Update, k, fn)
}

// changeMaterial is change for what brings a key new material: nothing must be sealed with it that would be lost with the database.
func (s *Service) changeMaterial(ctx context.Context, k *liveKey, fn func(ctx context.Context, tx *state.Tx, row *state.Key) error) error {
	return s.changeBy(ctx, s.DB.UpdateKept, k, fn)
}

type updater func(ctx context.Context, fn func(ctx context.Context, tx *state.Tx) error) error

func (s *Service) changeBy(ctx context.Context, update updater, k *liveKey, fn func(ctx context.Context, tx *state.Tx, row *state.Key) error) error {
	err := update(ctx, func(ctx context.Context, tx *state.Tx) error {
		row, err := tx.Key(ctx, k.Region, k.ID)
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
