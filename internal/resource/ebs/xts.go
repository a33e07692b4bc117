package ebs

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
)

// xtsCipher is AES-256 in XTS mode (IEEE 1619) over sectors of [SectorSize] bytes. It gives what golang.org/x/crypto/xts gives, many
// times as fast: the tweaks of a sector are made first, eight bytes at a time, and laid over all of it at once, and in between AES goes
// through many blocks together where the processor can do that.
type xtsCipher struct {
	data, tweak cipher.Block
	groups      *aesGroups // the same as data; nil where the processor has no instructions for it
}

// tweaks are those of the blocks of a sector.
type tweaks [SectorSize]byte

func newXTS(key []byte) (*xtsCipher, error) {
	data, err := aes.NewCipher(key[:KeySize/2])
	if err != nil {
		return nil, err
	}
	tweak, err := aes.NewCipher(key[KeySize/2:])
	return &xtsCipher{data, tweak, newAESGroups(key[:KeySize/2])}, err
}

// tweaks makes the tweaks of a sector: the number, encrypted, and from block to block its double in GF(2¹²⁸), whose polynomial is
// x¹²⁸ + x⁷ + x² + x + 1.
func (x *xtsCipher) tweaks(t *tweaks, sector uint64) {
	clear(t[:aes.BlockSize])
	binary.LittleEndian.PutUint64(t[:], sector)
	x.tweak.Encrypt(t[:aes.BlockSize], t[:aes.BlockSize])
	low, high := binary.LittleEndian.Uint64(t[:]), binary.LittleEndian.Uint64(t[8:])
	for i := aes.BlockSize; i < SectorSize; i += aes.BlockSize {
		carry := high >> 63
		high, low = high<<1|low>>63, low<<1
		low ^= -carry & 0x87
		binary.LittleEndian.PutUint64(t[i:], low)
		binary.LittleEndian.PutUint64(t[i+8:], high)
	}
}

// encrypt encrypts a sector. dst may be src.
func (x *xtsCipher) encrypt(dst, src []byte, sector uint64, t *tweaks) {
	x.tweaks(t, sector)
	subtle.XORBytes(dst, src, t[:])
	if x.groups != nil {
		x.groups.encrypt((*[SectorSize]byte)(dst))
	} else {
		for i := 0; i < SectorSize; i += aes.BlockSize {
			x.data.Encrypt(dst[i:i+aes.BlockSize], dst[i:i+aes.BlockSize])
		}
	}
	subtle.XORBytes(dst, dst, t[:])
}

// decrypt decrypts a sector in place.
func (x *xtsCipher) decrypt(data []byte, sector uint64, t *tweaks) {
	x.tweaks(t, sector)
	subtle.XORBytes(data, data, t[:])
	if x.groups != nil {
		x.groups.decrypt((*[SectorSize]byte)(data))
	} else {
		for i := 0; i < SectorSize; i += aes.BlockSize {
			x.data.Decrypt(data[i:i+aes.BlockSize], data[i:i+aes.BlockSize])
		}
	}
	subtle.XORBytes(data, data, t[:])
}
