package iam

import (
	"cmp"
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// onInstanceProfile is a row about an instance profile.
func onInstanceProfile[In, Out any](s *Service, fn method[In, Out]) api.Operation {
	return row(s, fn, func(ctx context.Context, tx *state.Tx, c *api.Caller, in any) (resource, error) {
		name := api.Field(in, "InstanceProfileName")
		profile, err := tx.InstanceProfile(ctx, c.AccountID, name)
		if err != nil {
			return resource{arn: state.InstanceProfile{AccountID: c.AccountID, Name: name, Path: pathOf(in)}.ARN()}, err
		}
		return resource{arn: profile.ARN(), tags: profile.Tags}, nil
	})
}

// addRoleAccess asks for the profile, and for handing the role to EC2.
func (s *Service) addRoleAccess(ctx context.Context, c *api.Caller, in *iam.AddRoleToInstanceProfileInput) (accesses []api.Access, err error) {
	profile := state.InstanceProfile{AccountID: c.AccountID, Path: "/", Name: aws.ToString(in.InstanceProfileName)}
	role := state.Role{AccountID: c.AccountID, Path: "/", Name: aws.ToString(in.RoleName)}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		if found, err := tx.InstanceProfile(ctx, c.AccountID, profile.Name); err == nil {
			profile = found
		} else if !errors.Is(err, state.ErrNotFound) {
			return err
		}
		found, err := tx.Role(ctx, c.AccountID, role.Name)
		if err == nil {
			role = found
		} else if !errors.Is(err, state.ErrNotFound) {
			return err
		}
		return nil
	})
	passed := api.WithResourceTags(map[string][]string{"iam:PassedToService": {"ec2.amazonaws.com"}}, role.Tags, "iam")
	return []api.Access{
		{Action: "iam:AddRoleToInstanceProfile", Resource: profile.ARN(), Context: api.WithResourceTags(nil, profile.Tags, "iam")},
		{Action: "iam:PassRole", Resource: role.ARN(), Context: passed},
	}, err
}

// CreateInstanceProfile adds a profile without a role.
func (s *Service) CreateInstanceProfile(ctx context.Context, c *api.Caller, in *iam.CreateInstanceProfileInput) (*iam.CreateInstanceProfileOutput, error) {
	var k constraints
	k.path(in.Path)
	k.tags(in.Tags)
	if err := k.err(); err != nil {
		return nil, err
	}
	var profile state.InstanceProfile
	err := s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) error {
		profile = state.InstanceProfile{
			AccountID: c.AccountID, Name: *in.InstanceProfileName, ID: newUniqueID(instanceProfilePrefix), Path: pathOf(in),
			Tags: tagMap(in.Tags), CreatedAt: tx.Now,
		}
		err := tx.InsertInstanceProfile(ctx, profile)
		if errors.Is(err, state.ErrExists) {
			return alreadyExists("Instance Profile %s already exists.", profile.Name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateInstanceProfileOutput{InstanceProfile: profileShape(profile, nil)}, nil
}

// GetInstanceProfile shows a profile with its role.
func (s *Service) GetInstanceProfile(ctx context.Context, c *api.Caller, in *iam.GetInstanceProfileInput) (out *iam.GetInstanceProfileOutput, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		profile, err := findInstanceProfile(ctx, tx, c, in.InstanceProfileName)
		if err != nil {
			return err
		}
		shape, err := profileWithRole(ctx, tx, profile)
		out = &iam.GetInstanceProfileOutput{InstanceProfile: shape}
		return err
	})
	return out, err
}

// ListInstanceProfiles lists profiles without their tags, as AWS does.
func (s *Service) ListInstanceProfiles(ctx context.Context, c *api.Caller, in *iam.ListInstanceProfilesInput) (*iam.ListInstanceProfilesOutput, error) {
	p, err := s.page(c, in)
	if err != nil {
		return nil, err
	}
	out := &iam.ListInstanceProfilesOutput{}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		profiles, err := tx.InstanceProfiles(ctx, c.AccountID, cmp.Or(aws.ToString(in.PathPrefix), "/"), p.after, p.limit+1)
		if err != nil {
			return err
		}
		out.InstanceProfiles, out.Marker, err = profilePage(ctx, tx, p, profiles)
		return err
	})
	if err != nil {
		return nil, err
	}
	out.IsTruncated = out.Marker != nil
	return out, nil
}

