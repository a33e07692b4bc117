// Package page cuts lists into pages and makes the tokens that lead to the next one. A token is opaque and sealed:
// clients can neither read nor forge it, nor use it for another list than the one it came from.
package page

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"strongroom/internal/api"
)

// KeySize is the length of a sealer's key in bytes.
const KeySize = 32

// ErrToken is a token that this sealer did not make for this scope.
var ErrToken = errors.New("the pagination token is not valid")

// Sealer makes and opens tokens. It may be used at once by any number of callers.
type Sealer struct {
	aead cipher.AEAD
}

// NewSealer returns a sealer with a key of [KeySize] bytes. Tokens live as long as the key does.
func NewSealer(key []byte) (*Sealer, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("a pagination key has %d bytes, not %d", KeySize, len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &Sealer{aead: aead}, nil
}

// NewRandomSealer returns a sealer whose tokens live as long as it does.
func NewRandomSealer() *Sealer {
	key := make([]byte, KeySize)
	rand.Read(key) // it never fails
	s, err := NewSealer(key)
	if err != nil {
		panic(err) // the key has its size
	}
	return s
}

// Seal makes the token of v, which is spelled as JSON. The scope says which list the token belongs to: operation,
// account, and the parameters that must not change from page to page. Tokens have the letters of base64 and are 38
// bytes and a third longer than v's spelling.
func (s *Sealer) Seal(scope string, v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic("a page's position that is no JSON: " + err.Error())
	}
	return base64.StdEncoding.EncodeToString(s.aead.Seal(nil, nil, data, []byte(scope)))
}

// Open sets v to what token was made of, or returns [ErrToken].
func (s *Sealer) Open(scope, token string, v any) error {
	sealed, err := base64.StdEncoding.Strict().DecodeString(token)
	if err != nil {
		return ErrToken
	}
	data, err := s.aead.Open(nil, nil, sealed, []byte(scope))
	if err != nil {
		return ErrToken
	}
	if err := json.Unmarshal(data, v); err != nil {
		return ErrToken
	}
	return nil
}

// After returns the key after which the page that token asks for begins: "" for the first page, which has no token. A
// bad token is an [api.Error] with the code that the service has for it.
func (s *Sealer) After(scope string, token *string, code string) (string, error) {
	if token == nil || *token == "" {
		return "", nil
	}
	var after string
	if err := s.Open(scope, *token, &after); err != nil {
		return "", &api.Error{Code: code, Message: "The pagination token is not valid.", Err: err}
	}
	return after, nil
}

// Next returns the token of the page after key, or nil where there is none because key is "".
func (s *Sealer) Next(scope, key string) *string {
	if key == "" {
		return nil
	}
	token := s.Seal(scope, key)
	return &token
}

// Cut keeps at most max of items, which were read in the order of their keys with one more than max if there are as
// many. next is the key of the last one kept if others follow, and "" otherwise.
func Cut[T any](items []T, max int, key func(T) string) (kept []T, next string) {
	if max <= 0 || len(items) <= max {
		return items, ""
	}
	return items[:max], key(items[max-1])
}

// Slice is Cut for a whole list in the order of its keys: it begins with the first item whose key is greater than
// after.
func Slice[T any](items []T, after string, max int, key func(T) string) (kept []T, next string) {
	if after != "" {
		start := 0
		for start < len(items) && key(items[start]) <= after {
			start++
		}
		items = items[start:]
	}
	return Cut(items, max, key)
}
