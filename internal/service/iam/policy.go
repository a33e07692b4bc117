package iam

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// CreatePolicy adds a customer managed policy with its first version.
func (s *Service) CreatePolicy(ctx context.Context, c *api.Caller, in *iam.CreatePolicyInput) (*iam.CreatePolicyOutput, error) {
	var k constraints
	k.name("policyName", in.PolicyName, maxPolicyName)
	k.path(in.Path)
	k.document("policyDocument", in.PolicyDocument)
	k.description(in.Description)
	k.tags(in.Tags)
	if err := k.err(); err != nil {
		return nil, err
	}
	if err := checkManagedDocument(*in.PolicyDocument); err != nil {
		return nil, err
	}
	var policy state.Policy
	err := s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) error {
		policy = state.Policy{
			ARN: policyARN(c.AccountID, pathOf(in), *in.PolicyName), AccountID: c.AccountID, Name: *in.PolicyName,
			ID: newUniqueID(policyPrefix), Path: pathOf(in), Description: aws.ToString(in.Description), DefaultVersion: 1,
			LastVersion: 1, Tags: tagMap(in.Tags), CreatedAt: tx.Now, UpdatedAt: tx.Now,
		}
		err := tx.InsertPolicy(ctx, policy)
		if errors.Is(err, state.ErrExists) {
			return alreadyExists("A policy called %s already exists. Duplicate names are not allowed.", policy.Name)
		}
		if err != nil {
			return err
		}
		return tx.InsertPolicyVersion(ctx, state.PolicyVersion{PolicyARN: policy.ARN, Number: 1, Document: *in.PolicyDocument, CreatedAt: tx.Now})
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreatePolicyOutput{Policy: policyShape(policy, 0, 0)}, nil
}

func checkManagedDocument(document string) error {
	if _, err := checkDocument(document, iampolicy.Identity); err != nil {
		return err
	}
	if documentSize(document) > maxManagedPolicy {
		return limitExceeded("Cannot exceed quota for PolicySize: %d", maxManagedPolicy)
	}
	return nil
}

// GetPolicy shows a managed policy.
func (s *Service) GetPolicy(ctx context.Context, c *api.Caller, in *iam.GetPolicyInput) (out *iam.GetPolicyOutput, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		policy, err := findPolicy(ctx, tx, c, in.PolicyArn)
		if err != nil {
			return err
		}
		holders, err := tx.PolicyHolders(ctx, c.AccountID, policy.ARN)
		if err != nil {
			return err
		}
		bounded, err := tx.BoundaryUses(ctx, c.AccountID, policy.ARN)
		out = &iam.GetPolicyOutput{Policy: policyShape(policy, len(holders), bounded)}
		return err
	})
	return out, err
}

// ListPolicies lists the account's own managed policies and AWS's, without tags and descriptions, as AWS does.
func (s *Service) ListPolicies(ctx context.Context, c *api.Caller, in *iam.ListPoliciesInput) (*iam.ListPoliciesOutput, error) {
	p, err := s.page(c, in, string(in.Scope), string(in.PolicyUsageFilter), fmt.Sprint(in.OnlyAttached))
	if err != nil {
		return nil, err
	}
	prefix := cmp.Or(aws.ToString(in.PathPrefix), "/")
	var policies []state.Policy
	var attached, bounding map[string]int
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if in.Scope != types.PolicyScopeTypeAws {
			if policies, err = tx.Policies(ctx, c.AccountID, prefix); err != nil {
				return err
			}
		}
		if attached, err = tx.PolicyAttachmentCounts(ctx, c.AccountID); err != nil {
			return err
		}
		bounding, err = tx.BoundaryUseCounts(ctx, c.AccountID)
		return err
	})
	if err != nil {
		return nil, err
	}
	if in.Scope != types.PolicyScopeTypeLocal {
		for _, p := range awsPolicies() {
			if strings.HasPrefix(p.path, prefix) {
				policies = append(policies, p.row())
			}
		}
	}
	policies = slices.DeleteFunc(policies, func(p state.Policy) bool {
		used := attached[p.ARN] > 0
		switch in.PolicyUsageFilter {
		case types.PolicyUsageTypePermissionsPolicy:
			return !used
		case types.PolicyUsageTypePermissionsBoundary:
			return bounding[p.ARN] == 0
		}
		return in.OnlyAttached && !used && bounding[p.ARN] == 0
	})
	slices.SortFunc(policies, func(a, b state.Policy) int { return strings.Compare(a.ARN, b.ARN) })
	policies, next := cut(p, policies, func(p state.Policy) string { return p.ARN })
	out := &iam.ListPoliciesOutput{Policies: []types.Policy{}, Marker: next, IsTruncated: next != nil}
	for _, policy := range policies {
		shape := policyShape(policy, attached[policy.ARN], bounding[policy.ARN])
		shape.Tags, shape.Description = nil, nil
		out.Policies = append(out.Policies, *shape)
	}
	return out, nil
}

