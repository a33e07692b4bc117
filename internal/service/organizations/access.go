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

// row makes an operation, whose access is organizations:<its name> on the resources that its input names:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsorganizations.html
func row[In, Out any](s *Service, fn func(context.Context, *api.Caller, *In) (*Out, error)) api.Operation {
	action := "organizations:" + api.OperationName(new(In))
	return api.Op("", fn, func(ctx context.Context, c *api.Caller, in *In) (accesses []api.Access, err error) {
		err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
			accesses, err = accessesOf(ctx, tx, c, action, in)
			return err
		})
		return accesses, err
	})
}

// accessesOf asks for each resource that the input names. One that is not there is asked for as well: whoever may not
// ask does not learn of it.
func accessesOf(ctx context.Context, tx *state.Tx, c *api.Caller, action string, in any) ([]api.Access, error) {
	keys := api.WithRequestTags(nil, requestTags(in))
	if service := api.Field(in, "ServicePrincipal"); service != "" {
		keys["organizations:ServicePrincipal"] = []string{service}
	}
	if name := policyTypeIn(in); name != "" {
		keys["organizations:PolicyType"] = []string{string(name)}
	}
	o, err := tx.OrganizationOfAccount(ctx, c.AccountID)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return nil, err
	}
	var by standing
	var policy state.ResourcePolicy
	if err != nil { // whatever a standalone account names is none of its organization
		o = state.Organization{ID: "o-*", ManagementAccountID: c.AccountID}
	} else if by, policy, err = standingOf(ctx, tx, o, c, in); err != nil {
		return nil, err
	}
	var accesses []api.Access
	add := func(arn string, tags map[string]string) {
		context := api.WithResourceTags(nil, tags)
		for key, values := range keys {
			context[key] = values
		}
		a := api.Access{Action: action, Resource: arn, Context: context}
		if by == delegate {
			a = underPolicy(a, o, policy)
		}
		accesses = append(accesses, a)
	}
	ids := resourcesIn(in)
	if effective, ok := in.(*organizations.DescribeEffectivePolicyInput); ok {
		ids = []string{cmp.Or(aws.ToString(effective.TargetId), c.AccountID)}
		if !accountPattern.MatchString(ids[0]) {
			ids = nil // only accounts have one
		}
	}
	for _, id := range ids {
		switch {
		case strings.HasPrefix(id, "h-"): // an invitation into another organization
			inviting := o
			h, err := tx.Handshake(ctx, id)
			if err == nil {
				inviting, err = tx.Organization(ctx, h.OrganizationID)
			}
			if err != nil && !errors.Is(err, state.ErrNotFound) {
				return nil, err
			}
			arn := arnOf(inviting, id)
			if err == nil {
				arn = handshakeARN(inviting, h)
			}
			add(arn, nil)
		case strings.HasPrefix(id, "p-"):
			p, err := tx.OrganizationPolicy(ctx, o.ID, id)
			if errors.Is(err, state.ErrNotFound) {
				add(arnOf(o, id), nil)
				continue
			}
			if err != nil {
				return nil, err
			}
			tags, err := tx.OrganizationTags(ctx, o.ID, id)
			if err != nil {
				return nil, err
			}
			keys["organizations:PolicyType"] = []string{p.Type}
			add(policyARN(o, p), tags)
		default:
			tags, err := tx.OrganizationTags(ctx, o.ID, id)
			if err != nil {
				return nil, err
			}
			add(arnOf(o, id), tags)
		}
	}
	if invitation, ok := in.(*organizations.InviteAccountToOrganizationInput); ok {
		invited := "*" // by its address
		if invitation.Target != nil && invitation.Target.Type == types.HandshakePartyTypeAccount {
			invited = aws.ToString(invitation.Target.Id)
		}
		add(arnOf(o, invited), nil)
	}
	if _, ok := in.(*organizations.PutResourcePolicyInput); ok {
		if policy, err = tx.OrganizationResourcePolicy(ctx, o.ID); err != nil {
			return nil, err
		}
		tags, err := tx.OrganizationTags(ctx, o.ID, policy.ID)
		if err != nil {
			return nil, err
		}
		add(arnOf(o, cmp.Or(policy.ID, "rp-*")), tags)
	}
	if len(accesses) == 0 {
		// The examples of delegation name the policies to be made, where the reference knows no resource:
		// https://docs.aws.amazon.com/organizations/latest/userguide/security_iam_resource-based-policy-examples.html
		if made := madeBy(o, in); by == delegate && made != "" {
			add(made, nil)
		} else {
			add("*", nil)
		}
	}
	if made := madeBy(o, in); made != "" && keys["aws:TagKeys"] != nil {
		action = "organizations:TagResource" // what is made with tags
		add(made, nil)
	}
	return accesses, nil
}

// underPolicy is an access to what belongs to the management account, which needs an allow of the organization's
// resource policy beside the caller's own. Who has the one without the other is told what members are told otherwise.
func underPolicy(a api.Access, o state.Organization, policy state.ResourcePolicy) api.Access {
	a.ResourceAccountID = o.ManagementAccountID
	a.ResourcePolicies = []api.PolicyDocument{{Name: "resource policy of " + o.ID, Document: policy.Content}}
	a.DeniedAs = func(explanation string) *api.Error {
		if strings.Contains(explanation, "no resource-based policy allows") {
			return notPermitted()
		}
		return api.Errorf("AccessDeniedException", "%s", explanation)
	}
	return a
}

// madeBy is what an input makes that can have tags, before it has an id.
func madeBy(o state.Organization, in any) string {
	switch in := in.(type) {
	case *organizations.CreateAccountInput:
		return arnOf(o, "*")
	case *organizations.CreateOrganizationalUnitInput:
		return arnOf(o, "ou-*")
	case *organizations.CreatePolicyInput:
		if t, err := typeNamed(in.Type); err == nil && t != nil {
			return policyARN(o, state.OrganizationPolicy{ID: "p-*", Type: string(t.name)})
		}
	case *organizations.InviteAccountToOrganizationInput:
		return arnOf(o, "*")
	case *organizations.PutResourcePolicyInput:
		return arnOf(o, "rp-*")
	}
	return ""
}

// resourcesIn are the ids that an input names. AttachPolicy and DetachPolicy name two.
func resourcesIn(in any) []string {
	if policy := api.Field(in, "PolicyId"); policy != "" {
		ids := []string{policy}
		if target := api.Field(in, "TargetId"); target != "" {
			ids = append(ids, target)
		}
		return ids
	}
	for _, name := range []string{
		"AccountId", "OrganizationalUnitId", "HandshakeId", "ResourceId", "ParentId", "ChildId", "RootId", "TargetId",
	} {
		if id := api.Field(in, name); id != "" {
			return []string{id}
		}
	}
	return nil
}

func policyTypeIn(in any) types.PolicyType {
	for _, name := range []string{"PolicyType", "Filter", "Type"} {
		switch t := api.FieldValue(in, name).(type) {
		case types.PolicyType:
			return t
		case types.EffectivePolicyType:
			return types.PolicyType(t)
		}
	}
	return ""
}

func requestTags(in any) map[string]string {
	tags := map[string]string{}
	list, _ := api.FieldValue(in, "Tags").([]types.Tag)
	for _, tag := range list {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return tags
}
