package s3

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5" //nolint:gosec // the header that guards the key against slips is its MD5
	"encoding/base64"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// sseCustomer marks an object whose data key is wrapped under a key of the client's (SSE-C), which is kept nowhere.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html
const sseCustomer = "SSE-C"

// customerKey is what the headers of a request say of such a key.
type customerKey struct {
	algorithm, key, keyMD5 *string
}

func (k customerKey) given() bool { return k.algorithm != nil || k.key != nil || k.keyMD5 != nil }

// open checks the headers and makes the cipher that wraps and unwraps data keys.
func (k customerKey) open() (cipher.AEAD, error) {
	const header = "x-amz-server-side-encryption-customer-"
	switch {
	case str(k.algorithm) == "":
		return nil, invalidArgument(header+"algorithm", "", "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.")
	case *k.algorithm != sseS3:
		return nil, failure(http.StatusBadRequest, "InvalidEncryptionAlgorithmError", "The encryption request you specified is not valid. The valid value is AES256.",
			"ArgumentName", header+"algorithm", "ArgumentValue", *k.algorithm)
	case str(k.key) == "":
		return nil, invalidArgument(header+"key", "", "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.")
	case str(k.keyMD5) == "":
		return nil, invalidArgument(header+"key-MD5", "", "Requests specifying Server Side Encryption with Customer provided keys must provide the client calculated MD5 of the secret key.")
	}
	key, err := base64.StdEncoding.DecodeString(*k.key)
	if err != nil || len(key) != 32 {
		return nil, invalidArgument(header+"key", "", "The secret key was invalid for the specified algorithm.") // the key is not for telling
	}
	sum := md5.Sum(key) //nolint:gosec // see above
	if base64.StdEncoding.EncodeToString(sum[:]) != *k.keyMD5 {
		return nil, invalidArgument(header+"key-MD5", *k.keyMD5, "The calculated MD5 hash of the key did not match the hash that was provided.")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// unwrap opens the data key of an object that is wrapped under the key.
func (k customerKey) unwrap(wrapped []byte, place string) ([]byte, error) {
	if !k.given() {
		return nil, invalidRequest("The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.")
	}
	aead, err := k.open()
	if err != nil {
		return nil, err
	}
	key, err := aead.Open(nil, nil, wrapped, []byte(place))
	if err != nil {
		return nil, accessDenied()
	}
	return key, nil
}

// check holds the key against an object without a need for its content: it must be the object's, and must not be given
// where the object has none.
func (k customerKey) check(b state.Bucket, o state.Object) error {
	if o.SSE != sseCustomer {
		if k.given() {
			return invalidRequest("The encryption parameters are not applicable to this object.")
		}
		return nil
	}
	_, err := k.unwrap(o.WrappedKey, objectARN(b.Name, o.Key))
	return err
}

// ofUpload tells a key that is not the one an upload began with as S3 does.
func (k customerKey) ofUpload(b state.Bucket, o state.Object) error {
	err := k.check(b, o)
	switch {
	case err == nil:
		return nil
	case o.SSE == sseCustomer && !k.given():
		return invalidRequest("The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.")
	case api.Code(err) == "AccessDenied":
		return invalidRequest("The provided encryption parameters did not match the ones used originally.")
	}
	return err
}

// tell sets the members of an output that name the key.
func (k customerKey) tell(algorithm, keyMD5 **string) {
	if k.given() {
		*algorithm, *keyMD5 = k.algorithm, k.keyMD5
	}
}

func getCustomerKey(in *s3.GetObjectInput) customerKey {
	return customerKey{in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5}
}
