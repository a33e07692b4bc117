package events

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/state"
)

func (s *Service) createBusAccess(_ context.Context, c *api.Caller, in *eventbridge.CreateEventBusInput) ([]api.Access, error) {
	bus, err := busARN(c, in.Name)
	return []api.Access{{Action: "events:CreateEventBus", Resource: bus.String(), Context: api.WithRequestTags(nil, tagMap(in.Tags))}}, err
}

// CreateEventBus makes an event bus.
func (s *Service) CreateEventBus(ctx context.Context, c *api.Caller, in *eventbridge.CreateEventBusInput) (*eventbridge.CreateEventBusOutput, error) {
	if err := checkBus(in.LogConfig, in.KmsKeyIdentifier, in.DeadLetterConfig); err != nil {
		return nil, err
	}
	name := aws.ToString(in.Name)
	switch {
	case in.EventSourceName != nil:
		return nil, api.NotImplemented("events: partner event sources")
	case strings.ContainsAny(name, "/:"):
		return nil, invalid("Parameter Name is not valid. Reason: Event bus name must not contain '/'.")
	}
	if name == defaultBus {
		return nil, api.Errorf("ResourceAlreadyExistsException", "Event bus %s already exists.", name)
	}
	tags := tagMap(in.Tags)
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	bus, err := busARN(c, in.Name)
	if err != nil {
		return nil, err
	}
	b := state.EventBus{
		ARN: bus.String(), AccountID: c.AccountID, Region: c.Region, Name: name, Description: aws.ToString(in.Description),
		Tags: tags,
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		b.CreatedAt, b.ModifiedAt = tx.Now, tx.Now
		return tx.InsertEventBus(ctx, b)
	})
	if errors.Is(err, state.ErrExists) {
		return nil, api.Errorf("ResourceAlreadyExistsException", "Event bus %s already exists.", name)
	}
	if err != nil {
		return nil, err
	}
	return &eventbridge.CreateEventBusOutput{EventBusArn: &b.ARN, Description: in.Description}, nil
}

func deadLetterOf(d *types.DeadLetterConfig) string {
	if d == nil {
		return ""
	}
	return aws.ToString(d.Arn)
}

