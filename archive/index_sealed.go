package archive

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// A sealedFile is a temporary file without a name, of blocks that are appended and sealed under a key that nobody else
// has. It may be read by several goroutines at once while nobody writes.
type sealedFile struct {
	file *os.File
	aead cipher.AEAD
	size int64 // with what is not written yet
	tail []byte
}

// sealedTail is how much is written at once.
const sealedTail = 256 << 10

func newSealedFile(dir string) (*sealedFile, error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	file, err := os.CreateTemp(dir, "strongroom-index-*")
	if err != nil {
		return nil, err
	}
	// The name goes at once, so that nothing is left behind whatever happens.
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails, says crypto/rand
	block, err := aes.NewCipher(secret[:])
	if err != nil {
		panic("archive: AES takes 32 bytes: " + err.Error())
	}
	clear(secret[:])
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("archive: GCM takes AES: " + err.Error())
	}
	return &sealedFile{file: file, aead: aead}, nil
}

func (f *sealedFile) close() {
	if f != nil {
		_ = f.file.Close() // it has no name and nobody reads it again
	}
}

// nonce is that of the block at an offset: a file is only ever appended to.
func (f *sealedFile) nonce(at int64) (nonce [12]byte) {
	binary.BigEndian.PutUint64(nonce[4:], uint64(at))
	return nonce
}

// append adds a block, which lies at what was the size.
func (f *sealedFile) append(plain []byte) error {
	if len(plain) == 0 {
		return nil
	}
	nonce := f.nonce(f.size)
	before := len(f.tail)
	f.tail = f.aead.Seal(f.tail, nonce[:], plain, nil)
	f.size += int64(len(f.tail) - before)
	if len(f.tail) < sealedTail {
		return nil
	}
	return f.flush()
}

// flush writes what was appended. If it fails, that is lost, and leaves a hole in the file: what comes after it lies at other
// offsets, so that no nonce is used twice.
func (f *sealedFile) flush() error {
	_, err := f.file.WriteAt(f.tail, f.size-int64(len(f.tail)))
	f.tail = f.tail[:0]
	return err
}

// read appends the block of a length at an offset to dst.
func (f *sealedFile) read(dst []byte, at int64, length int) ([]byte, error) {
	before := len(dst)
	buf := roomy(dst[before:], length+tagSize)[:length+tagSize]
	if _, err := f.file.ReadAt(buf, at); err != nil {
		return nil, fmt.Errorf("reading an index's file: %w", err)
	}
	nonce := f.nonce(at)
	plain, err := f.aead.Open(buf[:0], nonce[:], buf, nil)
	if err != nil {
		return nil, fmt.Errorf("reading an index's file: %w", ErrDamaged)
	}
	if before == 0 {
		return plain, nil
	}
	return append(dst, plain...), nil
}
