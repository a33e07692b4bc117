package archive

import (
	"crypto/sha256"
	"hash"
)

// HKDF with SHA-256 (RFC 5869), like crypto/hkdf, but what the hashes held of the keys is overwritten: the standard library's leave it
// in memory that is garbage.

// hmacSHA256 appends the HMAC of the parts to dst. The key has 64 bytes or less.
func hmacSHA256(dst, key []byte, parts ...[]byte) []byte {
	var pad [64]byte
	defer clear(pad[:])
	round := func(xor byte, parts ...[]byte) (sum [32]byte) {
		for i := range pad {
			pad[i] = xor
			if i < len(key) {
				pad[i] ^= key[i]
			}
		}
		h := sha256.New()
		defer wipeHash(h)
		h.Write(pad[:]) // a hash takes everything
		for _, p := range parts {
			h.Write(p)
		}
		h.Sum(sum[:0])
		return sum
	}
	inner := round(0x36, parts...)
	outer := round(0x5c, inner[:])
	return append(dst, outer[:]...)
}

func wipeHash(h hash.Hash) { wipeValue(h) }

// hkdfExtract is HKDF-Extract.
func hkdfExtract(secret, salt []byte) []byte { return hmacSHA256(nil, salt, secret) }

// hkdfExpand is HKDF-Expand, for up to 8160 bytes.
func hkdfExpand(key []byte, info string, n int) []byte {
	out := make([]byte, 0, n+32)
	var last []byte
	for i := byte(1); len(out) < n; i++ {
		at := len(out)
		out = hmacSHA256(out, key, last, []byte(info), []byte{i})
		last = out[at:]
	}
	clear(out[n:])
	return out[:n]
}
