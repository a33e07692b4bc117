//go:build !linux

package rds

import (
	"io/fs"
	"os"
	"path/filepath"
)

// syncAll brings to disk what was written below a directory.
func syncAll(dir string) error {
	return filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !(entry.IsDir() || entry.Type().IsRegular()) {
			return err
		}
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close() //nolint:errcheck // only opened to synchronize it
		return file.Sync()
	})
}
