package s3

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// A bundle is a file with the contents of several objects that are written and committed together, each of one segment at most: one
// file to make and to sync for all of them. Each is sealed by itself, so that it can be read, and removed, alone: a content that is
// removed becomes a hole in the file, and with the last one the file goes.
type bundle struct {
	files  *files
	region string
	file   int64
	out    *os.File
	buf    []byte // sealed and not yet written
	end    int64  // of what is sealed
}

// bundleMagic begins a bundle, so that no content begins at 0, which stands for a file of its own.
const bundleMagic = "strongroom s3 bundle\n"

// mostUnwritten is how much of a bundle is gathered for one write.
const mostUnwritten = 256 << 10

func (f *files) newBundle(region string) (*bundle, error) {
	file, err := f.allot(region)
	if err != nil {
		return nil, fmt.Errorf("making a directory for contents: %w", err)
	}
	out, err := os.OpenFile(f.path(region, file), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &bundle{files: f, region: region, file: file, out: out, buf: []byte(bundleMagic), end: int64(len(bundleMagic))}, nil
}

// add seals a content into the bundle. An empty one takes no place.
func (b *bundle) add(dataKey, plain []byte) (content, error) {
	c := content{region: b.region}
	if len(plain) == 0 {
		return c, nil
	}
	c.spot, c.size = spot{b.file, b.end}, int64(len(plain))
	var err error
	if b.buf, err = sealSegment(b.buf, dataKey, c.spot, plain); err != nil {
		return c, err
	}
	b.end += c.size + segmentOverhead
	if len(b.buf) >= mostUnwritten {
		err = b.flush()
	}
	return c, err
}

func (b *bundle) flush() error {
	_, err := b.out.Write(b.buf)
	b.buf = b.buf[:0]
	return err
}

// close writes the rest and makes the file durable, though not its directory.
func (b *bundle) close() error {
	return errors.Join(b.flush(), b.out.Sync(), b.out.Close())
}

// abandon removes a bundle that no row names.
func (b *bundle) abandon() {
	_ = b.out.Close()
	_ = os.Remove(b.files.path(b.region, b.file)) // swept at a later start, if it stays
}

// hold keeps a content of a bundle until release is called. One that was removed is fs.ErrNotExist.
func (f *files) hold(c content) (release func(), err error) {
	f.pinning.Lock()
	defer f.pinning.Unlock()
	if f.holes[c.file][c.offset] {
		return nil, fs.ErrNotExist
	}
	f.pins[c.spot]++
	return func() { f.unpin([]content{c}) }, nil
}

// drop removes a content that nobody pins, and reports whether others may remain in its file. f.pinning is held.
func (f *files) drop(c content) (shared bool) {
	path := f.path(c.region, c.file)
	if c.offset == 0 {
		_ = os.Remove(path)
		return false
	}
	if f.holes[c.file] == nil {
		f.holes[c.file] = map[int64]bool{}
	}
	f.holes[c.file][c.offset] = true
	if out, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
		_ = punch(out, c.offset, c.size+segmentOverhead) // else it takes its space until the bundle goes
		_ = out.Close()
	}
	return true
}

// dropEmpty removes the bundles of contents that were dropped, as far as no row names them any more.
func (f *files) dropEmpty(contents []content) {
	asked := map[int64]bool{}
	for _, c := range contents {
		if asked[c.file] {
			continue
		}
		asked[c.file] = true
		if holds, err := f.holds(c.file); err != nil || holds {
			continue // swept at a later start, at the latest
		}
		_ = os.Remove(f.path(c.region, c.file))
		f.pinning.Lock()
		delete(f.holes, c.file) // who reads a row of it, as it was, finds no file
		f.pinning.Unlock()
	}
}
