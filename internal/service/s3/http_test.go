package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"strongroom/internal/api"
	"strongroom/internal/service/s3/s3test"
	"strongroom/internal/wire"
)

// keys knows one access key, the member account's administrator's.
type keys struct{}

func (keys) Lookup(_ context.Context, id, _ string) (string, api.Caller, error) {
	if id != "AKIATEST" {
		return "", api.Caller{}, api.Errorf("InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	return "secret", *s3test.Admin(s3test.Member), nil
}

// serve puts a world behind HTTP.
func serve(t *testing.T) (*s3test.World, *s3.Client, string) {
	t.Helper()
	w := s3test.New(t)
	server := httptest.NewServer(handler(w))
	t.Cleanup(server.Close)
	return w, client(server.URL, s3test.Central), server.URL
}

func handler(w *s3test.World) http.Handler {
	return wire.NewHandler(wire.Config{Door: w.Door, Credentials: keys{}, Clock: w.Clock, CrossOrigin: w.S3.CrossOrigin})
}

func client(url, region string) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: &url, Region: region, UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""), RetryMaxAttempts: 1,
	})
}

func codeOf(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

func must[Out any](t *testing.T) func(*Out, error) *Out {
	return func(out *Out, err error) *Out {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

func TestOverHTTP(t *testing.T) {
	t.Parallel()
	_, c, url := serve(t)
	ctx := t.Context()
	b := ptr("bucket")
	must[s3.CreateBucketOutput](t)(c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: b, CreateBucketConfiguration: in(s3test.Central)}))
	must[s3.PutBucketVersioningOutput](t)(c.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: b, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}}))
	if out := must[s3.GetBucketVersioningOutput](t)(c.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: b})); out.Status != "Enabled" {
		t.Errorf("versioning %s", out.Status)
	}
	if out := must[s3.HeadBucketOutput](t)(c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: b})); *out.BucketRegion != s3test.Central {
		t.Errorf("Region %s", *out.BucketRegion)
	}
	if out := must[s3.GetBucketLocationOutput](t)(c.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: b})); out.LocationConstraint != s3test.Central {
		t.Errorf("location %s", out.LocationConstraint)
	}
	if out := must[s3.ListBucketsOutput](t)(c.ListBuckets(ctx, &s3.ListBucketsInput{})); len(out.Buckets) != 1 || out.Owner == nil {
		t.Errorf("buckets %v", out.Buckets)
	}
	must[s3.PutBucketTaggingOutput](t)(c.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: b, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: ptr("k"), Value: ptr("v")}}}}))
	if out := must[s3.GetBucketTaggingOutput](t)(c.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: b})); *out.TagSet[0].Value != "v" {
		t.Errorf("tags %v", out.TagSet)
	}
	must[s3.PutBucketPolicyOutput](t)(c.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: b, Policy: ptr(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"s3:DeleteBucket","Resource":"arn:aws:s3:::bucket"}}`)}))
	if out := must[s3.GetBucketPolicyOutput](t)(c.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: b})); !strings.HasPrefix(*out.Policy, "{") {
		t.Errorf("policy %q", *out.Policy)
	}
	if _, err := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: b}); codeOf(err) != "AccessDenied" {
		t.Errorf("a denied call is answered with %v", err)
	}
	if out := must[s3.GetBucketEncryptionOutput](t)(c.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: b})); out.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm != "AES256" {
		t.Error("encryption was not told")
	}
	if out := must[s3.GetPublicAccessBlockOutput](t)(c.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: b})); !*out.PublicAccessBlockConfiguration.BlockPublicAcls {
		t.Error("a new bucket is open")
	}
	must[s3.PutBucketCorsOutput](t)(c.PutBucketCors(ctx, &s3.PutBucketCorsInput{Bucket: b, CORSConfiguration: &types.CORSConfiguration{CORSRules: []types.CORSRule{{AllowedMethods: []string{"GET", "PUT"}, AllowedOrigins: []string{"*"}}}}}))
	if out := must[s3.GetBucketCorsOutput](t)(c.GetBucketCors(ctx, &s3.GetBucketCorsInput{Bucket: b})); len(out.CORSRules[0].AllowedMethods) != 2 {
		t.Errorf("CORS %v", out.CORSRules)
	}

	put := must[s3.PutObjectOutput](t)(c.PutObject(ctx, &s3.PutObjectInput{
		Bucket: b, Key: ptr("dir/ü &+%.txt"), Body: strings.NewReader("hello"), ContentType: ptr("text/plain"), Metadata: map[string]string{"color": "blue"}, Tagging: ptr("a=b"), CacheControl: ptr("no-cache"),
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
	}))
	get := must[s3.GetObjectOutput](t)(c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: ptr("dir/ü &+%.txt"), VersionId: put.VersionId}))
	body, err := io.ReadAll(get.Body)
	if err != nil || string(body) != "hello" || get.Metadata["color"] != "blue" || *get.ContentType != "text/plain" || *get.TagCount != 1 || *get.ETag != *put.ETag || *get.CacheControl != "no-cache" {
		t.Errorf("got %q, %v, %+v", body, err, get)
	}
	part := must[s3.GetObjectOutput](t)(c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: ptr("dir/ü &+%.txt"), Range: ptr("bytes=1-3")}))
	if body, err := io.ReadAll(part.Body); err != nil || string(body) != "ell" || *part.ContentRange != "bytes 1-3/5" {
		t.Errorf("range %q, %v", body, err)
	}
	if head := must[s3.HeadObjectOutput](t)(c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: b, Key: ptr("dir/ü &+%.txt"), ChecksumMode: types.ChecksumModeEnabled})); *head.ContentLength != 5 || head.ChecksumCRC32 == nil {
		t.Errorf("head %+v", head)
	}
	if _, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: b, Key: ptr("none")}); codeOf(err) != "NotFound" {
		t.Errorf("head of nothing: %v", err)
	}
	if _, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: ptr("none")}); codeOf(err) != "NoSuchKey" {
		t.Errorf("get of nothing: %v", err)
	}
	if _, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: ptr("dir/ü &+%.txt"), IfNoneMatch: put.ETag}); err == nil {
		t.Error("an unmodified object was sent")
	}
	must[s3.PutObjectTaggingOutput](t)(c.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{Bucket: b, Key: ptr("dir/ü &+%.txt"), VersionId: put.VersionId, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: ptr("x"), Value: ptr("y")}}}}))
	if out := must[s3.GetObjectTaggingOutput](t)(c.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: b, Key: ptr("dir/ü &+%.txt")})); *out.TagSet[0].Key != "x" {
		t.Errorf("tags %v", out.TagSet)
	}
	must[s3.CopyObjectOutput](t)(c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: b, Key: ptr("copy"), CopySource: ptr("bucket/dir/%C3%BC%20%26%2B%25.txt")}))
	list := must[s3.ListObjectsV2Output](t)(c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: b, Delimiter: ptr("/")}))
	if len(list.Contents) != 1 || *list.Contents[0].Key != "copy" || *list.CommonPrefixes[0].Prefix != "dir/" {
		t.Errorf("listed %+v", list)
	}
	if old := must[s3.ListObjectsOutput](t)(c.ListObjects(ctx, &s3.ListObjectsInput{Bucket: b})); len(old.Contents) != 2 || old.Contents[0].Owner == nil {
		t.Errorf("listed %+v", old)
	}
	if out := must[s3.GetObjectAttributesOutput](t)(c.GetObjectAttributes(ctx, &s3.GetObjectAttributesInput{Bucket: b, Key: ptr("copy"), ObjectAttributes: []types.ObjectAttributes{"ObjectSize", "Checksum"}})); *out.ObjectSize != 5 || out.Checksum.ChecksumCRC32 == nil {
		t.Errorf("attributes %+v", out)
	}
	if out := must[s3.GetObjectAclOutput](t)(c.GetObjectAcl(ctx, &s3.GetObjectAclInput{Bucket: b, Key: ptr("copy")})); len(out.Grants) != 1 || out.Grants[0].Grantee.Type != types.TypeCanonicalUser {
		t.Errorf("ACL %+v", out.Grants)
	}
	must[s3.DeleteObjectOutput](t)(c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: b, Key: ptr("copy")}))
	versions := must[s3.ListObjectVersionsOutput](t)(c.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: b}))
	if len(versions.Versions) != 2 || len(versions.DeleteMarkers) != 1 || !*versions.DeleteMarkers[0].IsLatest {
		t.Errorf("versions %+v", versions)
	}
	deleted := must[s3.DeleteObjectsOutput](t)(c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: b, Delete: &types.Delete{Objects: []types.ObjectIdentifier{
		{Key: versions.Versions[0].Key, VersionId: versions.Versions[0].VersionId}, {Key: ptr("copy"), VersionId: versions.DeleteMarkers[0].VersionId},
	}}}))
	if len(deleted.Deleted) != 2 || len(deleted.Errors) != 0 {
		t.Errorf("deleted %+v", deleted)
	}

	presigned, err := s3.NewPresignClient(c).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: ptr("dir/ü &+%.txt")}, s3.WithPresignExpires(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Get(presigned.URL)
	if err != nil {
		t.Fatal(err)
	}
	body, err = io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil || string(body) != "hello" {
		t.Errorf("presigned: %d %q, %v", answer.StatusCode, body, err)
	}

	if _, err := client(url, s3test.North).ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: b}); codeOf(err) != "PermanentRedirect" {
		t.Errorf("another Region answers %v", err)
	}
	if _, err := c.PutBucketWebsite(ctx, &s3.PutBucketWebsiteInput{Bucket: b, WebsiteConfiguration: &types.WebsiteConfiguration{}}); codeOf(err) != "NotImplemented" {
		t.Errorf("an operation that is not there answers %v", err)
	}
}

func TestUploadsOverHTTP(t *testing.T) {
	t.Parallel()
	w, c, _ := serve(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	content := noise(7, 12*mebibyte+345)
	uploader := manager.NewUploader(c)                                                                                                                  //nolint:staticcheck // what most clients upload with today
	if _, err := uploader.Upload(t.Context(), &s3.PutObjectInput{Bucket: ptr("bucket"), Key: ptr("big"), Body: bytes.NewReader(content)}); err != nil { //nolint:staticcheck // what most clients upload with today
		t.Fatal(err)
	}
	downloaded := manager.NewWriteAtBuffer(nil)
	if _, err := manager.NewDownloader(c).Download(t.Context(), downloaded, &s3.GetObjectInput{Bucket: ptr("bucket"), Key: ptr("big")}); err != nil { //nolint:staticcheck // as above
		t.Fatal(err)
	}
	if !bytes.Equal(downloaded.Bytes(), content) {
		t.Error("what was downloaded differs from what was uploaded")
	}
	head := must[s3.HeadObjectOutput](t)(c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: ptr("bucket"), Key: ptr("big")}))
	if !strings.HasSuffix(*head.ETag, `-3"`) {
		t.Errorf("ETag %s", *head.ETag)
	}
	secure := httptest.NewTLSServer(handler(w))
	t.Cleanup(secure.Close)
	c = client(secure.URL, s3test.Central)
	for _, algorithm := range []types.ChecksumAlgorithm{types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme, types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256} {
		key := string(algorithm)
		// A reader that cannot seek is sent in chunks with the checksum in a trailer.
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: ptr("bucket"), Key: &key, Body: io.MultiReader(bytes.NewReader(content[:100_000])), ContentLength: aws.Int64(100_000), ChecksumAlgorithm: algorithm},
			func(o *s3.Options) { o.HTTPClient = secure.Client() })
		if err != nil {
			t.Errorf("%s: %v", algorithm, err)
			continue
		}
		if got := w.Get(t, admin, "bucket", key, ""); got != string(content[:100_000]) {
			t.Errorf("%s: content differs", algorithm)
		}
		out := s3test.Do[s3.GetObjectAttributesOutput](t, w, admin, &s3.GetObjectAttributesInput{Bucket: ptr("bucket"), Key: &key, ObjectAttributes: []types.ObjectAttributes{"Checksum"}})
		sums := fmt.Sprint(out.Checksum.ChecksumCRC32 != nil, out.Checksum.ChecksumCRC32C != nil, out.Checksum.ChecksumCRC64NVME != nil, out.Checksum.ChecksumSHA1 != nil, out.Checksum.ChecksumSHA256 != nil)
		if strings.Count(sums, "true") != 1 {
			t.Errorf("%s: checksums %s", algorithm, sums)
		}
	}
}

