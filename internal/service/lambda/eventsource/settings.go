package eventsource

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/service/events/pattern"
	"strongroom/internal/state"
)

// What mappings say of themselves.
const (
	userAction = "USER_INITIATED"
	noRecords  = "No records processed"
	resultOK   = "OK"
	resultCall = "PROBLEM: Function call failed"
)

// settings are what of a mapping can be changed; nil leaves it as it is.
type settings struct {
	batch, window *int32
	scaling       *types.ScalingConfig
	filters       *types.FilterCriteria
	responses     []types.FunctionResponseType
}

// set checks settings and writes them into m.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
func set(m *state.EventSourceMapping, in settings) error {
	if in.batch != nil {
		m.BatchSize = *in.batch
	}
	if in.window != nil {
		m.Window = *in.window
	}
	if in.scaling != nil {
		m.Concurrency = aws.ToInt32(in.scaling.MaximumConcurrency)
	}
	if in.responses != nil {
		m.Partial = len(in.responses) > 0
	}
	fifo := strings.HasSuffix(m.SourceARN, ".fifo")
	switch {
	case m.BatchSize < 1 || m.BatchSize > 10000:
		return invalid("Batch size must be between 1 and 10000.")
	case fifo && m.BatchSize > 10:
		return invalid("Maximum batch size for FIFO queues is 10.")
	case fifo && m.Window > 0:
		return invalid("Batching window is not supported for FIFO queues.")
	case m.Window < 0 || m.Window > 300:
		return invalid("Maximum batch window in seconds must be between 0 and 300.")
	case m.BatchSize > 10 && m.Window == 0:
		return invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")
	case in.scaling != nil && in.scaling.MaximumConcurrency != nil && (m.Concurrency < 2 || m.Concurrency > 1000):
		return invalid("1 validation error detected: Value '%d' at 'scalingConfig.maximumConcurrency' failed to satisfy constraint: Member must have value between 2 and 1000", m.Concurrency)
	case len(in.responses) > 0 && in.responses[0] != types.FunctionResponseTypeReportBatchItemFailures:
		return invalid("The function response type %s is not valid.", in.responses[0])
	}
	if in.filters == nil {
		return nil
	}
	m.Filters = nil
	for _, f := range in.filters.Filters {
		if f.Pattern == nil {
			continue // as if it were not there
		}
		if _, err := pattern.Parse([]byte(*f.Pattern)); err != nil || len(*f.Pattern) > 4096 {
			return invalid("Invalid filter pattern definition.")
		}
		m.Filters = append(m.Filters, *f.Pattern)
	}
	if len(m.Filters) > 10 {
		return invalid("The number of filters exceeds the limit of 10.")
	}
	return nil
}

// checkSource refuses a queue that is not there, that the function's role may not read, or that delivers messages again while
// the function still works on them.
func (s *Service) checkSource(ctx context.Context, m state.EventSourceMapping, f Function) error {
	source, err := arn.Parse(m.SourceARN)
	if err != nil || source.Region != m.Region {
		return invalid("The event source %s must be in the function's Region.", m.SourceARN)
	}
	role, err := s.role(ctx, m, f)
	if err != nil {
		return invalid("The role defined for the function cannot be assumed by Lambda.")
	}
	queue := aws.String("/" + source.AccountID + "/" + source.Resource)
	for _, in := range []any{
		&sqs.ReceiveMessageInput{QueueUrl: queue}, &sqs.DeleteMessageInput{QueueUrl: queue},
		&sqs.GetQueueAttributesInput{QueueUrl: queue},
	} {
		err := s.Door.Check(ctx, role, in)
		switch code := api.Code(err); {
		case strings.Contains(code, "AccessDenied"):
			return invalid("The provided execution role does not have permissions to call %s on SQS", api.OperationName(in))
		case code == "QueueDoesNotExist":
			return invalid("Error occurred while %s. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist.", api.OperationName(in))
		case err != nil:
			return err
		}
	}
	visible, err := s.visibility(ctx, role, m)
	if err != nil {
		return err
	}
	if visible < f.Timeout {
		return invalid("Queue visibility timeout: %d seconds is less than Function timeout: %d seconds", int(visible.Seconds()), int(f.Timeout.Seconds()))
	}
	return nil
}

