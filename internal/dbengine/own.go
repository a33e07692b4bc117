package dbengine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// owner is who files are given to, or nil where they stay this process's: only root can give them away.
func (s Settings) owner() *User {
	if os.Geteuid() != 0 {
		return nil
	}
	return s.User
}

// Enter makes the database's directory one that its user may enter.
func (s Settings) Enter() error { return s.give(s.Dir) }

// Path is a path in the database's directory.
func (s Settings) Path(elem ...string) string {
	return filepath.Join(append([]string{s.Dir}, elem...)...)
}

// MakeDir makes a directory that only the database's user may enter, if it is not there.
func (s Settings) MakeDir(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return s.give(path)
}

// WriteFile writes a file that only the database's user may read, in one step.
func (s Settings) WriteFile(path string, content []byte) error {
	next := path + ".new"
	if err := os.WriteFile(next, content, 0o600); err != nil {
		return err
	}
	if err := s.give(next); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// give makes a file the database's user's.
func (s Settings) give(path string) error {
	o := s.owner()
	if o == nil {
		return nil
	}
	return os.Lchown(path, o.UID, o.GID)
}

// GiveTree makes all files below a path the database's user's, and readable and writable by it alone.
func (s Settings) GiveTree(path string) error {
	return filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := s.give(name); err != nil {
			return err
		}
		switch {
		case entry.IsDir():
			return os.Chmod(name, 0o700) //nolint:gosec // a directory must be entered
		case entry.Type().IsRegular():
			return os.Chmod(name, 0o600)
		}
		return nil
	})
}

// TreeSize is the number of bytes that the files below a path take on disk. Files that vanish meanwhile do not matter.
func TreeSize(path string) (total int64, err error) {
	err = filepath.WalkDir(path, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = entry.Info(); err == nil {
				total += onDisk(info)
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("measuring a database: %w", err)
	}
	return total, nil
}

// onDisk is what a file takes on disk, holes left out.
func onDisk(info fs.FileInfo) int64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Blocks * 512
	}
	return info.Size()
}

// SyncTree makes files and their names durable.
func SyncTree(path string) error {
	return filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() && !entry.Type().IsRegular() {
			return err
		}
		f, err := os.Open(name) //nolint:gosec // a path that was walked to
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}

// TakeOver makes all files of a directory of the database the user's, if the directory is another's: it was laid there by root,
// or the server runs as somebody else now.
func (s Settings) TakeOver(name string) error {
	o := s.owner()
	if o == nil {
		return nil
	}
	info, err := os.Stat(s.Path(name))
	if err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) == o.UID {
		return nil
	}
	return s.GiveTree(s.Path(name))
}
