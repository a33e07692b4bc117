package organizations

import (
	"cmp"
	"context"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// PutResourcePolicy says which members may do what with the organization's policies.
func (s *Service) PutResourcePolicy(ctx context.Context, c *api.Caller, in *organizations.PutResourcePolicyInput) (*organizations.PutResourcePolicyOutput, error) {
	if err := want("Content", in.Content, anything); err != nil {
		return nil, err
	}
	tags, err := tagMap(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	out := &organizations.PutResourcePolicyOutput{}
	err = s.change(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		if o.FeatureSet != string(types.OrganizationFeatureSetAll) {
			return constraintViolation("ORGANIZATION_NOT_IN_ALL_FEATURES_MODE", "Your organization must have all features enabled.")
		}
		if err := checkResourcePolicy(*in.Content); err != nil {
			return err
		}
		p, err := tx.OrganizationResourcePolicy(ctx, o.ID)
		if err != nil {
			return err
		}
		if p.ID != "" && len(in.Tags) > 0 {
			return invalidInput("INVALID_PATTERN", "Tags can be given only to a resource policy that is made. Use TagResource to change them.")
		}
		if p.ID == "" {
			p.ID = newResourcePolicyID()
			if err := tx.PutOrganizationTags(ctx, o.ID, p.ID, tags); err != nil {
				return err
			}
		}
		p.OrganizationID, p.Content = o.ID, *in.Content
		out.ResourcePolicy = resourcePolicyShape(o, p)
		return tx.PutOrganizationResourcePolicy(ctx, p)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// checkResourcePolicy refuses what is no policy, and what none of an organization may say.
func checkResourcePolicy(content string) error {
	document, err := iampolicy.Parse([]byte(content))
	if err == nil {
		err = iampolicy.Validate(document, iampolicy.Resource)
	}
	if err != nil {
		return invalidInput("INVALID_RESOURCE_POLICY_JSON", "The resource policy is not valid: %s.", err)
	}
	for i := range document.Statements {
		statement := &document.Statements[i]
		for _, action := range statement.Actions {
			if err := checkDelegated(action); err != nil {
				return err
			}
		}
		if err := checkPolicyTypes(statement.Conditions); err != nil {
			return err
		}
		if p := statement.Principal; p == nil || len(p.Service)+len(p.Federated)+len(p.CanonicalUser) > 0 {
			return invalidInput("INVALID_PRINCIPAL", "The resource policy contains a principal that is no account, user or role.")
		}
		if len(statement.NotActions) > 0 {
			return invalidInput("UNSUPPORTED_ACTION_IN_RESOURCE_POLICY", "The resource policy contains NotAction, which delegates more than can be delegated.")
		}
		for _, resource := range statement.Resources {
			if resource != "*" && !strings.HasPrefix(resource, "arn:aws:organizations:") {
				return invalidInput("UNSUPPORTED_RESOURCE_IN_RESOURCE_POLICY", "The resource policy contains a resource that is none of Organizations: %s.", resource)
			}
		}
	}
	return nil
}

// undelegable are the operations that stay the management account's, whatever a resource policy says.
var undelegable = []string{
	"AcceptHandshake", "CancelHandshake", "CloseAccount", "CreateAccount", "CreateGovCloudAccount", "CreateOrganization",
	"CreateOrganizationalUnit", "DeclineHandshake", "DeleteOrganization", "DeleteOrganizationalUnit", "DeleteResourcePolicy",
	"DeregisterDelegatedAdministrator", "DisableAWSServiceAccess", "EnableAWSServiceAccess", "EnableAllFeatures",
	"InviteAccountToOrganization", "LeaveOrganization", "MoveAccount", "PutResourcePolicy", "RegisterDelegatedAdministrator",
	"RemoveAccountFromOrganization", "UpdateOrganizationalUnit",
}

// checkDelegated refuses actions that cannot be delegated, and patterns that speak of one. The operations decide by
// themselves what a policy is asked for; this is so that nobody writes in vain.
func checkDelegated(action string) error {
	service, name, _ := strings.Cut(strings.ToLower(action), ":")
	speaksOf := func(operation string) bool {
		matches, err := path.Match(name, strings.ToLower(operation))
		return err == nil && matches
	}
	known := slices.ContainsFunc(slices.Concat(forDelegates, forReaders, []string{"DescribeOrganization"}), speaksOf)
	if service != "organizations" || !known || slices.ContainsFunc(undelegable, speaksOf) {
		return invalidInput("UNSUPPORTED_ACTION_IN_RESOURCE_POLICY", "The resource policy contains an action that can't be delegated: %s.", action)
	}
	return nil
}

// checkPolicyTypes refuses conditions over types of policy that there are not.
func checkPolicyTypes(conditions []iampolicy.Condition) error {
	for _, condition := range conditions {
		if !strings.EqualFold(condition.Key, "organizations:PolicyType") {
			continue
		}
		for _, value := range condition.Values {
			if !strings.ContainsAny(value, "*?") && !slices.Contains(types.PolicyType("").Values(), types.PolicyType(value)) {
				return invalidInput("UNSUPPORTED_POLICY_TYPE_IN_RESOURCE_POLICY", "The resource policy contains a policy type that can't be delegated: %s.", value)
			}
		}
	}
	return nil
}

// DescribeResourcePolicy shows it.
func (s *Service) DescribeResourcePolicy(ctx context.Context, c *api.Caller, in *organizations.DescribeResourcePolicyInput) (*organizations.DescribeResourcePolicyOutput, error) {
	out := &organizations.DescribeResourcePolicyOutput{}
	err := s.view(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		p, err := tx.OrganizationResourcePolicy(ctx, o.ID)
		if err == nil && p.ID == "" {
			err = noResourcePolicy()
		}
		out.ResourcePolicy = resourcePolicyShape(o, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteResourcePolicy takes back all that was delegated by it.
func (s *Service) DeleteResourcePolicy(ctx context.Context, c *api.Caller, in *organizations.DeleteResourcePolicyInput) (*organizations.DeleteResourcePolicyOutput, error) {
	err := s.change(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		p, err := tx.OrganizationResourcePolicy(ctx, o.ID)
		if err != nil {
			return err
		}
		err = cmp.Or(tx.DeleteOrganizationResourcePolicy(ctx, o.ID), tx.DeleteOrganizationTags(ctx, o.ID, p.ID))
		if errors.Is(err, state.ErrNotFound) {
			return noResourcePolicy()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &organizations.DeleteResourcePolicyOutput{}, nil
}

func noResourcePolicy() error {
	return api.Errorf("ResourcePolicyNotFoundException", "We can't find a resource policy request with the parameter that you specified.")
}

func resourcePolicyShape(o state.Organization, p state.ResourcePolicy) *types.ResourcePolicy {
	return &types.ResourcePolicy{
		Content:               aws.String(p.Content),
		ResourcePolicySummary: &types.ResourcePolicySummary{Id: aws.String(p.ID), Arn: aws.String(arnOf(o, p.ID))},
	}
}
