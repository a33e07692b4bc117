package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	timeFormat = "20060102T150405Z"

	// MaxSkew is how far the signing time may lie from the clock, either way.
	MaxSkew = 15 * time.Minute
	// MaxExpires is the longest life of a presigned URL.
	MaxExpires = 7 * 24 * time.Hour
)

// Scope is the credential scope: what a signing key is good for.
type Scope struct {
	Date    string // yyyymmdd
	Region  string
	Service string
}

func (s Scope) String() string { return s.Date + "/" + s.Region + "/" + s.Service + "/aws4_request" }

// Signature is what a request says about how it is signed. Nothing of it may be believed before [Signature.Verify].
type Signature struct {
	AccessKeyID   string
	Scope         Scope
	SessionToken  string
	SignedHeaders []string // lower case, sorted
	Signature     string   // hex
	Time          time.Time
	Presigned     bool
	Expires       time.Duration // of a presigned URL
	// PayloadHash is the value of X-Amz-Content-Sha256, empty where the request has none.
	PayloadHash string

	timestamp string
	key       []byte // the signing key, once verified
}

// Parse reads the signature of r. An unsigned request is a [Failure] with reason [Missing]. Beside another failure it
// returns as much of the signature as could be read, so that the answer can take the service's form.
func Parse(r *http.Request) (*Signature, error) {
	header := r.Header.Get("Authorization")
	_, rawQuery := rawTarget(r)
	presigned := strings.Contains(rawQuery, "X-Amz-Algorithm=") || strings.Contains(rawQuery, "X-Amz-Signature=")
	switch {
	case header != "" && presigned:
		return nil, failure(Incomplete, "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "+
			"Signature query string parameter or the Authorization header should be specified")
	case header != "":
		return parseHeader(r, header)
	case presigned:
		return parseQuery(r, rawQuery)
	default:
		return nil, failure(Missing, "Missing Authentication Token")
	}
}

func parseHeader(r *http.Request, header string) (*Signature, error) {
	name, rest, _ := strings.Cut(header, " ")
	if name != algorithm {
		return nil, failure(Unsupported, "Unsupported authorization type: %s. Requests are signed with %s.", clip(name), algorithm)
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return nil, failure(Incomplete, "'%s' not a valid key=value pair (missing equal-sign) in Authorization header: '%s'.", clip(part), clip(header))
		}
		parts[key] = value
	}
	for _, key := range []string{"Credential", "Signature", "SignedHeaders"} {
		if parts[key] == "" {
			return nil, failure(Incomplete, "Authorization header requires '%s' parameter. Authorization=%s", key, algorithm)
		}
	}
	s := &Signature{
		Signature:    parts["Signature"],
		SessionToken: r.Header.Get("X-Amz-Security-Token"),
		PayloadHash:  r.Header.Get("X-Amz-Content-Sha256"),
		timestamp:    r.Header.Get("X-Amz-Date"),
	}
	if s.timestamp == "" {
		if at, err := http.ParseTime(r.Header.Get("Date")); err == nil {
			s.timestamp = at.UTC().Format(timeFormat)
		}
	}
	return s, s.fill(parts["Credential"], parts["SignedHeaders"])
}

func parseQuery(r *http.Request, rawQuery string) (*Signature, error) {
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, failure(Incomplete, "The query string is malformed.")
	}
	if query.Get("X-Amz-Algorithm") != algorithm {
		return nil, failure(Unsupported, "X-Amz-Algorithm only supports %s.", algorithm)
	}
	for _, key := range []string{"X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date", "X-Amz-SignedHeaders"} {
		if len(query[key]) != 1 || query.Get(key) == "" {
			return nil, failure(Incomplete, "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "+
				"X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
		}
	}
	s := &Signature{
		Signature:    query.Get("X-Amz-Signature"),
		SessionToken: query.Get("X-Amz-Security-Token"),
		PayloadHash:  r.Header.Get("X-Amz-Content-Sha256"),
		Presigned:    true,
		timestamp:    query.Get("X-Amz-Date"),
	}
	if s.PayloadHash == "" {
		s.PayloadHash = query.Get("X-Amz-Content-Sha256")
	}
	if err := s.fill(query.Get("X-Amz-Credential"), query.Get("X-Amz-SignedHeaders")); err != nil {
		return s, err
	}
	return s, s.fillExpires(query["X-Amz-Expires"])
}

