package s3

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// parseSource reads an x-amz-copy-source header: bucket/key or /bucket/key, URL-encoded, with ?versionId= behind it or not.
func parseSource(header *string) (target, error) {
	text, query, _ := strings.Cut(str(header), "?")
	path, err := url.PathUnescape(strings.TrimPrefix(text, "/"))
	bucket, key, ok := strings.Cut(path, "/")
	if arn, isARN := strings.CutPrefix(path, "arn:aws:s3:::"); isARN {
		bucket, key, ok = strings.Cut(arn, "/")
	}
	if err != nil || !ok || bucket == "" || key == "" {
		return target{}, invalidArgument("x-amz-copy-source", str(header), "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
	}
	t := target{bucket: bucket, key: key}
	if query != "" {
		values, err := url.ParseQuery(query)
		if err != nil || !values.Has("versionId") {
			return target{}, invalidArgument("x-amz-copy-source", str(header), "Invalid copy source encoding")
		}
		t.version = values.Get("versionId")
	}
	return t, nil
}

// sourceAccess is what reading the source of a copy needs. A source bucket may lie in another Region.
func (s *Service) sourceAccess(ctx context.Context, header, owner *string, tags bool) ([]api.Access, error) {
	t, err := parseSource(header)
	if err != nil {
		return nil, err
	}
	b, err := s.lookup(ctx, t.bucket)
	if err != nil {
		return nil, err
	}
	if owner != nil && *owner != b.AccountID {
		return nil, accessDenied()
	}
	conditions := map[string][]string{}
	acl, err := s.existing(ctx, b, t, conditions)
	if err != nil {
		return nil, err
	}
	read, readTags := "GetObject", "GetObjectTagging"
	if t.version != "" {
		read, readTags = "GetObjectVersion", "GetObjectVersionTagging"
		conditions["s3:VersionId"] = []string{t.version}
	}
	all := []api.Access{withList(bucketAccess(b, read, objectARN(b.Name, t.key), conditions), objectACLPolicy(b, escaped(t.key), acl))}
	if tags && len(conditions) > 0 && hasTags(conditions) {
		all = append(all, bucketAccess(b, readTags, objectARN(b.Name, t.key), conditions))
	}
	return all, nil
}

func hasTags(conditions map[string][]string) bool {
	for key := range conditions {
		if strings.HasPrefix(key, "s3:ExistingObjectTag/") {
			return true
		}
	}
	return false
}

func (s *Service) copyObjectConditions(in *s3.CopyObjectInput, conditions map[string][]string) []string {
	conditions["s3:x-amz-copy-source"] = []string{str(in.CopySource)}
	if in.MetadataDirective != "" {
		conditions["s3:x-amz-metadata-directive"] = []string{string(in.MetadataDirective)}
	}
	return s.putConditions(conditions, copyObjectACL(in), in.Tagging, in.StorageClass, copyObjectEncryption(in), copyObjectLock(in))
}

func copyObjectACL(in *s3.CopyObjectInput) aclRequest {
	return aclRequest{in.ACL, grantHeaders{fullControl: in.GrantFullControl, read: in.GrantRead, readACP: in.GrantReadACP, writeACP: in.GrantWriteACP}}
}

func copyObjectLock(in *s3.CopyObjectInput) lockRequest {
	return lockRequest{in.ObjectLockMode, in.ObjectLockRetainUntilDate, in.ObjectLockLegalHoldStatus, in.ObjectLockEventHold}
}

func copyObjectEncryption(in *s3.CopyObjectInput) encryptionRequest {
	return encryptionRequest{
		in.ServerSideEncryption, in.SSEKMSKeyId, in.SSEKMSEncryptionContext, in.BucketKeyEnabled,
		customerKey{in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5},
	}
}

// copyObjectAccess asks for reading the source and writing the destination, with the tags that are carried over.
func (s *Service) copyObjectAccess() accesses[s3.CopyObjectInput] {
	destination := onObject(s, "PutObject", "PutObject", s.copyObjectConditions)
	return func(ctx context.Context, c *api.Caller, in *s3.CopyObjectInput) ([]api.Access, error) {
		withTags := in.TaggingDirective != types.TaggingDirectiveReplace
		source, err := s.sourceAccess(ctx, in.CopySource, in.ExpectedSourceBucketOwner, withTags)
		if err != nil {
			return nil, err
		}
		target, err := destination(ctx, c, in)
		if err != nil {
			return nil, err
		}
		if withTags && len(source) > 1 {
			put := target[0]
			put.Action = "s3:PutObjectTagging"
			target = append(target, put)
		}
		return append(source, target...), nil
	}
}

// source opens the source of a copy as the caller.
func (s *Service) source(ctx context.Context, c *api.Caller, header *string, conditions conditions, customer customerKey) (reading, []byte, error) {
	t, err := parseSource(header)
	if err != nil {
		return reading{}, nil, err
	}
	b, err := s.lookup(ctx, t.bucket)
	if err != nil {
		return reading{}, nil, err
	}
	o, err := s.readable(ctx, c, b, t.key, t.version, "GET")
	if err != nil {
		if api.Code(err) == "MethodNotAllowed" {
			err = invalidRequest("The source of a copy request may not specifically refer to a delete marker by version id.")
		}
		return reading{}, nil, err
	}
	conditions.notModifiedStatus, conditions.prefix = http.StatusPreconditionFailed, "x-amz-copy-source-"
	if err := conditions.hold(o); err != nil {
		return reading{}, nil, err
	}
	if err := archived(o, s.clock.Now()); err != nil {
		return reading{}, nil, err
	}
	key, err := s.dataKey(ctx, c.In(b.Region), b, o, customer)
	return reading{bucket: b, object: o, span: span{length: o.Size}}, key, err
}

// mostCopied is the greatest size that is copied in one call.
const mostCopied = 5 << 30

func tooLargeToCopy() error {
	return invalidRequest("The specified copy source is larger than the maximum allowable size for a copy source: %d", int64(mostCopied))
}

// CopyObject makes a new object of another's content: it is opened, and sealed anew under a data key of its own.
func (s *Service) CopyObject(ctx context.Context, c *api.Caller, in *s3.CopyObjectInput) (*s3.CopyObjectOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	switch {
	case in.MetadataDirective != "" && in.MetadataDirective != types.MetadataDirectiveCopy && in.MetadataDirective != types.MetadataDirectiveReplace:
		return nil, invalidArgument("x-amz-metadata-directive", string(in.MetadataDirective), "Unknown metadata directive.")
	case in.TaggingDirective != "" && in.TaggingDirective != types.TaggingDirectiveCopy && in.TaggingDirective != types.TaggingDirectiveReplace:
		return nil, invalidArgument("x-amz-tagging-directive", string(in.TaggingDirective), "Unknown tagging directive.")
	}
	src, sourceKey, err := s.source(ctx, c, in.CopySource, conditions{
		match: in.CopySourceIfMatch, noneMatch: in.CopySourceIfNoneMatch, modified: in.CopySourceIfModifiedSince, unmodified: in.CopySourceIfUnmodifiedSince,
	}, customerKey{in.CopySourceSSECustomerAlgorithm, in.CopySourceSSECustomerKey, in.CopySourceSSECustomerKeyMD5})
	if err != nil {
		return nil, err
	}
	if src.object.Size > mostCopied {
		return nil, tooLargeToCopy()
	}
	replace := in.MetadataDirective == types.MetadataDirectiveReplace
	if src.bucket.ID == b.ID && src.object.Key == *in.Key && !replace && in.StorageClass == "" && in.ServerSideEncryption == "" &&
		in.SSECustomerAlgorithm == nil && in.CopySourceSSECustomerAlgorithm == nil && in.BucketKeyEnabled == nil &&
		in.WebsiteRedirectLocation == nil && in.TaggingDirective != types.TaggingDirectiveReplace && !strings.Contains(str(in.CopySource), "?versionId=") {
		return nil, invalidRequest("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	o := state.Object{Headers: src.object.Headers}
	o.Key = *in.Key
	o.Headers.WebsiteRedirect = str(in.WebsiteRedirectLocation)
	if replace {
		o.Headers = state.ObjectHeaders{
			ContentType: str(in.ContentType), CacheControl: str(in.CacheControl), ContentDisposition: str(in.ContentDisposition),
			ContentEncoding: contentEncoding(str(in.ContentEncoding)), ContentLanguage: str(in.ContentLanguage),
			WebsiteRedirect: str(in.WebsiteRedirectLocation), Metadata: in.Metadata,
		}
		if in.Expires != nil {
			o.Headers.Expires = in.Expires.UTC().Format(http.TimeFormat)
		}
	}
	if err := s.describe(ctx, &o, c, b, copyObjectACL(in), in.Tagging, in.StorageClass); err != nil {
		return nil, err
	}
	if in.TaggingDirective != types.TaggingDirectiveReplace {
		o.Tags = src.object.Tags
	}
	if o.Lock, err = copyObjectLock(in).resolve(b, s.clock.Now()); err != nil {
		return nil, err
	}
	// The checksum's algorithm goes with the object unless the request asks for another.
	given := givenChecksums{algorithm: types.ChecksumAlgorithm(strings.ToUpper(string(in.ChecksumAlgorithm)))}
	if given.algorithm == "" {
		given.algorithm = types.ChecksumAlgorithm(src.object.ChecksumAlgorithm)
	}
	key, err := s.newKey(ctx, c, b, copyObjectEncryption(in), &o)
	if err != nil {
		return nil, err
	}
	written, d, err := s.rewrite(ctx, b, src, sourceKey, key, given, "")
	if err != nil {
		return nil, err
	}
	o.File, o.Size, o.ETag = written.file, written.size, newETag(o, d.etag)
	o.ChecksumAlgorithm, o.ChecksumType, o.Checksum = d.algorithm, fullObject, d.checksum()
	err = s.store(ctx, c, b, &o, created{"Copy", "CopyObject"}, []content{written}, func(ctx context.Context, tx *state.Tx) error {
		return writeCondition(ctx, tx, b, o.Key, in.IfMatch, in.IfNoneMatch)
	}, nil)
	if err != nil {
		s.files.remove(written)
		return nil, err
	}
	result := &types.CopyObjectResult{ETag: quoted(o.ETag), LastModified: o.Modified.Ptr(), ChecksumType: types.ChecksumType(o.ChecksumType)}
	setChecksum(result, o.ChecksumAlgorithm, o.Checksum)
	out := &s3.CopyObjectOutput{CopyObjectResult: result, CopySourceVersionId: src.version(), VersionId: shownVersion(b, o.VersionID), SSEKMSEncryptionContext: in.SSEKMSEncryptionContext}
	setEncryption(o, &out.ServerSideEncryption, &out.SSEKMSKeyId, &out.BucketKeyEnabled)
	copyObjectEncryption(in).customer.tell(&out.SSECustomerAlgorithm, &out.SSECustomerKeyMD5)
	out.Expiration = expiration(b, o.ObjectVersion)
	return out, nil
}

// rewrite copies the content that src names into a new file under key.
func (s *Service) rewrite(ctx context.Context, b state.Bucket, src reading, sourceKey, key []byte, given givenChecksums, preferred string) (content, *digest, error) {
	body, err := s.open(ctx, src.bucket, src.object, sourceKey, src.span)
	if err != nil {
		return content{}, nil, fmt.Errorf("opening the source of a copy: %w", err)
	}
	defer body.Close() //nolint:errcheck // it was read to the end, or failed
	d, err := newDigest(body, given, preferred)
	if err != nil {
		return content{}, nil, err
	}
	written, err := s.files.write(b.Region, key, d)
	if err == nil && written.size != src.span.length {
		err = fmt.Errorf("the source of a copy gave %d bytes of %d", written.size, src.span.length)
	}
	if err != nil {
		s.files.remove(written)
	}
	return written, d, err
}
