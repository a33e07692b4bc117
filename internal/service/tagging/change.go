package tagging

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	tags "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"strongroom/arn"
	"strongroom/internal/api"
)

// maxResources is the number of resources that one call may tag.
const maxResources = 20

// TagResources adds tags to resources. What fails for one resource is told in the answer and does not touch the others.
func (s *Service) TagResources(ctx context.Context, c *api.Caller, in *tags.TagResourcesInput) (*tags.TagResourcesOutput, error) {
	if len(in.Tags) < 1 || len(in.Tags) > 50 {
		return nil, errParameter("Tags must have between 1 and 50 members, not %d.", len(in.Tags))
	}
	for key, value := range in.Tags {
		switch {
		case key == "" || len(key) > 128 || len(value) > 256:
			return nil, errParameter("The tag %q has a key or a value that is too long, or no key.", key)
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return nil, errParameter("Tag keys that begin with aws: are reserved: %s", key)
		}
	}
	failed, err := s.each(ctx, in.ResourceARNList, func(p Provider, resource string) error {
		return p.Tag(ctx, c, resource, in.Tags)
	})
	return &tags.TagResourcesOutput{FailedResourcesMap: failed}, err
}

// UntagResources removes tags from resources.
func (s *Service) UntagResources(ctx context.Context, c *api.Caller, in *tags.UntagResourcesInput) (*tags.UntagResourcesOutput, error) {
	if len(in.TagKeys) < 1 || len(in.TagKeys) > 50 {
		return nil, errParameter("TagKeys must have between 1 and 50 members, not %d.", len(in.TagKeys))
	}
	failed, err := s.each(ctx, in.ResourceARNList, func(p Provider, resource string) error {
		return p.Untag(ctx, c, resource, in.TagKeys)
	})
	return &tags.UntagResourcesOutput{FailedResourcesMap: failed}, err
}

// each calls change for every resource and collects what failed.
func (s *Service) each(ctx context.Context, resources []string, change func(Provider, string) error) (map[string]types.FailureInfo, error) {
	if len(resources) < 1 || len(resources) > maxResources {
		return nil, errParameter("ResourceARNList must have between 1 and %d members, not %d.", maxResources, len(resources))
	}
	failed := map[string]types.FailureInfo{}
	for _, resource := range resources {
		p := s.providerOf(resource)
		err := error(errParameter("Resource %s is not one of a service that is supported.", resource))
		if _, malformed := arn.Parse(resource); malformed != nil {
			err = errParameter("Invalid ARN %s.", resource)
		} else if p != nil {
			err = change(p, resource)
		}
		if err != nil {
			failed[resource] = failure(ctx, resource, err)
		}
	}
	return failed, nil
}

func failure(ctx context.Context, resource string, err error) types.FailureInfo {
	e, ok := errors.AsType[*api.Error](err)
	if !ok {
		slog.ErrorContext(ctx, "tagging a resource", slog.String("resource", resource), slog.Any("error", err))
		return types.FailureInfo{
			ErrorCode: types.ErrorCodeInternalServiceException, StatusCode: http.StatusInternalServerError,
			ErrorMessage: new("The resource's service failed."),
		}
	}
	return types.FailureInfo{ErrorCode: types.ErrorCode(e.Code), StatusCode: int32(e.HTTPStatus()), ErrorMessage: new(e.Message)}
}