// fillExpires sets how long a presigned URL lives: what it says for S3, and a quarter of an hour for the others, which
// do without the parameter.
func (s *Signature) fillExpires(given []string) error {
	if s.Scope.Service != "s3" {
		s.Expires = MaxSkew
		return nil
	}
	if len(given) != 1 {
		return failure(Incomplete, "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "+
			"X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
	}
	seconds, err := strconv.Atoi(given[0])
	switch {
	case err != nil:
		return failure(Incomplete, "X-Amz-Expires should be a number")
	case seconds < 0:
		return failure(Incomplete, "X-Amz-Expires must be non-negative")
	case seconds > int(MaxExpires/time.Second):
		return failure(Incomplete, "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds")
	}
	s.Expires = time.Duration(seconds) * time.Second
	return nil
}

// fill sets what both forms share: the credential, the signed headers and the time.
func (s *Signature) fill(credential, signedHeaders string) error {
	parts := strings.Split(credential, "/")
	if len(parts) < 5 {
		return failure(Incomplete, "Credential must have at least 5 slash-delimited elements, got: %s", clip(credential))
	}
	n := len(parts)
	s.AccessKeyID = strings.Join(parts[:n-4], "/")
	s.Scope = Scope{Date: parts[n-4], Region: parts[n-3], Service: parts[n-2]}
	if parts[n-1] != "aws4_request" {
		return failure(Incomplete, "Credential should be scoped with a valid terminator: 'aws4_request', not '%s'.", clip(parts[n-1]))
	}
	at, err := time.Parse(timeFormat, s.timestamp)
	if err != nil {
		return failure(Incomplete, "Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", clip(s.timestamp))
	}
	s.Time = at
	if s.Scope.Date != s.timestamp[:8] {
		return failure(Mismatch, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			clip(s.Scope.Date), s.timestamp[:8], s.timestamp)
	}
	s.SignedHeaders = strings.Split(signedHeaders, ";")
	if !slices.Contains(s.SignedHeaders, "host") {
		return failure(Incomplete, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	return nil
}

// Verify checks that r was signed with secret, at a time that the clock's now accepts. payloadHash is what the
// canonical request ends with: the hex SHA-256 of the body, or one of the words such as UNSIGNED-PAYLOAD.
func (s *Signature) Verify(r *http.Request, secret, payloadHash string, now time.Time) error {
	if err := s.checkTime(now); err != nil {
		return err
	}
	if err := s.checkSigned(r); err != nil {
		return err
	}
	key := s.signingKey(secret)
	given, err := hex.DecodeString(s.Signature)
	if err != nil || len(given) != sha256.Size {
		return mismatch()
	}
	for _, path := range s.canonicalPaths(r) {
		canonical := s.canonicalRequest(r, path, payloadHash)
		if hmac.Equal(given, hmacSHA256(key, s.stringToSign(canonical))) {
			s.key = key
			return nil
		}
	}
	return mismatch()
}

// signingKey derives the key of the credential scope.
func (s *Signature) signingKey(secret string) []byte {
	key := hmacSHA256([]byte("AWS4"+secret), s.Scope.Date)
	for _, part := range []string{s.Scope.Region, s.Scope.Service, "aws4_request"} {
		key = hmacSHA256(key, part)
	}
	return key
}

func mismatch() *Failure {
	return failure(Mismatch, "The request signature we calculated does not match the signature you provided. "+
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
}

func (s *Signature) checkTime(now time.Time) error {
	const shown = timeFormat
	switch {
	case s.Time.After(now.Add(MaxSkew)):
		return failure(Skewed, "Signature not yet current: %s is still later than %s (%s + 15 min.)",
			s.Time.Format(shown), now.Add(MaxSkew).Format(shown), now.Format(shown))
	case s.Presigned && now.After(s.Time.Add(s.Expires)):
		return failure(Expired, "Request has expired")
	case !s.Presigned && s.Time.Before(now.Add(-MaxSkew)):
		return failure(Skewed, "Signature expired: %s is now earlier than %s (%s - 15 min.)",
			s.Time.Format(shown), now.Add(-MaxSkew).Format(shown), now.Format(shown))
	}
	return nil
}

// checkSigned refuses requests that carry x-amz- headers outside the signature: somebody may have added them.
func (s *Signature) checkSigned(r *http.Request) error {
	for name := range r.Header {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-") && !slices.Contains(s.SignedHeaders, lower) {
			if s.Presigned && lower == "x-amz-content-sha256" {
				continue // it is the payload hash, which the canonical request holds anyway
			}
			return failure(Unsigned, "There were headers present in the request which were not signed: %s", lower)
		}
	}
	return nil
}

func (s *Signature) stringToSign(canonicalRequest string) string {
	return algorithm + "\n" + s.timestamp + "\n" + s.Scope.String() + "\n" + sha256Hex(canonicalRequest)
}

// sha256Hex is the hash of text as signatures spell it.
func sha256Hex(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func hmacSHA256(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}

// clip keeps a client's text short enough to be answered.
func clip(s string) string {
	if len(s) > 256 {
		return s[:256]
	}
	return s
}
