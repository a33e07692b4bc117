package state

import (
	"context"
	"strings"
)

// Role is an IAM role.
type Role struct {
	AccountID      string
	Name           string
	ID             string // AROA…
	Path           string
	Trust          string // the trust policy, JSON
	Description    string
	MaxSession     int64 // seconds
	BoundaryARN    string
	Tags           map[string]string
	CreatedAt      Micros
	LastUsedAt     Micros // when a session of it was last begun
	LastUsedRegion string
}

// ARN is the role's name in policies.
func (r Role) ARN() string { return "arn:aws:iam::" + r.AccountID + ":role" + r.Path + r.Name }

// ServiceLinked reports whether the role belongs to a service, which its path tells.
func (r Role) ServiceLinked() bool { return strings.HasPrefix(r.Path, "/aws-service-role/") }

const roleColumns = `account_id, name, id, path, trust, description, max_session, boundary_arn, tags, created_at, last_used_at, last_used_region`

func scanRole(s scanner) (r Role, err error) {
	var tags JSON[map[string]string]
	err = s.Scan(&r.AccountID, &r.Name, &r.ID, &r.Path, &r.Trust, &r.Description, &r.MaxSession, &r.BoundaryARN, &tags,
		&r.CreatedAt, &r.LastUsedAt, &r.LastUsedRegion)
	r.Tags = tags.V
	return r, err
}

// Role reads one role.
func (tx *Tx) Role(ctx context.Context, accountID, name string) (Role, error) {
	return queryOne(ctx, tx, scanRole, `SELECT `+roleColumns+` FROM roles WHERE account_id = $1 AND name = $2`, accountID, name)
}

// Roles lists at most limit roles by name whose path begins with prefix and whose name comes behind after.
func (tx *Tx) Roles(ctx context.Context, accountID, prefix, after string, limit int) ([]Role, error) {
	return queryAll(ctx, tx, scanRole, `SELECT `+roleColumns+` FROM roles
		WHERE account_id = $1 AND substr(path, 1, length($2)) = $2 AND name > $3 ORDER BY name LIMIT $4`, accountID, prefix, after, limit)
}

// InsertRole adds a role; [ErrExists] if one of that name exists, be it in other letter case.
func (tx *Tx) InsertRole(ctx context.Context, r Role) error {
	_, err := tx.exec(ctx, `INSERT INTO roles (`+roleColumns+`, name_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		r.AccountID, r.Name, r.ID, r.Path, r.Trust, r.Description, r.MaxSession, r.BoundaryARN, JSON[map[string]string]{r.Tags},
		r.CreatedAt, r.LastUsedAt, r.LastUsedRegion, strings.ToLower(r.Name))
	return err
}

// UpdateRole writes what can change of a role: trust, description, session length, boundary and tags.
func (tx *Tx) UpdateRole(ctx context.Context, r Role) error {
	return tx.execOne(ctx, `UPDATE roles SET trust = $3, description = $4, max_session = $5, boundary_arn = $6, tags = $7
		WHERE account_id = $1 AND name = $2`,
		r.AccountID, r.Name, r.Trust, r.Description, r.MaxSession, r.BoundaryARN, JSON[map[string]string]{r.Tags})
}

// SetRoleLastUsed notes that a session of the role began.
func (tx *Tx) SetRoleLastUsed(ctx context.Context, accountID, name, region string, at Micros) error {
	return tx.execOne(ctx, `UPDATE roles SET last_used_at = $3, last_used_region = $4 WHERE account_id = $1 AND name = $2`,
		accountID, name, at, region)
}

// DeleteRole removes a role, which the caller has found to own nothing any more.
func (tx *Tx) DeleteRole(ctx context.Context, accountID, name string) error {
	return tx.execOne(ctx, `DELETE FROM roles WHERE account_id = $1 AND name = $2`, accountID, name)
}

// RoleDeletion is the task that deletes a service-linked role.
type RoleDeletion struct {
	ID        string // task/aws-service-role/…
	AccountID string
	RoleName  string
	Status    string // SUCCEEDED or FAILED
	Reason    string
	CreatedAt Micros
}

// InsertRoleDeletion keeps a task.
func (tx *Tx) InsertRoleDeletion(ctx context.Context, d RoleDeletion) error {
	_, err := tx.exec(ctx, `INSERT INTO service_linked_role_deletions (id, account_id, role_name, status, reason, created_at)
		VALUES ($1, $2, $3, $4, $5, $6)`, d.ID, d.AccountID, d.RoleName, d.Status, d.Reason, d.CreatedAt)
	return err
}

// RoleDeletion reads a task of an account.
func (tx *Tx) RoleDeletion(ctx context.Context, accountID, id string) (RoleDeletion, error) {
	return queryOne(ctx, tx, func(s scanner) (d RoleDeletion, err error) {
		err = s.Scan(&d.ID, &d.AccountID, &d.RoleName, &d.Status, &d.Reason, &d.CreatedAt)
		return d, err
	}, `SELECT id, account_id, role_name, status, reason, created_at FROM service_linked_role_deletions
		WHERE account_id = $1 AND id = $2`, accountID, id)
}
