package wire

import (
	"bytes"
	"crypto/md5" //nolint:gosec // S3's Content-MD5
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"

	"strongroom/internal/api"
	"strongroom/internal/wire/sigv4"
)

// checkedBody is a request's body as its service reads it: without framing, within its limit, and compared at its end
// with all that the request says about it. A reader that does not get io.EOF has not got the body that was sent. All
// errors are [api.Error]s with S3's codes.
type checkedBody struct {
	source io.Reader
	closer io.Closer
	stream *sigv4.Stream // nil without aws-chunked framing
	left   int64         // bytes still to come, or -1 where the length is unknown
	limit  int64         // bytes still allowed
	sums   []checksum
	// trailers is called before io.EOF with the trailing headers.
	trailers func(http.Header) error
	err      error
}

// checksum is one thing the request says of its body.
type checksum struct {
	hash    hash.Hash
	want    []byte // nil: it comes in the trailer
	trailer string
	failed  *api.Error
}

// newCheckedBody wraps r's body. payloadHash is the request's verified X-Amz-Content-Sha256; bodySums tells whether the
// x-amz-checksum headers are of this body, which they are not where an upload is completed.
func newCheckedBody(r *http.Request, signature *sigv4.Signature, limit int64, bodySums bool) (*checkedBody, error) {
	b := &checkedBody{source: r.Body, closer: r.Body, left: r.ContentLength, limit: limit}
	if sigv4.Streaming(signature.PayloadHash) {
		decoded, err := strconv.ParseInt(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64)
		if err != nil || decoded < 0 {
			return nil, api.Errorf("MissingContentLength", "You must provide the Content-Length HTTP header.").WithStatus(http.StatusLengthRequired)
		}
		b.stream = sigv4.NewStream(r.Body, signature)
		b.source, b.left = b.stream, decoded
	}
	if b.left < 0 && (r.Method == http.MethodPut || r.Method == http.MethodPost) {
		return nil, api.Errorf("MissingContentLength", "You must provide the Content-Length HTTP header.").WithStatus(http.StatusLengthRequired)
	}
	if b.left > limit {
		return nil, tooLarge(limit, b.left)
	}
	if want, err := hex.DecodeString(signature.PayloadHash); err == nil && len(want) == sha256.Size {
		b.sums = append(b.sums, checksum{hash: sha256.New(), want: want, failed: api.Errorf("XAmzContentSHA256Mismatch",
			"The provided 'x-amz-content-sha256' header does not match what was computed.")})
	}
	return b, b.addSums(r.Header, bodySums)
}

func tooLarge(limit, proposed int64) *api.Error {
	e := api.Errorf("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
	e.Members = map[string]string{"ProposedSize": strconv.FormatInt(proposed, 10), "MaxSizeAllowed": strconv.FormatInt(limit, 10)}
	return e
}

// addSums notes the digests that the headers give or announce.
func (b *checkedBody) addSums(header http.Header, bodySums bool) error {
	if text := header.Get("Content-Md5"); text != "" {
		want, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(want) != md5.Size {
			return api.Errorf("InvalidDigest", "The Content-MD5 you specified was invalid.")
		}
		b.sums = append(b.sums, checksum{hash: md5.New(), want: want, failed: api.Errorf("BadDigest",
			"The Content-MD5 you specified did not match what we received.")})
	}
	if err := refuseUnknown(header); err != nil {
		return err
	}
	if bodySums {
		for name, make := range checksums {
			text := header.Get(name)
			if text == "" {
				continue
			}
			h := make()
			want, err := base64.StdEncoding.DecodeString(text)
			if err != nil || len(want) != h.Size() {
				return api.Errorf("InvalidRequest", "Value for %s header is invalid.", name)
			}
			b.sums = append(b.sums, checksum{hash: h, want: want, failed: badChecksum(name)})
		}
	}
	if b.stream == nil {
		return nil
	}
	for name := range strings.SplitSeq(header.Get("X-Amz-Trailer"), ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "" {
			continue
		}
		make, known := checksums[name]
		if !known {
			return api.Errorf("InvalidRequest", "The value specified in the x-amz-trailer header is not supported: %s", clip(name))
		}
		if said := header.Get("X-Amz-Sdk-Checksum-Algorithm"); said != "" && !strings.EqualFold("x-amz-checksum-"+said, name) {
			return api.Errorf("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.")
		}
		b.sums = append(b.sums, checksum{hash: make(), trailer: name, failed: badChecksum(name)})
	}
	return nil
}

func badChecksum(header string) *api.Error {
	return api.Errorf("BadDigest", "The %s you specified did not match the calculated checksum.",
		strings.ToUpper(strings.TrimPrefix(header, "x-amz-checksum-")))
}

// Read implements [io.Reader].
func (b *checkedBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.source.Read(p)
	for _, sum := range b.sums {
		sum.hash.Write(p[:n])
	}
	b.limit -= int64(n)
	if b.left >= 0 {
		b.left -= int64(n)
		if b.left < 0 {
			err = incomplete()
		}
	}
	switch {
	case b.limit < 0:
		err = tooLarge(0, -b.limit)
	case errors.Is(err, io.EOF):
		if failed := b.finish(); failed != nil {
			err = failed
		}
	case err != nil:
		err = bodyError(err)
	}
	b.err = err
	return n, err
}

// finish compares what was read with what was said about it.
func (b *checkedBody) finish() error {
	if b.left > 0 {
		return incomplete()
	}
	for _, sum := range b.sums {
		want := sum.want
		if sum.trailer != "" {
			var err error
			text := b.stream.Trailer().Get(sum.trailer)
			want, err = base64.StdEncoding.DecodeString(text)
			if text != "" && (err != nil || len(want) != sum.hash.Size()) {
				return api.Errorf("InvalidRequest", "Value for %s trailing header is invalid.", sum.trailer)
			}
			if text == "" {
				return api.Errorf("MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.")
			}
		}
		if !bytes.Equal(want, sum.hash.Sum(nil)) {
			return sum.failed
		}
	}
	if b.stream != nil && b.trailers != nil {
		return b.trailers(b.stream.Trailer())
	}
	return nil
}

// Close implements [io.Closer].
func (b *checkedBody) Close() error { return b.closer.Close() }

func incomplete() *api.Error {
	return api.Errorf("IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")
}

// bodyError is the answer to a body that cannot be read.
func bodyError(err error) error {
	var failed *sigv4.Failure
	var known *api.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &failed) && failed.Reason == sigv4.Mismatch:
		return api.Errorf("SignatureDoesNotMatch", "%s", failed.Message).WithStatus(http.StatusForbidden)
	case errors.As(err, &failed):
		return api.Errorf("IncompleteBody", "%s", failed.Message)
	default:
		e := incomplete()
		e.Err = err
		return e
	}
}

// readBody reads the whole body of a request of the other services.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	tooLarge := api.Errorf("RequestEntityTooLarge", "The request is larger than the %d bytes that are allowed.", limit).
		WithStatus(http.StatusRequestEntityTooLarge)
	if r.ContentLength > limit {
		return nil, tooLarge
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return nil, &api.Error{Code: "IncompleteBody", Message: "The request ended before its body did.", Err: err}
	}
	if int64(len(data)) > limit {
		return nil, tooLarge
	}
	return data, nil
}
