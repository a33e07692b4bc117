package ebs

import (
	"errors"
	"os"
	"syscall"
)

const (
	fallocKeepSize  = 1
	fallocPunchHole = 2
)

// punch makes a hole in the file, or writes zeros where the file system has no holes.
func punch(f *os.File, off, length int64) error {
	err := syscall.Fallocate(int(f.Fd()), fallocKeepSize|fallocPunchHole, off, length)
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return writeZeros(f, off, length)
	}
	return err
}
