package s3

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
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
