package api

import (
	"maps"
	"slices"
)

// WithResourceTags adds the condition keys of a resource's tags to keys and returns it: aws:ResourceTag/name, and the same
// for the services that also have such keys of their own, such as ec2. A nil keys is made.
func WithResourceTags(keys map[string][]string, tags map[string]string, services ...string) map[string][]string {
	if keys == nil {
		keys = map[string][]string{}
	}
	for name, value := range tags {
		keys["aws:ResourceTag/"+name] = []string{value}
		for _, service := range services {
			keys[service+":ResourceTag/"+name] = []string{value}
		}
	}
	return keys
}

// WithRequestTags adds the condition keys of the tags that a request sets to keys and returns it: aws:RequestTag/name and
// aws:TagKeys. A request without tags has neither. A nil keys is made.
func WithRequestTags(keys map[string][]string, tags map[string]string) map[string][]string {
	if keys == nil {
		keys = map[string][]string{}
	}
	if len(tags) == 0 {
		return keys
	}
	for name, value := range tags {
		keys["aws:RequestTag/"+name] = []string{value}
	}
	keys["aws:TagKeys"] = slices.Sorted(maps.Keys(tags))
	return keys
}
