package wire

import (
	"net/http"
	"net/url"
	"strings"

	"strongroom/internal/api"
	"strongroom/internal/wire/sigv4"
)

// crossOrigin answers the preflight requests by which browsers ask whether a page may make a request to a bucket, and
// tells of other requests of pages what the bucket's rules say; whether they are allowed is another matter. It reports
// whether the request was a preflight.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html
func (x *exchange) crossOrigin() (preflight bool, err error) {
	preflight = x.r.Method == http.MethodOptions
	origin := x.r.Header.Get("Origin")
	if !preflight && origin == "" || x.h.guessService(x.r) != "s3" {
		return false, nil
	}
	method, headers := x.r.Method, []string(nil)
	if preflight {
		x.service, x.desk = "s3", x.h.desk("s3")
		method = x.r.Header.Get("Access-Control-Request-Method")
		headers = listed(x.r.Header.Values("Access-Control-Request-Headers"))
		switch {
		case origin == "":
			return true, api.Errorf("BadRequest", "Insufficient information. Origin request header needed.")
		case method == "":
			return true, api.Errorf("BadRequest", "Invalid Access-Control-Request-Method: null")
		}
	}
	bucket := bucketOf(x.r.Host, x.h.Hosts)
	if bucket == "" {
		segment, _, _ := strings.Cut(strings.TrimPrefix(sigv4.RawPath(x.r), "/"), "/")
		if bucket, err = url.PathUnescape(segment); err != nil {
			bucket = ""
		}
	}
	if x.h.CrossOrigin == nil || bucket == "" {
		if preflight {
			return true, api.Errorf("AccessForbidden", "CORSResponse: CORS is not enabled for this bucket.").WithStatus(http.StatusForbidden)
		}
		return false, nil
	}
	answer, err := x.h.CrossOrigin(x.r.Context(), bucket, origin, method, headers)
	switch {
	case err != nil && (preflight || api.Code(err) == ""):
		return preflight, err
	case err != nil:
		return false, nil
	}
	for name, value := range answer {
		x.w.Header().Set(name, value)
	}
	if preflight {
		x.setID()
		x.send(http.StatusOK, "", nil)
	}
	return preflight, nil
}

// listed parts the values of a header at their commas.
func listed(values []string) (all []string) {
	for part := range strings.SplitSeq(strings.Join(values, ","), ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}
