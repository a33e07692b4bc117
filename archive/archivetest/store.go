package archivetest

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync/atomic"

	"strongroom/archive"
)

// Counting counts what goes to and comes from a store.
type Counting struct {
	archive.Store

	Creates, Reads, Lists, Deletes atomic.Int64
	BytesRead, BytesWritten        atomic.Int64
}

// Reset sets all counts to zero.
func (c *Counting) Reset() {
	for _, n := range []*atomic.Int64{&c.Creates, &c.Reads, &c.Lists, &c.Deletes, &c.BytesRead, &c.BytesWritten} {
		n.Store(0)
	}
}

// Create implements [archive.Store].
func (c *Counting) Create(ctx context.Context, name string, data []byte) error {
	c.Creates.Add(1)
	c.BytesWritten.Add(int64(len(data)))
	return c.Store.Create(ctx, name, data)
}

// ReadAt implements [archive.Store].
func (c *Counting) ReadAt(ctx context.Context, name string, p []byte, off int64) (int, error) {
	c.Reads.Add(1)
	n, err := c.Store.ReadAt(ctx, name, p, off)
	c.BytesRead.Add(int64(n))
	return n, err
}

// List implements [archive.Store].
func (c *Counting) List(ctx context.Context, prefix string) iter.Seq2[archive.ObjectInfo, error] {
	c.Lists.Add(1)
	return c.Store.List(ctx, prefix)
}

// Delete implements [archive.Store].
func (c *Counting) Delete(ctx context.Context, name string) error {
	c.Deletes.Add(1)
	return c.Store.Delete(ctx, name)
}

// Names lists the names of a store's objects below a prefix, sorted.
func Names(ctx context.Context, s archive.Store, prefix string) (names []string, err error) {
	for object, err := range s.List(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		names = append(names, object.Name)
	}
	slices.Sort(names)
	return names, nil
}

// Replace puts other bytes in an object's place, as somebody would who has the store but no key.
func Replace(ctx context.Context, s archive.Store, name string, data []byte) error {
	if err := s.Delete(ctx, name); err != nil {
		return err
	}
	return s.Create(ctx, name, data)
}

// Read reads a whole object.
func Read(ctx context.Context, s archive.Store, name string) ([]byte, error) {
	for object, err := range s.List(ctx, name[:strings.LastIndexByte(name, '/')+1]) {
		if err != nil {
			return nil, err
		}
		if object.Name == name {
			data := make([]byte, object.Size)
			_, err := s.ReadAt(ctx, name, data, 0)
			return data, err
		}
	}
	return nil, archive.ErrNotExist
}

var _ archive.Store = (*Counting)(nil)
