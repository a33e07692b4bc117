package sqs

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/state"
)

func (s *Service) createQueueAccess(_ context.Context, c *api.Caller, in *sqs.CreateQueueInput) ([]api.Access, error) {
	resource := arn.New("sqs", c.Region, c.AccountID, aws.ToString(in.QueueName)).String()
	accesses := []api.Access{{Action: "sqs:CreateQueue", Resource: resource, Context: api.WithRequestTags(nil, in.Tags)}}
	if len(in.Tags) > 0 {
		accesses = append(accesses, api.Access{Action: "sqs:TagQueue", Resource: resource, Context: api.WithRequestTags(nil, in.Tags)})
	}
	return accesses, nil
}

var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// CreateQueue makes a queue. One of the name that has the attributes already is answered as if it were new.
func (s *Service) CreateQueue(ctx context.Context, c *api.Caller, in *sqs.CreateQueueInput) (*sqs.CreateQueueOutput, error) {
	name := aws.ToString(in.QueueName)
	base, isFIFO := strings.CutSuffix(name, ".fifo")
	if !queueName.MatchString(base) || len(name) > 80 {
		return nil, invalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	if isFIFO && in.Attributes["FifoQueue"] != "true" {
		return nil, invalid("The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.")
	}
	if !isFIFO && in.Attributes["FifoQueue"] == "true" {
		return nil, invalid("The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.")
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	q := state.Queue{
		ARN: arn.New("sqs", c.Region, c.AccountID, name).String(), AccountID: c.AccountID, Region: c.Region, Name: name, Tags: in.Tags,
	}
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		there, err := tx.Queue(ctx, q.ARN)
		if err == nil {
			return sameAttributes(there, in.Attributes)
		}
		if !errors.Is(err, state.ErrNotFound) {
			return err
		}
		q.CreatedAt, q.ModifiedAt = tx.Now, tx.Now
		if err := s.set(ctx, tx, &q, in.Attributes); err != nil {
			return err
		}
		return tx.InsertQueue(ctx, q)
	})
	if err != nil {
		return nil, err
	}
	return &sqs.CreateQueueOutput{QueueUrl: urlOf(c, q)}, nil
}

func sameAttributes(q state.Queue, wanted map[string]string) error {
	have := attributesOf(q, state.MessageCounts{})
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if have[name] != wanted[name] {
			return api.Errorf("QueueNameExists", "A queue already exists with the same name and a different value for attribute %s", name)
		}
	}
	return nil
}

func (s *Service) getQueueURLAccess(ctx context.Context, c *api.Caller, in *sqs.GetQueueUrlInput) ([]api.Access, error) {
	q, err := s.queueNamed(ctx, queueARNOf(c, in))
	if err != nil {
		return nil, err
	}
	return []api.Access{access(q, "GetQueueUrl")}, nil
}

func queueARNOf(c *api.Caller, in *sqs.GetQueueUrlInput) string {
	owner := aws.ToString(in.QueueOwnerAWSAccountId)
	if owner == "" {
		owner = c.AccountID
	}
	return arn.New("sqs", c.Region, owner, aws.ToString(in.QueueName)).String()
}

// GetQueueUrl tells the URL of a queue by its name.
func (s *Service) GetQueueUrl(ctx context.Context, c *api.Caller, in *sqs.GetQueueUrlInput) (*sqs.GetQueueUrlOutput, error) { //nolint:revive // named for the operation
	q, err := s.queueNamed(ctx, queueARNOf(c, in))
	if err != nil {
		return nil, err
	}
	return &sqs.GetQueueUrlOutput{QueueUrl: urlOf(c, q)}, nil
}

// ListQueues lists the URLs of the account's queues. Pages are told of only where MaxResults asks for them.
func (s *Service) ListQueues(ctx context.Context, c *api.Caller, in *sqs.ListQueuesInput) (*sqs.ListQueuesOutput, error) {
	limit, paged, err := pageSize(in.MaxResults)
	if err != nil {
		return nil, err
	}
	scope := "sqs:ListQueues:" + c.AccountID + ":" + c.Region + ":" + aws.ToString(in.QueueNamePrefix)
	after, err := s.Pages.After(scope, in.NextToken, "InvalidParameterValue")
	if err != nil {
		return nil, err
	}
	var queues []state.Queue
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		queues, err = tx.Queues(ctx, c.AccountID, c.Region, aws.ToString(in.QueueNamePrefix), after, limit+1)
		return err
	})
	if err != nil {
		return nil, err
	}
	queues, next := page.Cut(queues, limit, func(q state.Queue) string { return q.Name })
	out := &sqs.ListQueuesOutput{}
	for _, q := range queues {
		out.QueueUrls = append(out.QueueUrls, *urlOf(c, q))
	}
	if paged {
		out.NextToken = s.Pages.Next(scope, next)
	}
	return out, nil
}

// pageSize is the size of a page, and whether pages were asked for.
func pageSize(asked *int32) (size int, paged bool, err error) {
	switch {
	case asked == nil:
		return 1000, false, nil
	case *asked < 1 || *asked > 1000:
		return 0, true, invalid("Value for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and 1000.")
	}
	return int(*asked), true, nil
}

