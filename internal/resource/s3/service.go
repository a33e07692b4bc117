package s3

import (
	"context"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom/internal/state"
)

// Service is what the kind needs of the S3 service beside the operations, which it calls through the door. Two of those
// have no route and exist for the kind alone; their inputs and outputs are declared below.
type Service interface {
	// Buckets lists the buckets of an account in a Region on nobody's behalf.
	Buckets(ctx context.Context, accountID, region string) ([]state.Bucket, error)
	// Bucket reads a bucket by name, wherever it is. One that is not there is the error NoSuchBucket.
	Bucket(ctx context.Context, name string) (state.Bucket, error)
	// BucketSize counts the versions of a bucket and their bytes.
	BucketSize(ctx context.Context, bucket string) (versions, bytes int64, err error)
	// ForgetWrites drops what is noted of the writes of a job that is over, see [WriteOnceInput].
	ForgetWrites(ctx context.Context, jobID string) error
}

// ListVersionIndexInput asks for all versions of a bucket by pages. The operation has no route: it is what a backup reads
// instead of ListObjectVersions, which does not tell whether the tags of a version were changed.
type ListVersionIndexInput struct {
	Bucket  *string
	Prefix  *string
	Marker  *IndexEntry // the entry that the page goes on behind; nil for the first
	MaxKeys *int32      // up to 10,000
}

// ListVersionIndexOutput is a page of the index, in order of key, the newest version of each key first.
type ListVersionIndexOutput struct {
	Entries     []IndexEntry
	IsTruncated bool
}

// IndexEntry is a version, or a delete marker.
type IndexEntry struct {
	Key          string
	VersionID    string
	DeleteMarker bool
	Modified     time.Time // in microseconds; later than of every older version of the key
	Size         int64
	ETag         string // without quotes
	StorageClass string
	Changed      int64 // counts changes of tags and ACL since the version was written
	Tags         int   // the number of tags
	ACL          bool  // there is a list beside the owner's full control
}

// WriteOnceInput is a write that a job makes once, however often it is run again: either of Put and Delete. The operation
// has no route; it needs the rights of the write it makes.
type WriteOnceInput struct {
	Put    *awss3.PutObjectInput
	Delete *awss3.DeleteObjectInput // without a version: it makes a delete marker
	Known  Sums                     // of Put's content
	JobID  string
	Name   string // tells the write from the job's others
}

// Sums are what is known of a content before it is written; "" where it is not.
type Sums struct {
	MD5       string // in hexadecimal
	Algorithm string // of Checksum
	Checksum  string // base64
}

// SmallObject is the greatest size of an object that [WriteManyInput] takes, in bytes.
const SmallObject = 64 << 10

// MostAtOnce is the greatest number of objects that are read or written by one call.
const MostAtOnce = 128

// WriteManyInput are writes of small objects that a job makes once and together, however often it is run again: all that
// may be made are there, or none. The operation has no route; each write needs the rights of PutObject.
type WriteManyInput struct {
	Bucket *string
	Writes []Write // in order of key
	JobID  string
	Name   string // tells the writes from the job's others
}

// Write is one of many: Put has a body of ContentLength bytes, which it gives when it is read and not before.
type Write struct {
	Put   *awss3.PutObjectInput
	Known Sums
}

// WriteManyOutput tells what came of each write.
type WriteManyOutput struct {
	// Apart says that none was made: each is to be asked for by itself, because a trail records it.
	Apart bool
	Errs  []error // of each write; nil for one that was made, now or by an earlier run
}

// ReadManyInput asks for many versions of a bucket at once. The operation has no route; each needs the rights of GetObject, and
// of GetObjectTagging where Tags asks for them.
type ReadManyInput struct {
	Bucket  *string
	Entries []IndexEntry // in order of key, the oldest version of each first
	Tags    bool
}

// ReadManyOutput has the versions.
type ReadManyOutput struct {
	// Apart says that none was read: each is to be asked for by itself, because a trail records it.
	Apart    bool
	Versions []VersionRead
}

// VersionRead is a version as GetObject gives it with its checksum, its content in memory.
type VersionRead struct {
	Object *awss3.GetObjectOutput
	Tags   map[string]string // nil unless there are any that were asked for
	Err    error
}

// WriteOnceOutput tells the version that was made, now or by an earlier run.
type WriteOnceOutput struct {
	VersionID string
	Before    bool // by an earlier run
}
