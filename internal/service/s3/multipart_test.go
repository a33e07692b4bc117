package s3_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/crc64"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/service/s3/s3test"
)

const mebibyte = 1 << 20

// noise is content that no two tests share.
func noise(seed byte, size int) []byte {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{seed}).Read(b) //nolint:errcheck // never fails
	return b
}

// readAll reads a body and closes it.
func readAll(body io.ReadCloser) ([]byte, error) {
	content, err := io.ReadAll(body)
	return content, errors.Join(err, body.Close())
}

func TestMultipartUpload(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", true)
	begin := s3test.Do[s3.CreateMultipartUploadOutput](t, w, admin, &s3.CreateMultipartUploadInput{Bucket: ptr("bucket"), Key: ptr("big"), ContentType: ptr("text/plain"), Tagging: ptr("a=b")})
	content := [][]byte{noise(1, 5*mebibyte), noise(2, 5*mebibyte+77), noise(3, 1000)}
	var parts []types.CompletedPart
	etags := md5.New()
	put := func(number int32, b []byte) *string {
		return s3test.Do[s3.UploadPartOutput](t, w, admin, &s3.UploadPartInput{Bucket: ptr("bucket"), Key: ptr("big"), UploadId: begin.UploadId, PartNumber: &number, Body: bytes.NewReader(b)}).ETag
	}
	put(3, []byte("replaced"))
	put(9, []byte("left out"))
	for i, b := range content {
		number := int32(1 + 2*i)
		parts = append(parts, types.CompletedPart{PartNumber: &number, ETag: put(number, b)})
		sum := md5.Sum(b)
		etags.Write(sum[:])
	}
	listed := s3test.Do[s3.ListPartsOutput](t, w, admin, &s3.ListPartsInput{Bucket: ptr("bucket"), Key: ptr("big"), UploadId: begin.UploadId, MaxParts: ptr(int32(2)), PartNumberMarker: ptr("1")})
	if len(listed.Parts) != 2 || *listed.Parts[0].PartNumber != 3 || *listed.Parts[0].Size != int64(len(content[1])) || !*listed.IsTruncated || *listed.NextPartNumberMarker != "5" {
		t.Errorf("parts %+v", listed)
	}
	uploads := s3test.Do[s3.ListMultipartUploadsOutput](t, w, admin, &s3.ListMultipartUploadsInput{Bucket: ptr("bucket")})
	if len(uploads.Uploads) != 1 || *uploads.Uploads[0].UploadId != *begin.UploadId {
		t.Errorf("uploads %+v", uploads.Uploads)
	}
	complete := func(parts ...types.CompletedPart) *s3.CompleteMultipartUploadInput {
		return &s3.CompleteMultipartUploadInput{Bucket: ptr("bucket"), Key: ptr("big"), UploadId: begin.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}}
	}
	s3test.Refused[s3.CompleteMultipartUploadOutput](t, w, admin, complete(parts[1], parts[0]), "InvalidPartOrder")
	s3test.Refused[s3.CompleteMultipartUploadOutput](t, w, admin, complete(parts[0], types.CompletedPart{PartNumber: ptr(int32(9)), ETag: ptr("x")}), "InvalidPart")
	s3test.Refused[s3.CompleteMultipartUploadOutput](t, w, admin, complete(types.CompletedPart{PartNumber: ptr(int32(8)), ETag: ptr("x")}), "InvalidPart")
	done := s3test.Do[s3.CompleteMultipartUploadOutput](t, w, admin, complete(parts...))
	if want := fmt.Sprintf(`"%x-3"`, etags.Sum(nil)); *done.ETag != want {
		t.Errorf("ETag %s, want %s", *done.ETag, want)
	}
	whole := bytes.Join(content, nil)
	nvme := crc64.New(crc64.MakeTable(0x9a6c9329ac4bc9b5))
	nvme.Write(whole)
	if want := base64.StdEncoding.EncodeToString(nvme.Sum(nil)); *done.ChecksumCRC64NVME != want || done.ChecksumType != types.ChecksumTypeFullObject {
		t.Errorf("checksum %s, want %s", *done.ChecksumCRC64NVME, want)
	}
	if got := w.Get(t, admin, "bucket", "big", ""); got != string(whole) {
		t.Error("the object differs from its parts")
	}
	span := s3test.Do[s3.GetObjectOutput](t, w, admin, &s3.GetObjectInput{Bucket: ptr("bucket"), Key: ptr("big"), Range: ptr(fmt.Sprintf("bytes=%d-%d", 5*mebibyte-10, 10*mebibyte+99))})
	if got, err := readAll(span.Body); err != nil || !bytes.Equal(got, whole[5*mebibyte-10:10*mebibyte+100]) {
		t.Errorf("a range over three parts differs: %d bytes, %v", len(got), err)
	}
	part := s3test.Do[s3.GetObjectOutput](t, w, admin, &s3.GetObjectInput{Bucket: ptr("bucket"), Key: ptr("big"), PartNumber: ptr(int32(2))})
	if got, err := readAll(part.Body); err != nil || !bytes.Equal(got, content[1]) || *part.PartsCount != 3 {
		t.Errorf("part 2: %d bytes, %v, of %d", len(got), err, *part.PartsCount)
	}
	attributes := s3test.Do[s3.GetObjectAttributesOutput](t, w, admin, &s3.GetObjectAttributesInput{Bucket: ptr("bucket"), Key: ptr("big"), ObjectAttributes: []types.ObjectAttributes{types.ObjectAttributesObjectParts}, MaxParts: ptr(int32(2))})
	if p := attributes.ObjectParts; *p.TotalPartsCount != 3 || len(p.Parts) != 2 || !*p.IsTruncated || *p.NextPartNumberMarker != "2" {
		t.Errorf("parts %+v", p)
	}
	if files := filesIn(t, w.Dir); len(files) != 3 {
		t.Errorf("%d files, want those of three parts", len(files))
	}
	s3test.Refused[s3.CompleteMultipartUploadOutput](t, w, admin, complete(parts...), "NoSuchUpload")
	s3test.Do[s3.DeleteObjectOutput](t, w, admin, &s3.DeleteObjectInput{Bucket: ptr("bucket"), Key: ptr("big"), VersionId: done.VersionId})
	if files := filesIn(t, w.Dir); len(files) != 0 {
		t.Errorf("the deleted object left %v", files)
	}
}

