package state

import (
	"context"
	"strings"
)

// Group is an IAM group of users.
type Group struct {
	AccountID string
	Name      string
	ID        string // AGPA…
	Path      string
	CreatedAt Micros
}

// ARN is the group's name.
func (g Group) ARN() string { return "arn:aws:iam::" + g.AccountID + ":group" + g.Path + g.Name }

func scanGroup(s scanner) (g Group, err error) {
	err = s.Scan(&g.AccountID, &g.Name, &g.ID, &g.Path, &g.CreatedAt)
	return g, err
}

// Group reads one group.
func (tx *Tx) Group(ctx context.Context, accountID, name string) (Group, error) {
	return queryOne(ctx, tx, scanGroup, `SELECT account_id, name, id, path, created_at FROM user_groups
		WHERE account_id = $1 AND name = $2`, accountID, name)
}

// Groups lists at most limit groups by name whose path begins with prefix and whose name comes behind after.
func (tx *Tx) Groups(ctx context.Context, accountID, prefix, after string, limit int) ([]Group, error) {
	return queryAll(ctx, tx, scanGroup, `SELECT account_id, name, id, path, created_at FROM user_groups
		WHERE account_id = $1 AND substr(path, 1, length($2)) = $2 AND name > $3 ORDER BY name LIMIT $4`, accountID, prefix, after, limit)
}

// InsertGroup adds a group; [ErrExists] if one of that name exists, be it in other letter case.
func (tx *Tx) InsertGroup(ctx context.Context, g Group) error {
	_, err := tx.exec(ctx, `INSERT INTO user_groups (account_id, name, name_key, id, path, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		g.AccountID, g.Name, strings.ToLower(g.Name), g.ID, g.Path, g.CreatedAt)
	return err
}

// RenameGroup gives a group another name or path, with all that goes by its name; [ErrExists] if another has the name.
func (tx *Tx) RenameGroup(ctx context.Context, accountID, name, newName, newPath string) error {
	if err := tx.execOne(ctx, `UPDATE user_groups SET name = $3, name_key = $4, path = $5 WHERE account_id = $1 AND name = $2`,
		accountID, name, newName, strings.ToLower(newName), newPath); err != nil {
		return err
	}
	return tx.renamePolicyHolder(ctx, accountID, KindGroup, name, newName)
}

// DeleteGroup removes a group, which the caller has found to be empty.
func (tx *Tx) DeleteGroup(ctx context.Context, accountID, name string) error {
	return tx.execOne(ctx, `DELETE FROM user_groups WHERE account_id = $1 AND name = $2`, accountID, name)
}

// AddUserToGroup makes the user a member; no error if it is one.
func (tx *Tx) AddUserToGroup(ctx context.Context, accountID, group, user string) error {
	_, err := tx.exec(ctx, `INSERT INTO user_group_members (account_id, group_name, user_name) VALUES ($1, $2, $3)
		ON CONFLICT (account_id, group_name, user_name) DO NOTHING`, accountID, group, user)
	return err
}

// RemoveUserFromGroup ends the membership; no error if there was none.
func (tx *Tx) RemoveUserFromGroup(ctx context.Context, accountID, group, user string) error {
	_, err := tx.exec(ctx, `DELETE FROM user_group_members WHERE account_id = $1 AND group_name = $2 AND user_name = $3`, accountID, group, user)
	return err
}

// GroupsOfUser lists the groups that a user is in by name.
func (tx *Tx) GroupsOfUser(ctx context.Context, accountID, user string) ([]Group, error) {
	return queryAll(ctx, tx, scanGroup, `SELECT g.account_id, g.name, g.id, g.path, g.created_at
		FROM user_groups g JOIN user_group_members m ON m.account_id = g.account_id AND m.group_name = g.name
		WHERE m.account_id = $1 AND m.user_name = $2 ORDER BY g.name`, accountID, user)
}

// UsersOfGroup lists a group's members by name.
func (tx *Tx) UsersOfGroup(ctx context.Context, accountID, group string) ([]User, error) {
	return queryAll(ctx, tx, scanUser, `SELECT u.account_id, u.name, u.id, u.path, u.boundary_arn, u.tags, u.created_at
		FROM users u JOIN user_group_members m ON m.account_id = u.account_id AND m.user_name = u.name
		WHERE m.account_id = $1 AND m.group_name = $2 ORDER BY u.name`, accountID, group)
}
