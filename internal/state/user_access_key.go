package state

import "context"

// AccessKey is a long-term credential of a user.
type AccessKey struct {
	ID        string // AKIA…
	AccountID string
	UserName  string
	Secret    []byte // wrapped by the root key
	Status    string // Active or Inactive
	CreatedAt Micros
}

const accessKeyColumns = `id, account_id, user_name, secret, status, created_at`

func scanAccessKey(s scanner) (k AccessKey, err error) {
	err = s.Scan(&k.ID, &k.AccountID, &k.UserName, &k.Secret, &k.Status, &k.CreatedAt)
	return k, err
}

// AccessKey reads one key.
func (tx *Tx) AccessKey(ctx context.Context, id string) (AccessKey, error) {
	return queryOne(ctx, tx, scanAccessKey, `SELECT `+accessKeyColumns+` FROM access_keys WHERE id = $1`, id)
}

// AccessKeys lists a user's keys by id.
func (tx *Tx) AccessKeys(ctx context.Context, accountID, userName string) ([]AccessKey, error) {
	return queryAll(ctx, tx, scanAccessKey, `SELECT `+accessKeyColumns+` FROM access_keys
		WHERE account_id = $1 AND user_name = $2 ORDER BY id`, accountID, userName)
}

// InsertAccessKey adds a key; [ErrExists] if the id is taken.
func (tx *Tx) InsertAccessKey(ctx context.Context, k AccessKey) error {
	_, err := tx.exec(ctx, `INSERT INTO access_keys (`+accessKeyColumns+`) VALUES ($1, $2, $3, $4, $5, $6)`,
		k.ID, k.AccountID, k.UserName, k.Secret, k.Status, k.CreatedAt)
	return err
}

// SetAccessKeyStatus makes a user's key Active or Inactive.
func (tx *Tx) SetAccessKeyStatus(ctx context.Context, accountID, userName, id, status string) error {
	return tx.execOne(ctx, `UPDATE access_keys SET status = $4 WHERE account_id = $1 AND user_name = $2 AND id = $3`,
		accountID, userName, id, status)
}

// DeleteAccessKey removes a user's key.
func (tx *Tx) DeleteAccessKey(ctx context.Context, accountID, userName, id string) error {
	return tx.execOne(ctx, `DELETE FROM access_keys WHERE account_id = $1 AND user_name = $2 AND id = $3`, accountID, userName, id)
}
