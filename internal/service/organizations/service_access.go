package organizations

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// EnableAWSServiceAccess gives a service trusted access to the organization.
func (s *Service) EnableAWSServiceAccess(ctx context.Context, c *api.Caller, in *organizations.EnableAWSServiceAccessInput) (*organizations.EnableAWSServiceAccessOutput, error) {
	if err := want("ServicePrincipal", in.ServicePrincipal, servicePattern); err != nil {
		return nil, err
	}
	err := s.change(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		if o.FeatureSet != string(types.OrganizationFeatureSetAll) {
			return constraintViolation("ORGANIZATION_NOT_IN_ALL_FEATURES_MODE", "Your organization must have all features enabled.")
		}
		if !integrated(*in.ServicePrincipal) {
			return invalidInput("UNRECOGNIZED_SERVICE_PRINCIPAL", "You specified an unrecognized service principal.")
		}
		if err := tx.PutServiceAccess(ctx, o.ID, *in.ServicePrincipal, tx.Now); err != nil {
			return err
		}
		return s.policiesChanged(ctx, tx, o) // which a service follows only while it has trusted access
	})
	if err != nil {
		return nil, err
	}
	return &organizations.EnableAWSServiceAccessOutput{}, nil
}

// integrated reports whether a name can be a service's. Which services there are, AWS says in a list that grows:
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_integrate_services_list.html
func integrated(principal string) bool { return strings.HasSuffix(principal, ".amazonaws.com") }

// DisableAWSServiceAccess takes it away, and with it the right of those who administer the service for the organization.
func (s *Service) DisableAWSServiceAccess(ctx context.Context, c *api.Caller, in *organizations.DisableAWSServiceAccessInput) (*organizations.DisableAWSServiceAccessOutput, error) {
	if err := want("ServicePrincipal", in.ServicePrincipal, servicePattern); err != nil {
		return nil, err
	}
	err := s.change(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		if err := tx.DeleteDelegatedAdministrators(ctx, o.ID, *in.ServicePrincipal); err != nil {
			return err
		}
		return tx.DeleteServiceAccess(ctx, o.ID, *in.ServicePrincipal)
	})
	if err != nil {
		return nil, err
	}
	return &organizations.DisableAWSServiceAccessOutput{}, nil
}

// ListAWSServiceAccessForOrganization lists the services with trusted access by name.
func (s *Service) ListAWSServiceAccessForOrganization(ctx context.Context, c *api.Caller, in *organizations.ListAWSServiceAccessForOrganizationInput) (*organizations.ListAWSServiceAccessForOrganizationOutput, error) {
	var accesses []state.ServiceAccess
	err := s.view(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) (err error) {
		accesses, err = tx.ServiceAccesses(ctx, o.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	accesses, next, err := cut(s, c, in, accesses, func(a state.ServiceAccess) string { return a.Principal })
	if err != nil {
		return nil, err
	}
	out := &organizations.ListAWSServiceAccessForOrganizationOutput{EnabledServicePrincipals: []types.EnabledServicePrincipal{}, NextToken: next}
	for _, a := range accesses {
		out.EnabledServicePrincipals = append(out.EnabledServicePrincipals, types.EnabledServicePrincipal{
			ServicePrincipal: aws.String(a.Principal), DateEnabled: a.EnabledAt.Ptr(),
		})
	}
	return out, nil
}
