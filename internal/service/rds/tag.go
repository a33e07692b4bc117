package rds

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"strongroom/internal/api"
)

// The limits of https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Tagging.html
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

// tagsFrom checks the tags of a request. Those that begin with aws: are for services: AWS Backup gives such.
func tagsFrom(c *api.Caller, list []types.Tag) (map[string]string, error) {
	tags := map[string]string{}
	for _, t := range list {
		key, value := deref(t.Key), deref(t.Value)
		_, twice := tags[key]
		switch {
		case key == "":
			return nil, errMissing("Tags.Tag.Key")
		case twice:
			return nil, errValue("Duplicate tag key %s.", key)
		case strings.HasPrefix(strings.ToLower(key), "aws:") && c.InvokedBy == "":
			return nil, errValue("Tag keys that begin with aws: are reserved for internal use.")
		case utf8.RuneCountInString(key) > maxTagKey:
			return nil, errValue("The tag key %s is longer than %d characters.", key, maxTagKey)
		case utf8.RuneCountInString(value) > maxTagValue:
			return nil, errValue("The value of the tag %s is longer than %d characters.", key, maxTagValue)
		}
		tags[key] = value
	}
	if len(tags) > maxTags {
		return nil, errValue("A resource cannot have more than %d tags.", maxTags)
	}
	return tags, nil
}

// tagsOf is the SDK's form of tags, by key.
func tagsOf(tags map[string]string) []types.Tag {
	list := []types.Tag{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		value := tags[key]
		list = append(list, types.Tag{Key: &key, Value: &value})
	}
	return list
}
