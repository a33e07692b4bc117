package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// reading is what GetObject and HeadObject have in common.
type reading struct {
	bucket     state.Bucket
	object     state.Object
	span       span
	parts      *int32
	partNumber int64
	checksum   string // of the part or the whole that is read; "" where only some of it is
}

// prepare finds the version that a read names and the part of it that is wanted.
func (s *Service) prepare(ctx context.Context, c *api.Caller, method string, bucket, key, version, rangeHeader *string, part *int32, conditions conditions) (reading, error) {
	b, err := s.bucket(ctx, c, bucket)
	if err != nil {
		return reading{}, err
	}
	if part != nil && (*part < 1 || *part > mostParts) {
		return reading{}, invalidArgument("partNumber", strconv.Itoa(int(*part)), "Part number must be an integer between 1 and 10000, inclusive")
	}
	o, err := s.readable(ctx, c, b, *key, str(version), method)
	if err != nil {
		return reading{}, err
	}
	conditions.notModifiedStatus = http.StatusNotModified
	if err := conditions.hold(o); err != nil {
		return reading{}, err
	}
	r := reading{bucket: b, object: o, span: span{length: o.Size}, checksum: o.Checksum}
	switch {
	case part != nil && rangeHeader != nil:
		return r, invalidRequest("Cannot specify both Range header and partNumber query parameter")
	case part != nil:
		r.partNumber = int64(*part)
		err = s.choosePart(ctx, &r)
	case rangeHeader != nil:
		if r.span, err = parseRange(*rangeHeader, o.Size); r.span.partial {
			r.checksum = ""
		}
	}
	return r, err
}

// choosePart sets what is read to one part of the upload that the object came from.
func (s *Service) choosePart(ctx context.Context, r *reading) error {
	o, number := r.object, r.partNumber
	if o.UploadID == "" {
		if number != 1 {
			return failure(http.StatusRequestedRangeNotSatisfiable, "InvalidPartNumber", "The requested partnumber is not satisfiable")
		}
		r.span.partial = o.Size > 0
		return nil
	}
	var parts []state.UploadPart
	err := s.view(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		parts, err = tx.UploadParts(ctx, o.UploadID, 0, mostParts)
		return err
	})
	if err != nil {
		return err
	}
	start := int64(0)
	for i, p := range parts {
		if int64(i+1) == number {
			r.span, r.parts, r.checksum = span{start, p.Size, true}, ptr(int32(len(parts))), ""
			if o.ChecksumType == composite { // of an upload with a checksum of the whole, S3 does not tell those of parts here
				r.checksum = p.Checksum
			}
			return nil
		}
		start += p.Size
	}
	return failure(http.StatusRequestedRangeNotSatisfiable, "InvalidPartNumber", "The requested partnumber is not satisfiable")
}

// GetObject opens an object. The body authenticates every segment before it gives a byte of it.
func (s *Service) GetObject(ctx context.Context, c *api.Caller, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	if c.ARN == "" && c.Service == "" && (in.ResponseCacheControl != nil || in.ResponseContentDisposition != nil || in.ResponseContentEncoding != nil ||
		in.ResponseContentLanguage != nil || in.ResponseContentType != nil || in.ResponseExpires != nil) {
		return nil, invalidRequest("Request specific response headers cannot be used for anonymous GET requests.")
	}
	// The content may be removed by an overwrite after its row was read; then the row is read anew.
	for attempt := 0; ; attempt++ {
		r, err := s.prepare(ctx, c, "GET", in.Bucket, in.Key, in.VersionId, in.Range, in.PartNumber,
			conditions{match: in.IfMatch, noneMatch: in.IfNoneMatch, modified: in.IfModifiedSince, unmodified: in.IfUnmodifiedSince})
		if err != nil {
			return nil, err
		}
		if err := archived(r.object, s.clock.Now()); err != nil {
			return nil, err
		}
		key, err := s.dataKey(ctx, c, r.bucket, r.object, getCustomerKey(in))
		if err != nil {
			return nil, err
		}
		body, err := s.open(ctx, r.bucket, r.object, key, r.span)
		if gone(err) && attempt < 3 {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("opening %s: %w", objectARN(r.bucket.Name, r.object.Key), err)
		}
		return s.output(ctx, c, r, in, body), nil
	}
}

