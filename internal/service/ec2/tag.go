package ec2

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"strongroom/internal/api"
	"strongroom/internal/resource/ebs"
	"strongroom/internal/state"
)

// The limits of https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

func checkTag(key, value string) error {
	switch {
	case key == "":
		return api.Errorf("InvalidParameterValue", "Tag key cannot be empty")
	case strings.HasPrefix(strings.ToLower(key), "aws:"):
		return api.Errorf("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
	case utf8.RuneCountInString(key) > maxTagKey:
		return api.Errorf("InvalidParameterValue", "Tag key exceeds the maximum length of %d characters", maxTagKey)
	case utf8.RuneCountInString(value) > maxTagValue:
		return api.Errorf("InvalidParameterValue", "Tag value exceeds the maximum length of %d characters", maxTagValue)
	}
	return nil
}

func checkTagCount(tags map[string]string) error {
	own := 0
	for key := range tags {
		if !strings.HasPrefix(key, "aws:") {
			own++
		}
	}
	if own > maxTags {
		return api.Errorf("TagLimitExceeded", "The maximum number of tags for a resource has been reached.")
	}
	return nil
}

// tagsOf is the SDK's form of tags, by key; nil for none.
func tagsOf(tags map[string]string) []types.Tag {
	var list []types.Tag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		value := tags[key]
		list = append(list, types.Tag{Key: &key, Value: &value})
	}
	return list
}

// tagged is a volume or a snapshot as tags see it.
type tagged struct {
	arn     string
	account string
	keys    map[string][]string
	tags    map[string]string
	set     func(ctx context.Context, tx *state.Tx, tags map[string]string) error
}

// find looks a taggable resource of the caller up.
func find(ctx context.Context, tx *state.Tx, c *api.Caller, id string) (tagged, error) {
	switch kind, _, _ := strings.Cut(id, "-"); kind {
	case "vol":
		v, err := tx.Volume(ctx, id)
		if errors.Is(err, state.ErrNotFound) || (err == nil && (v.AccountID != c.AccountID || v.Region != c.Region)) {
			return tagged{}, errVolumeNotFound(id)
		}
		return tagged{
			ebs.VolumeARN(v.AccountID, v.Region, id), v.AccountID, ebs.VolumeConditions(v), v.Tags,
			func(ctx context.Context, tx *state.Tx, tags map[string]string) error {
				return tx.SetVolumeTags(ctx, id, tags)
			},
		}, err
	case "snap":
		s, err := tx.Snapshot(ctx, id)
		if errors.Is(err, state.ErrNotFound) || (err == nil && (s.AccountID != c.AccountID || s.Region != c.Region || s.State == "deleting")) {
			return tagged{}, errSnapshotNotFound(id)
		}
		return tagged{
			ebs.SnapshotARN(s.Region, id), s.AccountID, ebs.SnapshotConditions(s), s.Tags,
			func(ctx context.Context, tx *state.Tx, tags map[string]string) error {
				return tx.SetSnapshotTags(ctx, id, tags)
			},
		}, err
	}
	return tagged{}, api.Errorf("InvalidID", "The ID '%s' is not valid", id)
}

// CreateTags adds tags to volumes and snapshots, or changes their values; to all of them or to none.
func (s *Service) CreateTags(ctx context.Context, c *api.Caller, in *ec2.CreateTagsInput) (*ec2.CreateTagsOutput, error) {
	if len(in.Tags) == 0 {
		return nil, errMissing("tags")
	}
	add := map[string]string{}
	for _, t := range in.Tags {
		add[deref(t.Key)] = deref(t.Value)
		if err := checkTag(deref(t.Key), deref(t.Value)); err != nil {
			return nil, err
		}
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	err := s.changeTags(ctx, c, in.Resources, func(tags map[string]string) { maps.Copy(tags, add) })
	return &ec2.CreateTagsOutput{}, err
}

func (s *Service) createTagsAccess(ctx context.Context, c *api.Caller, in *ec2.CreateTagsInput) ([]api.Access, error) {
	tags := map[string]string{}
	for _, t := range in.Tags {
		tags[deref(t.Key)] = deref(t.Value)
	}
	return s.tagAccess(ctx, c, "CreateTags", in.Resources, tags)
}

func (s *Service) tagAccess(ctx context.Context, c *api.Caller, operation string, ids []string, tags map[string]string) ([]api.Access, error) {
	if len(ids) == 0 {
		return nil, errMissing("resources")
	}
	var accesses []api.Access
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		for _, id := range ids {
			r, err := find(ctx, tx, c, id)
			if err != nil {
				return err
			}
			accesses = append(accesses, api.Access{
				Action: "ec2:" + operation, Resource: r.arn, ResourceAccountID: r.account, Context: api.WithRequestTags(r.keys, tags),
			})
		}
		return nil
	})
	return accesses, err
}

