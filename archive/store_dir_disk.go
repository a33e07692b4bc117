package archive

import (
	"errors"
	"io"
	"os"
)

// A disk is what a [Dir] changes a file system through, one system call a method: the system's, or in tests one whose power fails.
// Nothing is on disk for good before it was synced: what a file holds by its Sync, and names by that of their folder.
type disk interface {
	// create makes a file that must not be there.
	create(path string) (diskFile, error)
	link(from, to string) error
	remove(path string) error
	mkdir(path string) error
	// syncDir brings a folder's list of names to disk.
	syncDir(path string) error
}

type diskFile interface {
	io.WriteCloser
	Sync() error
}

// system is the operating system's disk.
type system struct{}

func (system) create(path string) (diskFile, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

func (system) link(from, to string) error { return os.Link(from, to) }

func (system) remove(path string) error { return os.Remove(path) }

func (system) mkdir(path string) error { return os.Mkdir(path, 0o700) }

func (system) syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
