package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// AttachGroupPolicy attaches a managed policy.
func (s *Service) AttachGroupPolicy(ctx context.Context, c *api.Caller, in *iam.AttachGroupPolicyInput) (*iam.AttachGroupPolicyOutput, error) {
	if err := s.attach(ctx, c, holder{state.KindGroup, in.GroupName}, in.PolicyArn); err != nil {
		return nil, err
	}
	return &iam.AttachGroupPolicyOutput{}, nil
}

// DetachGroupPolicy detaches it.
func (s *Service) DetachGroupPolicy(ctx context.Context, c *api.Caller, in *iam.DetachGroupPolicyInput) (*iam.DetachGroupPolicyOutput, error) {
	if err := s.detach(ctx, c, holder{state.KindGroup, in.GroupName}, in.PolicyArn); err != nil {
		return nil, err
	}
	return &iam.DetachGroupPolicyOutput{}, nil
}

// ListAttachedGroupPolicies lists the managed policies.
func (s *Service) ListAttachedGroupPolicies(ctx context.Context, c *api.Caller, in *iam.ListAttachedGroupPoliciesInput) (*iam.ListAttachedGroupPoliciesOutput, error) {
	policies, next, err := s.listAttached(ctx, c, holder{state.KindGroup, in.GroupName}, in)
	if err != nil {
		return nil, err
	}
	return &iam.ListAttachedGroupPoliciesOutput{AttachedPolicies: policies, Marker: next, IsTruncated: next != nil}, nil
}

// PutGroupPolicy embeds a policy or replaces it.
func (s *Service) PutGroupPolicy(ctx context.Context, c *api.Caller, in *iam.PutGroupPolicyInput) (*iam.PutGroupPolicyOutput, error) {
	if err := s.putInline(ctx, c, holder{state.KindGroup, in.GroupName}, in.PolicyName, in.PolicyDocument); err != nil {
		return nil, err
	}
	return &iam.PutGroupPolicyOutput{}, nil
}

// GetGroupPolicy shows an embedded policy.
func (s *Service) GetGroupPolicy(ctx context.Context, c *api.Caller, in *iam.GetGroupPolicyInput) (*iam.GetGroupPolicyOutput, error) {
	policy, err := s.inline(ctx, c, holder{state.KindGroup, in.GroupName}, in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iam.GetGroupPolicyOutput{GroupName: in.GroupName, PolicyName: in.PolicyName, PolicyDocument: escape(policy.Document)}, nil
}

// DeleteGroupPolicy removes an embedded policy.
func (s *Service) DeleteGroupPolicy(ctx context.Context, c *api.Caller, in *iam.DeleteGroupPolicyInput) (*iam.DeleteGroupPolicyOutput, error) {
	if err := s.deleteInline(ctx, c, holder{state.KindGroup, in.GroupName}, in.PolicyName); err != nil {
		return nil, err
	}
	return &iam.DeleteGroupPolicyOutput{}, nil
}

// ListGroupPolicies lists the names of the embedded policies.
func (s *Service) ListGroupPolicies(ctx context.Context, c *api.Caller, in *iam.ListGroupPoliciesInput) (*iam.ListGroupPoliciesOutput, error) {
	names, next, err := s.listInline(ctx, c, holder{state.KindGroup, in.GroupName}, in)
	if err != nil {
		return nil, err
	}
	return &iam.ListGroupPoliciesOutput{PolicyNames: names, Marker: next, IsTruncated: next != nil}, nil
}
