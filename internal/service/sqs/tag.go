package sqs

import (
	"context"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"strongroom/internal/api"
	"strongroom/internal/service/tagging"
	"strongroom/internal/state"
)

const maxTags = 50

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return invalid("Too many tags added for queue.")
	}
	for key, value := range tags {
		switch {
		case key == "" || len([]rune(key)) > 128:
			return invalid("Tag keys must be between 1 and 128 characters in length.")
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return invalid("Tag keys must not start with aws:.")
		case len([]rune(value)) > 256:
			return invalid("Tag values must be between 0 and 256 characters in length.")
		}
	}
	return nil
}

func (s *Service) tagQueueAccess(ctx context.Context, c *api.Caller, in *sqs.TagQueueInput) ([]api.Access, error) {
	q, err := s.queue(ctx, c, aws.ToString(in.QueueUrl))
	if err != nil {
		return nil, err
	}
	accesses, err := ownersAccess(c, q, "TagQueue")
	if err != nil {
		return nil, err
	}
	accesses[0].Context = api.WithRequestTags(accesses[0].Context, in.Tags)
	return accesses, nil
}

// TagQueue sets tags of a queue.
func (s *Service) TagQueue(ctx context.Context, c *api.Caller, in *sqs.TagQueueInput) (*sqs.TagQueueOutput, error) {
	return &sqs.TagQueueOutput{}, s.retag(ctx, c, in.QueueUrl, func(tags map[string]string) { maps.Copy(tags, in.Tags) })
}

// UntagQueue removes tags of a queue.
func (s *Service) UntagQueue(ctx context.Context, c *api.Caller, in *sqs.UntagQueueInput) (*sqs.UntagQueueOutput, error) {
	return &sqs.UntagQueueOutput{}, s.retag(ctx, c, in.QueueUrl, func(tags map[string]string) {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
	})
}

func (s *Service) retag(ctx context.Context, c *api.Caller, queueURL *string, fn func(map[string]string)) error {
	q, err := s.queue(ctx, c, aws.ToString(queueURL))
	if err != nil {
		return err
	}
	return s.change(ctx, q.ARN, func(_ context.Context, _ *state.Tx, q *state.Queue) error {
		tags := maps.Clone(q.Tags)
		if tags == nil {
			tags = map[string]string{}
		}
		fn(tags)
		q.Tags = tags
		return checkTags(tags)
	})
}

// ListQueueTags tells the tags of a queue.
func (s *Service) ListQueueTags(ctx context.Context, c *api.Caller, in *sqs.ListQueueTagsInput) (*sqs.ListQueueTagsOutput, error) {
	q, err := s.queue(ctx, c, aws.ToString(in.QueueUrl))
	if err != nil {
		return nil, err
	}
	return &sqs.ListQueueTagsOutput{Tags: q.Tags}, nil
}

var _ tagging.Provider = (*Service)(nil)

// ResourceTypes is the service alone: the ARN of a queue names no type.
func (s *Service) ResourceTypes() []string { return []string{"sqs:"} }

// List lists the queues that have tags.
func (s *Service) List(ctx context.Context, accountID, region string) (all []tagging.Tagged, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		queues, err := tx.Queues(ctx, accountID, region, "", "", 0)
		for _, q := range queues {
			if len(q.Tags) > 0 {
				all = append(all, tagging.Tagged{ARN: q.ARN, Tags: q.Tags})
			}
		}
		return err
	})
	return all, err
}

// Tag adds tags through TagQueue.
func (s *Service) Tag(ctx context.Context, c *api.Caller, resource string, tags map[string]string) error {
	_, err := api.Call[sqs.TagQueueOutput](ctx, s.Door, c, &sqs.TagQueueInput{QueueUrl: new(URLOf(resource)), Tags: tags})
	return err
}

// Untag removes tags through UntagQueue.
func (s *Service) Untag(ctx context.Context, c *api.Caller, resource string, keys []string) error {
	_, err := api.Call[sqs.UntagQueueOutput](ctx, s.Door, c, &sqs.UntagQueueInput{QueueUrl: new(URLOf(resource)), TagKeys: keys})
	return err
}
