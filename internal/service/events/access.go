package events

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

func anyResource[In any](operation string) func(context.Context, *api.Caller, *In) ([]api.Access, error) {
	return func(context.Context, *api.Caller, *In) ([]api.Access, error) {
		return []api.Access{{Action: "events:" + operation, Resource: "*"}}, nil
	}
}

const defaultBus = "default"

// busARN is the ARN of the bus that a request names by name or ARN; the default bus where it names none.
func busARN(c *api.Caller, name *string) (arn.ARN, error) {
	text := aws.ToString(name)
	if text == "" {
		text = defaultBus
	}
	if !strings.HasPrefix(text, "arn:") {
		return arn.New("events", c.Region, c.AccountID, "event-bus/"+text), nil
	}
	a, err := arn.Parse(text)
	if err != nil || a.Service != "events" || !strings.HasPrefix(a.Resource, "event-bus/") {
		return a, invalidParameter("EventBusName", "Provided Arn is not in correct format.")
	}
	return a, nil
}

func nameOf(bus arn.ARN) string { return strings.TrimPrefix(bus.Resource, "event-bus/") }

// ruleARN is the ARN of a rule: rule/name on a default bus, rule/bus/name on others.
func ruleARN(bus arn.ARN, name string) string {
	resource := "rule/" + name
	if busName := nameOf(bus); busName != defaultBus {
		resource = "rule/" + busName + "/" + name
	}
	return arn.New("events", bus.Region, bus.AccountID, resource).String()
}

// readBus reads a bus. The default bus of every account is there, with a row or without.
func readBus(ctx context.Context, tx *state.Tx, bus arn.ARN) (state.EventBus, error) {
	b, err := tx.EventBus(ctx, bus.String())
	if errors.Is(err, state.ErrNotFound) {
		if nameOf(bus) != defaultBus {
			return b, noBus(nameOf(bus))
		}
		return state.EventBus{ARN: bus.String(), AccountID: bus.AccountID, Region: bus.Region, Name: defaultBus}, nil
	}
	return b, err
}

func (s *Service) bus(ctx context.Context, bus arn.ARN) (b state.EventBus, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		b, err = readBus(ctx, tx, bus)
		return err
	})
	return b, err
}

// changeBus writes what fn makes of a bus as it is now.
func (s *Service) changeBus(ctx context.Context, bus arn.ARN, fn func(b *state.EventBus) error) error {
	return s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		b, err := readBus(ctx, tx, bus)
		if err != nil {
			return err
		}
		if err := fn(&b); err != nil {
			return err
		}
		b.ModifiedAt = tx.Now
		err = tx.UpdateEventBus(ctx, b)
		if errors.Is(err, state.ErrNotFound) { // the default bus gets its row
			b.CreatedAt = tx.Now
			return tx.InsertEventBus(ctx, b)
		}
		return err
	})
}

// busAccess asks the policies for an action on a bus.
func busAccess(b state.EventBus, operation string) api.Access {
	return api.Access{
		Action: "events:" + operation, Resource: b.ARN, ResourceAccountID: b.AccountID, Context: api.WithResourceTags(nil, b.Tags),
		ResourcePolicies: []api.PolicyDocument{{Name: "policy of event bus " + b.ARN, Document: b.Policy}},
	}
}

// ruleRow makes an operation on the rule that the input's Name or Rule names. The policy of the rule's bus may admit other
// accounts to it.
func ruleRow[In, Out any](s *Service, fn func(context.Context, *api.Caller, *In) (*Out, error)) api.Operation {
	operation := api.OperationName(new(In))
	return api.Op("", fn, func(ctx context.Context, c *api.Caller, in *In) ([]api.Access, error) {
		name := api.Field(in, "Name")
		if name == "" {
			name = api.Field(in, "Rule")
		}
		a, _, err := s.ruleAccess(ctx, c, operation, api.Field(in, "EventBusName"), name)
		return []api.Access{a}, err
	})
}

func (s *Service) ruleAccess(ctx context.Context, c *api.Caller, operation, busName, name string) (a api.Access, r state.EventRule, err error) {
	bus, err := busARN(c, &busName)
	if err != nil {
		return a, r, err
	}
	var b state.EventBus
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		if b, err = readBus(ctx, tx, bus); err != nil {
			return err
		}
		r, err = tx.EventRule(ctx, bus.String(), name)
		if errors.Is(err, state.ErrNotFound) {
			return nil // the operation tells; deleting it again is no error
		}
		return err
	})
	return api.Access{
		Action: "events:" + operation, Resource: ruleARN(bus, name), ResourceAccountID: bus.AccountID, Context: api.WithResourceTags(nil, r.Tags),
		ResourcePolicies: []api.PolicyDocument{{Name: "policy of event bus " + b.ARN, Document: b.Policy}},
	}, r, err
}
