package kms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"maps"
	"slices"

	"github.com/google/uuid"
)

// ciphertext is a blob as Encrypt and GenerateDataKey return it:
//
//	version   1 byte: 1, or 2 for a multi-Region key, whose related keys in all Regions open it
//	key id   16 bytes, the uuid, or the digits behind mrk-
//	material 32 bytes
//	salt     16 bytes
//	sealed   AES-256-GCM under HMAC-SHA256(material, label ‖ salt), the nonce all zeroes, tag behind
//
// The associated data is everything before sealed, and the encryption context: pairs sorted by key, each string behind
// its length in four bytes, big-endian. Every message has a key of its own, so neither a nonce nor a count of messages
// limits how long material may be used.
type ciphertext struct {
	keyID      string
	material   materialID
	header     []byte
	saltSealed []byte
}

const (
	singleRegionVersion = 1
	multiRegionVersion  = 2
	materialOffset      = 1 + 16
	saltOffset          = materialOffset + 32
	sealedOffset        = saltOffset + 16
	gcmTag              = 16
	messageKeyLabel     = "strongroom kms message key 1"
)

// errCiphertext says that a blob is not one of ours, or was changed, or belongs to another encryption context.
var errCiphertext = errors.New("the ciphertext is not authentic")

func parseCiphertext(blob []byte) (ciphertext, error) {
	if len(blob) < sealedOffset+gcmTag || blob[0] != singleRegionVersion && blob[0] != multiRegionVersion {
		return ciphertext{}, errCiphertext
	}
	c := ciphertext{
		keyID:      parsedKeyID{uuid.UUID(blob[1:materialOffset]), blob[0] == multiRegionVersion}.String(),
		header:     blob[:sealedOffset],
		saltSealed: blob[saltOffset:],
	}
	copy(c.material[:], blob[materialOffset:])
	return c, nil
}

// seal makes a blob of plaintext.
func (m *material) seal(keyID string, plaintext []byte, encryptionContext map[string]string) []byte {
	id, ok := parseKeyID(keyID)
	if !ok {
		panic("sealing under a key with the malformed id " + keyID)
	}
	version := byte(singleRegionVersion)
	if id.multiRegion {
		version = multiRegionVersion
	}
	blob := make([]byte, 0, sealedOffset+len(plaintext)+gcmTag)
	blob = append(blob, version)
	blob = append(blob, id.uuid[:]...)
	blob = append(blob, m.id[:]...)
	blob = blob[:sealedOffset]
	rand.Read(blob[saltOffset:])
	aead := m.messageCipher(blob[saltOffset:])
	return aead.Seal(blob, make([]byte, aead.NonceSize()), plaintext, associatedData(blob, encryptionContext))
}

// open returns the plaintext; [errCiphertext] if anything disagrees.
func (m *material) open(c ciphertext, encryptionContext map[string]string) ([]byte, error) {
	salt, sealed := c.saltSealed[:sealedOffset-saltOffset], c.saltSealed[sealedOffset-saltOffset:]
	aead := m.messageCipher(salt)
	plaintext, err := aead.Open(nil, make([]byte, aead.NonceSize()), sealed, associatedData(c.header, encryptionContext))
	if err != nil {
		return nil, errCiphertext
	}
	return plaintext, nil
}

func (m *material) messageCipher(salt []byte) cipher.AEAD {
	mac := hmac.New(sha256.New, m.secret)
	mac.Write([]byte(messageKeyLabel))
	mac.Write(salt)
	block, err := aes.NewCipher(mac.Sum(nil))
	if err != nil {
		panic("an AES key of 32 bytes was refused: " + err.Error())
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("AES has no GCM: " + err.Error())
	}
	return aead
}

func associatedData(header []byte, encryptionContext map[string]string) []byte {
	data := slices.Clone(header)
	for _, key := range slices.Sorted(maps.Keys(encryptionContext)) {
		for _, text := range []string{key, encryptionContext[key]} {
			data = binary.BigEndian.AppendUint32(data, uint32(len(text)))
			data = append(data, text...)
		}
	}
	return data
}
