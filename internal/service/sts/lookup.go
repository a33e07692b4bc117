package sts

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"strongroom/internal/api"
	"strongroom/internal/service/iam"
	"strongroom/internal/state"
)

// Lookup returns the secret that signs for an access key, and the caller it speaks for. The errors are InvalidClientTokenId
// for a key or token that is unknown, inactive, of a closed account or does not fit the other, and ExpiredToken.
func (s *Service) Lookup(ctx context.Context, accessKeyID, sessionToken string) (secret string, caller api.Caller, err error) {
	if sessionToken == "" {
		known, err := s.keys.get(ctx, s, accessKeyID)
		if err != nil {
			return "", api.Caller{}, err
		}
		return known.secret, known.caller, nil
	}
	t, err := s.openToken(ctx, sessionToken)
	switch {
	case errors.Is(err, errToken) || err == nil && t.AccessKeyID != accessKeyID:
		return "", api.Caller{}, invalidToken()
	case err != nil:
		return "", api.Caller{}, err
	case t.expired(s.Wall.Now()):
		return "", api.Caller{}, &api.Error{
			Code: "ExpiredToken", Message: "The security token included in the request is expired", Status: http.StatusForbidden,
		}
	}
	c := t.caller()
	closed, err := s.keys.closed(ctx, s, c.AccountID)
	if err != nil {
		return "", api.Caller{}, err
	}
	if closed {
		return "", api.Caller{}, invalidToken()
	}
	return t.Secret, *c, nil
}

func invalidToken() error {
	return &api.Error{
		Code: "InvalidClientTokenId", Message: "The security token included in the request is invalid.", Status: http.StatusForbidden,
	}
}

// keyCache keeps long-term keys as of one generation of the principals.
type keyCache struct {
	mu         sync.RWMutex // guards the rest
	generation uint64
	keys       map[string]knownKey
	accounts   map[string]bool // whether they are closed
}

type knownKey struct {
	secret string
	caller api.Caller
}

func (k *keyCache) get(ctx context.Context, s *Service, id string) (knownKey, error) {
	generation := s.DB.PrincipalGeneration()
	k.mu.RLock()
	known, ok := k.keys[id]
	ok = ok && k.generation == generation
	k.mu.RUnlock()
	if ok {
		return known, nil
	}
	known, err := s.readKey(ctx, id)
	if err != nil {
		return known, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.begin(generation)
	k.keys[id] = known
	return known, nil
}

// begin forgets what was known in another generation. The caller holds the lock.
func (k *keyCache) begin(generation uint64) {
	if k.generation != generation || k.keys == nil {
		k.generation, k.keys, k.accounts = generation, map[string]knownKey{}, map[string]bool{}
	}
}

// closed reports whether an account is closed.
func (k *keyCache) closed(ctx context.Context, s *Service, accountID string) (bool, error) {
	generation := s.DB.PrincipalGeneration()
	k.mu.RLock()
	closed, known := k.accounts[accountID]
	known = known && k.generation == generation
	k.mu.RUnlock()
	if known {
		return closed, nil
	}
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		a, err := tx.Account(ctx, accountID)
		closed = a.ClosedAt != 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("looking up account %s: %w", accountID, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.begin(generation)
	k.accounts[accountID] = closed
	return closed, nil
}

func (s *Service) readKey(ctx context.Context, id string) (knownKey, error) {
	var key state.AccessKey
	var user state.User
	var closed bool
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if key, err = tx.AccessKey(ctx, id); err != nil {
			return err
		}
		if user, err = tx.User(ctx, key.AccountID, key.UserName); err != nil {
			return err
		}
		account, err := tx.Account(ctx, key.AccountID)
		closed = account.ClosedAt != 0
		return err
	})
	if errors.Is(err, state.ErrNotFound) || err == nil && (key.Status != "Active" || closed) {
		return knownKey{}, invalidToken()
	}
	if err != nil {
		return knownKey{}, fmt.Errorf("looking up access key %s: %w", id, err)
	}
	secret, err := iam.Unwrap(ctx, s.Keeper, key)
	return knownKey{secret, api.Caller{AccountID: user.AccountID, ARN: user.ARN(), UserID: user.ID, AccessKeyID: key.ID}}, err
}