func TestMultipartChecksums(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	first, second := noise(4, 5*mebibyte), noise(5, 100)
	encode := func(sum uint32) string {
		return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
	}
	sums := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(first)), crc32.ChecksumIEEE(second))
	for kind, want := range map[types.ChecksumType]string{
		types.ChecksumTypeComposite:  encode(crc32.ChecksumIEEE(sums)) + "-2",
		types.ChecksumTypeFullObject: encode(crc32.ChecksumIEEE(append(bytes.Clone(first), second...))),
	} {
		begin := s3test.Do[s3.CreateMultipartUploadOutput](t, w, admin, &s3.CreateMultipartUploadInput{Bucket: ptr("bucket"), Key: ptr("k"), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32, ChecksumType: kind})
		done := &s3.CompleteMultipartUploadInput{Bucket: ptr("bucket"), Key: ptr("k"), UploadId: begin.UploadId, MultipartUpload: &types.CompletedMultipartUpload{}}
		for i, b := range [][]byte{first, second} {
			out := s3test.Do[s3.UploadPartOutput](t, w, admin, &s3.UploadPartInput{Bucket: ptr("bucket"), Key: ptr("k"), UploadId: begin.UploadId, PartNumber: ptr(int32(i + 1)), Body: bytes.NewReader(b), ChecksumCRC32: ptr(encode(crc32.ChecksumIEEE(b)))})
			done.MultipartUpload.Parts = append(done.MultipartUpload.Parts, types.CompletedPart{PartNumber: ptr(int32(i + 1)), ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32})
		}
		done.ChecksumCRC32 = ptr("AAAAAA==")
		s3test.Refused[s3.CompleteMultipartUploadOutput](t, w, admin, done, "BadDigest")
		done.ChecksumCRC32 = &want
		if out := s3test.Do[s3.CompleteMultipartUploadOutput](t, w, admin, done); *out.ChecksumCRC32 != want || out.ChecksumType != kind {
			t.Errorf("%s: %s %s, want %s", kind, out.ChecksumType, *out.ChecksumCRC32, want)
		}
	}
	s3test.Refused[s3.CreateMultipartUploadOutput](t, w, admin, &s3.CreateMultipartUploadInput{Bucket: ptr("bucket"), Key: ptr("k"), ChecksumAlgorithm: types.ChecksumAlgorithmSha256, ChecksumType: types.ChecksumTypeFullObject}, "InvalidRequest")
}

