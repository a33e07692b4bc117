package iam

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// CreateGroup adds a group.
func (s *Service) CreateGroup(ctx context.Context, c *api.Caller, in *iam.CreateGroupInput) (*iam.CreateGroupOutput, error) {
	var k constraints
	k.name("groupName", in.GroupName, maxGroupName)
	k.path(in.Path)
	if err := k.err(); err != nil {
		return nil, err
	}
	var group state.Group
	err := s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) error {
		group = state.Group{AccountID: c.AccountID, Name: *in.GroupName, ID: newUniqueID(groupPrefix), Path: pathOf(in), CreatedAt: tx.Now}
		err := tx.InsertGroup(ctx, group)
		if errors.Is(err, state.ErrExists) {
			return alreadyExists("Group with name %s already exists.", group.Name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateGroupOutput{Group: groupShape(group)}, nil
}

// GetGroup shows a group and its members.
func (s *Service) GetGroup(ctx context.Context, c *api.Caller, in *iam.GetGroupInput) (*iam.GetGroupOutput, error) {
	p, err := s.page(c, in)
	if err != nil {
		return nil, err
	}
	var group state.Group
	var users []state.User
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if group, err = findGroup(ctx, tx, c.AccountID, in.GroupName); err != nil {
			return err
		}
		users, err = tx.UsersOfGroup(ctx, c.AccountID, group.Name)
		return err
	})
	if err != nil {
		return nil, err
	}
	users, next := cut(p, users, func(u state.User) string { return u.Name })
	out := &iam.GetGroupOutput{Group: groupShape(group), Users: []types.User{}, Marker: next, IsTruncated: next != nil}
	for _, user := range users {
		out.Users = append(out.Users, *userShape(user))
	}
	return out, nil
}

// ListGroups lists groups.
func (s *Service) ListGroups(ctx context.Context, c *api.Caller, in *iam.ListGroupsInput) (*iam.ListGroupsOutput, error) {
	p, err := s.page(c, in)
	if err != nil {
		return nil, err
	}
	var groups []state.Group
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		groups, err = tx.Groups(ctx, c.AccountID, cmp.Or(aws.ToString(in.PathPrefix), "/"), p.after, p.limit+1)
		return err
	})
	if err != nil {
		return nil, err
	}
	shapes, next := groupPage(p, groups)
	return &iam.ListGroupsOutput{Groups: shapes, Marker: next, IsTruncated: next != nil}, nil
}

