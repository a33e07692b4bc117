package iam

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// Passwords are kept as PBKDF2 over SHA-256 with a salt, "rounds$salt$hash", the last two in base64. All passwords of a
// login profile, former ones included, have the salt of its first: one computation compares a password with all of them.
const (
	passwordRounds = 600_000 // as OWASP advises
	passwordSalt   = 16
	// secretRounds is for passwords made here, which nobody can guess.
	secretRounds = 1
	// passwordsAtOnce is how many passwords are computed at a time: whatever users ask for, the rest of the service goes on.
	passwordsAtOnce = 2
)

// passwords bounds the work that passwords make.
type passwords struct {
	slots    chan struct{} // one is held while a password is computed
	changing sync.Map      // [account, user] of the changes under way
}

// compute is hashWith when its turn comes.
func (p *passwords) compute(ctx context.Context, password string, salt []byte, rounds int) (string, error) {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
		return hashWith(password, salt, rounds)
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

func newSalt() []byte {
	salt := make([]byte, passwordSalt)
	_, _ = rand.Read(salt) // never fails
	return salt
}

func hashWith(password string, salt []byte, rounds int) (string, error) {
	hash, err := pbkdf2.Key(sha256.New, password, salt, rounds, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("hashing a password: %w", err)
	}
	return prefixOf(salt, rounds) + base64.StdEncoding.EncodeToString(hash), nil
}

// prefixOf is what hashes begin with that one computation tells apart.
func prefixOf(salt []byte, rounds int) string {
	return fmt.Sprintf("%d$%s$", rounds, base64.StdEncoding.EncodeToString(salt))
}

// parameters are what a kept hash was computed with.
func parameters(hash string) (salt []byte, rounds int, err error) {
	parts := strings.Split(hash, "$")
	const fields = 3
	if len(parts) != fields {
		return nil, 0, fmt.Errorf("the hash of a password has %d parts", len(parts))
	}
	if rounds, err = strconv.Atoi(parts[0]); err != nil {
		return nil, 0, fmt.Errorf("reading the rounds of a password: %w", err)
	}
	if salt, err = base64.StdEncoding.DecodeString(parts[1]); err != nil {
		return nil, 0, fmt.Errorf("reading the salt of a password: %w", err)
	}
	return salt, rounds, nil
}

// hashPassword is the hash of the first password of a profile.
func (s *Service) hashPassword(ctx context.Context, password string) (string, error) {
	return s.passwords.compute(ctx, password, newSalt(), s.PasswordRounds)
}

// isPassword reports whether hash was made of the password.
func (s *Service) isPassword(ctx context.Context, hash, password string) (bool, error) {
	salt, rounds, err := parameters(hash)
	if err != nil {
		return false, err
	}
	again, err := s.passwords.compute(ctx, password, salt, rounds)
	return subtle.ConstantTimeCompare([]byte(hash), []byte(again)) == 1, err
}

// hashUnlike is the hash of a password with the salt of the current one, and whether one of the former hashes was made of it.
func (s *Service) hashUnlike(ctx context.Context, password string, former []string, current string) (hash string, used bool, err error) {
	salt, _, err := parameters(current)
	if err != nil {
		return "", false, err
	}
	if hash, err = s.passwords.compute(ctx, password, salt, s.PasswordRounds); err != nil {
		return "", false, err
	}
	computed := map[string]string{prefixOf(salt, s.PasswordRounds): hash}
	for _, old := range former {
		salt, rounds, err := parameters(old)
		if err != nil {
			return "", false, err
		}
		prefix := prefixOf(salt, rounds)
		if computed[prefix] == "" {
			if computed[prefix], err = s.passwords.compute(ctx, password, salt, rounds); err != nil {
				return "", false, err
			}
		}
		if subtle.ConstantTimeCompare([]byte(old), []byte(computed[prefix])) == 1 {
			return hash, true, nil
		}
	}
	return hash, false, nil
}
