package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strings"
	"syscall"

	"strongroom/archive"
)

func engineBackup(ctx context.Context, f *flags) (any, error) {
	d, _, err := openVault(ctx, f.vault, f.key)
	if err != nil {
		return nil, err
	}
	if f.volume != "" {
		return backupVolume(ctx, d, f)
	}
	return backupObjects(ctx, d, f)
}

// backupObjects writes the files of a tree. With a parent it opens only those whose size, mode or time of modification
// is not the parent's, or all of them if they are to be read again.
func backupObjects(ctx context.Context, d *archive.Domain, f *flags) (s archive.Summary, err error) {
	tree, err := openTree(f.objects)
	if err != nil {
		return s, err
	}
	defer tree.Close() //nolint:errcheck // it was only read
	files, err := tree.list()
	if err != nil {
		return s, err
	}
	w, err := d.NewWriter(ctx, archive.WriteOptions{Point: f.point, Parent: f.parent, Kind: archive.Objects})
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, w.Abort()) }()
	before, err := parentEntries(ctx, d, f.parent)
	if err != nil {
		return s, err
	}
	next, stop := iter.Pull2(before)
	defer stop()
	old, err, more := next()
	for _, file := range files {
		for ; err == nil && more && bytes.Compare(old.Key, file.key) < 0; old, err, more = next() {
			if err := w.Remove(ctx, old.Key); err != nil {
				return s, err
			}
		}
		if err != nil {
			return s, err
		}
		if more && bytes.Equal(old.Key, file.key) {
			same := !f.reread && old.Size == file.size && bytes.Equal(old.Meta, file.meta)
			if old, err, more = next(); same {
				continue
			}
		}
		open := func() (archive.Source, error) { return tree.open(file) }
		if err := w.PutFrom(ctx, file.key, file.meta, file.size, open); err != nil {
			return s, err
		}
	}
	for ; err == nil && more; old, err, more = next() {
		if err := w.Remove(ctx, old.Key); err != nil {
			return s, err
		}
	}
	if err != nil {
		return s, err
	}
	return w.Commit(ctx)
}

// parentEntries gives the entries of the parent, of which there are none without one.
func parentEntries(ctx context.Context, d *archive.Domain, parent string) (iter.Seq2[*archive.Entry, error], error) {
	if parent == "" {
		return func(func(*archive.Entry, error) bool) {}, nil
	}
	p, err := d.Open(ctx, parent)
	if err != nil {
		return nil, err
	}
	return p.Entries(ctx, nil), nil
}

// backupVolume writes what a list says has changed, or else all that is not in holes: over a parent, if there is one, to see
// what of it differs.
func backupVolume(ctx context.Context, d *archive.Domain, f *flags) (s archive.Summary, err error) {
	image, err := os.Open(f.volume)
	if err != nil {
		return s, err
	}
	defer image.Close() //nolint:errcheck // it was only read
	info, err := image.Stat()
	if err != nil {
		return s, err
	}
	opts := archive.WriteOptions{Point: f.point, Parent: f.parent, Kind: archive.Volume, BlockSize: archive.BlockSize, Size: info.Size()}
	w, err := d.NewWriter(ctx, opts)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, w.Abort()) }()
	parts, buf := written(image, info.Size()), make([]byte, archive.BlockSize)
	if f.changed != "" {
		parts = listed(f.changed)
	}
	for at, err := range parts {
		if err == nil && f.changed == "" && f.parent != "" {
			err = w.CompareRangeFrom(ctx, at.off, at.size, image)
		} else if err == nil {
			err = putStretch(ctx, w, image, at, buf)
		}
		if err != nil {
			return s, err
		}
	}
	return w.Commit(ctx)
}

// putStretch puts what lies at a stretch, by way of a buffer.
func putStretch(ctx context.Context, w *archive.Writer, image *os.File, at stretch, buf []byte) error {
	for at.size > 0 {
		n := min(at.size, int64(len(buf)))
		if _, err := image.ReadAt(buf[:n], at.off); err != nil {
			return err
		}
		if err := w.PutRange(ctx, at.off, buf[:n]); err != nil {
			return err
		}
		at.off, at.size = at.off+n, at.size-n
	}
	return nil
}

// listedBlocks yields the numbers of the blocks that a list touches.
func listedBlocks(path string, size int64) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		next := int64(0)
		for at, err := range listed(path) {
			if err != nil {
				yield(0, err)
				return
			}
			for next = max(next, at.off/archive.BlockSize); next*archive.BlockSize < min(size, at.off+at.size); next++ {
				if !yield(next, nil) {
					return
				}
			}
		}
	}
}

// listed yields what a list says has changed.
func listed(path string) iter.Seq2[stretch, error] {
	return func(yield func(stretch, error) bool) {
		list, err := os.ReadFile(path)
		if err != nil {
			yield(stretch{}, err)
			return
		}
		for line := range strings.Lines(string(list)) {
			var at stretch
			_, err := fmt.Sscan(line, &at.off, &at.size)
			if !yield(at, err) {
				return
			}
		}
	}
}

const (
	seekData = 3 // lseek(2): the next byte that is not in a hole
	seekHole = 4 // lseek(2): the next hole
)

// writtenBlocks yields the numbers of the blocks of a file that are not wholly in holes.
func writtenBlocks(image *os.File, size int64) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		var next int64
		for at, err := range written(image, size) {
			if err != nil {
				yield(0, err)
				return
			}
			for next = max(next, at.off/archive.BlockSize); next*archive.BlockSize < at.off+at.size; next++ {
				if !yield(next, nil) {
					return
				}
			}
		}
	}
}

// written yields what of a file does not lie in holes, in whole pages but at its end.
func written(image *os.File, size int64) iter.Seq2[stretch, error] {
	return func(yield func(stretch, error) bool) {
		for off := int64(0); off < size; {
			data, err := image.Seek(off, seekData)
			if errors.Is(err, syscall.ENXIO) { // there is only a hole left
				return
			} else if err != nil {
				yield(stretch{}, err)
				return
			}
			hole, err := image.Seek(data, seekHole)
			if err != nil {
				yield(stretch{}, err)
				return
			}
			data = max(off, data/page*page)
			if off = min((hole+page-1)/page*page, size); !yield(stretch{data, off - data}, nil) {
				return
			}
		}
	}
}
