package s3store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	gcaws "gocloud.dev/aws"
)

// Open opens a store named by a URL: s3://BUCKET?parameter=value&…
//
// Parameters are endpoint (https://host:port, if it is not AWS), prefix, region, profile, role, use_path_style (true where there
// is an endpoint), disable_https, parallel, patience, sole_writer (see [Options]), ssetype and kmskeyid, and what else
// [gcaws.V2ConfigFromURLParams] takes. Credentials come from where every client of AWS takes them: the environment, the
// profile, the machine.
func Open(ctx context.Context, u *url.URL) (*Store, error) {
	if u.Scheme != "s3" || u.Host == "" {
		return nil, fmt.Errorf("%s is not a URL such as s3://bucket?endpoint=https://host", u)
	}
	q := u.Query()
	opts, err := options(q)
	if err != nil {
		return nil, fmt.Errorf("opening s3://%s: %w", u.Host, err)
	}
	style, err := clientOptions(q)
	if err != nil {
		return nil, fmt.Errorf("opening s3://%s: %w", u.Host, err)
	}
	// The archive authenticates all that it reads, and each request's signature covers what it stores: checksums besides would
	// cost time, and not every store knows them.
	for _, checksum := range []string{"request_checksum_calculation", "response_checksum_validation"} {
		if !q.Has(checksum) {
			q.Set(checksum, "when_required")
		}
	}
	cfg, err := gcaws.V2ConfigFromURLParams(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("opening s3://%s: %w", u.Host, err)
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1" // what stores take that have no Regions
	}
	cfg.HTTPClient = httpClient(opts.Parallel)
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	return New(s3.NewFromConfig(cfg, style), u.Host, opts), nil
}

// httpClient keeps as many connections open as there are requests at once, and then some.
func httpClient(parallel int) aws.HTTPClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = 4 * max(parallel, 16)
		t.MaxIdleConns = 2 * t.MaxIdleConnsPerHost
		t.IdleConnTimeout = 60 * time.Second
		t.WriteBufferSize, t.ReadBufferSize = 64<<10, 64<<10
		t.DisableCompression = true
	})
}

// take removes a parameter and gives its value.
func take(q url.Values, name string) string {
	value := q.Get(name)
	q.Del(name)
	return value
}

func takeBool(q url.Values, name string, otherwise bool) (bool, error) {
	value := take(q, name)
	if value == "" {
		return otherwise, nil
	}
	yes, err := strconv.ParseBool(value)
	if err != nil {
		return false, fmt.Errorf("%s: %q is neither true nor false", name, value)
	}
	return yes, nil
}

// options takes the parameters that are this package's own.
func options(q url.Values) (opts Options, err error) {
	opts.Prefix = take(q, "prefix")
	opts.KMSKeyID = take(q, "kmskeyid")
	if kind := take(q, "ssetype"); kind != "" {
		for _, known := range types.ServerSideEncryption("").Values() {
			if strings.EqualFold(string(known), kind) {
				opts.Encryption = known
			}
		}
		if opts.Encryption == "" {
			return opts, fmt.Errorf("ssetype: %q is no kind of encryption", kind)
		}
	}
	if parallel := take(q, "parallel"); parallel != "" {
		if opts.Parallel, err = strconv.Atoi(parallel); err != nil || opts.Parallel < 1 || opts.Parallel > 256 {
			return opts, fmt.Errorf("parallel: %q is not a number from 1 to 256", parallel)
		}
	}
	if patience := take(q, "patience"); patience != "" {
		if opts.Patience, err = time.ParseDuration(patience); err != nil || opts.Patience <= 0 {
			return opts, fmt.Errorf("patience: %q is not a time such as 2m", patience)
		}
	}
	opts.SoleWriter, err = takeBool(q, "sole_writer", false)
	return opts, err
}

// clientOptions takes the parameters of the client of S3.
func clientOptions(q url.Values) (func(*s3.Options), error) {
	accelerate, err1 := takeBool(q, "accelerate", false)
	plain, err2 := takeBool(q, "disable_https", false)
	// Few services but AWS itself give every bucket a host name of its own.
	style, err3 := takeBool(q, "s3ForcePathStyle", q.Has("endpoint"))
	style, err4 := takeBool(q, "use_path_style", style)
	return func(o *s3.Options) {
		o.UseAccelerate, o.EndpointOptions.DisableHTTPS, o.UsePathStyle = accelerate, plain, style
	}, errors.Join(err1, err2, err3, err4)
}