func TestPartsOfCopies(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	content := noise(6, 6*mebibyte)
	s3test.Do[s3.PutObjectOutput](t, w, admin, &s3.PutObjectInput{Bucket: ptr("bucket"), Key: ptr("source"), Body: bytes.NewReader(content)})
	begin := s3test.Do[s3.CreateMultipartUploadOutput](t, w, admin, &s3.CreateMultipartUploadInput{Bucket: ptr("bucket"), Key: ptr("k")})
	done := &s3.CompleteMultipartUploadInput{Bucket: ptr("bucket"), Key: ptr("k"), UploadId: begin.UploadId, MultipartUpload: &types.CompletedMultipartUpload{}}
	for i, r := range []string{"bytes=100-5242979", "bytes=0-99"} {
		out := s3test.Do[s3.UploadPartCopyOutput](t, w, admin, &s3.UploadPartCopyInput{Bucket: ptr("bucket"), Key: ptr("k"), UploadId: begin.UploadId, PartNumber: ptr(int32(i + 1)), CopySource: ptr("bucket/source"), CopySourceRange: &r})
		done.MultipartUpload.Parts = append(done.MultipartUpload.Parts, types.CompletedPart{PartNumber: ptr(int32(i + 1)), ETag: out.CopyPartResult.ETag})
	}
	s3test.Do[s3.CompleteMultipartUploadOutput](t, w, admin, done)
	if got := w.Get(t, admin, "bucket", "k", ""); got != string(content[100:5242980])+string(content[:100]) {
		t.Error("the object differs from the ranges it was copied of")
	}
}

func TestSmallAndAbortedUploads(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	begin := s3test.Do[s3.CreateMultipartUploadOutput](t, w, admin, &s3.CreateMultipartUploadInput{Bucket: ptr("bucket"), Key: ptr("k")})
	done := &s3.CompleteMultipartUploadInput{Bucket: ptr("bucket"), Key: ptr("k"), UploadId: begin.UploadId, MultipartUpload: &types.CompletedMultipartUpload{}}
	for i := range 2 {
		out := s3test.Do[s3.UploadPartOutput](t, w, admin, &s3.UploadPartInput{Bucket: ptr("bucket"), Key: ptr("k"), UploadId: begin.UploadId, PartNumber: ptr(int32(i + 1)), Body: strings.NewReader("small")})
		done.MultipartUpload.Parts = append(done.MultipartUpload.Parts, types.CompletedPart{PartNumber: ptr(int32(i + 1)), ETag: out.ETag})
	}
	s3test.Refused[s3.CompleteMultipartUploadOutput](t, w, admin, done, "EntityTooSmall")
	reversed := *done
	reversed.MultipartUpload = &types.CompletedMultipartUpload{Parts: []types.CompletedPart{done.MultipartUpload.Parts[1], done.MultipartUpload.Parts[0]}}
	s3test.Refused[s3.CompleteMultipartUploadOutput](t, w, admin, &reversed, "InvalidPartOrder")
	s3test.Do[s3.AbortMultipartUploadOutput](t, w, admin, &s3.AbortMultipartUploadInput{Bucket: ptr("bucket"), Key: ptr("k"), UploadId: begin.UploadId})
	s3test.Refused[s3.ListPartsOutput](t, w, admin, &s3.ListPartsInput{Bucket: ptr("bucket"), Key: ptr("k"), UploadId: begin.UploadId}, "NoSuchUpload")
	s3test.Refused[s3.UploadPartOutput](t, w, admin, &s3.UploadPartInput{Bucket: ptr("bucket"), Key: ptr("k"), UploadId: begin.UploadId, PartNumber: ptr(int32(1))}, "NoSuchUpload")
	if files := filesIn(t, w.Dir); len(files) != 0 {
		t.Errorf("the aborted upload left %v", files)
	}
}

