package s3_test

import (
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/service/s3/s3test"
)

// TestChecksums holds every algorithm against the digest that its own definition gives of "hello", in base64.
func TestChecksums(t *testing.T) {
	t.Parallel()
	w, c, _ := serve(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	b := ptr("bucket")
	for _, test := range []struct {
		algorithm types.ChecksumAlgorithm
		sum       string
		set       func(in *s3.PutObjectInput, sum *string)
		get       func(out *s3.GetObjectOutput) *string
		head      func(out *s3.HeadObjectOutput) *string
	}{
		{
			types.ChecksumAlgorithmCrc32, "NhCmhg==", func(in *s3.PutObjectInput, sum *string) { in.ChecksumCRC32 = sum },
			func(out *s3.GetObjectOutput) *string { return out.ChecksumCRC32 }, func(out *s3.HeadObjectOutput) *string { return out.ChecksumCRC32 },
		},
		{
			types.ChecksumAlgorithmCrc32c, "mnG7TA==", func(in *s3.PutObjectInput, sum *string) { in.ChecksumCRC32C = sum },
			func(out *s3.GetObjectOutput) *string { return out.ChecksumCRC32C }, func(out *s3.HeadObjectOutput) *string { return out.ChecksumCRC32C },
		},
		{
			types.ChecksumAlgorithmSha1, "qvTGHdzF6KLavt4PO0gs2a6pQ00=", func(in *s3.PutObjectInput, sum *string) { in.ChecksumSHA1 = sum },
			func(out *s3.GetObjectOutput) *string { return out.ChecksumSHA1 }, func(out *s3.HeadObjectOutput) *string { return out.ChecksumSHA1 },
		},
		{
			types.ChecksumAlgorithmSha256, "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=", func(in *s3.PutObjectInput, sum *string) { in.ChecksumSHA256 = sum },
			func(out *s3.GetObjectOutput) *string { return out.ChecksumSHA256 }, func(out *s3.HeadObjectOutput) *string { return out.ChecksumSHA256 },
		},
		{
			types.ChecksumAlgorithmMd5, "XUFAKrxLKna5cZ2REBfFkg==", func(in *s3.PutObjectInput, sum *string) { in.ChecksumMD5 = sum },
			func(out *s3.GetObjectOutput) *string { return out.ChecksumMD5 }, func(out *s3.HeadObjectOutput) *string { return out.ChecksumMD5 },
		},
		{
			types.ChecksumAlgorithmXxhash64, "JseCfYifbaM=", func(in *s3.PutObjectInput, sum *string) { in.ChecksumXXHASH64 = sum },
			func(out *s3.GetObjectOutput) *string { return out.ChecksumXXHASH64 }, func(out *s3.HeadObjectOutput) *string { return out.ChecksumXXHASH64 },
		},
		{
			types.ChecksumAlgorithmXxhash3, "lVXoVVxi3P0=", func(in *s3.PutObjectInput, sum *string) { in.ChecksumXXHASH3 = sum },
			func(out *s3.GetObjectOutput) *string { return out.ChecksumXXHASH3 }, func(out *s3.HeadObjectOutput) *string { return out.ChecksumXXHASH3 },
		},
		{
			types.ChecksumAlgorithmXxhash128, "tenBrQcbPn/Hec+qXlI4GA==", func(in *s3.PutObjectInput, sum *string) { in.ChecksumXXHASH128 = sum },
			func(out *s3.GetObjectOutput) *string { return out.ChecksumXXHASH128 }, func(out *s3.HeadObjectOutput) *string { return out.ChecksumXXHASH128 },
		},
	} {
		t.Run(string(test.algorithm), func(t *testing.T) {
			t.Parallel()
			k := ptr(string(test.algorithm))
			// The right one is kept and told, ...
			in := &s3.PutObjectInput{Bucket: b, Key: k, Body: strings.NewReader("hello")}
			test.set(in, &test.sum)
			must[s3.PutObjectOutput](t)(c.PutObject(t.Context(), in))
			got := must[s3.GetObjectOutput](t)(c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: b, Key: k, ChecksumMode: types.ChecksumModeEnabled}))
			if body, err := io.ReadAll(got.Body); err != nil || string(body) != "hello" {
				t.Errorf("%q, %v", body, err)
			}
			head := must[s3.HeadObjectOutput](t)(c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: b, Key: k, ChecksumMode: types.ChecksumModeEnabled}))
			if sum := test.get(got); sum == nil || *sum != test.sum || test.head(head) == nil || *test.head(head) != test.sum || got.ChecksumType != types.ChecksumTypeFullObject {
				t.Errorf("told %v of kind %s, want %s", sum, got.ChecksumType, test.sum)
			}
			ranged := must[s3.GetObjectOutput](t)(c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: b, Key: k, ChecksumMode: types.ChecksumModeEnabled, Range: ptr("bytes=1-2")}))
			if test.get(ranged) != nil {
				t.Errorf("a range has the checksum %s", *test.get(ranged))
			}
			// ... one of the same length that is wrong is not, ...
			wrong := "AAAA" + test.sum[4:]
			in.Body = strings.NewReader("hello")
			test.set(in, &wrong)
			if _, err := c.PutObject(t.Context(), in); codeOf(err) != "BadDigest" {
				t.Errorf("a wrong checksum is answered with %v", err)
			}
			// ... and an upload in parts has one of each part and one of all.
			upload := must[s3.CreateMultipartUploadOutput](t)(c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: b, Key: k, ChecksumAlgorithm: test.algorithm, ChecksumType: types.ChecksumTypeComposite}))
			part := s3test.Do[s3.UploadPartOutput](t, w, admin, &s3.UploadPartInput{Bucket: b, Key: k, UploadId: upload.UploadId, PartNumber: ptr(int32(1)), Body: strings.NewReader("hello"), ChecksumAlgorithm: test.algorithm})
			done := must[s3.CompleteMultipartUploadOutput](t)(c.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{Bucket: b, Key: k, UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{
				Parts: []types.CompletedPart{{
					PartNumber: ptr(int32(1)), ETag: part.ETag, ChecksumCRC32: part.ChecksumCRC32, ChecksumCRC32C: part.ChecksumCRC32C, ChecksumSHA1: part.ChecksumSHA1,
					ChecksumSHA256: part.ChecksumSHA256, ChecksumMD5: part.ChecksumMD5, ChecksumXXHASH64: part.ChecksumXXHASH64, ChecksumXXHASH3: part.ChecksumXXHASH3, ChecksumXXHASH128: part.ChecksumXXHASH128,
				}},
			}}))
			attributes := must[s3.GetObjectAttributesOutput](t)(c.GetObjectAttributes(t.Context(), &s3.GetObjectAttributesInput{Bucket: b, Key: k, ObjectAttributes: []types.ObjectAttributes{types.ObjectAttributesChecksum, types.ObjectAttributesObjectParts}}))
			if done.ChecksumType != types.ChecksumTypeComposite || attributes.Checksum.ChecksumType != types.ChecksumTypeComposite || len(attributes.ObjectParts.Parts) != 1 {
				t.Errorf("completed %s, attributes %+v", done.ChecksumType, attributes.Checksum)
			}
		})
	}
}