// visibility is for how long a queue keeps what it has delivered from others.
func (s *Service) visibility(ctx context.Context, role *api.Caller, m state.EventSourceMapping) (time.Duration, error) {
	name := sqstypes.QueueAttributeNameVisibilityTimeout
	out, err := api.Call[sqs.GetQueueAttributesOutput](ctx, s.Door, role, &sqs.GetQueueAttributesInput{
		QueueUrl: queueOf(m), AttributeNames: []sqstypes.QueueAttributeName{name},
	})
	if err != nil {
		return 0, err
	}
	seconds, err := strconv.Atoi(out.Attributes[string(name)])
	return time.Duration(seconds) * time.Second, err
}

func queueOf(m state.EventSourceMapping) *string {
	a, _ := arn.Parse(m.SourceARN) // was checked
	return aws.String("/" + a.AccountID + "/" + a.Resource)
}

// errRole says that the function's role can not be assumed.
var errRole = errors.New("the role of the function can not be assumed")

// role is the function's role, as which a mapping acts.
func (s *Service) role(ctx context.Context, m state.EventSourceMapping, f Function) (*api.Caller, error) {
	service := api.ServiceCaller(Principal, m.AccountID, m.Region)
	service.SourceARN = f.ARN
	c, err := s.AssumeForService(ctx, service, f.Role, f.Name)
	if err != nil {
		return nil, errors.Join(errRole, err)
	}
	return c.In(m.Region), nil
}

func stateOf(m state.EventSourceMapping) string {
	if m.Enabled {
		return "Enabled"
	}
	return "Disabled"
}

// outputOf is a mapping as it is told, in the state it is in.
func outputOf(m state.EventSourceMapping, in string) lambda.GetEventSourceMappingOutput {
	out := lambda.GetEventSourceMappingOutput{
		UUID: &m.ID, EventSourceMappingArn: new(arnOf(m)), FunctionArn: &m.FunctionARN, EventSourceArn: &m.SourceARN, State: &in, StateTransitionReason: &m.Reason,
		LastModified: m.ModifiedAt.Ptr(), LastProcessingResult: &m.Result, BatchSize: &m.BatchSize, MaximumBatchingWindowInSeconds: &m.Window,
		FunctionResponseTypes: []types.FunctionResponseType{},
	}
	if m.Partial {
		out.FunctionResponseTypes = append(out.FunctionResponseTypes, types.FunctionResponseTypeReportBatchItemFailures)
	}
	if m.Concurrency > 0 {
		out.ScalingConfig = &types.ScalingConfig{MaximumConcurrency: &m.Concurrency}
	}
	if len(m.Filters) > 0 {
		out.FilterCriteria = &types.FilterCriteria{}
		for _, f := range m.Filters {
			out.FilterCriteria.Filters = append(out.FilterCriteria.Filters, types.Filter{Pattern: &f})
		}
	}
	return out
}

// configurationOf is a mapping as lists tell it.
func configurationOf(o lambda.GetEventSourceMappingOutput) types.EventSourceMappingConfiguration {
	return types.EventSourceMappingConfiguration{
		UUID: o.UUID, EventSourceMappingArn: o.EventSourceMappingArn, FunctionArn: o.FunctionArn, EventSourceArn: o.EventSourceArn, State: o.State,
		StateTransitionReason: o.StateTransitionReason, LastModified: o.LastModified, LastProcessingResult: o.LastProcessingResult, BatchSize: o.BatchSize,
		MaximumBatchingWindowInSeconds: o.MaximumBatchingWindowInSeconds, FunctionResponseTypes: o.FunctionResponseTypes, ScalingConfig: o.ScalingConfig,
		FilterCriteria: o.FilterCriteria,
	}
}
