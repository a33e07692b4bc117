package s3

import (
	"context"
	"maps"
	"slices"
	"strings"

	"strongroom/internal/api"
	"strongroom/internal/service/tagging"
	"strongroom/internal/state"
)

var _ tagging.Provider = (*Service)(nil)

// ResourceTypes implements [tagging.Provider].
func (s *Service) ResourceTypes() []string { return []string{"s3:bucket"} }

// List lists the buckets of an account and Region that have tags.
func (s *Service) List(ctx context.Context, accountID, region string) ([]tagging.Tagged, error) {
	buckets, err := s.Buckets(ctx, accountID, region)
	var all []tagging.Tagged
	for _, b := range buckets {
		if len(b.Tags) > 0 {
			all = append(all, tagging.Tagged{ARN: bucketARN(b.Name), Tags: b.Tags})
		}
	}
	return all, err
}

// Tag adds tags to a bucket. Unlike PutBucketTagging it leaves the others as they are, whoever changes them meanwhile.
func (s *Service) Tag(ctx context.Context, c *api.Caller, resource string, tags map[string]string) error {
	return s.retag(ctx, c, resource, func(all map[string]string) { maps.Copy(all, tags) })
}

// Untag removes tags from a bucket.
func (s *Service) Untag(ctx context.Context, c *api.Caller, resource string, keys []string) error {
	return s.retag(ctx, c, resource, func(all map[string]string) {
		maps.DeleteFunc(all, func(key, _ string) bool { return slices.Contains(keys, key) })
	})
}

func (s *Service) retag(ctx context.Context, c *api.Caller, resource string, fn func(map[string]string)) error {
	name := strings.TrimPrefix(resource, bucketARN(""))
	b, err := s.bucket(ctx, c, &name)
	if err != nil {
		return err
	}
	for _, action := range []string{"GetBucketTagging", "PutBucketTagging"} {
		if err := s.door.Authorize(ctx, c, "s3", bucketAccess(b, action, resource, nil)); err != nil {
			return err
		}
	}
	return s.change(ctx, c, &name, func(_ context.Context, _ *state.Tx, b *state.Bucket) error {
		tags := maps.Clone(b.Tags)
		if tags == nil {
			tags = map[string]string{}
		}
		fn(tags)
		if _, err := tagMap(tagSet(tags), mostBucketTags); err != nil {
			return err
		}
		b.Tags = tags
		return nil
	})
}
