package sqs

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// row makes an operation on the queue that the input's QueueUrl names. Batches need the action of their entries.
func row[In, Out any](s *Service, action string, fn func(context.Context, *api.Caller, *In) (*Out, error)) api.Operation {
	return api.Op("", fn, func(ctx context.Context, c *api.Caller, in *In) ([]api.Access, error) {
		q, err := s.queue(ctx, c, api.Field(in, "QueueUrl"))
		if err != nil {
			return nil, err
		}
		return []api.Access{access(q, action)}, nil
	})
}

// ownersRow is row for the operations that other accounts can not be admitted to.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-customer-managed-policy-examples.html
func ownersRow[In, Out any](s *Service, action string, fn func(context.Context, *api.Caller, *In) (*Out, error)) api.Operation {
	return api.Op("", fn, func(ctx context.Context, c *api.Caller, in *In) ([]api.Access, error) {
		q, err := s.queue(ctx, c, api.Field(in, "QueueUrl"))
		if err != nil {
			return nil, err
		}
		return ownersAccess(c, q, action)
	})
}

func ownersAccess(c *api.Caller, q state.Queue, action string) ([]api.Access, error) {
	if c.AccountID != q.AccountID {
		return nil, api.Errorf("AccessDeniedException", "Access to the resource %s is denied.", q.ARN).WithStatus(http.StatusForbidden)
	}
	return []api.Access{access(q, action)}, nil
}

// access asks the policies for an action on a queue.
func access(q state.Queue, action string) api.Access {
	return api.Access{
		Action: "sqs:" + action, Resource: q.ARN, ResourceAccountID: q.AccountID, Context: api.WithResourceTags(nil, q.Tags),
		ResourcePolicies: []api.PolicyDocument{{Name: "queue policy of " + q.ARN, Document: q.Attributes["Policy"]}},
	}
}

// URLOf is the URL of a queue for calls inside the house, which have no host.
func URLOf(queueARN string) string {
	a, err := arn.Parse(queueARN)
	if err != nil {
		return queueARN
	}
	return "/" + a.AccountID + "/" + a.Resource
}

// urlOf is the URL of a queue as its caller can reach it.
func urlOf(c *api.Caller, q state.Queue) *string { return new(c.Endpoint + URLOf(q.ARN)) }

// queue finds the queue that a URL names. A URL says the account and the name; the Region is that of the endpoint called.
func (s *Service) queue(ctx context.Context, c *api.Caller, queueURL string) (state.Queue, error) {
	u, err := url.Parse(queueURL)
	if err != nil || queueURL == "" {
		return state.Queue{}, invalidAddress(queueURL)
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	switch {
	case len(parts) == 1 && u.Host == "" && parts[0] != "":
		parts = []string{c.AccountID, parts[0]} // the name alone
	case len(parts) != 2 || parts[0] == "" || parts[1] == "":
		return state.Queue{}, invalidAddress(queueURL)
	}
	return s.queueNamed(ctx, arn.New("sqs", c.Region, parts[0], parts[1]).String())
}

func (s *Service) queueNamed(ctx context.Context, queueARN string) (q state.Queue, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		q, err = tx.Queue(ctx, queueARN)
		return err
	})
	if errors.Is(err, state.ErrNotFound) {
		return q, noQueue()
	}
	return q, err
}

// change writes what fn makes of a queue's row as it is now.
func (s *Service) change(ctx context.Context, queueARN string, fn func(ctx context.Context, tx *state.Tx, q *state.Queue) error) error {
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		q, err := tx.Queue(ctx, queueARN)
		if err != nil {
			return err
		}
		if err := fn(ctx, tx, &q); err != nil {
			return err
		}
		q.ModifiedAt = tx.Now
		return tx.UpdateQueue(ctx, q)
	})
	if errors.Is(err, state.ErrNotFound) {
		return noQueue()
	}
	return err
}
