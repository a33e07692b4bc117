package ebs

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"math"
	"testing"

	"golang.org/x/crypto/xts"
)

// What lies on disks was written by golang.org/x/crypto/xts, and others may read it so: by the processor's instructions for many
// blocks, and without.
func TestSectorsAreXTS(t *testing.T) {
	t.Parallel()
	t.Run("with what the processor has", func(t *testing.T) {
		t.Parallel()
		sectorsAreXTS(t, func(*xtsCipher) {})
	})
	t.Run("block by block", func(t *testing.T) {
		t.Parallel()
		sectorsAreXTS(t, func(x *xtsCipher) { x.groups = nil })
	})
}

func sectorsAreXTS(t *testing.T, prepare func(*xtsCipher)) {
	t.Helper()
	for seed := range uint64(20) {
		key := noise(seed, KeySize)
		theirs, err := xts.NewCipher(aes.NewCipher, key)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := newSectors(key)
		if err != nil {
			t.Fatal(err)
		}
		prepare(ours.cipher)
		for _, first := range []int64{0, 1, int64(seed) << 20, math.MaxInt64 - 4} {
			plain := noise(seed+100, 4*SectorSize)
			want, got := make([]byte, len(plain)), make([]byte, len(plain))
			for i := 0; i < len(plain); i += SectorSize {
				theirs.Encrypt(want[i:i+SectorSize], plain[i:i+SectorSize], uint64(first)+uint64(i/SectorSize))
			}
			ours.seal(got, plain, first)
			if !bytes.Equal(got, want) {
				t.Fatalf("key %s, sector %d: sealed otherwise", hex.EncodeToString(key), first)
			}
			ours.seal(plain, plain, first)
			if !bytes.Equal(plain, want) {
				t.Fatalf("key %s, sector %d: sealed otherwise in place", hex.EncodeToString(key), first)
			}
			ours.open(got, first)
			if !bytes.Equal(got, noise(seed+100, 4*SectorSize)) {
				t.Fatalf("key %s, sector %d: opened otherwise", hex.EncodeToString(key), first)
			}
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	data, key := noise(1, BlockSize), benchKey()
	b.SetBytes(BlockSize)
	for b.Loop() {
		key.seal(data, data, 7)
	}
}

func BenchmarkOpen(b *testing.B) {
	data, key := noise(1, BlockSize), benchKey()
	b.SetBytes(BlockSize)
	for b.Loop() {
		key.open(data, 7)
	}
}
