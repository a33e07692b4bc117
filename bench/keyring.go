package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	"strongroom/archive"
)

// A keyring is a key service of one key: 32 bytes in a file, which wrap data keys by AES-256-GCM.
type keyring struct {
	id   string
	aead cipher.AEAD
}

// makeKey writes a new key.
func makeKey(path string) error {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails, says crypto/rand
	return os.WriteFile(path, []byte(hex.EncodeToString(key)), 0o600)
}

func readKey(path string) (*keyring, error) {
	line, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(string(line))
	if err != nil {
		return nil, fmt.Errorf("reading the key %s: %w", path, err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("reading the key %s: %w", path, err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("reading the key %s: %w", path, err)
	}
	sum := sha256.Sum256(key)
	return &keyring{"key-" + hex.EncodeToString(sum[:8]), aead}, nil
}

// GenerateDataKey implements [archive.Keyring].
func (k *keyring) GenerateDataKey(_ context.Context, about map[string]string) (plaintext, wrapped []byte, err error) {
	context, err := json.Marshal(about) // maps are written in the order of their keys
	if err != nil {
		return nil, nil, err
	}
	plaintext = make([]byte, 32)
	_, _ = rand.Read(plaintext)
	return plaintext, k.aead.Seal(nil, nil, plaintext, context), nil
}

// Unwrap implements [archive.Keyring].
func (k *keyring) Unwrap(_ context.Context, wrapped []byte, about map[string]string) ([]byte, error) {
	context, err := json.Marshal(about)
	if err != nil {
		return nil, err
	}
	return k.aead.Open(nil, nil, wrapped, context)
}

var _ archive.Keyring = (*keyring)(nil)
