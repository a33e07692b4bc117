package s3store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"strongroom/archive"
	"strongroom/clock"
)

// Options say how a bucket is used.
type Options struct {
	// Prefix is what the names of all objects begin with: "strongroom/", say.
	Prefix string
	// Parallel is how many requests the archive may have under way at once. Default: 16.
	Parallel int
	// Patience is for how long a request that fails in passing is tried again. Default: two minutes.
	Patience time.Duration
	// Stall is how long an answer may take before the request is given up and tried again, to which a second comes for every
	// 256 KiB that it carries. Default: 30 seconds.
	Stall time.Duration
	// SoleWriter says that this process alone writes below the prefix. Then a store is good enough that does not know
	// conditional writes: before an object is made it is looked whether its name is free.
	SoleWriter bool
	// Encryption and KMSKeyID ask the service to encrypt at rest what is sealed already, for buckets that insist.
	Encryption types.ServerSideEncryption
	KMSKeyID   string
	// Clock times the waiting between attempts. Default: [clock.Wall].
	Clock clock.Clock
}

func (o Options) withDefaults() Options {
	if o.Parallel <= 0 {
		o.Parallel = 16
	}
	if o.Patience <= 0 {
		o.Patience = 2 * time.Minute
	}
	if o.Stall <= 0 {
		o.Stall = 30 * time.Second
	}
	if o.Clock == nil {
		o.Clock = clock.Wall
	}
	return o
}

// Store is an [archive.Store] in a bucket. Its methods may be called at once.
type Store struct {
	client *s3.Client
	bucket string
	opts   Options

	probing     sync.Mutex
	conditional bool // creating what is there has been seen to fail

	names sync.Map // of objects that are being made, where the store does not know conditional writes: *sync.Mutex
	alone bool     // batches of deletions are refused; guarded by probing
}

// New takes a bucket as a store. The client should not retry by itself: the store does, and tells apart what may have been
// done from what was not.
func New(client *s3.Client, bucket string, opts Options) *Store {
	return &Store{client: client, bucket: bucket, opts: opts.withDefaults()}
}

// Parallel implements [archive.Remote].
func (s *Store) Parallel() int { return s.opts.Parallel }

func (s *Store) key(name string) *string { return aws.String(s.opts.Prefix + name) }

// Create implements [archive.Store].
func (s *Store) Create(ctx context.Context, name string, data []byte) error {
	sole, err := s.probe(ctx)
	if err == nil && sole {
		defer s.lock(name)()
		if err = s.free(ctx, name); err == nil {
			_, err = s.put(ctx, name, data, nil)
		}
	} else if err == nil {
		err = s.create(ctx, name, data)
	}
	if err != nil {
		return fmt.Errorf("creating %s: %w", name, err)
	}
	return nil
}

// create stores an object on condition that there is none. An attempt whose answer was lost may have stored it, and then
// the next one is refused: what lies there tells whether it was ours.
func (s *Store) create(ctx context.Context, name string, data []byte) error {
	attempts, err := s.put(ctx, name, data, aws.String("*"))
	if !errors.Is(err, archive.ErrExist) || attempts == 1 {
		return err
	}
	there, readErr := s.ReadObject(ctx, name, len(data))
	if readErr == nil && bytes.Equal(there, data) {
		return nil
	}
	return err
}

func (s *Store) put(ctx context.Context, name string, data []byte, ifNoneMatch *string) (attempts int, err error) {
	return s.retry(ctx, len(data), func(ctx context.Context) error {
		in := &s3.PutObjectInput{
			Bucket: &s.bucket, Key: s.key(name), Body: bytes.NewReader(data), ContentLength: aws.Int64(int64(len(data))),
			ContentType: aws.String("application/octet-stream"), IfNoneMatch: ifNoneMatch, ServerSideEncryption: s.opts.Encryption,
		}
		if s.opts.KMSKeyID != "" {
			in.SSEKMSKeyId = &s.opts.KMSKeyID
		}
		_, err := s.client.PutObject(ctx, in)
		return err
	})
}

// ReadAt implements [archive.Store].
func (s *Store) ReadAt(ctx context.Context, name string, p []byte, off int64) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	ended := false
	_, err = s.retry(ctx, len(p), func(ctx context.Context) error {
		// What an attempt before has brought is good, as far as it came.
		got, end, err := s.readRange(ctx, name, p[n:], off+int64(n))
		n, ended = n+got, end
		return err
	})
	switch {
	case err != nil:
		return n, fmt.Errorf("reading %s: %w", name, err)
	case ended:
		return n, io.EOF
	}
	return n, nil
}

// readRange asks for a part of an object once. The object ends before p does if ended says so, and else p is full or there
// is an error.
func (s *Store) readRange(ctx context.Context, name string, p []byte, off int64) (n int, ended bool, err error) {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &s.bucket, Key: s.key(name), Range: aws.String(fmt.Sprintf("bytes=%d-%d", off, off+int64(len(p))-1)),
	})
	if code(err) == "InvalidRange" {
		return 0, true, nil
	} else if err != nil {
		return 0, false, err
	}
	defer out.Body.Close() //nolint:errcheck // what counts was read to its end
	start, total, err := contentRange(out)
	if err != nil {
		return 0, false, err
	}
	if start < off { // the whole object, from somebody who knows no ranges
		if skipped, err := io.CopyN(io.Discard, out.Body, min(off, total)-start); err != nil {
			return 0, false, short(err, skipped, off-start)
		}
	}
	if total <= off {
		return 0, true, nil
	}
	want := min(int64(len(p)), total-off)
	n, err = io.ReadFull(out.Body, p[:want])
	if err != nil {
		return n, false, short(err, int64(n), want)
	}
	return n, want < int64(len(p)), nil
}

