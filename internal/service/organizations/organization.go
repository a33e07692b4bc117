package organizations

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/api"
	"strongroom/internal/service/iam"
	"strongroom/internal/state"
)

const (
	// accessRole lets the management account's administrators into accounts made in the organization.
	accessRole = "OrganizationAccountAccessRole"
	created    = string(types.AccountJoinedMethodCreated)
	invited    = string(types.AccountJoinedMethodInvited)
	active     = string(types.AccountStatusActive)
)

// CreateOrganization makes the caller's account the management account of a new organization.
func (s *Service) CreateOrganization(ctx context.Context, c *api.Caller, in *organizations.CreateOrganizationInput) (out *organizations.CreateOrganizationOutput, err error) {
	features := in.FeatureSet
	switch features {
	case "":
		features = types.OrganizationFeatureSetAll
	case types.OrganizationFeatureSetAll, types.OrganizationFeatureSetConsolidatedBilling:
	default:
		return nil, invalidInput("INVALID_ENUM", "You specified an invalid value for FeatureSet: %s.", features)
	}
	if features == types.OrganizationFeatureSetAll {
		if err := s.mayMakeRole(ctx, c); err != nil {
			return nil, err
		}
	}
	err = s.update(ctx, func(ctx context.Context, tx *state.Tx) error {
		account, err := tx.Account(ctx, c.AccountID)
		if err != nil {
			return fmt.Errorf("reading account %s: %w", c.AccountID, err)
		}
		if account.OrganizationID != "" {
			return api.Errorf("AlreadyInOrganizationException", "The provided account is already a member of an organization.")
		}
		o := state.Organization{
			ID: newOrganizationID(), ManagementAccountID: c.AccountID, RootID: newRootID(), FeatureSet: string(features), CreatedAt: tx.Now,
		}
		if err := s.found(ctx, tx, o, account); err != nil {
			return err
		}
		out = &organizations.CreateOrganizationOutput{Organization: organizationShape(o, account.Email)}
		return nil
	})
	return out, err
}

// found adds the organization with its management account.
func (s *Service) found(ctx context.Context, tx *state.Tx, o state.Organization, management state.Account) error {
	if err := tx.InsertOrganization(ctx, o); err != nil {
		return err
	}
	if err := addManagedPolicies(ctx, tx, o); err != nil {
		return err
	}
	return s.join(ctx, tx, o, management, invited)
}

// join takes an account into the root of an organization.
func (s *Service) join(ctx context.Context, tx *state.Tx, o state.Organization, a state.Account, method string) error {
	a.OrganizationID, a.ParentID, a.JoinedMethod, a.JoinedAt = o.ID, o.RootID, method, tx.Now
	if err := attachManagedPolicies(ctx, tx, o, a.ID); err != nil {
		return err
	}
	if err := tx.UpdateAccount(ctx, a); err != nil {
		return err
	}
	// With all features the service has its role in every account:
	// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_integrate_services-using_slrs.html
	if o.FeatureSet == string(types.OrganizationFeatureSetAll) {
		if err := iam.EnsureServiceLinkedRoleIn(ctx, tx, a.ID, principal); err != nil {
			return err
		}
	}
	if err := s.tellJoined(ctx, tx, o, a); err != nil {
		return err
	}
	return s.policiesChanged(ctx, tx, o, a.ID)
}

// leave takes an account out, with what it had of the organization: policies and tags.
func (s *Service) leave(ctx context.Context, tx *state.Tx, o state.Organization, a state.Account, how departure) error {
	if err := tx.DetachOrganizationPolicies(ctx, a.OrganizationID, a.ID); err != nil {
		return err
	}
	if err := tx.DeleteOrganizationTags(ctx, a.OrganizationID, a.ID); err != nil {
		return err
	}
	a.OrganizationID, a.ParentID, a.JoinedMethod, a.JoinedAt = "", "", "", 0
	if err := tx.UpdateAccount(ctx, a); err != nil {
		return err
	}
	if err := s.tellDeparted(ctx, tx, o, a, how); err != nil {
		return err
	}
	return s.policiesChanged(ctx, tx, o, a.ID)
}

