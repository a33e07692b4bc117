package s3

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/minio/sio"

	"strongroom/internal/state"
)

// A file's name is its id in hexadecimal, and the id's upper bits name its directory.
const filesPerDir = 1024

// Contents are sealed in segments of this many bytes of content, each of which grows by segmentOverhead: DARE 2.0, which
// is AES-256-GCM with the segment's number in the nonce and a mark on the last.
const (
	segmentSize     = 64 << 10
	segmentOverhead = 32
)

// files holds the contents of objects and parts: a file each, or a part of a [bundle], which is written once, under a name that
// is never used again. That is why no file needs to be renamed into place: until a row names it, it does not exist for anybody.
type files struct {
	dir string

	mu    sync.Mutex
	next  int64           // the id of the next file; guarded by mu
	first int64           // the first id of this process
	made  map[string]bool // directories that exist and are durable in their parents; guarded by mu

	pinning sync.Mutex
	pins    map[spot]int             // readers that are going to open a file later, or read in a bundle; guarded by pinning
	doomed  map[spot]content         // what to remove once nobody pins it; guarded by pinning
	holes   map[int64]map[int64]bool // by bundle, where contents were removed by this process; guarded by pinning
	// holds reports whether a row names a file.
	holds func(file int64) (bool, error)
}

// A content is where an object's or a part's bytes lie.
type content struct {
	region string
	spot
	size int64 // of the content, not of the file
}

// A spot is a file, or where in a bundle a content begins.
type spot struct {
	file   int64
	offset int64 // 0 in a file of its own
}

func openFiles(ctx context.Context, db *state.DB, dir string) (*files, error) {
	f := &files{dir: dir, made: map[string]bool{}, pins: map[spot]int{}, doomed: map[spot]content{}, holes: map[int64]map[int64]bool{}}
	f.holds = func(file int64) (holds bool, err error) {
		err = db.View(context.WithoutCancel(ctx), func(ctx context.Context, tx *state.Tx) error {
			holds, err = tx.FileHolds(ctx, file)
			return err
		})
		return holds, err
	}
	err := db.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		last, err := tx.LastObjectFile(ctx)
		f.next = last + 1
		return err
	})
	if err != nil {
		return nil, err
	}
	err = f.shards(func(_, _ string, shard int64) error {
		f.next = max(f.next, (shard+1)*filesPerDir)
		return nil
	})
	if err != nil {
		return nil, err
	}
	// A directory belongs to one process, so that the sweep of what others left never meets what this one writes.
	f.next = (f.next + filesPerDir - 1) / filesPerDir * filesPerDir
	f.next = max(f.next, filesPerDir)
	f.first = f.next
	return f, nil
}

// shards calls fn for every directory of contents.
func (f *files) shards(fn func(region, path string, shard int64) error) error {
	regions, err := os.ReadDir(filepath.Join(f.dir, "regions"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, region := range regions {
		parent := filepath.Join(f.dir, "regions", region.Name(), "s3")
		shards, err := os.ReadDir(parent)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for _, entry := range shards {
			shard, err := strconv.ParseInt(entry.Name(), 16, 64)
			if err != nil {
				continue // not ours
			}
			if err := fn(region.Name(), filepath.Join(parent, entry.Name()), shard); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *files) shardDir(region string, file int64) string {
	return filepath.Join(f.dir, "regions", region, "s3", fmt.Sprintf("%08x", file/filesPerDir))
}

func (f *files) path(region string, file int64) string {
	return filepath.Join(f.shardDir(region, file), strconv.FormatInt(file, 16))
}

// allot returns the id of a new file and makes its directory.
func (f *files) allot(region string) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	dir := f.shardDir(region, f.next)
	if !f.made[dir] {
		if err := makeDir(dir); err != nil {
			return 0, err
		}
		f.made[dir] = true
	}
	id := f.next
	f.next++
	return id, nil
}

// makeDir makes a directory and its parents durably.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// sealingKey is the key of a content. Each has its own, derived from its object's, because the parts of an upload share one
// data key, and so do objects under a bucket key.
func sealingKey(dataKey []byte, p spot) ([]byte, error) {
	info := "strongroom s3 file " + strconv.FormatInt(p.file, 16)
	if p.offset != 0 {
		info += " at " + strconv.FormatInt(p.offset, 16)
	}
	return hkdf.Key(sha256.New, dataKey, nil, info, 32)
}

// sealing is the configuration of a file's sealing.
func sealing(dataKey []byte, p spot) (sio.Config, error) {
	key, err := sealingKey(dataKey, p)
	return sio.Config{MinVersion: sio.Version20, MaxVersion: sio.Version20, CipherSuites: []byte{sio.AES_256_GCM}, Key: key}, err
}

// write stores all of r under a new id and syncs the file, though not its directory, which [committer] does. An empty
// content has no file. An error of r comes back as it is.
func (f *files) write(region string, dataKey []byte, r io.Reader) (content, error) {
	c := content{region: region}
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	n, whole, err := fill(r, *buf)
	if err != nil || n == 0 {
		return c, err
	}
	if c.file, err = f.allot(region); err != nil {
		return c, fmt.Errorf("making a directory for contents: %w", err)
	}
	path := f.path(region, c.file)
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return c, err
	}
	if whole && n <= segmentSize {
		c.size, err = int64(n), writeSegment(out, dataKey, c.spot, (*buf)[:n])
	} else {
		c.size, err = seal(out, dataKey, c.spot, *buf, n, r, whole)
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return c, errors.Join(err, os.Remove(path))
	}
	return c, nil
}

// seal writes the n bytes in buf and then, unless they are the whole, the rest of r, and syncs.
func seal(out *os.File, dataKey []byte, p spot, buf []byte, n int, r io.Reader, whole bool) (size int64, err error) {
	config, err := sealing(dataKey, p)
	if err != nil {
		return 0, err
	}
	w, err := sio.EncryptWriter(struct{ io.Writer }{out}, config)
	if err != nil {
		return 0, err
	}
	for {
		if _, err := w.Write(buf[:n]); err != nil {
			return size, err
		}
		size += int64(n)
		if whole {
			break
		}
		if n, whole, err = fill(r, buf); err != nil {
			return size, err
		}
	}
	if err := w.Close(); err != nil {
		return size, err
	}
	return size, out.Sync()
}

// fill reads until buf is full or r ends. Unlike io.ReadFull it leaves an io.ErrUnexpectedEOF of r, an upload that broke
// off, an error.
func fill(r io.Reader, buf []byte) (n int, ended bool, err error) {
	for n < len(buf) {
		more, err := r.Read(buf[n:])
		n += more
		if err == io.EOF { // a wrapped io.EOF is not the end
			return n, true, nil
		}
		if err != nil {
			return n, false, err
		}
	}
	return n, false, nil
}

// copyBuffers hold two segments each.
var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 2*segmentSize); return &b }}

