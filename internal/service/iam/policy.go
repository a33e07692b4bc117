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
	p, err := s.page(c, in)
	if err != nil {
		return nil, err
	}
	prefix := cmp.Or(aws.ToString(in.PathPrefix), "/")
	var policies []state.Policy
	var attached map[string]int
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if in.Scope != types.PolicyScopeTypeAws {
			if policies, err = tx.Policies(ctx, c.AccountID, prefix); err != nil {
				return err
			}
		}
		attached, err = tx.PolicyAttachmentCounts(ctx, c.AccountID)
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
	if in.OnlyAttached {
		policies = slices.DeleteFunc(policies, func(p state.Policy) bool { return attached[p.ARN] == 0 })
	}
	slices.SortFunc(policies, func(a, b state.Policy) int { return strings.Compare(a.ARN, b.ARN) })
	policies, next := cut(p, policies, func(p state.Policy) string { return p.ARN })
	out := &iam.ListPoliciesOutput{Policies: []types.Policy{}, Marker: next, IsTruncated: next != nil}
	for _, policy := range policies {
		shape := policyShape(policy, attached[policy.ARN], 0)
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

// ListEntitiesForPolicy lists what a policy is attached to.
func (s *Service) ListEntitiesForPolicy(ctx context.Context, c *api.Caller, in *iam.ListEntitiesForPolicyInput) (*iam.ListEntitiesForPolicyOutput, error) {
	p, err := s.page(c, in)
	if err != nil {
		return nil, err
	}
	var holders []state.PolicyHolder
	ids := map[state.PolicyHolder]string{}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		policy, err := findPolicy(ctx, tx, c, in.PolicyArn)
		if err != nil {
			return err
		}
		if holders, err = tx.PolicyHolders(ctx, c.AccountID, policy.ARN); err != nil {
			return err
		}
		for _, h := range holders {
			if ids[h], err = holderID(ctx, tx, c.AccountID, h); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if in.EntityFilter != "" {
		kind := map[types.EntityType]state.PrincipalKind{
			types.EntityTypeUser: state.KindUser, types.EntityTypeRole: state.KindRole, types.EntityTypeGroup: state.KindGroup,
		}[in.EntityFilter]
		holders = slices.DeleteFunc(holders, func(h state.PolicyHolder) bool { return h.Kind != kind })
	}
	holders, next := cut(p, holders, func(h state.PolicyHolder) string { return string(h.Kind) + "/" + h.Name })
	out := &iam.ListEntitiesForPolicyOutput{
		PolicyGroups: []types.PolicyGroup{}, PolicyRoles: []types.PolicyRole{}, PolicyUsers: []types.PolicyUser{},
		Marker: next, IsTruncated: next != nil,
	}
	for _, h := range holders {
		name, id := aws.String(h.Name), aws.String(ids[h])
		switch h.Kind {
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

func holderID(ctx context.Context, tx *state.Tx, accountID string, h state.PolicyHolder) (string, error) {
	switch h.Kind {
	case state.KindGroup:
		group, err := tx.Group(ctx, accountID, h.Name)
		return group.ID, err
	case state.KindRole:
		role, err := tx.Role(ctx, accountID, h.Name)
		return role.ID, err
	case state.KindUser:
		user, err := tx.User(ctx, accountID, h.Name)
		return user.ID, err
	}
	return "", fmt.Errorf("a policy is attached to a %s", h.Kind)
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
