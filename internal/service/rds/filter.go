package rds

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// filtered keeps what passes all filters; a filter passes if one of its values is the item's, in any case. values has for
// each filter that there is what an item's value is.
func filtered[T any](items []T, filters []types.Filter, values map[string]func(T) string) ([]T, error) {
	for _, f := range filters {
		name := deref(f.Name)
		value, known := values[name]
		if !known {
			return nil, errValue("Unrecognized filter name: %s", name)
		}
		if len(f.Values) == 0 {
			return nil, errValue("The filter %s has no values.", name)
		}
		items = slices.DeleteFunc(items, func(item T) bool {
			return !slices.ContainsFunc(f.Values, func(v string) bool { return strings.EqualFold(v, value(item)) })
		})
	}
	return items, nil
}
