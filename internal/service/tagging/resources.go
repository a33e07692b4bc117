package tagging

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	tags "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"strongroom/internal/api"
)

// GetResources lists the tagged resources of the caller's account and Region that have all the tags asked for.
func (s *Service) GetResources(ctx context.Context, c *api.Caller, in *tags.GetResourcesInput) (*tags.GetResourcesOutput, error) {
	if err := checkGetResources(in); err != nil {
		return nil, err
	}
	of, err := json.Marshal([]any{in.TagFilters, in.ResourceTypeFilters})
	if err != nil {
		return nil, err
	}
	list := scope(c, "GetResources", string(of))
	after, err := s.Pages.After(list, in.PaginationToken, "PaginationTokenExpiredException")
	if err != nil {
		return nil, err
	}
	found, err := s.all(ctx, c, in.ResourceTypeFilters)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(r Tagged) bool {
		return r.ARN <= after || !matches(r.Tags, in.TagFilters) ||
			len(in.ResourceARNList) > 0 && !slices.Contains(in.ResourceARNList, r.ARN)
	})
	kept := pageOf(found, in)
	out := &tags.GetResourcesOutput{ResourceTagMappingList: []types.ResourceTagMapping{}, PaginationToken: new("")}
	for _, r := range kept {
		m := types.ResourceTagMapping{ResourceARN: new(r.ARN), Tags: []types.Tag{}}
		for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
			m.Tags = append(m.Tags, types.Tag{Key: new(key), Value: new(r.Tags[key])})
		}
		out.ResourceTagMappingList = append(out.ResourceTagMappingList, m)
	}
	if len(kept) < len(found) {
		out.PaginationToken = s.Pages.Next(list, kept[len(kept)-1].ARN)
	}
	return out, nil
}

func checkGetResources(in *tags.GetResourcesInput) error {
	switch {
	case set(in.IncludeComplianceDetails) || set(in.ExcludeCompliantResources):
		return api.NotImplemented("tagging:GetResources with compliance details")
	case in.ResourcesPerPage != nil && (*in.ResourcesPerPage < 1 || *in.ResourcesPerPage > 100):
		return errParameter("ResourcesPerPage must be between 1 and 100, not %d.", *in.ResourcesPerPage)
	case in.TagsPerPage != nil && (*in.TagsPerPage < 100 || *in.TagsPerPage > 500 || *in.TagsPerPage%100 != 0):
		return errParameter("TagsPerPage must be 100, 200, 300, 400 or 500, not %d.", *in.TagsPerPage)
	case len(in.ResourceARNList) > 100:
		return errParameter("ResourceARNList must have at most 100 members, not %d.", len(in.ResourceARNList))
	case len(in.ResourceARNList) > 0 && (in.ResourcesPerPage != nil || in.TagsPerPage != nil || len(in.TagFilters) > 0 ||
		len(in.ResourceTypeFilters) > 0 || in.PaginationToken != nil && *in.PaginationToken != ""):
		return errParameter("ResourceARNList excludes filters and paging.")
	case len(in.TagFilters) > 50:
		return errParameter("TagFilters must have at most 50 members, not %d.", len(in.TagFilters))
	}
	for _, f := range in.TagFilters {
		switch {
		case f.Key == nil || *f.Key == "" || len(*f.Key) > 128:
			return errParameter("A tag filter's Key must have between 1 and 128 characters.")
		case len(f.Values) > 20:
			return errParameter("The tag filter %s has %d values; at most 20 are allowed.", *f.Key, len(f.Values))
		}
	}
	return nil
}

func set(b *bool) bool { return b != nil && *b }

// matches reports whether tags meet all filters: each key is there, with one of the filter's values if it has any.
func matches(have map[string]string, filters []types.TagFilter) bool {
	for _, f := range filters {
		value, ok := have[*f.Key]
		if !ok || len(f.Values) > 0 && !slices.Contains(f.Values, value) {
			return false
		}
	}
	return true
}

// pageOf keeps as many resources as a page may have, and as their tags leave room for, but at least one.
func pageOf(found []Tagged, in *tags.GetResourcesInput) []Tagged {
	most, room := 100, 0
	if in.ResourcesPerPage != nil {
		most = int(*in.ResourcesPerPage)
	}
	if in.TagsPerPage != nil {
		room = int(*in.TagsPerPage)
	}
	taken := 0
	for i, r := range found {
		taken += len(r.Tags)
		if i == most || room > 0 && i > 0 && taken > room {
			return found[:i]
		}
	}
	return found
}

// GetTagKeys lists the keys of all tags of the caller's account and Region.
func (s *Service) GetTagKeys(ctx context.Context, c *api.Caller, in *tags.GetTagKeysInput) (*tags.GetTagKeysOutput, error) {
	keys := map[string]bool{}
	found, err := s.all(ctx, c, nil)
	for _, r := range found {
		for key := range r.Tags {
			keys[key] = true
		}
	}
	if err != nil {
		return nil, err
	}
	kept, next, err := s.names(scope(c, "GetTagKeys"), keys, in.PaginationToken)
	return &tags.GetTagKeysOutput{TagKeys: kept, PaginationToken: next}, err
}

// GetTagValues lists the values that the tags of one key have in the caller's account and Region.
func (s *Service) GetTagValues(ctx context.Context, c *api.Caller, in *tags.GetTagValuesInput) (*tags.GetTagValuesOutput, error) {
	if in.Key == nil || *in.Key == "" {
		return nil, errParameter("Key must not be empty.")
	}
	values := map[string]bool{}
	found, err := s.all(ctx, c, nil)
	for _, r := range found {
		if value, ok := r.Tags[*in.Key]; ok {
			values[value] = true
		}
	}
	if err != nil {
		return nil, err
	}
	kept, next, err := s.names(scope(c, "GetTagValues", *in.Key), values, in.PaginationToken)
	return &tags.GetTagValuesOutput{TagValues: kept, PaginationToken: next}, err
}

// namesPerPage is how many keys or values one page lists.
const namesPerPage = 1000

// names returns one page of a set of names, and the token of the next page, which is empty at the end.
func (s *Service) names(list string, all map[string]bool, token *string) ([]string, *string, error) {
	sorted := slices.Sorted(maps.Keys(all))
	if token != nil && *token != "" {
		var after string // may be empty, for a value may be
		if err := s.Pages.Open(list, *token, &after); err != nil {
			return nil, nil, &api.Error{Code: "PaginationTokenExpiredException", Message: "The pagination token is not valid.", Err: err}
		}
		from, found := slices.BinarySearch(sorted, after)
		if found {
			from++
		}
		sorted = sorted[from:]
	}
	if len(sorted) <= namesPerPage {
		return sorted, new(""), nil
	}
	return sorted[:namesPerPage], new(s.Pages.Seal(list, sorted[namesPerPage-1])), nil
}
