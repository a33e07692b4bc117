package iam

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

const (
	defaultPage = 100
	largestPage = 1000
)

// page is the part of a list that a call asks for.
type page struct {
	after string // the last key of the page before
	limit int
}

func newPage(marker *string, maxItems *int32) (page, error) {
	p := page{limit: int(cmp.Or(aws.ToInt32(maxItems), defaultPage))}
	if maxItems != nil && (*maxItems < 1 || *maxItems > largestPage) {
		var k constraints
		if *maxItems < 1 {
			k.add("maxItems", "0", "have value greater than or equal to 1")
		} else {
			k.add("maxItems", "too large", "have value less than or equal to 1000")
		}
		return p, k.err()
	}
	if marker != nil {
		after, err := base64.RawURLEncoding.DecodeString(*marker)
		if err != nil || len(after) == 0 {
			return p, api.Errorf("ValidationError", "Invalid Marker.")
		}
		p.after = string(after)
	}
	return p, nil
}

// cut takes the page out of items, which are sorted by key and may have been read from p.after on, and returns the
// marker of the next page, nil on the last.
func cut[T any](p page, items []T, key func(T) string) ([]T, *string) {
	first, _ := slices.BinarySearchFunc(items, p.after, func(item T, after string) int {
		if key(item) <= after && after != "" {
			return -1
		}
		return 1
	})
	items = items[first:]
	if len(items) <= p.limit {
		return items, nil
	}
	items = items[:p.limit]
	marker := base64.RawURLEncoding.EncodeToString([]byte(key(items[len(items)-1])))
	return items, &marker
}

// seconds is a date as IAM shows it.
func seconds(m state.Micros) *time.Time {
	if m == 0 {
		return nil
	}
	return aws.Time(m.Time().Truncate(time.Second))
}

// escape is how IAM answers with policy documents: percent-encoded by RFC 3986.
func escape(document string) *string {
	const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(document) {
		if c := document[i]; strings.IndexByte(unreserved, c) >= 0 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return aws.String(b.String())
}