// DeleteGroup removes a group without policies and members.
func (s *Service) DeleteGroup(ctx context.Context, c *api.Caller, in *iam.DeleteGroupInput) (*iam.DeleteGroupOutput, error) {
	err := s.changeHolder(ctx, c, holder{state.KindGroup, in.GroupName}, func(ctx context.Context, tx *state.Tx) error {
		if err := checkNoPolicies(ctx, tx, c.AccountID, state.KindGroup, *in.GroupName); err != nil {
			return err
		}
		users, err := tx.UsersOfGroup(ctx, c.AccountID, *in.GroupName)
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return deleteConflict("Cannot delete entity, must remove users from group first.")
		}
		return tx.DeleteGroup(ctx, c.AccountID, *in.GroupName)
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteGroupOutput{}, nil
}

// UpdateGroup gives a group another name or path.
func (s *Service) UpdateGroup(ctx context.Context, c *api.Caller, in *iam.UpdateGroupInput) (*iam.UpdateGroupOutput, error) {
	var k constraints
	k.pathAt("newPath", in.NewPath)
	if err := k.err(); err != nil {
		return nil, err
	}
	err := s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) error {
		group, err := findGroup(ctx, tx, c.AccountID, in.GroupName)
		if err != nil {
			return err
		}
		name := cmp.Or(aws.ToString(in.NewGroupName), group.Name)
		err = tx.RenameGroup(ctx, c.AccountID, group.Name, name, cmp.Or(aws.ToString(in.NewPath), group.Path))
		if errors.Is(err, state.ErrExists) {
			return alreadyExists("Group with name %s already exists.", name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.UpdateGroupOutput{}, nil
}

// AddUserToGroup makes a user a member.
func (s *Service) AddUserToGroup(ctx context.Context, c *api.Caller, in *iam.AddUserToGroupInput) (*iam.AddUserToGroupOutput, error) {
	err := s.changeHolder(ctx, c, holder{state.KindGroup, in.GroupName}, func(ctx context.Context, tx *state.Tx) error {
		if err := (holder{state.KindUser, in.UserName}).find(ctx, tx, c); err != nil {
			return err
		}
		groups, err := tx.GroupsOfUser(ctx, c.AccountID, *in.UserName)
		if err != nil {
			return err
		}
		member := slices.ContainsFunc(groups, func(g state.Group) bool { return g.Name == *in.GroupName })
		if len(groups) >= maxGroupsPerUser && !member {
			return limitExceeded("Cannot exceed quota for GroupsPerUser: %d", maxGroupsPerUser)
		}
		return tx.AddUserToGroup(ctx, c.AccountID, *in.GroupName, *in.UserName)
	})
	if err != nil {
		return nil, err
	}
	return &iam.AddUserToGroupOutput{}, nil
}

// RemoveUserFromGroup ends the membership.
func (s *Service) RemoveUserFromGroup(ctx context.Context, c *api.Caller, in *iam.RemoveUserFromGroupInput) (*iam.RemoveUserFromGroupOutput, error) {
	err := s.changeHolder(ctx, c, holder{state.KindGroup, in.GroupName}, func(ctx context.Context, tx *state.Tx) error {
		if err := (holder{state.KindUser, in.UserName}).find(ctx, tx, c); err != nil {
			return err
		}
		return tx.RemoveUserFromGroup(ctx, c.AccountID, *in.GroupName, *in.UserName)
	})
	if err != nil {
		return nil, err
	}
	return &iam.RemoveUserFromGroupOutput{}, nil
}

// ListGroupsForUser lists the groups that a user is in.
func (s *Service) ListGroupsForUser(ctx context.Context, c *api.Caller, in *iam.ListGroupsForUserInput) (*iam.ListGroupsForUserOutput, error) {
	p, err := s.page(c, in)
	if err != nil {
		return nil, err
	}
	var groups []state.Group
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if err := (holder{state.KindUser, in.UserName}).find(ctx, tx, c); err != nil {
			return err
		}
		groups, err = tx.GroupsOfUser(ctx, c.AccountID, *in.UserName)
		return err
	})
	if err != nil {
		return nil, err
	}
	shapes, next := groupPage(p, groups)
	return &iam.ListGroupsForUserOutput{Groups: shapes, Marker: next, IsTruncated: next != nil}, nil
}

func groupPage(p page, groups []state.Group) ([]types.Group, *string) {
	groups, next := cut(p, groups, func(g state.Group) string { return g.Name })
	shapes := []types.Group{}
	for _, group := range groups {
		shapes = append(shapes, *groupShape(group))
	}
	return shapes, next
}

func findGroup(ctx context.Context, tx *state.Tx, accountID string, name *string) (state.Group, error) {
	var k constraints
	k.name("groupName", name, maxGroupName)
	if err := k.err(); err != nil {
		return state.Group{}, err
	}
	group, err := tx.Group(ctx, accountID, *name)
	if errors.Is(err, state.ErrNotFound) {
		return group, noSuchEntity("The group with name %s cannot be found.", *name)
	}
	return group, err
}

func groupShape(g state.Group) *types.Group {
	return &types.Group{
		Arn: aws.String(g.ARN()), CreateDate: seconds(g.CreatedAt), Path: aws.String(g.Path), GroupId: aws.String(g.ID),
		GroupName: aws.String(g.Name),
	}
}
