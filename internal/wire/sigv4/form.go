package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// ParseForm reads the signature of a form that a browser posts. Its fields, which field finds by their names in lower case,
// stand for headers, and what is signed is its policy.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-authentication-HTTPPOST.html
func ParseForm(field func(name string) string) (*Signature, error) {
	if field("x-amz-algorithm") != algorithm {
		return nil, failure(Unsupported, "X-Amz-Algorithm only supports %s.", algorithm)
	}
	for _, name := range []string{"x-amz-credential", "x-amz-date", "x-amz-signature"} {
		if field(name) == "" {
			return nil, failure(Incomplete, "Bucket POST must contain a field named '%s'.  If it is specified, please check the order of the fields.", name)
		}
	}
	s := &Signature{
		Signature:    field("x-amz-signature"),
		SessionToken: field("x-amz-security-token"),
		timestamp:    field("x-amz-date"),
	}
	return s, s.fill(field("x-amz-credential"), "host")
}

// VerifyForm checks that policy, as it was sent, was signed with secret. Until when it holds, the policy itself says.
func (s *Signature) VerifyForm(secret, policy string) error {
	given, err := hex.DecodeString(s.Signature)
	if err != nil || len(given) != sha256.Size || !hmac.Equal(given, hmacSHA256(s.signingKey(secret), policy)) {
		return mismatch()
	}
	return nil
}
