package s3

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	s3kind "strongroom/internal/resource/s3"
	"strongroom/internal/state"
)

// mostMetadata is the greatest size of an object's user metadata, names and values together.
const mostMetadata = 2 << 10

// putConditions adds the condition keys of a request that makes an object, and says which actions it needs beside
// s3:PutObject.
func (s *Service) putConditions(conditions map[string][]string, acl aclRequest, tagging *string, class types.StorageClass, e encryptionRequest, lock lockRequest) (actions []string) {
	set := func(key, value string) {
		if value != "" {
			conditions[key] = []string{value}
		}
	}
	set("s3:x-amz-acl", string(acl.canned))
	set("s3:x-amz-grant-full-control", str(acl.grants.fullControl))
	set("s3:x-amz-grant-read", str(acl.grants.read))
	set("s3:x-amz-grant-read-acp", str(acl.grants.readACP))
	set("s3:x-amz-grant-write-acp", str(acl.grants.writeACP))
	set("s3:x-amz-storage-class", string(class))
	set("s3:x-amz-server-side-encryption", string(e.algorithm))
	set("s3:x-amz-server-side-encryption-aws-kms-key-id", str(e.keyID))
	set("s3:x-amz-server-side-encryption-customer-algorithm", str(e.customer.algorithm))
	// An upload that leaves the object to the bucket's owner needs s3:PutObject alone, as the bucket policies show that
	// AWS's services are given:
	// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
	if acl.given() && acl.canned != types.ObjectCannedACLPrivate && acl.canned != types.ObjectCannedACLBucketOwnerFullControl {
		actions = append(actions, "PutObjectAcl")
	}
	if str(tagging) != "" {
		if tags, err := tagHeader(tagging); err == nil {
			requestTags(tags, conditions)
		}
		actions = append(actions, "PutObjectTagging")
	}
	return append(actions, lock.conditions(conditions, s.clock.Now())...)
}

func (s *Service) putObjectConditions(in *s3.PutObjectInput, conditions map[string][]string) []string {
	return s.putConditions(conditions, putObjectACL(in), in.Tagging, in.StorageClass, putObjectEncryption(in), putObjectLock(in))
}

func putObjectACL(in *s3.PutObjectInput) aclRequest {
	return aclRequest{in.ACL, grantHeaders{fullControl: in.GrantFullControl, read: in.GrantRead, readACP: in.GrantReadACP, writeACP: in.GrantWriteACP}}
}

func putObjectLock(in *s3.PutObjectInput) lockRequest {
	return lockRequest{in.ObjectLockMode, in.ObjectLockRetainUntilDate, in.ObjectLockLegalHoldStatus, in.ObjectLockEventHold}
}

func putObjectEncryption(in *s3.PutObjectInput) encryptionRequest {
	return encryptionRequest{
		in.ServerSideEncryption, in.SSEKMSKeyId, in.SSEKMSEncryptionContext, in.BucketKeyEnabled,
		customerKey{in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5},
	}
}

// PutObject stores an object: its content first, then its row.
func (s *Service) PutObject(ctx context.Context, c *api.Caller, in *s3.PutObjectInput) (*s3.PutObjectOutput, error) {
	return s.put(ctx, c, in, s3kind.Sums{}, nil)
}

// A note is taken of a write in its transaction, with the version it made.
type note func(ctx context.Context, tx *state.Tx, versionID string) error

// asked is the object that a request describes, without its content.
func (s *Service) asked(ctx context.Context, c *api.Caller, b state.Bucket, in *s3.PutObjectInput) (state.Object, error) {
	o := state.Object{Headers: state.ObjectHeaders{
		ContentType: str(in.ContentType), CacheControl: str(in.CacheControl), ContentDisposition: str(in.ContentDisposition),
		ContentEncoding: contentEncoding(str(in.ContentEncoding)), ContentLanguage: str(in.ContentLanguage),
		WebsiteRedirect: str(in.WebsiteRedirectLocation), Metadata: in.Metadata,
	}}
	if in.Expires != nil {
		o.Headers.Expires = in.Expires.UTC().Format(http.TimeFormat)
	}
	o.Key = *in.Key
	if err := s.describe(ctx, &o, c, b, putObjectACL(in), in.Tagging, in.StorageClass); err != nil {
		return o, err
	}
	var err error
	o.Lock, err = putObjectLock(in).resolve(b, s.clock.Now())
	return o, err
}

