package kms

import (
	"bytes"
	"maps"
	"testing"
)

// FuzzCiphertext holds the law of ciphertexts: what was sealed opens in its own encryption context, and neither in another
// one nor with anything of it changed.
func FuzzCiphertext(f *testing.F) {
	f.Add([]byte("a data key"), "aws:backup:backup-vault", "arn", "other", "value", uint16(0), byte(1))
	f.Add([]byte{}, "", "", "a", "", uint16(40), byte(0x80))
	f.Add([]byte("x"), "a", "1b", "a1", "b", uint16(70), byte(3))
	m := &material{id: materialID{7}, secret: bytes.Repeat([]byte{1, 2, 3, 4}, 8)}
	f.Fuzz(func(t *testing.T, plaintext []byte, key, value, otherKey, otherValue string, at uint16, flip byte) {
		keyID := "11111111-2222-4333-8444-555555555555"
		if at%2 == 1 {
			keyID = "mrk-11111111222243338444555555555555"
		}
		own, other := map[string]string{key: value}, map[string]string{otherKey: otherValue}
		blob := m.seal(keyID, plaintext, own)
		parsed, err := parseCiphertext(blob)
		if err != nil || parsed.keyID != keyID || parsed.material != m.id {
			t.Fatalf("parsed as %+v, %v", parsed, err)
		}
		if opened, err := m.open(parsed, own); err != nil || !bytes.Equal(opened, plaintext) {
			t.Fatalf("opened as %q, %v", opened, err)
		}
		if _, err := m.open(parsed, other); err == nil && !maps.Equal(own, other) {
			t.Fatalf("sealed in %q and opened in %q", own, other)
		}
		if _, err := m.open(parsed, nil); err == nil {
			t.Fatal("opened without its context")
		}
		if flip == 0 {
			return
		}
		changed := bytes.Clone(blob)
		changed[int(at)%len(changed)] ^= flip
		if parsed, err := parseCiphertext(changed); err == nil {
			if _, err := m.open(parsed, own); err == nil {
				t.Fatalf("opened with byte %d changed", int(at)%len(changed))
			}
		}
	})
}

// FuzzParseCiphertext holds that a blob nobody sealed does not open.
func FuzzParseCiphertext(f *testing.F) {
	f.Add([]byte("rubbish"))
	f.Add(make([]byte, 100))
	f.Add(append([]byte{1}, make([]byte, 100)...))
	m := &material{secret: make([]byte, 32)}
	f.Fuzz(func(t *testing.T, blob []byte) {
		parsed, err := parseCiphertext(blob)
		if err != nil {
			return
		}
		if opened, err := m.open(parsed, nil); err == nil {
			t.Fatalf("%x opened as %x", blob, opened)
		}
	})
}