// ListDeadLetterSourceQueues lists the queues that have this one as their dead-letter queue.
func (s *Service) ListDeadLetterSourceQueues(ctx context.Context, c *api.Caller, in *sqs.ListDeadLetterSourceQueuesInput) (*sqs.ListDeadLetterSourceQueuesOutput, error) {
	q, err := s.queue(ctx, c, aws.ToString(in.QueueUrl))
	if err != nil {
		return nil, err
	}
	limit, paged, err := pageSize(in.MaxResults)
	if err != nil {
		return nil, err
	}
	scope := "sqs:ListDeadLetterSourceQueues:" + q.ARN
	after, err := s.Pages.After(scope, in.NextToken, "InvalidParameterValue")
	if err != nil {
		return nil, err
	}
	var queues []state.Queue
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		queues, err = tx.DeadLetterSources(ctx, q.ARN, after, limit+1)
		return err
	})
	if err != nil {
		return nil, err
	}
	queues, next := page.Cut(queues, limit, func(q state.Queue) string { return q.ARN })
	out := &sqs.ListDeadLetterSourceQueuesOutput{}
	for _, q := range queues {
		out.QueueUrls = append(out.QueueUrls, *urlOf(c, q))
	}
	if paged {
		out.NextToken = s.Pages.Next(scope, next)
	}
	return out, nil
}

// GetQueueAttributes tells the attributes that are asked for.
func (s *Service) GetQueueAttributes(ctx context.Context, c *api.Caller, in *sqs.GetQueueAttributesInput) (*sqs.GetQueueAttributesOutput, error) {
	q, err := s.queue(ctx, c, aws.ToString(in.QueueUrl))
	if err != nil {
		return nil, err
	}
	names := make([]string, len(in.AttributeNames))
	for i, name := range in.AttributeNames {
		names[i] = string(name)
	}
	if err := checkNames(names); err != nil {
		return nil, err
	}
	var counts state.MessageCounts
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		counts, err = tx.CountMessages(ctx, q.ARN)
		return err
	})
	if err != nil {
		return nil, err
	}
	all := attributesOf(q, counts)
	if !slices.Contains(names, "All") {
		maps.DeleteFunc(all, func(name, _ string) bool { return !slices.Contains(names, name) })
	}
	return &sqs.GetQueueAttributesOutput{Attributes: all}, nil
}

// SetQueueAttributes sets attributes. A shorter retention holds for the messages that are there, too.
func (s *Service) SetQueueAttributes(ctx context.Context, c *api.Caller, in *sqs.SetQueueAttributesInput) (*sqs.SetQueueAttributesOutput, error) {
	q, err := s.queue(ctx, c, aws.ToString(in.QueueUrl))
	if err != nil {
		return nil, err
	}
	if _, given := in.Attributes["FifoQueue"]; given {
		return nil, unknownAttribute("FifoQueue")
	}
	return &sqs.SetQueueAttributesOutput{}, s.change(ctx, q.ARN, func(ctx context.Context, tx *state.Tx, q *state.Queue) error {
		before := retentionOf(*q)
		if err := s.set(ctx, tx, q, in.Attributes); err != nil {
			return err
		}
		if now := retentionOf(*q); now != before {
			return tx.SetMessageRetention(ctx, q.ARN, now)
		}
		return nil
	})
}

// DeleteQueue removes a queue with its messages. Who waits at it is told.
func (s *Service) DeleteQueue(ctx context.Context, c *api.Caller, in *sqs.DeleteQueueInput) (*sqs.DeleteQueueOutput, error) {
	q, err := s.queue(ctx, c, aws.ToString(in.QueueUrl))
	if err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error { return tx.DeleteQueue(ctx, q.ARN) })
	if errors.Is(err, state.ErrNotFound) {
		return nil, noQueue()
	}
	s.arrivals.tell(q.ARN)
	s.forget(q.ARN)
	return &sqs.DeleteQueueOutput{}, err
}

const purgePause = 60

// PurgeQueue removes all messages of a queue.
func (s *Service) PurgeQueue(ctx context.Context, c *api.Caller, in *sqs.PurgeQueueInput) (*sqs.PurgeQueueOutput, error) {
	q, err := s.queue(ctx, c, aws.ToString(in.QueueUrl))
	if err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		q, err := tx.Queue(ctx, q.ARN)
		if err != nil {
			return err
		}
		if q.PurgedAt != 0 && q.PurgedAt+seconds(purgePause) > tx.Now {
			return api.Errorf("PurgeQueueInProgress", "Only one PurgeQueue operation on %s is allowed every %d seconds.", q.Name, purgePause).WithStatus(http.StatusForbidden)
		}
		q.PurgedAt = tx.Now
		if err := tx.UpdateQueue(ctx, q); err != nil {
			return err
		}
		return tx.PurgeMessages(ctx, q.ARN, tx.Now)
	})
	if errors.Is(err, state.ErrNotFound) {
		return nil, noQueue()
	}
	return &sqs.PurgeQueueOutput{}, err
}
