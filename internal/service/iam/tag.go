package iam

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/internal/api"
)

func tagMap(tags []types.Tag) map[string]string {
	all := make(map[string]string, len(tags))
	for _, tag := range tags {
		all[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return all
}

// tagList is sorted by key.
func tagList(tags map[string]string) []types.Tag {
	var list []types.Tag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return list
}

// retag adds tags to those that are there, of which there may be fifty.
func retag(old map[string]string, add []types.Tag) (map[string]string, error) {
	var k constraints
	k.tags(add)
	if err := k.err(); err != nil {
		return nil, err
	}
	tags := maps.Clone(old)
	if tags == nil {
		tags = map[string]string{}
	}
	maps.Copy(tags, tagMap(add))
	if len(tags) > maxTags {
		return nil, limitExceeded("The number of tags has reached the maximum limit.")
	}
	return tags, nil
}

func untag(old map[string]string, keys []string) map[string]string {
	tags := maps.Clone(old)
	for _, key := range keys {
		delete(tags, key)
	}
	return tags
}

func (s *Service) listTags(c *api.Caller, in any, tags map[string]string) (list []types.Tag, next *string, err error) {
	p, err := s.page(c, in)
	if err != nil {
		return nil, nil, err
	}
	list, next = cut(p, tagList(tags), func(t types.Tag) string { return *t.Key })
	if list == nil {
		list = []types.Tag{}
	}
	return list, next, nil
}
