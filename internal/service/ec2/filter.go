package ec2

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"strongroom/internal/api"
)

// filtered keeps what passes all filters; a filter passes if one of its values fits one of the item's. values returns an
// item's values for a filter and whether it has any. names are the filters that exist; one ending in * stands for all
// that begin so.
func filtered[T any](items []T, filters []types.Filter, values func(item T, filter string) ([]string, bool), names ...string) ([]T, error) {
	for _, f := range filters {
		known := slices.ContainsFunc(names, func(name string) bool { return fits(name, deref(f.Name)) })
		if !known {
			return nil, api.Errorf("InvalidParameterValue", "The filter '%s' is invalid", deref(f.Name))
		}
		if len(f.Values) == 0 {
			return nil, api.Errorf("InvalidParameterValue", "The filter '%s' has no values", *f.Name)
		}
	}
	return slices.DeleteFunc(items, func(item T) bool {
		return slices.ContainsFunc(filters, func(f types.Filter) bool {
			have, any := values(item, *f.Name)
			return !any || !slices.ContainsFunc(have, func(v string) bool {
				return slices.ContainsFunc(f.Values, func(pattern string) bool { return fits(pattern, v) })
			})
		})
	}), nil
}

// tagValues answers the filters tag:KEY and tag-key.
func tagValues(tags map[string]string, filter string) ([]string, bool) {
	if key, ok := strings.CutPrefix(filter, "tag:"); ok {
		value, there := tags[key]
		return []string{value}, there
	}
	var keys []string
	for key := range tags {
		keys = append(keys, key)
	}
	return keys, len(keys) > 0
}

// fits reports whether text fits a pattern in which * stands for any characters, ? for one, and \ takes the meaning
// from the one behind it.
func fits(pattern, text string) bool {
	p, t := []rune(pattern), []rune(text)
	star, mark := -1, 0 // the last * and where its match ends
	i := 0
	for j := 0; j < len(t); {
		step, literal := 1, false
		if i < len(p) && p[i] == '\\' && i+1 < len(p) {
			step, literal = 2, true
		}
		switch {
		case i < len(p) && !literal && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && ((!literal && p[i] == '?') || p[i+step-1] == t[j]):
			i += step
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}
