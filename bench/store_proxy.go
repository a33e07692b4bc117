package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"strongroom/clock"
)

// A proxy stands before an S3-compatible service, far away: each request takes a while to get there, and its answer to come
// back. It counts the requests by operation, because that is what users pay for.
type proxy struct {
	url    string
	server *http.Server
	delay  time.Duration // each way

	mu   sync.Mutex // guards the rest
	seen traffic
}

// traffic is what went through a proxy.
type traffic struct {
	requests map[string]int // by operation
	up, down int64          // bytes of bodies
}

func startProxy(service string, delay time.Duration) (*proxy, error) {
	to, err := url.Parse(service)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{url: "http://" + listener.Addr().String(), delay: delay}
	transport := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
	forward := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host }, // which is signed
		Transport:      transport,
		ModifyResponse: p.answered,
		BufferPool:     &buffers{},
	}
	p.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked(r)
		if p.wait(r.Context()) == nil {
			forward.ServeHTTP(w, r)
		}
	})}
	go func() { _ = p.server.Serve(listener) }() // ends with http.ErrServerClosed
	return p, nil
}

func (p *proxy) stop() error { return p.server.Close() }

func (p *proxy) wait(ctx context.Context) error {
	due, stop := clock.Wall.Until(clock.Wall.Now().Add(p.delay))
	defer stop()
	select {
	case <-due:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *proxy) asked(r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen.requests == nil {
		p.seen.requests = map[string]int{}
	}
	p.seen.requests[storeOperation(r)]++
	p.seen.up += max(r.ContentLength, 0)
}

func (p *proxy) answered(r *http.Response) error {
	if err := p.wait(r.Request.Context()); err != nil {
		return err
	}
	r.Body = &counted{r.Body, p}
	return nil
}

// counted counts what is read of a body.
type counted struct {
	io.ReadCloser
	p *proxy
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	c.p.mu.Lock()
	c.p.seen.down += int64(n)
	c.p.mu.Unlock()
	return n, err
}

// take gives what went through since the last call.
func (p *proxy) take() traffic {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := p.seen
	p.seen = traffic{}
	return seen
}

// storeOperation names a request to S3, path style.
func storeOperation(r *http.Request) string {
	q := r.URL.Query()
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case r.Method == http.MethodGet && key == "" && (q.Has("list-type") || q.Has("prefix")):
		return "LIST"
	case r.Method == http.MethodPost && q.Has("delete"):
		return "DELETE many"
	default:
		return r.Method
	}
}

// cost is what the requests cost in the S3 Standard class of us-east-1, in dollars: PUT, COPY, POST and LIST 0.005 a thousand,
// GET and others 0.0004, deletions nothing.
func (t traffic) cost() (dollars float64) {
	for op, n := range t.requests {
		switch op {
		case http.MethodPut, http.MethodPost, "LIST":
			dollars += 0.005 * float64(n) / 1000
		case http.MethodDelete, "DELETE many":
		default:
			dollars += 0.0004 * float64(n) / 1000
		}
	}
	return dollars
}

func (t traffic) String() string {
	var all []string
	for _, op := range []string{http.MethodPut, http.MethodPost, http.MethodGet, http.MethodHead, "LIST", http.MethodDelete, "DELETE many"} {
		if n := t.requests[op]; n > 0 {
			all = append(all, fmt.Sprintf("%d %s", n, op))
		}
	}
	return strings.Join(all, ", ")
}

// buffers are memory for the proxy's copying.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if buf, ok := b.pool.Get().(*[]byte); ok {
		return *buf
	}
	return make([]byte, 256*kib)
}

func (b *buffers) Put(buf []byte) { b.pool.Put(&buf) }
