package s3

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"

	"strongroom/internal/api"
)

// pageSize is the number of entries in a page: what the request asks for, up to most.
func pageSize(name string, asked *int32, most int) (int, error) {
	switch {
	case asked == nil:
		return most, nil
	case *asked < 0:
		if name == "max-keys" {
			name = "maxKeys" // as S3 calls it here, and here alone
		}
		return 0, invalidArgument(name, strconv.Itoa(int(*asked)), "Argument "+name+" must be an integer between 0 and 2147483647")
	}
	return min(int(*asked), most), nil
}

// sealToken makes a continuation token of the position in a listing. It holds for the listing named by scope alone.
func (k *keyring) sealToken(scope, position string) string {
	return base64.URLEncoding.EncodeToString(k.aead.Seal(nil, nil, []byte(position), []byte("continuation "+scope)))
}

// openToken is the opposite; "" is the beginning.
func (k *keyring) openToken(scope, token string) (string, error) {
	if token == "" {
		return "", nil
	}
	sealed, err := base64.URLEncoding.DecodeString(token)
	if err == nil {
		sealed, err = k.aead.Open(nil, nil, sealed, []byte("continuation "+scope))
	}
	if err != nil {
		return "", &api.Error{
			Code: "InvalidArgument", Message: "The continuation token provided is incorrect", Err: err,
			Members: map[string]string{"ArgumentName": "continuation-token"},
		}
	}
	return string(sealed), nil
}

// canonicalID is an account's canonical user id: 64 hexadecimal digits that do not tell the account's number.
func canonicalID(accountID string) string {
	mac := hmac.New(sha256.New, []byte("strongroom canonical user id"))
	mac.Write([]byte(accountID))
	return hexOf(mac.Sum(nil))
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }
