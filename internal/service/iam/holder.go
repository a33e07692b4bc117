package iam

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// holder is a user, group or role that has policies, as a call names it. All three have them in the same way.
type holder struct {
	kind state.PrincipalKind
	name *string
}

// find refuses a holder that does not exist.
func (h holder) find(ctx context.Context, tx *state.Tx, c *api.Caller) (err error) {
	_, err = h.role(ctx, tx, c)
	return err
}

func (h holder) role(ctx context.Context, tx *state.Tx, c *api.Caller) (role state.Role, err error) {
	switch h.kind {
	case state.KindRole:
		return findRole(ctx, tx, c.AccountID, h.name)
	case state.KindGroup:
		_, err = findGroup(ctx, tx, c.AccountID, h.name)
	case state.KindUser:
		if h.name == nil {
			h.name = aws.String("")
		}
		_, err = findUser(ctx, tx, c, h.name)
	}
	return role, err
}

// change runs fn on a holder that may be changed.
func (s *Service) changeHolder(ctx context.Context, c *api.Caller, h holder, fn func(ctx context.Context, tx *state.Tx) error) error {
	return s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) error {
		role, err := h.role(ctx, tx, c)
		if err != nil {
			return err
		}
		if role.ServiceLinked() {
			return unmodifiable(role.Name)
		}
		return fn(ctx, tx)
	})
}

func (s *Service) attach(ctx context.Context, c *api.Caller, h holder, arn *string) error {
	return s.changeHolder(ctx, c, h, func(ctx context.Context, tx *state.Tx) error {
		if _, err := managedPolicy(ctx, tx, c.AccountID, aws.ToString(arn)); err != nil {
			return err
		}
		if strings.HasPrefix(*arn, awsPolicyPrefix+"aws-service-role/") {
			return api.Errorf("PolicyNotAttachable", "Cannot attach a Service Role Policy to a Customer Role.")
		}
		attached, err := tx.AttachedPolicies(ctx, c.AccountID, h.kind, *h.name)
		if err != nil {
			return err
		}
		if len(attached) >= maxAttached && !slices.Contains(attached, *arn) {
			return limitExceeded("Cannot exceed quota for PoliciesPer%s: %d", capital(h.kind), maxAttached)
		}
		return tx.AttachPolicy(ctx, c.AccountID, h.kind, *h.name, *arn)
	})
}

func (s *Service) detach(ctx context.Context, c *api.Caller, h holder, arn *string) error {
	return s.changeHolder(ctx, c, h, func(ctx context.Context, tx *state.Tx) error {
		err := tx.DetachPolicy(ctx, c.AccountID, h.kind, *h.name, aws.ToString(arn))
		if errors.Is(err, state.ErrNotFound) {
			return noSuchEntity("Policy %s was not found.", aws.ToString(arn))
		}
		return err
	})
}

func (s *Service) listAttached(ctx context.Context, c *api.Caller, h holder, in any) ([]types.AttachedPolicy, *string, error) {
	p, err := s.page(c, in)
	if err != nil {
		return nil, nil, err
	}
	list := []types.AttachedPolicy{}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		if err := h.find(ctx, tx, c); err != nil {
			return err
		}
		arns, err := tx.AttachedPolicies(ctx, c.AccountID, h.kind, *h.name)
		for _, arn := range arns {
			_, path, _ := strings.Cut(arn, ":policy")
			i := strings.LastIndexByte(path, '/')
			if strings.HasPrefix(path[:i+1], cmp.Or(api.Field(in, "PathPrefix"), "/")) {
				list = append(list, types.AttachedPolicy{PolicyArn: aws.String(arn), PolicyName: aws.String(path[i+1:])})
			}
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	list, next := cut(p, list, func(a types.AttachedPolicy) string { return *a.PolicyArn })
	return list, next, nil
}

func (s *Service) putInline(ctx context.Context, c *api.Caller, h holder, name, document *string) error {
	var k constraints
	k.name("policyName", name, maxPolicyName)
	k.document("policyDocument", document)
	if err := k.err(); err != nil {
		return err
	}
	if _, err := checkDocument(*document, iampolicy.Identity); err != nil {
		return err
	}
	return s.changeHolder(ctx, c, h, func(ctx context.Context, tx *state.Tx) error {
		others, err := tx.InlinePolicies(ctx, c.AccountID, h.kind, *h.name)
		if err != nil {
			return err
		}
		size, quota := documentSize(*document), inlineQuota(h.kind)
		for _, other := range others {
			if other.Name != *name {
				size += documentSize(other.Document)
			}
		}
		if size > quota {
			return limitExceeded("Maximum policy size of %d bytes exceeded for %s %s", quota, h.kind, *h.name)
		}
		return tx.PutInlinePolicy(ctx, c.AccountID, h.kind, *h.name, state.InlinePolicy{Name: *name, Document: *document})
	})
}

func inlineQuota(kind state.PrincipalKind) int {
	switch kind {
	case state.KindRole:
		return maxInlineRole
	case state.KindGroup:
		return maxInlineGroup
	default:
		return maxInlineUser
	}
}

func (s *Service) inline(ctx context.Context, c *api.Caller, h holder, name *string) (policy state.InlinePolicy, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if err := h.find(ctx, tx, c); err != nil {
			return err
		}
		policy, err = tx.InlinePolicy(ctx, c.AccountID, h.kind, *h.name, aws.ToString(name))
		return noSuchInline(h.kind, name, err)
	})
	return policy, err
}

func (s *Service) deleteInline(ctx context.Context, c *api.Caller, h holder, name *string) error {
	return s.changeHolder(ctx, c, h, func(ctx context.Context, tx *state.Tx) error {
		return noSuchInline(h.kind, name, tx.DeleteInlinePolicy(ctx, c.AccountID, h.kind, *h.name, aws.ToString(name)))
	})
}

func noSuchInline(kind state.PrincipalKind, name *string, err error) error {
	if errors.Is(err, state.ErrNotFound) {
		return noSuchEntity("The %s policy with name %s cannot be found.", kind, aws.ToString(name))
	}
	return err
}

func (s *Service) listInline(ctx context.Context, c *api.Caller, h holder, in any) ([]string, *string, error) {
	p, err := s.page(c, in)
	if err != nil {
		return nil, nil, err
	}
	names := []string{}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		if err := h.find(ctx, tx, c); err != nil {
			return err
		}
		policies, err := tx.InlinePolicies(ctx, c.AccountID, h.kind, *h.name)
		for _, policy := range policies {
			names = append(names, policy.Name)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	names, next := cut(p, names, func(name string) string { return name })
	return names, next, nil
}

// checkNoPolicies refuses to delete what has policies.
func checkNoPolicies(ctx context.Context, tx *state.Tx, accountID string, kind state.PrincipalKind, name string) error {
	attached, err := tx.AttachedPolicies(ctx, accountID, kind, name)
	if err != nil {
		return err
	}
	if len(attached) > 0 {
		return deleteConflict("Cannot delete entity, must detach all policies first.")
	}
	inline, err := tx.InlinePolicies(ctx, accountID, kind, name)
	if err != nil {
		return err
	}
	if len(inline) > 0 {
		return deleteConflict("Cannot delete entity, must delete policies first.")
	}
	return nil
}

func capital(kind state.PrincipalKind) string {
	return fmt.Sprintf("%s%s", strings.ToUpper(string(kind[:1])), kind[1:])
}