// put stores an object. What is known already of its content is not computed again.
func (s *Service) put(ctx context.Context, c *api.Caller, in *s3.PutObjectInput, known s3kind.Sums, taken note) (*s3.PutObjectOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	if in.WriteOffsetBytes != nil {
		return nil, api.NotImplemented("s3: appending to an object (x-amz-write-offset-bytes)")
	}
	o, err := s.asked(ctx, c, b, in)
	if err != nil {
		return nil, err
	}
	if putObjectLock(in).given() && !checksumsIn(in).exist() {
		return nil, invalidRequest("Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters")
	}
	given := checksumsIn(in)
	d, err := newDigest(in.Body, given, "")
	if err != nil {
		return nil, err
	}
	d.trust(known)
	// A condition that fails now need not wait for the content; the one that counts is asked with the commit.
	if in.IfMatch != nil || in.IfNoneMatch != nil {
		if err := s.view(ctx, func(ctx context.Context, tx *state.Tx) error {
			return writeCondition(ctx, tx, b, o.Key, in.IfMatch, in.IfNoneMatch)
		}); err != nil {
			return nil, err
		}
	}
	key, err := s.newKey(ctx, c, b, putObjectEncryption(in), &o)
	if err != nil {
		return nil, err
	}
	written, err := s.files.write(b.Region, key, d)
	if err == nil {
		err = d.verify(given, in.ContentLength)
	}
	if err == nil {
		o.File, o.Size, o.ETag = written.file, written.size, newETag(o, d.etag)
		o.ChecksumAlgorithm, o.ChecksumType, o.Checksum = d.algorithm, fullObject, d.checksum()
		err = s.store(ctx, c, b, &o, created{"Put", "PutObject"}, []content{written}, func(ctx context.Context, tx *state.Tx) error {
			return writeCondition(ctx, tx, b, o.Key, in.IfMatch, in.IfNoneMatch)
		}, taken)
	}
	if err != nil {
		s.files.remove(written)
		return nil, err
	}
	out := &s3.PutObjectOutput{ETag: quoted(o.ETag), ChecksumType: types.ChecksumType(o.ChecksumType), SSEKMSEncryptionContext: in.SSEKMSEncryptionContext}
	setChecksum(out, o.ChecksumAlgorithm, o.Checksum)
	setEncryption(o, &out.ServerSideEncryption, &out.SSEKMSKeyId, &out.BucketKeyEnabled)
	putObjectEncryption(in).customer.tell(&out.SSECustomerAlgorithm, &out.SSECustomerKeyMD5)
	out.VersionId, out.Expiration = shownVersion(b, o.VersionID), expiration(b, o.ObjectVersion)
	return out, nil
}

func (s *Service) view(ctx context.Context, fn func(ctx context.Context, tx *state.Tx) error) error {
	return s.db.View(ctx, fn)
}

// created is how an object came to be: in the names of events for queues and topics, and in the words of those for EventBridge.
type created struct{ how, reason string }

// store commits a new version whose contents are written. condition is asked and the note taken in the same transaction.
func (s *Service) store(
	ctx context.Context, c *api.Caller, b state.Bucket, o *state.Object, by created, written []content, condition func(context.Context, *state.Tx) error, taken note,
) error {
	var dirs []string
	for _, w := range written {
		if w.file != 0 {
			dirs = append(dirs, s.files.shardDir(w.region, w.file))
		}
	}
	var dead []content
	err := s.commits.do(ctx, dirs, func(ctx context.Context, tx *state.Tx) error {
		if err := again(ctx, tx, &b); err != nil {
			return err
		}
		if condition != nil {
			if err := condition(ctx, tx); err != nil {
				return err
			}
		}
		var err error
		if dead, err = add(ctx, tx, b, o); err != nil {
			return err
		}
		if err := s.tell(ctx, tx, c, b, objectCreated(by, o.ObjectVersion)); err != nil || taken == nil {
			return err
		}
		return taken(ctx, tx, o.VersionID)
	})
	if err == nil {
		s.files.remove(dead...)
	}
	return err
}

