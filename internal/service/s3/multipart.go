package s3

import (
	"cmp"
	"context"
	"crypto/md5" //nolint:gosec // an ETag is an MD5
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

const (
	smallestPart = 5 << 20 // of all parts but the last
	mostPartSize = 5 << 30
)

func createUploadEncryption(in *s3.CreateMultipartUploadInput) encryptionRequest {
	return encryptionRequest{
		in.ServerSideEncryption, in.SSEKMSKeyId, in.SSEKMSEncryptionContext, in.BucketKeyEnabled,
		customerKey{in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5},
	}
}

func (s *Service) createUploadConditions(in *s3.CreateMultipartUploadInput, conditions map[string][]string) []string {
	return s.putConditions(conditions, createUploadACL(in), in.Tagging, in.StorageClass, createUploadEncryption(in), createUploadLock(in))
}

func createUploadACL(in *s3.CreateMultipartUploadInput) aclRequest {
	return aclRequest{in.ACL, grantHeaders{fullControl: in.GrantFullControl, read: in.GrantRead, readACP: in.GrantReadACP, writeACP: in.GrantWriteACP}}
}

func createUploadLock(in *s3.CreateMultipartUploadInput) lockRequest {
	return lockRequest{in.ObjectLockMode, in.ObjectLockRetainUntilDate, in.ObjectLockLegalHoldStatus, in.ObjectLockEventHold}
}

// CreateMultipartUpload begins an upload in parts. Its data key is made now; each part is sealed under a key derived of it.
func (s *Service) CreateMultipartUpload(ctx context.Context, c *api.Caller, in *s3.CreateMultipartUploadInput) (*s3.CreateMultipartUploadOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	o := state.Object{Headers: state.ObjectHeaders{
		ContentType: str(in.ContentType), CacheControl: str(in.CacheControl), ContentDisposition: str(in.ContentDisposition),
		ContentEncoding: contentEncoding(str(in.ContentEncoding)), ContentLanguage: str(in.ContentLanguage),
		WebsiteRedirect: str(in.WebsiteRedirectLocation), Metadata: in.Metadata,
	}}
	if in.Expires != nil {
		o.Headers.Expires = in.Expires.UTC().Format(http.TimeFormat)
	}
	o.Key = *in.Key
	if err := s.describe(ctx, &o, c, b, createUploadACL(in), in.Tagging, in.StorageClass); err != nil {
		return nil, err
	}
	if o.Lock, err = createUploadLock(in).resolve(b, s.clock.Now()); err != nil {
		return nil, err
	}
	if o.ChecksumAlgorithm, o.ChecksumType, err = uploadChecksum(in.ChecksumAlgorithm, in.ChecksumType); err != nil {
		return nil, err
	}
	if _, err := s.newKey(ctx, c, b, createUploadEncryption(in), &o); err != nil {
		return nil, err
	}
	u := state.Upload{ID: newUploadID(), Key: o.Key, Object: o}
	err = s.commits.do(ctx, nil, func(ctx context.Context, tx *state.Tx) error {
		if err := again(ctx, tx, &b); err != nil {
			return err
		}
		u.BucketID, u.Initiated = b.ID, tx.Now
		return tx.InsertUpload(ctx, u)
	})
	if err != nil {
		return nil, err
	}
	out := &s3.CreateMultipartUploadOutput{Bucket: &b.Name, Key: in.Key, UploadId: &u.ID, SSEKMSEncryptionContext: in.SSEKMSEncryptionContext}
	if in.ChecksumAlgorithm != "" {
		out.ChecksumAlgorithm, out.ChecksumType = types.ChecksumAlgorithm(o.ChecksumAlgorithm), types.ChecksumType(o.ChecksumType)
	}
	setEncryption(o, &out.ServerSideEncryption, &out.SSEKMSKeyId, &out.BucketKeyEnabled)
	createUploadEncryption(in).customer.tell(&out.SSECustomerAlgorithm, &out.SSECustomerKeyMD5)
	return out, nil
}

// isUploadID reports whether a text has the form of the ids that newUploadID makes.
func isUploadID(id string) bool {
	b, err := versionEncoding.DecodeString(id)
	return err == nil && len(b) == 24
}

func newUploadID() string {
	var b [24]byte
	rand.Read(b[:])
	return versionEncoding.EncodeToString(b[:])
}

// uploadChecksum is the checksum of an upload: CRC-64/NVME of the whole unless it asks for another.
func uploadChecksum(algorithm types.ChecksumAlgorithm, kind types.ChecksumType) (string, string, error) {
	algorithm, kind = types.ChecksumAlgorithm(strings.ToUpper(string(algorithm))), types.ChecksumType(strings.ToUpper(string(kind)))
	if err := checkChecksumType(kind); err != nil {
		return "", "", err
	}
	if algorithm == "" {
		if kind != "" {
			return "", "", invalidRequest("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
		}
		return crc64nvmeSum, fullObject, nil
	}
	if _, err := newChecksum(string(algorithm)); err != nil {
		return "", "", err
	}
	if kind == "" {
		kind = types.ChecksumTypeComposite
		if string(algorithm) == crc64nvmeSum {
			kind = types.ChecksumTypeFullObject
		}
	}
	whole := string(algorithm) == crc64nvmeSum
	parts := !strings.HasPrefix(string(algorithm), "CRC")
	if string(kind) == composite && whole || string(kind) == fullObject && parts {
		return "", "", invalidRequest("The %s checksum type cannot be used with the %s checksum algorithm.", kind, lower(string(algorithm)))
	}
	return string(algorithm), string(kind), nil
}

func checkChecksumType(kind types.ChecksumType) error {
	if kind != "" && string(kind) != composite && string(kind) != fullObject {
		return invalidRequest("Value for x-amz-checksum-type header is invalid.")
	}
	return nil
}

// upload reads an upload in progress.
func (s *Service) upload(ctx context.Context, b state.Bucket, key, id *string) (u state.Upload, err error) {
	err = s.view(ctx, func(ctx context.Context, tx *state.Tx) error {
		u, err = uploadIn(ctx, tx, b, str(key), str(id))
		return err
	})
	return u, err
}

func uploadIn(ctx context.Context, tx *state.Tx, b state.Bucket, key, id string) (state.Upload, error) {
	u, err := tx.Upload(ctx, b.ID, key, id)
	if errors.Is(err, state.ErrNotFound) {
		err = noSuchUpload(id)
	}
	return u, err
}

// UploadPart stores a part of an upload, or replaces it.
func (s *Service) UploadPart(ctx context.Context, c *api.Caller, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	number, err := partNumber(in.PartNumber)
	if err != nil {
		return nil, err
	}
	u, err := s.upload(ctx, b, in.Key, in.UploadId)
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
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	number, err := partNumber(in.PartNumber)
	if err != nil {
		return nil, err
	}
	u, err := s.upload(ctx, b, in.Key, in.UploadId)
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

// CompleteMultipartUpload makes an object of the parts that the request lists. Their files stay where they are.
func (s *Service) CompleteMultipartUpload(ctx context.Context, c *api.Caller, in *s3.CompleteMultipartUploadInput) (*s3.CompleteMultipartUploadOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	if in.MultipartUpload == nil || len(in.MultipartUpload.Parts) == 0 {
		return nil, malformedXML()
	}
	var o state.Object
	var dead []content
	err = s.commits.do(ctx, nil, func(ctx context.Context, tx *state.Tx) error {
		if err := again(ctx, tx, &b); err != nil {
			return err
		}
		u, err := uploadIn(ctx, tx, b, *in.Key, str(in.UploadId))
		if err != nil {
			return err
		}
		if err := writeCondition(ctx, tx, b, u.Key, in.IfMatch, in.IfNoneMatch); err != nil {
			return err
		}
		o = u.Object
		o.UploadID = u.ID
		unused, err := assemble(ctx, tx, &o, in)
		if err != nil {
			return err
		}
		for _, p := range unused {
			dead = append(dead, content{region: b.Region, spot: spot{file: p.File}})
			if err := tx.DeleteUploadPart(ctx, u.ID, p.Number); err != nil {
				return err
			}
		}
		if err := tx.DeleteUpload(ctx, u.ID); err != nil {
			return err
		}
		replaced, err := add(ctx, tx, b, &o)
		dead = append(dead, replaced...)
		if err != nil {
			return err
		}
		return s.tell(ctx, tx, c, b, objectCreated(created{"CompleteMultipartUpload", "CompleteMultipartUpload"}, o.ObjectVersion))
	})
	if err != nil {
		return nil, err
	}
	s.files.remove(dead...)
	location := fmt.Sprintf("https://%s.s3.%s.amazonaws.com/%s", b.Name, b.Region, o.Key)
	out := &s3.CompleteMultipartUploadOutput{
		Bucket: &b.Name, Key: in.Key, ETag: quoted(o.ETag), Location: &location, ChecksumType: types.ChecksumType(o.ChecksumType),
		VersionId: shownVersion(b, o.VersionID), Expiration: expiration(b, o.ObjectVersion),
	}
	setChecksum(out, o.ChecksumAlgorithm, o.Checksum)
	setEncryption(o, &out.ServerSideEncryption, &out.SSEKMSKeyId, &out.BucketKeyEnabled)
	return out, nil
}

// assemble holds the parts of a request against those that were uploaded and sets size, ETag and checksum of the object.
// It returns the parts that the request leaves out.
func assemble(ctx context.Context, tx *state.Tx, o *state.Object, in *s3.CompleteMultipartUploadInput) (unused []state.UploadPart, err error) {
	parts, err := tx.UploadParts(ctx, o.UploadID, 0, mostParts)
	if err != nil {
		return nil, err
	}
	var sums []string
	var sizes []int64
	etags := md5.New() //nolint:gosec // see above
	if err := checkPartOrder(in.MultipartUpload.Parts); err != nil {
		return nil, err
	}
	if err := checkPartSums(o, in); err != nil {
		return nil, err
	}
	next := 0
	for i, want := range in.MultipartUpload.Parts {
		number := int64(*want.PartNumber)
		for next < len(parts) && parts[next].Number < number {
			unused = append(unused, parts[next])
			next++
		}
		if next == len(parts) || parts[next].Number != number || !sameETag(str(want.ETag), parts[next].ETag) || !samePart(want, o.ChecksumAlgorithm, parts[next]) {
			return nil, failure(http.StatusBadRequest, "InvalidPart",
				"One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
				"UploadId", o.UploadID, "PartNumber", strconv.FormatInt(number, 10), "ETag", str(want.ETag))
		}
		part := parts[next]
		next++
		if part.Size < smallestPart && i < len(in.MultipartUpload.Parts)-1 {
			return nil, failure(http.StatusBadRequest, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size",
				"ProposedSize", strconv.FormatInt(part.Size, 10), "MinSizeAllowed", strconv.Itoa(smallestPart), "PartNumber", strconv.FormatInt(number, 10), "ETag", part.ETag)
		}
		sum, err := hex.DecodeString(part.ETag)
		if err != nil {
			return nil, err
		}
		etags.Write(sum)
		sums, sizes = append(sums, part.Checksum), append(sizes, part.Size)
		o.Size += part.Size
	}
	unused = append(unused, parts[next:]...)
	if in.MpuObjectSize != nil && *in.MpuObjectSize != o.Size {
		return nil, invalidRequest("The provided 'x-amz-mp-object-size' header value %d does not match what was computed: %d", *in.MpuObjectSize, o.Size)
	}
	o.ETag = fmt.Sprintf("%x-%d", etags.Sum(nil), len(sums))
	if o.Checksum, err = combine(o.ChecksumAlgorithm, o.ChecksumType, sums, sizes); err != nil {
		return nil, err
	}
	algorithm, value, err := checksumsIn(in).one()
	if err == nil {
		err = checkSumForm(algorithm, value)
	}
	if err == nil && algorithm != "" && (algorithm != o.ChecksumAlgorithm || strings.SplitN(value, "-", 2)[0] != strings.SplitN(o.Checksum, "-", 2)[0]) {
		err = failure(http.StatusBadRequest, "BadDigest", "The "+lower(algorithm)+" you specified did not match the calculated checksum.")
	}
	return unused, err
}

// checkPartOrder is asked before anything is said of a single part.
func checkPartOrder(parts []types.CompletedPart) error {
	last := int64(0)
	for _, part := range parts {
		if part.PartNumber == nil || part.ETag == nil {
			return malformedXML()
		}
		number, err := partNumber(part.PartNumber)
		if err != nil {
			return err
		}
		if number <= last {
			return failure(http.StatusBadRequest, "InvalidPartOrder", "The list of parts was not in ascending order. The parts list must be specified in order by part number.")
		}
		last = number
	}
	return nil
}

// checkPartSum asks for a checksum of the upload's algorithm, where the upload asked for one by name. For a composite one
// each part must have its own.
func checkPartSum(o state.Object, given givenChecksums) error {
	name, _, err := given.one()
	if err != nil {
		return err
	}
	name = cmp.Or(name, string(given.algorithm))
	if o.ChecksumAlgorithm == crc64nvmeSum || name == o.ChecksumAlgorithm || name == "" && o.ChecksumType != composite {
		return nil
	}
	return invalidRequest("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s",
		lower(o.ChecksumAlgorithm), cmp.Or(lower(name), "null"))
}

// checkPartSums asks for what the kind of an upload's checksum needs: the same kind, and for a composite one the checksum
// of each part.
func checkPartSums(o *state.Object, in *s3.CompleteMultipartUploadInput) error {
	kind := types.ChecksumType(strings.ToUpper(string(in.ChecksumType)))
	if err := checkChecksumType(kind); err != nil {
		return err
	}
	for _, part := range in.MultipartUpload.Parts {
		if name, _, err := checksumsIn(&part).one(); err != nil || name != "" && name != o.ChecksumAlgorithm {
			return errors.Join(err, failure(http.StatusBadRequest, "BadDigest", fmt.Sprintf("The %s you specified for part %d did not match what we received.", lower(name), *part.PartNumber)))
		}
	}
	if kind != "" && string(kind) != o.ChecksumType {
		return invalidRequest("The upload was created using the %s checksum mode. The complete request must use the same checksum mode.", o.ChecksumType)
	}
	if o.ChecksumType != composite {
		return nil
	}
	for _, part := range in.MultipartUpload.Parts {
		if name, _, err := checksumsIn(&part).one(); err != nil || name == "" {
			return errors.Join(err, invalidRequest("The upload was created using a %s checksum. The complete request must include the checksum for each part. It was missing for part %d in the request.",
				lower(o.ChecksumAlgorithm), *part.PartNumber))
		}
	}
	return nil
}

// samePart holds a checksum that the request lists of a part against the part's.
func samePart(want types.CompletedPart, algorithm string, p state.UploadPart) bool {
	name, value, err := checksumsIn(&want).one()
	return err == nil && (name == "" || name != algorithm || value == p.Checksum)
}

// AbortMultipartUpload ends an upload and removes its parts.
func (s *Service) AbortMultipartUpload(ctx context.Context, c *api.Caller, in *s3.AbortMultipartUploadInput) (*s3.AbortMultipartUploadOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	var dead []content
	err = s.commits.do(ctx, nil, func(ctx context.Context, tx *state.Tx) error {
		u, err := uploadIn(ctx, tx, b, *in.Key, str(in.UploadId))
		if err != nil {
			return err
		}
		if at := in.IfMatchInitiatedTime; at != nil && !at.Truncate(time.Second).Equal(u.Initiated.Time().Truncate(time.Second)) {
			return preconditionFailed("x-amz-if-match-initiated-time")
		}
		dead, err = abort(ctx, tx, b, u)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.files.remove(dead...)
	return &s3.AbortMultipartUploadOutput{}, nil
}

func abort(ctx context.Context, tx *state.Tx, b state.Bucket, u state.Upload) ([]content, error) {
	u.Object.UploadID = u.ID
	dead, err := contentsOf(ctx, tx, b, u.Object)
	if err != nil {
		return nil, err
	}
	if err := tx.DeleteUploadParts(ctx, u.ID); err != nil {
		return nil, err
	}
	return dead, tx.DeleteUpload(ctx, u.ID)
}

// abortAll ends all uploads of a bucket that is about to go.
func abortAll(ctx context.Context, tx *state.Tx, b state.Bucket) (dead []content, err error) {
	for {
		uploads, err := tx.Uploads(ctx, state.KeyRange{BucketID: b.ID}, "", 100)
		if err != nil || len(uploads) == 0 {
			return dead, err
		}
		for _, u := range uploads {
			contents, err := abort(ctx, tx, b, u)
			if err != nil {
				return nil, err
			}
			dead = append(dead, contents...)
		}
	}
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
