package s3

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/minio/sio"
)

// A content of one segment is one package of DARE 2.0, which is made and opened here without the buffers that sio takes for a
// stream: version, cipher, length less one (two bytes, little endian), nonce with the mark of the last package in its first bit; the
// first four bytes are authenticated with it. See https://github.com/minio/sio/blob/master/DARE.md.
const (
	packageHeader = 16
	lastPackage   = 0x80
)

var errSegment = errors.New("what lies there is not what was sealed")

func segmentCipher(dataKey []byte, p spot) (cipher.AEAD, error) {
	key, err := sealingKey(dataKey, p)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// sealSegment appends the sealed content, which has one byte at least and a segment at most.
func sealSegment(dst, dataKey []byte, p spot, plain []byte) ([]byte, error) {
	aead, err := segmentCipher(dataKey, p)
	if err != nil {
		return dst, err
	}
	header := [packageHeader]byte{sio.Version20, sio.AES_256_GCM}
	binary.LittleEndian.PutUint16(header[2:], uint16(len(plain)-1))
	rand.Read(header[4:])
	header[4] |= lastPackage
	dst = append(dst, header[:]...)
	return aead.Seal(dst, header[4:], plain, header[:4]), nil
}

// openSegment opens, in place, a sealed content of a size.
func openSegment(dataKey []byte, p spot, sealed []byte, size int64) ([]byte, error) {
	if int64(len(sealed)) != size+segmentOverhead || sealed[0] != sio.Version20 || sealed[1] != sio.AES_256_GCM ||
		int64(binary.LittleEndian.Uint16(sealed[2:])) != size-1 || sealed[4]&lastPackage == 0 {
		return nil, errSegment
	}
	aead, err := segmentCipher(dataKey, p)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(sealed[packageHeader:packageHeader], sealed[4:packageHeader], sealed[packageHeader:], sealed[:4])
	if err != nil {
		return nil, errSegment
	}
	return plain, nil
}

// writeSegment writes a content of one segment into a file of its own, and syncs.
func writeSegment(out *os.File, dataKey []byte, p spot, plain []byte) error {
	sealed, err := sealSegment(make([]byte, 0, len(plain)+segmentOverhead), dataKey, p, plain)
	if err != nil {
		return err
	}
	if _, err := out.Write(sealed); err != nil {
		return err
	}
	return out.Sync()
}

// readSegment reads a content of one segment. One that was removed is fs.ErrNotExist.
func (f *files) readSegment(c content, dataKey []byte) ([]byte, error) {
	if c.offset != 0 {
		release, err := f.hold(c)
		if err != nil {
			return nil, err
		}
		defer release()
	}
	in, err := os.Open(f.path(c.region, c.file))
	if err != nil {
		return nil, err
	}
	defer in.Close() //nolint:errcheck // it is only read
	sealed := make([]byte, c.size+segmentOverhead)
	if _, err := in.ReadAt(sealed, c.offset); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("reading contents %x: %w", c.file, err)
	}
	if c.offset == 0 { // a file of its own ends where the content does
		if _, err := in.ReadAt(make([]byte, 1), int64(len(sealed))); !errors.Is(err, io.EOF) {
			return nil, errors.Join(fmt.Errorf("reading contents %x: %w", c.file, errSegment), err)
		}
	}
	plain, err := openSegment(dataKey, c.spot, sealed, c.size)
	if err != nil {
		return nil, fmt.Errorf("reading contents %x: %w", c.file, err)
	}
	return plain, nil
}
