package archive

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"testing"
)

func TestHKDFIsThatOfTheStandardLibrary(t *testing.T) {
	t.Parallel()
	secret, salt := bytes.Repeat([]byte{7}, 32), []byte("sixteen bytes !!")
	for _, n := range []int{1, 16, 31, 32, 33, 64, 2048, 8160} {
		info := fmt.Sprintf("for %d bytes", n)
		want, err := hkdf.Key(sha256.New, secret, salt, info, n)
		if err != nil {
			t.Fatal(err)
		}
		if got := hkdfExpand(hkdfExtract(secret, salt), info, n); !bytes.Equal(got, want) {
			t.Errorf("%d bytes are %x, want %x", n, got, want)
		}
	}
}
