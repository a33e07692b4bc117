package dbengine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// What runs in a database's directory may be hostile, as clients have broken into database servers, and this process may be root.
// So it does nothing there by a path that the database's user could bend: all that it opens, makes, gives away and removes is found
// from the directory's descriptor, which no link leads out of, and is looked at once it is open. The directory itself, and the log's,
// are this process's: the user makes no entries there, and has directories of its own in it.

// openRoot opens a directory, if it is one and no link to one.
func openRoot(dir string) (*os.Root, error) {
	before, err := os.Lstat(dir)
	if err != nil {
		return nil, err
	}
	if !before.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	after, err := root.Stat(".")
	if err == nil && !os.SameFile(before, after) {
		err = &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	}
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	return root, nil
}

// within does something to a path in the database's directory, by its name there.
func (s Settings) within(path string, do func(root *os.Root, name string) error) error {
	name, err := filepath.Rel(s.Dir, path)
	if err != nil || !filepath.IsLocal(name) {
		return fmt.Errorf("%s is not in the database's directory", path)
	}
	root, err := openRoot(s.Dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return do(root, name)
}

// openIn opens a file or a directory: no device, and no pipe, for which it would wait; and no file that has other names, which
// may be elsewhere.
func openIn(root *os.Root, name string, flag int) (*os.File, error) {
	f, err := root.OpenFile(name, flag|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.IsDir() && !plainFile(info) {
		err = &fs.PathError{Op: "open", Path: f.Name(), Err: errors.New("not a file of this name alone")}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// plainFile says whether it is a file with one name.
func plainFile(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return info.Mode().IsRegular() && (!ok || stat.Nlink <= 1)
}

// give makes an open file the database's user's.
func (s Settings) give(f *os.File) error {
	o := s.owner()
	if o == nil {
		return nil
	}
	return f.Chown(o.UID, o.GID)
}

// Enter makes the database's directory one that its user may enter and not change.
func (s Settings) Enter() error {
	o := s.owner()
	if o == nil {
		return nil
	}
	return s.within(s.Dir, func(root *os.Root, name string) error {
		f, err := openIn(root, name, os.O_RDONLY)
		if err != nil {
			return err
		}
		return errors.Join(f.Chown(os.Geteuid(), o.GID), f.Chmod(0o750), f.Close())
	})
}

// MakeDir makes a directory that only the database's user may enter, if it is not there. The database's own is as [Settings.Enter]
// makes it.
func (s Settings) MakeDir(path string) error {
	switch err := os.Mkdir(s.Dir, 0o700); {
	case err == nil:
		if err := s.Enter(); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	if filepath.Clean(path) == filepath.Clean(s.Dir) {
		return s.Enter()
	}
	return s.within(path, func(root *os.Root, name string) error {
		f, err := makeIn(root, name)
		if err != nil {
			return err
		}
		return errors.Join(s.give(f), f.Close())
	})
}

// Reserve makes a directory that the database's user may enter and not change, if it is not there.
func (s Settings) Reserve(path string) error {
	return s.within(path, func(root *os.Root, name string) error {
		f, err := makeIn(root, name)
		if err != nil {
			return err
		}
		gid := os.Getegid()
		if o := s.owner(); o != nil {
			gid = o.GID
		}
		return errors.Join(f.Chown(os.Geteuid(), gid), f.Chmod(0o550), f.Close())
	})
}

// makeIn makes a directory if there is none, in the place of whatever else is there, and opens it.
func makeIn(root *os.Root, name string) (*os.File, error) {
	if info, err := root.Lstat(name); err == nil && !info.IsDir() {
		if err := root.Remove(name); err != nil {
			return nil, err
		}
	}
	if err := root.MkdirAll(name, 0o700); err != nil {
		return nil, err
	}
	return openIn(root, name, os.O_RDONLY|syscall.O_DIRECTORY)
}

// WriteFile writes a file that only the database's user may read, in one step.
func (s Settings) WriteFile(path string, content []byte) error {
	return s.WriteFrom(path, bytes.NewReader(content))
}

// WriteFrom is [Settings.WriteFile] of a content that is not held in memory as a whole.
func (s Settings) WriteFrom(path string, content io.Reader) error {
	return s.within(path, func(root *os.Root, name string) error {
		next := name + ".new"
		if err := root.RemoveAll(next); err != nil {
			return err
		}
		f, err := openIn(root, next, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		if err := errors.Join(err, s.give(f), f.Close()); err != nil {
			return err
		}
		return root.Rename(next, name)
	})
}

// Open opens a file of the database to read.
func (s Settings) Open(path string) (f *os.File, err error) {
	err = s.within(path, func(root *os.Root, name string) error {
		f, err = openIn(root, name, os.O_RDONLY)
		return err
	})
	return f, err
}

// ReadFile reads a small file of the database.
func (s Settings) ReadFile(path string) ([]byte, error) {
	f, err := s.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	const most = 64 << 10
	return io.ReadAll(io.LimitReader(f, most))
}

// RemoveAll removes files and directories of the database, where they are there.
func (s Settings) RemoveAll(paths ...string) error {
	for _, path := range paths {
		if err := s.within(path, func(root *os.Root, name string) error { return root.RemoveAll(name) }); err != nil {
			return err
		}
	}
	return nil
}

// openAppend opens a file to append to in a directory of the database that is this process's own, whatever lay there before.
func (s Settings) openAppend(dir, name string) (f *os.File, err error) {
	err = s.within(s.Path(dir, name), func(root *os.Root, path string) error {
		own, err := makeIn(root, dir)
		if err != nil {
			return err
		}
		if err := errors.Join(own.Chown(os.Geteuid(), os.Getegid()), own.Chmod(0o700), own.Close()); err != nil {
			return err
		}
		if info, err := root.Lstat(path); err == nil && !plainFile(info) {
			if err := root.RemoveAll(path); err != nil {
				return err
			}
		}
		if f, err = openIn(root, path, os.O_RDWR|os.O_APPEND|os.O_CREATE); err != nil {
			return err
		}
		return errors.Join(f.Chown(os.Geteuid(), os.Getegid()), f.Chmod(0o600))
	})
	if err != nil && f != nil {
		_ = f.Close()
	}
	return f, err
}