func (s *Service) output(ctx context.Context, c *api.Caller, r reading, in *s3.GetObjectInput, body io.ReadCloser) *s3.GetObjectOutput {
	o := r.object
	out := &s3.GetObjectOutput{
		Body: body, AcceptRanges: ptr("bytes"), ContentLength: &r.span.length, ETag: quoted(o.ETag), LastModified: o.Modified.Ptr(),
		ContentType: optional(o.Headers.ContentType), CacheControl: optional(o.Headers.CacheControl),
		ContentDisposition: optional(o.Headers.ContentDisposition), ContentEncoding: optional(o.Headers.ContentEncoding),
		ContentLanguage: optional(o.Headers.ContentLanguage), ExpiresString: optional(o.Headers.Expires),
		WebsiteRedirectLocation: optional(o.Headers.WebsiteRedirect), Metadata: maps.Clone(o.Headers.Metadata), PartsCount: r.parts,
	}
	if in.VersionId == nil {
		out.Expiration = expiration(r.bucket, o.ObjectVersion)
	}
	if o.StorageClass != string(types.StorageClassStandard) {
		out.StorageClass = types.StorageClass(o.StorageClass)
	}
	if len(o.Tags) > 0 {
		out.TagCount = ptr(int32(len(o.Tags)))
	}
	lock := s.shownLock(ctx, c, r.bucket, o)
	out.ObjectLockMode, out.ObjectLockLegalHoldStatus = types.ObjectLockMode(lock.Mode), types.ObjectLockLegalHoldStatus(lock.Hold)
	if lock.Mode != "" {
		out.ObjectLockRetainUntilDate = lock.Until.Ptr()
	}
	out.Restore = restoreHeader(o, s.clock.Now())
	getCustomerKey(in).tell(&out.SSECustomerAlgorithm, &out.SSECustomerKeyMD5)
	if r.span.partial {
		out.ContentRange = ptr(fmt.Sprintf("bytes %d-%d/%d", r.span.start, r.span.start+r.span.length-1, o.Size))
	}
	for _, each := range []struct {
		header **string
		asked  *string
	}{
		{&out.ContentType, in.ResponseContentType},
		{&out.CacheControl, in.ResponseCacheControl},
		{&out.ContentDisposition, in.ResponseContentDisposition},
		{&out.ContentEncoding, in.ResponseContentEncoding},
		{&out.ContentLanguage, in.ResponseContentLanguage},
	} {
		if each.asked != nil {
			*each.header = each.asked
		}
	}
	if in.ResponseExpires != nil {
		out.ExpiresString = ptr(in.ResponseExpires.UTC().Format(http.TimeFormat))
	}
	if out.ExpiresString != nil {
		if at, err := time.Parse(http.TimeFormat, *out.ExpiresString); err == nil {
			out.Expires = &at //nolint:staticcheck // older clients read it
		}
	}
	if in.ChecksumMode == types.ChecksumModeEnabled && r.checksum != "" {
		setChecksum(out, o.ChecksumAlgorithm, r.checksum)
		out.ChecksumType = types.ChecksumType(o.ChecksumType)
	}
	setEncryption(o, &out.ServerSideEncryption, &out.SSEKMSKeyId, &out.BucketKeyEnabled)
	out.VersionId = r.version()
	return out
}

// version is told by reads unless the bucket was never versioned.
func (r reading) version() *string { return shownVersion(r.bucket, r.object.VersionID) }

func ptr[T any](v T) *T { return &v }

// optional is nil for "".
func optional(v string) *string {
	if v == "" {
		return nil
	}
	return &v
}

