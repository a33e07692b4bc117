package ebs

import (
	"bytes"
	"io"
)

var zeroBlock = make([]byte, BlockSize)

// isZero reports whether data, at most a block, has no bit set.
func isZero(data []byte) bool { return bytes.Equal(data, zeroBlock[:len(data)]) }

func writeZeros(f io.WriterAt, off, length int64) error {
	for length > 0 {
		n, err := f.WriteAt(zeroBlock[:min(length, BlockSize)], off)
		if err != nil {
			return err
		}
		off, length = off+int64(n), length-int64(n)
	}
	return nil
}
