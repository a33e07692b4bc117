package events

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/service/tagging"
	"strongroom/internal/state"
)

func tagMap(tags []types.Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	all := make(map[string]string, len(tags))
	for _, t := range tags {
		all[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return all
}

func checkTags(tags map[string]string) error {
	if len(tags) > 50 {
		return api.Errorf("LimitExceededException", "The requested resource exceeds the maximum number of tags allowed.")
	}
	for key := range tags {
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return invalid("Tag keys must not start with aws:.")
		}
	}
	return nil
}

// taggable is a bus or a rule by its ARN.
type taggable struct {
	bus  *state.EventBus
	rule *state.EventRule
}

func (t taggable) tags() map[string]string {
	if t.bus != nil {
		return t.bus.Tags
	}
	return t.rule.Tags
}

func find(ctx context.Context, tx *state.Tx, resource string) (taggable, error) {
	a, err := arn.Parse(resource)
	if err != nil || a.Service != "events" {
		return taggable{}, invalidParameter(resource, "Provided Arn is not in correct format.")
	}
	kind, id := a.Split()
	switch kind {
	case "event-bus":
		b, err := readBus(ctx, tx, a)
		return taggable{bus: &b}, err
	case "rule":
		busName, name, onBus := strings.Cut(id, "/")
		if !onBus {
			busName, name = defaultBus, id
		}
		r, err := tx.EventRule(ctx, arn.New("events", a.Region, a.AccountID, "event-bus/"+busName).String(), name)
		if errors.Is(err, state.ErrNotFound) {
			err = noRule(name, busName)
		}
		return taggable{rule: &r}, err
	}
	return taggable{}, invalidParameter(resource, "Provided Arn is not in correct format.")
}

func (s *Service) taggedAccess(ctx context.Context, operation string, resource *string, tags map[string]string) ([]api.Access, error) {
	var t taggable
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		t, err = find(ctx, tx, aws.ToString(resource))
		return err
	})
	if err != nil {
		return nil, err
	}
	a, err := arn.Parse(*resource)
	return []api.Access{{
		Action: "events:" + operation, Resource: *resource, ResourceAccountID: a.AccountID,
		Context: api.WithRequestTags(api.WithResourceTags(nil, t.tags()), tags),
	}}, err
}

func (s *Service) tagAccess(ctx context.Context, _ *api.Caller, in *eventbridge.TagResourceInput) ([]api.Access, error) {
	return s.taggedAccess(ctx, "TagResource", in.ResourceARN, tagMap(in.Tags))
}

func (s *Service) untagAccess(ctx context.Context, _ *api.Caller, in *eventbridge.UntagResourceInput) ([]api.Access, error) {
	return s.taggedAccess(ctx, "UntagResource", in.ResourceARN, nil)
}

func (s *Service) listTagsAccess(ctx context.Context, _ *api.Caller, in *eventbridge.ListTagsForResourceInput) ([]api.Access, error) {
	return s.taggedAccess(ctx, "ListTagsForResource", in.ResourceARN, nil)
}

// TagResource sets tags of a bus or a rule.
func (s *Service) TagResource(ctx context.Context, _ *api.Caller, in *eventbridge.TagResourceInput) (*eventbridge.TagResourceOutput, error) {
	return &eventbridge.TagResourceOutput{}, s.retag(ctx, *in.ResourceARN, func(tags map[string]string) { maps.Copy(tags, tagMap(in.Tags)) })
}

// UntagResource removes tags of a bus or a rule.
func (s *Service) UntagResource(ctx context.Context, _ *api.Caller, in *eventbridge.UntagResourceInput) (*eventbridge.UntagResourceOutput, error) {
	return &eventbridge.UntagResourceOutput{}, s.retag(ctx, *in.ResourceARN, func(tags map[string]string) {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
	})
}

func (s *Service) retag(ctx context.Context, resource string, fn func(map[string]string)) error {
	change := func(t taggable) (map[string]string, error) {
		tags := maps.Clone(t.tags())
		if tags == nil {
			tags = map[string]string{}
		}
		fn(tags)
		return tags, checkTags(tags)
	}
	a, err := arn.Parse(resource)
	if err != nil {
		return err
	}
	if strings.HasPrefix(a.Resource, "event-bus/") {
		return s.changeBus(ctx, a, func(b *state.EventBus) (err error) {
			b.Tags, err = change(taggable{bus: b})
			return err
		})
	}
	return s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		t, err := find(ctx, tx, resource)
		if err != nil {
			return err
		}
		if t.rule.Tags, err = change(t); err != nil {
			return err
		}
		return tx.PutEventRule(ctx, *t.rule)
	})
}

// ListTagsForResource tells the tags of a bus or a rule by key.
func (s *Service) ListTagsForResource(ctx context.Context, _ *api.Caller, in *eventbridge.ListTagsForResourceInput) (*eventbridge.ListTagsForResourceOutput, error) {
	out := &eventbridge.ListTagsForResourceOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		t, err := find(ctx, tx, *in.ResourceARN)
		if err != nil {
			return err
		}
		tags := t.tags()
		for _, key := range slices.Sorted(maps.Keys(tags)) {
			out.Tags = append(out.Tags, types.Tag{Key: &key, Value: new(tags[key])})
		}
		return nil
	})
}

var _ tagging.Provider = (*Service)(nil)

// ResourceTypes are the service's types in the tagging API.
func (s *Service) ResourceTypes() []string { return []string{"events:rule", "events:event-bus"} }

// List lists the buses and rules that have tags.
func (s *Service) List(ctx context.Context, accountID, region string) (all []tagging.Tagged, err error) {
	add := func(arn string, tags map[string]string) {
		if len(tags) > 0 {
			all = append(all, tagging.Tagged{ARN: arn, Tags: tags})
		}
	}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		buses, err := tx.EventBuses(ctx, accountID, region)
		if err != nil {
			return err
		}
		names := []string{defaultBus}
		for _, b := range buses {
			add(b.ARN, b.Tags)
			if b.Name != defaultBus {
				names = append(names, b.Name)
			}
		}
		for _, name := range names {
			rules, err := tx.EventRules(ctx, arn.New("events", region, accountID, "event-bus/"+name).String(), "", "", 0)
			if err != nil {
				return err
			}
			for _, r := range rules {
				add(r.ARN, r.Tags)
			}
		}
		return nil
	})
	return all, err
}

// Tag adds tags through TagResource.
func (s *Service) Tag(ctx context.Context, c *api.Caller, resource string, tags map[string]string) error {
	in := &eventbridge.TagResourceInput{ResourceARN: &resource}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		in.Tags = append(in.Tags, types.Tag{Key: &key, Value: new(tags[key])})
	}
	_, err := api.Call[eventbridge.TagResourceOutput](ctx, s.Door, c, in)
	return err
}

// Untag removes tags through UntagResource.
func (s *Service) Untag(ctx context.Context, c *api.Caller, resource string, keys []string) error {
	_, err := api.Call[eventbridge.UntagResourceOutput](ctx, s.Door, c, &eventbridge.UntagResourceInput{ResourceARN: &resource, TagKeys: keys})
	return err
}
