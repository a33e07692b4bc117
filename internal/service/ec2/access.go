package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"strongroom/internal/api"
)

// Actions, resources and condition keys are those of
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html

// general is the row of an operation that is not about a resource of its own.
func general[In, Out any](fn func(context.Context, *api.Caller, *In) (*Out, error)) api.Operation {
	action := "ec2:" + api.OperationName(new(In))
	return api.Op("", fn, func(_ context.Context, c *api.Caller, _ *In) ([]api.Access, error) {
		return []api.Access{{Action: action, Resource: "*", Context: map[string][]string{"ec2:Region": {c.Region}}}}, nil
	})
}

// tagsFor picks and checks the tags that a call gives to the resource it creates.
func tagsFor(kind types.ResourceType, specifications []types.TagSpecification) (map[string]string, error) {
	tags := map[string]string{}
	for _, spec := range specifications {
		if spec.ResourceType != kind {
			return nil, api.Errorf("InvalidParameterValue", "'%s' is not a valid taggable resource type for this operation.", spec.ResourceType)
		}
		for _, t := range spec.Tags {
			key, value := deref(t.Key), deref(t.Value)
			if _, twice := tags[key]; twice {
				return nil, api.Errorf("InvalidParameterValue", "Duplicate tag key '%s' specified.", key)
			}
			if err := checkTag(key, value); err != nil {
				return nil, err
			}
			tags[key] = value
		}
	}
	return tags, checkTagCount(tags)
}

// deref reads an optional field of the SDK; nil is the zero value.
func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
