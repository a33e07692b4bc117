package state

import "context"

// Grant is a KMS grant: it lets one principal use one key for some operations.
type Grant struct {
	ID             string // 64 hexadecimal digits
	KeyID          string
	Region         string
	Token          string
	Name           string
	IssuingAccount string
	Grantee        string // ARN or service principal
	Retiring       string // the same, or empty
	// GranteeID and RetiringID are the unique ids (AROA…, AIDA…) of the roles or users that Grantee and Retiring name, to
	// whom alone the grant belongs; empty where these are no roles or users.
	GranteeID, RetiringID string
	Operations            []string
	// ContextEquals and ContextSubset are the constraints on the encryption context; nil where there is none.
	ContextEquals map[string]string
	ContextSubset map[string]string
	SourceARN     string // the resource for which calls must be made; empty where there is no such constraint
	CreatedAt     Micros
}

const grantColumns = `id, key_id, region, token, name, issuing_account, grantee, retiring, operations, context_equals,
	context_subset, source_arn, created_at, grantee_id, retiring_id`

func scanGrant(s scanner) (g Grant, err error) {
	var operations JSON[[]string]
	var equals, subset JSON[map[string]string]
	err = s.Scan(&g.ID, &g.KeyID, &g.Region, &g.Token, &g.Name, &g.IssuingAccount, &g.Grantee, &g.Retiring, &operations, &equals,
		&subset, &g.SourceARN, &g.CreatedAt, &g.GranteeID, &g.RetiringID)
	g.Operations, g.ContextEquals, g.ContextSubset = operations.V, equals.V, subset.V
	return g, err
}

// InsertGrant adds a grant.
func (tx *Tx) InsertGrant(ctx context.Context, g Grant) error {
	_, err := tx.exec(ctx, `INSERT INTO kms_grants (`+grantColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		g.ID, g.KeyID, g.Region, g.Token, g.Name, g.IssuingAccount, g.Grantee, g.Retiring, JSON[[]string]{g.Operations},
		JSON[map[string]string]{g.ContextEquals}, JSON[map[string]string]{g.ContextSubset}, g.SourceARN, g.CreatedAt, g.GranteeID, g.RetiringID)
	return err
}

// DeleteGrant removes a grant; [ErrNotFound] if it is gone.
func (tx *Tx) DeleteGrant(ctx context.Context, id string) error {
	return tx.execOne(ctx, `DELETE FROM kms_grants WHERE id = $1`, id)
}

// GrantByToken reads the grant that a token names; [ErrNotFound] if there is none.
func (tx *Tx) GrantByToken(ctx context.Context, token string) (Grant, error) {
	return queryOne(ctx, tx, scanGrant, `SELECT `+grantColumns+` FROM kms_grants WHERE token = $1`, token)
}

// KeyGrants lists all grants of a key by id.
func (tx *Tx) KeyGrants(ctx context.Context, region, keyID string) ([]Grant, error) {
	return queryAll(ctx, tx, scanGrant, `SELECT `+grantColumns+` FROM kms_grants
		WHERE key_id = $1 AND region = $2 ORDER BY id`, keyID, region)
}

// GrantsNamed lists the grants of a key that have a name.
func (tx *Tx) GrantsNamed(ctx context.Context, region, keyID, name string) ([]Grant, error) {
	return queryAll(ctx, tx, scanGrant, `SELECT `+grantColumns+` FROM kms_grants
		WHERE key_id = $1 AND region = $2 AND name = $3 ORDER BY id`, keyID, region, name)
}

// RetirableGrants lists the grants that a principal may retire in a Region by id, at most limit of them, from the first
// behind after.
func (tx *Tx) RetirableGrants(ctx context.Context, region, retiring, after string, limit int) ([]Grant, error) {
	return queryAll(ctx, tx, scanGrant, `SELECT `+grantColumns+` FROM kms_grants
		WHERE region = $1 AND retiring = $2 AND id > $3 ORDER BY id LIMIT $4`, region, retiring, after, limit)
}