func (s *Service) changeTags(ctx context.Context, c *api.Caller, ids []string, change func(map[string]string)) error {
	return s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		for _, id := range ids {
			r, err := find(ctx, tx, c, id)
			if err != nil {
				return err
			}
			tags := map[string]string{}
			maps.Copy(tags, r.tags)
			change(tags)
			if err := checkTagCount(tags); err != nil {
				return err
			}
			if err := r.set(ctx, tx, tags); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteTags removes tags: by key, by key and value, or all of the user's own if none are named.
func (s *Service) DeleteTags(ctx context.Context, c *api.Caller, in *ec2.DeleteTagsInput) (*ec2.DeleteTagsOutput, error) {
	for _, t := range in.Tags {
		if strings.HasPrefix(strings.ToLower(deref(t.Key)), "aws:") {
			return nil, api.Errorf("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
		}
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	err := s.changeTags(ctx, c, in.Resources, func(tags map[string]string) {
		if len(in.Tags) == 0 {
			maps.DeleteFunc(tags, func(key, _ string) bool { return !strings.HasPrefix(key, "aws:") })
		}
		for _, t := range in.Tags {
			if value, there := tags[deref(t.Key)]; there && (t.Value == nil || *t.Value == value) {
				delete(tags, *t.Key)
			}
		}
	})
	return &ec2.DeleteTagsOutput{}, err
}

func (s *Service) deleteTagsAccess(ctx context.Context, c *api.Caller, in *ec2.DeleteTagsInput) ([]api.Access, error) {
	tags := map[string]string{}
	for _, t := range in.Tags {
		tags[deref(t.Key)] = deref(t.Value)
	}
	return s.tagAccess(ctx, c, "DeleteTags", in.Resources, tags)
}

// DescribeTags lists the tags of the caller's volumes and snapshots.
func (s *Service) DescribeTags(ctx context.Context, c *api.Caller, in *ec2.DescribeTagsInput) (*ec2.DescribeTagsOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	var all []types.TagDescription
	add := func(kind types.ResourceType, id string, tags map[string]string) {
		for key, value := range tags {
			all = append(all, types.TagDescription{ResourceType: kind, ResourceId: &id, Key: &key, Value: &value})
		}
	}
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		volumes, err := tx.Volumes(ctx, c.AccountID, c.Region)
		if err != nil {
			return err
		}
		for _, v := range volumes {
			add(types.ResourceTypeVolume, v.ID, v.Tags)
		}
		snapshots, err := tx.Snapshots(ctx, c.AccountID, c.Region)
		for _, snap := range snapshots {
			if snap.State != "deleting" {
				add(types.ResourceTypeSnapshot, snap.ID, snap.Tags)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	all, err = filtered(all, in.Filters, func(t types.TagDescription, filter string) ([]string, bool) {
		switch filter {
		case "key":
			return []string{*t.Key}, true
		case "value":
			return []string{*t.Value}, true
		case "resource-id":
			return []string{*t.ResourceId}, true
		case "resource-type":
			return []string{string(t.ResourceType)}, true
		}
		if key, ok := strings.CutPrefix(filter, "tag:"); ok {
			return []string{*t.Value}, key == *t.Key
		}
		return nil, false
	}, "key", "value", "resource-id", "resource-type", "tag:*")
	if err != nil {
		return nil, err
	}
	position := func(t types.TagDescription) string { return *t.ResourceId + "\x00" + *t.Key }
	slices.SortFunc(all, func(a, b types.TagDescription) int { return cmp.Compare(position(a), position(b)) })
	out := &ec2.DescribeTagsOutput{}
	out.Tags, out.NextToken, err = page(s.Pages, "ec2:DescribeTags", c, all, in.MaxResults, in.NextToken, position)
	return out, err
}
