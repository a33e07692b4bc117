package sns

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"strongroom/internal/api"
	"strongroom/internal/service/tagging"
	"strongroom/internal/state"
)

func tagMap(tags []types.Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	all := make(map[string]string, len(tags))
	for _, t := range tags {
		all[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return all
}

func checkTags(tags map[string]string) error {
	if len(tags) > 50 {
		return api.Errorf("TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded")
	}
	for key := range tags {
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return invalid("Tags Reason: tag keys must not start with aws:")
		}
	}
	return nil
}

func (s *Service) tagAccess(ctx context.Context, c *api.Caller, in *sns.TagResourceInput) ([]api.Access, error) {
	t, err := s.topic(ctx, c, aws.ToString(in.ResourceArn))
	a := access(t, "TagResource")
	a.Context = api.WithRequestTags(a.Context, tagMap(in.Tags))
	return []api.Access{a}, err
}

// TagResource sets tags of a topic.
func (s *Service) TagResource(ctx context.Context, _ *api.Caller, in *sns.TagResourceInput) (*sns.TagResourceOutput, error) {
	return &sns.TagResourceOutput{}, s.retag(ctx, *in.ResourceArn, func(tags map[string]string) { maps.Copy(tags, tagMap(in.Tags)) })
}

// UntagResource removes tags of a topic.
func (s *Service) UntagResource(ctx context.Context, _ *api.Caller, in *sns.UntagResourceInput) (*sns.UntagResourceOutput, error) {
	return &sns.UntagResourceOutput{}, s.retag(ctx, *in.ResourceArn, func(tags map[string]string) {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
	})
}

func (s *Service) retag(ctx context.Context, topicARN string, fn func(map[string]string)) error {
	return s.change(ctx, topicARN, func(t *state.Topic) error {
		tags := maps.Clone(t.Tags)
		if tags == nil {
			tags = map[string]string{}
		}
		fn(tags)
		t.Tags = tags
		return checkTags(tags)
	})
}

// ListTagsForResource tells the tags of a topic by key.
func (s *Service) ListTagsForResource(ctx context.Context, c *api.Caller, in *sns.ListTagsForResourceInput) (*sns.ListTagsForResourceOutput, error) {
	t, err := s.topic(ctx, c, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &sns.ListTagsForResourceOutput{}
	for _, key := range slices.Sorted(maps.Keys(t.Tags)) {
		out.Tags = append(out.Tags, types.Tag{Key: &key, Value: new(t.Tags[key])})
	}
	return out, nil
}

var _ tagging.Provider = (*Service)(nil)

// ResourceTypes is the service alone: the ARN of a topic names no type.
func (s *Service) ResourceTypes() []string { return []string{"sns:"} }

// List lists the topics that have tags.
func (s *Service) List(ctx context.Context, accountID, region string) (all []tagging.Tagged, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		topics, err := tx.Topics(ctx, accountID, region, "", 0)
		for _, t := range topics {
			if len(t.Tags) > 0 {
				all = append(all, tagging.Tagged{ARN: t.ARN, Tags: t.Tags})
			}
		}
		return err
	})
	return all, err
}

// Tag adds tags through TagResource.
func (s *Service) Tag(ctx context.Context, c *api.Caller, resource string, tags map[string]string) error {
	in := &sns.TagResourceInput{ResourceArn: &resource}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		in.Tags = append(in.Tags, types.Tag{Key: &key, Value: new(tags[key])})
	}
	_, err := api.Call[sns.TagResourceOutput](ctx, s.Door, c, in)
	return err
}

// Untag removes tags through UntagResource.
func (s *Service) Untag(ctx context.Context, c *api.Caller, resource string, keys []string) error {
	_, err := api.Call[sns.UntagResourceOutput](ctx, s.Door, c, &sns.UntagResourceInput{ResourceArn: &resource, TagKeys: keys})
	return err
}
