package state

import (
	"context"
	"strings"
)

// User is an IAM user.
type User struct {
	AccountID   string
	Name        string
	ID          string // AIDA…
	Path        string
	BoundaryARN string // permissions boundary, empty for none
	Tags        map[string]string
	CreatedAt   Micros
}

// ARN is the user's name in policies.
func (u User) ARN() string { return "arn:aws:iam::" + u.AccountID + ":user" + u.Path + u.Name }

const userColumns = `account_id, name, id, path, boundary_arn, tags, created_at`

func scanUser(s scanner) (u User, err error) {
	var tags JSON[map[string]string]
	err = s.Scan(&u.AccountID, &u.Name, &u.ID, &u.Path, &u.BoundaryARN, &tags, &u.CreatedAt)
	u.Tags = tags.V
	return u, err
}

// User reads one user.
func (tx *Tx) User(ctx context.Context, accountID, name string) (User, error) {
	return queryOne(ctx, tx, scanUser, `SELECT `+userColumns+` FROM users WHERE account_id = $1 AND name = $2`, accountID, name)
}

// Users lists at most limit users by name whose path begins with prefix and whose name comes behind after.
func (tx *Tx) Users(ctx context.Context, accountID, prefix, after string, limit int) ([]User, error) {
	return queryAll(ctx, tx, scanUser, `SELECT `+userColumns+` FROM users
		WHERE account_id = $1 AND substr(path, 1, length($2)) = $2 AND name > $3 ORDER BY name LIMIT $4`, accountID, prefix, after, limit)
}

// InsertUser adds a user; [ErrExists] if one of that name exists, be it in other letter case.
func (tx *Tx) InsertUser(ctx context.Context, u User) error {
	_, err := tx.exec(ctx, `INSERT INTO users (`+userColumns+`, name_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		u.AccountID, u.Name, u.ID, u.Path, u.BoundaryARN, JSON[map[string]string]{u.Tags}, u.CreatedAt, strings.ToLower(u.Name))
	return err
}

// UpdateUser writes what can change of a user in place: its boundary and its tags.
func (tx *Tx) UpdateUser(ctx context.Context, u User) error {
	return tx.execOne(ctx, `UPDATE users SET boundary_arn = $3, tags = $4 WHERE account_id = $1 AND name = $2`,
		u.AccountID, u.Name, u.BoundaryARN, JSON[map[string]string]{u.Tags})
}

// RenameUser gives a user another name or path, with all that goes by its name; [ErrExists] if another has the name.
func (tx *Tx) RenameUser(ctx context.Context, accountID, name, newName, newPath string) error {
	if err := tx.execOne(ctx, `UPDATE users SET name = $3, name_key = $4, path = $5 WHERE account_id = $1 AND name = $2`,
		accountID, name, newName, strings.ToLower(newName), newPath); err != nil {
		return err
	}
	return tx.renamePolicyHolder(ctx, accountID, KindUser, name, newName)
}

// DeleteUser removes a user, which the caller has found to own nothing any more.
func (tx *Tx) DeleteUser(ctx context.Context, accountID, name string) error {
	return tx.execOne(ctx, `DELETE FROM users WHERE account_id = $1 AND name = $2`, accountID, name)
}
