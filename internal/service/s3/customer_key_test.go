package s3_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/service/s3/s3test"
)

func TestCustomerKeys(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	b, k := ptr("bucket"), ptr("k")
	raw := strings.Repeat("k", 31) + "1"
	aes := ptr("AES256")
	headers := func(raw string) (key, sum *string) {
		digest := md5.Sum([]byte(raw))
		return ptr(base64.StdEncoding.EncodeToString([]byte(raw))), ptr(base64.StdEncoding.EncodeToString(digest[:]))
	}
	key, sum := headers(raw)
	otherKey, otherSum := headers(strings.Repeat("o", 32))

	for _, test := range []struct {
		algorithm, key, sum *string
		sse                 types.ServerSideEncryption
		code                string
	}{
		{aes, nil, nil, "", "InvalidArgument"},
		{nil, key, sum, "", "InvalidArgument"},
		{aes, key, nil, "", "InvalidArgument"},
		{aes, key, otherSum, "", "InvalidArgument"},
		{aes, ptr("c2hvcnQ="), sum, "", "InvalidArgument"},
		{ptr("AES128"), key, sum, "", "InvalidEncryptionAlgorithmError"},
		{aes, key, sum, types.ServerSideEncryptionAes256, "InvalidArgument"},
	} {
		s3test.Refused[s3.PutObjectOutput](t, w, admin, &s3.PutObjectInput{
			Bucket: b, Key: k, SSECustomerAlgorithm: test.algorithm, SSECustomerKey: test.key, SSECustomerKeyMD5: test.sum, ServerSideEncryption: test.sse,
		}, test.code)
	}

	content := strings.Repeat("what nobody but me may read ", 10000)
	put := s3test.Do[s3.PutObjectOutput](t, w, admin, &s3.PutObjectInput{Bucket: b, Key: k, Body: strings.NewReader(content), SSECustomerAlgorithm: aes, SSECustomerKey: key, SSECustomerKeyMD5: sum})
	if *put.SSECustomerAlgorithm != "AES256" || *put.SSECustomerKeyMD5 != *sum || put.ServerSideEncryption != "" {
		t.Errorf("put tells %+v", put)
	}
	if digest := md5.Sum([]byte(content)); *put.ETag == `"`+hex.EncodeToString(digest[:])+`"` {
		t.Error("the ETag is the content's MD5")
	}
	get := func(key, sum *string) *s3.GetObjectInput {
		in := &s3.GetObjectInput{Bucket: b, Key: k, SSECustomerKey: key, SSECustomerKeyMD5: sum}
		if key != nil {
			in.SSECustomerAlgorithm = aes
		}
		return in
	}
	out := s3test.Do[s3.GetObjectOutput](t, w, admin, get(key, sum))
	if data, err := io.ReadAll(out.Body); err != nil || string(data) != content {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	s3test.Refused[s3.GetObjectOutput](t, w, admin, get(nil, nil), "InvalidRequest")
	s3test.Refused[s3.GetObjectOutput](t, w, admin, get(otherKey, otherSum), "AccessDenied")
	s3test.Refused[s3.HeadObjectOutput](t, w, admin, &s3.HeadObjectInput{Bucket: b, Key: k}, "InvalidRequest")
	s3test.Do[s3.HeadObjectOutput](t, w, admin, &s3.HeadObjectInput{Bucket: b, Key: k, SSECustomerAlgorithm: aes, SSECustomerKey: key, SSECustomerKeyMD5: sum})
	s3test.Refused[s3.GetObjectAttributesOutput](t, w, admin, &s3.GetObjectAttributesInput{Bucket: b, Key: k, ObjectAttributes: []types.ObjectAttributes{types.ObjectAttributesEtag}}, "InvalidRequest")

	// From one key to another, and away from keys.
	s3test.Refused[s3.CopyObjectOutput](t, w, admin, &s3.CopyObjectInput{Bucket: b, Key: ptr("k2"), CopySource: ptr("bucket/k")}, "InvalidRequest")
	s3test.Do[s3.CopyObjectOutput](t, w, admin, &s3.CopyObjectInput{
		Bucket: b, Key: ptr("k2"), CopySource: ptr("bucket/k"), SSECustomerAlgorithm: aes, SSECustomerKey: otherKey, SSECustomerKeyMD5: otherSum,
		CopySourceSSECustomerAlgorithm: aes, CopySourceSSECustomerKey: key, CopySourceSSECustomerKeyMD5: sum,
	})
	s3test.Do[s3.CopyObjectOutput](t, w, admin, &s3.CopyObjectInput{
		Bucket: b, Key: ptr("open"), CopySource: ptr("bucket/k2"), CopySourceSSECustomerAlgorithm: aes, CopySourceSSECustomerKey: otherKey, CopySourceSSECustomerKeyMD5: otherSum,
	})
	if got := w.Get(t, admin, "bucket", "open", ""); got != content {
		t.Errorf("the copy has %d bytes", len(got))
	}
	s3test.Refused[s3.GetObjectOutput](t, w, admin, &s3.GetObjectInput{Bucket: b, Key: ptr("open"), SSECustomerAlgorithm: aes, SSECustomerKey: key, SSECustomerKeyMD5: sum}, "InvalidRequest")

	// In parts, each with the key.
	upload := s3test.Do[s3.CreateMultipartUploadOutput](t, w, admin, &s3.CreateMultipartUploadInput{Bucket: b, Key: k, SSECustomerAlgorithm: aes, SSECustomerKey: key, SSECustomerKeyMD5: sum})
	part := &s3.UploadPartInput{Bucket: b, Key: k, UploadId: upload.UploadId, PartNumber: ptr(int32(1)), Body: strings.NewReader("part")}
	s3test.Refused[s3.UploadPartOutput](t, w, admin, part, "InvalidRequest")
	part.SSECustomerAlgorithm, part.SSECustomerKey, part.SSECustomerKeyMD5 = aes, otherKey, otherSum
	s3test.Refused[s3.UploadPartOutput](t, w, admin, part, "InvalidRequest")
	part.SSECustomerKey, part.SSECustomerKeyMD5 = key, sum
	first := s3test.Do[s3.UploadPartOutput](t, w, admin, part)
	s3test.Do[s3.CompleteMultipartUploadOutput](t, w, admin, &s3.CompleteMultipartUploadInput{
		Bucket: b, Key: k, UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: ptr(int32(1)), ETag: first.ETag}}},
	})
	out = s3test.Do[s3.GetObjectOutput](t, w, admin, get(key, sum))
	if data, err := io.ReadAll(out.Body); err != nil || string(data) != "part" {
		t.Errorf("%q, %v", data, err)
	}

	// The key is nowhere.
	w.Close()
	err := filepath.WalkDir(w.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(raw)) || bytes.Contains(data, []byte(*key)) {
			t.Errorf("%s holds the key", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestEncryptionContextAndETags(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	key := s3test.Do[awskms.CreateKeyOutput](t, w, admin, &awskms.CreateKeyInput{}).KeyMetadata
	put := &s3.PutObjectInput{
		Bucket: ptr("bucket"), Key: ptr("k"), Body: strings.NewReader("v"), ServerSideEncryption: types.ServerSideEncryptionAwsKms, SSEKMSKeyId: key.KeyId,
		SSEKMSEncryptionContext: ptr(base64.StdEncoding.EncodeToString([]byte(`{"team":"blue"}`))), BucketKeyEnabled: ptr(true),
	}
	out := s3test.Do[s3.PutObjectOutput](t, w, admin, put)
	if digest := md5.Sum([]byte("v")); *out.ETag == `"`+hex.EncodeToString(digest[:])+`"` || len(*out.ETag) != 34 {
		t.Errorf("ETag %s", *out.ETag)
	}
	// The grant of a right is bound to the context that was given, beside the bucket's name.
	someone := s3test.User(s3test.Member, "someone")
	for team, code := range map[string]string{"blue": "", "red": "AccessDenied"} {
		w.Allow(someone, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*",
			"Condition":{"StringEquals":{"kms:EncryptionContext:team":"`+team+`","kms:EncryptionContext:aws:s3:arn":"arn:aws:s3:::bucket"}}}]}`)
		get := &s3.GetObjectInput{Bucket: ptr("bucket"), Key: ptr("k")}
		if code == "" {
			s3test.Do[s3.GetObjectOutput](t, w, someone, get)
		} else {
			s3test.Refused[s3.GetObjectOutput](t, w, someone, get, code)
		}
	}
	put.SSEKMSEncryptionContext = ptr("e")
	s3test.Refused[s3.PutObjectOutput](t, w, admin, put, "InvalidArgument")
	s3test.Refused[s3.PutObjectOutput](t, w, admin, &s3.PutObjectInput{Bucket: ptr("bucket"), Key: ptr("k"), ServerSideEncryption: types.ServerSideEncryptionAwsKmsDsse}, "NotImplemented")
}
