package events

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/service/events/pattern"
	"strongroom/internal/state"
)

func (s *Service) putEventsAccess(ctx context.Context, c *api.Caller, in *eventbridge.PutEventsInput) ([]api.Access, error) {
	if in.EndpointId != nil {
		return nil, api.NotImplemented("events: global endpoints")
	}
	var accesses []api.Access
	for _, e := range in.Entries {
		bus, err := busARN(c, e.EventBusName)
		if err != nil {
			return nil, err
		}
		a, err := s.putAccess(ctx, bus, aws.ToString(e.Source), aws.ToString(e.DetailType))
		if err != nil {
			return nil, err
		}
		accesses = append(accesses, a)
	}
	return accesses, nil
}

// putAccess asks for events:PutEvents on a bus. One that does not exist is asked for, too: its events are lost.
func (s *Service) putAccess(ctx context.Context, bus arn.ARN, source, detailType string) (api.Access, error) {
	b, err := s.bus(ctx, bus)
	if api.Code(err) == "ResourceNotFoundException" {
		b = state.EventBus{ARN: bus.String(), AccountID: bus.AccountID}
	} else if err != nil {
		return api.Access{}, err
	}
	a := busAccess(b, "PutEvents")
	a.Context["events:source"], a.Context["events:detail-type"] = []string{source}, []string{detailType}
	return a, nil
}

// maxEntries is the size that all entries of a request have together at most.
const maxEntries = 1 << 20

// PutEvents puts events on buses, each for itself.
func (s *Service) PutEvents(ctx context.Context, c *api.Caller, in *eventbridge.PutEventsInput) (*eventbridge.PutEventsOutput, error) {
	size := 0
	for _, e := range in.Entries {
		size += len(aws.ToString(e.Detail)) + len(aws.ToString(e.DetailType)) + len(aws.ToString(e.Source))
		for _, r := range e.Resources {
			size += len(r)
		}
	}
	if size > maxEntries {
		return nil, invalid("Total size of the entries in the request is over the limit.")
	}
	out := &eventbridge.PutEventsOutput{Entries: make([]types.PutEventsResultEntry, len(in.Entries))}
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		for i, e := range in.Entries {
			id, err := s.putEntry(ctx, tx, c, e)
			if refused, ok := errors.AsType[*api.Error](err); ok {
				out.Entries[i] = types.PutEventsResultEntry{ErrorCode: &refused.Code, ErrorMessage: &refused.Message}
				out.FailedEntryCount++
				continue
			}
			if err != nil {
				return err
			}
			out.Entries[i] = types.PutEventsResultEntry{EventId: &id}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Service) putEntry(ctx context.Context, tx *state.Tx, c *api.Caller, e types.PutEventsRequestEntry) (string, error) {
	for _, field := range []struct {
		name  string
		value *string
	}{{"Source", e.Source}, {"DetailType", e.DetailType}, {"Detail", e.Detail}} {
		if aws.ToString(field.value) == "" {
			return "", api.Errorf("InvalidArgument", "Parameter %s is not valid. Reason: %s is a required argument.", field.name, field.name)
		}
	}
	if strings.HasPrefix(strings.ToLower(*e.Source), "aws.") {
		return "", api.Errorf("NotAuthorizedForSourceException", "Not authorized for the source.")
	}
	if doc, err := pattern.Decode([]byte(*e.Detail)); err != nil {
		return "", api.Errorf("MalformedDetail", "Detail is malformed.")
	} else if _, ok := doc.(map[string]any); !ok {
		return "", api.Errorf("MalformedDetail", "Detail is malformed.")
	}
	bus, err := busARN(c, e.EventBusName)
	if err != nil {
		return "", err
	}
	return s.put(ctx, tx, bus, func() (envelope, error) {
		at := tx.Now.Time()
		if e.Time != nil {
			at = *e.Time
		}
		return newEnvelope(c.AccountID, c.Region, *e.Source, *e.DetailType, e.Resources, []byte(*e.Detail), at, tx.Now.Time())
	})
}

// Forward puts an event that another bus's rule sent, as it is, on a bus.
func (s *Service) Forward(ctx context.Context, c *api.Caller, busName, event string) error {
	bus, err := busARN(c, &busName)
	if err != nil {
		return err
	}
	var d document
	if err := json.Unmarshal([]byte(event), &d); err != nil {
		return err
	}
	a, err := s.putAccess(ctx, bus, d.Source, d.DetailType)
	if err != nil {
		return err
	}
	if err := s.Door.Authorize(ctx, c, "events", a); err != nil {
		return err
	}
	if _, err := s.bus(ctx, bus); err != nil {
		return err
	}
	return s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		_, err := s.put(ctx, tx, bus, func() (envelope, error) {
			doc, err := pattern.Decode([]byte(event))
			return envelope{id: d.ID, text: event, doc: doc, ingested: tx.Now.Time(), sentOn: true}, err
		})
		return err
	})
}

// TestEventPattern tells whether a pattern matches an event.
func (s *Service) TestEventPattern(_ context.Context, _ *api.Caller, in *eventbridge.TestEventPatternInput) (*eventbridge.TestEventPatternOutput, error) {
	p, err := parsePattern(aws.ToString(in.EventPattern))
	if err != nil {
		return nil, err
	}
	event, err := pattern.Decode([]byte(aws.ToString(in.Event)))
	fields, ok := event.(map[string]any)
	if err != nil || !ok {
		return nil, invalidParameter("Event", "Event is not a JSON object.")
	}
	for _, name := range []string{"id", "account", "source", "time", "region", "resources", "detail-type"} {
		if _, ok := fields[name]; !ok {
			return nil, invalidParameter("Event", "Event must contain the field "+name+".")
		}
	}
	return &eventbridge.TestEventPatternOutput{Result: p.Match(event)}, nil
}
