package organizations

import (
	"cmp"
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// maxDepth is how many units may stand above each other:
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
const maxDepth = 5

// CreateOrganizationalUnit adds a unit to the root or another unit.
func (s *Service) CreateOrganizationalUnit(ctx context.Context, c *api.Caller, in *organizations.CreateOrganizationalUnitInput) (*organizations.CreateOrganizationalUnitOutput, error) {
	if err := cmp.Or(want("ParentId", in.ParentId, parentPattern), want("Name", in.Name, unitNamePattern)); err != nil {
		return nil, err
	}
	tags, err := tagMap(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	out := &organizations.CreateOrganizationalUnitOutput{}
	err = s.change(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		if err := findParent(ctx, tx, o, *in.ParentId, parentNotFound()); err != nil {
			return err
		}
		levels, err := tx.Levels(ctx, o, *in.ParentId)
		if err != nil {
			return err
		}
		if n, err := tx.CountOrganizationalUnits(ctx, o.ID); err != nil {
			return err
		} else if n >= maxUnits {
			return constraintViolation("OU_NUMBER_LIMIT_EXCEEDED", "You have exceeded the number of OUs that you can have in an organization.")
		}
		if len(levels) > maxDepth {
			return constraintViolation("OU_DEPTH_LIMIT_EXCEEDED", "You have exceeded the maximum depth of the organizational unit tree.")
		}
		u := state.OrganizationalUnit{ID: newUnitID(o.RootID), OrganizationID: o.ID, ParentID: *in.ParentId, Name: *in.Name, CreatedAt: tx.Now}
		if err := duplicateUnit(tx.InsertOrganizationalUnit(ctx, u)); err != nil {
			return err
		}
		if err := attachManagedPolicies(ctx, tx, o, u.ID); err != nil {
			return err
		}
		if out.OrganizationalUnit, err = unitShape(ctx, tx, o, u); err != nil {
			return err
		}
		return tx.PutOrganizationTags(ctx, o.ID, u.ID, tags)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func duplicateUnit(err error) error {
	if errors.Is(err, state.ErrExists) {
		return api.Errorf("DuplicateOrganizationalUnitException", "An organizational unit with the same name already exists.")
	}
	return err
}

// DescribeOrganizationalUnit shows a unit.
func (s *Service) DescribeOrganizationalUnit(ctx context.Context, c *api.Caller, in *organizations.DescribeOrganizationalUnitInput) (*organizations.DescribeOrganizationalUnitOutput, error) {
	if err := want("OrganizationalUnitId", in.OrganizationalUnitId, unitPattern); err != nil {
		return nil, err
	}
	out := &organizations.DescribeOrganizationalUnitOutput{}
	err := s.view(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		u, err := findUnit(ctx, tx, o, *in.OrganizationalUnitId)
		if err != nil {
			return err
		}
		out.OrganizationalUnit, err = unitShape(ctx, tx, o, u)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// UpdateOrganizationalUnit renames a unit.
func (s *Service) UpdateOrganizationalUnit(ctx context.Context, c *api.Caller, in *organizations.UpdateOrganizationalUnitInput) (*organizations.UpdateOrganizationalUnitOutput, error) {
	if err := want("OrganizationalUnitId", in.OrganizationalUnitId, unitPattern); err != nil {
		return nil, err
	}
	if in.Name != nil {
		if err := want("Name", in.Name, unitNamePattern); err != nil {
			return nil, err
		}
	}
	out := &organizations.UpdateOrganizationalUnitOutput{}
	err := s.change(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		u, err := findUnit(ctx, tx, o, *in.OrganizationalUnitId)
		if err != nil {
			return err
		}
		if in.Name != nil {
			u.Name = *in.Name
			if err := duplicateUnit(tx.RenameOrganizationalUnit(ctx, o.ID, u.ID, u.Name)); err != nil {
				return err
			}
		}
		out.OrganizationalUnit, err = unitShape(ctx, tx, o, u)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteOrganizationalUnit removes an empty unit.
func (s *Service) DeleteOrganizationalUnit(ctx context.Context, c *api.Caller, in *organizations.DeleteOrganizationalUnitInput) (*organizations.DeleteOrganizationalUnitOutput, error) {
	if err := want("OrganizationalUnitId", in.OrganizationalUnitId, unitPattern); err != nil {
		return nil, err
	}
	err := s.change(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		u, err := findUnit(ctx, tx, o, *in.OrganizationalUnitId)
		if err != nil {
			return err
		}
		accounts, err := tx.AccountsOfParent(ctx, o.ID, u.ID)
		if err != nil {
			return err
		}
		units, err := tx.OrganizationalUnits(ctx, o.ID, u.ID)
		if err != nil {
			return err
		}
		if len(accounts)+len(units) > 0 {
			return api.Errorf("OrganizationalUnitNotEmptyException", "The specified organizational unit is not empty.")
		}
		if err := tx.DetachOrganizationPolicies(ctx, o.ID, u.ID); err != nil {
			return err
		}
		if err := tx.DeleteOrganizationTags(ctx, o.ID, u.ID); err != nil {
			return err
		}
		return tx.DeleteOrganizationalUnit(ctx, o.ID, u.ID)
	})
	if err != nil {
		return nil, err
	}
	return &organizations.DeleteOrganizationalUnitOutput{}, nil
}

// ListOrganizationalUnitsForParent lists the units directly in a root or unit by name.
func (s *Service) ListOrganizationalUnitsForParent(ctx context.Context, c *api.Caller, in *organizations.ListOrganizationalUnitsForParentInput) (*organizations.ListOrganizationalUnitsForParentOutput, error) {
	if err := want("ParentId", in.ParentId, parentPattern); err != nil {
		return nil, err
	}
	out := &organizations.ListOrganizationalUnitsForParentOutput{OrganizationalUnits: []types.OrganizationalUnit{}}
	err := s.view(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		if err := findParent(ctx, tx, o, *in.ParentId, parentNotFound()); err != nil {
			return err
		}
		units, err := tx.OrganizationalUnits(ctx, o.ID, *in.ParentId)
		if err != nil {
			return err
		}
		if units, out.NextToken, err = cut(s, c, in, units, func(u state.OrganizationalUnit) string { return u.Name }); err != nil {
			return err
		}
		for _, u := range units {
			shape, err := unitShape(ctx, tx, o, u)
			if err != nil {
				return err
			}
			out.OrganizationalUnits = append(out.OrganizationalUnits, *shape)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ListParents lists the one parent of an account or unit.
func (s *Service) ListParents(ctx context.Context, c *api.Caller, in *organizations.ListParentsInput) (*organizations.ListParentsOutput, error) {
	child := aws.ToString(in.ChildId)
	if !accountPattern.MatchString(child) {
		if err := want("ChildId", in.ChildId, unitPattern); err != nil {
			return nil, err
		}
	}
	parent := types.Parent{Type: types.ParentTypeOrganizationalUnit}
	err := s.view(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		a, err := tx.Account(ctx, child)
		if err == nil && a.OrganizationID == o.ID {
			parent.Id = aws.String(a.ParentID)
		} else {
			u, err := tx.OrganizationalUnit(ctx, o.ID, child)
			if errors.Is(err, state.ErrNotFound) {
				return api.Errorf("ChildNotFoundException", "You specified child that doesn't exist.")
			}
			if err != nil {
				return err
			}
			parent.Id = aws.String(u.ParentID)
		}
		if *parent.Id == o.RootID {
			parent.Type = types.ParentTypeRoot
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	parents, next, err := cut(s, c, in, []types.Parent{parent}, func(p types.Parent) string { return *p.Id })
	if err != nil {
		return nil, err
	}
	return &organizations.ListParentsOutput{Parents: parents, NextToken: next}, nil
}

// ListChildren lists the accounts or the units directly in a root or unit.
func (s *Service) ListChildren(ctx context.Context, c *api.Caller, in *organizations.ListChildrenInput) (*organizations.ListChildrenOutput, error) {
	if err := want("ParentId", in.ParentId, parentPattern); err != nil {
		return nil, err
	}
	if in.ChildType != types.ChildTypeAccount && in.ChildType != types.ChildTypeOrganizationalUnit {
		return nil, invalidInput("INVALID_ENUM", "You specified an invalid value for ChildType: %s.", in.ChildType)
	}
	children := []types.Child{}
	err := s.view(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		if err := findParent(ctx, tx, o, *in.ParentId, parentNotFound()); err != nil {
			return err
		}
		if in.ChildType == types.ChildTypeAccount {
			accounts, err := tx.AccountsOfParent(ctx, o.ID, *in.ParentId)
			for _, a := range accounts {
				children = append(children, types.Child{Id: aws.String(a.ID), Type: in.ChildType})
			}
			return err
		}
		units, err := tx.OrganizationalUnits(ctx, o.ID, *in.ParentId)
		for _, u := range units {
			children = append(children, types.Child{Id: aws.String(u.ID), Type: in.ChildType})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	sortByID(children)
	children, next, err := cut(s, c, in, children, func(c types.Child) string { return *c.Id })
	if err != nil {
		return nil, err
	}
	return &organizations.ListChildrenOutput{Children: children, NextToken: next}, nil
}

func findUnit(ctx context.Context, tx *state.Tx, o state.Organization, id string) (state.OrganizationalUnit, error) {
	u, err := tx.OrganizationalUnit(ctx, o.ID, id)
	if errors.Is(err, state.ErrNotFound) {
		return u, api.Errorf("OrganizationalUnitNotFoundException", "You specified an organizational unit that doesn't exist.")
	}
	return u, err
}

func unitShape(ctx context.Context, tx *state.Tx, o state.Organization, u state.OrganizationalUnit) (*types.OrganizationalUnit, error) {
	levels, err := tx.Levels(ctx, o, u.ID)
	if err != nil {
		return nil, err
	}
	return &types.OrganizationalUnit{
		Id: aws.String(u.ID), Arn: aws.String(arnOf(o, u.ID)), Name: aws.String(u.Name), Path: aws.String(o.OrganizationPath(levels)),
	}, nil
}
