package eventsource

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/uuid"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/state"
)

// failure is an error as clients of Lambda read it.
func failure(status int, code, format string, args ...any) *api.Error {
	e := api.Errorf(code, format, args...).WithStatus(status)
	e.Members = map[string]string{"Type": "User", "Message": e.Message}
	return e
}

func invalid(format string, args ...any) *api.Error {
	return failure(http.StatusBadRequest, "InvalidParameterValueException", format, args...)
}

func noMapping() *api.Error {
	return failure(http.StatusNotFound, "ResourceNotFoundException", "The resource you requested does not exist.")
}

func arnOf(m state.EventSourceMapping) string {
	return arn.New("lambda", m.Region, m.AccountID, "event-source-mapping:"+m.ID).String()
}

// createAccess asks for the action on no resource, but for the function as a condition, as the reference has it.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html
func (s *Service) createAccess(ctx context.Context, c *api.Caller, in *lambda.CreateEventSourceMappingInput) ([]api.Access, error) {
	f, err := s.Function(ctx, c, aws.ToString(in.FunctionName))
	if err != nil && api.Code(err) != "ResourceNotFoundException" {
		return nil, err
	}
	a := api.Access{Action: "lambda:CreateEventSourceMapping", Resource: "*", Context: api.WithRequestTags(nil, in.Tags)}
	if f.ARN != "" {
		a.Context["lambda:FunctionArn"] = []string{f.ARN}
	}
	return []api.Access{a}, nil
}

// mappingRow makes an operation on the mapping that the input's UUID names. One that is not there is told to those who might
// ask for it.
func mappingRow[In, Out any](s *Service, fn func(context.Context, *api.Caller, *In) (*Out, error)) api.Operation {
	return api.Op("", fn, func(ctx context.Context, c *api.Caller, in *In) ([]api.Access, error) {
		m, err := s.mapping(ctx, c, aws.String(api.Field(in, "UUID")))
		if api.Code(err) == "ResourceNotFoundException" {
			m = state.EventSourceMapping{ID: api.Field(in, "UUID"), AccountID: c.AccountID, Region: c.Region}
		} else if err != nil {
			return nil, err
		}
		access := func(function string) api.Access {
			a := api.Access{Action: "lambda:" + api.OperationName(in), Resource: arnOf(m), Context: api.WithResourceTags(nil, m.Tags)}
			if function != "" {
				a.Context["lambda:FunctionArn"] = []string{function}
			}
			return a
		}
		all := []api.Access{access(m.FunctionARN)}
		// Who hands a mapping to another function must be allowed that for both.
		if to, _ := api.FieldValue(in, "FunctionName").(*string); to != nil {
			f, err := s.Function(ctx, c, *to)
			if err != nil && api.Code(err) != "ResourceNotFoundException" {
				return nil, err
			}
			if f.ARN != "" && f.ARN != m.FunctionARN {
				all = append(all, access(f.ARN))
			}
		}
		return all, nil
	})
}

// mapping reads a mapping of the caller's.
func (s *Service) mapping(ctx context.Context, c *api.Caller, id *string) (m state.EventSourceMapping, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		m, err = tx.EventSourceMapping(ctx, aws.ToString(id))
		return err
	})
	if errors.Is(err, state.ErrNotFound) || err == nil && (m.AccountID != c.AccountID || m.Region != c.Region) {
		return state.EventSourceMapping{}, noMapping()
	}
	return m, err
}

// CreateEventSourceMapping lets the messages of a queue invoke a function.
func (s *Service) CreateEventSourceMapping(ctx context.Context, c *api.Caller, in *lambda.CreateEventSourceMappingInput) (*lambda.CreateEventSourceMappingOutput, error) {
	f, err := s.Function(ctx, c, aws.ToString(in.FunctionName))
	if err != nil {
		return nil, err
	}
	source, err := sourceOf(in)
	if err != nil {
		return nil, err
	}
	m := state.EventSourceMapping{
		ID: uuid.NewString(), AccountID: c.AccountID, Region: c.Region, FunctionARN: f.ARN, SourceARN: source, Enabled: in.Enabled == nil || *in.Enabled,
		BatchSize: 10, Tags: in.Tags, Reason: userAction, Result: noRecords,
	}
	err = set(&m, settings{in.BatchSize, in.MaximumBatchingWindowInSeconds, in.ScalingConfig, in.FilterCriteria, in.FunctionResponseTypes})
	if err != nil {
		return nil, err
	}
	if err := s.checkSource(ctx, m, f); err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		there, err := tx.EventSourceMappingOf(ctx, m.FunctionARN, m.SourceARN)
		if err == nil {
			return failure(http.StatusConflict, "ResourceConflictException",
				"The event source arn (\" %s \") and function (\" %s \") provided mapping already exists. Please update or delete the existing mapping with UUID %s", m.SourceARN, f.Name, there.ID)
		}
		if !errors.Is(err, state.ErrNotFound) {
			return err
		}
		m.ModifiedAt = tx.Now
		return tx.InsertEventSourceMapping(ctx, m)
	})
	if err != nil {
		return nil, err
	}
	s.poll(m)
	out := lambda.CreateEventSourceMappingOutput(outputOf(m, "Creating"))
	return &out, nil
}

