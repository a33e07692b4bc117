package organizations

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// AttachPolicy binds a root, unit or account, and everything below it, by a policy.
func (s *Service) AttachPolicy(ctx context.Context, c *api.Caller, in *organizations.AttachPolicyInput) (*organizations.AttachPolicyOutput, error) {
	err := s.changeAttachment(ctx, c, in, in.PolicyId, in.TargetId, func(ctx context.Context, tx *state.Tx, o state.Organization, p state.OrganizationPolicy, attached []state.OrganizationPolicy) error {
		t := typeOf(p)
		for _, other := range attached {
			if other.ID == p.ID {
				return api.Errorf("DuplicatePolicyAttachmentException", "The selected policy is already attached to the specified target.")
			}
		}
		if len(attached) >= t.attached {
			return constraintViolation("MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", "You have attached the maximum number of policies to the specified target.")
		}
		if err := tx.AttachOrganizationPolicy(ctx, p, *in.TargetId); err != nil || t.management == nil {
			return err
		}
		return s.policiesOfTypeChanged(ctx, tx, o, t, *in.TargetId)
	})
	if err != nil {
		return nil, err
	}
	return &organizations.AttachPolicyOutput{}, nil
}

// DetachPolicy takes a policy away from a root, unit or account.
func (s *Service) DetachPolicy(ctx context.Context, c *api.Caller, in *organizations.DetachPolicyInput) (*organizations.DetachPolicyOutput, error) {
	err := s.changeAttachment(ctx, c, in, in.PolicyId, in.TargetId, func(ctx context.Context, tx *state.Tx, o state.Organization, p state.OrganizationPolicy, attached []state.OrganizationPolicy) error {
		t := typeOf(p)
		if p.AWSManaged && t.lasting {
			return invalidInput("NON_DETACHABLE_POLICY", "You specified a policy that can't be detached.")
		}
		err := tx.DetachOrganizationPolicy(ctx, p, *in.TargetId)
		switch {
		case errors.Is(err, state.ErrNotFound):
			return api.Errorf("PolicyNotAttachedException", "The policy isn't attached to the specified target in the specified root.")
		case err == nil && t.required && len(attached) == 1:
			return constraintViolation("MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
				"You cannot remove the last policy attached to the specified target. You must have at least one attached at all times.")
		case err == nil && t.management != nil:
			return s.policiesOfTypeChanged(ctx, tx, o, t, *in.TargetId)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &organizations.DetachPolicyOutput{}, nil
}

// changeAttachment runs fn with the policy and what of its type is attached to the target.
func (s *Service) changeAttachment(ctx context.Context, c *api.Caller, in any, policyID, targetID *string,
	fn func(ctx context.Context, tx *state.Tx, o state.Organization, p state.OrganizationPolicy, attached []state.OrganizationPolicy) error,
) error {
	if err := cmp.Or(want("PolicyId", policyID, policyPattern), want("TargetId", targetID, targetPattern)); err != nil {
		return err
	}
	return s.change(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		p, err := findPolicy(ctx, tx, o, *policyID)
		if err != nil {
			return err
		}
		if err := findTarget(ctx, tx, o, *targetID); err != nil {
			return err
		}
		if err := enabledType(ctx, tx, o, p.Type); err != nil {
			return err
		}
		attached, err := tx.PoliciesOfTarget(ctx, o.ID, p.Type, *targetID)
		if err != nil {
			return err
		}
		return fn(ctx, tx, o, p, attached)
	})
}

// ListPoliciesForTarget lists the policies of a type that are attached to the target itself.
func (s *Service) ListPoliciesForTarget(ctx context.Context, c *api.Caller, in *organizations.ListPoliciesForTargetInput) (*organizations.ListPoliciesForTargetOutput, error) {
	if err := want("TargetId", in.TargetId, targetPattern); err != nil {
		return nil, err
	}
	if _, err := typeNamed(in.Filter); err != nil {
		return nil, err
	}
	out := &organizations.ListPoliciesForTargetOutput{}
	err := s.view(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		if err := findTarget(ctx, tx, o, *in.TargetId); err != nil {
			return err
		}
		policies, err := tx.PoliciesOfTarget(ctx, o.ID, string(in.Filter), *in.TargetId)
		if err == nil {
			out.Policies, out.NextToken, err = policyPage(s, c, in, o, policies)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ListTargetsForPolicy lists what a policy is attached to by id.
func (s *Service) ListTargetsForPolicy(ctx context.Context, c *api.Caller, in *organizations.ListTargetsForPolicyInput) (*organizations.ListTargetsForPolicyOutput, error) {
	if err := want("PolicyId", in.PolicyId, policyPattern); err != nil {
		return nil, err
	}
	out := &organizations.ListTargetsForPolicyOutput{Targets: []types.PolicyTargetSummary{}}
	err := s.view(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		p, err := findPolicy(ctx, tx, o, *in.PolicyId)
		if err != nil {
			return err
		}
		targets, err := tx.TargetsOfPolicy(ctx, o.ID, p.ID)
		if err != nil {
			return err
		}
		if targets, out.NextToken, err = cut(s, c, in, targets, func(id string) string { return id }); err != nil {
			return err
		}
		for _, id := range targets {
			shape, err := targetShape(ctx, tx, o, id)
			if err != nil {
				return err
			}
			out.Targets = append(out.Targets, shape)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// findTarget refuses what is no root, unit or account of the organization.
func findTarget(ctx context.Context, tx *state.Tx, o state.Organization, id string) error {
	missing := api.Errorf("TargetNotFoundException", "You specified a target that doesn't exist.")
	if !accountPattern.MatchString(id) {
		return findParent(ctx, tx, o, id, missing)
	}
	a, err := tx.Account(ctx, id)
	if errors.Is(err, state.ErrNotFound) || err == nil && a.OrganizationID != o.ID {
		return missing
	}
	return err
}

func targetShape(ctx context.Context, tx *state.Tx, o state.Organization, id string) (types.PolicyTargetSummary, error) {
	shape := types.PolicyTargetSummary{TargetId: aws.String(id), Arn: aws.String(arnOf(o, id))}
	switch {
	case id == o.RootID:
		shape.Type, shape.Name = types.TargetTypeRoot, aws.String("Root")
	case strings.HasPrefix(id, "ou-"):
		u, err := tx.OrganizationalUnit(ctx, o.ID, id)
		if err != nil {
			return shape, err
		}
		shape.Type, shape.Name = types.TargetTypeOrganizationalUnit, aws.String(u.Name)
	default:
		a, err := tx.Account(ctx, id)
		if err != nil {
			return shape, err
		}
		shape.Type, shape.Name = types.TargetTypeAccount, aws.String(a.Name)
	}
	return shape, nil
}
