package kms

import (
	"crypto/aes"
	"crypto/subtle"
	"encoding/binary"
	"errors"
)

var errKeyWrap = errors.New("the wrapped key is not authentic")

// keyWrapPrefix begins the integrity check of AES key wrap with padding, RFC 5649 section 3.
var keyWrapPrefix = []byte{0xA6, 0x59, 0x59, 0xA6}

// unwrapKey undoes AES key wrap with padding, RFC 5649, which PKCS #11 calls CKM_AES_KEY_WRAP_KWP.
func unwrapKey(kek, wrapped []byte) ([]byte, error) {
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, errKeyWrap
	}
	n := len(wrapped)/8 - 1 // the number of 64-bit blocks of the padded key
	if len(wrapped)%8 != 0 || n < 1 {
		return nil, errKeyWrap
	}
	var check [8]byte
	padded := make([]byte, 8*n)
	var buffer [aes.BlockSize]byte
	if n == 1 {
		block.Decrypt(buffer[:], wrapped)
		copy(check[:], buffer[:8])
		copy(padded, buffer[8:])
	} else {
		copy(check[:], wrapped)
		copy(padded, wrapped[8:])
		for j := 5; j >= 0; j-- {
			for i := n; i >= 1; i-- {
				at := padded[8*(i-1) : 8*i]
				binary.BigEndian.PutUint64(buffer[:8], binary.BigEndian.Uint64(check[:])^uint64(n*j+i))
				copy(buffer[8:], at)
				block.Decrypt(buffer[:], buffer[:])
				copy(check[:], buffer[:8])
				copy(at, buffer[8:])
			}
		}
	}
	length := int(binary.BigEndian.Uint32(check[4:]))
	if subtle.ConstantTimeCompare(check[:4], keyWrapPrefix) != 1 || length <= 8*(n-1) || length > 8*n {
		return nil, errKeyWrap
	}
	if subtle.ConstantTimeCompare(padded[length:], make([]byte, 8*n-length)) != 1 {
		return nil, errKeyWrap
	}
	return padded[:length], nil
}
