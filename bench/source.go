package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"

	"strongroom/archive"

	"golang.org/x/sys/unix"
)

// A tree is a directory whose files are backed up. It is open, so that what lies in it is found from there on and not from the
// file system's root.
type tree struct {
	*os.File
	root string
}

func openTree(root string) (*tree, error) {
	dir, err := os.Open(root)
	return &tree{dir, root}, err
}

// A file is what is known of a file without opening it.
type file struct {
	key  []byte // its path below the root, with slashes
	meta []byte // its permissions and time of modification
	size int64
}

// list gives all regular files in the order of their keys.
func (t *tree) list() (files []file, err error) {
	err = t.below(".", func(name string) error {
		var stat unix.Stat_t
		if err := unix.Fstatat(int(t.Fd()), name, &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return &fs.PathError{Op: "fstatat", Path: name, Err: err}
		}
		meta := binary.BigEndian.AppendUint32(make([]byte, 0, 12), stat.Mode&0o777)
		meta = binary.BigEndian.AppendUint64(meta, uint64(stat.Mtim.Nano()))
		files = append(files, file{[]byte(name), meta, stat.Size})
		return nil
	})
	slices.SortFunc(files, func(a, b file) int { return bytes.Compare(a.key, b.key) })
	return files, err
}

// below visits the regular files below a folder.
func (t *tree) below(folder string, visit func(name string) error) error {
	entries, err := os.ReadDir(path.Join(t.root, folder))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := path.Join(folder, entry.Name())
		switch {
		case entry.IsDir():
			err = t.below(name, visit)
		case entry.Type().IsRegular():
			err = visit(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// open opens a file.
func (t *tree) open(f file) (archive.Source, error) {
	for {
		fd, err := unix.Openat(int(t.Fd()), string(f.key), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
		if err == nil {
			return source(fd), nil
		} else if !errors.Is(err, unix.EINTR) {
			return nil, &fs.PathError{Op: "openat", Path: string(f.key), Err: err}
		}
	}
}

// A source is a file that is read at once and closed. [os.File] would ask the kernel three times more for each whether it can be
// waited for, which regular files cannot: nearly as long as it takes to read a small one.
type source int

// ReadAt implements [io.ReaderAt].
func (s source) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		got, err := unix.Pread(int(s), p[n:], off+int64(n))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return n, err
		case got == 0:
			return n, io.EOF
		}
		n += got
	}
	return n, nil
}

// Close implements [io.Closer].
func (s source) Close() error { return unix.Close(int(s)) }