// DeletePolicy removes a policy that is attached nowhere and has only its default version.
func (s *Service) DeletePolicy(ctx context.Context, c *api.Caller, in *iam.DeletePolicyInput) (*iam.DeletePolicyOutput, error) {
	err := s.changePolicy(ctx, c, in.PolicyArn, func(ctx context.Context, tx *state.Tx, policy *state.Policy) error {
		holders, err := tx.PolicyHolders(ctx, c.AccountID, policy.ARN)
		if err != nil {
			return err
		}
		bounded, err := tx.BoundaryUses(ctx, c.AccountID, policy.ARN)
		if err != nil {
			return err
		}
		if len(holders)+bounded > 0 {
			return deleteConflict("Cannot delete a policy attached to entities.")
		}
		versions, err := tx.PolicyVersions(ctx, policy.ARN)
		if err != nil {
			return err
		}
		if len(versions) > 1 {
			return deleteConflict("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
		}
		return tx.DeletePolicy(ctx, policy.ARN)
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeletePolicyOutput{}, nil
}

// ListEntitiesForPolicy lists what a policy is attached to, and what it bounds.
func (s *Service) ListEntitiesForPolicy(ctx context.Context, c *api.Caller, in *iam.ListEntitiesForPolicyInput) (*iam.ListEntitiesForPolicyOutput, error) {
	p, err := s.page(c, in, string(in.EntityFilter), string(in.PolicyUsageFilter))
	if err != nil {
		return nil, err
	}
	var found []policyEntity
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		policy, err := findPolicy(ctx, tx, c, in.PolicyArn)
		if err != nil {
			return err
		}
		holders, err := policyUsers(ctx, tx, c.AccountID, policy.ARN, in.PolicyUsageFilter)
		if err != nil {
			return err
		}
		for _, h := range holders {
			if in.EntityFilter != "" && string(in.EntityFilter) != capital(h.Kind) {
				continue
			}
			e, err := findEntity(ctx, tx, c.AccountID, h)
			if err != nil {
				return err
			}
			if strings.HasPrefix(e.path, cmp.Or(aws.ToString(in.PathPrefix), "/")) {
				found = append(found, e)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	found, next := cut(p, found, func(e policyEntity) string { return string(e.Kind) + "/" + e.Name })
	out := &iam.ListEntitiesForPolicyOutput{
		PolicyGroups: []types.PolicyGroup{}, PolicyRoles: []types.PolicyRole{}, PolicyUsers: []types.PolicyUser{},
		Marker: next, IsTruncated: next != nil,
	}
	for _, e := range found {
		name, id := aws.String(e.Name), aws.String(e.id)
		switch e.Kind {
		case state.KindGroup:
			out.PolicyGroups = append(out.PolicyGroups, types.PolicyGroup{GroupName: name, GroupId: id})
		case state.KindRole:
			out.PolicyRoles = append(out.PolicyRoles, types.PolicyRole{RoleName: name, RoleId: id})
		case state.KindUser:
			out.PolicyUsers = append(out.PolicyUsers, types.PolicyUser{UserName: name, UserId: id})
		}
	}
	return out, nil
}

// policyEntity is a user, group or role that a policy decides about.
type policyEntity struct {
	state.PolicyHolder
	id, path string
}

// policyUsers are what a policy is attached to or bounds or either, each once, by kind and name.
func policyUsers(ctx context.Context, tx *state.Tx, accountID, arn string, usage types.PolicyUsageType) (all []state.PolicyHolder, err error) {
	if usage != types.PolicyUsageTypePermissionsBoundary {
		if all, err = tx.PolicyHolders(ctx, accountID, arn); err != nil {
			return nil, err
		}
	}
	if usage != types.PolicyUsageTypePermissionsPolicy {
		bounded, err := tx.PolicyBoundaries(ctx, accountID, arn)
		if err != nil {
			return nil, err
		}
		all = append(all, bounded...)
	}
	slices.SortFunc(all, func(a, b state.PolicyHolder) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return slices.Compact(all), nil
}

func findEntity(ctx context.Context, tx *state.Tx, accountID string, h state.PolicyHolder) (policyEntity, error) {
	switch h.Kind {
	case state.KindGroup:
		group, err := tx.Group(ctx, accountID, h.Name)
		return policyEntity{h, group.ID, group.Path}, err
	case state.KindRole:
		role, err := tx.Role(ctx, accountID, h.Name)
		return policyEntity{h, role.ID, role.Path}, err
	case state.KindUser:
		user, err := tx.User(ctx, accountID, h.Name)
		return policyEntity{h, user.ID, user.Path}, err
	}
	return policyEntity{}, fmt.Errorf("a policy is attached to a %s", h.Kind)
}

// TagPolicy adds tags.
func (s *Service) TagPolicy(ctx context.Context, c *api.Caller, in *iam.TagPolicyInput) (*iam.TagPolicyOutput, error) {
	err := s.changePolicy(ctx, c, in.PolicyArn, func(ctx context.Context, tx *state.Tx, policy *state.Policy) (err error) {
		if policy.Tags, err = retag(policy.Tags, in.Tags); err != nil {
			return err
		}
		return tx.UpdatePolicy(ctx, *policy)
	})
	if err != nil {
		return nil, err
	}
	return &iam.TagPolicyOutput{}, nil
}

// UntagPolicy removes tags.
func (s *Service) UntagPolicy(ctx context.Context, c *api.Caller, in *iam.UntagPolicyInput) (*iam.UntagPolicyOutput, error) {
	err := s.changePolicy(ctx, c, in.PolicyArn, func(ctx context.Context, tx *state.Tx, policy *state.Policy) error {
		policy.Tags = untag(policy.Tags, in.TagKeys)
		return tx.UpdatePolicy(ctx, *policy)
	})
	if err != nil {
		return nil, err
	}
	return &iam.UntagPolicyOutput{}, nil
}

// ListPolicyTags lists tags by key.
func (s *Service) ListPolicyTags(ctx context.Context, c *api.Caller, in *iam.ListPolicyTagsInput) (*iam.ListPolicyTagsOutput, error) {
	policy, err := s.policy(ctx, c, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	tags, next, err := s.listTags(c, in, policy.Tags)
	if err != nil {
		return nil, err
	}
	return &iam.ListPolicyTagsOutput{Tags: tags, Marker: next, IsTruncated: next != nil}, nil
}

func (s *Service) policy(ctx context.Context, c *api.Caller, arn *string) (policy state.Policy, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		policy, err = findPolicy(ctx, tx, c, arn)
		return err
	})
	return policy, err
}

// findPolicy reads a policy that the caller's account has, or one of AWS.
func findPolicy(ctx context.Context, tx *state.Tx, c *api.Caller, arn *string) (state.Policy, error) {
	if p := awsPolicies()[aws.ToString(arn)]; p != nil {
		return p.row(), nil
	}
	if !strings.HasPrefix(aws.ToString(arn), "arn:") {
		return state.Policy{}, invalidInput("ARN %s is not valid.", aws.ToString(arn))
	}
	policy, err := tx.Policy(ctx, *arn)
	if errors.Is(err, state.ErrNotFound) || err == nil && policy.AccountID != c.AccountID {
		return policy, noSuchEntity("Policy %s was not found.", *arn)
	}
	return policy, err
}

// changePolicy runs change on a policy of the caller's account.
func (s *Service) changePolicy(ctx context.Context, c *api.Caller, arn *string, change func(context.Context, *state.Tx, *state.Policy) error) error {
	return s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) error {
		policy, err := findPolicy(ctx, tx, c, arn)
		if err != nil {
			return err
		}
		if policy.AccountID != c.AccountID {
			return api.Errorf("AccessDenied", "The policy %s is managed by AWS and cannot be changed.", policy.ARN).WithStatus(http.StatusForbidden)
		}
		return change(ctx, tx, &policy)
	})
}

// row is the policy in the form of those that are kept in state.
func (p *awsPolicy) row() state.Policy {
	number, _ := strconv.ParseInt(strings.TrimPrefix(p.Version, "v"), 10, 64)
	return state.Policy{
		ARN: p.arn, AccountID: "aws", Name: p.name, ID: p.id, Path: p.path, Description: p.Description,
		DefaultVersion: number, LastVersion: number, CreatedAt: state.MicrosOf(time.Time(p.Created)), UpdatedAt: state.MicrosOf(time.Time(p.Updated)),
	}
}

func policyShape(p state.Policy, attached, bounded int) *types.Policy {
	shape := &types.Policy{
		Arn: aws.String(p.ARN), PolicyName: aws.String(p.Name), PolicyId: aws.String(p.ID), Path: aws.String(p.Path),
		DefaultVersionId: versionID(p.DefaultVersion), AttachmentCount: aws.Int32(int32(attached)),
		PermissionsBoundaryUsageCount: aws.Int32(int32(bounded)), IsAttachable: true,
		CreateDate: seconds(p.CreatedAt), UpdateDate: seconds(p.UpdatedAt), Tags: tagList(p.Tags),
	}
	if p.Description != "" {
		shape.Description = aws.String(p.Description)
	}
	return shape
}
