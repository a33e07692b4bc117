//go:build unix

package ebs

import (
	"os"
	"syscall"
	"testing"
)

// allocated is the space a file takes on disk.
func allocated(t *testing.T, f *os.File) int64 {
	t.Helper()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}
