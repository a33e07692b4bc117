package kms

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
	"strongroom/internal/service/tagging"
	"strongroom/internal/state"
)

// Tags shows the keys to the tagging API.
func (s *Service) Tags() tagging.Provider { return tagged{s} }

type tagged struct{ s *Service }

func (tagged) ResourceTypes() []string { return []string{"kms:key"} }

func (t tagged) List(ctx context.Context, accountID, region string) ([]tagging.Tagged, error) {
	var found []tagging.Tagged
	err := t.s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
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

func (t tagged) Tag(ctx context.Context, c *api.Caller, resource string, tags map[string]string) error {
	in := &kms.TagResourceInput{KeyId: &resource}
	for key, value := range tags {
		in.Tags = append(in.Tags, types.Tag{TagKey: new(key), TagValue: new(value)})
	}
	_, err := api.Call[kms.TagResourceOutput](ctx, t.s.Door, c, in)
	return err
}

func (t tagged) Untag(ctx context.Context, c *api.Caller, resource string, keys []string) error {
	_, err := api.Call[kms.UntagResourceOutput](ctx, t.s.Door, c, &kms.UntagResourceInput{KeyId: &resource, TagKeys: keys})
	return err
}