// describe sets what every new object has of its request.
func (s *Service) describe(ctx context.Context, o *state.Object, c *api.Caller, b state.Bucket, acl aclRequest, tagging *string, class types.StorageClass) error {
	size := 0
	for name, value := range o.Headers.Metadata {
		size += len(name) + len(value)
	}
	if size > mostMetadata {
		return failure(http.StatusBadRequest, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size", "MaxSizeAllowed", "2048")
	}
	if to := o.Headers.WebsiteRedirect; to != "" && !strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "http://") && !strings.HasPrefix(to, "https://") {
		return failure(http.StatusBadRequest, "InvalidRedirectLocation", "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.")
	}
	if o.Headers.ContentType == "" {
		o.Headers.ContentType = "binary/octet-stream"
	}
	o.StorageClass = string(class)
	if class == "" {
		o.StorageClass = string(types.StorageClassStandard)
	}
	if !slices.Contains(storageClasses, types.StorageClass(o.StorageClass)) {
		return failure(http.StatusBadRequest, "InvalidStorageClass", "The storage class you specified is not valid", "StorageClassRequested", string(class))
	}
	var err error
	if o.Tags, err = tagHeader(tagging); err != nil {
		return err
	}
	return s.own(ctx, o, c, b, acl)
}

// storageClasses are those that a request may choose.
var storageClasses = []types.StorageClass{
	types.StorageClassStandard, types.StorageClassReducedRedundancy, types.StorageClassStandardIa, types.StorageClassOnezoneIa,
	types.StorageClassIntelligentTiering, types.StorageClassGlacierIr, types.StorageClassGlacier, types.StorageClassDeepArchive,
}

// contentEncoding drops the name of the upload's own framing, which is not the object's.
func contentEncoding(header string) string {
	var kept []string
	for each := range strings.SplitSeq(header, ",") {
		if each = strings.TrimSpace(each); each != "" && each != "aws-chunked" {
			kept = append(kept, each)
		}
	}
	return strings.Join(kept, ",")
}

// writeCondition holds the object that is there against If-Match and If-None-Match of a write.
func writeCondition(ctx context.Context, tx *state.Tx, b state.Bucket, key string, ifMatch, ifNoneMatch *string) error {
	if ifMatch == nil && ifNoneMatch == nil {
		return nil
	}
	if ifNoneMatch != nil && *ifNoneMatch != "*" {
		return failure(http.StatusNotImplemented, "NotImplemented", "A header you provided implies functionality that is not implemented", "Header", "If-None-Match")
	}
	o, err := tx.NewestObject(ctx, b.ID, key)
	missing := errors.Is(err, state.ErrNotFound) || err == nil && o.DeleteMarker
	if err != nil && !missing {
		return err
	}
	switch {
	case ifNoneMatch != nil && !missing:
		return preconditionFailed("If-None-Match")
	case ifMatch != nil && missing:
		return noSuchKey(key)
	case ifMatch != nil && !sameETag(*ifMatch, o.ETag):
		return preconditionFailed("If-Match")
	}
	return nil
}

// quoted is an ETag as it is told.
func quoted(etag string) *string {
	etag = `"` + etag + `"`
	return &etag
}

// shownVersion is the version id that a write tells: none where the bucket was never versioned.
func shownVersion(b state.Bucket, id string) *string {
	if b.Versioning == "" {
		return nil
	}
	return &id
}

// gone reports whether err says that a content was removed after its row was read.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) }