func TestCLI(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("aws")
	if err != nil {
		t.Fatalf("the aws CLI is missing (make tools installs it): %v", err)
	}
	w, _, url := serve(t)
	dir := t.TempDir()
	content := noise(8, 20*mebibyte+1)
	if err := os.WriteFile(filepath.Join(dir, "big"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "small"), []byte("small"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		// By flag: an older CLI does not know AWS_ENDPOINT_URL, and would ask AWS.
		cmd := exec.CommandContext(t.Context(), path, append([]string{"--endpoint-url", url}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=AKIATEST", "AWS_SECRET_ACCESS_KEY=secret", "AWS_DEFAULT_REGION="+s3test.Central, "AWS_CONFIG_FILE="+os.DevNull, "AWS_PAGER=")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	run("s3", "mb", "s3://bucket")
	run("s3api", "put-bucket-versioning", "--bucket", "bucket", "--versioning-configuration", "Status=Enabled")
	run("s3", "cp", "big", "s3://bucket/big")
	run("s3", "cp", "s3://bucket/big", "s3://bucket/copy") // in parts, by UploadPartCopy
	run("s3", "cp", "s3://bucket/copy", "back")
	back, err := os.ReadFile(filepath.Join(dir, "back"))
	if err != nil || !bytes.Equal(back, content) {
		t.Errorf("what came back differs: %d bytes, %v", len(back), err)
	}
	run("s3api", "put-object", "--bucket", "bucket", "--key", "small", "--body", "small", "--metadata", "a=b", "--tagging", "x=y")
	if out := run("s3api", "get-object-tagging", "--bucket", "bucket", "--key", "small"); !strings.Contains(out, `"x"`) {
		t.Errorf("tags %s", out)
	}
	if out := run("s3", "ls", "s3://bucket"); strings.Count(out, "\n") != 3 {
		t.Errorf("listed %s", out)
	}
	run("s3", "rm", "--recursive", "s3://bucket")
	if got := versionsOf(t, w, "bucket"); len(got) != 6 {
		t.Errorf("versions %v", got)
	}
}

func TestLocksAndRestoresOverHTTP(t *testing.T) {
	t.Parallel()
	w, c, _ := serve(t)
	ctx := t.Context()
	b, k := ptr("locked"), ptr("k")
	must[s3.CreateBucketOutput](t)(c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: b, CreateBucketConfiguration: in(s3test.Central), ObjectLockEnabledForBucket: ptr(true)}))
	must[s3.PutObjectLockConfigurationOutput](t)(c.PutObjectLockConfiguration(ctx, &s3.PutObjectLockConfigurationInput{Bucket: b, ObjectLockConfiguration: &types.ObjectLockConfiguration{
		ObjectLockEnabled: types.ObjectLockEnabledEnabled, Rule: &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{Mode: types.ObjectLockRetentionModeGovernance, Years: ptr(int32(1))}},
	}}))
	if out := must[s3.GetObjectLockConfigurationOutput](t)(c.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: b})); *out.ObjectLockConfiguration.Rule.DefaultRetention.Years != 1 {
		t.Errorf("configuration %+v", out.ObjectLockConfiguration.Rule.DefaultRetention)
	}
	until := w.Clock.Now().Add(time.Hour)
	put := must[s3.PutObjectOutput](t)(c.PutObject(ctx, &s3.PutObjectInput{
		Bucket: b, Key: k, Body: strings.NewReader("x"), StorageClass: types.StorageClassGlacier, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
		ObjectLockMode: types.ObjectLockModeGovernance, ObjectLockRetainUntilDate: &until, ObjectLockLegalHoldStatus: types.ObjectLockLegalHoldStatusOn,
	}))
	head := must[s3.HeadObjectOutput](t)(c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: b, Key: k}))
	if head.ObjectLockMode != "GOVERNANCE" || !head.ObjectLockRetainUntilDate.Equal(until) || head.ObjectLockLegalHoldStatus != "ON" {
		t.Errorf("locked with %s until %v, hold %s", head.ObjectLockMode, head.ObjectLockRetainUntilDate, head.ObjectLockLegalHoldStatus)
	}
	must[s3.PutObjectLegalHoldOutput](t)(c.PutObjectLegalHold(ctx, &s3.PutObjectLegalHoldInput{Bucket: b, Key: k, LegalHold: &types.ObjectLockLegalHold{Status: types.ObjectLockLegalHoldStatusOff}}))
	if out := must[s3.GetObjectLegalHoldOutput](t)(c.GetObjectLegalHold(ctx, &s3.GetObjectLegalHoldInput{Bucket: b, Key: k})); out.LegalHold.Status != "OFF" {
		t.Errorf("hold %s", out.LegalHold.Status)
	}
	until = until.Add(time.Hour)
	must[s3.PutObjectRetentionOutput](t)(c.PutObjectRetention(ctx, &s3.PutObjectRetentionInput{Bucket: b, Key: k, Retention: &types.ObjectLockRetention{Mode: types.ObjectLockRetentionModeGovernance, RetainUntilDate: &until}}))
	if out := must[s3.GetObjectRetentionOutput](t)(c.GetObjectRetention(ctx, &s3.GetObjectRetentionInput{Bucket: b, Key: k})); !out.Retention.RetainUntilDate.Equal(until) {
		t.Errorf("retention %+v", out.Retention)
	}
	if _, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: b, Key: k, VersionId: put.VersionId}); codeOf(err) != "AccessDenied" {
		t.Errorf("deleting a locked version is answered with %v", err)
	}
	if _, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: k}); codeOf(err) != "InvalidObjectState" {
		t.Errorf("reading an archived version is answered with %v", err)
	}
	must[s3.RestoreObjectOutput](t)(c.RestoreObject(ctx, &s3.RestoreObjectInput{Bucket: b, Key: k, RestoreRequest: &types.RestoreRequest{Days: ptr(int32(1))}}))
	if head := must[s3.HeadObjectOutput](t)(c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: b, Key: k})); head.Restore == nil || *head.Restore != `ongoing-request="true"` {
		t.Errorf("restore %v", head.Restore)
	}
	must[s3.DeleteObjectOutput](t)(c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: b, Key: k, VersionId: put.VersionId, BypassGovernanceRetention: ptr(true)}))
}