// HeadObject tells all of an object but its content.
func (s *Service) HeadObject(ctx context.Context, c *api.Caller, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	r, err := s.prepare(ctx, c, "HEAD", in.Bucket, in.Key, in.VersionId, in.Range, in.PartNumber,
		conditions{match: in.IfMatch, noneMatch: in.IfNoneMatch, modified: in.IfModifiedSince, unmodified: in.IfUnmodifiedSince})
	if err != nil {
		return nil, err
	}
	customer := customerKey{in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5}
	if err := customer.check(r.bucket, r.object); err != nil {
		return nil, err
	}
	if r.object.SSE != sseS3 && in.ChecksumMode == types.ChecksumModeEnabled {
		// S3 tells the checksum of an object to those alone who may decrypt it.
		if _, err := s.dataKey(ctx, c, r.bucket, r.object, customer); err != nil {
			return nil, err
		}
	}
	o := s.output(ctx, c, r, &s3.GetObjectInput{
		VersionId:            in.VersionId,
		SSECustomerAlgorithm: in.SSECustomerAlgorithm, SSECustomerKey: in.SSECustomerKey, SSECustomerKeyMD5: in.SSECustomerKeyMD5,
		ChecksumMode: in.ChecksumMode, ResponseCacheControl: in.ResponseCacheControl, ResponseContentDisposition: in.ResponseContentDisposition,
		ResponseContentEncoding: in.ResponseContentEncoding, ResponseContentLanguage: in.ResponseContentLanguage,
		ResponseContentType: in.ResponseContentType, ResponseExpires: in.ResponseExpires,
	}, nil)
	out := &s3.HeadObjectOutput{
		AcceptRanges: o.AcceptRanges, BucketKeyEnabled: o.BucketKeyEnabled, CacheControl: o.CacheControl, ChecksumType: o.ChecksumType, ContentDisposition: o.ContentDisposition, ContentEncoding: o.ContentEncoding,
		ContentLanguage: o.ContentLanguage, ContentLength: o.ContentLength, ContentRange: o.ContentRange, ContentType: o.ContentType,
		ETag: o.ETag, Expires: o.Expires, ExpiresString: o.ExpiresString, LastModified: o.LastModified, Metadata: o.Metadata, //nolint:staticcheck // see output
		PartsCount: o.PartsCount, SSEKMSKeyId: o.SSEKMSKeyId, ServerSideEncryption: o.ServerSideEncryption, StorageClass: o.StorageClass,
		TagCount: o.TagCount, Expiration: o.Expiration, VersionId: o.VersionId, WebsiteRedirectLocation: o.WebsiteRedirectLocation,
		ObjectLockMode: o.ObjectLockMode, ObjectLockRetainUntilDate: o.ObjectLockRetainUntilDate, ObjectLockLegalHoldStatus: o.ObjectLockLegalHoldStatus,
		Restore: o.Restore, SSECustomerAlgorithm: o.SSECustomerAlgorithm, SSECustomerKeyMD5: o.SSECustomerKeyMD5,
	}
	if in.ChecksumMode == types.ChecksumModeEnabled {
		setChecksum(out, r.object.ChecksumAlgorithm, r.checksum)
	}
	return out, nil
}

// open reads a range of an object's content.
func (s *Service) open(ctx context.Context, b state.Bucket, o state.Object, key []byte, want span) (io.ReadCloser, error) {
	if want.length == 0 {
		return io.NopCloser(eof{}), nil
	}
	if o.UploadID == "" {
		return s.files.read(contentOf(b, o), key, want.start, want.length)
	}
	var contents []content
	err := s.view(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		contents, err = contentsOf(ctx, tx, b, o)
		return err
	})
	if err != nil {
		return nil, err
	}
	// A reader of one file holds it open; a reader of many must keep the rest from an overwrite.
	r := &contentsReader{files: s.files, key: key, left: want.length, release: s.files.pin(contents)}
	for i, each := range contents {
		if want.start < each.size {
			r.contents, r.start = contents[i:], want.start
			break
		}
		want.start -= each.size
	}
	if err := r.next(); err != nil {
		r.release()
		return nil, err
	}
	return r, nil
}

// contentsReader reads left bytes out of contents that follow one another, the first from start on.
type contentsReader struct {
	files    *files
	key      []byte
	contents []content
	start    int64
	left     int64
	current  io.ReadCloser
	release  func()
}

func (r *contentsReader) next() error {
	if len(r.contents) == 0 {
		return fmt.Errorf("contents end %d bytes early: %w", r.left, io.ErrUnexpectedEOF)
	}
	each := r.contents[0]
	current, err := r.files.read(each, r.key, r.start, min(r.left, each.size-r.start))
	if err != nil {
		return err
	}
	r.current, r.contents, r.start = current, r.contents[1:], 0
	return nil
}

func (r *contentsReader) Read(p []byte) (int, error) {
	for {
		if r.left == 0 {
			return 0, io.EOF
		}
		n, err := r.current.Read(p)
		r.left -= int64(n)
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		if n > 0 {
			return n, nil
		}
		if r.left == 0 {
			return 0, io.EOF
		}
		if err := errors.Join(r.current.Close(), r.next()); err != nil {
			return 0, err
		}
	}
}

func (r *contentsReader) Close() error {
	defer r.release()
	return r.current.Close()
}
