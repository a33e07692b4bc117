package s3

import (
	"net/http"
	"strconv"
	"strings"

	"strongroom/internal/api"
)

// span is a range of bytes of an object.
type span struct {
	start, length int64
	partial       bool // the request asked for a range, and the answer is 206
}

// parseRange reads a Range header (RFC 9110, section 14.2). A header that is malformed, or that names several ranges, is
// ignored, as S3 does.
func parseRange(header string, size int64) (span, error) {
	whole := span{length: size}
	spec, ok := strings.CutPrefix(header, "bytes=")
	if !ok || strings.Contains(spec, ",") {
		return whole, nil
	}
	first, last, ok := strings.Cut(spec, "-")
	if !ok {
		return whole, nil
	}
	if first == "" {
		n, err := strconv.ParseInt(last, 10, 64)
		if err != nil || n < 0 {
			return whole, nil
		}
		if n == 0 {
			return whole, invalidRange(header, size)
		}
		if size == 0 {
			return whole, nil
		}
		n = min(n, size)
		return span{size - n, n, true}, nil
	}
	start, err := strconv.ParseInt(first, 10, 64)
	if err != nil || start < 0 {
		return whole, nil
	}
	end := size - 1
	if last != "" {
		if end, err = strconv.ParseInt(last, 10, 64); err != nil || end < start {
			return whole, nil
		}
		end = min(end, size-1)
	}
	if start >= size {
		return whole, invalidRange(header, size)
	}
	return span{start, end - start + 1, true}, nil
}

func invalidRange(header string, size int64) *api.Error {
	return failure(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable",
		"RangeRequested", header, "ActualObjectSize", strconv.FormatInt(size, 10))
}
func lower(s string) string { return strings.ToLower(s) }

// parseCopyRange reads an x-amz-copy-source-range header, which must name bytes that are there.
func parseCopyRange(header string, size int64) (span, error) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	start, err := strconv.ParseInt(first, 10, 64)
	end, errEnd := strconv.ParseInt(last, 10, 64)
	if !ok || !dash || err != nil || errEnd != nil || start < 0 || end < start {
		return span{}, invalidArgument("x-amz-copy-source-range", header,
			"The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
	}
	if end >= size {
		return span{}, invalidArgument("x-amz-copy-source-range", header, "Range specified is not valid for source object of size: "+strconv.FormatInt(size, 10))
	}
	return span{start, end - start + 1, true}, nil
}
