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

// CreateUser adds a user.
func (s *Service) CreateUser(ctx context.Context, c *api.Caller, in *iam.CreateUserInput) (*iam.CreateUserOutput, error) {
	var k constraints
	k.name("userName", in.UserName, maxUserName)
	k.path(in.Path)
	k.tags(in.Tags)
	if err := k.err(); err != nil {
		return nil, err
	}
	var user state.User
	err := s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) error {
		if err := checkBoundary(ctx, tx, c, in.PermissionsBoundary); err != nil {
			return err
		}
		user = state.User{
			AccountID: c.AccountID, Name: *in.UserName, ID: newUniqueID(userPrefix), Path: pathOf(in),
			BoundaryARN: aws.ToString(in.PermissionsBoundary), Tags: tagMap(in.Tags), CreatedAt: tx.Now,
		}
		err := tx.InsertUser(ctx, user)
		if errors.Is(err, state.ErrExists) {
			return alreadyExists("User with name %s already exists.", user.Name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateUserOutput{User: userShape(user)}, nil
}

// GetUser shows a user, the caller if none is named.
func (s *Service) GetUser(ctx context.Context, c *api.Caller, in *iam.GetUserInput) (*iam.GetUserOutput, error) {
	user, err := s.user(ctx, c, in.UserName)
	if err != nil {
		return nil, err
	}
	return &iam.GetUserOutput{User: userShape(user)}, nil
}

// ListUsers lists users without tags and boundaries, as AWS does.
func (s *Service) ListUsers(ctx context.Context, c *api.Caller, in *iam.ListUsersInput) (*iam.ListUsersOutput, error) {
	p, err := s.page(c, in)
	if err != nil {
		return nil, err
	}
	var users []state.User
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		users, err = tx.Users(ctx, c.AccountID, cmp.Or(aws.ToString(in.PathPrefix), "/"), p.after, p.limit+1)
		return err
	})
	if err != nil {
		return nil, err
	}
	users, next := cut(p, users, func(u state.User) string { return u.Name })
	out := &iam.ListUsersOutput{Users: []types.User{}, Marker: next, IsTruncated: next != nil}
	for _, user := range users {
		shape := userShape(user)
		shape.Tags, shape.PermissionsBoundary = nil, nil
		out.Users = append(out.Users, *shape)
	}
	return out, nil
}

