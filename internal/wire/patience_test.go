package wire_test

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestExpectIsAnswered speaks as botocore does, which sends Expect: 100-continue with every upload and waits.
func TestExpectIsAnswered(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	send := func(length int) *bufio.Reader {
		t.Helper()
		c, err := dial(t.Context(), "tcp", strings.TrimPrefix(h.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if err := c.SetDeadline(time.Now().Add(100 * time.Second)); err != nil { // less than the server's patience
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(c, "PUT /bucket/key HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", length); err != nil {
			t.Fatal(err)
		}
		return bufio.NewReader(c)
	}
	answer := func(r *bufio.Reader) *http.Response {
		t.Helper()
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = response.Body.Close() })
		return response
	}
	// Refused (there is no S3 in this house) before its body is asked for: at once, and the connection is not used again.
	if got := answer(send(1)); got.StatusCode != http.StatusNotImplemented || !got.Close {
		t.Errorf("answered with %s, close %t", got.Status, got.Close)
	}
	empty := send(0)
	if got := answer(empty); got.StatusCode != http.StatusContinue {
		t.Errorf("an empty body is answered with %s first", got.Status)
	}
	if got := answer(empty); got.StatusCode != http.StatusNotImplemented {
		t.Errorf("then with %s", got.Status)
	}
}
