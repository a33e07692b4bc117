package sigv4

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The examples of https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html,
// sigv4-query-string-auth.html and sigv4-streaming.html.
const (
	exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	exampleScope  = "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
)

var exampleTime = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

func request(t testing.TB, method, target string, header map[string]string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	r.Host = "examplebucket.s3.amazonaws.com"
	for name, value := range header {
		r.Header.Set(name, value)
	}
	return r
}

func TestDocumentedExamples(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, method, target string
		header               map[string]string
	}{
		{"GET object", "GET", "/test.txt", map[string]string{
			"Authorization": "AWS4-HMAC-SHA256 " + exampleScope + ",SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
			"Range":         "bytes=0-9", "X-Amz-Content-Sha256": emptyHash, "X-Amz-Date": "20130524T000000Z",
		}},
		{"PUT object", "PUT", "/test%24file.text", map[string]string{
			"Authorization": "AWS4-HMAC-SHA256 " + exampleScope + ",SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
			"Date":          "Fri, 24 May 2013 00:00:00 GMT", "X-Amz-Date": "20130524T000000Z", "X-Amz-Storage-Class": "REDUCED_REDUNDANCY",
			"X-Amz-Content-Sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
		}},
		{"GET lifecycle", "GET", "/?lifecycle", map[string]string{
			"Authorization": "AWS4-HMAC-SHA256 " + exampleScope + ",SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
			"X-Amz-Date":    "20130524T000000Z", "X-Amz-Content-Sha256": emptyHash,
		}},
		{"list", "GET", "/?max-keys=2&prefix=J", map[string]string{
			"Authorization": "AWS4-HMAC-SHA256 " + exampleScope + ",SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
			"X-Amz-Date":    "20130524T000000Z", "X-Amz-Content-Sha256": emptyHash,
		}},
		{"presigned", "GET", "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := request(t, test.method, test.target, test.header)
			s, err := Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			payload := s.PayloadHash
			if payload == "" {
				payload = UnsignedPayload
			}
			if err := s.Verify(r, exampleSecret, payload, exampleTime.Add(time.Minute)); err != nil {
				t.Error(err)
			}
			wantReason(t, s.Verify(r, "another secret", payload, exampleTime), Mismatch)
			wantReason(t, s.Verify(r, exampleSecret, emptyHash[1:]+"0", exampleTime), Mismatch)
			r.Method = "POST"
			wantReason(t, s.Verify(r, exampleSecret, payload, exampleTime), Mismatch)
		})
	}
}

