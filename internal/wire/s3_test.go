package wire_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/wire"
)

// shelf is a toy S3 that keeps whole objects.
type shelf struct {
	mu      sync.Mutex
	objects map[string][]byte
	put     s3.PutObjectInput
}

func (s *shelf) api() *api.Service {
	return &api.Service{Name: "s3", Operations: []api.Operation{
		op("", func(in *s3.PutObjectInput) (*s3.PutObjectOutput, error) {
			data, err := io.ReadAll(in.Body)
			if err != nil {
				return nil, err
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.objects[*in.Bucket+"/"+*in.Key] = data
			s.put = *in
			return &s3.PutObjectOutput{ETag: aws.String(`"etag"`), VersionId: aws.String("v1"), ChecksumCRC32: in.ChecksumCRC32}, nil
		}),
		op("", func(in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			data, ok := s.objects[*in.Bucket+"/"+*in.Key]
			if !ok {
				e := api.Errorf("NoSuchKey", "The specified key does not exist.").WithStatus(404)
				e.Members = map[string]string{"Key": *in.Key, "x-amz-delete-marker": "true"}
				return nil, e
			}
			out := &s3.GetObjectOutput{
				Body: io.NopCloser(bytes.NewReader(data)), ContentLength: aws.Int64(int64(len(data))), LastModified: &at,
				ContentType: aws.String("text/plain"), Metadata: map[string]string{"colour": "red"},
			}
			if in.Range != nil {
				out.ContentRange = aws.String("bytes 0-0/9")
			}
			return out, nil
		}),
		op("", func(in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
			if *in.Key == "gone" {
				return nil, api.Errorf("NotFound", "Not Found").WithStatus(404)
			}
			return &s3.HeadObjectOutput{ContentLength: aws.Int64(42), LastModified: &at, ETag: aws.String(`"e"`)}, nil
		}),
		op("", func(*s3.ListBucketsInput) (*s3.ListBucketsOutput, error) {
			return &s3.ListBucketsOutput{Buckets: []types.Bucket{{Name: aws.String("b"), CreationDate: &at}}, Owner: &types.Owner{ID: aws.String("o")}}, nil
		}),
		op("", func(in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
			return &s3.ListObjectsV2Output{
				Name: in.Bucket, Prefix: in.Prefix, KeyCount: aws.Int32(1), IsTruncated: aws.Bool(false),
				Contents: []types.Object{{Key: aws.String("a&b"), Size: aws.Int64(3), LastModified: &at}}, CommonPrefixes: []types.CommonPrefix{{Prefix: aws.String("x/")}},
			}, nil
		}),
		op("", func(in *s3.CreateBucketInput) (*s3.CreateBucketOutput, error) {
			if in.CreateBucketConfiguration == nil {
				return nil, api.Errorf("IllegalLocationConstraintException", "none")
			}
			return &s3.CreateBucketOutput{Location: aws.String("/" + *in.Bucket + "?" + string(in.CreateBucketConfiguration.LocationConstraint))}, nil
		}),
		op("", func(*s3.GetBucketLocationInput) (*s3.GetBucketLocationOutput, error) {
			return &s3.GetBucketLocationOutput{LocationConstraint: "eu-north-1"}, nil
		}),
		op("", func(*s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
			return &s3.DeleteObjectOutput{DeleteMarker: aws.Bool(true), VersionId: aws.String("dm")}, nil
		}),
		op("", func(in *s3.DeleteObjectsInput) (*s3.DeleteObjectsOutput, error) {
			out := &s3.DeleteObjectsOutput{Errors: []types.Error{{Key: aws.String("e"), Code: aws.String("AccessDenied")}}}
			for _, o := range in.Delete.Objects {
				out.Deleted = append(out.Deleted, types.DeletedObject{Key: o.Key, VersionId: o.VersionId})
			}
			return out, nil
		}),
		op("", func(in *s3.CopyObjectInput) (*s3.CopyObjectOutput, error) {
			return &s3.CopyObjectOutput{CopyObjectResult: &types.CopyObjectResult{ETag: in.CopySource, LastModified: &at}}, nil
		}),
		op("", func(in *s3.PutObjectTaggingInput) (*s3.PutObjectTaggingOutput, error) {
			return &s3.PutObjectTaggingOutput{VersionId: in.Tagging.TagSet[0].Value}, nil
		}),
		op("", func(*s3.GetObjectTaggingInput) (*s3.GetObjectTaggingOutput, error) {
			return &s3.GetObjectTaggingOutput{TagSet: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}, nil
		}),
		op("", func(in *s3.PutBucketPolicyInput) (*s3.PutBucketPolicyOutput, error) {
			return nil, api.Errorf("MalformedPolicy", "got %s", *in.Policy)
		}),
		op("", func(*s3.GetBucketPolicyInput) (*s3.GetBucketPolicyOutput, error) {
			return &s3.GetBucketPolicyOutput{Policy: aws.String(`{"a":"<b>"}`)}, nil
		}),
		op("", func(in *s3.CompleteMultipartUploadInput) (*s3.CompleteMultipartUploadOutput, error) {
			return &s3.CompleteMultipartUploadOutput{ETag: in.MultipartUpload.Parts[1].ETag, Bucket: in.Bucket, Key: in.Key}, nil
		}),
		op("", func(in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
			_, err := io.Copy(io.Discard, in.Body)
			return &s3.UploadPartOutput{ETag: in.UploadId}, err
		}),
		op("", func(*s3.GetBucketAclInput) (*s3.GetBucketAclOutput, error) {
			return &s3.GetBucketAclOutput{Grants: []types.Grant{{Grantee: &types.Grantee{Type: "CanonicalUser", ID: aws.String("i")}, Permission: "READ"}}}, nil
		}),
		op("", func(in *s3.PutBucketAclInput) (*s3.PutBucketAclOutput, error) {
			return nil, api.Errorf("Seen", "%s", in.AccessControlPolicy.Grants[0].Grantee.Type)
		}),
		op("", func(in *s3.PutBucketLifecycleConfigurationInput) (*s3.PutBucketLifecycleConfigurationOutput, error) {
			return nil, api.Errorf("Seen", "%s %d", *in.LifecycleConfiguration.Rules[1].Filter.Prefix, *in.LifecycleConfiguration.Rules[1].Expiration.Days)
		}),
		op("", func(in *s3.GetObjectAttributesInput) (*s3.GetObjectAttributesOutput, error) {
			return &s3.GetObjectAttributesOutput{ETag: aws.String(string(in.ObjectAttributes[1])), ObjectSize: aws.Int64(7)}, nil
		}),
	}}
}

func newShelf() *shelf { return &shelf{objects: map[string][]byte{}} }

func s3Client(h *house, options ...func(*s3.Options)) *s3.Client {
	return s3.NewFromConfig(h.config(), append([]func(*s3.Options){func(o *s3.Options) { o.UsePathStyle = true }}, options...)...)
}

func TestS3(t *testing.T) {
	t.Parallel()
	s := newShelf()
	h := newHouse(t, s.api())
	c := s3Client(h)
	ctx := t.Context()
	key := "a dir/ü+ & 100%/~(x)=:@!$',;/"
	put, err := c.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String("b"), Key: &key, Body: strings.NewReader("some data"),
		Metadata: map[string]string{"Colour": "red"}, ContentType: aws.String("text/plain"), StorageClass: "STANDARD_IA", Tagging: aws.String("a=b"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(s.objects["b/"+key]); got != "some data" || *put.VersionId != "v1" {
		t.Errorf("kept %q", got)
	}
	if *s.put.ContentLength != 9 || s.put.Metadata["colour"] != "red" || s.put.StorageClass != "STANDARD_IA" || *s.put.Tagging != "a=b" || s.put.ChecksumCRC32 == nil {
		t.Errorf("put with %+v", s.put)
	}
	get, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("b"), Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(get.Body); string(data) != "some data" || err != nil || get.Metadata["colour"] != "red" || !get.LastModified.Equal(at.Truncate(1e9)) {
		t.Errorf("got %q, %+v, %v", data, get, err)
	}
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("b"), Key: aws.String("nothing")})
	var missing *types.NoSuchKey
	if !asError(err, &missing) {
		t.Errorf("got %v", err)
	}
	head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String("b"), Key: aws.String("k")})
	if err != nil || *head.ContentLength != 42 {
		t.Errorf("head %+v, %v", head, err)
	}
	_, err = c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String("b"), Key: aws.String("gone")})
	var notFound *types.NotFound
	if !asError(err, &notFound) {
		t.Errorf("head of nothing: %v", err)
	}
	buckets, err := c.ListBuckets(ctx, nil)
	if err != nil || len(buckets.Buckets) != 1 || !buckets.Buckets[0].CreationDate.Equal(at) {
		t.Errorf("buckets %+v, %v", buckets, err)
	}
	list, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("b"), Prefix: aws.String("a b+c")})
	if err != nil || *list.Contents[0].Key != "a&b" || *list.Prefix != "a b+c" || *list.CommonPrefixes[0].Prefix != "x/" {
		t.Errorf("list %+v, %v", list, err)
	}
	created, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("new"), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: "eu-north-1"}})
	if err != nil || *created.Location != "/new?eu-north-1" {
		t.Errorf("created %+v, %v", created, err)
	}
	_, err = c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("new")})
	wantCode(t, err, "IllegalLocationConstraintException")
	location, err := c.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: aws.String("b")})
	if err != nil || location.LocationConstraint != "eu-north-1" {
		t.Errorf("location %+v, %v", location, err)
	}
	deleted, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String("b"), Key: &key})
	if err != nil || !*deleted.DeleteMarker || *deleted.VersionId != "dm" {
		t.Errorf("deleted %+v, %v", deleted, err)
	}
	many, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: aws.String("b"), Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("x <y>")}, {Key: aws.String("z"), VersionId: aws.String("v")}}}})
	if err != nil || *many.Deleted[0].Key != "x <y>" || *many.Deleted[1].VersionId != "v" || *many.Errors[0].Code != "AccessDenied" {
		t.Errorf("deleted %+v, %v", many, err)
	}
	copied, err := c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: aws.String("b"), Key: aws.String("k"), CopySource: aws.String("b/other")})
	if err != nil || *copied.CopyObjectResult.ETag != "b/other" {
		t.Errorf("copied %+v, %v", copied, err)
	}
	tagged, err := c.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{Bucket: aws.String("b"), Key: aws.String("k"), Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}}}})
	if err != nil || *tagged.VersionId != "1" {
		t.Errorf("tagged %+v, %v", tagged, err)
	}
	tags, err := c.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: aws.String("b"), Key: aws.String("k")})
	if err != nil || *tags.TagSet[0].Value != "v" {
		t.Errorf("tags %+v, %v", tags, err)
	}
	_, err = c.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: aws.String("b"), Policy: aws.String(`{"x":1}`)})
	wantCode(t, err, "MalformedPolicy", `{"x":1}`)
	policy, err := c.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: aws.String("b")})
	if err != nil || *policy.Policy != `{"a":"<b>"}` {
		t.Errorf("policy %+v, %v", policy, err)
	}
	completed, err := c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: aws.String("b"), Key: aws.String("k"), UploadId: aws.String("u"), ChecksumCRC32: aws.String("AAAAAA=="),
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: aws.String("1")}, {PartNumber: aws.Int32(2), ETag: aws.String(`"2"`)}}},
	})
	if err != nil || *completed.ETag != `"2"` {
		t.Errorf("completed %+v, %v", completed, err)
	}
	part, err := c.UploadPart(ctx, &s3.UploadPartInput{Bucket: aws.String("b"), Key: aws.String("k"), UploadId: aws.String("u"), PartNumber: aws.Int32(1), Body: strings.NewReader("part")})
	if err != nil || *part.ETag != "u" {
		t.Errorf("part %+v, %v", part, err)
	}
	acl, err := c.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: aws.String("b")})
	if err != nil || acl.Grants[0].Grantee.Type != "CanonicalUser" || acl.Grants[0].Permission != "READ" {
		t.Errorf("acl %+v, %v", acl, err)
	}
	_, err = c.PutBucketAcl(ctx, &s3.PutBucketAclInput{Bucket: aws.String("b"), AccessControlPolicy: &types.AccessControlPolicy{Grants: []types.Grant{{Grantee: &types.Grantee{Type: "Group", URI: aws.String("u")}}}}})
	wantCode(t, err, "Seen", "Group")
	_, err = c.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{Bucket: aws.String("b"), LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{
		{Status: "Enabled", Filter: &types.LifecycleRuleFilter{Prefix: aws.String("a")}}, {Status: "Enabled", Filter: &types.LifecycleRuleFilter{Prefix: aws.String("b")}, Expiration: &types.LifecycleExpiration{Days: aws.Int32(9)}},
	}}})
	wantCode(t, err, "Seen", "b 9")
	attributes, err := c.GetObjectAttributes(ctx, &s3.GetObjectAttributesInput{Bucket: aws.String("b"), Key: aws.String("k"), ObjectAttributes: []types.ObjectAttributes{"ETag", "ObjectSize"}})
	if err != nil || *attributes.ETag != "ObjectSize" || *attributes.ObjectSize != 7 {
		t.Errorf("attributes %+v, %v", attributes, err)
	}
	_, err = c.GetBucketWebsite(ctx, &s3.GetBucketWebsiteInput{Bucket: aws.String("b")})
	wantCode(t, err, "NotImplemented", "s3:GetBucketWebsite")
	_, err = c.ListParts(ctx, &s3.ListPartsInput{Bucket: aws.String("b"), Key: aws.String("k"), UploadId: aws.String("u")})
	wantCode(t, err, "NotImplemented", "s3:ListParts")
	_, err = c.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: aws.String("b"), Key: aws.String("k"), UploadId: aws.String("u")})
	wantCode(t, err, "NotImplemented", "s3:AbortMultipartUpload")
	_, err = c.DeleteBucketCors(ctx, &s3.DeleteBucketCorsInput{Bucket: aws.String("b")})
	wantCode(t, err, "NotImplemented", "s3:DeleteBucketCors")
}

