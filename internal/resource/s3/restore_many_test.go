package s3_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/resource"
	"strongroom/internal/service/s3/s3test"
)

// fillMany makes n small objects, some of them with several versions, metadata, tags and checksums of their own.
func (h *house) fillMany(t *testing.T, bucket string, n int) {
	t.Helper()
	h.Bucket(t, s3test.Member, bucket, true)
	for i := range n {
		in := &awss3.PutObjectInput{Bucket: &bucket, Key: ptr(fmt.Sprintf("%d/%04d", i%3, i)), Body: strings.NewReader(strings.Repeat(fmt.Sprintf("object %d ", i), i%50))}
		switch i % 5 {
		case 1:
			in.Metadata, in.ContentType = map[string]string{"number": fmt.Sprint(i)}, ptr("text/plain")
		case 2:
			in.Tagging = ptr(fmt.Sprintf("number=%d", i))
		case 3:
			in.ChecksumAlgorithm = types.ChecksumAlgorithmSha256
		case 4:
			h.Put(t, admin, bucket, *in.Key, "an older version")
		}
		s3test.Do[awss3.PutObjectOutput](t, h.World, admin, in)
	}
}

// sums lists ETag and checksums of a bucket's objects.
func (h *house) sums(t *testing.T, bucket string) (all []string) {
	t.Helper()
	out := s3test.Do[awss3.ListObjectVersionsOutput](t, h.World, admin, &awss3.ListObjectVersionsInput{Bucket: &bucket})
	for _, v := range out.Versions {
		o := s3test.Do[awss3.HeadObjectOutput](t, h.World, admin, &awss3.HeadObjectInput{Bucket: &bucket, Key: v.Key, VersionId: v.VersionId, ChecksumMode: types.ChecksumModeEnabled})
		line := fmt.Sprint(*v.Key, " ", *o.ETag, " ", o.ServerSideEncryption, " ", o.ChecksumType)
		for _, sum := range []*string{o.ChecksumCRC64NVME, o.ChecksumSHA256} {
			if sum != nil {
				line += " " + *sum
			}
		}
		all = append(all, line)
	}
	return all
}

func TestSmallObjectsAreRestoredTogether(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fillMany(t, "source", 180)
	h.mustBackup(t, "source", "p1", "", "")
	before := len(h.files(t))
	h.mustRestore(t, "p1", map[string]string{"DestinationBucketName": "target", "NewBucket": "true", "RestoreLatestVersionsUpTo": "all"})
	if diff := cmp.Diff(h.contents(t, "source"), h.contents(t, "target")); diff != "" {
		t.Errorf("source and restored bucket differ:\n%s", diff)
	}
	if diff := cmp.Diff(h.sums(t, "source"), h.sums(t, "target")); diff != "" {
		t.Errorf("ETags and checksums differ:\n%s", diff)
	}
	if made := len(h.files(t)) - before; made > 4 {
		t.Errorf("the restore of 216 versions made %d files", made)
	}
	// A backup of what was restored reads it as it reads the source, and another restore gives the same again.
	h.mustBackup(t, "target", "p2", "", "")
	h.mustRestore(t, "p2", map[string]string{"DestinationBucketName": "again", "NewBucket": "true", "RestoreLatestVersionsUpTo": "all"})
	if diff := cmp.Diff(h.sums(t, "source"), h.sums(t, "again")); diff != "" {
		t.Errorf("after a second round:\n%s", diff)
	}
	// One object after the other is deleted for good; with the last of a file it goes.
	out := s3test.Do[awss3.ListObjectVersionsOutput](t, h.World, admin, &awss3.ListObjectVersionsInput{Bucket: ptr("target")})
	last := out.Versions[len(out.Versions)-1]
	for _, v := range out.Versions[:len(out.Versions)-1] {
		s3test.Do[awss3.DeleteObjectOutput](t, h.World, admin, &awss3.DeleteObjectInput{Bucket: ptr("target"), Key: v.Key, VersionId: v.VersionId})
	}
	if got, want := h.Get(t, admin, "target", *last.Key, *last.VersionId), "an older version"; got != want {
		t.Errorf("the object that is left is %q, want %q", got, want)
	}
	s3test.Do[awss3.DeleteObjectOutput](t, h.World, admin, &awss3.DeleteObjectInput{Bucket: ptr("target"), Key: last.Key, VersionId: last.VersionId})
	if left := len(h.files(t)) - before; left > 4 { // those of the bucket "again"
		t.Errorf("the files of deleted objects are left: %d", left)
	}
}