// ListInstanceProfilesForRole lists the profiles that hold a role.
func (s *Service) ListInstanceProfilesForRole(ctx context.Context, c *api.Caller, in *iam.ListInstanceProfilesForRoleInput) (*iam.ListInstanceProfilesForRoleOutput, error) {
	p, err := s.page(c, in)
	if err != nil {
		return nil, err
	}
	out := &iam.ListInstanceProfilesForRoleOutput{}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		role, err := findRole(ctx, tx, c.AccountID, in.RoleName)
		if err != nil {
			return err
		}
		profiles, err := tx.InstanceProfilesOfRole(ctx, c.AccountID, role.Name)
		if err != nil {
			return err
		}
		out.InstanceProfiles, out.Marker, err = profilePage(ctx, tx, p, profiles)
		return err
	})
	if err != nil {
		return nil, err
	}
	out.IsTruncated = out.Marker != nil
	return out, nil
}

func profilePage(ctx context.Context, tx *state.Tx, p page, profiles []state.InstanceProfile) ([]types.InstanceProfile, *string, error) {
	profiles, next := cut(p, profiles, func(p state.InstanceProfile) string { return p.Name })
	shapes := []types.InstanceProfile{}
	for _, profile := range profiles {
		profile.Tags = nil
		shape, err := profileWithRole(ctx, tx, profile)
		if err != nil {
			return nil, nil, err
		}
		shapes = append(shapes, *shape)
	}
	return shapes, next, nil
}

