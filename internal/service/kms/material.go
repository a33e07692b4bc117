package kms

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"github.com/google/uuid"

	"strongroom/internal/state"
)

// materialID names a generation of key material; APIs show it as 64 hexadecimal digits.
type materialID [32]byte

// material is an unwrapped generation of key material.
type material struct {
	id     materialID
	secret [32]byte
	row    state.KeyMaterial // without the wrapped secret
}

// String keeps the secret out of logs and of messages of failed tests.
func (m *material) String() string { return "key material " + m.row.ID }

// newMaterial makes fresh material for a key, wrapped, to be added by [addMaterial].
func (s *Service) newMaterial(ctx context.Context, keyID string, rotation string) (state.KeyMaterial, error) {
	var id materialID
	secret := make([]byte, 32)
	rand.Read(id[:])
	rand.Read(secret)
	wrapped, err := s.Keeper.Encrypt(ctx, append(secret, place(keyID, id)...))
	if err != nil {
		return state.KeyMaterial{}, fmt.Errorf("wrapping material of key %s: %w", keyID, err)
	}
	return state.KeyMaterial{
		ID: hex.EncodeToString(id[:]), KeyID: keyID, Wrapped: wrapped, RotationType: rotation,
	}, nil
}

// addMaterial makes m the material that its key seals with.
func addMaterial(ctx context.Context, tx *state.Tx, m state.KeyMaterial) error {
	before, err := tx.KeyMaterials(ctx, m.KeyID)
	if err != nil {
		return err
	}
	m.Sequence = len(before) + 1
	return tx.InsertKeyMaterial(ctx, m)
}

func (s *Service) unwrap(ctx context.Context, row state.KeyMaterial) (*material, error) {
	opened, err := s.Keeper.Decrypt(ctx, row.Wrapped)
	if err != nil {
		return nil, fmt.Errorf("unwrapping material %s of key %s: %w", row.ID, row.KeyID, err)
	}
	m := &material{row: row}
	m.row.Wrapped = nil
	if n, err := hex.Decode(m.id[:], []byte(row.ID)); err != nil || n != len(m.id) {
		return nil, fmt.Errorf("material of key %s has the malformed id %q", row.KeyID, row.ID)
	}
	if len(opened) < len(m.secret) || !bytes.Equal(opened[len(m.secret):], place(row.KeyID, m.id)) {
		return nil, fmt.Errorf("material %s was wrapped for another place than key %s", row.ID, row.KeyID)
	}
	copy(m.secret[:], opened)
	return m, nil
}

// place binds wrapped material to the row it lies in, so that rows cannot be swapped.
func place(keyID string, id materialID) []byte {
	k := uuid.MustParse(keyID)
	return append(k[:], id[:]...)
}
