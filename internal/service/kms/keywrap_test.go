package kms

import (
	"bytes"
	"crypto/aes"
	"encoding/binary"
	"encoding/hex"
	"testing"
)

// TestUnwrapKey opens the examples of RFC 5649 section 6.
func TestUnwrapKey(t *testing.T) {
	t.Parallel()
	kek := unhex(t, "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8")
	for name, test := range map[string]struct{ wrapped, key string }{
		"20 octets": {"138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a", "c37b7e6492584340bed12207808941155068f738"},
		"7 octets":  {"afbeb0f07dfbf5419200f2ccb50bb24f", "466f7250617369"},
	} {
		t.Run(name, func(t *testing.T) {
			wrapped := unhex(t, test.wrapped)
			key, err := unwrapKey(kek, wrapped)
			if err != nil || !bytes.Equal(key, unhex(t, test.key)) {
				t.Fatalf("unwrapped as %x, %v", key, err)
			}
			for i := range wrapped {
				changed := bytes.Clone(wrapped)
				changed[i] ^= 0x40
				if key, err := unwrapKey(kek, changed); err == nil {
					t.Errorf("with byte %d changed it unwraps as %x", i, key)
				}
			}
			for n := range wrapped {
				if key, err := unwrapKey(kek, wrapped[:n]); err == nil {
					t.Errorf("cut to %d bytes it unwraps as %x", n, key)
				}
			}
		})
	}
	if _, err := unwrapKey(kek[:5], make([]byte, 16)); err == nil {
		t.Error("a key of five bytes unwraps")
	}
}

func unhex(t *testing.T, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// WrapKey is AES key wrap with padding, RFC 5649, as clients do it.
func WrapKey(kek, key []byte) []byte {
	block, err := aes.NewCipher(kek)
	if err != nil {
		panic(err)
	}
	n := (len(key) + 7) / 8
	out := make([]byte, 8*(n+1))
	copy(out, keyWrapPrefix)
	binary.BigEndian.PutUint32(out[4:], uint32(len(key)))
	copy(out[8:], key)
	if n == 1 {
		block.Encrypt(out, out)
		return out
	}
	var buffer [aes.BlockSize]byte
	for j := range 6 {
		for i := 1; i <= n; i++ {
			copy(buffer[:8], out[:8])
			copy(buffer[8:], out[8*i:])
			block.Encrypt(buffer[:], buffer[:])
			binary.BigEndian.PutUint64(out, binary.BigEndian.Uint64(buffer[:8])^uint64(n*j+i))
			copy(out[8*i:8*i+8], buffer[8:])
		}
	}
	return out
}

// FuzzUnwrapKey holds the law of wrapped keys: what was wrapped unwraps, and what unwraps is what wrapping makes.
func FuzzUnwrapKey(f *testing.F) {
	f.Add([]byte("a key"), []byte("0123456789abcdef"))
	f.Add([]byte("a key of more than eight bytes"), make([]byte, 24))
	f.Fuzz(func(t *testing.T, key, blob []byte) {
		kek := bytes.Repeat([]byte{7}, 32)
		if len(key) > 0 {
			if opened, err := unwrapKey(kek, WrapKey(kek, key)); err != nil || !bytes.Equal(opened, key) {
				t.Fatalf("%x unwraps as %x, %v", key, opened, err)
			}
		}
		if opened, err := unwrapKey(kek, blob); err == nil && !bytes.Equal(WrapKey(kek, opened), blob) {
			t.Fatalf("%x unwraps as %x, which wraps otherwise", blob, opened)
		}
	})
}