func wantReason(t *testing.T, err error, reason Reason) {
	t.Helper()
	var f *Failure
	if !errors.As(err, &f) || f.Reason != reason {
		t.Errorf("got %v, want reason %d", err, reason)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const good = "AWS4-HMAC-SHA256 Credential=AK/20130524/us-east-1/kms/aws4_request, SignedHeaders=host, Signature=00"
	tests := []struct {
		name, target, authorization, date string
		reason                            Reason
	}{
		{"unsigned", "/", "", "", Missing},
		{"another algorithm", "/", "AWS AK:signature", "", Unsupported},
		{"asymmetric", "/", strings.Replace(good, "HMAC", "ECDSA-P256", 1), "20130524T000000Z", Unsupported},
		{"no signature", "/", strings.Replace(good, ", Signature=00", "", 1), "20130524T000000Z", Incomplete},
		{"no equal sign", "/", "AWS4-HMAC-SHA256 Credential", "20130524T000000Z", Incomplete},
		{"short scope", "/", strings.Replace(good, "us-east-1/", "", 1), "20130524T000000Z", Incomplete},
		{"another terminator", "/", strings.Replace(good, "aws4_request", "aws5_request", 1), "20130524T000000Z", Incomplete},
		{"host unsigned", "/", strings.Replace(good, "=host", "=date", 1), "20130524T000000Z", Incomplete},
		{"no date", "/", good, "", Incomplete},
		{"another day", "/", good, "20130525T000000Z", Mismatch},
		{"both ways", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256", good, "20130524T000000Z", Incomplete},
		{"presigned without credential", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0", "", "", Incomplete},
		{"presigned for longer than a week", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/20130524/b/s3/aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=604801&X-Amz-SignedHeaders=host&X-Amz-Signature=0", "", "", Incomplete},
		{"presigned twice", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/20130524/b/s3/aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Date=20140524T000000Z&X-Amz-Expires=1&X-Amz-SignedHeaders=host&X-Amz-Signature=0", "", "", Incomplete},
	}
	for _, test := range tests {
		header := map[string]string{"X-Amz-Date": test.date}
		if test.authorization != "" {
			header["Authorization"] = test.authorization
		}
		_, err := Parse(request(t, "GET", test.target, header))
		t.Run(test.name, func(t *testing.T) { wantReason(t, err, test.reason) })
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	r := request(t, "GET", "/test.txt", map[string]string{
		"Authorization": "AWS4-HMAC-SHA256 " + exampleScope + ",SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
		"Range":         "bytes=0-9", "X-Amz-Content-Sha256": emptyHash, "X-Amz-Date": "20130524T000000Z",
	})
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	for late, ok := range map[time.Duration]bool{15 * time.Minute: true, -15 * time.Minute: true, 15*time.Minute + 1: false, -15*time.Minute - 1: false} {
		err := s.Verify(r, exampleSecret, emptyHash, exampleTime.Add(late))
		if ok && err != nil {
			t.Errorf("%v late: %v", late, err)
		}
		if !ok {
			wantReason(t, err, Skewed)
		}
	}
	r.Header.Set("X-Amz-Meta-Added", "later")
	wantReason(t, s.Verify(r, exampleSecret, emptyHash, exampleTime), Unsigned)
}

// streamed is the documented upload of 65 KiB in two chunks.
func streamed(t testing.TB) (*Signature, []byte) {
	t.Helper()
	r := request(t, "PUT", "/examplebucket/chunkObject.txt", map[string]string{
		"Authorization":    "AWS4-HMAC-SHA256 " + exampleScope + ",SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
		"Content-Encoding": "aws-chunked", "Content-Length": "66824", "X-Amz-Date": "20130524T000000Z", "X-Amz-Decoded-Content-Length": "66560",
		"X-Amz-Storage-Class": "REDUCED_REDUNDANCY", "X-Amz-Content-Sha256": StreamingPayload,
	})
	r.Host = "s3.amazonaws.com"
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(r, exampleSecret, StreamingPayload, exampleTime); err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	for _, chunk := range []struct {
		size      int
		signature string
	}{
		{65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"},
		{1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"},
		{0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"},
	} {
		fmt.Fprintf(&body, "%x;chunk-signature=%s\r\n%s\r\n", chunk.size, chunk.signature, strings.Repeat("a", chunk.size))
	}
	return s, body.Bytes()
}

func TestStream(t *testing.T) {
	t.Parallel()
	s, body := streamed(t)
	data, err := io.ReadAll(NewStream(bytes.NewReader(body), s))
	if err != nil || len(data) != 66560 || strings.Trim(string(data), "a") != "" {
		t.Errorf("read %d bytes, %v", len(data), err)
	}
}

// TestStreamIsWhole changes, drops and cuts at many places of a signed stream: none may read to its end.
func TestStreamIsWhole(t *testing.T) {
	t.Parallel()
	s, body := streamed(t)
	for i := 0; i < len(body)-2; i += 1 + i%97 { // the last two bytes are an empty line that some clients leave out
		changed := bytes.Clone(body)
		changed[i] ^= 1
		if _, err := io.ReadAll(NewStream(bytes.NewReader(changed), s)); err == nil {
			t.Fatalf("byte %d (%q) changed, and the stream is accepted", i, body[i])
		}
		if _, err := io.ReadAll(NewStream(bytes.NewReader(body[:i]), s)); err == nil {
			t.Fatalf("cut after %d bytes, and the stream is accepted", i)
		}
	}
}

func TestUnsignedTrailer(t *testing.T) {
	t.Parallel()
	s := &Signature{PayloadHash: StreamingTrailer}
	st := NewStream(strings.NewReader("5\r\nhello\r\n1\r\n!\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n"), s)
	data, err := io.ReadAll(st)
	if err != nil || string(data) != "hello!" || st.Trailer().Get("X-Amz-Checksum-Crc32") != "AAAA" {
		t.Errorf("read %q, %v, %v", data, st.Trailer(), err)
	}
	for _, bad := range []string{
		"", "5\r\nhello", "6\r\nhello\r\n0\r\n\r\n", "4\r\nhello\r\n0\r\n\r\n", "-1\r\n", "x\r\n", "0\r\nno colon\r\n\r\n",
		"0\r\n" + strings.Repeat("x", 100_000) + ":y\r\n\r\n", strings.Repeat("0", 100_000),
	} {
		_, err := io.ReadAll(NewStream(strings.NewReader(bad), s))
		if err == nil {
			t.Errorf("%.20q is accepted", bad)
		}
	}
}

// TestSignedTrailer signs a trailer as the documentation describes it, and changes it.
func TestSignedTrailer(t *testing.T) {
	t.Parallel()
	s, _ := streamed(t)
	trailing := *s
	trailing.PayloadHash = StreamingSignedTrailer
	body := signedWithTrailer(&trailing, "some data", "x-amz-checksum-crc32c:sOO8/Q==")
	st := NewStream(strings.NewReader(body), &trailing)
	data, err := io.ReadAll(st)
	if err != nil || string(data) != "some data" || st.Trailer().Get("X-Amz-Checksum-Crc32c") != "sOO8/Q==" {
		t.Errorf("read %q, %v, %v", data, st.Trailer(), err)
	}
	for name, changed := range map[string]string{
		"value":        strings.Replace(body, "sOO8", "sOO9", 1),
		"no signature": body[:strings.Index(body, "x-amz-trailer-signature")] + "\r\n",
		"no trailer":   body[:strings.Index(body, "x-amz-checksum")] + "\r\n",
		"added":        strings.Replace(body, "x-amz-checksum", "x-amz-other:1\r\nx-amz-checksum", 1),
	} {
		if _, err := io.ReadAll(NewStream(strings.NewReader(changed), &trailing)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// signedWithTrailer frames data in one chunk with a signed trailer.
func signedWithTrailer(s *Signature, data, trailer string) string {
	prefix := s.timestamp + "\n" + s.Scope.String() + "\n"
	sign := func(kind, previous string, rest ...string) string {
		return fmt.Sprintf("%x", hmacSHA256(s.key, kind+"\n"+prefix+previous+"\n"+strings.Join(rest, "\n")))
	}
	first := sign("AWS4-HMAC-SHA256-PAYLOAD", s.Signature, emptyHash, sha256Hex(data))
	last := sign("AWS4-HMAC-SHA256-PAYLOAD", first, emptyHash, emptyHash)
	end := sign("AWS4-HMAC-SHA256-TRAILER", last, sha256Hex(trailer+"\n"))
	return fmt.Sprintf("%x;chunk-signature=%s\r\n%s\r\n0;chunk-signature=%s\r\n%s\r\nx-amz-trailer-signature:%s\r\n\r\n", len(data), first, data, last, trailer, end)
}

func FuzzStream(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n"))
	f.Add([]byte("0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		st := NewStream(bytes.NewReader(body), &Signature{PayloadHash: StreamingTrailer})
		data, err := io.ReadAll(st)
		if err != nil {
			return
		}
		// What is accepted reads the same however it is framed again.
		var framed bytes.Buffer
		for len(data) > 0 {
			n := min(3, len(data))
			fmt.Fprintf(&framed, "%x\r\n%s\r\n", n, data[:n])
			data = data[n:]
		}
		framed.WriteString("0\r\n")
		for name, values := range st.Trailer() {
			for _, value := range values {
				fmt.Fprintf(&framed, "%s:%s\r\n", name, value)
			}
		}
		framed.WriteString("\r\n")
		want, err := io.ReadAll(NewStream(bytes.NewReader(body), &Signature{PayloadHash: StreamingTrailer}))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(NewStream(&framed, &Signature{PayloadHash: StreamingTrailer}))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("read %q and %q, %v", want, got, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 "+exampleScope+",SignedHeaders=host,Signature=00", "20130524T000000Z")
	f.Fuzz(func(t *testing.T, authorization, date string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Authorization"] = []string{authorization}
		r.Header["X-Amz-Date"] = []string{date}
		s, err := Parse(r)
		if err != nil {
			return
		}
		// Whatever parses, nobody signs without the secret.
		if s.Verify(r, exampleSecret, emptyHash, s.Time) == nil {
			t.Errorf("%q is a signature", authorization)
		}
	})
}
