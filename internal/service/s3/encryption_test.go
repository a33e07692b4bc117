package s3_test

import (
	"strings"
	"testing"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/service/s3/s3test"
)

func TestKMSDecidesOverObjects(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	key := s3test.Do[awskms.CreateKeyOutput](t, w, admin, &awskms.CreateKeyInput{}).KeyMetadata
	s3test.Do[s3.PutBucketEncryptionOutput](t, w, admin, &s3.PutBucketEncryptionInput{Bucket: ptr("bucket"), ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
		Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: key.KeyId}}},
	}})
	put := s3test.Do[s3.PutObjectOutput](t, w, admin, &s3.PutObjectInput{Bucket: ptr("bucket"), Key: ptr("k"), Body: strings.NewReader("secret")})
	if put.ServerSideEncryption != types.ServerSideEncryptionAwsKms || *put.SSEKMSKeyId != *key.Arn {
		t.Errorf("encrypted with %s under %v, want %s", put.ServerSideEncryption, put.SSEKMSKeyId, *key.Arn)
	}
	if got := w.Get(t, admin, "bucket", "k", ""); got != "secret" {
		t.Errorf("content %q", got)
	}
	plain := s3test.Do[s3.PutObjectOutput](t, w, admin, &s3.PutObjectInput{Bucket: ptr("bucket"), Key: ptr("plain"), Body: strings.NewReader("open"), ServerSideEncryption: types.ServerSideEncryptionAes256})
	if plain.ServerSideEncryption != types.ServerSideEncryptionAes256 || plain.SSEKMSKeyId != nil {
		t.Errorf("the request's encryption was not heeded: %+v", plain)
	}

	// The right to S3 alone is not enough.
	someone := s3test.User(s3test.Member, "someone")
	w.Allow(someone, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`)
	get := &s3.GetObjectInput{Bucket: ptr("bucket"), Key: ptr("k")}
	s3test.Refused[s3.GetObjectOutput](t, w, someone, get, "AccessDenied")
	s3test.Do[s3.HeadObjectOutput](t, w, someone, &s3.HeadObjectInput{Bucket: ptr("bucket"), Key: ptr("k")})
	s3test.Refused[s3.PutObjectOutput](t, w, someone, &s3.PutObjectInput{Bucket: ptr("bucket"), Key: ptr("k2")}, "AccessDenied")
	// The encryption context names the object, and KMS sees through which service the call comes.
	w.Allow(someone, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*",
		"Condition":{"StringEquals":{"kms:ViaService":"s3.eu-central-1.amazonaws.com","kms:EncryptionContext:aws:s3:arn":"arn:aws:s3:::bucket/k"}}}]}`)
	s3test.Do[s3.GetObjectOutput](t, w, someone, get)

	s3test.Do[awskms.DisableKeyOutput](t, w, admin, &awskms.DisableKeyInput{KeyId: key.KeyId})
	s3test.Refused[s3.GetObjectOutput](t, w, admin, get, "KMS.DisabledException")
	if got := w.Get(t, admin, "bucket", "plain", ""); got != "open" {
		t.Errorf("an object under another key is %q", got)
	}
}

func TestManagedKey(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	put := s3test.Do[s3.PutObjectOutput](t, w, admin, &s3.PutObjectInput{Bucket: ptr("bucket"), Key: ptr("k"), Body: strings.NewReader("v"), ServerSideEncryption: types.ServerSideEncryptionAwsKms, BucketKeyEnabled: ptr(true)})
	if put.SSEKMSKeyId == nil || !*put.BucketKeyEnabled {
		t.Errorf("put %+v", put)
	}
	if got := w.Get(t, admin, "bucket", "k", ""); got != "v" {
		t.Errorf("content %q", got)
	}
}
