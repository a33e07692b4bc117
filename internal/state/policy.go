package state

import (
	"context"
	"strings"
)

// Policy is a customer managed policy.
type Policy struct {
	ARN            string
	AccountID      string
	Name           string
	ID             string // ANPA…
	Path           string
	Description    string
	DefaultVersion int64
	LastVersion    int64 // the highest number given so far; numbers are never used again
	Tags           map[string]string
	CreatedAt      Micros
	UpdatedAt      Micros
}

const policyColumns = `arn, account_id, name, id, path, description, default_version, last_version, tags, created_at, updated_at`

func scanPolicy(s scanner) (p Policy, err error) {
	var tags JSON[map[string]string]
	err = s.Scan(&p.ARN, &p.AccountID, &p.Name, &p.ID, &p.Path, &p.Description, &p.DefaultVersion, &p.LastVersion, &tags,
		&p.CreatedAt, &p.UpdatedAt)
	p.Tags = tags.V
	return p, err
}

// Policy reads one policy.
func (tx *Tx) Policy(ctx context.Context, arn string) (Policy, error) {
	return queryOne(ctx, tx, scanPolicy, `SELECT `+policyColumns+` FROM policies WHERE arn = $1`, arn)
}

// Policies lists an account's policies by ARN whose path begins with prefix.
func (tx *Tx) Policies(ctx context.Context, accountID, prefix string) ([]Policy, error) {
	return queryAll(ctx, tx, scanPolicy, `SELECT `+policyColumns+` FROM policies
		WHERE account_id = $1 AND substr(path, 1, length($2)) = $2 ORDER BY arn`, accountID, prefix)
}

// InsertPolicy adds a policy without versions; [ErrExists] if one of that name exists, be it in other letter case.
func (tx *Tx) InsertPolicy(ctx context.Context, p Policy) error {
	_, err := tx.exec(ctx, `INSERT INTO policies (`+policyColumns+`, name_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		p.ARN, p.AccountID, p.Name, p.ID, p.Path, p.Description, p.DefaultVersion, p.LastVersion, JSON[map[string]string]{p.Tags},
		p.CreatedAt, p.UpdatedAt, strings.ToLower(p.Name))
	return err
}

// UpdatePolicy writes what can change of a policy: its version numbers, tags and date.
func (tx *Tx) UpdatePolicy(ctx context.Context, p Policy) error {
	return tx.execOne(ctx, `UPDATE policies SET default_version = $2, last_version = $3, tags = $4, updated_at = $5 WHERE arn = $1`,
		p.ARN, p.DefaultVersion, p.LastVersion, JSON[map[string]string]{p.Tags}, p.UpdatedAt)
}

// DeletePolicy removes a policy with its versions.
func (tx *Tx) DeletePolicy(ctx context.Context, arn string) error {
	return tx.execOne(ctx, `DELETE FROM policies WHERE arn = $1`, arn)
}

// PolicyVersion is one version of a customer managed policy.
type PolicyVersion struct {
	PolicyARN string
	Number    int64
	Document  string
	CreatedAt Micros
}

func scanPolicyVersion(s scanner) (v PolicyVersion, err error) {
	err = s.Scan(&v.PolicyARN, &v.Number, &v.Document, &v.CreatedAt)
	return v, err
}

// PolicyVersion reads one version.
func (tx *Tx) PolicyVersion(ctx context.Context, arn string, number int64) (PolicyVersion, error) {
	return queryOne(ctx, tx, scanPolicyVersion, `SELECT policy_arn, number, document, created_at FROM policy_versions
		WHERE policy_arn = $1 AND number = $2`, arn, number)
}

// PolicyVersions lists a policy's versions, newest first.
func (tx *Tx) PolicyVersions(ctx context.Context, arn string) ([]PolicyVersion, error) {
	return queryAll(ctx, tx, scanPolicyVersion, `SELECT policy_arn, number, document, created_at FROM policy_versions
		WHERE policy_arn = $1 ORDER BY number DESC`, arn)
}

// InsertPolicyVersion adds a version.
func (tx *Tx) InsertPolicyVersion(ctx context.Context, v PolicyVersion) error {
	_, err := tx.exec(ctx, `INSERT INTO policy_versions (policy_arn, number, document, created_at) VALUES ($1, $2, $3, $4)`,
		v.PolicyARN, v.Number, v.Document, v.CreatedAt)
	return err
}

// DeletePolicyVersion removes a version.
func (tx *Tx) DeletePolicyVersion(ctx context.Context, arn string, number int64) error {
	return tx.execOne(ctx, `DELETE FROM policy_versions WHERE policy_arn = $1 AND number = $2`, arn, number)
}
