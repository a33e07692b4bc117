package wire_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"strongroom/internal/api"
)

func keyed(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// chunked makes a request that uploads data in signed chunks of 10 bytes, as the Java SDK and others do, with a trailing
// CRC-32 if there is one. The length of its body does not depend on the signatures, which need the request first.
func (h *house) chunked(t *testing.T, data, crc string, change func(string) string) *http.Request {
	t.Helper()
	payload := "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	if crc != "" {
		payload += "-TRAILER"
	}
	frame := func(chain func(kind string, parts ...string) string) string {
		var b strings.Builder
		for rest := data; ; {
			chunk := rest[:min(10, len(rest))]
			rest = rest[len(chunk):]
			fmt.Fprintf(&b, "%x;chunk-signature=%s\r\n", len(chunk), chain("PAYLOAD", hash(""), hash(chunk)))
			if chunk == "" {
				break
			}
			b.WriteString(chunk + "\r\n")
		}
		if crc != "" {
			b.WriteString("x-amz-checksum-crc32:" + crc + "\r\nx-amz-trailer-signature:" + chain("TRAILER", hash("x-amz-checksum-crc32:"+crc+"\n")) + "\r\n")
		}
		return b.String() + "\r\n"
	}
	unsigned := frame(func(string, ...string) string { return strings.Repeat("0", 64) })
	r := h.request(t, http.MethodPut, "/b/k", unsigned)
	r.Header.Set("X-Amz-Content-Sha256", payload)
	r.Header.Set("X-Amz-Decoded-Content-Length", strconv.Itoa(len(data)))
	r.Header.Set("Content-Encoding", "aws-chunked")
	if crc != "" {
		r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
	}
	h.sign(t, r, "s3", payload)

	stamp := r.Header.Get("X-Amz-Date")
	scope := stamp[:8] + "/eu-central-1/s3/aws4_request"
	key := []byte("AWS4" + testSecret)
	for part := range strings.SplitSeq(scope, "/") {
		key = keyed(key, part)
	}
	_, previous, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	body := frame(func(kind string, parts ...string) string {
		text := "AWS4-HMAC-SHA256-" + kind + "\n" + stamp + "\n" + scope + "\n" + previous + "\n" + strings.Join(parts, "\n")
		previous = hex.EncodeToString(keyed(key, text))
		return previous
	})
	if change != nil {
		body = change(body)
	}
	changed := h.request(t, http.MethodPut, "/b/k", body)
	changed.Header = r.Header
	return changed
}

func TestS3Chunked(t *testing.T) {
	t.Parallel()
	const data = "signed chunk by chunk, to the last"
	sum := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(data))))
	tests := []struct {
		name, crc string
		change    func(string) string
		say       string // of the refusal
	}{
		{"chunks", "", nil, ""},
		{"chunks and trailer", sum, nil, ""},
		{"a byte of a chunk", "", func(b string) string { return strings.Replace(b, "signed", "sighed", 1) }, "SignatureDoesNotMatch"},
		{"a byte of the trailer", sum, func(b string) string { return strings.Replace(b, "crc32:", "crc32: A", 1) }, "SignatureDoesNotMatch"},
		{"another checksum, signed", "AAAAAA==", nil, "BadDigest"},
		{"last chunk overwritten", "", func(b string) string {
			end := strings.LastIndex(b, "0;")
			return b[:end] + strings.Repeat("x", len(b)-end)
		}, "IncompleteBody"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newShelf()
			h := newHouse(t, s.api())
			status, body := do(t, h.chunked(t, data, test.crc, test.change))
			if test.say == "" {
				if status != 200 || string(s.objects["b/k"]) != data || *s.put.ContentLength != int64(len(data)) || s.put.ContentEncoding != nil {
					t.Errorf("%d %s, kept %q", status, body, s.objects["b/k"])
				}
				if test.crc != "" && (aws.ToString(s.put.ChecksumCRC32) != test.crc || s.put.ChecksumAlgorithm != "CRC32") {
					t.Errorf("the trailer reached the input as %v, %s", s.put.ChecksumCRC32, s.put.ChecksumAlgorithm)
				}
				return
			}
			if status < 400 || status > 499 || !contains(body, test.say) || len(s.objects) != 0 {
				t.Errorf("%d %s, kept %v; want %s", status, body, s.objects, test.say)
			}
		})
	}
}

// TestPresignedQuery: a query call may be presigned, as EKS and Vault do with GetCallerIdentity.
func TestPresignedQuery(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &api.Service{Name: "sts", Operations: []api.Operation{
		op("", func(*sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
			return &sts.GetCallerIdentityOutput{Account: aws.String(account)}, nil
		}),
	}})
	r, err := sts.NewPresignClient(sts.NewFromConfig(h.config())).PresignGetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), r.Method, r.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = r.SignedHeader
	if status, body := do(t, request); status != 200 || !contains(body, "<Account>"+account+"</Account>") {
		t.Errorf("%d %s", status, body)
	}
}

// TestErrorHeaders: members of an S3 error that are headers travel as headers, also where there is no body.
func TestErrorHeaders(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &api.Service{Name: "s3", Operations: []api.Operation{
		op("", func(*s3.HeadBucketInput) (*s3.HeadBucketOutput, error) {
			e := api.Errorf("PermanentRedirect", "elsewhere").WithStatus(301)
			e.Members = map[string]string{"x-amz-bucket-region": "eu-north-1"}
			return nil, e
		}),
	}})
	r := h.request(t, http.MethodHead, "/b", "")
	r.Header.Set("X-Amz-Content-Sha256", hash(""))
	h.sign(t, r, "s3", hash(""))
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusMovedPermanently || response.Header.Get("X-Amz-Bucket-Region") != "eu-north-1" || response.Header.Get("X-Amz-Request-Id") == "" {
		t.Errorf("%d %v", response.StatusCode, response.Header)
	}
}

// TestPanic: an operation that panics answers as a fault, and the server goes on.
func TestPanic(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &api.Service{Name: "sts", Operations: []api.Operation{
		op("", func(*sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) { panic("impossible") }),
	}})
	for range 2 {
		_, err := sts.NewFromConfig(h.config()).GetCallerIdentity(t.Context(), nil)
		wantCode(t, err, "InternalFailure")
	}
}
