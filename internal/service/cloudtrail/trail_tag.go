package cloudtrail

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"strongroom/internal/api"
	"strongroom/internal/service/tagging"
	"strongroom/internal/state"
)

// maxTags is the number of tags that a trail may have:
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AddTags.html
const maxTags = 50

// withTags adds tags to old ones.
func withTags(old map[string]string, add []types.Tag) (map[string]string, error) {
	all := maps.Clone(old)
	if all == nil {
		all = map[string]string{}
	}
	given := map[string]bool{}
	for _, tag := range add {
		key, value := aws.ToString(tag.Key), aws.ToString(tag.Value)
		switch {
		case key == "" || len(key) > 128 || len(value) > 256 || strings.HasPrefix(strings.ToLower(key), "aws:"):
			return nil, api.Errorf("InvalidTagParameterException", "The tag key or value of %s is not valid.", key)
		case given[key]:
			return nil, api.Errorf("InvalidTagParameterException", "Tag keys must be unique within the list: %s", key)
		}
		given[key] = true
		all[key] = value
	}
	if len(all) > maxTags {
		return nil, api.Errorf("TagsLimitExceededException", "Tags limit exceeded: a resource has at most %d tags.", maxTags)
	}
	return all, nil
}

// tagsOf is the list form as condition keys want it.
func tagsOf(list []types.Tag) map[string]string {
	all := map[string]string{}
	for _, tag := range list {
		all[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return all
}

func errResource(arn string) error {
	return api.Errorf("ResourceNotFoundException", "Resource %s was not found.", arn)
}

func unknownResource(err error, arn string) error {
	if api.Code(err) == "TrailNotFoundException" {
		return errResource(arn)
	}
	return err
}

func (s *Service) addTagsAccess(ctx context.Context, c *api.Caller, in *cloudtrail.AddTagsInput) ([]api.Access, error) {
	resource, err := target(c, in.ResourceId)
	if err != nil {
		return nil, err
	}
	accesses, err := s.accessTo(ctx, "AddTags", resource)
	if err == nil {
		accesses[0].Context = api.WithRequestTags(accesses[0].Context, tagsOf(in.TagsList))
	}
	return accesses, err
}

func (s *Service) removeTagsAccess(ctx context.Context, c *api.Caller, in *cloudtrail.RemoveTagsInput) ([]api.Access, error) {
	resource, err := target(c, in.ResourceId)
	if err != nil {
		return nil, err
	}
	accesses, err := s.accessTo(ctx, "RemoveTags", resource)
	if err == nil && len(in.TagsList) > 0 {
		accesses[0].Context = api.WithResourceTags(accesses[0].Context, nil) // a trail that is not there has none
		accesses[0].Context["aws:TagKeys"] = slices.Sorted(maps.Keys(tagsOf(in.TagsList)))
	}
	return accesses, err
}

func (s *Service) listTagsAccess(ctx context.Context, c *api.Caller, in *cloudtrail.ListTagsInput) (all []api.Access, err error) {
	for _, id := range in.ResourceIdList {
		resource, err := target(c, &id)
		if err != nil {
			return nil, err
		}
		accesses, err := s.accessTo(ctx, "ListTags", resource)
		if err != nil {
			return nil, err
		}
		all = append(all, accesses...)
	}
	return all, nil
}

// AddTags adds tags to a trail, and replaces those of the same keys.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AddTags.html
func (s *Service) AddTags(ctx context.Context, c *api.Caller, in *cloudtrail.AddTagsInput) (*cloudtrail.AddTagsOutput, error) {
	_, err := s.change(ctx, c, in.ResourceId, func(_ context.Context, _ *state.Tx, t *state.Trail) (err error) {
		t.Tags, err = withTags(t.Tags, in.TagsList)
		return err
	})
	if err != nil {
		return nil, unknownResource(err, aws.ToString(in.ResourceId))
	}
	return &cloudtrail.AddTagsOutput{}, nil
}

// RemoveTags removes the tags of the given keys, whatever their values.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_RemoveTags.html
func (s *Service) RemoveTags(ctx context.Context, c *api.Caller, in *cloudtrail.RemoveTagsInput) (*cloudtrail.RemoveTagsOutput, error) {
	_, err := s.change(ctx, c, in.ResourceId, func(_ context.Context, _ *state.Tx, t *state.Trail) error {
		t.Tags = maps.Clone(t.Tags)
		for _, tag := range in.TagsList {
			delete(t.Tags, aws.ToString(tag.Key))
		}
		return nil
	})
	if err != nil {
		return nil, unknownResource(err, aws.ToString(in.ResourceId))
	}
	return &cloudtrail.RemoveTagsOutput{}, nil
}

// ListTags shows the tags of at most twenty trails.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_ListTags.html
func (s *Service) ListTags(ctx context.Context, c *api.Caller, in *cloudtrail.ListTagsInput) (*cloudtrail.ListTagsOutput, error) {
	if aws.ToString(in.NextToken) != "" { // all fit on one page
		return nil, api.Errorf("InvalidTokenException", "The token is not valid.")
	}
	out := &cloudtrail.ListTagsOutput{ResourceTagList: []types.ResourceTag{}}
	for _, id := range in.ResourceIdList {
		t, err := s.read(ctx, c, &id)
		if err != nil {
			return nil, unknownResource(err, id)
		}
		tags := []types.Tag{}
		for _, key := range slices.Sorted(maps.Keys(t.Tags)) {
			tags = append(tags, types.Tag{Key: new(key), Value: new(t.Tags[key])})
		}
		out.ResourceTagList = append(out.ResourceTagList, types.ResourceTag{ResourceId: new(t.ARN), TagsList: tags})
	}
	return out, nil
}

var _ tagging.Provider = (*Service)(nil)

// ResourceTypes implements [tagging.Provider].
func (s *Service) ResourceTypes() []string { return []string{"cloudtrail:trail"} }

// List implements [tagging.Provider].
func (s *Service) List(ctx context.Context, accountID, region string) (found []tagging.Tagged, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		all, err := tx.Trails(ctx)
		for _, t := range all {
			if t.AccountID == accountID && t.Region == region {
				found = append(found, tagging.Tagged{ARN: t.ARN, Tags: t.Tags})
			}
		}
		return err
	})
	return found, err
}

// Tag implements [tagging.Provider].
func (s *Service) Tag(ctx context.Context, c *api.Caller, resource string, tags map[string]string) error {
	in := &cloudtrail.AddTagsInput{ResourceId: &resource}
	for key, value := range tags {
		in.TagsList = append(in.TagsList, types.Tag{Key: &key, Value: &value})
	}
	_, err := api.Call[cloudtrail.AddTagsOutput](ctx, s.Door, c, in)
	return err
}

// Untag implements [tagging.Provider].
func (s *Service) Untag(ctx context.Context, c *api.Caller, resource string, keys []string) error {
	in := &cloudtrail.RemoveTagsInput{ResourceId: &resource}
	for _, key := range keys {
		in.TagsList = append(in.TagsList, types.Tag{Key: &key})
	}
	_, err := api.Call[cloudtrail.RemoveTagsOutput](ctx, s.Door, c, in)
	return err
}
