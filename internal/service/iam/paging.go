package iam

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"strongroom/internal/api"
	pages "strongroom/internal/page"
	"strongroom/internal/state"
)

const (
	defaultPage = 100
	largestPage = 1000
)

// page is the part of a list that a call asks for.
type page struct {
	sealer *pages.Sealer
	scope  string // the list that its markers belong to
	after  string // the last key of the page before
	limit  int
}

// page reads Marker and MaxItems of a List operation's input. A marker belongs to the account and to the other
// parameters of the call that made it: those that many lists have, and those given as more.
func (s *Service) page(c *api.Caller, in any, more ...string) (page, error) {
	maxItems, _ := api.FieldValue(in, "MaxItems").(*int32)
	p := page{sealer: s.Pages, limit: int(cmp.Or(aws.ToInt32(maxItems), defaultPage))}
	if maxItems != nil && (*maxItems < 1 || *maxItems > largestPage) {
		var k constraints
		limit := "less than or equal to " + strconv.Itoa(largestPage)
		if *maxItems < 1 {
			limit = "greater than or equal to 1"
		}
		k.add("maxItems", strconv.Itoa(int(*maxItems)), "have value "+limit)
		return p, k.err()
	}
	scope := []string{"iam", c.AccountID, api.OperationName(in)}
	for _, name := range []string{"PathPrefix", "RoleName", "UserName", "GroupName", "PolicyArn"} {
		scope = append(scope, api.Field(in, name))
	}
	p.scope = strings.Join(append(scope, more...), "\n")
	marker, _ := api.FieldValue(in, "Marker").(*string)
	var err error
	p.after, err = p.sealer.After(p.scope, marker, "ValidationError")
	return p, err
}

// cut takes the page out of items, which are sorted by key and may have been read from p.after on, and returns the
// marker of the next page, nil on the last.
func cut[T any](p page, items []T, key func(T) string) ([]T, *string) {
	kept, next := pages.Slice(items, p.after, p.limit, key)
	return kept, p.sealer.Next(p.scope, next)
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
