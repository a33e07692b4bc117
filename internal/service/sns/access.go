package sns

import (
	"context"
	"errors"
	"net/http"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

func invalid(format string, args ...any) *api.Error {
	return api.Errorf("InvalidParameter", "Invalid parameter: "+format, args...)
}

func noTopic() *api.Error {
	return api.Errorf("NotFound", "Topic does not exist").WithStatus(http.StatusNotFound)
}

func noSubscription() *api.Error {
	return api.Errorf("NotFound", "Subscription does not exist").WithStatus(http.StatusNotFound)
}

func anyResource[In any](operation string) func(context.Context, *api.Caller, *In) ([]api.Access, error) {
	return func(context.Context, *api.Caller, *In) ([]api.Access, error) {
		return []api.Access{{Action: "sns:" + operation, Resource: "*"}}, nil
	}
}

// row makes an operation on the topic that the input's TopicArn or ResourceArn names.
func row[In, Out any](s *Service, action string, fn func(context.Context, *api.Caller, *In) (*Out, error)) api.Operation {
	return api.Op("", fn, func(ctx context.Context, c *api.Caller, in *In) ([]api.Access, error) {
		name := api.Field(in, "TopicArn")
		if name == "" {
			name = api.Field(in, "ResourceArn")
		}
		t, err := s.topic(ctx, c, name)
		return []api.Access{access(t, action)}, err
	})
}

// access asks the policies for an action on a topic.
func access(t state.Topic, action string) api.Access {
	return api.Access{
		Action: "sns:" + action, Resource: t.ARN, ResourceAccountID: t.AccountID, Context: api.WithResourceTags(nil, t.Tags),
		ResourcePolicies: []api.PolicyDocument{{Name: "topic policy of " + t.ARN, Document: policyOf(t)}},
	}
}

// topic finds a topic of the Region that is called.
func (s *Service) topic(ctx context.Context, c *api.Caller, topicARN string) (state.Topic, error) {
	a, err := arn.Parse(topicARN)
	if err != nil || a.Service != "sns" || a.Region != c.Region {
		return state.Topic{}, invalid("TopicArn Reason: %s is not a topic of %s", topicARN, c.Region)
	}
	t, err := s.Topic(ctx, topicARN)
	if errors.Is(err, state.ErrNotFound) {
		return t, noTopic()
	}
	return t, err
}

// Topic reads a topic, asking nobody; [state.ErrNotFound] if there is none.
func (s *Service) Topic(ctx context.Context, topicARN string) (t state.Topic, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		t, err = tx.Topic(ctx, topicARN)
		return err
	})
	return t, err
}

// change writes what fn makes of a topic as it is now.
func (s *Service) change(ctx context.Context, topicARN string, fn func(t *state.Topic) error) error {
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		t, err := tx.Topic(ctx, topicARN)
		if err != nil {
			return err
		}
		if err := fn(&t); err != nil {
			return err
		}
		return tx.UpdateTopic(ctx, t)
	})
	if errors.Is(err, state.ErrNotFound) {
		return noTopic()
	}
	return err
}
