package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// Bucket is a [Store] in a bucket of any service that gocloud.dev/blob knows. For directories take [Dir], which brings
// what it acknowledges to disk.
type Bucket struct {
	bucket *blob.Bucket
}

// NewBucket takes a bucket as a store. Whoever opened the bucket closes it.
func NewBucket(b *blob.Bucket) *Bucket { return &Bucket{b} }

// Create implements [Store].
func (b *Bucket) Create(ctx context.Context, name string, data []byte) error {
	if err := ctx.Err(); err != nil { // not all drivers look
		return err
	}
	err := b.bucket.WriteAll(ctx, name, data, &blob.WriterOptions{
		IfNotExist:                  true,
		ContentType:                 "application/octet-stream",
		DisableContentTypeDetection: true,
	})
	switch gcerrors.Code(err) {
	case gcerrors.OK:
		return nil
	case gcerrors.FailedPrecondition, gcerrors.AlreadyExists:
		return fmt.Errorf("creating %s: %w", name, ErrExist)
	default:
		return fmt.Errorf("creating %s: %w", name, err)
	}
}

// ReadAt implements [Store].
func (b *Bucket) ReadAt(ctx context.Context, name string, p []byte, off int64) (int, error) {
	if err := ctx.Err(); err != nil { // not all drivers look
		return 0, err
	}
	r, err := b.bucket.NewRangeReader(ctx, name, off, int64(len(p)), nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return 0, fmt.Errorf("reading %s: %w", name, ErrNotExist)
	} else if err != nil {
		return b.readPastEnd(ctx, name, off, err)
	}
	n, err := io.ReadFull(r, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	if closeErr := r.Close(); err == nil {
		err = closeErr
	}
	return n, err
}

// readPastEnd turns the refusal of a range that begins at or behind the object's end into io.EOF.
func (b *Bucket) readPastEnd(ctx context.Context, name string, off int64, cause error) (int, error) {
	attrs, err := b.bucket.Attributes(ctx, name)
	if err == nil && off >= attrs.Size {
		return 0, io.EOF
	}
	return 0, fmt.Errorf("reading %s: %w", name, cause)
}

// List implements [Store].
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[ObjectInfo, error] {
	return func(yield func(ObjectInfo, error) bool) {
		list := b.bucket.List(&blob.ListOptions{Prefix: prefix})
		for {
			object, err := list.Next(ctx)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(ObjectInfo{}, fmt.Errorf("listing %s: %w", prefix, err))
				return
			}
			if !yield(ObjectInfo{Name: object.Key, Size: object.Size}, nil) {
				return
			}
		}
	}
}

// Delete implements [Store].
func (b *Bucket) Delete(ctx context.Context, name string) error {
	if err := b.bucket.Delete(ctx, name); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("deleting %s: %w", name, err)
	}
	return nil
}

var _ Store = (*Bucket)(nil)
