package kms

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

const maxTags = 50

// TagResource adds tags to a key and replaces those of the same name.
func (s *Service) TagResource(ctx context.Context, c *api.Caller, in *kms.TagResourceInput) (*kms.TagResourceOutput, error) {
	if in.Tags == nil {
		return nil, errNull("tags")
	}
	t, err := s.find(ctx, c, "TagResource", in.KeyId, own)
	if err != nil {
		return nil, err
	}
	return &kms.TagResourceOutput{}, s.changeManaged(ctx, t, func(row *state.Key) (err error) {
		row.Tags, err = newTags(row.Tags, in.Tags)
		return err
	})
}

func (s *Service) tagResourceAccess(ctx context.Context, c *api.Caller, in *kms.TagResourceInput) ([]api.Access, error) {
	more := map[string][]string{}
	requestTags(in.Tags, more)
	return s.ask(ctx, c, in.KeyId, own, question{operation: "TagResource", more: more})
}

// UntagResource removes tags from a key; names that it does not have are ignored.
func (s *Service) UntagResource(ctx context.Context, c *api.Caller, in *kms.UntagResourceInput) (*kms.UntagResourceOutput, error) {
	if in.TagKeys == nil {
		return nil, errNull("tagKeys")
	}
	t, err := s.find(ctx, c, "UntagResource", in.KeyId, own)
	if err != nil {
		return nil, err
	}
	return &kms.UntagResourceOutput{}, s.changeManaged(ctx, t, func(row *state.Key) error {
		for _, key := range in.TagKeys {
			delete(row.Tags, key)
		}
		return nil
	})
}

func (s *Service) untagResourceAccess(ctx context.Context, c *api.Caller, in *kms.UntagResourceInput) ([]api.Access, error) {
	more := map[string][]string{}
	if len(in.TagKeys) > 0 {
		more["aws:TagKeys"] = in.TagKeys
	}
	return s.ask(ctx, c, in.KeyId, own, question{operation: "UntagResource", more: more})
}

// ListResourceTags lists a key's tags by name.
func (s *Service) ListResourceTags(ctx context.Context, c *api.Caller, in *kms.ListResourceTagsInput) (*kms.ListResourceTagsOutput, error) {
	t, err := s.find(ctx, c, "ListResourceTags", in.KeyId, own)
	if err != nil {
		return nil, err
	}
	l, err := s.newListing(c, "ListResourceTags:"+t.ID, in.Marker, in.Limit, 50, 50)
	if err != nil {
		return nil, err
	}
	self := func(name string) string { return name }
	names, next := slice(l, slices.Sorted(maps.Keys(t.Tags)), self)
	out := &kms.ListResourceTagsOutput{NextMarker: next, Truncated: next != nil, Tags: []types.Tag{}}
	for _, name := range names {
		out.Tags = append(out.Tags, types.Tag{TagKey: new(name), TagValue: new(t.Tags[name])})
	}
	return out, nil
}

func (s *Service) listResourceTagsAccess(ctx context.Context, c *api.Caller, in *kms.ListResourceTagsInput) ([]api.Access, error) {
	return s.ask(ctx, c, in.KeyId, own, question{operation: "ListResourceTags"})
}

// newTags returns the tags that a key has once more are added to old ones.
func newTags(old map[string]string, more []types.Tag) (map[string]string, error) {
	tags := maps.Clone(old)
	if tags == nil {
		tags = map[string]string{}
	}
	seen := map[string]bool{}
	for _, t := range more {
		switch {
		case t.TagKey == nil:
			return nil, errNull("tags.tagKey")
		case t.TagValue == nil:
			return nil, errNull("tags.tagValue")
		case *t.TagKey == "" || len(*t.TagKey) > 128:
			return nil, errConstraint("tags.tagKey", *t.TagKey, "Member must have length between 1 and 128")
		case len(*t.TagValue) > 256:
			return nil, errConstraint("tags.tagValue", "", "Member must have length less than or equal to 256")
		case strings.HasPrefix(strings.ToLower(*t.TagKey), "aws:"):
			return nil, api.Errorf("TagException", "Tag keys that begin with aws: are reserved: %s", *t.TagKey)
		case seen[*t.TagKey]:
			return nil, api.Errorf("TagException", "Duplicate tag keys: %s", *t.TagKey)
		}
		seen[*t.TagKey] = true
		tags[*t.TagKey] = *t.TagValue
	}
	if len(tags) > maxTags {
		return nil, api.Errorf("LimitExceededException", "A key has at most %d tags.", maxTags)
	}
	return tags, nil
}

// requestTags adds the condition keys of a call that gives tags.
func requestTags(tags []types.Tag, keys map[string][]string) {
	var names []string
	for _, t := range tags {
		if t.TagKey != nil && t.TagValue != nil {
			names = append(names, *t.TagKey)
			keys["aws:RequestTag/"+*t.TagKey] = []string{*t.TagValue}
		}
	}
	if len(names) > 0 {
		keys["aws:TagKeys"] = names
	}
}

// tagList lists tags by name.
func tagList(tags map[string]string) []types.Tag {
	list := []types.Tag{}
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{TagKey: new(name), TagValue: new(tags[name])})
	}
	return list
}
