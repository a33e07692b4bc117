package s3

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

const (
	sseS3   = string(types.ServerSideEncryptionAes256)
	sseKMS  = string(types.ServerSideEncryptionAwsKms)
	sseDSSE = string(types.ServerSideEncryptionAwsKmsDsse)
)

// encryptionRequest is what the headers of a request say about encryption.
type encryptionRequest struct {
	algorithm types.ServerSideEncryption
	keyID     *string
	context   *string // base64 of JSON
	bucketKey *bool
	customer  customerKey
}

// resolve decides how a new object is encrypted: as the request says, and else as the bucket's default does.
func (r encryptionRequest) resolve(b state.Bucket) (state.BucketEncryption, error) {
	e := b.Encryption
	if r.customer.given() {
		if r.algorithm != "" || r.keyID != nil {
			return e, invalidArgument("x-amz-server-side-encryption", string(r.algorithm), "Server Side Encryption with Customer provided key is incompatible with the encryption method specified")
		}
		return state.BucketEncryption{Algorithm: sseCustomer}, nil
	}
	switch string(r.algorithm) {
	case "":
		if r.keyID != nil {
			return e, invalidArgument("x-amz-server-side-encryption", "",
				"Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms")
		}
	case sseS3:
		if r.keyID != nil {
			return e, invalidArgument("x-amz-server-side-encryption", string(r.algorithm),
				"Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms")
		}
		e = state.BucketEncryption{Algorithm: sseS3}
	case sseKMS, sseDSSE:
		// The bucket's own key stands in where the request names none and the bucket encrypts with KMS as well.
		if e.Algorithm == sseS3 || r.keyID != nil {
			e.KMSKeyID = str(r.keyID)
		}
		e.Algorithm = string(r.algorithm)
	default:
		return e, invalidArgument("x-amz-server-side-encryption", string(r.algorithm), "The encryption method specified is not supported")
	}
	if r.bucketKey != nil {
		e.BucketKey = *r.bucketKey
	}
	switch e.Algorithm {
	case sseS3:
		e.BucketKey = false
	case sseDSSE:
		return e, api.NotImplemented("s3: dual-layer encryption (aws:kms:dsse)")
	}
	return e, nil
}

// newKey makes the data key of a new object: under the service's own key, or by KMS as the caller. It sets what o keeps
// of it.
func (s *Service) newKey(ctx context.Context, c *api.Caller, b state.Bucket, r encryptionRequest, o *state.Object) ([]byte, error) {
	e, err := r.resolve(b)
	if err != nil {
		return nil, err
	}
	o.SSE, o.BucketKey = e.Algorithm, e.BucketKey
	switch e.Algorithm {
	case sseS3:
		var key []byte
		key, o.WrappedKey = s.keys.newKey(objectARN(b.Name, o.Key))
		return key, nil
	case sseCustomer:
		aead, err := r.customer.open()
		if err != nil {
			return nil, err
		}
		key := make([]byte, 32)
		rand.Read(key)
		o.WrappedKey = aead.Seal(nil, nil, key, []byte(objectARN(b.Name, o.Key)))
		return key, nil
	}
	encryptionContext, err := r.encryptionContext(b, o.Key, e.BucketKey)
	if err != nil {
		return nil, err
	}
	keyID := e.KMSKeyID
	if keyID == "" {
		if s.ensureKey == nil {
			return nil, api.NotImplemented("s3: SSE-KMS with the AWS managed key aws/s3")
		}
		if keyID, err = s.ensureKey(ctx, c.AccountID, b.Region, "aws/s3"); err != nil {
			return nil, err
		}
	}
	out, err := api.Call[kms.GenerateDataKeyOutput](ctx, s.door, c.Through(Principal, b.Region), &kms.GenerateDataKeyInput{
		KeyId: &keyID, KeySpec: kmstypes.DataKeySpecAes256, EncryptionContext: encryptionContext,
	})
	if err != nil {
		return nil, kmsFailure(err)
	}
	text, err := json.Marshal(encryptionContext)
	if err != nil {
		return nil, err
	}
	o.KMSKeyARN, o.WrappedKey, o.KMSContext = str(out.KeyId), out.CiphertextBlob, string(text)
	return out.Plaintext, nil
}

// encryptionContext is what KMS binds a data key to: the object's ARN, or the bucket's where bucket keys are on, and what
// the request adds.
func (r encryptionRequest) encryptionContext(b state.Bucket, key string, bucketKey bool) (map[string]string, error) {
	bound := map[string]string{"aws:s3:arn": objectARN(b.Name, key)}
	if bucketKey {
		bound["aws:s3:arn"] = bucketARN(b.Name)
	}
	if r.context == nil {
		return bound, nil
	}
	text, err := base64.StdEncoding.DecodeString(*r.context)
	if err != nil {
		return nil, invalidArgument("x-amz-server-side-encryption-context", *r.context, "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON which represents a string-string map")
	}
	given := map[string]string{}
	if err := json.Unmarshal(text, &given); err != nil {
		return nil, invalidArgument("x-amz-server-side-encryption-context", *r.context, "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON which represents a string-string map")
	}
	maps.Copy(given, bound)
	return given, nil
}

// dataKey unwraps the data key of an object: by KMS as the caller where KMS wrapped it, and with the client's own key
// where that did.
func (s *Service) dataKey(ctx context.Context, c *api.Caller, b state.Bucket, o state.Object, customer customerKey) ([]byte, error) {
	if o.SSE == sseCustomer {
		return customer.unwrap(o.WrappedKey, objectARN(b.Name, o.Key))
	}
	if err := customer.check(b, o); err != nil {
		return nil, err
	}
	if o.SSE == sseS3 {
		return s.keys.unwrap(o.WrappedKey, objectARN(b.Name, o.Key))
	}
	encryptionContext := map[string]string{}
	if err := json.Unmarshal([]byte(o.KMSContext), &encryptionContext); err != nil {
		return nil, err
	}
	out, err := api.Call[kms.DecryptOutput](ctx, s.door, c.Through(Principal, b.Region), &kms.DecryptInput{
		KeyId: &o.KMSKeyARN, CiphertextBlob: o.WrappedKey, EncryptionContext: encryptionContext,
	})
	if err != nil {
		return nil, kmsFailure(err)
	}
	return out.Plaintext, nil
}

// kmsFailure tells an error of KMS as S3 does: a refusal is AccessDenied, and a key in the wrong state or place is
// KMS.<its code>.
func kmsFailure(err error) error {
	code := api.Code(err)
	switch {
	case code == "":
		return err
	case strings.HasPrefix(code, "AccessDenied"):
		e := accessDenied()
		e.Message, e.Err = messageOf(err), err
		return e
	}
	e := failure(400, "KMS."+code, messageOf(err))
	e.Err = err
	return e
}

func messageOf(err error) string {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e.Message
	}
	return err.Error()
}

// setEncryption sets the members of an output that tell how an object is encrypted.
func setEncryption(o state.Object, algorithm *types.ServerSideEncryption, keyID **string, bucketKey **bool) {
	if o.SSE == sseCustomer {
		return // told by the client's own headers
	}
	*algorithm = types.ServerSideEncryption(o.SSE)
	if o.KMSKeyARN != "" {
		*keyID = &o.KMSKeyARN
		*bucketKey = &o.BucketKey
	}
}

// newETag is the ETag of a content: its MD5, but for what is encrypted under a key that not everybody who may list the
// bucket may use. Of that the MD5 would tell too much.
func newETag(o state.Object, md5 func() string) string {
	if o.SSE == sseS3 {
		return md5()
	}
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
