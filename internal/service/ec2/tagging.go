package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/resource/ebs"
	"strongroom/internal/service/tagging"
	"strongroom/internal/state"
)

var _ tagging.Provider = (*Service)(nil)

// ResourceTypes implements [tagging.Provider].
func (s *Service) ResourceTypes() []string { return []string{"ec2:volume", "ec2:snapshot"} }

// List implements [tagging.Provider]. The ARN of a snapshot names its account here, as the tagging API shows it.
func (s *Service) List(ctx context.Context, accountID, region string) ([]tagging.Tagged, error) {
	var all []tagging.Tagged
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		volumes, err := tx.Volumes(ctx, accountID, region)
		if err != nil {
			return err
		}
		for _, v := range volumes {
			all = append(all, tagging.Tagged{ARN: ebs.VolumeARN(accountID, region, v.ID), Tags: v.Tags})
		}
		snapshots, err := tx.Snapshots(ctx, accountID, region)
		for _, snap := range snapshots {
			if snap.State != "deleting" {
				name := arn.New("ec2", region, accountID, "snapshot/"+snap.ID)
				all = append(all, tagging.Tagged{ARN: name.String(), Tags: snap.Tags})
			}
		}
		return err
	})
	return all, err
}

// Tag implements [tagging.Provider] by the caller's own ec2:CreateTags.
func (s *Service) Tag(ctx context.Context, c *api.Caller, resource string, tags map[string]string) error {
	id, err := idOf(resource)
	if err != nil {
		return err
	}
	_, err = api.Call[ec2.CreateTagsOutput](ctx, s.Door, c, &ec2.CreateTagsInput{Resources: []string{id}, Tags: tagsOf(tags)})
	return err
}

// Untag implements [tagging.Provider] by the caller's own ec2:DeleteTags.
func (s *Service) Untag(ctx context.Context, c *api.Caller, resource string, keys []string) error {
	id, err := idOf(resource)
	if err != nil {
		return err
	}
	in := &ec2.DeleteTagsInput{Resources: []string{id}}
	for _, key := range keys {
		in.Tags = append(in.Tags, types.Tag{Key: &key})
	}
	_, err = api.Call[ec2.DeleteTagsOutput](ctx, s.Door, c, in)
	return err
}

func idOf(resource string) (string, error) {
	a, err := arn.Parse(resource)
	if err != nil {
		return "", api.Errorf("InvalidParameterException", "%s is not a valid ARN.", resource)
	}
	_, id := a.Split()
	return id, nil
}