// checkBus refuses what would change how a bus keeps events: it encrypts them under the service's own key, so that none is
// ever left over for the bus's dead-letter queue, which takes those that the customer's key no longer opens.
func checkBus(logs *types.LogConfig, key *string, deadLetter *types.DeadLetterConfig) error {
	switch {
	case logs != nil && logs.Level != "" && logs.Level != types.LevelOff:
		return api.NotImplemented("events: logs of event buses")
	case aws.ToString(key) != "":
		return api.NotImplemented("events: KmsKeyIdentifier, a customer's key for an event bus")
	case deadLetterOf(deadLetter) != "":
		return api.NotImplemented("events: DeadLetterConfig of an event bus")
	}
	return nil
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func (s *Service) oneBus(ctx context.Context, c *api.Caller, operation string, name *string) ([]api.Access, error) {
	bus, err := busARN(c, name)
	if err != nil {
		return nil, err
	}
	b, err := s.bus(ctx, bus)
	return []api.Access{busAccess(b, operation)}, err
}

func (s *Service) describeBusAccess(ctx context.Context, c *api.Caller, in *eventbridge.DescribeEventBusInput) ([]api.Access, error) {
	return s.oneBus(ctx, c, "DescribeEventBus", in.Name)
}

// DescribeEventBus describes a bus, or the default one.
func (s *Service) DescribeEventBus(ctx context.Context, c *api.Caller, in *eventbridge.DescribeEventBusInput) (*eventbridge.DescribeEventBusOutput, error) {
	bus, err := busARN(c, in.Name)
	if err != nil {
		return nil, err
	}
	b, err := s.bus(ctx, bus)
	if err != nil {
		return nil, err
	}
	return &eventbridge.DescribeEventBusOutput{
		Arn: &b.ARN, Name: &b.Name, Policy: optional(b.Policy), Description: optional(b.Description),
		CreationTime: b.CreatedAt.Ptr(), LastModifiedTime: b.ModifiedAt.Ptr(),
	}, nil
}

func (s *Service) updateBusAccess(ctx context.Context, c *api.Caller, in *eventbridge.UpdateEventBusInput) ([]api.Access, error) {
	return s.oneBus(ctx, c, "UpdateEventBus", in.Name)
}

// UpdateEventBus replaces what can be set of a bus.
func (s *Service) UpdateEventBus(ctx context.Context, c *api.Caller, in *eventbridge.UpdateEventBusInput) (*eventbridge.UpdateEventBusOutput, error) {
	if err := checkBus(in.LogConfig, in.KmsKeyIdentifier, in.DeadLetterConfig); err != nil {
		return nil, err
	}
	bus, err := busARN(c, in.Name)
	if err != nil {
		return nil, err
	}
	err = s.changeBus(ctx, bus, func(b *state.EventBus) error {
		b.Description = aws.ToString(in.Description)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &eventbridge.UpdateEventBusOutput{Arn: new(bus.String()), Name: new(nameOf(bus)), Description: in.Description}, nil
}

func (s *Service) deleteBusAccess(_ context.Context, c *api.Caller, in *eventbridge.DeleteEventBusInput) ([]api.Access, error) {
	bus, err := busARN(c, in.Name)
	return []api.Access{{Action: "events:DeleteEventBus", Resource: bus.String(), ResourceAccountID: bus.AccountID}}, err
}

// DeleteEventBus removes a bus, which must have no rules. One that is gone is no error.
func (s *Service) DeleteEventBus(ctx context.Context, c *api.Caller, in *eventbridge.DeleteEventBusInput) (*eventbridge.DeleteEventBusOutput, error) {
	bus, err := busARN(c, in.Name)
	if err != nil {
		return nil, err
	}
	if nameOf(bus) == defaultBus {
		return nil, invalid("Cannot delete event bus default.")
	}
	return &eventbridge.DeleteEventBusOutput{}, s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		rules, err := tx.EventRules(ctx, bus.String(), "", "", 1)
		if err != nil {
			return err
		}
		if len(rules) > 0 {
			return invalid("Cannot delete event bus %s because it has rules.", nameOf(bus))
		}
		err = tx.DeleteEventBus(ctx, bus.String())
		if errors.Is(err, state.ErrNotFound) {
			return nil
		}
		return err
	})
}

// ListEventBuses lists the buses by name.
func (s *Service) ListEventBuses(ctx context.Context, c *api.Caller, in *eventbridge.ListEventBusesInput) (*eventbridge.ListEventBusesOutput, error) {
	scope := "events:ListEventBuses:" + c.AccountID + ":" + c.Region + ":" + aws.ToString(in.NamePrefix)
	after, err := s.Pages.After(scope, in.NextToken, "ValidationException")
	if err != nil {
		return nil, err
	}
	var buses []state.EventBus
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		if buses, err = tx.EventBuses(ctx, c.AccountID, c.Region); err != nil {
			return err
		}
		if !slices.ContainsFunc(buses, func(b state.EventBus) bool { return b.Name == defaultBus }) {
			bus, err := busARN(c, nil)
			if err != nil {
				return err
			}
			b, err := readBus(ctx, tx, bus)
			buses = append(buses, b)
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	buses = slices.DeleteFunc(buses, func(b state.EventBus) bool { return !strings.HasPrefix(b.Name, aws.ToString(in.NamePrefix)) })
	slices.SortFunc(buses, func(a, b state.EventBus) int { return strings.Compare(a.Name, b.Name) })
	buses, next := page.Slice(buses, after, pageSize(in.Limit), func(b state.EventBus) string { return b.Name })
	out := &eventbridge.ListEventBusesOutput{NextToken: s.Pages.Next(scope, next)}
	for _, b := range buses {
		out.EventBuses = append(out.EventBuses, types.EventBus{
			Arn: &b.ARN, Name: &b.Name, Policy: optional(b.Policy), Description: optional(b.Description), CreationTime: b.CreatedAt.Ptr(), LastModifiedTime: b.ModifiedAt.Ptr(),
		})
	}
	return out, nil
}

func pageSize(limit *int32) int {
	if limit == nil {
		return 100
	}
	return int(*limit)
}
