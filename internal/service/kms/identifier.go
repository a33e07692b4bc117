package kms

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/google/uuid"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// reach says which identifiers an operation takes.
type reach int

const (
	own     reach = 0         // key id or key ARN of the caller's account
	aliases reach = 1 << iota // an alias's name or ARN, too
	foreign                   // a key of another account, by ARN
)

// target is the key that an identifier led to.
type target struct {
	*liveKey
	alias string // the alias that named it, or ""
	given string // the identifier as it was given
}

// find resolves a key identifier for an operation (named without its "kms:") of the caller.
func (s *Service) find(ctx context.Context, c *api.Caller, operation string, id *string, r reach) (target, error) {
	if id == nil || *id == "" {
		return target{}, errNull("keyId")
	}
	accountID, resource := c.AccountID, *id
	if strings.HasPrefix(resource, "arn:") {
		a, err := arn.Parse(resource)
		switch {
		case err != nil || a.Service != "kms" || a.Partition != "aws":
			return target{}, errInvalidKeyID(*id)
		case a.Region != c.Region:
			return target{}, api.Errorf("NotFoundException", "Invalid arn %s", a.Region)
		}
		accountID, resource = a.AccountID, strings.TrimPrefix(a.Resource, "key/")
		if a.Resource == resource && !strings.HasPrefix(resource, "alias/") {
			return target{}, errInvalidKeyID(*id)
		}
	}
	if accountID != c.AccountID && r&foreign == 0 {
		return target{}, errOutOfReach(callerName(c), "kms:"+operation, "resource: "+*id)
	}
	if strings.HasPrefix(resource, "alias/") {
		if r&aliases == 0 {
			return target{}, errInvalidKeyID(*id)
		}
		return s.findByAlias(ctx, c, operation, *id, accountID, resource)
	}
	if _, ok := parseKeyID(resource); !ok {
		return target{}, errInvalidKeyID(*id)
	}
	k, err := s.key(ctx, c.Region, resource)
	switch {
	case err == nil && k.AccountID == accountID:
		return target{liveKey: k, given: *id}, nil
	case err != nil && !errors.Is(err, state.ErrNotFound):
		return target{}, err
	case accountID != c.AccountID:
		return target{}, errOutOfReach(callerName(c), "kms:"+operation, "resource: "+*id)
	}
	return target{}, errKeyNotFound(keyARN(c.Region, accountID, resource))
}

func (s *Service) findByAlias(ctx context.Context, c *api.Caller, operation, given, accountID, name string) (target, error) {
	keyID, err := s.aliasTarget(ctx, accountID, c.Region, name)
	if errors.Is(err, state.ErrNotFound) && accountID == c.AccountID && managedService(name) != "" {
		// A predefined alias makes its key at first use.
		var managed string
		if managed, err = s.EnsureManagedKey(ctx, accountID, c.Region, strings.TrimPrefix(name, "alias/")); err != nil {
			return target{}, err
		}
		keyID = managed[strings.LastIndexByte(managed, '/')+1:]
	}
	var k *liveKey
	if err == nil {
		k, err = s.key(ctx, c.Region, keyID)
	}
	switch {
	case err == nil:
		return target{liveKey: k, alias: name, given: given}, nil
	case !errors.Is(err, state.ErrNotFound):
		return target{}, err
	case accountID != c.AccountID:
		return target{}, errOutOfReach(callerName(c), "kms:"+operation, "resource: "+given)
	}
	return target{}, errAliasNotFound(aliasARN(c.Region, accountID, name))
}

// multiRegionPrefix begins the ids of multi-Region keys.
const multiRegionPrefix = "mrk-"

// parsedKeyID is a key id in its bytes.
type parsedKeyID struct {
	uuid        uuid.UUID
	multiRegion bool
}

// newKeyID makes the id of a new key.
func newKeyID(multiRegion bool) string {
	return parsedKeyID{uuid: uuid.New(), multiRegion: multiRegion}.String()
}

func parseKeyID(id string) (parsedKeyID, bool) {
	if digits, ok := strings.CutPrefix(id, multiRegionPrefix); ok {
		u, err := uuid.Parse(digits)
		return parsedKeyID{u, true}, err == nil && len(digits) == 32
	}
	u, err := uuid.Parse(id)
	return parsedKeyID{u, false}, err == nil && len(id) == 36
}

func (id parsedKeyID) String() string {
	if id.multiRegion {
		return multiRegionPrefix + hex.EncodeToString(id.uuid[:])
	}
	return id.uuid.String()
}

func keyARN(region, accountID, id string) string {
	return arn.New("kms", region, accountID, "key/"+id).String()
}

func aliasARN(region, accountID, name string) string {
	return arn.New("kms", region, accountID, name).String()
}

// callerName is how messages name the caller.
func callerName(c *api.Caller) string {
	if c.Service != "" {
		return c.Service
	}
	return c.ARN
}
