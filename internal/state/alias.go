package state

import "context"

// Alias is a KMS alias: a second name of a key in its account and Region.
type Alias struct {
	AccountID string
	Region    string
	Name      string // with its "alias/"
	KeyID     string
	CreatedAt Micros
	UpdatedAt Micros
}

const aliasColumns = `account_id, region, name, key_id, created_at, updated_at`

func scanAlias(s scanner) (a Alias, err error) {
	err = s.Scan(&a.AccountID, &a.Region, &a.Name, &a.KeyID, &a.CreatedAt, &a.UpdatedAt)
	return a, err
}

// InsertAlias adds an alias; [ErrExists] if the name is taken.
func (tx *Tx) InsertAlias(ctx context.Context, a Alias) error {
	_, err := tx.exec(ctx, `INSERT INTO kms_aliases (`+aliasColumns+`) VALUES ($1, $2, $3, $4, $5, $6)`,
		a.AccountID, a.Region, a.Name, a.KeyID, a.CreatedAt, a.UpdatedAt)
	return err
}

// UpdateAlias points an alias at another key; [ErrNotFound] if there is none of its name.
func (tx *Tx) UpdateAlias(ctx context.Context, a Alias) error {
	return tx.execOne(ctx, `UPDATE kms_aliases SET key_id = $4, updated_at = $5
		WHERE account_id = $1 AND region = $2 AND name = $3`, a.AccountID, a.Region, a.Name, a.KeyID, a.UpdatedAt)
}

// DeleteAlias removes an alias; [ErrNotFound] if there is none of the name.
func (tx *Tx) DeleteAlias(ctx context.Context, accountID, region, name string) error {
	return tx.execOne(ctx, `DELETE FROM kms_aliases WHERE account_id = $1 AND region = $2 AND name = $3`,
		accountID, region, name)
}

// Alias reads an alias; [ErrNotFound] if there is none of the name.
func (tx *Tx) Alias(ctx context.Context, accountID, region, name string) (Alias, error) {
	return queryOne(ctx, tx, scanAlias, `SELECT `+aliasColumns+` FROM kms_aliases
		WHERE account_id = $1 AND region = $2 AND name = $3`, accountID, region, name)
}

// Aliases lists the aliases of an account and Region by name, at most limit of them, from the first behind after. With a
// key id it lists that key's only.
func (tx *Tx) Aliases(ctx context.Context, accountID, region, keyID, after string, limit int) ([]Alias, error) {
	return queryAll(ctx, tx, scanAlias, `SELECT `+aliasColumns+` FROM kms_aliases
		WHERE account_id = $1 AND region = $2 AND ($3 = '' OR key_id = $3) AND name > $4 ORDER BY name LIMIT $5`,
		accountID, region, keyID, after, limit)
}

// KeyAliases lists the names of a key.
func (tx *Tx) KeyAliases(ctx context.Context, region, keyID string) ([]Alias, error) {
	return queryAll(ctx, tx, scanAlias, `SELECT `+aliasColumns+` FROM kms_aliases
		WHERE key_id = $1 AND region = $2 ORDER BY name`, keyID, region)
}
