package s3

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"

	"gocloud.dev/secrets"

	"strongroom/internal/state"
)

// keyring wraps the data keys of SSE-S3 under the service's own key, which lies in the state wrapped by the Keeper.
type keyring struct{ aead cipher.AEAD }

const ownKeySetting = "s3/key"

func openKeyring(ctx context.Context, db *state.DB, keeper *secrets.Keeper) (*keyring, error) {
	var wrapped []byte
	err := db.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		wrapped, err = tx.Setting(ctx, ownKeySetting)
		return err
	})
	if errors.Is(err, state.ErrNotFound) {
		wrapped, err = makeOwnKey(ctx, db, keeper)
	}
	if err != nil {
		return nil, err
	}
	key, err := keeper.Decrypt(ctx, wrapped)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return &keyring{aead}, err
}

func makeOwnKey(ctx context.Context, db *state.DB, keeper *secrets.Keeper) ([]byte, error) {
	key := make([]byte, 32)
	rand.Read(key)
	wrapped, err := keeper.Encrypt(ctx, key)
	if err != nil {
		return nil, err
	}
	err = db.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		there, err := tx.Setting(ctx, ownKeySetting)
		if errors.Is(err, state.ErrNotFound) {
			return tx.PutSetting(ctx, ownKeySetting, wrapped)
		}
		wrapped = there
		return err
	})
	return wrapped, err
}

// newKey makes a data key for the object named by place and wraps it.
func (k *keyring) newKey(place string) (key, wrapped []byte) {
	key = make([]byte, 32)
	rand.Read(key)
	return key, k.aead.Seal(nil, nil, key, []byte(place))
}

func (k *keyring) unwrap(wrapped []byte, place string) ([]byte, error) {
	key, err := k.aead.Open(nil, nil, wrapped, []byte(place))
	if err != nil {
		return nil, fmt.Errorf("unwrapping the data key of %s: %w", place, err)
	}
	return key, nil
}
