package archive

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"strongroom/clock"
)

// stagingDir holds files that are being written; their names are no object names.
const stagingDir = ".staging"

// stagingLife is how old a file of stagingDir is at least if whoever wrote it has been killed: writing one takes seconds.
const stagingLife = 24 * time.Hour

// Dir is a [Store] in a directory of a local file system. An object is a file. A new one is written beside, brought to
// disk, and only then linked to its name, and the folders that changed are brought to disk too: whoever loses power
// after Create returned finds it. So does who has found an object that a killed process stored: the names in a folder are brought
// to disk before this process looks at them first.
type Dir struct {
	root string
	disk disk

	mu    sync.Mutex
	known map[string]bool // folders that are there and on disk

	settled sync.Map // folders, of which all that other processes have left is on disk
}

// NewDir opens the directory as a store and makes it if need be.
func NewDir(root string) (*Dir, error) { return newDir(root, system{}) }

func newDir(root string, on disk) (*Dir, error) {
	d := &Dir{root: filepath.Clean(root), disk: on, known: map[string]bool{}}
	err := makeFolders(on, filepath.Join(d.root, stagingDir))
	if err == nil {
		err = errors.Join(d.sweepStaging(), on.syncDir(d.root), on.syncDir(filepath.Dir(d.root)))
	}
	if err != nil {
		return nil, fmt.Errorf("opening the store %s: %w", root, err)
	}
	return d, nil
}

// makeFolders makes a folder and those above it that are missing, so that they stay.
func makeFolders(on disk, dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() || filepath.Dir(dir) == dir {
		return err
	}
	if err := makeFolders(on, filepath.Dir(dir)); err != nil {
		return err
	}
	if err := on.mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return on.syncDir(filepath.Dir(dir))
}

// settle brings to disk what others have left in a folder, before anybody counts on it. Where that fails, as it may where one can
// only read, it is tried again at the next look.
func (d *Dir) settle(dir string) {
	if _, done := d.settled.Load(dir); !done && d.disk.syncDir(dir) == nil {
		d.settled.Store(dir, struct{}{})
	}
}

// sweepStaging removes what killed processes left half written.
func (d *Dir) sweepStaging() error {
	entries, err := os.ReadDir(filepath.Join(d.root, stagingDir))
	if err != nil {
		return err
	}
	before := clock.Wall.Now().Add(-stagingLife)
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && info.ModTime().Before(before) {
			err = os.Remove(filepath.Join(d.root, stagingDir, entry.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // somebody else was quicker
			return err
		}
	}
	return nil
}

// Create implements [Store].
func (d *Dir) Create(ctx context.Context, name string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	path, err := d.path(name)
	if err != nil {
		return err
	}
	if err := d.ensureDir(filepath.Dir(path)); err != nil {
		return err
	}
	staged, err := d.stage(data)
	if err != nil {
		return fmt.Errorf("creating %s: %w", name, err)
	}
	defer d.disk.remove(staged) //nolint:errcheck // a staged file that stays is no object
	err = d.disk.link(staged, path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("creating %s: %w", name, err)
	}
	// Also if it was there: whoever stored it may not have come so far, and the caller counts on it.
	if synced := d.disk.syncDir(filepath.Dir(path)); synced != nil {
		return fmt.Errorf("creating %s: %w", name, synced)
	}
	if err != nil {
		return fmt.Errorf("creating %s: %w", name, ErrExist)
	}
	return nil
}

// stage writes data to a new file and brings it to disk.
func (d *Dir) stage(data []byte) (path string, err error) {
	var random [12]byte
	_, _ = rand.Read(random[:]) // never fails, says crypto/rand
	path = filepath.Join(d.root, stagingDir, hex.EncodeToString(random[:]))
	file, err := d.disk.create(path)
	if err != nil {
		return "", err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(err, d.disk.remove(path))
	}
	return path, nil
}

// ensureDir makes a folder below the root, with all above it, so that they stay.
func (d *Dir) ensureDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ensureDirLocked(dir)
}

func (d *Dir) ensureDirLocked(dir string) error {
	if dir == d.root || d.known[dir] {
		return nil
	}
	if err := d.ensureDirLocked(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := d.disk.mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := d.disk.syncDir(filepath.Dir(dir)); err != nil {
		return err
	}
	d.known[dir] = true
	return nil
}

// ReadAt implements [Store].
func (d *Dir) ReadAt(ctx context.Context, name string, p []byte, off int64) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	path, err := d.path(name)
	if err != nil {
		return 0, err
	}
	d.settle(filepath.Dir(path))
	n, err := readFileAt(path, isPack(name), p, off)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("reading %s: %w", name, ErrNotExist)
	} else if err != nil && !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("reading %s: %w", name, err)
	}
	return n, err
}

// readFileAt reads from a file, which may stay open for the next one.
func readFileAt(path string, keep bool, p []byte, off int64) (int, error) {
	if keep {
		file, err := packFiles.open(path)
		if err != nil {
			return 0, err
		}
		defer packFiles.done(file)
		return file.ReadAt(p, off)
	}
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close() //nolint:errcheck // only read from
	return file.ReadAt(p, off)
}

// List implements [Store].
func (d *Dir) List(ctx context.Context, prefix string) iter.Seq2[ObjectInfo, error] {
	return func(yield func(ObjectInfo, error) bool) {
		start := d.root
		if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
			start = filepath.Join(d.root, filepath.FromSlash(prefix[:i]))
		}
		err := filepath.WalkDir(start, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case entry.IsDir() && entry.Name() == stagingDir:
				return fs.SkipDir
			case entry.IsDir():
				d.settle(path)
				return ctx.Err()
			}
			rel, err := filepath.Rel(d.root, path)
			if err != nil {
				return err
			}
			name := filepath.ToSlash(rel)
			if !strings.HasPrefix(name, prefix) {
				return nil
			}
			info, err := entry.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			} else if err != nil {
				return err
			}
			if !yield(ObjectInfo{Name: name, Size: info.Size()}, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(ObjectInfo{}, fmt.Errorf("listing %s: %w", prefix, err))
		}
	}
}

// Delete implements [Store].
func (d *Dir) Delete(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	path, err := d.path(name)
	if err != nil {
		return err
	}
	defer packFiles.forget(path)
	if err := d.disk.remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("deleting %s: %w", name, err)
	}
	// Also if it was gone: whoever removed it may not have come so far.
	if err := d.disk.syncDir(filepath.Dir(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("deleting %s: %w", name, err)
	}
	return nil
}

// path is the file of an object.
func (d *Dir) path(name string) (string, error) {
	if !fs.ValidPath(name) || name == "." || strings.HasPrefix(name, stagingDir) {
		return "", fmt.Errorf("%q is not an object name", name)
	}
	return filepath.Join(d.root, filepath.FromSlash(name)), nil
}

var _ Store = (*Dir)(nil)
