package kms

import (
	"maps"
	"slices"
	"strings"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// grantIndex finds the grants of a key that allow a call, without looking at each: a key of many volumes has a grant for
// each of them.
type grantIndex struct {
	all []state.Grant // by id
	// byGrantee holds positions in all. Grants with a constraint lie under one pair of its context, which every call that
	// they allow must show; the others lie under the empty pair.
	byGrantee map[grantKey][]int
	grantees  map[string][]int
}

type grantKey struct{ grantee, key, value string }

func indexGrants(grants []state.Grant) grantIndex {
	x := grantIndex{all: grants, byGrantee: map[grantKey][]int{}, grantees: map[string][]int{}}
	for i, g := range grants {
		at := grantKey{grantee: g.Grantee}
		for _, constraint := range []map[string]string{g.ContextEquals, g.ContextSubset} {
			if len(constraint) > 0 {
				at.key = slices.Min(slices.Collect(maps.Keys(constraint)))
				at.value = constraint[at.key]
				break
			}
		}
		x.byGrantee[at] = append(x.byGrantee[at], i)
		x.grantees[g.Grantee] = append(x.grantees[g.Grantee], i)
	}
	return x
}

// find returns the first grant by which the caller may do the operation in the encryption context.
func (x *grantIndex) find(c *api.Caller, operation string, encryptionContext map[string]string) (state.Grant, bool) {
	for _, p := range principalsOf(c) {
		if len(x.grantees[p]) == 0 {
			continue
		}
		if !takesEncryptionContext(operation) {
			if g, ok := x.among(x.grantees[p], c, operation, nil); ok {
				return g, true
			}
			continue
		}
		if g, ok := x.among(x.byGrantee[grantKey{grantee: p}], c, operation, encryptionContext); ok {
			return g, true
		}
		for key, value := range encryptionContext {
			if g, ok := x.among(x.byGrantee[grantKey{p, key, value}], c, operation, encryptionContext); ok {
				return g, true
			}
		}
	}
	return state.Grant{}, false
}

func (x *grantIndex) among(positions []int, c *api.Caller, operation string, encryptionContext map[string]string) (state.Grant, bool) {
	for _, i := range positions {
		g := x.all[i]
		if !isWhom(c, g.GranteeID) || !slices.Contains(g.Operations, operation) || g.SourceARN != "" && g.SourceARN != c.SourceARN {
			continue
		}
		if takesEncryptionContext(operation) && !fits(g, encryptionContext) {
			continue
		}
		return g, true
	}
	return state.Grant{}, false
}

// takesEncryptionContext tells the operations that a grant's constraints apply to: those that take an encryption context.
// https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantConstraints.html
func takesEncryptionContext(operation string) bool {
	switch operation {
	case "Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext",
		"GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext":
		return true
	}
	return false
}

// fits reports whether an encryption context meets a grant's constraints.
func fits(g state.Grant, encryptionContext map[string]string) bool {
	if len(g.ContextEquals) > 0 && !maps.Equal(g.ContextEquals, encryptionContext) {
		return false
	}
	return contains(encryptionContext, g.ContextSubset)
}

// contains reports whether whole has every pair of part.
func contains(whole, part map[string]string) bool {
	for key, value := range part {
		if got, ok := whole[key]; !ok || got != value {
			return false
		}
	}
	return true
}

// isWhom reports whether the caller, whom a grant names, is the one whom it was made to: a role or a user that was made anew
// under the name is not. Those without a unique id of their own have none to compare.
func isWhom(c *api.Caller, uniqueID string) bool {
	own, _, _ := strings.Cut(c.UserID, ":") // of a role's session the role's
	return uniqueID == "" || own == uniqueID
}

// principalsOf lists the names under which a grant may know the caller.
func principalsOf(c *api.Caller) []string {
	if c.Service != "" {
		return []string{c.Service}
	}
	names := []string{c.ARN}
	if c.RoleARN != "" {
		names = append(names, c.RoleARN)
	}
	return names
}
