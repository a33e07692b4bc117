package sigv4

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// The words that a request may carry in X-Amz-Content-Sha256 instead of the body's hash.
const (
	UnsignedPayload        = "UNSIGNED-PAYLOAD"
	StreamingPayload       = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	StreamingSignedTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	StreamingTrailer       = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

// Streaming reports whether the body comes in aws-chunked framing.
func Streaming(payloadHash string) bool {
	return payloadHash == StreamingPayload || payloadHash == StreamingSignedTrailer || payloadHash == StreamingTrailer
}

// emptyHash is the SHA-256 of nothing.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

const (
	maxChunkHeader = 4 << 10
	maxTrailers    = 16 << 10
)

// Stream reads a body in aws-chunked framing and checks the signature of each chunk and of the trailer. Bytes are
// handed out before their chunk's signature has been seen, so nothing may be kept unless reading ends with io.EOF.
type Stream struct {
	r        *bufio.Reader
	key      []byte // nil: the chunks are unsigned
	prefix   string // timestamp and scope, as each string to sign has them
	previous string // signature of the chunk before
	trailers bool   // a trailer follows the last chunk

	left    int64 // of the current chunk
	inChunk bool
	sum     hash.Hash
	claimed string // the current chunk's signature as the client says
	trailer http.Header
	err     error
}

// NewStream reads body, whose request was signed by s, which must be verified. The payload hash of the request says
// which of the three framings it is.
func NewStream(body io.Reader, s *Signature) *Stream {
	st := &Stream{
		r:        bufio.NewReaderSize(body, 64<<10),
		previous: s.Signature,
		prefix:   s.timestamp + "\n" + s.Scope.String() + "\n",
		trailers: s.PayloadHash != StreamingPayload,
		trailer:  http.Header{},
	}
	if s.PayloadHash != StreamingTrailer {
		if s.key == nil {
			panic("a stream needs the verified signature of its request")
		}
		st.key = s.key
		st.sum = sha256.New()
	}
	return st
}

// Trailer holds the trailing headers once Read has returned io.EOF.
func (st *Stream) Trailer() http.Header { return st.trailer }

// Read implements [io.Reader]. Malformed framing and wrong signatures are a [Failure] with reason [BadStream].
func (st *Stream) Read(p []byte) (int, error) {
	if st.err != nil {
		return 0, st.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := st.read(p)
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = failure(BadStream, "The request body terminated unexpectedly")
		}
		st.err = err
	}
	return n, err
}

func (st *Stream) read(p []byte) (int, error) {
	if !st.inChunk {
		if err := st.open(); err != nil {
			return 0, err
		}
		if st.left == 0 {
			if err := st.finish(); err != nil {
				return 0, err
			}
			return 0, io.EOF
		}
	}
	n, err := st.r.Read(p[:min(int64(len(p)), st.left)])
	if st.sum != nil {
		st.sum.Write(p[:n])
	}
	st.left -= int64(n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err == nil && st.left == 0 {
		err = st.close()
	}
	return n, err
}

// open reads a chunk's header.
func (st *Stream) open() error {
	line, err := st.line(maxChunkHeader)
	if err != nil {
		return err
	}
	size, extension, _ := strings.Cut(line, ";")
	st.left, err = strconv.ParseInt(size, 16, 64)
	if err != nil || st.left < 0 {
		return failure(BadStream, "The chunk size is malformed.")
	}
	if st.key == nil {
		st.inChunk = true
		return nil
	}
	signature, ok := strings.CutPrefix(extension, "chunk-signature=")
	if !ok {
		return failure(BadStream, "A chunk is not signed.")
	}
	st.claimed = signature
	st.sum.Reset()
	st.inChunk = true
	return nil
}

// close checks the chunk that was just read to its end.
func (st *Stream) close() error {
	var end [2]byte
	if _, err := io.ReadFull(st.r, end[:]); err != nil {
		return io.ErrUnexpectedEOF
	}
	if string(end[:]) != "\r\n" {
		return failure(BadStream, "A chunk is longer than its size.")
	}
	st.inChunk = false
	return st.checkChunk()
}

func (st *Stream) checkChunk() error {
	if st.key == nil {
		return nil
	}
	toSign := "AWS4-HMAC-SHA256-PAYLOAD\n" + st.prefix + st.previous + "\n" + emptyHash + "\n" + hex.EncodeToString(st.sum.Sum(nil))
	return st.check(toSign, st.claimed)
}

func (st *Stream) check(toSign, claimed string) error {
	want := hex.EncodeToString(hmacSHA256(st.key, toSign))
	if !hmac.Equal([]byte(want), []byte(claimed)) {
		return mismatch()
	}
	st.previous = want
	return nil
}

// finish checks the last chunk and reads the trailer.
func (st *Stream) finish() error {
	if err := st.checkChunk(); err != nil {
		return err
	}
	var canonical bytes.Buffer
	claimed := ""
	for total := 0; ; {
		line, err := st.line(maxTrailers)
		if errors.Is(err, io.ErrUnexpectedEOF) && line == "" {
			break // some clients leave the last empty line out
		}
		if err != nil {
			return err
		}
		if line == "" {
			if st.trailers && st.key != nil && claimed == "" && canonical.Len() > 0 {
				continue // a client may set the trailer's signature apart
			}
			break
		}
		if total += len(line); total > maxTrailers || !st.trailers {
			return failure(BadStream, "The request contained trailing data that was not well-formed or did not conform to our published schema.")
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return failure(BadStream, "The request contained trailing data that was not well-formed or did not conform to our published schema.")
		}
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if name == "x-amz-trailer-signature" {
			claimed = value
			continue
		}
		canonical.WriteString(name + ":" + value + "\n")
		st.trailer.Add(name, value)
	}
	if st.key == nil || !st.trailers {
		return nil
	}
	return st.check("AWS4-HMAC-SHA256-TRAILER\n"+st.prefix+st.previous+"\n"+sha256Hex(canonical.String()), claimed)
}

// line reads up to a line's end and returns what is before it.
func (st *Stream) line(limit int) (string, error) {
	var line []byte
	for {
		part, err := st.r.ReadSlice('\n')
		line = append(line, part...)
		if err == nil {
			break
		}
		if len(line) > limit || !errors.Is(err, bufio.ErrBufferFull) {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return string(line), err
		}
	}
	if len(line) > limit+2 {
		return "", failure(BadStream, "A line of the request's framing is too long.")
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"), nil
}