// TestS3VirtualHost names the bucket in the host, which resolves to the server whatever it is.
func TestS3VirtualHost(t *testing.T) {
	t.Parallel()
	s := newShelf()
	h := newHouse(t, s.api())
	for _, base := range []string{"http://s3.localhost", "http://localhost", "http://s3.eu-central-1.amazonaws.com"} {
		c := s3.NewFromConfig(h.config(), func(o *s3.Options) {
			o.BaseEndpoint = aws.String(base)
			o.HTTPClient = dialing(h.URL)
		})
		if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("my.bucket"), Key: aws.String("dir/key"), Body: strings.NewReader(base)}); err != nil {
			t.Error(base, err)
			continue
		}
		if got := string(s.objects["my.bucket/dir/key"]); got != base {
			t.Errorf("%s: kept %q", base, got)
		}
	}
}

// dialing is a client that connects to the server at url whatever host it is asked for.
func dialing(url string) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = func(*http.Request) (*neturl, error) { return nil, nil }
	transport.DialContext = func(ctx context.Context, network, _ string) (conn, error) {
		return dial(ctx, network, strings.TrimPrefix(strings.TrimPrefix(url, "https://"), "http://"))
	}
	return &http.Client{Transport: transport}
}

// TestS3Trailers uploads as the SDK does over TLS: unsigned, with the checksum in the trailer, from a reader that
// cannot be rewound.
func TestS3Trailers(t *testing.T) {
	t.Parallel()
	s := newShelf()
	h := newHouse(t, s.api())
	server := httptest.NewTLSServer(wire.NewHandler(wire.Config{Door: h.Door, Credentials: keys{}}))
	t.Cleanup(server.Close)
	for _, algorithm := range []types.ChecksumAlgorithm{"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512"} {
		c := s3.NewFromConfig(h.config(), func(o *s3.Options) {
			o.BaseEndpoint, o.UsePathStyle, o.HTTPClient = aws.String(server.URL), true, server.Client()
		})
		data := bytes.Repeat([]byte("0123456789"), 30_000)
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: aws.String("b"), Key: aws.String(string(algorithm)), ChecksumAlgorithm: algorithm, ContentLength: aws.Int64(int64(len(data))),
			ContentEncoding: aws.String("gzip"), Body: struct{ io.Reader }{bytes.NewReader(data)},
		})
		if err != nil {
			t.Errorf("%s: %v", algorithm, err)
			continue
		}
		if !bytes.Equal(s.objects["b/"+string(algorithm)], data) || *s.put.ContentLength != int64(len(data)) || *s.put.ContentEncoding != "gzip" || s.put.ChecksumAlgorithm != algorithm {
			t.Errorf("%s: put %d bytes with %+v", algorithm, len(s.objects["b/"+string(algorithm)]), s.put)
		}
		if algorithm == "CRC32C" && s.put.ChecksumCRC32C == nil {
			t.Errorf("%s: the trailer did not reach the input", algorithm)
		}
	}
}

