package organizations

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// CreatePolicy makes a policy that is attached to nothing yet. Its type need not be enabled.
func (s *Service) CreatePolicy(ctx context.Context, c *api.Caller, in *organizations.CreatePolicyInput) (*organizations.CreatePolicyOutput, error) {
	if err := cmp.Or(want("Name", in.Name, policyNamePattern), want("Content", in.Content, anything)); err != nil {
		return nil, err
	}
	tags, err := tagMap(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	out := &organizations.CreatePolicyOutput{}
	err = s.change(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		t, err := availableType(o, in.Type)
		if err != nil {
			return err
		}
		if err := t.accept(*in.Content); err != nil {
			return err
		}
		all, err := tx.OrganizationPolicies(ctx, o.ID, string(t.name))
		if err != nil {
			return err
		}
		own := slices.DeleteFunc(all, func(p state.OrganizationPolicy) bool { return p.AWSManaged })
		if len(own) >= t.policies {
			return constraintViolation("POLICY_NUMBER_LIMIT_EXCEEDED", "You have exceeded the number of policies allowed in your organization.")
		}
		p := state.OrganizationPolicy{
			OrganizationID: o.ID, ID: newPolicyID(), Type: string(t.name), Name: *in.Name, Description: aws.ToString(in.Description),
			Content: *in.Content, CreatedAt: tx.Now,
		}
		if err := duplicatePolicy(tx.InsertOrganizationPolicy(ctx, p)); err != nil {
			return err
		}
		out.Policy = policyShape(o, p)
		return tx.PutOrganizationTags(ctx, o.ID, p.ID, tags)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DescribePolicy shows a policy with its content.
func (s *Service) DescribePolicy(ctx context.Context, c *api.Caller, in *organizations.DescribePolicyInput) (*organizations.DescribePolicyOutput, error) {
	if err := want("PolicyId", in.PolicyId, policyPattern); err != nil {
		return nil, err
	}
	out := &organizations.DescribePolicyOutput{}
	err := s.view(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		p, err := findPolicy(ctx, tx, o, *in.PolicyId)
		if err != nil {
			return err
		}
		out.Policy = policyShape(o, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// UpdatePolicy changes what is given of a policy's name, description and content. The change binds at once wherever the
// policy is attached.
func (s *Service) UpdatePolicy(ctx context.Context, c *api.Caller, in *organizations.UpdatePolicyInput) (*organizations.UpdatePolicyOutput, error) {
	err := want("PolicyId", in.PolicyId, policyPattern)
	if err == nil && in.Name != nil {
		err = want("Name", in.Name, policyNamePattern)
	}
	if err != nil {
		return nil, err
	}
	out := &organizations.UpdatePolicyOutput{}
	err = s.change(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		p, err := findOwnPolicy(ctx, tx, o, *in.PolicyId)
		if err != nil {
			return err
		}
		changed := in.Content != nil && *in.Content != p.Content
		if in.Content != nil {
			if err := typeOf(p).accept(*in.Content); err != nil {
				return err
			}
			p.Content = *in.Content
		}
		if in.Name != nil {
			p.Name = *in.Name
		}
		if in.Description != nil {
			p.Description = *in.Description
		}
		out.Policy = policyShape(o, p)
		if err := duplicatePolicy(tx.UpdateOrganizationPolicy(ctx, p)); err != nil || !changed || typeOf(p).management == nil {
			return err
		}
		targets, err := tx.TargetsOfPolicy(ctx, o.ID, p.ID)
		if err != nil || len(targets) == 0 {
			return err
		}
		return s.policiesOfTypeChanged(ctx, tx, o, typeOf(p), targets...)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeletePolicy removes a policy that is attached to nothing.
func (s *Service) DeletePolicy(ctx context.Context, c *api.Caller, in *organizations.DeletePolicyInput) (*organizations.DeletePolicyOutput, error) {
	if err := want("PolicyId", in.PolicyId, policyPattern); err != nil {
		return nil, err
	}
	err := s.change(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		p, err := findOwnPolicy(ctx, tx, o, *in.PolicyId)
		if err != nil {
			return err
		}
		targets, err := tx.TargetsOfPolicy(ctx, o.ID, p.ID)
		if err != nil {
			return err
		}
		if len(targets) > 0 {
			return api.Errorf("PolicyInUseException",
				"The policy is attached to one or more entities. You must detach it from all roots, OUs, and accounts before performing this operation.")
		}
		return tx.DeleteOrganizationPolicy(ctx, o.ID, p.ID)
	})
	if err != nil {
		return nil, err
	}
	return &organizations.DeletePolicyOutput{}, nil
}

// ListPolicies lists the policies of a type by id.
func (s *Service) ListPolicies(ctx context.Context, c *api.Caller, in *organizations.ListPoliciesInput) (*organizations.ListPoliciesOutput, error) {
	if _, err := typeNamed(in.Filter); err != nil {
		return nil, err
	}
	out := &organizations.ListPoliciesOutput{}
	err := s.view(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		policies, err := tx.OrganizationPolicies(ctx, o.ID, string(in.Filter))
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

// policyPage is the page of a list of policies that is asked for.
func policyPage(s *Service, c *api.Caller, in any, o state.Organization, policies []state.OrganizationPolicy) ([]types.PolicySummary, *string, error) {
	policies, next, err := cut(s, c, in, policies, func(p state.OrganizationPolicy) string { return p.ID })
	if err != nil {
		return nil, nil, err
	}
	shapes := []types.PolicySummary{}
	for _, p := range policies {
		shapes = append(shapes, *policyShape(o, p).PolicySummary)
	}
	return shapes, next, nil
}

func duplicatePolicy(err error) error {
	if errors.Is(err, state.ErrExists) {
		return api.Errorf("DuplicatePolicyException", "A policy with the same name already exists.")
	}
	return err
}

func findPolicy(ctx context.Context, tx *state.Tx, o state.Organization, id string) (state.OrganizationPolicy, error) {
	p, err := tx.OrganizationPolicy(ctx, o.ID, id)
	if errors.Is(err, state.ErrNotFound) {
		return p, api.Errorf("PolicyNotFoundException", "You specified a policy that doesn't exist.")
	}
	return p, err
}

// findOwnPolicy refuses the policies of AWS, which cannot be changed.
func findOwnPolicy(ctx context.Context, tx *state.Tx, o state.Organization, id string) (state.OrganizationPolicy, error) {
	p, err := findPolicy(ctx, tx, o, id)
	if err == nil && p.AWSManaged {
		return p, invalidInput("IMMUTABLE_POLICY", "You specified a policy that is managed by Amazon Web Services and can't be modified.")
	}
	return p, err
}

// policyARN names a policy. Those of AWS are in no account.
func policyARN(o state.Organization, p state.OrganizationPolicy) string {
	if p.AWSManaged {
		return "arn:aws:organizations::aws:policy/" + typeOf(p).arn + "/" + p.ID
	}
	return "arn:aws:organizations::" + o.ManagementAccountID + ":policy/" + o.ID + "/" + typeOf(p).arn + "/" + p.ID
}

func policyShape(o state.Organization, p state.OrganizationPolicy) *types.Policy {
	return &types.Policy{
		Content: aws.String(p.Content),
		PolicySummary: &types.PolicySummary{
			Id: aws.String(p.ID), Arn: aws.String(policyARN(o, p)), Name: aws.String(p.Name), Description: aws.String(p.Description),
			Type: types.PolicyType(p.Type), AwsManaged: p.AWSManaged,
		},
	}
}