// files lists the files of all contents.
func (h *house) files(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(h.Dir, "regions", "*", "s3", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
	return files
}

// A restore of small objects that is stopped after any of its batches goes on where it was, also where a part of it was refused.
func TestManyAreRestoredOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fillMany(t, "source", 270)
	h.mustBackup(t, "source", "p1", "", "")
	const most = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","kms:*"],"Resource":"*"},
		{"Effect":"Deny","Action":"s3:PutObject","Resource":"arn:aws:s3:::target/1/00*"}]}`
	h.Allow(h.role, most)
	metadata := map[string]string{"DestinationBucketName": "target", "NewBucket": "true", "RestoreLatestVersionsUpTo": "all"}
	var refused atomic.Int64
	run := func(ctx context.Context, stop func(), again bool) (resource.Restored, error) {
		refused.Store(0)
		p, err := h.domain.Open(t.Context(), "p1")
		if err != nil {
			t.Fatal(err)
		}
		return h.kind.Restore(ctx, h.role, resource.RestoreRequest{
			Point: p, Metadata: metadata, JobID: "job", Again: again,
			Progress: func(int64, int64) { stop() },
			Failed:   func(context.Context, string, error) { refused.Add(1) },
		})
	}
	for after := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		var told atomic.Int64
		_, err := run(ctx, func() {
			if told.Add(1) > int64(100*after) {
				cancel()
			}
		}, after > 0)
		if cancel(); err == nil {
			t.Log("the restore was done before it was stopped")
		}
	}
	made, err := run(t.Context(), func() {}, true)
	if err != nil {
		t.Fatal(err)
	}
	if made.Message == "" || refused.Load() == 0 {
		t.Errorf("nothing is said of what was refused: %q, %d", made.Message, refused.Load())
	}
	var want []string
	for _, line := range h.sums(t, "source") {
		if !strings.HasPrefix(line, "1/00") {
			want = append(want, line)
		}
	}
	if diff := cmp.Diff(want, h.sums(t, "target")); diff != "" {
		t.Errorf("source and restored bucket differ:\n%s", diff)
	}
}

// A bucket key is asked for once for many objects, and not for each; without one, each object has a key of its own.
func TestManyUnderABucketKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fillMany(t, "source", 40)
	h.mustBackup(t, "source", "p1", "", "")
	key := s3test.Do[awskms.CreateKeyOutput](t, h.World, admin, &awskms.CreateKeyInput{}).KeyMetadata
	for bucket, shared := range map[string]bool{"shared": true, "apart": false} {
		h.Bucket(t, s3test.Member, bucket, true)
		s3test.Do[awss3.PutBucketEncryptionOutput](t, h.World, admin, &awss3.PutBucketEncryptionInput{Bucket: &bucket, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
			Rules: []types.ServerSideEncryptionRule{{BucketKeyEnabled: &shared, ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{
				SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: key.Arn,
			}}},
		}})
		h.mustRestore(t, "p1", map[string]string{"DestinationBucketName": bucket, "RestoreLatestVersionsUpTo": "all"})
		if diff := cmp.Diff(h.contents(t, "source"), h.contents(t, bucket)); diff != "" {
			t.Errorf("%s:\n%s", bucket, diff)
		}
		var wrapped int
		if err := h.DB.Writer().QueryRowContext(t.Context(), `SELECT COUNT(DISTINCT wrapped_key) FROM objects JOIN buckets ON buckets.id = bucket_id WHERE name = $1 AND kms_key_arn = $2`, bucket, *key.Arn).Scan(&wrapped); err != nil {
			t.Fatal(err)
		}
		if many := wrapped > 40; many == shared || wrapped == 0 {
			t.Errorf("%s: %d data keys", bucket, wrapped)
		}
		h.mustBackup(t, bucket, "of-"+bucket, "", "")
	}
}
