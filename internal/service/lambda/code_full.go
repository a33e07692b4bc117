package lambda

import (
	"errors"
	"io/fs"
	"syscall"
)

// isFull reports whether the host's disk is why a file cannot be written.
func isFull(err *fs.PathError) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EIO)
}