// DeleteInstanceProfile removes a profile without a role.
func (s *Service) DeleteInstanceProfile(ctx context.Context, c *api.Caller, in *iam.DeleteInstanceProfileInput) (*iam.DeleteInstanceProfileOutput, error) {
	err := s.changeInstanceProfile(ctx, c, in.InstanceProfileName, func(ctx context.Context, tx *state.Tx, profile *state.InstanceProfile) error {
		if profile.RoleName != "" {
			return deleteConflict("Cannot delete entity, must remove roles from instance profile first.")
		}
		return tx.DeleteInstanceProfile(ctx, c.AccountID, profile.Name)
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteInstanceProfileOutput{}, nil
}

// AddRoleToInstanceProfile puts a role in a profile, which holds one at most.
func (s *Service) AddRoleToInstanceProfile(ctx context.Context, c *api.Caller, in *iam.AddRoleToInstanceProfileInput) (*iam.AddRoleToInstanceProfileOutput, error) {
	err := s.changeInstanceProfile(ctx, c, in.InstanceProfileName, func(ctx context.Context, tx *state.Tx, profile *state.InstanceProfile) error {
		role, err := findRole(ctx, tx, c.AccountID, in.RoleName)
		switch {
		case err != nil:
			return err
		case role.ServiceLinked():
			return unmodifiable(role.Name)
		case profile.RoleName != "":
			return limitExceeded("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
		}
		profile.RoleName = role.Name
		return tx.UpdateInstanceProfile(ctx, *profile)
	})
	if err != nil {
		return nil, err
	}
	return &iam.AddRoleToInstanceProfileOutput{}, nil
}

// RemoveRoleFromInstanceProfile takes it out.
func (s *Service) RemoveRoleFromInstanceProfile(ctx context.Context, c *api.Caller, in *iam.RemoveRoleFromInstanceProfileInput) (*iam.RemoveRoleFromInstanceProfileOutput, error) {
	err := s.changeInstanceProfile(ctx, c, in.InstanceProfileName, func(ctx context.Context, tx *state.Tx, profile *state.InstanceProfile) error {
		if _, err := findRole(ctx, tx, c.AccountID, in.RoleName); err != nil {
			return err
		}
		if profile.RoleName != *in.RoleName {
			return noSuchEntity("The role with name %s cannot be found.", *in.RoleName)
		}
		profile.RoleName = ""
		return tx.UpdateInstanceProfile(ctx, *profile)
	})
	if err != nil {
		return nil, err
	}
	return &iam.RemoveRoleFromInstanceProfileOutput{}, nil
}

// TagInstanceProfile adds tags.
func (s *Service) TagInstanceProfile(ctx context.Context, c *api.Caller, in *iam.TagInstanceProfileInput) (*iam.TagInstanceProfileOutput, error) {
	err := s.changeInstanceProfile(ctx, c, in.InstanceProfileName, func(ctx context.Context, tx *state.Tx, profile *state.InstanceProfile) (err error) {
		if profile.Tags, err = retag(profile.Tags, in.Tags); err != nil {
			return err
		}
		return tx.UpdateInstanceProfile(ctx, *profile)
	})
	if err != nil {
		return nil, err
	}
	return &iam.TagInstanceProfileOutput{}, nil
}

// UntagInstanceProfile removes tags.
func (s *Service) UntagInstanceProfile(ctx context.Context, c *api.Caller, in *iam.UntagInstanceProfileInput) (*iam.UntagInstanceProfileOutput, error) {
	err := s.changeInstanceProfile(ctx, c, in.InstanceProfileName, func(ctx context.Context, tx *state.Tx, profile *state.InstanceProfile) error {
		profile.Tags = untag(profile.Tags, in.TagKeys)
		return tx.UpdateInstanceProfile(ctx, *profile)
	})
	if err != nil {
		return nil, err
	}
	return &iam.UntagInstanceProfileOutput{}, nil
}

// ListInstanceProfileTags lists tags by key.
func (s *Service) ListInstanceProfileTags(ctx context.Context, c *api.Caller, in *iam.ListInstanceProfileTagsInput) (*iam.ListInstanceProfileTagsOutput, error) {
	var profile state.InstanceProfile
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		profile, err = findInstanceProfile(ctx, tx, c, in.InstanceProfileName)
		return err
	})
	if err != nil {
		return nil, err
	}
	tags, next, err := s.listTags(c, in, profile.Tags)
	if err != nil {
		return nil, err
	}
	return &iam.ListInstanceProfileTagsOutput{Tags: tags, Marker: next, IsTruncated: next != nil}, nil
}

func (s *Service) changeInstanceProfile(ctx context.Context, c *api.Caller, name *string, change func(context.Context, *state.Tx, *state.InstanceProfile) error) error {
	return s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) error {
		profile, err := findInstanceProfile(ctx, tx, c, name)
		if err != nil {
			return err
		}
		return change(ctx, tx, &profile)
	})
}

func findInstanceProfile(ctx context.Context, tx *state.Tx, c *api.Caller, name *string) (state.InstanceProfile, error) {
	profile, err := tx.InstanceProfile(ctx, c.AccountID, aws.ToString(name))
	if errors.Is(err, state.ErrNotFound) {
		return profile, noSuchEntity("Instance Profile %s cannot be found.", aws.ToString(name))
	}
	return profile, err
}

func profileWithRole(ctx context.Context, tx *state.Tx, p state.InstanceProfile) (*types.InstanceProfile, error) {
	if p.RoleName == "" {
		return profileShape(p, nil), nil
	}
	role, err := tx.Role(ctx, p.AccountID, p.RoleName)
	return profileShape(p, &role), err
}

func profileShape(p state.InstanceProfile, role *state.Role) *types.InstanceProfile {
	shape := &types.InstanceProfile{
		Arn: aws.String(p.ARN()), CreateDate: seconds(p.CreatedAt), InstanceProfileId: aws.String(p.ID),
		InstanceProfileName: aws.String(p.Name), Path: aws.String(p.Path), Tags: tagList(p.Tags), Roles: []types.Role{},
	}
	if role != nil {
		held := roleShape(*role)
		held.Tags, held.PermissionsBoundary, held.RoleLastUsed = nil, nil, nil
		shape.Roles = append(shape.Roles, *held)
	}
	return shape
}
