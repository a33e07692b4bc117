package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"strongroom/archive"

	"golang.org/x/sync/errgroup"
)

func engineRestore(ctx context.Context, f *flags) (any, error) {
	d, _, err := openVault(ctx, f.vault, f.key)
	if err != nil {
		return nil, err
	}
	p, err := d.Open(ctx, f.point)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(f.to, 0o755); err != nil {
		return nil, err
	}
	if p.Kind() == archive.Volume {
		err = restoreVolume(ctx, p, filepath.Join(f.to, volumeFile))
	} else {
		err = restoreObjects(ctx, p, f.to)
	}
	return p.Summary(), err
}

// restoreObjects writes every entry into a file of its own, several at once.
func restoreObjects(ctx context.Context, p *archive.Point, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // nothing is written through it
	group, files := errgroup.WithContext(ctx)
	group.SetLimit(2 * runtime.GOMAXPROCS(0))
	var last *folder
	for e, err := range p.Entries(ctx, nil) {
		if err != nil {
			return errors.Join(err, group.Wait())
		}
		path, name := filepath.Split(filepath.FromSlash(string(e.Key)))
		if last == nil || last.path != path {
			last.release()
			if last, err = openFolder(root, path); err != nil {
				return errors.Join(err, group.Wait())
			}
		}
		in := last
		in.users.Add(1)
		group.Go(func() error {
			defer in.release()
			return restoreFile(files, in.root, name, e)
		})
	}
	last.release()
	return group.Wait()
}

// A folder is one that files are restored into. It is open until the last of them is there, for a file is opened more cheaply
// from its own folder than from the top.
type folder struct {
	path  string
	root  *os.Root
	users atomic.Int32
}

func openFolder(top *os.Root, path string) (*folder, error) {
	name := filepath.Clean(path)
	if err := top.MkdirAll(name, 0o755); err != nil {
		return nil, err
	}
	root, err := top.OpenRoot(name)
	f := &folder{path: path, root: root}
	f.users.Store(1)
	return f, err
}

func (f *folder) release() {
	if f != nil && f.users.Add(-1) == 0 {
		_ = f.root.Close() // nothing is written through it
	}
}

func restoreFile(ctx context.Context, root *os.Root, name string, e *archive.Entry) (err error) {
	if len(e.Meta) != 12 {
		return fmt.Errorf("%s: the metadata are not a file's", e.Key)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	mode := fs.FileMode(binary.BigEndian.Uint32(e.Meta))
	mtime := time.Unix(0, int64(binary.BigEndian.Uint64(e.Meta[4:])))
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	r := e.Open(ctx)
	_, err = r.WriteTo(file)
	err = errors.Join(err, r.Close(), file.Chmod(mode.Perm()), file.Close())
	return errors.Join(err, root.Chtimes(name, mtime, mtime))
}

// restoreVolume writes what is not zero into a sparse file.
func restoreVolume(ctx context.Context, p *archive.Point, path string) error {
	image, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer image.Close() //nolint:errcheck // closed with its error below
	if err := image.Truncate(p.Size()); err != nil {
		return err
	}
	err = p.WriteVolume(ctx, &oneByOne{w: image}, nil)
	return errors.Join(err, image.Close())
}

// oneByOne lets one write at a time through. The kernel does so anyway for a file, but has the processor of who waits wait as well.
type oneByOne struct {
	mu sync.Mutex
	w  io.WriterAt
}

// WriteAt implements [io.WriterAt].
func (o *oneByOne) WriteAt(p []byte, off int64) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.WriteAt(p, off)
}