func TestReadingSurvivesDeletion(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	begin := s3test.Do[s3.CreateMultipartUploadOutput](t, w, admin, &s3.CreateMultipartUploadInput{Bucket: ptr("bucket"), Key: ptr("k")})
	done := &s3.CompleteMultipartUploadInput{Bucket: ptr("bucket"), Key: ptr("k"), UploadId: begin.UploadId, MultipartUpload: &types.CompletedMultipartUpload{}}
	content := [][]byte{noise(9, 5*mebibyte), noise(10, 500)}
	for i, b := range content {
		out := s3test.Do[s3.UploadPartOutput](t, w, admin, &s3.UploadPartInput{Bucket: ptr("bucket"), Key: ptr("k"), UploadId: begin.UploadId, PartNumber: ptr(int32(i + 1)), Body: bytes.NewReader(b)})
		done.MultipartUpload.Parts = append(done.MultipartUpload.Parts, types.CompletedPart{PartNumber: ptr(int32(i + 1)), ETag: out.ETag})
	}
	s3test.Do[s3.CompleteMultipartUploadOutput](t, w, admin, done)
	open := s3test.Do[s3.GetObjectOutput](t, w, admin, &s3.GetObjectInput{Bucket: ptr("bucket"), Key: ptr("k")})
	s3test.Do[s3.DeleteObjectOutput](t, w, admin, &s3.DeleteObjectInput{Bucket: ptr("bucket"), Key: ptr("k")})
	got, err := io.ReadAll(open.Body)
	if err != nil || !bytes.Equal(got, bytes.Join(content, nil)) {
		t.Errorf("an object that was deleted while it was read: %d bytes, %v", len(got), err)
	}
	if err := open.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if files := filesIn(t, w.Dir); len(files) != 0 {
		t.Errorf("it left %v", files)
	}
}

func TestChecksumsOfUploadsAreOfOneKind(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	b, k := ptr("bucket"), ptr("k")
	upload := s3test.Do[s3.CreateMultipartUploadOutput](t, w, admin, &s3.CreateMultipartUploadInput{Bucket: b, Key: k, ChecksumAlgorithm: types.ChecksumAlgorithmSha256})
	part := func(n int32, in s3.UploadPartInput) *s3.UploadPartInput {
		in.Bucket, in.Key, in.UploadId, in.PartNumber, in.Body = b, k, upload.UploadId, &n, strings.NewReader("part")
		return &in
	}
	s3test.Refused[s3.UploadPartOutput](t, w, admin, part(1, s3.UploadPartInput{ChecksumCRC32: ptr("AAAAAA==")}), "InvalidRequest")
	first := s3test.Do[s3.UploadPartOutput](t, w, admin, part(1, s3.UploadPartInput{ChecksumAlgorithm: types.ChecksumAlgorithmSha256}))
	complete := func(sum *string, kind types.ChecksumType) *s3.CompleteMultipartUploadInput {
		return &s3.CompleteMultipartUploadInput{Bucket: b, Key: k, UploadId: upload.UploadId, ChecksumType: kind, MultipartUpload: &types.CompletedMultipartUpload{
			Parts: []types.CompletedPart{{PartNumber: ptr(int32(1)), ETag: first.ETag, ChecksumSHA256: sum}},
		}}
	}
	s3test.Refused[s3.CompleteMultipartUploadOutput](t, w, admin, complete(nil, ""), "InvalidRequest")
	s3test.Refused[s3.CompleteMultipartUploadOutput](t, w, admin, complete(first.ChecksumSHA256, types.ChecksumTypeFullObject), "InvalidRequest")
	s3test.Refused[s3.CompleteMultipartUploadOutput](t, w, admin, complete(ptr("YW5vdGhlcg=="), ""), "InvalidPart")
	other := complete(nil, "")
	other.MultipartUpload.Parts[0].ChecksumCRC32 = ptr("AAAAAA==")
	s3test.Refused[s3.CompleteMultipartUploadOutput](t, w, admin, other, "BadDigest")
	s3test.Refused[s3.AbortMultipartUploadOutput](t, w, admin, &s3.AbortMultipartUploadInput{Bucket: b, Key: k, UploadId: upload.UploadId, IfMatchInitiatedTime: ptr(w.Clock.Now().Add(-time.Hour))}, "PreconditionFailed")
	s3test.Refused[s3.CreateMultipartUploadOutput](t, w, admin, &s3.CreateMultipartUploadInput{Bucket: b, Key: k, ChecksumAlgorithm: "crc32", ChecksumType: "partial"}, "InvalidRequest")
	done := s3test.Do[s3.CompleteMultipartUploadOutput](t, w, admin, complete(first.ChecksumSHA256, types.ChecksumTypeComposite))
	if !strings.HasSuffix(*done.ChecksumSHA256, "-1") {
		t.Errorf("checksum %s", *done.ChecksumSHA256)
	}
	// A read of a part tells the part's own.
	head := s3test.Do[s3.HeadObjectOutput](t, w, admin, &s3.HeadObjectInput{Bucket: b, Key: k, PartNumber: ptr(int32(1)), ChecksumMode: types.ChecksumModeEnabled})
	if head.ChecksumSHA256 == nil || *head.ChecksumSHA256 != *first.ChecksumSHA256 {
		t.Errorf("checksum %v, want %s", head.ChecksumSHA256, *first.ChecksumSHA256)
	}
}

