package s3

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// version is what the archive keeps of a version beside its content.
type version struct {
	Key          string            `json:"key"`
	VersionID    string            `json:"versionId"`
	DeleteMarker bool              `json:"deleteMarker,omitempty"`
	Modified     time.Time         `json:"lastModified"`
	ETag         string            `json:"etag,omitempty"`
	StorageClass string            `json:"storageClass,omitempty"`
	Changed      int64             `json:"changed,omitempty"` // counts changes of tags and ACL at the source
	Headers      headers           `json:"headers"`
	Metadata     map[string]string `json:"metadata,omitempty"`
	Tags         map[string]string `json:"tags,omitempty"`
	Owner        string            `json:"owner,omitempty"` // canonical user id, with Grants
	Grants       []types.Grant     `json:"grants,omitempty"`
	Encryption   string            `json:"encryption,omitempty"` // AES256, aws:kms, aws:kms:dsse
	KMSKey       string            `json:"kmsKey,omitempty"`
	Checksum     string            `json:"checksumAlgorithm,omitempty"`
	// Sum is the checksum of the whole content, in base64; "" where S3 has one of the parts of an upload alone.
	Sum string `json:"checksum,omitempty"`
}

// notAsWanted is what a version has for Changed of which the archive has not what the backup's options want: no version has changed so
// often, and the next backup asks for it again.
const notAsWanted = -1

// sums are what is known of the content: the checksum, and its MD5 where that is the ETag.
func (v version) sums() Sums {
	s := Sums{Algorithm: v.Checksum, Checksum: v.Sum}
	if v.Encryption == string(types.ServerSideEncryptionAes256) && len(v.ETag) == 32 {
		s.MD5 = v.ETag
	}
	return s
}

// headers are the system headers of an object.
type headers struct {
	ContentType        *string `json:"contentType,omitempty"`
	CacheControl       *string `json:"cacheControl,omitempty"`
	ContentDisposition *string `json:"contentDisposition,omitempty"`
	ContentEncoding    *string `json:"contentEncoding,omitempty"`
	ContentLanguage    *string `json:"contentLanguage,omitempty"`
	Expires            *string `json:"expires,omitempty"`
	WebsiteRedirect    *string `json:"websiteRedirectLocation,omitempty"`
}

// archiveKey places a version in the archive.
func archiveKey(e IndexEntry) []byte {
	key := append([]byte(e.Key), 0)
	key = binary.BigEndian.AppendUint64(key, uint64(e.Modified.UnixMicro()))
	return append(key, e.VersionID...)
}

// objectKey is the object's key in an archive key.
func objectKey(archiveKey []byte) (string, error) {
	key, rest, ok := bytes.Cut(archiveKey, []byte{0})
	if !ok || len(rest) < 8 {
		return "", fmt.Errorf("entry %q is no version of an object", archiveKey)
	}
	return string(key), nil
}

func parseVersion(meta []byte) (v version, err error) {
	if err = json.Unmarshal(meta, &v); err != nil {
		err = fmt.Errorf("reading the metadata of a version: %w", err)
	}
	return v, err
}

// listed is what an index tells of a version.
func listed(e IndexEntry) version {
	return version{
		Key: e.Key, VersionID: e.VersionID, DeleteMarker: e.DeleteMarker, Modified: e.Modified, ETag: e.ETag, StorageClass: e.StorageClass, Changed: e.Changed,
	}
}

// unchanged reports whether the archive has the version as the index tells it.
func (v version) unchanged(e IndexEntry) bool {
	return v.VersionID == e.VersionID && v.ETag == e.ETag && v.Changed == e.Changed && v.DeleteMarker == e.DeleteMarker && v.StorageClass == e.StorageClass
}

// retagged reports whether the archive has the version's content, and only its tags or its ACL may have changed since.
func (v version) retagged(e IndexEntry) bool {
	v.Changed = e.Changed
	return !e.DeleteMarker && v.Modified.Equal(e.Modified) && v.unchanged(e)
}

// read adds what reading the object told.
func (v *version) read(out *awss3.GetObjectOutput) {
	v.Headers = headers{
		ContentType: out.ContentType, CacheControl: out.CacheControl, ContentDisposition: out.ContentDisposition, ContentEncoding: out.ContentEncoding,
		ContentLanguage: out.ContentLanguage, Expires: out.ExpiresString, WebsiteRedirect: out.WebsiteRedirectLocation,
	}
	v.Metadata = out.Metadata
	v.Encryption = string(out.ServerSideEncryption)
	if out.SSEKMSKeyId != nil {
		v.KMSKey = *out.SSEKMSKeyId
	}
	for _, each := range []struct {
		algorithm string
		sum       *string
	}{
		{"CRC32", out.ChecksumCRC32},
		{"CRC32C", out.ChecksumCRC32C},
		{"CRC64NVME", out.ChecksumCRC64NVME},
		{"SHA1", out.ChecksumSHA1},
		{"SHA256", out.ChecksumSHA256},
		{"SHA512", out.ChecksumSHA512},
	} {
		if each.sum != nil {
			v.Checksum = each.algorithm
			if out.ChecksumType == types.ChecksumTypeFullObject {
				v.Sum = *each.sum
			}
		}
	}
}