// contentRange tells where in the object an answer begins, and how long the object is.
func contentRange(out *s3.GetObjectOutput) (start, total int64, err error) {
	if out.ContentRange == nil {
		if out.ContentLength == nil {
			return 0, 0, errors.New("the store does not say how long its answer is")
		}
		return 0, *out.ContentLength, nil
	}
	span, size, ok := strings.Cut(strings.TrimPrefix(*out.ContentRange, "bytes "), "/")
	first, _, ranged := strings.Cut(span, "-")
	if ok && ranged {
		start, err = strconv.ParseInt(first, 10, 64)
		if err == nil {
			total, err = strconv.ParseInt(size, 10, 64)
		}
	}
	if !ok || !ranged || err != nil {
		return 0, 0, fmt.Errorf("the store answers the range %q", *out.ContentRange)
	}
	return start, total, nil
}

// ReadObject implements [archive.Remote], by one request.
func (s *Store) ReadObject(ctx context.Context, name string, limit int) (data []byte, err error) {
	_, err = s.retry(ctx, limit, func(ctx context.Context) error {
		out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: s.key(name)})
		if err != nil {
			return err
		}
		defer out.Body.Close() //nolint:errcheck // what counts was read to its end
		if out.ContentLength == nil {
			return errors.New("the store does not say how long its answer is")
		}
		if *out.ContentLength > int64(limit) {
			return fmt.Errorf("%w: it is larger than %d bytes", archive.ErrDamaged, limit)
		}
		data = make([]byte, *out.ContentLength)
		if n, err := io.ReadFull(out.Body, data); err != nil {
			return short(err, int64(n), int64(len(data)))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return data, nil
}

// List implements [archive.Store].
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[archive.ObjectInfo, error] {
	return func(yield func(archive.ObjectInfo, error) bool) {
		in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: s.key(prefix)}
		for {
			var page *s3.ListObjectsV2Output
			_, err := s.retry(ctx, 1<<20, func(ctx context.Context) (err error) {
				page, err = s.client.ListObjectsV2(ctx, in)
				return err
			})
			if err != nil {
				yield(archive.ObjectInfo{}, fmt.Errorf("listing %s: %w", prefix, err))
				return
			}
			for _, o := range page.Contents {
				name := strings.TrimPrefix(aws.ToString(o.Key), s.opts.Prefix)
				if name == probeName {
					continue
				}
				if !yield(archive.ObjectInfo{Name: name, Size: aws.ToInt64(o.Size)}, nil) {
					return
				}
			}
			if !aws.ToBool(page.IsTruncated) {
				return
			}
			if aws.ToString(page.NextContinuationToken) == "" {
				yield(archive.ObjectInfo{}, fmt.Errorf("listing %s: the store says that there is more, but not where", prefix))
				return
			}
			in.ContinuationToken = page.NextContinuationToken
		}
	}
}

// Delete implements [archive.Store].
func (s *Store) Delete(ctx context.Context, name string) error {
	_, err := s.retry(ctx, 0, func(ctx context.Context) error {
		_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: s.key(name)})
		return err
	})
	if err != nil && !errors.Is(err, archive.ErrNotExist) {
		return fmt.Errorf("deleting %s: %w", name, err)
	}
	return nil
}

// maxBatch is how many objects one request removes at most (API reference of S3, DeleteObjects).
const maxBatch = 1000

// DeleteAll implements [archive.Remote].
func (s *Store) DeleteAll(ctx context.Context, names []string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s.opts.Parallel)
	for len(names) > 0 && ctx.Err() == nil {
		n := min(len(names), maxBatch)
		batch := names[:n]
		names = names[n:]
		group.Go(func() error { return s.deleteBatch(ctx, batch) })
	}
	return group.Wait()
}

func (s *Store) deleteBatch(ctx context.Context, names []string) error {
	if len(names) == 1 || s.singly() {
		return s.deleteSingly(ctx, names)
	}
	left := names
	_, err := s.retry(ctx, 1<<20, func(ctx context.Context) error {
		in := &s3.DeleteObjectsInput{Bucket: &s.bucket, Delete: &types.Delete{Quiet: aws.Bool(true)}}
		for _, name := range left {
			in.Delete.Objects = append(in.Delete.Objects, types.ObjectIdentifier{Key: s.key(name)})
		}
		out, err := s.client.DeleteObjects(ctx, in)
		if err != nil {
			return err
		}
		left = nil
		for i := range out.Errors {
			if e := &out.Errors[i]; aws.ToString(e.Code) != "NoSuchKey" {
				left = append(left, strings.TrimPrefix(aws.ToString(e.Key), s.opts.Prefix))
				err = &keyError{e}
			}
		}
		return err
	})
	switch code(err) {
	case "":
	case "NotImplemented", "MethodNotAllowed", "MissingContentMD5", "InvalidRequest":
		s.probing.Lock()
		s.alone = true
		s.probing.Unlock()
		return s.deleteSingly(ctx, names)
	}
	if err != nil {
		return fmt.Errorf("deleting %d objects, %s the first: %w", len(left), left[0], err)
	}
	return nil
}

func (s *Store) singly() bool {
	s.probing.Lock()
	defer s.probing.Unlock()
	return s.alone
}

func (s *Store) deleteSingly(ctx context.Context, names []string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s.opts.Parallel)
	for _, name := range names {
		group.Go(func() error { return s.Delete(ctx, name) })
	}
	return group.Wait()
}

var _ archive.Remote = (*Store)(nil)
