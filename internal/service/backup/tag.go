package backup

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
	"strongroom/rules"
)

// checkTags checks the form and number of tags.
func checkTags(tags map[string]string) error {
	if len(tags) > rules.MaxTags {
		return tooManyTags()
	}
	for key, value := range tags {
		switch {
		case key == "" || utf8.RuneCountInString(key) > 128:
			return invalid("Invalid tag key %q: it must have 1 to 128 characters.", key)
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return invalid("Invalid tag key %q: aws: is reserved.", key)
		case utf8.RuneCountInString(value) > 256:
			return invalid("Invalid value of tag %q: it must have at most 256 characters.", key)
		}
	}
	return nil
}

func tooManyTags() error {
	return limitExceeded("The resultant tag set must not have more than %d user tags.", rules.MaxTags)
}

// tagged is something of the caller's that has tags, and how to write them.
type tagged struct {
	tags map[string]string
	put  func(ctx context.Context, tags map[string]string) error
}

// findTagged finds a vault, plan, legal hold or recovery point of the caller's by ARN.
func findTagged(ctx context.Context, tx *state.Tx, c *api.Caller, resource string) (tagged, error) {
	parsed, err := arn.Parse(resource)
	if err != nil {
		return tagged{}, invalid("Invalid ARN %s in ResourceArn.", resource)
	}
	kind, id := parsed.Split()
	if parsed.Service == "backup" && (parsed.AccountID != c.AccountID || parsed.Region != c.Region) {
		return tagged{}, notFound("The requested resource %s does not exist", resource)
	}
	switch {
	case parsed.Service == "backup" && kind == "backup-vault":
		v, err := tx.BackupVaultByARN(ctx, resource)
		if errors.Is(err, state.ErrNotFound) {
			return tagged{}, vaultNotFound(id)
		}
		return tagged{v.Tags, func(ctx context.Context, tags map[string]string) error {
			v.Tags = tags
			return tx.UpdateBackupVault(ctx, v)
		}}, err
	case parsed.Service == "backup" && kind == "backup-plan":
		p, err := findPlan(ctx, tx, c, id)
		return tagged{p.Tags, func(ctx context.Context, tags map[string]string) error {
			if p.OrganizationID != "" { // its tags are the policy's
				return ofOrganization("Tags cannot be changed for", p)
			}
			p.Tags = tags
			return tx.PutBackupPlan(ctx, p)
		}}, err
	case parsed.Service == "backup" && kind == "legal-hold":
		h, err := findHold(ctx, tx, c, id)
		return tagged{h.Tags, func(ctx context.Context, tags map[string]string) error {
			h.Tags = tags
			return tx.UpdateLegalHold(ctx, h)
		}}, err
	}
	p, err := findOwnPoint(ctx, tx, c, resource)
	return tagged{p.Tags, func(ctx context.Context, tags map[string]string) error {
		p.Tags = tags
		return tx.UpdateRecoveryPoint(ctx, p)
	}}, err
}

// onTagged is an access to whatever an ARN names.
func (s *Service) onTagged(ctx context.Context, c *api.Caller, action string, resource *string, more map[string][]string) ([]api.Access, error) {
	if aws.ToString(resource) == "" {
		return nil, missing("ResourceArn")
	}
	a := api.Access{Action: "backup:" + action, Resource: *resource, ResourceAccountID: c.AccountID, Context: map[string][]string{}}
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		found, err := findTagged(ctx, tx, c, *resource)
		a = with(with(a, api.WithResourceTags(nil, found.tags)), more)
		if api.Code(err) == "ResourceNotFoundException" {
			return nil
		}
		return err
	})
	return one(a, err)
}

func (s *Service) tagResourceAccess(ctx context.Context, c *api.Caller, in *backup.TagResourceInput) ([]api.Access, error) {
	return s.onTagged(ctx, c, "TagResource", in.ResourceArn, api.WithRequestTags(nil, in.Tags))
}

// TagResource adds tags to a vault, a plan, a legal hold or a recovery point.
func (s *Service) TagResource(ctx context.Context, c *api.Caller, in *backup.TagResourceInput) (*backup.TagResourceOutput, error) {
	if in.Tags == nil {
		return nil, missing("Tags")
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	return &backup.TagResourceOutput{}, s.retag(ctx, c, *in.ResourceArn, func(tags map[string]string) { maps.Copy(tags, in.Tags) })
}

func (s *Service) untagResourceAccess(ctx context.Context, c *api.Caller, in *backup.UntagResourceInput) ([]api.Access, error) {
	return s.onTagged(ctx, c, "UntagResource", in.ResourceArn, map[string][]string{"aws:TagKeys": in.TagKeyList})
}

// UntagResource takes tags away again.
func (s *Service) UntagResource(ctx context.Context, c *api.Caller, in *backup.UntagResourceInput) (*backup.UntagResourceOutput, error) {
	if in.TagKeyList == nil {
		return nil, missing("TagKeyList")
	}
	return &backup.UntagResourceOutput{}, s.retag(ctx, c, *in.ResourceArn, func(tags map[string]string) {
		for _, key := range in.TagKeyList {
			delete(tags, key)
		}
	})
}

func (s *Service) retag(ctx context.Context, c *api.Caller, resource string, change func(tags map[string]string)) error {
	return s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		found, err := findTagged(ctx, tx, c, resource)
		if err != nil {
			return err
		}
		tags := maps.Clone(found.tags)
		if tags == nil {
			tags = map[string]string{}
		}
		change(tags)
		if len(tags) > rules.MaxTags {
			return tooManyTags()
		}
		return found.put(ctx, tags)
	})
}

func (s *Service) listTagsAccess(ctx context.Context, c *api.Caller, in *backup.ListTagsInput) ([]api.Access, error) {
	return s.onTagged(ctx, c, "ListTags", in.ResourceArn, nil)
}

// ListTags lists the tags of a vault, a plan, a legal hold or a recovery point, by key.
func (s *Service) ListTags(ctx context.Context, c *api.Caller, in *backup.ListTagsInput) (*backup.ListTagsOutput, error) {
	p, err := s.page(c, "ListTags:"+*in.ResourceArn, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &backup.ListTagsOutput{Tags: map[string]string{}}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		found, err := findTagged(ctx, tx, c, *in.ResourceArn)
		if err != nil {
			return err
		}
		var rest []string
		for _, key := range slices.Sorted(maps.Keys(found.tags)) {
			if key > p.after.ID {
				rest = append(rest, key)
			}
		}
		var keys []string
		keys, out.NextToken = cut(p, rest, func(key string) state.Cursor { return state.Cursor{ID: key} }, func(key string) string { return key })
		for _, key := range keys {
			out.Tags[key] = found.tags[key]
		}
		return nil
	})
}