// sourceOf is the queue that a mapping is to read.
func sourceOf(in *lambda.CreateEventSourceMappingInput) (string, error) {
	a, err := arn.Parse(aws.ToString(in.EventSourceArn))
	switch {
	case in.EventSourceArn == nil:
		return "", api.NotImplemented("lambda: an event source that is not named by an ARN")
	case err != nil:
		return "", invalid("Unrecognized event source.")
	case a.Service != "sqs":
		return "", api.NotImplemented("lambda: event sources of the service " + a.Service)
	case in.DestinationConfig != nil, in.StartingPosition != "", in.ParallelizationFactor != nil, in.TumblingWindowInSeconds != nil,
		in.BisectBatchOnFunctionError != nil, in.MaximumRetryAttempts != nil, in.MaximumRecordAgeInSeconds != nil:
		return "", invalid("Unsupported parameter for event source %s: what streams alone have.", *in.EventSourceArn)
	case in.KMSKeyArn != nil, in.ProvisionedPollerConfig != nil, in.MetricsConfig != nil, in.LoggingConfig != nil:
		return "", api.NotImplemented("lambda: keys of filters, provisioned pollers, metrics and logs of event source mappings")
	}
	return *in.EventSourceArn, nil
}

// GetEventSourceMapping tells a mapping.
func (s *Service) GetEventSourceMapping(ctx context.Context, c *api.Caller, in *lambda.GetEventSourceMappingInput) (*lambda.GetEventSourceMappingOutput, error) {
	m, err := s.mapping(ctx, c, in.UUID)
	if err != nil {
		return nil, err
	}
	out := outputOf(m, stateOf(m))
	return &out, nil
}

// UpdateEventSourceMapping changes a mapping, or switches it on or off.
func (s *Service) UpdateEventSourceMapping(ctx context.Context, c *api.Caller, in *lambda.UpdateEventSourceMappingInput) (*lambda.UpdateEventSourceMappingOutput, error) {
	m, err := s.mapping(ctx, c, in.UUID)
	if err != nil {
		return nil, err
	}
	wasEnabled := m.Enabled
	if in.Enabled != nil {
		m.Enabled = *in.Enabled
	}
	name := m.FunctionARN
	if in.FunctionName != nil {
		name = *in.FunctionName
	}
	err = set(&m, settings{in.BatchSize, in.MaximumBatchingWindowInSeconds, in.ScalingConfig, in.FilterCriteria, in.FunctionResponseTypes})
	if err != nil {
		return nil, err
	}
	if m.Enabled || in.FunctionName != nil { // a mapping whose function is gone can still be switched off
		f, err := s.Function(ctx, c, name)
		if err != nil {
			return nil, err
		}
		m.FunctionARN = f.ARN
		if err := s.checkSource(ctx, m, f); err != nil {
			return nil, err
		}
	}
	m.Reason = userAction
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		m.ModifiedAt = tx.Now
		return tx.UpdateEventSourceMapping(ctx, m)
	})
	switch {
	case errors.Is(err, state.ErrNotFound):
		return nil, noMapping()
	case errors.Is(err, state.ErrExists):
		return nil, failure(http.StatusConflict, "ResourceConflictException", "The function and the event source have a mapping already.")
	case err != nil:
		return nil, err
	}
	s.poll(m)
	now := "Updating"
	switch {
	case m.Enabled && !wasEnabled:
		now = "Enabling"
	case !m.Enabled && wasEnabled:
		now = "Disabling"
	}
	out := lambda.UpdateEventSourceMappingOutput(outputOf(m, now))
	return &out, nil
}

// DeleteEventSourceMapping ends a mapping. What its function has been given, it still works on.
func (s *Service) DeleteEventSourceMapping(ctx context.Context, c *api.Caller, in *lambda.DeleteEventSourceMappingInput) (*lambda.DeleteEventSourceMappingOutput, error) {
	m, err := s.mapping(ctx, c, in.UUID)
	if err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error { return tx.DeleteEventSourceMapping(ctx, m.ID) })
	if errors.Is(err, state.ErrNotFound) {
		return nil, noMapping()
	}
	if err != nil {
		return nil, err
	}
	m.Enabled = false
	s.poll(m)
	out := lambda.DeleteEventSourceMappingOutput(outputOf(m, "Deleting"))
	return &out, nil
}

const mappingsPage = 100

// ListEventSourceMappings lists the mappings of a function, of a source, or all.
func (s *Service) ListEventSourceMappings(ctx context.Context, c *api.Caller, in *lambda.ListEventSourceMappingsInput) (*lambda.ListEventSourceMappingsOutput, error) {
	var function string
	if in.FunctionName != nil {
		f, err := s.Function(ctx, c, *in.FunctionName)
		if err != nil {
			return nil, err
		}
		function = f.ARN
	}
	scope := strings.Join([]string{"lambda:ListEventSourceMappings", c.AccountID, c.Region, function, aws.ToString(in.EventSourceArn)}, ":")
	after, err := s.Pages.After(scope, in.Marker, "InvalidParameterValueException")
	if err != nil {
		return nil, err
	}
	limit := mappingsPage
	if in.MaxItems != nil && *in.MaxItems > 0 {
		limit = min(limit, int(*in.MaxItems))
	}
	var all []state.EventSourceMapping
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		all, err = tx.EventSourceMappings(ctx, c.AccountID, c.Region, function, aws.ToString(in.EventSourceArn), after, limit+1)
		return err
	})
	if err != nil {
		return nil, err
	}
	all, next := page.Cut(all, limit, func(m state.EventSourceMapping) string { return m.ID })
	out := &lambda.ListEventSourceMappingsOutput{EventSourceMappings: []types.EventSourceMappingConfiguration{}, NextMarker: s.Pages.Next(scope, next)}
	for _, m := range all {
		out.EventSourceMappings = append(out.EventSourceMappings, configurationOf(outputOf(m, stateOf(m))))
	}
	return out, nil
}