func TestS3Presigned(t *testing.T) {
	t.Parallel()
	s := newShelf()
	s.objects["b/a b"] = []byte("presigned")
	h := newHouse(t, s.api())
	presign := s3.NewPresignClient(s3Client(h))
	get, err := presign.PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("b"), Key: aws.String("a b")})
	if err != nil {
		t.Fatal(err)
	}
	status, body := fetch(t, http.MethodGet, get.URL, nil)
	if status != 200 || body != "presigned" {
		t.Errorf("%d %s", status, body)
	}
	for name, url := range map[string]string{
		"another key":     strings.Replace(get.URL, "a%20b", "a%20c", 1),
		"another version": get.URL + "&versionId=2",
		"another day":     strings.Replace(get.URL, "X-Amz-Expires=900", "X-Amz-Expires=901", 1),
	} {
		if status, body := fetch(t, http.MethodGet, url, nil); status != 403 || !contains(body, "<Code>SignatureDoesNotMatch</Code>") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	h.Wall.Advance(16 * 60e9)
	if status, body := fetch(t, http.MethodGet, get.URL, nil); status != 403 || !contains(body, "Request has expired") {
		t.Errorf("late: %d %s", status, body)
	}
	h.Wall.Advance(-16 * 60e9)
	put, err := presign.PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("b"), Key: aws.String("up")})
	if err != nil {
		t.Fatal(err)
	}
	if status, body := fetch(t, http.MethodPut, put.URL, strings.NewReader("loaded")); status != 200 || string(s.objects["b/up"]) != "loaded" {
		t.Errorf("%d %s, kept %q", status, body, s.objects["b/up"])
	}
}

