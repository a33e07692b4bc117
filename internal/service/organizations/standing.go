package organizations

import (
	"context"
	"slices"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// standing is the right by which an account calls an operation on its organization, beside its own policies.
type standing int

const (
	none          standing = iota // none: the operation is another's
	manager                       // the management account
	anyMember                     // every account of the organization may
	administrator                 // a delegated administrator of some service, which may look at the organization
	delegate                      // if the organization's resource policy allows it
)

// forMembers are the operations of every account, about itself and the organization as a whole. What they show of others is
// their own business.
var forMembers = []string{
	"CreateOrganization", "DescribeOrganization", "LeaveOrganization",
	"AcceptHandshake", "DeclineHandshake", "CancelHandshake", "DescribeHandshake", "ListHandshakesForAccount",
}

// forReaders are the operations that the management account shares with delegated administrators of any service, as the
// page of each in https://docs.aws.amazon.com/organizations/latest/APIReference/API_Operations.html says.
var forReaders = []string{
	"DescribeAccount", "DescribeCreateAccountStatus", "DescribeEffectivePolicy", "DescribeOrganizationalUnit", "DescribePolicy",
	"DescribeResourcePolicy", "ListAWSServiceAccessForOrganization", "ListAccounts", "ListAccountsForParent",
	"ListAccountsWithInvalidEffectivePolicy", "ListChildren", "ListCreateAccountStatus", "ListDelegatedAdministrators",
	"ListDelegatedServicesForAccount", "ListEffectivePolicyValidationErrors", "ListHandshakesForOrganization",
	"ListOrganizationalUnitsForParent", "ListParents", "ListPolicies", "ListPoliciesForTarget", "ListRoots", "ListTagsForResource",
	"ListTargetsForPolicy",
}

// forDelegates are those beside the readers' that a resource policy may allow:
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_delegate_policies.html
var forDelegates = []string{
	"AttachPolicy", "CreatePolicy", "DeletePolicy", "DetachPolicy", "DisablePolicyType", "EnablePolicyType", "TagResource",
	"UntagResource", "UpdatePolicy",
}

// delegable reports whether a resource policy may speak of an operation.
func delegable(operation string) bool {
	return operation == "DescribeOrganization" || slices.Contains(forReaders, operation) || slices.Contains(forDelegates, operation)
}

// standingOf tells by what right an account of the organization calls, and the resource policy if that decides.
func standingOf(ctx context.Context, tx *state.Tx, o state.Organization, c *api.Caller, in any) (standing, state.ResourcePolicy, error) {
	operation := api.OperationName(in)
	if c.AccountID == o.ManagementAccountID {
		return manager, state.ResourcePolicy{}, nil
	}
	target := api.Field(in, "TargetId")
	if slices.Contains(forMembers, operation) || operation == "DescribeEffectivePolicy" && (target == "" || target == c.AccountID) {
		return anyMember, state.ResourcePolicy{}, nil
	}
	if slices.Contains(forReaders, operation) {
		services, err := tx.DelegatedServices(ctx, o.ID, c.AccountID)
		if err != nil || len(services) > 0 {
			return administrator, state.ResourcePolicy{}, err
		}
	}
	if !delegable(operation) {
		return none, state.ResourcePolicy{}, nil
	}
	policy, err := tx.OrganizationResourcePolicy(ctx, o.ID)
	if err != nil || policy.Content == "" {
		return none, policy, err
	}
	return delegate, policy, nil
}

// enter lets a call into the caller's organization, or refuses it. What a resource policy must allow is asked once more
// here, where nothing changes any more: the door may have asked before there was the policy that counts now.
func (s *Service) enter(ctx context.Context, tx *state.Tx, c *api.Caller, in any) (state.Organization, error) {
	o, err := member(ctx, tx, c)
	if err != nil {
		return o, err
	}
	by, _, err := standingOf(ctx, tx, o, c, in)
	switch {
	case err != nil:
		return o, err
	case by == none:
		return o, notPermitted()
	case by != delegate:
		return o, nil
	}
	accesses, err := accessesOf(ctx, tx, c, "organizations:"+api.OperationName(in), in)
	if err != nil {
		return o, err
	}
	return o, s.Door.Authorize(ctx, c, "organizations", accesses...)
}

// view runs a reading fn in the caller's organization, for whoever has a right to the operation.
func (s *Service) view(ctx context.Context, c *api.Caller, in any, fn func(ctx context.Context, tx *state.Tx, o state.Organization) error) error {
	return s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		o, err := s.enter(ctx, tx, c, in)
		if err != nil {
			return err
		}
		return fn(ctx, tx, o)
	})
}

// change runs a writing fn in the caller's organization, for whoever has a right to the operation.
func (s *Service) change(ctx context.Context, c *api.Caller, in any, fn func(ctx context.Context, tx *state.Tx, o state.Organization) error) error {
	return s.update(ctx, func(ctx context.Context, tx *state.Tx) error {
		o, err := s.enter(ctx, tx, c, in)
		if err != nil {
			return err
		}
		return fn(ctx, tx, o)
	})
}
