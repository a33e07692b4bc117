//go:build !purego

package ebs

import (
	"crypto/aes"

	"golang.org/x/sys/cpu"
)

// groupSize is how many bytes the processor's AES goes through at a time.
const groupSize = 8 * aes.BlockSize

// roundKeys are those of AES-256, in the order in which they are used.
type roundKeys [15][aes.BlockSize]byte

// aesGroups is AES-256 over many blocks, each by itself, by the processor's own instructions and eight blocks at a time.
type aesGroups struct{ encrypting, decrypting roundKeys }

//go:noescape
func encryptGroups(keys *roundKeys, data *byte, groups int)

//go:noescape
func decryptGroups(keys *roundKeys, data *byte, groups int)

//go:noescape
func expandKey(key *byte, encrypting *roundKeys)

// inverseKey makes a round key of decryption of one of encryption: FIPS 197, section 5.3.5.
//
//go:noescape
func inverseKey(key *[aes.BlockSize]byte)

// newAESGroups is nil where the processor has no such instructions.
func newAESGroups(key []byte) *aesGroups {
	if !cpu.X86.HasAES {
		return nil
	}
	g := &aesGroups{}
	expandKey(&key[:KeySize/2][0], &g.encrypting)
	last := len(g.encrypting) - 1
	for i := range g.encrypting {
		g.decrypting[i] = g.encrypting[last-i]
		if i > 0 && i < last {
			inverseKey(&g.decrypting[i])
		}
	}
	return g
}

// encrypt and decrypt go through a sector in place.
func (g *aesGroups) encrypt(sector *[SectorSize]byte) {
	encryptGroups(&g.encrypting, &sector[0], SectorSize/groupSize)
}

func (g *aesGroups) decrypt(sector *[SectorSize]byte) {
	decryptGroups(&g.decrypting, &sector[0], SectorSize/groupSize)
}
