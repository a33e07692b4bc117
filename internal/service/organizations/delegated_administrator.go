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

// maxAdministrators is how many accounts may administer AWS Backup; other services have limits of their own, most of
// them one: https://docs.aws.amazon.com/aws-backup/latest/devguide/manage-cross-account.html
const maxAdministrators = 5

// RegisterDelegatedAdministrator lets a member administer a service that has trusted access, and look at the organization.
func (s *Service) RegisterDelegatedAdministrator(ctx context.Context, c *api.Caller, in *organizations.RegisterDelegatedAdministratorInput) (*organizations.RegisterDelegatedAdministratorOutput, error) {
	if err := cmp.Or(want("AccountId", in.AccountId, accountPattern), want("ServicePrincipal", in.ServicePrincipal, servicePattern)); err != nil {
		return nil, err
	}
	err := s.change(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		a, err := memberAccount(ctx, tx, o, *in.AccountId)
		if err != nil {
			return err
		}
		if err := mayAdminister(ctx, tx, o, a, *in.ServicePrincipal); err != nil {
			return err
		}
		err = tx.InsertDelegatedAdministrator(ctx, state.DelegatedAdministrator{
			OrganizationID: o.ID, AccountID: a.ID, Principal: *in.ServicePrincipal, EnabledAt: tx.Now,
		})
		if errors.Is(err, state.ErrExists) {
			return api.Errorf("AccountAlreadyRegisteredException", "The specified account is already a delegated administrator for this Amazon Web Services service.")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &organizations.RegisterDelegatedAdministratorOutput{}, nil
}

// mayAdminister refuses accounts and services that cannot be joined so.
func mayAdminister(ctx context.Context, tx *state.Tx, o state.Organization, a state.Account, principal string) error {
	switch {
	case a.ID == o.ManagementAccountID:
		return constraintViolation("CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR", "You cannot register master account/yourself as delegated administrator for your organization.")
	case a.Status != active:
		return constraintViolation("CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR", "You cannot register a suspended account as a delegated administrator.")
	case !integrated(principal):
		return invalidInput("UNRECOGNIZED_SERVICE_PRINCIPAL", "You specified an unrecognized service principal.")
	}
	trusted, err := tx.HasServiceAccess(ctx, o.ID, principal)
	if err != nil {
		return err
	}
	if !trusted {
		return constraintViolation("SERVICE_ACCESS_NOT_ENABLED", "You attempted to register a delegated administrator before you enabled service access. Call the EnableAWSServiceAccess API first.")
	}
	registered, err := tx.DelegatedAdministrators(ctx, o.ID, principal)
	if err != nil {
		return err
	}
	already := slices.ContainsFunc(registered, func(d state.DelegatedAdministrator) bool { return d.AccountID == a.ID })
	if !already && len(registered) >= maxAdministrators {
		return constraintViolation("MAX_DELEGATED_ADMINISTRATORS_FOR_SERVICE_LIMIT_EXCEEDED", "You attempted to register more delegated administrators than allowed for the service principal.")
	}
	return nil
}

// DeregisterDelegatedAdministrator takes the right back.
func (s *Service) DeregisterDelegatedAdministrator(ctx context.Context, c *api.Caller, in *organizations.DeregisterDelegatedAdministratorInput) (*organizations.DeregisterDelegatedAdministratorOutput, error) {
	if err := cmp.Or(want("AccountId", in.AccountId, accountPattern), want("ServicePrincipal", in.ServicePrincipal, servicePattern)); err != nil {
		return nil, err
	}
	err := s.change(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		if _, err := memberAccount(ctx, tx, o, *in.AccountId); err != nil {
			return err
		}
		if !integrated(*in.ServicePrincipal) {
			return invalidInput("UNRECOGNIZED_SERVICE_PRINCIPAL", "You specified an unrecognized service principal.")
		}
		err := tx.DeleteDelegatedAdministrator(ctx, o.ID, *in.AccountId, *in.ServicePrincipal)
		if errors.Is(err, state.ErrNotFound) {
			return notRegistered()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &organizations.DeregisterDelegatedAdministratorOutput{}, nil
}

func notRegistered() error {
	return api.Errorf("AccountNotRegisteredException", "The specified account is not a delegated administrator for this Amazon Web Services service.")
}

// ListDelegatedAdministrators lists the accounts that administer a service, or any, by id.
func (s *Service) ListDelegatedAdministrators(ctx context.Context, c *api.Caller, in *organizations.ListDelegatedAdministratorsInput) (*organizations.ListDelegatedAdministratorsOutput, error) {
	principal := aws.ToString(in.ServicePrincipal)
	if in.ServicePrincipal != nil {
		if err := want("ServicePrincipal", in.ServicePrincipal, servicePattern); err != nil {
			return nil, err
		}
	}
	out := &organizations.ListDelegatedAdministratorsOutput{DelegatedAdministrators: []types.DelegatedAdministrator{}}
	err := s.view(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		if principal != "" && !integrated(principal) {
			return invalidInput("UNRECOGNIZED_SERVICE_PRINCIPAL", "You specified an unrecognized service principal.")
		}
		registered, err := tx.DelegatedAdministrators(ctx, o.ID, principal)
		if err != nil {
			return err
		}
		first := map[string]state.Micros{} // when the account became one
		for _, d := range registered {
			if at, known := first[d.AccountID]; !known || d.EnabledAt < at {
				first[d.AccountID] = d.EnabledAt
			}
		}
		registered = slices.CompactFunc(registered, func(a, b state.DelegatedAdministrator) bool { return a.AccountID == b.AccountID })
		if registered, out.NextToken, err = cut(s, c, in, registered, func(d state.DelegatedAdministrator) string { return d.AccountID }); err != nil {
			return err
		}
		for _, d := range registered {
			a, err := tx.Account(ctx, d.AccountID)
			if err != nil {
				return err
			}
			out.DelegatedAdministrators = append(out.DelegatedAdministrators, types.DelegatedAdministrator{
				Id: aws.String(a.ID), Arn: aws.String(arnOf(o, a.ID)), Email: aws.String(a.Email), Name: aws.String(a.Name),
				Status: types.AccountStatus(a.Status), State: accountState(a), JoinedMethod: types.AccountJoinedMethod(a.JoinedMethod),
				JoinedTimestamp: a.JoinedAt.Ptr(), DelegationEnabledDate: first[a.ID].Ptr(),
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ListDelegatedServicesForAccount lists what a delegated administrator administers, by service.
func (s *Service) ListDelegatedServicesForAccount(ctx context.Context, c *api.Caller, in *organizations.ListDelegatedServicesForAccountInput) (*organizations.ListDelegatedServicesForAccountOutput, error) {
	if err := want("AccountId", in.AccountId, accountPattern); err != nil {
		return nil, err
	}
	out := &organizations.ListDelegatedServicesForAccountOutput{DelegatedServices: []types.DelegatedService{}}
	err := s.view(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		if _, err := memberAccount(ctx, tx, o, *in.AccountId); err != nil {
			return err
		}
		services, err := tx.DelegatedServices(ctx, o.ID, *in.AccountId)
		if err != nil {
			return err
		}
		if len(services) == 0 {
			return notRegistered()
		}
		if services, out.NextToken, err = cut(s, c, in, services, func(d state.DelegatedAdministrator) string { return d.Principal }); err != nil {
			return err
		}
		for _, d := range services {
			out.DelegatedServices = append(out.DelegatedServices, types.DelegatedService{
				ServicePrincipal: aws.String(d.Principal), DelegationEnabledDate: d.EnabledAt.Ptr(),
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
