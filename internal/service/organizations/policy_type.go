package organizations

import (
	"context"
	"errors"
	"slices"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/backuppolicy"
	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/internal/state"
	"strongroom/tagpolicy"
)

// policyType is what is particular to the policies of a type:
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
type policyType struct {
	name     types.PolicyType
	arn      string // how ARNs write it
	size     int    // of a document, in characters
	policies int    // in an organization
	attached int    // to one target
	required bool   // the last one cannot be detached
	// check refuses a document that is none of the type.
	check func(content string) error
	// managed comes with the organization, and is attached to everything when the type is enabled. Management policies have
	// none.
	managed state.OrganizationPolicy
	// lasting policies of AWS cannot be detached.
	lasting bool
	// management tells how policies that are handed down amount to an effective policy; nil for those that authorize.
	management *management
}

// policyTypes are the types that can be enabled.
var policyTypes = []*policyType{
	{
		name: types.PolicyTypeServiceControlPolicy, arn: "service_control_policy", size: 10240, policies: 10000, attached: 10, required: true,
		check: controlPolicy(iampolicy.SCP),
		managed: state.OrganizationPolicy{
			ID: "p-FullAWSAccess", Name: "FullAWSAccess", Description: "Allows access to every operation",
			Content: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,
		},
	},
	{
		name: types.PolicyTypeResourceControlPolicy, arn: "resource_control_policy", size: 5120, policies: 2000, attached: 5, lasting: true,
		check: controlPolicy(iampolicy.RCP),
		managed: state.OrganizationPolicy{
			ID: "p-RCPFullAWSAccess", Name: "RCPFullAWSAccess", Description: "Allows access to every resource",
			Content: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`,
		},
	},
	{
		name: types.PolicyTypeBackupPolicy, arn: "backup_policy", size: backuppolicy.MaxCharacters, policies: 1000, attached: 10,
		check: backupPolicies.check, management: backupPolicies,
	},
	{
		name: types.PolicyTypeTagPolicy, arn: "tag_policy", size: tagpolicy.MaxCharacters, policies: 1000, attached: 10,
		check: tagPolicies.check, management: tagPolicies,
	},
}

// typeNamed finds a type, or nil where it is one of AWS's that is not available here. It refuses what is none at all.
func typeNamed(name types.PolicyType) (*policyType, error) {
	if name == "" {
		return nil, invalidInput("INPUT_REQUIRED", "You must specify a policy type.")
	}
	if !slices.Contains(name.Values(), name) {
		return nil, invalidInput("INVALID_ENUM_POLICY_TYPE", "You specified an invalid value for the policy type: %s.", name)
	}
	i := slices.IndexFunc(policyTypes, func(t *policyType) bool { return t.name == name })
	if i < 0 {
		return nil, nil
	}
	return policyTypes[i], nil
}

// availableType is a type that the organization can use.
func availableType(o state.Organization, name types.PolicyType) (*policyType, error) {
	t, err := typeNamed(name)
	if err == nil && (t == nil || o.FeatureSet != string(types.OrganizationFeatureSetAll)) {
		err = api.Errorf("PolicyTypeNotAvailableForOrganizationException",
			"You can't use the specified policy type with the feature set currently enabled for this organization.")
	}
	return t, err
}

func typeOf(p state.OrganizationPolicy) *policyType {
	i := slices.IndexFunc(policyTypes, func(t *policyType) bool { return string(t.name) == p.Type })
	return policyTypes[i] // no policy is of a type that there is not
}

// controlPolicy checks documents of the IAM policy language.
func controlPolicy(kind iampolicy.Kind) func(string) error {
	return func(content string) error {
		document, err := iampolicy.Parse([]byte(content))
		if err != nil {
			return err
		}
		if err := iampolicy.Validate(document, kind); err != nil {
			return err
		}
		if kind == iampolicy.RCP {
			// Only RCPFullAWSAccess speaks of all services:
			// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_syntax.html
			for i := range document.Statements {
				if slices.Contains(document.Statements[i].Actions, "*") {
					return errors.New("an action names no service")
				}
			}
		}
		return nil
	}
}

// accept refuses content that is too long or no document of the type.
func (t *policyType) accept(content string) error {
	if utf8.RuneCountInString(content) > t.size {
		return constraintViolation("POLICY_CONTENT_LIMIT_EXCEEDED", "You have exceeded the maximum size of a policy document, which is %d characters.", t.size)
	}
	if err := t.check(content); err != nil {
		message := "The provided policy document does not meet the requirements of the specified policy type."
		if t.management != nil {
			message += " " + err.Error() + "." // which names the path
		}
		e := api.Errorf("MalformedPolicyDocumentException", "%s", message)
		e.Err = err
		return e
	}
	return nil
}

// addManagedPolicies gives a new organization the policies of AWS.
func addManagedPolicies(ctx context.Context, tx *state.Tx, o state.Organization) error {
	if o.FeatureSet != string(types.OrganizationFeatureSetAll) {
		return nil
	}
	for _, t := range policyTypes {
		if t.management != nil {
			continue
		}
		p := t.managed
		p.OrganizationID, p.Type, p.AWSManaged, p.CreatedAt = o.ID, string(t.name), true, tx.Now
		if err := tx.InsertOrganizationPolicy(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// EnablePolicyType lets policies of a type be attached, and attaches the one of AWS to everything.
func (s *Service) EnablePolicyType(ctx context.Context, c *api.Caller, in *organizations.EnablePolicyTypeInput) (*organizations.EnablePolicyTypeOutput, error) {
	root, err := s.changeType(ctx, c, in, in.RootId, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		t, err := availableType(o, in.PolicyType)
		if err != nil {
			return err
		}
		if err := tx.EnablePolicyType(ctx, o.ID, string(t.name)); errors.Is(err, state.ErrExists) {
			return api.Errorf("PolicyTypeAlreadyEnabledException", "The specified policy type is already enabled.")
		} else if err != nil {
			return err
		}
		if t.management != nil {
			return s.policiesOfTypeChanged(ctx, tx, o, t, o.RootID)
		}
		managed, err := tx.OrganizationPolicy(ctx, o.ID, t.managed.ID)
		if err != nil {
			return err
		}
		return tx.AttachEverywhere(ctx, managed)
	})
	if err != nil {
		return nil, err
	}
	return &organizations.EnablePolicyTypeOutput{Root: root}, nil
}

// DisablePolicyType detaches all policies of a type from everything.
func (s *Service) DisablePolicyType(ctx context.Context, c *api.Caller, in *organizations.DisablePolicyTypeInput) (*organizations.DisablePolicyTypeOutput, error) {
	root, err := s.changeType(ctx, c, in, in.RootId, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		t, err := typeNamed(in.PolicyType)
		if err != nil {
			return err
		}
		err = tx.DisablePolicyType(ctx, o.ID, string(in.PolicyType))
		if errors.Is(err, state.ErrNotFound) {
			return typeNotEnabled()
		}
		if err == nil && t.management != nil {
			err = s.policiesOfTypeChanged(ctx, tx, o, t, o.RootID)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &organizations.DisablePolicyTypeOutput{Root: root}, nil
}

func (s *Service) changeType(ctx context.Context, c *api.Caller, in any, rootID *string, fn func(context.Context, *state.Tx, state.Organization) error) (*types.Root, error) {
	if err := want("RootId", rootID, rootPattern); err != nil {
		return nil, err
	}
	var root types.Root
	err := s.change(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		if *rootID != o.RootID {
			return api.Errorf("RootNotFoundException", "You specified a root that doesn't exist.")
		}
		err := fn(ctx, tx, o)
		if err == nil {
			root, err = rootShape(ctx, tx, o)
		}
		return err
	})
	return &root, err
}

// attachManagedPolicies gives a new unit or account the policies of AWS whose types are enabled.
func attachManagedPolicies(ctx context.Context, tx *state.Tx, o state.Organization, targetID string) error {
	enabled, err := tx.PolicyTypes(ctx, o.ID)
	if err != nil {
		return err
	}
	for _, t := range policyTypes {
		if t.management != nil || !slices.Contains(enabled, string(t.name)) {
			continue
		}
		managed, err := tx.OrganizationPolicy(ctx, o.ID, t.managed.ID)
		if err != nil {
			return err
		}
		if err := tx.AttachOrganizationPolicy(ctx, managed, targetID); err != nil {
			return err
		}
	}
	return nil
}

func rootShape(ctx context.Context, tx *state.Tx, o state.Organization) (types.Root, error) {
	enabled, err := tx.PolicyTypes(ctx, o.ID)
	root := types.Root{
		Id: aws.String(o.RootID), Arn: aws.String(arnOf(o, o.RootID)), Name: aws.String("Root"), PolicyTypes: []types.PolicyTypeSummary{},
	}
	for _, name := range enabled {
		root.PolicyTypes = append(root.PolicyTypes, types.PolicyTypeSummary{Type: types.PolicyType(name), Status: types.PolicyTypeStatusEnabled})
	}
	return root, err
}

// availableTypes is what an organization with all features shows of its types: AWS names the oldest and no other.
func availableTypes(o state.Organization) []types.PolicyTypeSummary {
	if o.FeatureSet != string(types.OrganizationFeatureSetAll) {
		return []types.PolicyTypeSummary{}
	}
	return []types.PolicyTypeSummary{{Type: types.PolicyTypeServiceControlPolicy, Status: types.PolicyTypeStatusEnabled}}
}

func typeNotEnabled() error {
	return api.Errorf("PolicyTypeNotEnabledException", "This operation can be performed only for enabled policy types.")
}

// enabledType refuses a type that is not enabled in the root.
func enabledType(ctx context.Context, tx *state.Tx, o state.Organization, name string) error {
	enabled, err := tx.PolicyTypes(ctx, o.ID)
	if err == nil && !slices.Contains(enabled, name) {
		return typeNotEnabled()
	}
	return err
}
