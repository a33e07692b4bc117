package iam

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// CreateRole adds a role.
func (s *Service) CreateRole(ctx context.Context, c *api.Caller, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
	var k constraints
	k.name("roleName", in.RoleName, maxRoleName)
	k.path(in.Path)
	k.document("assumeRolePolicyDocument", in.AssumeRolePolicyDocument)
	k.description(in.Description)
	k.session(in.MaxSessionDuration)
	k.tags(in.Tags)
	if err := k.err(); err != nil {
		return nil, err
	}
	if strings.HasPrefix(pathOf(in), "/aws-service-role/") {
		return nil, invalidInput("Path prefix '/aws-service-role/' can only be used for AWS Service linked Roles")
	}
	var role state.Role
	err := s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) error {
		if err := checkTrust(ctx, tx, *in.AssumeRolePolicyDocument); err != nil {
			return err
		}
		if err := checkBoundary(ctx, tx, c, in.PermissionsBoundary); err != nil {
			return err
		}
		role = state.Role{
			AccountID: c.AccountID, Name: *in.RoleName, ID: newUniqueID(rolePrefix), Path: pathOf(in),
			Trust: *in.AssumeRolePolicyDocument, Description: aws.ToString(in.Description),
			MaxSession:  int64(cmp.Or(aws.ToInt32(in.MaxSessionDuration), minSessionDuration)),
			BoundaryARN: aws.ToString(in.PermissionsBoundary), Tags: tagMap(in.Tags), CreatedAt: tx.Now,
		}
		err := tx.InsertRole(ctx, role)
		if errors.Is(err, state.ErrExists) {
			return alreadyExists("Role with name %s already exists.", role.Name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	shape := roleShape(role)
	shape.RoleLastUsed = nil
	return &iam.CreateRoleOutput{Role: shape}, nil
}

// GetRole shows a role.
func (s *Service) GetRole(ctx context.Context, c *api.Caller, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	var role state.Role
	err := s.authorizer.uses.view(ctx, func(ctx context.Context, tx *state.Tx, unwritten []noted) (err error) {
		if role, err = findRole(ctx, tx, c.AccountID, in.RoleName); err != nil {
			return err
		}
		role, err = withLastUse(ctx, tx, role, unwritten...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.GetRoleOutput{Role: roleShape(role)}, nil
}

// ListRoles lists roles without their tags, boundaries and last uses, as AWS does.
func (s *Service) ListRoles(ctx context.Context, c *api.Caller, in *iam.ListRolesInput) (*iam.ListRolesOutput, error) {
	p, err := s.page(c, in)
	if err != nil {
		return nil, err
	}
	var roles []state.Role
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		roles, err = tx.Roles(ctx, c.AccountID, cmp.Or(aws.ToString(in.PathPrefix), "/"), p.after, p.limit+1)
		return err
	})
	if err != nil {
		return nil, err
	}
	roles, next := cut(p, roles, func(r state.Role) string { return r.Name })
	out := &iam.ListRolesOutput{Roles: []types.Role{}, Marker: next, IsTruncated: next != nil}
	for _, role := range roles {
		shape := roleShape(role)
		shape.Tags, shape.PermissionsBoundary, shape.RoleLastUsed = nil, nil, nil
		out.Roles = append(out.Roles, *shape)
	}
	return out, nil
}

// DeleteRole removes a role that has no policies any more.
func (s *Service) DeleteRole(ctx context.Context, c *api.Caller, in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
	_, err := s.changeRole(ctx, c, in.RoleName, func(ctx context.Context, tx *state.Tx, role *state.Role) error {
		if err := checkNoPolicies(ctx, tx, c.AccountID, state.KindRole, role.Name); err != nil {
			return err
		}
		profiles, err := tx.InstanceProfilesOfRole(ctx, c.AccountID, role.Name)
		if err != nil {
			return err
		}
		if len(profiles) > 0 {
			return deleteConflict("Cannot delete entity, must remove roles from instance profile first.")
		}
		return tx.DeleteRole(ctx, c.AccountID, role.Name)
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteRoleOutput{}, nil
}

// UpdateRole changes description and session length.
func (s *Service) UpdateRole(ctx context.Context, c *api.Caller, in *iam.UpdateRoleInput) (*iam.UpdateRoleOutput, error) {
	var k constraints
	k.description(in.Description)
	k.session(in.MaxSessionDuration)
	if err := k.err(); err != nil {
		return nil, err
	}
	_, err := s.updateRole(ctx, c, in.RoleName, func(_ context.Context, _ *state.Tx, role *state.Role) error {
		if in.Description != nil {
			role.Description = *in.Description
		}
		if in.MaxSessionDuration != nil {
			role.MaxSession = int64(*in.MaxSessionDuration)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.UpdateRoleOutput{}, nil
}

// UpdateRoleDescription is the older form of UpdateRole.
func (s *Service) UpdateRoleDescription(ctx context.Context, c *api.Caller, in *iam.UpdateRoleDescriptionInput) (*iam.UpdateRoleDescriptionOutput, error) {
	var k constraints
	k.description(in.Description)
	if err := k.err(); err != nil {
		return nil, err
	}
	role, err := s.updateRole(ctx, c, in.RoleName, func(_ context.Context, _ *state.Tx, role *state.Role) error {
		role.Description = aws.ToString(in.Description)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.UpdateRoleDescriptionOutput{Role: roleShape(role)}, nil
}

// UpdateAssumeRolePolicy replaces the trust policy.
func (s *Service) UpdateAssumeRolePolicy(ctx context.Context, c *api.Caller, in *iam.UpdateAssumeRolePolicyInput) (*iam.UpdateAssumeRolePolicyOutput, error) {
	var k constraints
	k.document("policyDocument", in.PolicyDocument)
	if err := k.err(); err != nil {
		return nil, err
	}
	_, err := s.updateRole(ctx, c, in.RoleName, func(ctx context.Context, tx *state.Tx, role *state.Role) error {
		role.Trust = *in.PolicyDocument
		return checkTrust(ctx, tx, role.Trust)
	})
	if err != nil {
		return nil, err
	}
	return &iam.UpdateAssumeRolePolicyOutput{}, nil
}

// TagRole adds tags.
func (s *Service) TagRole(ctx context.Context, c *api.Caller, in *iam.TagRoleInput) (*iam.TagRoleOutput, error) {
	_, err := s.updateRole(ctx, c, in.RoleName, func(_ context.Context, _ *state.Tx, role *state.Role) (err error) {
		role.Tags, err = retag(role.Tags, in.Tags)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.TagRoleOutput{}, nil
}

// UntagRole removes tags.
func (s *Service) UntagRole(ctx context.Context, c *api.Caller, in *iam.UntagRoleInput) (*iam.UntagRoleOutput, error) {
	_, err := s.updateRole(ctx, c, in.RoleName, func(_ context.Context, _ *state.Tx, role *state.Role) error {
		role.Tags = untag(role.Tags, in.TagKeys)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.UntagRoleOutput{}, nil
}

// ListRoleTags lists tags by key.
func (s *Service) ListRoleTags(ctx context.Context, c *api.Caller, in *iam.ListRoleTagsInput) (*iam.ListRoleTagsOutput, error) {
	role, err := s.role(ctx, c, in.RoleName)
	if err != nil {
		return nil, err
	}
	tags, next, err := s.listTags(c, in, role.Tags)
	if err != nil {
		return nil, err
	}
	return &iam.ListRoleTagsOutput{Tags: tags, Marker: next, IsTruncated: next != nil}, nil
}

// PutRolePermissionsBoundary sets the boundary.
func (s *Service) PutRolePermissionsBoundary(ctx context.Context, c *api.Caller, in *iam.PutRolePermissionsBoundaryInput) (*iam.PutRolePermissionsBoundaryOutput, error) {
	_, err := s.updateRole(ctx, c, in.RoleName, func(ctx context.Context, tx *state.Tx, role *state.Role) error {
		role.BoundaryARN = aws.ToString(in.PermissionsBoundary)
		return checkBoundary(ctx, tx, c, aws.String(role.BoundaryARN))
	})
	if err != nil {
		return nil, err
	}
	return &iam.PutRolePermissionsBoundaryOutput{}, nil
}

// DeleteRolePermissionsBoundary takes it away.
func (s *Service) DeleteRolePermissionsBoundary(ctx context.Context, c *api.Caller, in *iam.DeleteRolePermissionsBoundaryInput) (*iam.DeleteRolePermissionsBoundaryOutput, error) {
	_, err := s.updateRole(ctx, c, in.RoleName, func(_ context.Context, _ *state.Tx, role *state.Role) error {
		if role.BoundaryARN == "" {
			return noSuchEntity("Role %s does not have a permissions boundary.", role.Name)
		}
		role.BoundaryARN = ""
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteRolePermissionsBoundaryOutput{}, nil
}

func (s *Service) role(ctx context.Context, c *api.Caller, name *string) (role state.Role, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		role, err = findRole(ctx, tx, c.AccountID, name)
		return err
	})
	return role, err
}

func findRole(ctx context.Context, tx *state.Tx, accountID string, name *string) (state.Role, error) {
	var k constraints
	k.name("roleName", name, maxRoleName)
	if err := k.err(); err != nil {
		return state.Role{}, err
	}
	role, err := tx.Role(ctx, accountID, *name)
	if errors.Is(err, state.ErrNotFound) {
		return role, noSuchEntity("The role with name %s cannot be found.", *name)
	}
	return role, err
}

type roleChange func(ctx context.Context, tx *state.Tx, role *state.Role) error

// changeRole runs change on a role that is not service-linked.
func (s *Service) changeRole(ctx context.Context, c *api.Caller, name *string, change roleChange) (role state.Role, err error) {
	err = s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if role, err = findRole(ctx, tx, c.AccountID, name); err != nil {
			return err
		}
		if role.ServiceLinked() {
			return unmodifiable(role.Name)
		}
		return change(ctx, tx, &role)
	})
	return role, err
}

// updateRole keeps what change made of the role.
func (s *Service) updateRole(ctx context.Context, c *api.Caller, name *string, change roleChange) (state.Role, error) {
	return s.changeRole(ctx, c, name, func(ctx context.Context, tx *state.Tx, role *state.Role) error {
		if err := change(ctx, tx, role); err != nil {
			return err
		}
		return tx.UpdateRole(ctx, *role)
	})
}

func roleShape(r state.Role) *types.Role {
	shape := &types.Role{
		Arn: aws.String(r.ARN()), CreateDate: seconds(r.CreatedAt), Path: aws.String(r.Path), RoleId: aws.String(r.ID),
		RoleName: aws.String(r.Name), AssumeRolePolicyDocument: escape(r.Trust),
		MaxSessionDuration: aws.Int32(int32(r.MaxSession)), Tags: tagList(r.Tags), PermissionsBoundary: boundaryShape(r.BoundaryARN),
		RoleLastUsed: &types.RoleLastUsed{},
	}
	if r.Description != "" {
		shape.Description = aws.String(r.Description)
	}
	if r.LastUsedAt != 0 {
		shape.RoleLastUsed = &types.RoleLastUsed{LastUsedDate: seconds(r.LastUsedAt), Region: aws.String(r.LastUsedRegion)}
	}
	return shape
}

func boundaryShape(arn string) *types.AttachedPermissionsBoundary {
	if arn == "" {
		return nil
	}
	return &types.AttachedPermissionsBoundary{
		PermissionsBoundaryArn: aws.String(arn), PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy,
	}
}

// checkBoundary refuses a boundary that is not a managed policy the account can use.
func checkBoundary(ctx context.Context, tx *state.Tx, c *api.Caller, arn *string) error {
	if arn == nil {
		return nil
	}
	if _, err := managedPolicy(ctx, tx, c.AccountID, *arn); err != nil {
		if api.Code(err) == "NoSuchEntity" {
			return noSuchEntity("Scope ARN: %s does not exist or is not attachable.", *arn)
		}
		return err
	}
	return nil
}
