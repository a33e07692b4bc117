package logs

import (
	"context"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"strongroom/internal/api"
	"strongroom/internal/service/tagging"
	"strongroom/internal/state"
)

func checkTags(tags map[string]string) error {
	if len(tags) > 50 {
		return api.Errorf("TooManyTagsException", "A log group can have 50 tags at most.")
	}
	for key := range tags {
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return invalid("Tag keys must not start with aws:.")
		}
	}
	return nil
}

// tagged asks for an action on a group that tags are of, which policies see without a stream. The operations of old, which
// name the group, are seen like all others.
func (s *Service) tagged(ctx context.Context, c *api.Caller, name, action string, old bool) (api.Access, error) {
	g, err := s.asked(ctx, c, name)
	a := groupAccess(g, action, "")
	if !old {
		a.Resource = arnOf(g)
	}
	return a, err
}

func (s *Service) taggedARN(ctx context.Context, c *api.Caller, resource *string, action string) (api.Access, error) {
	name, err := nameIn(c, *resource)
	if err != nil {
		return api.Access{}, err
	}
	return s.tagged(ctx, c, name, action, false)
}

func (s *Service) tagAccess(ctx context.Context, c *api.Caller, in *cloudwatchlogs.TagResourceInput) ([]api.Access, error) {
	a, err := s.taggedARN(ctx, c, in.ResourceArn, "TagResource")
	a.Context = api.WithRequestTags(a.Context, in.Tags)
	return []api.Access{a}, err
}

func (s *Service) untagAccess(ctx context.Context, c *api.Caller, in *cloudwatchlogs.UntagResourceInput) ([]api.Access, error) {
	a, err := s.taggedARN(ctx, c, in.ResourceArn, "UntagResource")
	if err == nil {
		a.Context["aws:TagKeys"] = in.TagKeys
	}
	return []api.Access{a}, err
}

func (s *Service) listTagsAccess(ctx context.Context, c *api.Caller, in *cloudwatchlogs.ListTagsForResourceInput) ([]api.Access, error) {
	a, err := s.taggedARN(ctx, c, in.ResourceArn, "ListTagsForResource")
	return []api.Access{a}, err
}

func (s *Service) tagGroupAccess(ctx context.Context, c *api.Caller, in *cloudwatchlogs.TagLogGroupInput) ([]api.Access, error) {
	a, err := s.tagged(ctx, c, *in.LogGroupName, "TagLogGroup", true)
	a.Context = api.WithRequestTags(a.Context, in.Tags)
	return []api.Access{a}, err
}

func (s *Service) untagGroupAccess(ctx context.Context, c *api.Caller, in *cloudwatchlogs.UntagLogGroupInput) ([]api.Access, error) {
	a, err := s.tagged(ctx, c, *in.LogGroupName, "UntagLogGroup", true)
	a.Context["aws:TagKeys"] = in.Tags
	return []api.Access{a}, err
}

func (s *Service) retag(ctx context.Context, c *api.Caller, name string, fn func(map[string]string)) error {
	return s.change(ctx, c, name, func(_ context.Context, _ *state.Tx, g *state.LogGroup) error {
		tags := maps.Clone(g.Tags)
		if tags == nil {
			tags = map[string]string{}
		}
		fn(tags)
		g.Tags = tags
		return checkTags(tags)
	})
}

func without(keys []string) func(map[string]string) {
	return func(tags map[string]string) {
		for _, key := range keys {
			delete(tags, key)
		}
	}
}

// TagResource sets tags of a group.
func (s *Service) TagResource(ctx context.Context, c *api.Caller, in *cloudwatchlogs.TagResourceInput) (*cloudwatchlogs.TagResourceOutput, error) {
	name, err := nameIn(c, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &cloudwatchlogs.TagResourceOutput{}, s.retag(ctx, c, name, func(tags map[string]string) { maps.Copy(tags, in.Tags) })
}

// UntagResource removes tags of a group.
func (s *Service) UntagResource(ctx context.Context, c *api.Caller, in *cloudwatchlogs.UntagResourceInput) (*cloudwatchlogs.UntagResourceOutput, error) {
	name, err := nameIn(c, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &cloudwatchlogs.UntagResourceOutput{}, s.retag(ctx, c, name, without(in.TagKeys))
}

// ListTagsForResource tells the tags of a group.
func (s *Service) ListTagsForResource(ctx context.Context, c *api.Caller, in *cloudwatchlogs.ListTagsForResourceInput) (*cloudwatchlogs.ListTagsForResourceOutput, error) {
	name, err := nameIn(c, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	g, err := s.groupNamed(ctx, c, name)
	if err != nil {
		return nil, err
	}
	return &cloudwatchlogs.ListTagsForResourceOutput{Tags: g.Tags}, nil
}

// TagLogGroup is TagResource as clients knew it before.
func (s *Service) TagLogGroup(ctx context.Context, c *api.Caller, in *cloudwatchlogs.TagLogGroupInput) (*cloudwatchlogs.TagLogGroupOutput, error) {
	return &cloudwatchlogs.TagLogGroupOutput{}, s.retag(ctx, c, *in.LogGroupName, func(tags map[string]string) { maps.Copy(tags, in.Tags) })
}

// UntagLogGroup is UntagResource as clients knew it before.
func (s *Service) UntagLogGroup(ctx context.Context, c *api.Caller, in *cloudwatchlogs.UntagLogGroupInput) (*cloudwatchlogs.UntagLogGroupOutput, error) {
	return &cloudwatchlogs.UntagLogGroupOutput{}, s.retag(ctx, c, *in.LogGroupName, without(in.Tags))
}

// ListTagsLogGroup is ListTagsForResource as clients knew it before.
func (s *Service) ListTagsLogGroup(ctx context.Context, c *api.Caller, in *cloudwatchlogs.ListTagsLogGroupInput) (*cloudwatchlogs.ListTagsLogGroupOutput, error) {
	g, err := s.group(ctx, c, in)
	if err != nil {
		return nil, err
	}
	return &cloudwatchlogs.ListTagsLogGroupOutput{Tags: g.Tags}, nil
}

var _ tagging.Provider = (*Service)(nil)

// ResourceTypes are log groups.
func (s *Service) ResourceTypes() []string { return []string{"logs:log-group"} }

// List lists the groups that have tags.
func (s *Service) List(ctx context.Context, accountID, region string) (all []tagging.Tagged, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		groups, err := tx.LogGroups(ctx, accountID, region, "", "", "", 0)
		for _, g := range groups {
			if len(g.Tags) > 0 {
				all = append(all, tagging.Tagged{ARN: arnOf(g), Tags: g.Tags})
			}
		}
		return err
	})
	return all, err
}

// Tag adds tags through TagResource.
func (s *Service) Tag(ctx context.Context, c *api.Caller, resource string, tags map[string]string) error {
	_, err := api.Call[cloudwatchlogs.TagResourceOutput](ctx, s.Door, c, &cloudwatchlogs.TagResourceInput{ResourceArn: &resource, Tags: tags})
	return err
}

// Untag removes tags through UntagResource.
func (s *Service) Untag(ctx context.Context, c *api.Caller, resource string, keys []string) error {
	_, err := api.Call[cloudwatchlogs.UntagResourceOutput](ctx, s.Door, c, &cloudwatchlogs.UntagResourceInput{ResourceArn: &resource, TagKeys: keys})
	return err
}
