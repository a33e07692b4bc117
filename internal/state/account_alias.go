package state

import "context"

// AccountAlias reads the alias of an account; [ErrNotFound] if it has none.
func (tx *Tx) AccountAlias(ctx context.Context, accountID string) (string, error) {
	return queryOne(ctx, tx, scanString, `SELECT alias FROM account_aliases WHERE account_id = $1`, accountID)
}

// PutAccountAlias gives an account its alias, in place of one it had; [ErrExists] if another account has it.
func (tx *Tx) PutAccountAlias(ctx context.Context, accountID, alias string) error {
	_, err := tx.exec(ctx, `INSERT INTO account_aliases (alias, account_id) VALUES ($1, $2)
		ON CONFLICT (account_id) DO UPDATE SET alias = excluded.alias`, alias, accountID)
	return err
}

// DeleteAccountAlias takes it away.
func (tx *Tx) DeleteAccountAlias(ctx context.Context, accountID, alias string) error {
	return tx.execOne(ctx, `DELETE FROM account_aliases WHERE account_id = $1 AND alias = $2`, accountID, alias)
}
