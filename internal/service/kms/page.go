package kms

import "strongroom/internal/api"

// page is one page of a list: where it begins and how long it may be.
type page struct {
	pages Pages
	scope string
	after string // the key of the last item before the page
	limit int
}

// newPage reads the Marker and Limit of a list operation. The scope keeps markers to the operation, the account and the
// Region that they were made for.
func (s *Service) newPage(c *api.Caller, operation string, marker *string, limit *int32, usual, most int) (page, error) {
	p := page{pages: s.Pages, scope: "kms:" + operation + ":" + c.AccountID + ":" + c.Region, limit: usual}
	if limit != nil {
		if *limit < 1 || int(*limit) > most {
			return page{}, api.Errorf("ValidationException",
				"1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value between 1 and %d",
				*limit, most)
		}
		p.limit = int(*limit)
	}
	if marker != nil && *marker != "" {
		if err := p.pages.Open(p.scope, *marker, &p.after); err != nil {
			return page{}, api.Errorf("InvalidMarkerException", "The marker is not valid.")
		}
	}
	return p, nil
}

// cut returns the page's items out of those behind its beginning, and the marker of the next page if there is one.
func cut[T any](p page, items []T, key func(T) string) ([]T, *string) {
	if len(items) <= p.limit {
		return items, nil
	}
	items = items[:p.limit]
	next := p.pages.Seal(p.scope, key(items[p.limit-1]))
	return items, &next
}

// behind skips the items up to and including the key after; items are sorted by key.
func behind[T any](p page, items []T, key func(T) string) []T {
	for i, item := range items {
		if key(item) > p.after {
			return items[i:]
		}
	}
	return nil
}
