package s3_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/api"
	"strongroom/internal/service/s3/s3test"
)

func ptr[T any](v T) *T { return &v }

var admin = s3test.Admin(s3test.Member)

func TestPutAndGetGiveBackEverything(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", true)
	expires := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	put := s3test.Do[s3.PutObjectOutput](t, w, admin, &s3.PutObjectInput{
		Bucket: ptr("bucket"), Key: ptr("a/b c.txt"), Body: strings.NewReader("hello"), ContentType: ptr("text/plain"), CacheControl: ptr("no-cache"),
		ContentDisposition: ptr("inline"), ContentEncoding: ptr("identity"), ContentLanguage: ptr("de"), Expires: &expires,
		Metadata: map[string]string{"color": "blue"}, Tagging: ptr("team=a%2Bb&x="), StorageClass: types.StorageClassStandardIa,
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
	})
	sum := md5.Sum([]byte("hello"))
	if got, want := *put.ETag, `"`+hex.EncodeToString(sum[:])+`"`; got != want {
		t.Errorf("ETag %s, want %s", got, want)
	}
	if got, want := *put.ChecksumCRC32, "NhCmhg=="; got != want { // echo -n hello | rhash --crc32 …
		t.Errorf("CRC32 %s, want %s", got, want)
	}
	got := s3test.Do[s3.GetObjectOutput](t, w, admin, &s3.GetObjectInput{Bucket: ptr("bucket"), Key: ptr("a/b c.txt"), ChecksumMode: types.ChecksumModeEnabled})
	body, err := io.ReadAll(got.Body)
	if err != nil || string(body) != "hello" {
		t.Errorf("content %q, %v", body, err)
	}
	type shown struct {
		Type, Cache, Disposition, Encoding, Language, Expires, Sum, SSE, Class string
		Length                                                                 int64
		Tags                                                                   int32
		Metadata                                                               map[string]string
	}
	want := shown{"text/plain", "no-cache", "inline", "identity", "de", "Wed, 02 Jan 2030 03:04:05 GMT", "NhCmhg==", "AES256", "STANDARD_IA", 5, 2, map[string]string{"color": "blue"}}
	if diff := cmp.Diff(want, shown{
		*got.ContentType, *got.CacheControl, *got.ContentDisposition, *got.ContentEncoding, *got.ContentLanguage, *got.ExpiresString, *got.ChecksumCRC32,
		string(got.ServerSideEncryption), string(got.StorageClass), *got.ContentLength, *got.TagCount, got.Metadata,
	}); diff != "" {
		t.Error(diff)
	}
	tags := s3test.Do[s3.GetObjectTaggingOutput](t, w, admin, &s3.GetObjectTaggingInput{Bucket: ptr("bucket"), Key: ptr("a/b c.txt")})
	if len(tags.TagSet) != 2 || *tags.TagSet[0].Value != "a+b" {
		t.Errorf("tags %v", tags.TagSet)
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	w.Put(t, admin, "bucket", "k", "null")
	s3test.Do[s3.PutBucketVersioningOutput](t, w, admin, &s3.PutBucketVersioningInput{Bucket: ptr("bucket"), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	one := w.Put(t, admin, "bucket", "k", "one")
	two := w.Put(t, admin, "bucket", "k", "two")
	for version, want := range map[string]string{"": "two", one: "one", two: "two", "null": "null"} {
		if got := w.Get(t, admin, "bucket", "k", version); got != want {
			t.Errorf("version %q is %q, want %q", version, got, want)
		}
	}

	marker := s3test.Do[s3.DeleteObjectOutput](t, w, admin, &s3.DeleteObjectInput{Bucket: ptr("bucket"), Key: ptr("k")})
	if marker.DeleteMarker == nil || !*marker.DeleteMarker {
		t.Fatal("deleting made no delete marker")
	}
	hidden := s3test.Refused[s3.GetObjectOutput](t, w, admin, &s3.GetObjectInput{Bucket: ptr("bucket"), Key: ptr("k")}, "NoSuchKey")
	if hidden.Members["x-amz-delete-marker"] != "true" {
		t.Errorf("a hidden object is answered with %v", hidden.Members)
	}
	s3test.Refused[s3.GetObjectOutput](t, w, admin, &s3.GetObjectInput{Bucket: ptr("bucket"), Key: ptr("k"), VersionId: marker.VersionId}, "MethodNotAllowed")
	if got, want := versionsOf(t, w, "bucket"), []string{"k marker latest", "k " + two, "k " + one, "k null"}; !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	s3test.Do[s3.DeleteObjectOutput](t, w, admin, &s3.DeleteObjectInput{Bucket: ptr("bucket"), Key: ptr("k"), VersionId: marker.VersionId})
	if got := w.Get(t, admin, "bucket", "k", ""); got != "two" {
		t.Errorf("after the marker's removal the object is %q", got)
	}
	s3test.Do[s3.DeleteObjectOutput](t, w, admin, &s3.DeleteObjectInput{Bucket: ptr("bucket"), Key: ptr("k"), VersionId: &two})
	if got := w.Get(t, admin, "bucket", "k", ""); got != "one" {
		t.Errorf("after the newest's removal the object is %q", got)
	}
	s3test.Refused[s3.GetObjectOutput](t, w, admin, &s3.GetObjectInput{Bucket: ptr("bucket"), Key: ptr("k"), VersionId: &two}, "NoSuchVersion")

	s3test.Do[s3.PutBucketVersioningOutput](t, w, admin, &s3.PutBucketVersioningInput{Bucket: ptr("bucket"), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended}})
	w.Put(t, admin, "bucket", "k", "null again")
	if got, want := versionsOf(t, w, "bucket"), []string{"k null latest", "k " + one}; !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	s3test.Do[s3.DeleteObjectOutput](t, w, admin, &s3.DeleteObjectInput{Bucket: ptr("bucket"), Key: ptr("k")})
	if got, want := versionsOf(t, w, "bucket"), []string{"k marker latest", "k " + one}; !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

// versionsOf lists a bucket's versions and markers by pages of one.
func versionsOf(t *testing.T, w *s3test.World, bucket string) (all []string) {
	t.Helper()
	in := &s3.ListObjectVersionsInput{Bucket: &bucket, MaxKeys: ptr(int32(1))}
	for {
		out := s3test.Do[s3.ListObjectVersionsOutput](t, w, admin, in)
		latest := func(is *bool) string {
			if *is {
				return " latest"
			}
			return ""
		}
		for _, v := range out.Versions {
			all = append(all, *v.Key+" "+*v.VersionId+latest(v.IsLatest))
		}
		for _, m := range out.DeleteMarkers {
			all = append(all, *m.Key+" marker"+latest(m.IsLatest))
		}
		if !*out.IsTruncated {
			return all
		}
		in.KeyMarker, in.VersionIdMarker = out.NextKeyMarker, out.NextVersionIdMarker
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	content := make([]byte, 300_000)
	rand.NewChaCha8([32]byte{}).Read(content) //nolint:errcheck // never fails
	s3test.Do[s3.PutObjectOutput](t, w, admin, &s3.PutObjectInput{Bucket: ptr("bucket"), Key: ptr("k"), Body: bytes.NewReader(content)})
	for _, row := range []struct {
		header     string
		start, end int
		shown      string
	}{
		{"bytes=0-0", 0, 1, "bytes 0-0/300000"},
		{"bytes=65535-65536", 65535, 65537, "bytes 65535-65536/300000"},
		{"bytes=131072-", 131072, 300000, "bytes 131072-299999/300000"},
		{"bytes=-7", 299993, 300000, "bytes 299993-299999/300000"},
		{"bytes=100-999999", 100, 300000, "bytes 100-299999/300000"},
		{"bytes=-999999", 0, 300000, "bytes 0-299999/300000"},
		{"bytes=5-4", 0, 300000, ""},
		{"bytes=0-1,5-6", 0, 300000, ""},
		{"lines=0-1", 0, 300000, ""},
	} {
		out := s3test.Do[s3.GetObjectOutput](t, w, admin, &s3.GetObjectInput{Bucket: ptr("bucket"), Key: ptr("k"), Range: &row.header})
		got, err := io.ReadAll(out.Body)
		if err != nil || !bytes.Equal(got, content[row.start:row.end]) {
			t.Errorf("%s: %d bytes, %v; want bytes %d to %d", row.header, len(got), err, row.start, row.end)
		}
		shown := ""
		if out.ContentRange != nil {
			shown = *out.ContentRange
		}
		if shown != row.shown || *out.ContentLength != int64(row.end-row.start) {
			t.Errorf("%s is answered with %q, length %d", row.header, shown, *out.ContentLength)
		}
	}
	s3test.Refused[s3.GetObjectOutput](t, w, admin, &s3.GetObjectInput{Bucket: ptr("bucket"), Key: ptr("k"), Range: ptr("bytes=300000-")}, "InvalidRange")
}

func TestConditions(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	w.Put(t, admin, "bucket", "k", "v")
	etag := `"9e3669d19b675bd57058fd4664205d2a"`
	at := w.Clock.Now()
	for _, row := range []struct {
		in   s3.GetObjectInput
		code string
	}{
		{s3.GetObjectInput{IfMatch: &etag}, ""},
		{s3.GetObjectInput{IfMatch: ptr(`"x"`)}, "PreconditionFailed"},
		{s3.GetObjectInput{IfNoneMatch: &etag}, "NotModified"},
		{s3.GetObjectInput{IfNoneMatch: ptr(`"x"`)}, ""},
		{s3.GetObjectInput{IfModifiedSince: &at}, "NotModified"},
		{s3.GetObjectInput{IfModifiedSince: ptr(at.Add(-time.Second))}, ""},
		{s3.GetObjectInput{IfUnmodifiedSince: ptr(at.Add(-time.Second))}, "PreconditionFailed"},
		{s3.GetObjectInput{IfMatch: &etag, IfUnmodifiedSince: ptr(at.Add(-time.Second))}, ""},
		{s3.GetObjectInput{IfNoneMatch: &etag, IfModifiedSince: ptr(at.Add(-time.Second))}, "NotModified"},
	} {
		row.in.Bucket, row.in.Key = ptr("bucket"), ptr("k")
		_, err := api.Call[s3.GetObjectOutput](t.Context(), w.Door, admin, &row.in)
		if api.Code(err) != row.code {
			t.Errorf("%+v: %v, want %q", row.in, err, row.code)
		}
	}
	put := func(key string, in s3.PutObjectInput) string {
		in.Bucket, in.Key, in.Body = ptr("bucket"), &key, strings.NewReader("w")
		_, err := api.Call[s3.PutObjectOutput](t.Context(), w.Door, admin, &in)
		return api.Code(err)
	}
	for _, row := range []struct {
		key  string
		in   s3.PutObjectInput
		code string
	}{
		{"k", s3.PutObjectInput{IfNoneMatch: ptr("*")}, "PreconditionFailed"},
		{"new", s3.PutObjectInput{IfNoneMatch: ptr("*")}, ""},
		{"k", s3.PutObjectInput{IfMatch: ptr("x")}, "PreconditionFailed"},
		{"k", s3.PutObjectInput{IfMatch: &etag}, ""},
		{"none", s3.PutObjectInput{IfMatch: &etag}, "NoSuchKey"},
	} {
		if code := put(row.key, row.in); code != row.code {
			t.Errorf("a put of %s under a condition is answered with %q, want %q", row.key, code, row.code)
		}
	}
}

func TestBadUploadsChangeNothing(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	for _, row := range []struct {
		name string
		in   s3.PutObjectInput
		code string
	}{
		{"md5", s3.PutObjectInput{ContentMD5: ptr("AAAAAAAAAAAAAAAAAAAAAA==")}, "BadDigest"},
		{"malformed md5", s3.PutObjectInput{ContentMD5: ptr("AAAA")}, "InvalidDigest"},
		{"crc32", s3.PutObjectInput{ChecksumCRC32: ptr("AAAAAA==")}, "BadDigest"},
		{"two checksums", s3.PutObjectInput{ChecksumCRC32: ptr("AAAAAA=="), ChecksumSHA1: ptr("AAAA")}, "InvalidRequest"},
		{"short", s3.PutObjectInput{ContentLength: ptr(int64(9))}, "IncompleteBody"},
		{"storage class", s3.PutObjectInput{StorageClass: "LUKEWARM"}, "InvalidStorageClass"},
		{"eleven tags", s3.PutObjectInput{Tagging: ptr("a=&b=&c=&d=&e=&f=&g=&h=&i=&j=&k=")}, "BadRequest"},
		{"tag twice", s3.PutObjectInput{Tagging: ptr("a=1&a=2")}, "InvalidArgument"},
		{"metadata", s3.PutObjectInput{Metadata: map[string]string{"a": strings.Repeat("x", 2048)}}, "MetadataTooLarge"},
		{"encryption", s3.PutObjectInput{ServerSideEncryption: "rot13"}, "InvalidArgument"},
		{"customer key", s3.PutObjectInput{SSECustomerAlgorithm: ptr("AES256")}, "InvalidArgument"},
		{"acl", s3.PutObjectInput{ACL: types.ObjectCannedACLPublicRead}, "AccessControlListNotSupported"},
		{"lock", s3.PutObjectInput{ObjectLockLegalHoldStatus: types.ObjectLockLegalHoldStatusOn}, "InvalidRequest"},
		{"tag of odd characters", s3.PutObjectInput{Tagging: ptr("k=a%26b")}, "InvalidTag"},
		{"tag without key", s3.PutObjectInput{Tagging: ptr("=v")}, "InvalidArgument"},
		{"two algorithms", s3.PutObjectInput{ChecksumAlgorithm: types.ChecksumAlgorithmSha1, ChecksumCRC32: ptr("AAAAAA==")}, "InvalidRequest"},
	} {
		row.in.Bucket, row.in.Key, row.in.Body = ptr("bucket"), ptr("k"), strings.NewReader("content")
		if _, err := api.Call[s3.PutObjectOutput](t.Context(), w.Door, admin, &row.in); api.Code(err) != row.code {
			t.Errorf("%s: %v, want %s", row.name, err, row.code)
		}
	}
	s3test.Refused[s3.PutObjectOutput](t, w, admin, &s3.PutObjectInput{Bucket: ptr("bucket"), Key: ptr(strings.Repeat("k", 1025))}, "KeyTooLongError")
	s3test.Refused[s3.PutObjectOutput](t, w, admin, &s3.PutObjectInput{Bucket: ptr("none"), Key: ptr("k")}, "NoSuchBucket")
	failing := &s3.PutObjectInput{Bucket: ptr("bucket"), Key: ptr("k"), Body: io.MultiReader(strings.NewReader(strings.Repeat("x", 200_000)), broken{})}
	if _, err := api.Call[s3.PutObjectOutput](t.Context(), w.Door, admin, failing); err == nil {
		t.Error("an upload that broke off succeeded")
	}
	if out := s3test.Do[s3.ListObjectsV2Output](t, w, admin, &s3.ListObjectsV2Input{Bucket: ptr("bucket")}); len(out.Contents) != 0 {
		t.Errorf("refused uploads left %d objects", len(out.Contents))
	}
	if files := filesIn(t, w.Dir); len(files) != 0 {
		t.Errorf("refused uploads left files: %v", files)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestDeleteObjects(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", true)
	old := w.Put(t, admin, "bucket", "a", "1")
	w.Put(t, admin, "bucket", "a", "2")
	w.Put(t, admin, "bucket", "kept", "3")
	someone := s3test.User(s3test.Member, "someone")
	w.Allow(someone, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:DeleteObject*","Resource":"arn:aws:s3:::bucket/a"}}`)
	out := s3test.Do[s3.DeleteObjectsOutput](t, w, someone, &s3.DeleteObjectsInput{Bucket: ptr("bucket"), Delete: &types.Delete{Objects: []types.ObjectIdentifier{
		{Key: ptr("a")}, {Key: ptr("a"), VersionId: &old}, {Key: ptr("kept")}, {Key: ptr("a"), VersionId: ptr("nonsense")},
	}}})
	if len(out.Deleted) != 2 || out.Deleted[0].DeleteMarkerVersionId == nil || *out.Deleted[1].VersionId != old {
		t.Errorf("deleted %+v", out.Deleted)
	}
	if len(out.Errors) != 2 || *out.Errors[0].Code != "AccessDenied" || *out.Errors[1].Code != "InvalidArgument" {
		t.Errorf("errors %+v", out.Errors)
	}
}

func TestCopies(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "source", true)
	w.Bucket(t, s3test.Member, "target", false)
	first := s3test.Do[s3.PutObjectOutput](t, w, admin, &s3.PutObjectInput{
		Bucket: ptr("source"), Key: ptr("über/k ey"), Body: strings.NewReader("first"), ContentType: ptr("text/plain"), Metadata: map[string]string{"m": "1"}, Tagging: ptr("t=1"),
	})
	w.Put(t, admin, "source", "über/k ey", "second")
	copied := func(in s3.CopyObjectInput) *s3.HeadObjectOutput {
		t.Helper()
		in.Bucket, in.Key = ptr("target"), ptr("copy")
		s3test.Do[s3.CopyObjectOutput](t, w, admin, &in)
		return s3test.Do[s3.HeadObjectOutput](t, w, admin, &s3.HeadObjectInput{Bucket: ptr("target"), Key: ptr("copy")})
	}
	got := copied(s3.CopyObjectInput{CopySource: ptr("source/%C3%BCber/k%20ey?versionId=" + *first.VersionId)})
	if *got.ETag != *first.ETag || *got.ContentType != "text/plain" || got.Metadata["m"] != "1" || *got.TagCount != 1 {
		t.Errorf("a copy lost something: %+v", got)
	}
	got = copied(s3.CopyObjectInput{
		CopySource: ptr("/source/%C3%BCber/k%20ey?versionId=" + *first.VersionId), MetadataDirective: types.MetadataDirectiveReplace, ContentType: ptr("text/html"),
		TaggingDirective: types.TaggingDirectiveReplace,
	})
	if *got.ContentType != "text/html" || len(got.Metadata) != 0 || got.TagCount != nil {
		t.Errorf("a copy kept what it was to replace: %+v", got)
	}
	if got := w.Get(t, admin, "target", "copy", ""); got != "first" {
		t.Errorf("the copy is %q", got)
	}
	s3test.Refused[s3.CopyObjectOutput](t, w, admin, &s3.CopyObjectInput{Bucket: ptr("target"), Key: ptr("copy"), CopySource: ptr("target/copy")}, "InvalidRequest")
	s3test.Refused[s3.CopyObjectOutput](t, w, admin, &s3.CopyObjectInput{Bucket: ptr("target"), Key: ptr("x"), CopySource: ptr("source/none")}, "NoSuchKey")
	s3test.Refused[s3.CopyObjectOutput](t, w, admin, &s3.CopyObjectInput{Bucket: ptr("target"), Key: ptr("x"), CopySource: ptr("source")}, "InvalidArgument")
	s3test.Refused[s3.CopyObjectOutput](t, w, admin, &s3.CopyObjectInput{Bucket: ptr("target"), Key: ptr("x"), CopySource: ptr("target/copy"), CopySourceIfMatch: ptr("x")}, "PreconditionFailed")

	reader := s3test.User(s3test.Member, "reader")
	w.Allow(reader, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"*"}}`)
	s3test.Refused[s3.CopyObjectOutput](t, w, reader, &s3.CopyObjectInput{Bucket: ptr("target"), Key: ptr("x"), CopySource: ptr("source/%C3%BCber/k%20ey?versionId=" + *first.VersionId)}, "AccessDenied")
}

func TestListing(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", true)
	for i := range 40 {
		w.Put(t, admin, "bucket", fmt.Sprintf("dir/%02d", i), "")
	}
	for _, key := range []string{"a", "a/1", "a/2", "b", "dir0", "zz/1/2", "ü"} {
		w.Put(t, admin, "bucket", key, "")
	}
	s3test.Do[s3.DeleteObjectOutput](t, w, admin, &s3.DeleteObjectInput{Bucket: ptr("bucket"), Key: ptr("b")})
	v2 := func(in s3.ListObjectsV2Input) (all []string) {
		in.Bucket = ptr("bucket")
		for {
			out := s3test.Do[s3.ListObjectsV2Output](t, w, admin, &in)
			for _, o := range out.Contents {
				all = append(all, *o.Key)
			}
			for _, p := range out.CommonPrefixes {
				all = append(all, *p.Prefix+"*")
			}
			if !*out.IsTruncated {
				return all
			}
			in.ContinuationToken = out.NextContinuationToken
		}
	}
	v1 := func(in s3.ListObjectsInput) (all []string) {
		in.Bucket = ptr("bucket")
		for {
			out := s3test.Do[s3.ListObjectsOutput](t, w, admin, &in)
			for _, o := range out.Contents {
				all = append(all, *o.Key)
				in.Marker = o.Key
			}
			for _, p := range out.CommonPrefixes {
				all = append(all, *p.Prefix+"*")
			}
			if !*out.IsTruncated {
				return all
			}
			if out.NextMarker != nil {
				in.Marker = out.NextMarker
			}
		}
	}
	grouped := []string{"a", "a/*", "dir/*", "dir0", "zz/*", "ü"}
	if got := v2(s3.ListObjectsV2Input{Delimiter: ptr("/"), MaxKeys: ptr(int32(1))}); !cmp.Equal(got, grouped) {
		t.Errorf("V2 by ones: %v", got)
	}
	if got := v1(s3.ListObjectsInput{Delimiter: ptr("/"), MaxKeys: ptr(int32(1))}); !cmp.Equal(got, grouped) {
		t.Errorf("V1 by ones: %v", got)
	}
	if got := v2(s3.ListObjectsV2Input{Prefix: ptr("dir/"), MaxKeys: ptr(int32(7))}); len(got) != 40 || got[39] != "dir/39" {
		t.Errorf("by prefix: %v", got)
	}
	if got := v2(s3.ListObjectsV2Input{StartAfter: ptr("dir/38")}); !cmp.Equal(got, []string{"dir/39", "dir0", "zz/1/2", "ü"}) {
		t.Errorf("start after: %v", got)
	}
	if got := v2(s3.ListObjectsV2Input{MaxKeys: ptr(int32(0))}); len(got) != 0 {
		t.Errorf("none: %v", got)
	}
	out := s3test.Do[s3.ListObjectsV2Output](t, w, admin, &s3.ListObjectsV2Input{Bucket: ptr("bucket"), Prefix: ptr("ü"), EncodingType: types.EncodingTypeUrl})
	if *out.Contents[0].Key != "%C3%BC" || *out.Prefix != "%C3%BC" {
		t.Errorf("encoded key %s, prefix %s", *out.Contents[0].Key, *out.Prefix)
	}
	s3test.Refused[s3.ListObjectsV2Output](t, w, admin, &s3.ListObjectsV2Input{Bucket: ptr("bucket"), ContinuationToken: ptr("forged")}, "InvalidArgument")
	versions := s3test.Do[s3.ListObjectVersionsOutput](t, w, admin, &s3.ListObjectVersionsInput{Bucket: ptr("bucket"), Delimiter: ptr("/")})
	if len(versions.CommonPrefixes) != 3 || len(versions.Versions) != 4 || len(versions.DeleteMarkers) != 1 {
		t.Errorf("versions: %d prefixes, %d versions, %d markers", len(versions.CommonPrefixes), len(versions.Versions), len(versions.DeleteMarkers))
	}
}

func TestAttributes(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	w.Put(t, admin, "bucket", "k", "v")
	out := s3test.Do[s3.GetObjectAttributesOutput](t, w, admin, &s3.GetObjectAttributesInput{Bucket: ptr("bucket"), Key: ptr("k"), ObjectAttributes: []types.ObjectAttributes{
		types.ObjectAttributesEtag, types.ObjectAttributesObjectSize, types.ObjectAttributesStorageClass, types.ObjectAttributesChecksum, types.ObjectAttributesObjectParts,
	}})
	if *out.ETag != "9e3669d19b675bd57058fd4664205d2a" || *out.ObjectSize != 1 || out.StorageClass != "STANDARD" || out.Checksum.ChecksumCRC64NVME == nil || out.ObjectParts != nil {
		t.Errorf("attributes %+v", out)
	}
}

func TestWithoutListingAMissingKeyIsForbidden(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	someone := s3test.User(s3test.Member, "someone")
	w.Allow(someone, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}`)
	in := &s3.GetObjectInput{Bucket: ptr("bucket"), Key: ptr("none")}
	if e := s3test.Refused[s3.GetObjectOutput](t, w, someone, in, "AccessDenied"); e.Status != http.StatusForbidden {
		t.Errorf("status %d", e.Status)
	}
	w.Allow(someone, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":"*"}}`)
	s3test.Refused[s3.GetObjectOutput](t, w, someone, in, "NoSuchKey")
}
