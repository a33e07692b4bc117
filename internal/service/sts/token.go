package sts

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// token is what a session token holds: the credential and whom it speaks for.
type token struct {
	AccessKeyID string      `json:"k"`
	Secret      string      `json:"s"`
	AccountID   string      `json:"a"`
	ARN         string      `json:"n"`
	UserID      string      `json:"u"`
	RoleARN     string      `json:"r,omitempty"`
	UserARN     string      `json:"f,omitempty"`
	Session     api.Session `json:"e"`
}

const (
	sealingKeySetting = "sts.sealing-key"
	sealingKeySize    = 32
	// tokenVersion is the first byte of every token, and all of its associated data.
	tokenVersion = 1
)

// aead returns the seal of tokens, whose key is made when it is first needed and kept, wrapped, in the settings.
func (s *Service) aead(ctx context.Context) (cipher.AEAD, error) {
	s.sealing.Lock()
	defer s.sealing.Unlock()
	if s.seal != nil {
		return s.seal, nil
	}
	key, err := s.sealingKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the sealing key of session tokens: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	s.seal, err = cipher.NewGCM(block)
	return s.seal, err
}

func (s *Service) sealingKey(ctx context.Context) ([]byte, error) {
	made := make([]byte, sealingKeySize)
	_, _ = rand.Read(made) // never fails
	wrapped, err := s.Keeper.Encrypt(ctx, made)
	if err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		kept, err := tx.Setting(ctx, sealingKeySetting)
		if errors.Is(err, state.ErrNotFound) {
			return tx.PutSetting(ctx, sealingKeySetting, wrapped)
		}
		wrapped = kept
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.Keeper.Decrypt(ctx, wrapped)
}

func (s *Service) sealToken(ctx context.Context, t token) (string, error) {
	aead, err := s.aead(ctx)
	if err != nil {
		return "", err
	}
	plain, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	sealed := append([]byte{tokenVersion}, nonce...)
	return base64.StdEncoding.EncodeToString(aead.Seal(sealed, nonce, plain, sealed[:1])), nil
}

var errToken = errors.New("not a session token of this service")

// openToken reads a token that [Service.sealToken] made, expired or not.
func (s *Service) openToken(ctx context.Context, text string) (token, error) {
	if t, ok := s.opened.get(text); ok {
		return t, nil
	}
	t, err := s.unseal(ctx, text)
	if err == nil {
		s.opened.put(text, t)
	}
	return t, err
}

func (s *Service) unseal(ctx context.Context, text string) (t token, err error) {
	aead, err := s.aead(ctx)
	if err != nil {
		return t, err
	}
	sealed, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(sealed) < 1+aead.NonceSize() || sealed[0] != tokenVersion {
		return t, errToken
	}
	nonce, body := sealed[1:1+aead.NonceSize()], sealed[1+aead.NonceSize():]
	plain, err := aead.Open(nil, nonce, body, sealed[:1])
	if err != nil {
		return t, errToken
	}
	return t, json.Unmarshal(plain, &t)
}

func (t *token) caller() *api.Caller {
	session := t.Session
	return &api.Caller{
		AccountID: t.AccountID, ARN: t.ARN, UserID: t.UserID, RoleARN: t.RoleARN, UserARN: t.UserARN, AccessKeyID: t.AccessKeyID, Session: &session,
	}
}

func (t *token) expired(now time.Time) bool { return !now.Before(t.Session.ExpiresAt) }

// tokenCache keeps tokens that were opened, since a session's calls all bring the same. What a token says never changes,
// so nothing in it grows stale.
type tokenCache struct {
	mu     sync.RWMutex // guards tokens
	tokens map[string]token
}

// maxOpened bounds the cache; when it is full it begins anew.
const maxOpened = 4096

func (k *tokenCache) get(text string) (token, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	t, ok := k.tokens[text]
	return t, ok
}

func (k *tokenCache) put(text string, t token) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.tokens == nil || len(k.tokens) >= maxOpened {
		k.tokens = map[string]token{}
	}
	k.tokens[text] = t
}
