package rds

import (
	"slices"

	"strongroom/internal/api"
	pages "strongroom/internal/page"
)

// page cuts a page out of items, which are sorted by position, and returns the marker of the next. A page has 20 to 100 items.
func page[T any](sealer *pages.Sealer, operation string, c *api.Caller, items []T, size *int32, marker *string, position func(T) string) ([]T, *string, error) {
	scope := "rds:" + operation + " " + c.AccountID + " " + c.Region
	limit := 100
	if size != nil {
		if limit = int(*size); limit < 20 || limit > 100 {
			return nil, nil, errValue("Invalid value %d for MaxRecords. Must be between 20 and 100", limit)
		}
	}
	if deref(marker) != "" {
		var after string
		if err := sealer.Open(scope, *marker, &after); err != nil {
			return nil, nil, errValue("Invalid or expired marker")
		}
		items = slices.DeleteFunc(items, func(item T) bool { return position(item) <= after })
	}
	if len(items) <= limit {
		return items, nil, nil
	}
	next := sealer.Seal(scope, position(items[limit-1]))
	return items[:limit], &next, nil
}