// TestS3Damage sends bodies that are not what the request says; nothing may be kept.
func TestS3Damage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		header map[string]string
		code   string
	}{
		{"payload hash", map[string]string{"X-Amz-Content-Sha256": strings.Repeat("0", 64)}, "XAmzContentSHA256Mismatch"},
		{"no payload hash", map[string]string{"X-Amz-Content-Sha256": ""}, "InvalidRequest"},
		{"nonsense for a hash", map[string]string{"X-Amz-Content-Sha256": "x"}, "InvalidArgument"},
		{"md5", map[string]string{"Content-Md5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, "BadDigest"},
		{"no md5", map[string]string{"Content-Md5": "x"}, "InvalidDigest"},
		{"crc32", map[string]string{"X-Amz-Checksum-Crc32": "AAAAAA=="}, "BadDigest"},
		{"crc64nvme", map[string]string{"X-Amz-Checksum-Crc64nvme": "AAAAAAAAAAA="}, "BadDigest"},
		{"checksum nobody computes", map[string]string{"X-Amz-Checksum-Blake3": "AAAA"}, "NotImplemented"},
		{"malformed checksum", map[string]string{"X-Amz-Checksum-Sha256": "AAAA"}, "InvalidRequest"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newShelf()
			h := newHouse(t, s.api())
			status, body := h.signed(t, http.MethodPut, "/b/k", "s3", "the body", test.header)
			if !contains(body, "<Code>"+test.code+"</Code>") || status != 400 && status != 501 || len(s.objects) != 0 {
				t.Errorf("%d %s, kept %v", status, body, s.objects)
			}
		})
	}
}

func TestS3Limits(t *testing.T) {
	t.Parallel()
	s := newShelf()
	door := api.NewDoor(everything{}, &records{})
	door.Register(s.api())
	server := httptest.NewServer(wire.NewHandler(wire.Config{Door: door, Credentials: keys{}, MaxObject: 10}))
	t.Cleanup(server.Close)
	h := &house{URL: server.URL}
	_, err := s3Client(h).PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("b"), Key: aws.String("k"), Body: strings.NewReader("eleven byte")})
	wantCode(t, err, "EntityTooLarge")
	if len(s.objects) != 0 {
		t.Error("it was kept")
	}
}

// TestBrokenStream: a body that fails in the middle breaks the connection instead of ending as if it were whole.
func TestBrokenStream(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &api.Service{Name: "s3", Operations: []api.Operation{
		op("", func(*s3.GetObjectInput) (*s3.GetObjectOutput, error) {
			return &s3.GetObjectOutput{Body: io.NopCloser(io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<16)), broken{}))}, nil
		}),
	}})
	out, err := s3Client(h).GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("b"), Key: aws.String("k")})
	if err == nil {
		_, err = io.Copy(io.Discard, out.Body)
	}
	if err == nil {
		t.Error("the client read a whole object")
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the disk is on fire") }
