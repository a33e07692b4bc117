package organizations

import (
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
	var accesses []api.Access
	add := func(arn string, tags map[string]string) {
		context := api.WithResourceTags(nil, tags)
		for key, values := range keys {
			context[key] = values
		}
		accesses = append(accesses, api.Access{Action: action, Resource: arn, Context: context})
	}
	o, err := tx.OrganizationOfAccount(ctx, c.AccountID)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return nil, err
	}
	if err != nil { // whatever a standalone account names is none of its organization
		o = state.Organization{ID: "o-*", ManagementAccountID: c.AccountID}
	}
	for _, id := range resourcesIn(in) {
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
			add(arnOf(inviting, id), nil)
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
	if len(accesses) == 0 {
		add("*", nil)
	}
	if made := madeBy(o, in); made != "" && keys["aws:TagKeys"] != nil {
		action = "organizations:TagResource" // what is made with tags
		add(made, nil)
	}
	return accesses, nil
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
		if t, ok := api.FieldValue(in, name).(types.PolicyType); ok {
			return t
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