// DeleteUser removes a user without policies, keys and memberships.
func (s *Service) DeleteUser(ctx context.Context, c *api.Caller, in *iam.DeleteUserInput) (*iam.DeleteUserOutput, error) {
	err := s.changeUser(ctx, c, in.UserName, func(ctx context.Context, tx *state.Tx, user *state.User) error {
		if err := checkNoPolicies(ctx, tx, c.AccountID, state.KindUser, user.Name); err != nil {
			return err
		}
		keys, err := tx.AccessKeys(ctx, c.AccountID, user.Name)
		if err != nil {
			return err
		}
		if len(keys) > 0 {
			return deleteConflict("Cannot delete entity, must delete access keys first.")
		}
		groups, err := tx.GroupsOfUser(ctx, c.AccountID, user.Name)
		if err != nil {
			return err
		}
		if len(groups) > 0 {
			return deleteConflict("Cannot delete entity, must remove users from group first.")
		}
		devices, err := tx.MFADevicesOfUser(ctx, c.AccountID, user.Name)
		if err != nil {
			return err
		}
		if len(devices) > 0 {
			return deleteConflict("Cannot delete entity, must delete MFA device first.")
		}
		further, err := tx.UserCredentials(ctx, c.AccountID, user.Name, "")
		if err != nil {
			return err
		}
		if len(further) > 0 {
			return deleteConflict("Cannot delete entity, must delete %s first.", map[state.CredentialKind]string{
				state.CredentialSSH: "referenced SSH public keys", state.CredentialCertificate: "signing certificates",
				state.CredentialService: "service specific credentials",
			}[further[0].Kind])
		}
		switch _, err := tx.LoginProfile(ctx, c.AccountID, user.Name); {
		case err == nil:
			return deleteConflict("Cannot delete entity, must delete login profile first.")
		case !errors.Is(err, state.ErrNotFound):
			return err
		}
		return tx.DeleteUser(ctx, c.AccountID, user.Name)
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteUserOutput{}, nil
}

// UpdateUser gives a user another name or path.
func (s *Service) UpdateUser(ctx context.Context, c *api.Caller, in *iam.UpdateUserInput) (*iam.UpdateUserOutput, error) {
	var k constraints
	k.pathAt("newPath", in.NewPath)
	if err := k.err(); err != nil {
		return nil, err
	}
	err := s.changeUser(ctx, c, in.UserName, func(ctx context.Context, tx *state.Tx, user *state.User) error {
		name := cmp.Or(aws.ToString(in.NewUserName), user.Name)
		err := tx.RenameUser(ctx, c.AccountID, user.Name, name, cmp.Or(aws.ToString(in.NewPath), user.Path))
		if errors.Is(err, state.ErrExists) {
			return alreadyExists("User with name %s already exists.", name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.UpdateUserOutput{}, nil
}

// TagUser adds tags.
func (s *Service) TagUser(ctx context.Context, c *api.Caller, in *iam.TagUserInput) (*iam.TagUserOutput, error) {
	err := s.updateUser(ctx, c, in.UserName, func(_ context.Context, _ *state.Tx, user *state.User) (err error) {
		user.Tags, err = retag(user.Tags, in.Tags)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.TagUserOutput{}, nil
}

// UntagUser removes tags.
func (s *Service) UntagUser(ctx context.Context, c *api.Caller, in *iam.UntagUserInput) (*iam.UntagUserOutput, error) {
	err := s.updateUser(ctx, c, in.UserName, func(_ context.Context, _ *state.Tx, user *state.User) error {
		user.Tags = untag(user.Tags, in.TagKeys)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.UntagUserOutput{}, nil
}

// ListUserTags lists tags by key.
func (s *Service) ListUserTags(ctx context.Context, c *api.Caller, in *iam.ListUserTagsInput) (*iam.ListUserTagsOutput, error) {
	user, err := s.user(ctx, c, in.UserName)
	if err != nil {
		return nil, err
	}
	tags, next, err := s.listTags(c, in, user.Tags)
	if err != nil {
		return nil, err
	}
	return &iam.ListUserTagsOutput{Tags: tags, Marker: next, IsTruncated: next != nil}, nil
}

// PutUserPermissionsBoundary sets the boundary.
func (s *Service) PutUserPermissionsBoundary(ctx context.Context, c *api.Caller, in *iam.PutUserPermissionsBoundaryInput) (*iam.PutUserPermissionsBoundaryOutput, error) {
	err := s.updateUser(ctx, c, in.UserName, func(ctx context.Context, tx *state.Tx, user *state.User) error {
		user.BoundaryARN = aws.ToString(in.PermissionsBoundary)
		return checkBoundary(ctx, tx, c, aws.String(user.BoundaryARN))
	})
	if err != nil {
		return nil, err
	}
	return &iam.PutUserPermissionsBoundaryOutput{}, nil
}

// DeleteUserPermissionsBoundary takes it away.
func (s *Service) DeleteUserPermissionsBoundary(ctx context.Context, c *api.Caller, in *iam.DeleteUserPermissionsBoundaryInput) (*iam.DeleteUserPermissionsBoundaryOutput, error) {
	err := s.updateUser(ctx, c, in.UserName, func(_ context.Context, _ *state.Tx, user *state.User) error {
		if user.BoundaryARN == "" {
			return noSuchEntity("User %s does not have a permissions boundary.", user.Name)
		}
		user.BoundaryARN = ""
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteUserPermissionsBoundaryOutput{}, nil
}

func (s *Service) user(ctx context.Context, c *api.Caller, name *string) (user state.User, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		user, err = findUser(ctx, tx, c, name)
		return err
	})
	return user, err
}

// findUser reads the user named, or the caller.
func findUser(ctx context.Context, tx *state.Tx, c *api.Caller, name *string) (state.User, error) {
	if name == nil {
		if name = aws.String(callerUser(c)); *name == "" {
			return state.User{}, api.Errorf("ValidationError", "Must specify userName when calling with non-User credentials")
		}
	}
	var k constraints
	k.name("userName", name, maxUserName)
	if err := k.err(); err != nil {
		return state.User{}, err
	}
	user, err := tx.User(ctx, c.AccountID, *name)
	if errors.Is(err, state.ErrNotFound) {
		return user, noSuchEntity("The user with name %s cannot be found.", *name)
	}
	return user, err
}

type userChange func(ctx context.Context, tx *state.Tx, user *state.User) error

func (s *Service) changeUser(ctx context.Context, c *api.Caller, name *string, change userChange) error {
	return s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) error {
		user, err := findUser(ctx, tx, c, name)
		if err != nil {
			return err
		}
		return change(ctx, tx, &user)
	})
}

// updateUser keeps what change made of the user.
func (s *Service) updateUser(ctx context.Context, c *api.Caller, name *string, change userChange) error {
	return s.changeUser(ctx, c, name, func(ctx context.Context, tx *state.Tx, user *state.User) error {
		if err := change(ctx, tx, user); err != nil {
			return err
		}
		return tx.UpdateUser(ctx, *user)
	})
}

func userShape(u state.User) *types.User {
	return &types.User{
		Arn: aws.String(u.ARN()), CreateDate: seconds(u.CreatedAt), Path: aws.String(u.Path), UserId: aws.String(u.ID),
		UserName: aws.String(u.Name), Tags: tagList(u.Tags), PermissionsBoundary: boundaryShape(u.BoundaryARN),
	}
}
