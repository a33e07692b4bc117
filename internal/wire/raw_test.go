package wire_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	neturlpkg "net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

type (
	neturl = neturlpkg.URL
	conn   = net.Conn
)

func dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, addr)
}

// request makes a request of method and target, which is sent as it is spelled.
func (h *house) request(t testing.TB, method, target, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, h.URL+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// signed sends a request signed by the SDK's signer, as a client that speaks HTTP itself would. An empty header value
// takes the header away.
func (h *house) signed(t testing.TB, method, target, service, body string, header map[string]string) (int, string) {
	t.Helper()
	r := h.request(t, method, target, body)
	hash := sha256.Sum256([]byte(body))
	payload := hex.EncodeToString(hash[:])
	r.Header.Set("X-Amz-Content-Sha256", payload)
	for name, value := range header {
		if value == "" {
			r.Header.Del(name)
			continue
		}
		r.Header.Set(name, value)
		if name == "X-Amz-Content-Sha256" {
			payload = value
		}
	}
	h.sign(t, r, service, payload)
	return do(t, r)
}

func (h *house) sign(t testing.TB, r *http.Request, service, payload string) {
	t.Helper()
	now := at
	if h.Wall != nil {
		now = h.Wall.Now()
	}
	credentials := aws.Credentials{AccessKeyID: testKey, SecretAccessKey: testSecret}
	err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, payload, service, "eu-central-1", now, func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = service == "s3"
	})
	if err != nil {
		t.Fatal(err)
	}
}

func do(t testing.TB, r *http.Request) (int, string) {
	t.Helper()
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(data)
}

func fetch(t testing.TB, method, url string, body io.Reader) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, r)
}
