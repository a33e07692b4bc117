package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// sameTree compares the files of two trees: their names, permissions, times of modification and the SHA-256 of their
// content.
func sameTree(ctx context.Context, want, got string) error {
	count := func(root string) (n int, err error) {
		err = filepath.WalkDir(root, func(_ string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				n++
			}
			return err
		})
		return n, err
	}
	wanted, err := count(want)
	if err != nil {
		return err
	}
	if there, err := count(got); err != nil || there != wanted {
		return fmt.Errorf("%d files were restored and there were %d (%w)", there, wanted, err)
	}
	return filepath.WalkDir(want, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		rel, err := filepath.Rel(want, path)
		if err != nil {
			return err
		}
		other := filepath.Join(got, rel)
		if err := sameStat(path, other); err != nil {
			return err
		}
		return sameFile(ctx, path, other)
	})
}

func sameStat(want, got string) error {
	a, err := os.Stat(want)
	if err != nil {
		return err
	}
	b, err := os.Stat(got)
	if err != nil {
		return err
	}
	if a.Mode() != b.Mode() || !a.ModTime().Equal(b.ModTime()) {
		return fmt.Errorf("%s is of %s %s, and %s of %s %s", want, a.Mode(), a.ModTime(), got, b.Mode(), b.ModTime())
	}
	return nil
}

// sameFile compares the content of two files by their SHA-256.
func sameFile(ctx context.Context, want, got string) error {
	a, err := hashFile(ctx, want)
	if err != nil {
		return err
	}
	b, err := hashFile(ctx, got)
	if err != nil {
		return err
	}
	if !bytes.Equal(a, b) {
		return fmt.Errorf("%s was not restored: %s has SHA-256 %x, not %x", want, got, b, a)
	}
	return nil
}

func hashFile(ctx context.Context, path string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}
