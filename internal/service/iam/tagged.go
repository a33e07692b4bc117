package iam

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/service/tagging"
	"strongroom/internal/state"
)

// taggingRegion is the only Region in which the tagging service serves IAM:
// https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/supported-services.html
const taggingRegion = "us-east-1"

// Types of resources that the tagging service serves. Users and roles are tagged through IAM alone.
const (
	taggedPolicy          = "policy"
	taggedInstanceProfile = "instance-profile"
	taggedMFADevice       = "mfa"
)

// provider is IAM for the tagging service. It is not the service itself, which is made before the door.
type provider struct {
	*Service
	door *api.Door
}

// TaggingProvider returns what the tagging service lists and changes of IAM, through the door.
func (s *Service) TaggingProvider(door *api.Door) tagging.Provider { return provider{s, door} }

// ResourceTypes implements [tagging.Provider].
func (p provider) ResourceTypes() []string {
	return []string{"iam:" + taggedPolicy, "iam:" + taggedInstanceProfile, "iam:" + taggedMFADevice}
}

// List implements [tagging.Provider].
func (p provider) List(ctx context.Context, accountID, region string) ([]tagging.Tagged, error) {
	if region != taggingRegion {
		return nil, nil
	}
	var found []tagging.Tagged
	add := func(resource string, tags map[string]string) {
		if len(tags) > 0 {
			found = append(found, tagging.Tagged{ARN: resource, Tags: tags})
		}
	}
	err := p.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		policies, err := tx.Policies(ctx, accountID, "")
		if err != nil {
			return err
		}
		for _, policy := range policies {
			add(policy.ARN, policy.Tags)
		}
		devices, err := tx.MFADevices(ctx, accountID)
		if err != nil {
			return err
		}
		for _, device := range devices {
			add(device.Serial, device.Tags)
		}
		const batch = 1000
		for after := ""; ; {
			profiles, err := tx.InstanceProfiles(ctx, accountID, "", after, batch)
			if err != nil {
				return err
			}
			for _, profile := range profiles {
				after = profile.Name
				add(profile.ARN(), profile.Tags)
			}
			if len(profiles) < batch {
				return nil
			}
		}
	})
	return found, err
}

// Tag implements [tagging.Provider].
func (p provider) Tag(ctx context.Context, c *api.Caller, resource string, tags map[string]string) error {
	kind, name, err := p.find(ctx, c, resource)
	if err != nil {
		return err
	}
	list := tagList(tags)
	switch kind {
	case taggedPolicy:
		_, err = api.Call[iam.TagPolicyOutput](ctx, p.door, c, &iam.TagPolicyInput{PolicyArn: &resource, Tags: list})
	case taggedInstanceProfile:
		_, err = api.Call[iam.TagInstanceProfileOutput](ctx, p.door, c, &iam.TagInstanceProfileInput{InstanceProfileName: &name, Tags: list})
	default:
		_, err = api.Call[iam.TagMFADeviceOutput](ctx, p.door, c, &iam.TagMFADeviceInput{SerialNumber: &resource, Tags: list})
	}
	return err
}

// Untag implements [tagging.Provider].
func (p provider) Untag(ctx context.Context, c *api.Caller, resource string, keys []string) error {
	kind, name, err := p.find(ctx, c, resource)
	if err != nil {
		return err
	}
	switch kind {
	case taggedPolicy:
		_, err = api.Call[iam.UntagPolicyOutput](ctx, p.door, c, &iam.UntagPolicyInput{PolicyArn: &resource, TagKeys: keys})
	case taggedInstanceProfile:
		_, err = api.Call[iam.UntagInstanceProfileOutput](ctx, p.door, c, &iam.UntagInstanceProfileInput{InstanceProfileName: &name, TagKeys: keys})
	default:
		_, err = api.Call[iam.UntagMFADeviceOutput](ctx, p.door, c, &iam.UntagMFADeviceInput{SerialNumber: &resource, TagKeys: keys})
	}
	return err
}

// find tells the type and name of a resource of the caller's account. IAM names an instance profile without its account
// and path, so the ARN must be the profile's own.
func (p provider) find(ctx context.Context, c *api.Caller, resource string) (kind, name string, err error) {
	a, err := arn.Parse(resource)
	switch {
	case err != nil || a.AccountID != c.AccountID:
		return "", "", noSuchEntity("%s does not exist.", resource)
	case c.Region != taggingRegion:
		return "", "", api.Errorf("InvalidParameterException", "Resource %s can be tagged in %s only.", resource, taggingRegion)
	}
	kind, path := a.Split()
	name = path[strings.LastIndexByte(path, '/')+1:]
	if kind != taggedInstanceProfile {
		return kind, name, nil
	}
	err = p.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		profile, err := tx.InstanceProfile(ctx, c.AccountID, name)
		switch {
		case errors.Is(err, state.ErrNotFound):
			return nil // the operation itself says so, to whom it may
		case err == nil && profile.ARN() != resource:
			return noSuchEntity("%s does not exist.", resource)
		}
		return err
	})
	return kind, name, err
}
