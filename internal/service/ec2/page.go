package ec2

import (
	"slices"
	"strconv"

	"strongroom/internal/api"
	pages "strongroom/internal/page"
)

// page cuts a page out of items, which are sorted by position, and returns the token of the next.
func page[T any](sealer *pages.Sealer, operation string, c *api.Caller, items []T, size *int32, token *string, position func(T) string) ([]T, *string, error) {
	scope := operation + " " + c.AccountID + " " + c.Region
	if size != nil && (*size < 5 || *size > 1000) {
		return nil, nil, errValue("maxResults", strconv.Itoa(int(*size)), "Expecting a value between 5 and 1000.")
	}
	if token != nil && *token != "" {
		var after string
		if err := sealer.Open(scope, *token, &after); err != nil {
			return nil, nil, api.Errorf("InvalidNextToken", "The token '%s' is invalid", *token)
		}
		items = slices.DeleteFunc(items, func(item T) bool { return position(item) <= after })
	}
	limit := 1000
	if size != nil {
		limit = int(*size)
	}
	if len(items) <= limit {
		return items, nil, nil
	}
	next := sealer.Seal(scope, position(items[limit-1]))
	return items[:limit], &next, nil
}
