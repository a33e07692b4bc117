package archive

import (
	"crypto/cipher"
	"fmt"
	"sync"
	"testing"
)

// nonceWatch notes which nonces a key has sealed with. A key that seals twice with one nonce gives both plaintexts away.
type nonceWatch struct {
	mu    sync.Mutex
	used  map[string]bool
	twice []string
	seals int
}

type watchedAEAD struct {
	cipher.AEAD
	key   string
	watch *nonceWatch
}

func (a watchedAEAD) Seal(dst, nonce, plaintext, about []byte) []byte {
	a.watch.mu.Lock()
	at := fmt.Sprintf("%x %x", a.key, nonce)
	if a.watch.used[at] {
		a.watch.twice = append(a.watch.twice, at)
	}
	a.watch.used[at] = true
	a.watch.seals++
	a.watch.mu.Unlock()
	return a.AEAD.Seal(dst, nonce, plaintext, about)
}

func (a watchedAEAD) unwrap() cipher.AEAD { return a.AEAD }

// WatchNonces has every seal of this process's archives noted until the test ends. Tests that do so do not run at once with others.
func WatchNonces(t *testing.T) (seals func() (n int, twice []string)) {
	t.Helper()
	w := &nonceWatch{used: map[string]bool{}}
	watchAEAD = func(key []byte, aead cipher.AEAD) cipher.AEAD { return watchedAEAD{aead, string(key), w} }
	t.Cleanup(func() { watchAEAD = nil })
	return func() (int, []string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.seals, w.twice
	}
}
