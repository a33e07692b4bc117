package kms

import (
	"bytes"
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