func TestRangesOfPartCopies(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	w.Put(t, admin, "bucket", "source", "0123456789")
	upload := s3test.Do[s3.CreateMultipartUploadOutput](t, w, admin, &s3.CreateMultipartUploadInput{Bucket: ptr("bucket"), Key: ptr("k")})
	copyOf := func(header string) *s3.UploadPartCopyInput {
		return &s3.UploadPartCopyInput{Bucket: ptr("bucket"), Key: ptr("k"), UploadId: upload.UploadId, PartNumber: ptr(int32(1)), CopySource: ptr("bucket/source"), CopySourceRange: &header}
	}
	for _, header := range []string{"0-1", "bytes=0-10", "bytes=4-2", "bytes=-3", "bytes=3-", "bytes=a-b"} {
		s3test.Refused[s3.UploadPartCopyOutput](t, w, admin, copyOf(header), "InvalidArgument")
	}
	part := s3test.Do[s3.UploadPartCopyOutput](t, w, admin, copyOf("bytes=3-9"))
	s3test.Do[s3.CompleteMultipartUploadOutput](t, w, admin, &s3.CompleteMultipartUploadInput{Bucket: ptr("bucket"), Key: ptr("k"), UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{
		Parts: []types.CompletedPart{{PartNumber: ptr(int32(1)), ETag: part.CopyPartResult.ETag}},
	}})
	if got := w.Get(t, admin, "bucket", "k", ""); got != "3456789" {
		t.Errorf("content %q", got)
	}
}

// TestAbortsAgainstUploads lets parts arrive while their upload is aborted or completed: whatever wins, what is left is an
// object that can be read, or nothing, and no file of it.
func TestAbortsAgainstUploads(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	b, k := ptr("bucket"), ptr("k")
	known := func(err error, codes ...string) {
		if err != nil && !slices.Contains(codes, api.Code(err)) {
			t.Error(err)
		}
	}
	for range 20 {
		upload := s3test.Do[s3.CreateMultipartUploadOutput](t, w, admin, &s3.CreateMultipartUploadInput{Bucket: b, Key: k})
		part := func(n int32) *s3.UploadPartInput {
			return &s3.UploadPartInput{Bucket: b, Key: k, UploadId: upload.UploadId, PartNumber: &n, Body: strings.NewReader("the first part")}
		}
		first := s3test.Do[s3.UploadPartOutput](t, w, admin, part(1))
		var calls sync.WaitGroup
		for n := range int32(4) {
			calls.Go(func() {
				_, err := api.Call[s3.UploadPartOutput](t.Context(), w.Door, admin, part(n%2+1))
				known(err, "NoSuchUpload")
			})
		}
		calls.Go(func() {
			_, err := api.Call[s3.AbortMultipartUploadOutput](t.Context(), w.Door, admin, &s3.AbortMultipartUploadInput{Bucket: b, Key: k, UploadId: upload.UploadId})
			known(err, "NoSuchUpload")
		})
		calls.Go(func() {
			_, err := api.Call[s3.CompleteMultipartUploadOutput](t.Context(), w.Door, admin, &s3.CompleteMultipartUploadInput{Bucket: b, Key: k, UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{
				Parts: []types.CompletedPart{{PartNumber: ptr(int32(1)), ETag: first.ETag}},
			}})
			known(err, "NoSuchUpload")
		})
		calls.Wait()
		if _, err := api.Call[s3.HeadObjectOutput](t.Context(), w.Door, admin, &s3.HeadObjectInput{Bucket: b, Key: k}); err == nil {
			if got := w.Get(t, admin, "bucket", "k", ""); got != "the first part" {
				t.Errorf("content %q", got)
			}
		}
		if left := s3test.Do[s3.ListMultipartUploadsOutput](t, w, admin, &s3.ListMultipartUploadsInput{Bucket: b}).Uploads; len(left) != 0 {
			t.Fatalf("%d uploads are left", len(left))
		}
	}
	s3test.Do[s3.DeleteObjectOutput](t, w, admin, &s3.DeleteObjectInput{Bucket: b, Key: k})
	files, err := filepath.Glob(filepath.Join(w.Dir, "regions", "*", "s3", "*", "*"))
	if err != nil || len(files) != 0 {
		t.Errorf("%d files are left, %v", len(files), err)
	}
}
