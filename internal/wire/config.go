package wire

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"strongroom/clock"
	"strongroom/internal/api"
)

// Credentials knows the access keys.
type Credentials interface {
	// Lookup returns the secret of an access key and who calls with it. The session token is empty for long-term
	// credentials. An [api.Error] with code InvalidClientTokenId means that there is no such key or that the token is
	// not its own, ExpiredToken that the session is over, any other error a fault. What wire knows of the call itself
	// (Region, source, times, request id) it fills in.
	Lookup(ctx context.Context, accessKeyID, sessionToken string) (secret string, caller api.Caller, err error)
}

// Config is what a handler needs.
type Config struct {
	Door        *api.Door
	Credentials Credentials
	Clock       clock.Clock  // the service's time, for [api.Caller.Date]
	Wall        clock.Clock  // judges signatures; nil means the machine's
	Log         *slog.Logger // nil means the default logger

	// Hosts are the domains under which S3 buckets are addressed as BUCKET.s3.DOMAIN, BUCKET.s3.REGION.DOMAIN or
	// BUCKET.DOMAIN. Nil means localhost and amazonaws.com.
	Hosts []string
	// KnownRegion tells which Regions exist; nil means every name of a Region's form.
	KnownRegion func(region string) bool

	// CrossOrigin says what a browser is told of a request to an S3 bucket that a page of another origin makes: the headers
	// by the bucket's rules, or the refusal that answers a preflight request. Nil means that no bucket has rules.
	CrossOrigin func(ctx context.Context, bucket, origin, method string, headers []string) (map[string]string, error)

	// MaxBody is the size of the largest request of services other than S3, in bytes; 0 means 1 MiB.
	MaxBody int64
	// MaxDocument is the size of the largest XML document sent to S3; 0 means 8 MiB.
	MaxDocument int64
	// MaxObject is the size of the largest body of an S3 object or part; 0 means 5 GiB.
	MaxObject int64
}

// withDefaults fills in what is left out.
func (c Config) withDefaults() Config {
	if c.Wall == nil {
		c.Wall = clock.Wall
	}
	if c.Clock == nil {
		c.Clock = c.Wall
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Hosts == nil {
		c.Hosts = []string{"localhost", "amazonaws.com"}
	}
	if c.KnownRegion == nil {
		c.KnownRegion = looksLikeRegion
	}
	if c.MaxBody == 0 {
		c.MaxBody = 1 << 20
	}
	if c.MaxDocument == 0 {
		c.MaxDocument = 8 << 20
	}
	if c.MaxObject == 0 {
		c.MaxObject = 5 << 30
	}
	return c
}

// NewServer returns a server with the limits that keep slow or greedy clients from holding it: 64 KiB of headers, 10 s
// to send them, two minutes of idleness. Bodies have no time limit of their own, since an object of 5 GiB may take
// hours; a client that sends nothing at all for two minutes is cut off by the handler.
func NewServer(addr string, handler http.Handler) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           handler,
		MaxHeaderBytes:    64 << 10,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		BaseContext:       func(net.Listener) context.Context { return context.Background() },
	}
}
