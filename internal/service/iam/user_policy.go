package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// AttachUserPolicy attaches a managed policy.
func (s *Service) AttachUserPolicy(ctx context.Context, c *api.Caller, in *iam.AttachUserPolicyInput) (*iam.AttachUserPolicyOutput, error) {
	if err := s.attach(ctx, c, holder{state.KindUser, in.UserName}, in.PolicyArn); err != nil {
		return nil, err
	}
	return &iam.AttachUserPolicyOutput{}, nil
}

// DetachUserPolicy detaches it.
func (s *Service) DetachUserPolicy(ctx context.Context, c *api.Caller, in *iam.DetachUserPolicyInput) (*iam.DetachUserPolicyOutput, error) {
	if err := s.detach(ctx, c, holder{state.KindUser, in.UserName}, in.PolicyArn); err != nil {
		return nil, err
	}
	return &iam.DetachUserPolicyOutput{}, nil
}

// ListAttachedUserPolicies lists the managed policies.
func (s *Service) ListAttachedUserPolicies(ctx context.Context, c *api.Caller, in *iam.ListAttachedUserPoliciesInput) (*iam.ListAttachedUserPoliciesOutput, error) {
	policies, next, err := s.listAttached(ctx, c, holder{state.KindUser, in.UserName}, in)
	if err != nil {
		return nil, err
	}
	return &iam.ListAttachedUserPoliciesOutput{AttachedPolicies: policies, Marker: next, IsTruncated: next != nil}, nil
}

// PutUserPolicy embeds a policy or replaces it.
func (s *Service) PutUserPolicy(ctx context.Context, c *api.Caller, in *iam.PutUserPolicyInput) (*iam.PutUserPolicyOutput, error) {
	if err := s.putInline(ctx, c, holder{state.KindUser, in.UserName}, in.PolicyName, in.PolicyDocument); err != nil {
		return nil, err
	}
	return &iam.PutUserPolicyOutput{}, nil
}

// GetUserPolicy shows an embedded policy.
func (s *Service) GetUserPolicy(ctx context.Context, c *api.Caller, in *iam.GetUserPolicyInput) (*iam.GetUserPolicyOutput, error) {
	policy, err := s.inline(ctx, c, holder{state.KindUser, in.UserName}, in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iam.GetUserPolicyOutput{UserName: in.UserName, PolicyName: in.PolicyName, PolicyDocument: escape(policy.Document)}, nil
}

// DeleteUserPolicy removes an embedded policy.
func (s *Service) DeleteUserPolicy(ctx context.Context, c *api.Caller, in *iam.DeleteUserPolicyInput) (*iam.DeleteUserPolicyOutput, error) {
	if err := s.deleteInline(ctx, c, holder{state.KindUser, in.UserName}, in.PolicyName); err != nil {
		return nil, err
	}
	return &iam.DeleteUserPolicyOutput{}, nil
}

// ListUserPolicies lists the names of the embedded policies.
func (s *Service) ListUserPolicies(ctx context.Context, c *api.Caller, in *iam.ListUserPoliciesInput) (*iam.ListUserPoliciesOutput, error) {
	names, next, err := s.listInline(ctx, c, holder{state.KindUser, in.UserName}, in)
	if err != nil {
		return nil, err
	}
	return &iam.ListUserPoliciesOutput{PolicyNames: names, Marker: next, IsTruncated: next != nil}, nil
}
