package kms

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"strongroom/internal/state"
)

// materialID names a generation of key material; APIs show it as 64 hexadecimal digits.
type materialID [32]byte

// material is an unwrapped generation of key material.
type material struct {
	id      materialID
	secret  []byte            // AES or HMAC key, or PKCS #8; nil once imported material was deleted or expired
	private any               // the private key in secret, see [spec.newPair]; nil if it is none
	row     state.KeyMaterial // without the wrapped secret
}

// String keeps the secret out of logs and of messages of failed tests.
func (m *material) String() string { return "key material " + m.row.ID }

// GoString is String.
func (m *material) GoString() string { return m.String() }

// newSecret makes the secret of a key of the spec.
func (s *spec) newSecret() ([]byte, error) {
	switch s.kind {
	case symmetricKind:
		return randomBytes(32), nil
	case hmacKind:
		return randomBytes(s.hash.Size()), nil
	default:
		private, err := s.newPair()
		if err != nil {
			return nil, fmt.Errorf("making a key of spec %s: %w", s.name, err)
		}
		return marshalPrivate(private)
	}
}

// newMaterial makes fresh material for a key, wrapped, to be added by [addMaterial].
func (s *Service) newMaterial(ctx context.Context, of *spec, keyID string, rotation string) (state.KeyMaterial, error) {
	secret, err := of.newSecret()
	if err != nil {
		return state.KeyMaterial{}, err
	}
	defer clear(secret)
	m, err := s.wrap(ctx, keyID, materialID(randomBytes(32)), secret)
	m.RotationType = rotation
	return m, err
}

// wrap makes the row of a key's material.
func (s *Service) wrap(ctx context.Context, keyID string, id materialID, secret []byte) (state.KeyMaterial, error) {
	opened := append(bytes.Clone(secret), place(keyID, id)...)
	defer clear(opened)
	wrapped, err := s.Keeper.Encrypt(ctx, opened)
	if err != nil {
		return state.KeyMaterial{}, fmt.Errorf("wrapping material of key %s: %w", keyID, err)
	}
	return state.KeyMaterial{ID: hex.EncodeToString(id[:]), KeyID: keyID, Wrapped: wrapped}, nil
}

// importedID is the id of imported material, the same whenever and in whatever Region the same secret is imported into a
// key: a hash of both, from which a secret of 224 bits and more cannot be guessed.
func importedID(keyID string, secret []byte) materialID {
	h := sha256.New()
	h.Write([]byte("strongroom kms imported material 1\x00" + keyID + "\x00"))
	h.Write(secret)
	return materialID(h.Sum(nil))
}

// addMaterial makes m the newest material of its key in a Region.
func addMaterial(ctx context.Context, tx *state.Tx, region string, m state.KeyMaterial) error {
	before, err := tx.KeyMaterials(ctx, region, m.KeyID)
	if err != nil {
		return err
	}
	m.Region, m.Sequence = region, 1
	if len(before) > 0 {
		m.Sequence = before[len(before)-1].Sequence + 1
	}
	return tx.InsertKeyMaterial(ctx, m)
}

// unwrap opens a row. The row of material that is gone makes material without a secret.
func (s *Service) unwrap(ctx context.Context, of *spec, row state.KeyMaterial) (*material, error) {
	m := &material{row: row}
	m.row.Wrapped = nil
	if n, err := hex.Decode(m.id[:], []byte(row.ID)); err != nil || n != len(m.id) {
		return nil, fmt.Errorf("material of key %s has the malformed id %q", row.KeyID, row.ID)
	}
	if len(row.Wrapped) == 0 {
		return m, nil
	}
	opened, err := s.Keeper.Decrypt(ctx, row.Wrapped)
	if err != nil {
		return nil, fmt.Errorf("unwrapping material %s of key %s: %w", row.ID, row.KeyID, err)
	}
	secret, ok := bytes.CutSuffix(opened, place(row.KeyID, m.id))
	if !ok {
		return nil, fmt.Errorf("material %s was wrapped for another place than key %s", row.ID, row.KeyID)
	}
	m.secret = secret
	if of.asymmetric() {
		if m.private, err = of.parsePrivate(secret); err != nil {
			return nil, fmt.Errorf("reading material %s of key %s: %w", row.ID, row.KeyID, err)
		}
	}
	return m, nil
}

// place binds wrapped material to the key whose it is, so that rows cannot be swapped.
func place(keyID string, id materialID) []byte {
	k, _ := parseKeyID(keyID)
	return append(k.uuid[:], id[:]...)
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}
