package e2e

import (
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// copierProgram is the path of the built copier.
func copierProgram() string { return filepath.Join("..", "bin", "strongroom-copier") }

// copier is a command of the copier, which dies with the test.
func (c *chaos) copier(arguments ...string) *exec.Cmd {
	command := exec.Command(copierProgram(), arguments...)
	command.Env = c.environ
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return command
}

func needCopier(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(copierProgram()); err != nil {
		t.Fatalf("the copier is not built (make build does it): %v", err)
	}
}

// badWeather stands in front of a server. It throttles calls of AWS Backup and loses answers to them, after they have done
// what they do.
type badWeather struct {
	*httptest.Server
	mu              sync.Mutex
	random          *rand.Rand // guarded by mu
	throttled, lost atomic.Int64
}

func newBadWeather(t *testing.T, endpoint string, seed uint64) *badWeather {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	w := &badWeather{random: rand.New(rand.NewPCG(seed, 1))}
	proxy := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }, // which is signed
		ErrorHandler: func(rw http.ResponseWriter, _ *http.Request, _ error) { rw.WriteHeader(http.StatusServiceUnavailable) },
	}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch luck := w.luck(); {
		case !strings.Contains(r.Header.Get("Authorization"), "/backup/aws4_request") || luck >= 25:
			proxy.ServeHTTP(rw, r)
		case luck < 20:
			w.throttled.Add(1)
			rw.Header().Set("X-Amzn-Errortype", "ThrottlingException")
			rw.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(rw, `{"message":"Rate exceeded"}`)
		default:
			w.lost.Add(1)
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(w.Close)
	return w
}

func (w *badWeather) luck() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.IntN(100)
}
