// Package archivetest has what tests of the archive, and of packages that use it, need: a key service that can be
// switched off, stores that fail, count and are checked.
package archivetest

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"sync/atomic"

	"strongroom/archive"
)

// ErrDisabled is what a [Keyring] answers when it is disabled.
var ErrDisabled = errors.New("the key is disabled")

// Keyring is a KMS key in memory.
type Keyring struct {
	aead     cipher.AEAD
	disabled atomic.Bool
}

// NewKeyring makes a key.
func NewKeyring() *Keyring {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	return newKeyring(key)
}

// KeyringOf is the KMS key with this material, of 32 bytes, for what is to be opened by another process or another day.
func KeyringOf(key []byte) *Keyring { return newKeyring(key) }

func newKeyring(key []byte) *Keyring {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return &Keyring{aead: aead}
}

// Disable switches the key off, or on again.
func (k *Keyring) Disable(disabled bool) { k.disabled.Store(disabled) }

// GenerateDataKey implements [archive.Keyring].
func (k *Keyring) GenerateDataKey(_ context.Context, encryptionContext map[string]string) (plaintext, wrapped []byte, err error) {
	if k.disabled.Load() {
		return nil, nil, ErrDisabled
	}
	about, err := json.Marshal(encryptionContext)
	if err != nil {
		return nil, nil, err
	}
	plaintext = make([]byte, 32)
	_, _ = rand.Read(plaintext)
	return plaintext, k.aead.Seal(nil, nil, plaintext, about), nil
}

// Unwrap implements [archive.Keyring].
func (k *Keyring) Unwrap(_ context.Context, wrapped []byte, encryptionContext map[string]string) ([]byte, error) {
	if k.disabled.Load() {
		return nil, ErrDisabled
	}
	about, err := json.Marshal(encryptionContext)
	if err != nil {
		return nil, err
	}
	return k.aead.Open(nil, nil, wrapped, about)
}

var _ archive.Keyring = (*Keyring)(nil)
