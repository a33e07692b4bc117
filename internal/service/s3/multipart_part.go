package s3

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// partOf finds what a part is to belong to.
func (s *Service) partOf(ctx context.Context, c *api.Caller, bucket, key, id *string, part *int32) (b state.Bucket, u state.Upload, number int64, err error) {
	if b, err = s.bucket(ctx, c, bucket); err != nil {
		return b, u, 0, err
	}
	if number, err = partNumber(part); err != nil {
		return b, u, 0, err
	}
	u, err = s.upload(ctx, b, key, id)
	return b, u, number, err
}

// UploadPart stores a part of an upload, or replaces it.
func (s *Service) UploadPart(ctx context.Context, c *api.Caller, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	b, u, number, err := s.partOf(ctx, c, in.Bucket, in.Key, in.UploadId, in.PartNumber)
	if err != nil {
		return nil, err
	}
	given := checksumsIn(in)
	d, err := newDigest(in.Body, given, u.Object.ChecksumAlgorithm)
	if err != nil {
		return nil, err
	}
	if err := checkPartSum(u.Object, given); err != nil {
		return nil, err
	}
	customer := customerKey{in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5}
	if err := customer.ofUpload(b, u.Object); err != nil {
		return nil, err
	}
	key, err := s.dataKey(ctx, c, b, u.Object, customer)
	if err != nil {
		return nil, err
	}
	var p state.UploadPart
	written, err := s.files.write(b.Region, key, d)
	if err == nil {
		err = d.verify(given, in.ContentLength)
	}
	if err == nil && written.size > mostPartSize {
		err = failure(http.StatusBadRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
	}
	if err == nil {
		p, err = s.storePart(ctx, b, u, number, written, d)
	}
	if err != nil {
		s.files.remove(written)
		return nil, err
	}
	out := &s3.UploadPartOutput{ETag: quoted(p.ETag)}
	setChecksum(out, d.algorithm, d.checksum())
	setEncryption(u.Object, &out.ServerSideEncryption, &out.SSEKMSKeyId, &out.BucketKeyEnabled)
	customer.tell(&out.SSECustomerAlgorithm, &out.SSECustomerKeyMD5)
	return out, nil
}

func partNumber(number *int32) (int64, error) {
	if number == nil || *number < 1 || *number > mostParts {
		return 0, invalidArgument("partNumber", "", "Part number must be an integer between 1 and 10000, inclusive")
	}
	return int64(*number), nil
}

// storePart commits a part that is written, and removes the one it replaces.
func (s *Service) storePart(ctx context.Context, b state.Bucket, u state.Upload, number int64, written content, d *digest) (state.UploadPart, error) {
	p := state.UploadPart{UploadID: u.ID, Number: number, File: written.file, Size: written.size, ETag: newETag(u.Object, d.etag), Checksum: d.checksum()}
	var dirs []string
	if written.file == 0 { // an empty part has a file's id all the same, to be one of its kind
		id, err := s.files.allot(b.Region)
		if err != nil {
			return p, err
		}
		p.File = id
	} else {
		dirs = []string{s.files.shardDir(b.Region, written.file)}
	}
	var dead []content
	err := s.commits.do(ctx, dirs, func(ctx context.Context, tx *state.Tx) error {
		if _, err := uploadIn(ctx, tx, b, u.Key, u.ID); err != nil {
			return err // completed or aborted meanwhile
		}
		p.Modified = tx.Now
		replaced, err := tx.UploadPart(ctx, u.ID, number)
		switch {
		case err == nil:
			dead = []content{{region: b.Region, spot: spot{file: replaced.File}}}
		case !errors.Is(err, state.ErrNotFound):
			return err
		}
		return tx.PutUploadPart(ctx, p)
	})
	if err == nil {
		s.files.remove(dead...)
	}
	return p, err
}

// uploadPartCopyAccess asks for reading the source and writing the destination.
func (s *Service) uploadPartCopyAccess() accesses[s3.UploadPartCopyInput] {
	destination := onObject[s3.UploadPartCopyInput](s, "PutObject", "PutObject", nil)
	return func(ctx context.Context, c *api.Caller, in *s3.UploadPartCopyInput) ([]api.Access, error) {
		source, err := s.sourceAccess(ctx, in.CopySource, in.ExpectedSourceBucketOwner, false)
		if err != nil {
			return nil, err
		}
		target, err := destination(ctx, c, in)
		return append(source, target...), err
	}
}

// UploadPartCopy makes a part of another object's content.
func (s *Service) UploadPartCopy(ctx context.Context, c *api.Caller, in *s3.UploadPartCopyInput) (*s3.UploadPartCopyOutput, error) {
	b, u, number, err := s.partOf(ctx, c, in.Bucket, in.Key, in.UploadId, in.PartNumber)
	if err != nil {
		return nil, err
	}
	src, sourceKey, err := s.source(ctx, c, in.CopySource, conditions{
		match: in.CopySourceIfMatch, noneMatch: in.CopySourceIfNoneMatch, modified: in.CopySourceIfModifiedSince, unmodified: in.CopySourceIfUnmodifiedSince,
	}, customerKey{in.CopySourceSSECustomerAlgorithm, in.CopySourceSSECustomerKey, in.CopySourceSSECustomerKeyMD5})
	if err != nil {
		return nil, err
	}
	if in.CopySourceRange != nil {
		if src.span, err = parseCopyRange(*in.CopySourceRange, src.object.Size); err != nil {
			return nil, err
		}
	}
	if src.span.length > mostCopied {
		return nil, tooLargeToCopy()
	}
	customer := customerKey{in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5}
	if err := customer.ofUpload(b, u.Object); err != nil {
		return nil, err
	}
	key, err := s.dataKey(ctx, c, b, u.Object, customer)
	if err != nil {
		return nil, err
	}
	written, d, err := s.rewrite(ctx, b, src, sourceKey, key, givenChecksums{}, u.Object.ChecksumAlgorithm)
	if err != nil {
		return nil, err
	}
	p, err := s.storePart(ctx, b, u, number, written, d)
	if err != nil {
		s.files.remove(written)
		return nil, err
	}
	result := &types.CopyPartResult{ETag: quoted(p.ETag), LastModified: p.Modified.Ptr()}
	setChecksum(result, d.algorithm, p.Checksum)
	out := &s3.UploadPartCopyOutput{CopyPartResult: result, CopySourceVersionId: src.version()}
	customer.tell(&out.SSECustomerAlgorithm, &out.SSECustomerKeyMD5)
	setEncryption(u.Object, &out.ServerSideEncryption, &out.SSEKMSKeyId, &out.BucketKeyEnabled)
	return out, nil
}

// ListParts lists the parts of an upload in progress.
func (s *Service) ListParts(ctx context.Context, c *api.Caller, in *s3.ListPartsInput) (*s3.ListPartsOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	limit, err := pageSize("max-parts", in.MaxParts, 1000)
	if err != nil {
		return nil, err
	}
	var after int64
	if str(in.PartNumberMarker) != "" {
		if after, err = strconv.ParseInt(*in.PartNumberMarker, 10, 32); err != nil || after < 0 {
			return nil, invalidArgument("part-number-marker", *in.PartNumberMarker, "Provided part-number-marker not an integer or within integer range")
		}
	}
	var u state.Upload
	var parts []state.UploadPart
	err = s.view(ctx, func(ctx context.Context, tx *state.Tx) error {
		if u, err = uploadIn(ctx, tx, b, *in.Key, str(in.UploadId)); err != nil {
			return err
		}
		parts, err = tx.UploadParts(ctx, u.ID, after, limit+1)
		return err
	})
	if err != nil {
		return nil, err
	}
	truncated := len(parts) > limit
	parts = parts[:min(limit, len(parts))]
	out := &s3.ListPartsOutput{
		Bucket: &b.Name, Key: in.Key, UploadId: &u.ID, MaxParts: ptr(int32(limit)), IsTruncated: &truncated, PartNumberMarker: ptr(strconv.FormatInt(after, 10)),
		StorageClass: types.StorageClass(u.Object.StorageClass), Owner: owner(u.Object.Owner), Initiator: &types.Initiator{ID: ptr(canonicalID(u.Object.Owner))},
		ChecksumAlgorithm: types.ChecksumAlgorithm(u.Object.ChecksumAlgorithm), ChecksumType: types.ChecksumType(u.Object.ChecksumType),
	}
	for _, p := range parts {
		part := types.Part{PartNumber: ptr(int32(p.Number)), Size: ptr(p.Size), ETag: quoted(p.ETag), LastModified: p.Modified.Ptr()}
		setChecksum(&part, u.Object.ChecksumAlgorithm, p.Checksum)
		out.Parts = append(out.Parts, part)
		after = p.Number
	}
	if truncated {
		out.NextPartNumberMarker = ptr(strconv.FormatInt(after, 10))
	}
	return out, nil
}
