package s3

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	mostBucketTags = 50
	mostObjectTags = 10
)

// tagText is what tags are made of: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
var tagText = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}+\-=._:/@]*$`)

// tagMap checks tags and makes a map of them.
func tagMap(tags []types.Tag, most int) (map[string]string, error) {
	if len(tags) > most {
		if most == mostObjectTags {
			return nil, failure(400, "BadRequest", "Object tags cannot be greater than 10")
		}
		return nil, failure(400, "BadRequest", "Bucket tag count cannot be greater than 50")
	}
	all := make(map[string]string, len(tags))
	for _, tag := range tags {
		key, value := str(tag.Key), str(tag.Value)
		if _, twice := all[key]; twice {
			return nil, failure(400, "InvalidTag", "Cannot provide multiple Tags with the same key", "TagKey", key)
		}
		if key == "" || utf8.RuneCountInString(key) > 128 || !tagText.MatchString(key) {
			return nil, failure(400, "InvalidTag", "The TagKey you have provided is invalid", "TagKey", key)
		}
		if strings.HasPrefix(key, "aws:") {
			return nil, failure(400, "InvalidTag", "System tags cannot be added/updated by requester", "TagKey", key)
		}
		if utf8.RuneCountInString(value) > 256 || !tagText.MatchString(value) {
			return nil, failure(400, "InvalidTag", "The TagValue you have provided is invalid", "TagKey", key, "TagValue", value)
		}
		all[key] = value
	}
	return all, nil
}

// tagHeader reads the tags of an x-amz-tagging header.
func tagHeader(header *string) (map[string]string, error) {
	if str(header) == "" {
		return nil, nil
	}
	query, err := url.ParseQuery(*header)
	if err != nil || query.Has("") {
		return nil, invalidArgument("x-amz-tagging", *header, "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
	}
	var tags []types.Tag
	for key, values := range query {
		for _, value := range values {
			tags = append(tags, types.Tag{Key: &key, Value: &value})
		}
	}
	if len(tags) > len(query) {
		return nil, invalidArgument("x-amz-tagging", *header, "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
	}
	return tagMap(tags, mostObjectTags)
}

// tagSet lists tags by key.
func tagSet(tags map[string]string) []types.Tag {
	set := make([]types.Tag, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		value := tags[key]
		set = append(set, types.Tag{Key: &key, Value: &value})
	}
	return set
}

// requestTags adds the tags of a request to the conditions.
func requestTags(tags map[string]string, conditions map[string][]string) {
	for key, value := range tags {
		conditions["s3:RequestObjectTag/"+key] = []string{value}
		conditions["s3:RequestObjectTagKeys"] = append(conditions["s3:RequestObjectTagKeys"], key)
	}
}