// EnsureOrganization makes an organization with a given id over accounts that exist, where there is none yet. Members
// get the role OrganizationAccountAccessRole, as if they had been created in the organization.
func (s *Service) EnsureOrganization(ctx context.Context, organizationID, managementID string, members ...string) error {
	err := s.update(ctx, func(ctx context.Context, tx *state.Tx) error {
		o, err := tx.Organization(ctx, organizationID)
		if errors.Is(err, state.ErrNotFound) {
			management, err := tx.Account(ctx, managementID)
			if err != nil {
				return fmt.Errorf("reading account %s: %w", managementID, err)
			}
			o = state.Organization{
				ID: organizationID, ManagementAccountID: managementID, RootID: newRootID(),
				FeatureSet: string(types.OrganizationFeatureSetAll), CreatedAt: tx.Now,
			}
			if err := s.found(ctx, tx, o, management); err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
		for _, id := range members {
			a, err := tx.Account(ctx, id)
			if err != nil {
				return fmt.Errorf("reading account %s: %w", id, err)
			}
			if a.OrganizationID != "" {
				continue
			}
			if err := s.join(ctx, tx, o, a, created); err != nil {
				return err
			}
			if err := iam.EnsureAccessRole(ctx, tx, id, accessRole, managementID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("setting up organization %s: %w", organizationID, err)
	}
	return nil
}

// DescribeOrganization shows the caller's organization to any of its accounts.
func (s *Service) DescribeOrganization(ctx context.Context, c *api.Caller, _ *organizations.DescribeOrganizationInput) (out *organizations.DescribeOrganizationOutput, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		o, err := member(ctx, tx, c)
		if err != nil {
			return err
		}
		management, err := tx.Account(ctx, o.ManagementAccountID)
		out = &organizations.DescribeOrganizationOutput{Organization: organizationShape(o, management.Email)}
		return err
	})
	return out, err
}

// DeleteOrganization dissolves an organization that has only its management account.
func (s *Service) DeleteOrganization(ctx context.Context, c *api.Caller, in *organizations.DeleteOrganizationInput) (*organizations.DeleteOrganizationOutput, error) {
	err := s.change(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		accounts, err := tx.AccountsOfOrganization(ctx, o.ID)
		if err != nil {
			return err
		}
		units, err := tx.OrganizationalUnits(ctx, o.ID, o.RootID)
		if err != nil {
			return err
		}
		if len(accounts) > 1 || len(units) > 0 {
			return api.Errorf("OrganizationNotEmptyException",
				"To delete an organization you must first remove all member accounts (except the master), and all organizational units.")
		}
		for _, a := range accounts {
			if err := s.leave(ctx, tx, o, a, left); err != nil {
				return err
			}
		}
		return tx.DeleteOrganization(ctx, o.ID)
	})
	if err != nil {
		return nil, err
	}
	return &organizations.DeleteOrganizationOutput{}, nil
}

// LeaveOrganization takes the caller's account out.
func (s *Service) LeaveOrganization(ctx context.Context, c *api.Caller, _ *organizations.LeaveOrganizationInput) (*organizations.LeaveOrganizationOutput, error) {
	err := s.update(ctx, func(ctx context.Context, tx *state.Tx) error {
		o, err := member(ctx, tx, c)
		if err != nil {
			return err
		}
		a, err := tx.Account(ctx, c.AccountID)
		if err != nil {
			return err
		}
		if err := mayLeave(ctx, tx, o, a); err != nil {
			return err
		}
		return s.leave(ctx, tx, o, a, left)
	})
	if err != nil {
		return nil, err
	}
	return &organizations.LeaveOrganizationOutput{}, nil
}

func masterCannotLeave() error {
	return api.Errorf("MasterCannotLeaveOrganizationException",
		"You can't remove a management account from an organization. If you want the management account to become a member account in another organization, you must first delete the current organization of the management account.")
}

// ListRoots lists the one root.
func (s *Service) ListRoots(ctx context.Context, c *api.Caller, in *organizations.ListRootsInput) (*organizations.ListRootsOutput, error) {
	var root types.Root
	err := s.view(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) (err error) {
		root, err = rootShape(ctx, tx, o)
		return err
	})
	if err != nil {
		return nil, err
	}
	roots, next, err := cut(s, c, in, []types.Root{root}, func(r types.Root) string { return *r.Id })
	if err != nil {
		return nil, err
	}
	return &organizations.ListRootsOutput{Roots: roots, NextToken: next}, nil
}

func organizationShape(o state.Organization, email string) *types.Organization {
	return &types.Organization{
		Id: aws.String(o.ID), Arn: aws.String(arnOf(o, o.ID)), FeatureSet: types.OrganizationFeatureSet(o.FeatureSet),
		MasterAccountId: aws.String(o.ManagementAccountID), MasterAccountArn: aws.String(arnOf(o, o.ManagementAccountID)),
		MasterAccountEmail: aws.String(email), AvailablePolicyTypes: availableTypes(o),
	}
}
