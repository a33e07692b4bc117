package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// AttachRolePolicy attaches a managed policy.
func (s *Service) AttachRolePolicy(ctx context.Context, c *api.Caller, in *iam.AttachRolePolicyInput) (*iam.AttachRolePolicyOutput, error) {
	if err := s.attach(ctx, c, holder{state.KindRole, in.RoleName}, in.PolicyArn); err != nil {
		return nil, err
	}
	return &iam.AttachRolePolicyOutput{}, nil
}

// DetachRolePolicy detaches it.
func (s *Service) DetachRolePolicy(ctx context.Context, c *api.Caller, in *iam.DetachRolePolicyInput) (*iam.DetachRolePolicyOutput, error) {
	if err := s.detach(ctx, c, holder{state.KindRole, in.RoleName}, in.PolicyArn); err != nil {
		return nil, err
	}
	return &iam.DetachRolePolicyOutput{}, nil
}

// ListAttachedRolePolicies lists the managed policies.
func (s *Service) ListAttachedRolePolicies(ctx context.Context, c *api.Caller, in *iam.ListAttachedRolePoliciesInput) (*iam.ListAttachedRolePoliciesOutput, error) {
	policies, next, err := s.listAttached(ctx, c, holder{state.KindRole, in.RoleName}, in)
	if err != nil {
		return nil, err
	}
	return &iam.ListAttachedRolePoliciesOutput{AttachedPolicies: policies, Marker: next, IsTruncated: next != nil}, nil
}

// PutRolePolicy embeds a policy or replaces it.
func (s *Service) PutRolePolicy(ctx context.Context, c *api.Caller, in *iam.PutRolePolicyInput) (*iam.PutRolePolicyOutput, error) {
	if err := s.putInline(ctx, c, holder{state.KindRole, in.RoleName}, in.PolicyName, in.PolicyDocument); err != nil {
		return nil, err
	}
	return &iam.PutRolePolicyOutput{}, nil
}

// GetRolePolicy shows an embedded policy.
func (s *Service) GetRolePolicy(ctx context.Context, c *api.Caller, in *iam.GetRolePolicyInput) (*iam.GetRolePolicyOutput, error) {
	policy, err := s.inline(ctx, c, holder{state.KindRole, in.RoleName}, in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iam.GetRolePolicyOutput{RoleName: in.RoleName, PolicyName: in.PolicyName, PolicyDocument: escape(policy.Document)}, nil
}

// DeleteRolePolicy removes an embedded policy.
func (s *Service) DeleteRolePolicy(ctx context.Context, c *api.Caller, in *iam.DeleteRolePolicyInput) (*iam.DeleteRolePolicyOutput, error) {
	if err := s.deleteInline(ctx, c, holder{state.KindRole, in.RoleName}, in.PolicyName); err != nil {
		return nil, err
	}
	return &iam.DeleteRolePolicyOutput{}, nil
}

// ListRolePolicies lists the names of the embedded policies.
func (s *Service) ListRolePolicies(ctx context.Context, c *api.Caller, in *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
	names, next, err := s.listInline(ctx, c, holder{state.KindRole, in.RoleName}, in)
	if err != nil {
		return nil, err
	}
	return &iam.ListRolePoliciesOutput{PolicyNames: names, Marker: next, IsTruncated: next != nil}, nil
}
