package s3

import (
	"net/http"
	"strings"
	"time"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// conditions are the conditional headers of a read, or of the source of a copy.
type conditions struct {
	match, noneMatch     *string
	modified, unmodified *time.Time
	notModifiedStatus    int    // 304 for reads, 412 for copies
	prefix               string // of the headers' names, for the error
}

// hold evaluates them in the order of RFC 9110, section 13.2.2.
func (c conditions) hold(o state.Object) error {
	modified := o.Modified.Time().Truncate(time.Second)
	switch {
	case c.match != nil:
		if !sameETag(*c.match, o.ETag) {
			return preconditionFailed(c.prefix + "If-Match")
		}
	case c.unmodified != nil:
		if modified.After(*c.unmodified) {
			return preconditionFailed(c.prefix + "If-Unmodified-Since")
		}
	}
	switch {
	case c.noneMatch != nil:
		if sameETag(*c.noneMatch, o.ETag) {
			return c.notModified("If-None-Match", o)
		}
	case c.modified != nil:
		if !modified.After(*c.modified) {
			return c.notModified("If-Modified-Since", o)
		}
	}
	return nil
}

func (c conditions) notModified(header string, o state.Object) *api.Error {
	if c.notModifiedStatus == http.StatusNotModified {
		return failure(http.StatusNotModified, "NotModified", "Not Modified", "ETag", *quoted(o.ETag))
	}
	return preconditionFailed(c.prefix + header)
}

// sameETag compares an ETag with a header that names one, several, or any.
func sameETag(header, etag string) bool {
	for each := range strings.SplitSeq(header, ",") {
		each = strings.TrimPrefix(strings.TrimSpace(each), "W/")
		if each == "*" || strings.Trim(each, `"`) == etag {
			return true
		}
	}
	return false
}
