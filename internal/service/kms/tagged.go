package kms

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
	"strongroom/internal/service/tagging"
	"strongroom/internal/state"
)

var _ tagging.Provider = (*Service)(nil)

// ResourceTypes implements [tagging.Provider].
func (s *Service) ResourceTypes() []string { return []string{"kms:key"} }

// List implements [tagging.Provider].
func (s *Service) List(ctx context.Context, accountID, region string) ([]tagging.Tagged, error) {
	var found []tagging.Tagged
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		const batch = 1000
		after := ""
		for {
			keys, err := tx.Keys(ctx, accountID, region, after, batch)
			if err != nil {
				return err
			}
			for _, k := range keys {
				after = k.ID
				if len(k.Tags) > 0 {
					found = append(found, tagging.Tagged{ARN: keyARN(k.Region, k.AccountID, k.ID), Tags: k.Tags})
				}
			}
			if len(keys) < batch {
				return nil
			}
		}
	})
	return found, err
}

// Tag implements [tagging.Provider].
func (s *Service) Tag(ctx context.Context, c *api.Caller, resource string, tags map[string]string) error {
	in := &kms.TagResourceInput{KeyId: &resource}
	for key, value := range tags {
		in.Tags = append(in.Tags, types.Tag{TagKey: new(key), TagValue: new(value)})
	}
	_, err := api.Call[kms.TagResourceOutput](ctx, s.Door, c, in)
	return err
}

// Untag implements [tagging.Provider].
func (s *Service) Untag(ctx context.Context, c *api.Caller, resource string, keys []string) error {
	_, err := api.Call[kms.UntagResourceOutput](ctx, s.Door, c, &kms.UntagResourceInput{KeyId: &resource, TagKeys: keys})
	return err
}
