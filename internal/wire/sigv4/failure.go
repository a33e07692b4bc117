package sigv4

import "fmt"

// Reason says what is wrong with a signature. Each protocol has its own code for it.
type Reason int

// The reasons.
const (
	Missing     Reason = iota + 1 // the request is not signed
	Incomplete                    // parts of the signature are missing or malformed
	Unsupported                   // an algorithm that is not Signature Version 4
	Unsigned                      // headers that must be signed are not
	Skewed                        // the signing time is too far from the clock
	Expired                       // the presigned URL's time is over
	Mismatch                      // the signature is not that of this request under this secret
	BadPayload                    // the body is not the one that was signed
	BadStream                     // the body's chunks are malformed or their signatures wrong
	BadChecksum                   // a trailing checksum is not that of the body
)

// Failure is a request that is refused for its signature.
type Failure struct { //nolint:errname // a verdict with its reason first, and an error on the way to the client
	Reason  Reason
	Message string // AWS's words
}

func (f *Failure) Error() string { return f.Message }

func failure(reason Reason, format string, args ...any) *Failure {
	return &Failure{Reason: reason, Message: fmt.Sprintf(format, args...)}
}
