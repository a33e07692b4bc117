package lambda

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"strongroom/internal/api"
	"strongroom/internal/service/lambda/eventsource"
)

// source is what event source mappings need to know of the function that a caller names.
func (s *Service) source(ctx context.Context, c *api.Caller, text string) (eventsource.Function, error) {
	n, err := nameOf(c, text, "")
	if err != nil {
		return eventsource.Function{}, err
	}
	if n.accountID != c.AccountID {
		return eventsource.Function{}, notFound("Function not found: %s", n.qualified())
	}
	_, v, err := s.read(ctx, n)
	if err != nil {
		return eventsource.Function{}, err
	}
	timeout := time.Duration(v.Configuration.Timeout) * time.Second
	return eventsource.Function{ARN: n.qualified(), Name: n.function, Role: v.Configuration.Role, Timeout: timeout}, nil
}

// invokeForSource invokes a function for a mapping, which its owner made: no policy is asked.
func (s *Service) invokeForSource(ctx context.Context, in *lambda.InvokeInput, accountID, region string) (*lambda.InvokeOutput, error) {
	return s.Invoke(ctx, api.ServiceCaller(Principal, accountID, region), in)
}
