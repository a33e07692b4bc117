package s3

import (
	"os"
	"syscall"
)

const (
	fallocKeepSize  = 1
	fallocPunchHole = 2
)

// punch gives the space of a part of a file back.
func punch(f *os.File, off, length int64) error {
	return syscall.Fallocate(int(f.Fd()), fallocKeepSize|fallocPunchHole, off, length)
}
