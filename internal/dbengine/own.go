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

// Path is a path in the database's directory.
func (s Settings) Path(elem ...string) string {
	return filepath.Join(append([]string{s.Dir}, elem...)...)
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
	root, err := openRoot(path)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() && !entry.Type().IsRegular() {
			return err
		}
		f, err := openIn(root, name, os.O_RDONLY)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}

// GiveTree makes all files below a path the database's user's, and readable and writable by it alone.
func (s Settings) GiveTree(path string) error {
	return s.within(path, func(root *os.Root, top string) error {
		return fs.WalkDir(root.FS(), filepath.ToSlash(top), func(name string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return s.giveOne(root, name, entry)
		})
	})
}

func (s Settings) giveOne(root *os.Root, name string, entry fs.DirEntry) error {
	mode := fs.FileMode(0o600)
	switch {
	case entry.IsDir():
		mode = 0o700
	case !entry.Type().IsRegular():
		if o := s.owner(); o != nil {
			return root.Lchown(name, o.UID, o.GID)
		}
		return nil
	}
	if s.owner() == nil {
		return root.Chmod(name, mode) // what this process may not read it could not open
	}
	f, err := openIn(root, name, os.O_RDONLY)
	if err != nil {
		return err
	}
	return errors.Join(s.give(f), f.Chmod(mode), f.Close())
}

// TakeOver makes all files of a directory of the database the user's, if the directory is another's: it was laid there by root,
// or the server runs as somebody else now.
func (s Settings) TakeOver(name string) error {
	o := s.owner()
	if o == nil {
		return nil
	}
	info, err := os.Lstat(s.Path(name))
	if err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) == o.UID {
		return nil
	}
	return s.GiveTree(s.Path(name))
}
