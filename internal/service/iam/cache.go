package iam

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// cache keeps parsed documents by their text, which never go stale, and everything else as of one generation of the
// principals: the first question after a change begins with nothing.
type cache struct {
	db        *state.DB
	knowledge atomic.Pointer[knowledge]

	documents sync.Map // text → *iampolicy.Policy
	count     atomic.Int64
}

// maxDocuments bounds the cache of documents; when it is full it begins anew.
const maxDocuments = 20000

func newCache(db *state.DB) *cache {
	c := &cache{db: db}
	c.knowledge.Store(&knowledge{cache: c})
	return c
}

func (c *cache) parse(document string) (*iampolicy.Policy, error) {
	if parsed, ok := c.documents.Load(document); ok {
		return parsed.(*iampolicy.Policy), nil
	}
	parsed, err := iampolicy.Parse([]byte(document))
	if err != nil {
		return nil, err
	}
	if c.count.Add(1) > maxDocuments {
		c.documents.Clear()
		c.count.Store(1)
	}
	c.documents.Store(document, parsed)
	return parsed, nil
}

// current is what is known and not stale.
func (c *cache) current() *knowledge {
	k := c.knowledge.Load()
	generation := c.db.PrincipalGeneration()
	if k.generation == generation {
		return k
	}
	fresh := &knowledge{cache: c, generation: generation}
	c.knowledge.CompareAndSwap(k, fresh)
	return fresh
}

// knowledge is what was read of principals and accounts since the generation began.
type knowledge struct {
	cache      *cache
	generation uint64

	principals sync.Map // principalKey → *principal
	places     sync.Map // account id → *place
	policies   sync.Map // sessionPolicyKey → iampolicy.Source
}

type principalKey struct{ account, name, id string }

// principal returns what is known of the caller; a service or a root user has no policies.
func (k *knowledge) principal(ctx context.Context, c *api.Caller) (*principal, error) {
	if c.Service != "" || c.ARN == "" || c.IsRoot() {
		return &principal{}, nil
	}
	key := principalKey{account: c.AccountID}
	key.name, key.id = identity(c)
	if known, ok := k.principals.Load(key); ok {
		return known.(*principal), nil
	}
	var p *principal
	err := k.cache.db.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		p, err = k.load(ctx, tx, c)
		return err
	})
	if err != nil {
		return nil, err
	}
	k.principals.Store(key, p)
	return p, nil
}

// place is where an account stands in its organization: as condition keys show it, and with the policies that bind it
// there. It is empty for a standalone account.
type place struct {
	closed       bool     // nobody reaches what the account has, and it reaches nothing
	organization []string // the organization's id
	path         []string // o-…/r-…/ou-…/
	// A slice per level from the root to the account; nil where the type is not enabled, and for the management account,
	// which no policy of the organization binds.
	scps, rcps [][]iampolicy.Source
	levels     []string // the root, the organizational units and the account that these are of
}

func (k *knowledge) place(ctx context.Context, accountID string) (*place, error) {
	if known, ok := k.places.Load(accountID); ok {
		return known.(*place), nil
	}
	p := &place{}
	err := k.cache.db.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		a, err := tx.Account(ctx, accountID)
		if errors.Is(err, state.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		p.closed = a.ClosedAt != 0
		o, levels, err := tx.OrganizationLevels(ctx, accountID)
		if errors.Is(err, state.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		p.organization, p.path = []string{o.ID}, []string{o.OrganizationPath(levels)}
		if accountID == o.ManagementAccountID {
			return nil
		}
		levels = append(levels, accountID)
		p.levels = levels
		if p.scps, err = k.controlPolicies(ctx, tx, o.ID, iampolicy.SCP, levels); err != nil {
			return err
		}
		p.rcps, err = k.controlPolicies(ctx, tx, o.ID, iampolicy.RCP, levels)
		return err
	})
	if err != nil {
		return nil, err
	}
	k.places.Store(accountID, p)
	return p, nil
}

type sessionPolicyKey struct{ account, arn string }

// sessionPolicy is a managed policy that a session was limited by; once deleted it allows nothing.
func (k *knowledge) sessionPolicy(ctx context.Context, accountID, arn string) (iampolicy.Source, error) {
	key := sessionPolicyKey{accountID, arn}
	if known, ok := k.policies.Load(key); ok {
		return known.(iampolicy.Source), nil
	}
	var source iampolicy.Source
	err := k.cache.db.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		source, err = k.managed(ctx, tx, accountID, arn)
		if api.Code(err) == "NoSuchEntity" {
			source, err = iampolicy.Source{Name: arn, Kind: iampolicy.Identity}, nil
		}
		return err
	})
	if err != nil {
		return source, err
	}
	k.policies.Store(key, source)
	return source, nil
}
