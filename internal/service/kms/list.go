package kms

import (
	"strconv"

	"strongroom/internal/api"
	"strongroom/internal/page"
)

// listing is where a page of a list begins and how long it may be.
type listing struct {
	sealer *page.Sealer
	scope  string
	after  string // the key of the last item before the page
	limit  int
}

// newListing reads the Marker and Limit of a list operation. Markers are good for the operation, the account and the
// Region that they were made for.
func (s *Service) newListing(c *api.Caller, operation string, marker *string, limit *int32, usual, most int) (listing, error) {
	l := listing{sealer: s.Pages, scope: "kms:" + operation + ":" + c.AccountID + ":" + c.Region, limit: usual}
	if limit != nil {
		if l.limit = int(*limit); l.limit < 1 || l.limit > most {
			return l, errConstraint("limit", strconv.Itoa(l.limit), "Member must have value between 1 and "+strconv.Itoa(most))
		}
	}
	var err error
	l.after, err = s.Pages.After(l.scope, marker, "InvalidMarkerException")
	return l, err
}

// cut returns the page's items out of those behind its beginning, and the marker of the next page if there is one.
func cut[T any](l listing, items []T, key func(T) string) ([]T, *string) {
	kept, next := page.Cut(items, l.limit, key)
	return kept, l.sealer.Next(l.scope, next)
}

// slice is cut for a whole list in the order of its keys.
func slice[T any](l listing, items []T, key func(T) string) ([]T, *string) {
	kept, next := page.Slice(items, l.after, l.limit, key)
	return kept, l.sealer.Next(l.scope, next)
}
