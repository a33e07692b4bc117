package rds

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncAll brings to disk what was written below a directory: thousands of files at once, with the file system they lie on.
func syncAll(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // only opened to name the file system
	return unix.Syncfs(int(d.Fd()))
}
