package state

import "context"

// Setting reads a value that the service keeps about itself; [ErrNotFound] if it was never set.
func (tx *Tx) Setting(ctx context.Context, name string) ([]byte, error) {
	return queryOne(ctx, tx, func(s scanner) (value []byte, err error) {
		err = s.Scan(&value)
		return value, err
	}, `SELECT value FROM settings WHERE name = $1`, name)
}

// PutSetting sets it.
func (tx *Tx) PutSetting(ctx context.Context, name string, value []byte) error {
	_, err := tx.exec(ctx, `INSERT INTO settings (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
	return err
}
