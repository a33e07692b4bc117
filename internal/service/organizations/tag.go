package organizations

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

const maxTags = 50

// TagResource tags an account, unit, root or policy.
func (s *Service) TagResource(ctx context.Context, c *api.Caller, in *organizations.TagResourceInput) (*organizations.TagResourceOutput, error) {
	err := s.retag(ctx, c, in, in.ResourceId, func(tags map[string]string) (map[string]string, error) { return tagMap(tags, in.Tags) })
	if err != nil {
		return nil, err
	}
	return &organizations.TagResourceOutput{}, nil
}

// UntagResource removes tags.
func (s *Service) UntagResource(ctx context.Context, c *api.Caller, in *organizations.UntagResourceInput) (*organizations.UntagResourceOutput, error) {
	err := s.retag(ctx, c, in, in.ResourceId, func(tags map[string]string) (map[string]string, error) {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
		return tags, nil
	})
	if err != nil {
		return nil, err
	}
	return &organizations.UntagResourceOutput{}, nil
}

func (s *Service) retag(ctx context.Context, c *api.Caller, in any, id *string, fn func(map[string]string) (map[string]string, error)) error {
	return s.change(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		if err := findTagged(ctx, tx, o, aws.ToString(id)); err != nil {
			return err
		}
		tags, err := tx.OrganizationTags(ctx, o.ID, *id)
		if err != nil {
			return err
		}
		if tags, err = fn(tags); err != nil {
			return err
		}
		return tx.PutOrganizationTags(ctx, o.ID, *id, tags)
	})
}

// ListTagsForResource lists tags by key.
func (s *Service) ListTagsForResource(ctx context.Context, c *api.Caller, in *organizations.ListTagsForResourceInput) (*organizations.ListTagsForResourceOutput, error) {
	list := []types.Tag{}
	err := s.view(ctx, c, in, func(ctx context.Context, tx *state.Tx, o state.Organization) error {
		if err := findTagged(ctx, tx, o, aws.ToString(in.ResourceId)); err != nil {
			return err
		}
		tags, err := tx.OrganizationTags(ctx, o.ID, *in.ResourceId)
		for _, key := range slices.Sorted(maps.Keys(tags)) {
			list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	list, next, err := cutAt(s, c, in, maxTags, list, func(t types.Tag) string { return *t.Key })
	if err != nil {
		return nil, err
	}
	return &organizations.ListTagsForResourceOutput{Tags: list, NextToken: next}, nil
}

// findTagged refuses what cannot be tagged: what is not there, and the policies of AWS.
func findTagged(ctx context.Context, tx *state.Tx, o state.Organization, id string) error {
	if strings.HasPrefix(id, "rp-") {
		p, err := tx.OrganizationResourcePolicy(ctx, o.ID)
		if err == nil && p.ID != id {
			err = api.Errorf("TargetNotFoundException", "You specified a target that doesn't exist.")
		}
		return err
	}
	err := findTarget(ctx, tx, o, id)
	if strings.HasPrefix(id, "p-") {
		_, err = findOwnPolicy(ctx, tx, o, id)
		if api.Code(err) == "PolicyNotFoundException" {
			return api.Errorf("TargetNotFoundException", "You specified a target that doesn't exist.")
		}
	}
	return err
}

// tagMap adds tags to those that are there.
func tagMap(old map[string]string, add []types.Tag) (map[string]string, error) {
	tags := maps.Clone(old)
	if tags == nil {
		tags = map[string]string{}
	}
	for _, tag := range add {
		key := aws.ToString(tag.Key)
		if key == "" || len(key) > 128 || strings.HasPrefix(strings.ToLower(key), "aws:") {
			return nil, invalidInput("INVALID_SYSTEM_TAGS_PARAMETER", "You provided a tag key that is not allowed: %q.", key)
		}
		tags[key] = aws.ToString(tag.Value)
	}
	if len(tags) > maxTags {
		return nil, constraintViolation("MAX_TAG_LIMIT_EXCEEDED", "You have exceeded the number of tags allowed on this resource.")
	}
	return tags, nil
}

func sortByID(children []types.Child) {
	slices.SortFunc(children, func(a, b types.Child) int { return strings.Compare(*a.Id, *b.Id) })
}