// read opens length bytes of a content from start on. A content that was removed is fs.ErrNotExist.
func (f *files) read(c content, dataKey []byte, start, length int64) (io.ReadCloser, error) {
	if length == 0 {
		return io.NopCloser(eof{}), nil
	}
	if c.size <= segmentSize {
		plain, err := f.readSegment(c, dataKey)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(bytes.NewReader(plain[start : start+length])), nil
	}
	config, err := sealing(dataKey, c.spot)
	if err != nil {
		return nil, err
	}
	in, err := os.Open(f.path(c.region, c.file))
	if err != nil {
		return nil, err
	}
	segment := start / segmentSize
	config.SequenceNumber = uint32(segment)
	if _, err := in.Seek(segment*(segmentSize+segmentOverhead), io.SeekStart); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	r, err := sio.DecryptReader(in, config)
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	if _, err := io.CopyN(io.Discard, r, start%segmentSize); err != nil {
		return nil, errors.Join(fmt.Errorf("reading contents %x: %w", c.file, err), in.Close())
	}
	return &fileReader{r: r, left: length, file: in, id: c.file}, nil
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// fileReader gives exactly left bytes, or an error.
type fileReader struct {
	r    io.Reader
	left int64
	file *os.File
	id   int64
}

func (r *fileReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.r.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	if errors.Is(err, io.EOF) {
		err = nil
		if r.left > 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	if err != nil {
		err = fmt.Errorf("reading contents %x: %w", r.id, err)
	}
	return n, err
}

func (r *fileReader) Close() error { return r.file.Close() }

// remove removes contents whose rows are gone, all at once for who pins. What cannot be removed now is swept at a later start.
func (f *files) remove(contents ...content) {
	f.pinning.Lock()
	var bundles []content
	for _, c := range contents {
		switch {
		case c.file == 0:
		case f.pins[c.spot] > 0:
			f.doomed[c.spot] = c
		case f.drop(c):
			bundles = append(bundles, c)
		}
	}
	f.pinning.Unlock()
	f.dropEmpty(bundles)
}

// pin keeps files until release is called, which may be called twice, for a reader that opens them one after the other.
// They may be gone already: then the first is not there when it is opened, and none of the others.
func (f *files) pin(contents []content) (release func()) {
	f.pinning.Lock()
	defer f.pinning.Unlock()
	for _, c := range contents {
		f.pins[c.spot]++
	}
	return sync.OnceFunc(func() { f.unpin(contents) })
}

func (f *files) unpin(contents []content) {
	f.pinning.Lock()
	var bundles []content
	for _, c := range contents {
		if f.pins[c.spot]--; f.pins[c.spot] > 0 {
			continue
		}
		delete(f.pins, c.spot)
		if doomed, ok := f.doomed[c.spot]; ok {
			delete(f.doomed, c.spot)
			if f.drop(doomed) {
				bundles = append(bundles, doomed)
			}
		}
	}
	f.pinning.Unlock()
	f.dropEmpty(bundles)
}

// sweep removes the files of earlier processes that no row refers to, and directories left empty.
func (f *files) sweep(ctx context.Context, db *state.DB) (removed int, err error) {
	err = f.shards(func(_, path string, shard int64) error {
		if err := ctx.Err(); err != nil || (shard+1)*filesPerDir > f.first {
			return err
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return err
		}
		live := map[int64]bool{}
		err = db.View(ctx, func(ctx context.Context, tx *state.Tx) error {
			ids, err := tx.ObjectFiles(ctx, shard*filesPerDir, (shard+1)*filesPerDir)
			for _, id := range ids {
				live[id] = true
			}
			return err
		})
		if err != nil {
			return err
		}
		left := len(entries)
		for _, entry := range entries {
			id, err := strconv.ParseInt(entry.Name(), 16, 64)
			if err != nil || live[id] {
				continue
			}
			if err := os.Remove(filepath.Join(path, entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			left--
			removed++
		}
		if left == 0 {
			_ = os.Remove(path) // not empty after all, or gone: either is well
		}
		return nil
	})
	return removed, err
}
