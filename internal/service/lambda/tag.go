package lambda

import (
	"context"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"strongroom/internal/api"
	"strongroom/internal/service/tagging"
	"strongroom/internal/state"
)

func checkTags(tags map[string]string) error {
	if len(tags) > 50 {
		return invalid("The maximum number of tags of a function is 50.")
	}
	for key := range tags {
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return invalid("Tag keys must not start with aws:")
		}
	}
	return nil
}

// tagged reads the ARN of a function.
func tagged(c *api.Caller, resource *string) (name, error) {
	n, err := nameOf(c, *resource, "")
	if err != nil || n.qualifier != "" || !strings.HasPrefix(*resource, "arn:") {
		return n, invalid("Tags on function aliases and versions are not supported. Please specify either a function ARN, an Event source mapping ARN, or a code signing config ARN.")
	}
	return n, nil
}

func (s *Service) tagAccess(ctx context.Context, c *api.Caller, in *lambda.TagResourceInput) ([]api.Access, error) {
	n, err := tagged(c, in.Resource)
	if err != nil {
		return nil, err
	}
	a, err := s.access(ctx, n, "TagResource")
	a.Context = api.WithRequestTags(a.Context, in.Tags)
	return []api.Access{a}, err
}

func (s *Service) untagAccess(ctx context.Context, c *api.Caller, in *lambda.UntagResourceInput) ([]api.Access, error) {
	n, err := tagged(c, in.Resource)
	if err != nil {
		return nil, err
	}
	a, err := s.access(ctx, n, "UntagResource")
	if a.Context != nil {
		a.Context["aws:TagKeys"] = in.TagKeys
	}
	return []api.Access{a}, err
}

func (s *Service) listTagsAccess(ctx context.Context, c *api.Caller, in *lambda.ListTagsInput) ([]api.Access, error) {
	n, err := tagged(c, in.Resource)
	if err != nil {
		return nil, err
	}
	a, err := s.access(ctx, n, "ListTags")
	return []api.Access{a}, err
}

func (s *Service) retag(ctx context.Context, c *api.Caller, resource *string, fn func(map[string]string)) error {
	n, err := tagged(c, resource)
	if err != nil {
		return err
	}
	return s.change(ctx, n, func(_ context.Context, _ *state.Tx, f *state.Function) error {
		tags := maps.Clone(f.Tags)
		if tags == nil {
			tags = map[string]string{}
		}
		fn(tags)
		f.Tags = tags
		return checkTags(tags)
	})
}

// TagResource sets tags of a function.
func (s *Service) TagResource(ctx context.Context, c *api.Caller, in *lambda.TagResourceInput) (*lambda.TagResourceOutput, error) {
	return &lambda.TagResourceOutput{}, s.retag(ctx, c, in.Resource, func(tags map[string]string) { maps.Copy(tags, in.Tags) })
}

// UntagResource removes tags of a function.
func (s *Service) UntagResource(ctx context.Context, c *api.Caller, in *lambda.UntagResourceInput) (*lambda.UntagResourceOutput, error) {
	return &lambda.UntagResourceOutput{}, s.retag(ctx, c, in.Resource, func(tags map[string]string) {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
	})
}

// ListTags tells the tags of a function.
func (s *Service) ListTags(ctx context.Context, c *api.Caller, in *lambda.ListTagsInput) (*lambda.ListTagsOutput, error) {
	n, err := tagged(c, in.Resource)
	if err != nil {
		return nil, err
	}
	f, err := s.function(ctx, n)
	if err != nil {
		return nil, err
	}
	return &lambda.ListTagsOutput{Tags: f.Tags}, nil
}

var _ tagging.Provider = (*Service)(nil)

// ResourceTypes are the types of resources that have tags.
func (s *Service) ResourceTypes() []string { return []string{"lambda:function"} }

// List lists the functions that have tags.
func (s *Service) List(ctx context.Context, accountID, region string) (all []tagging.Tagged, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		functions, err := tx.Functions(ctx, accountID, region, "", 0)
		for _, f := range functions {
			if len(f.Tags) > 0 {
				all = append(all, tagging.Tagged{ARN: f.ARN, Tags: f.Tags})
			}
		}
		return err
	})
	return all, err
}

// Tag adds tags through TagResource.
func (s *Service) Tag(ctx context.Context, c *api.Caller, resource string, tags map[string]string) error {
	_, err := api.Call[lambda.TagResourceOutput](ctx, s.Door, c, &lambda.TagResourceInput{Resource: &resource, Tags: tags})
	return err
}

// Untag removes tags through UntagResource.
func (s *Service) Untag(ctx context.Context, c *api.Caller, resource string, keys []string) error {
	_, err := api.Call[lambda.UntagResourceOutput](ctx, s.Door, c, &lambda.UntagResourceInput{Resource: &resource, TagKeys: keys})
	return err
}
