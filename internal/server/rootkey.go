package server

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gocloud.dev/secrets"
	"gocloud.dev/secrets/localsecrets"
)

// openRootKey opens the key that wraps all key material and secrets, a file of the data directory that is made at the
// first start. Whoever holds it and the data directory holds everything; without it nothing can be read.
func openRootKey(dir string) (*secrets.Keeper, error) {
	path := filepath.Join(dir, "root.key")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(dir, "state.db")); err == nil {
			return nil, fmt.Errorf("%s is missing, but the state it protects is there: put the key back", path)
		}
		var key [32]byte
		if _, err := rand.Read(key[:]); err != nil {
			return nil, fmt.Errorf("making the root key: %w", err)
		}
		text = []byte(base64.StdEncoding.EncodeToString(key[:]) + "\n")
		if err := replaceFile(path, text); err != nil {
			return nil, fmt.Errorf("writing the root key: %w", err)
		}
	} else if err != nil {
		return nil, fmt.Errorf("reading the root key: %w", err)
	}
	bytes, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(bytes) != 32 {
		return nil, fmt.Errorf("%s does not hold 32 bytes in base64", path)
	}
	return localsecrets.NewKeeper([32]byte(bytes)), nil
}
