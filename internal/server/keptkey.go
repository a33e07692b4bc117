package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"gocloud.dev/secrets"

	"strongroom/internal/state"
)

// keptKey is a random key of 32 bytes that is made once and kept in the state, wrapped by the root key.
func keptKey(ctx context.Context, db *state.DB, keeper *secrets.Keeper, name string) ([]byte, error) {
	var wrapped []byte
	err := db.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		wrapped, err = tx.Setting(ctx, name)
		return err
	})
	if err == nil {
		key, err := keeper.Decrypt(ctx, wrapped)
		if err != nil { // this is the first that is opened at a start
			return nil, fmt.Errorf("root.key does not open what the state holds; is it the one of this data directory? %w", err)
		}
		return key, nil
	}
	if !errors.Is(err, state.ErrNotFound) {
		return nil, err
	}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	if wrapped, err = keeper.Encrypt(ctx, key); err != nil {
		return nil, err
	}
	return key, db.Update(ctx, func(ctx context.Context, tx *state.Tx) error { return tx.PutSetting(ctx, name, wrapped) })
}
