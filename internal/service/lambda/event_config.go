package lambda

import (
	"context"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/state"
)

var destination = regexp.MustCompile(`^arn:aws:(sqs|sns|lambda|events|s3):`)

// destinations reads where the records of asynchronous invocations go.
func destinations(in *types.DestinationConfig) (success, failure *string, err error) {
	if in == nil {
		return nil, nil, nil
	}
	if in.OnSuccess != nil {
		success = aws.String(aws.ToString(in.OnSuccess.Destination))
	}
	if in.OnFailure != nil {
		failure = aws.String(aws.ToString(in.OnFailure.Destination))
	}
	for _, arn := range []*string{success, failure} {
		if aws.ToString(arn) == "" {
			continue
		}
		kind := destination.FindStringSubmatch(*arn)
		switch {
		case kind == nil:
			return nil, nil, invalid("The provided destination config DestinationConfig is invalid.")
		case !slices.Contains([]string{"sqs", "sns", "lambda"}, kind[1]):
			return nil, nil, api.NotImplemented("lambda: destinations of " + kind[1])
		}
	}
	return success, failure, nil
}

// setEventConfig writes what fn makes of the configuration of a qualifier.
func (s *Service) setEventConfig(ctx context.Context, n name, fn func(before state.FunctionEventConfig, found bool) (state.FunctionEventConfig, error)) (c state.FunctionEventConfig, err error) {
	return c, s.change(ctx, n, func(ctx context.Context, tx *state.Tx, f *state.Function) error {
		if err := exists(ctx, tx, n); err != nil {
			return err
		}
		before, found := f.EventConfigs[policyKey(n.qualifier)]
		if c, err = fn(before, found); err != nil {
			return err
		}
		c.LastModified = tx.Now
		if f.EventConfigs == nil {
			f.EventConfigs = map[string]state.FunctionEventConfig{}
		}
		f.EventConfigs[policyKey(n.qualifier)] = c
		return nil
	})
}

func destinationShown(c state.FunctionEventConfig) *types.DestinationConfig {
	out := &types.DestinationConfig{OnFailure: &types.OnFailure{}, OnSuccess: &types.OnSuccess{}}
	if c.OnFailure != "" {
		out.OnFailure.Destination = &c.OnFailure
	}
	if c.OnSuccess != "" {
		out.OnSuccess.Destination = &c.OnSuccess
	}
	return out
}

// shownAs is the ARN that a configuration is shown under.
func shownAs(n name) *string {
	if n.qualifier == "" {
		n.qualifier = latest
	}
	return new(n.qualified())
}

// PutFunctionEventInvokeConfig says what asynchronous invocations do, and forgets what was said before.
func (s *Service) PutFunctionEventInvokeConfig(ctx context.Context, c *api.Caller, in *lambda.PutFunctionEventInvokeConfigInput) (*lambda.PutFunctionEventInvokeConfigOutput, error) {
	n, err := nameOf(c, *in.FunctionName, aws.ToString(in.Qualifier))
	if err != nil {
		return nil, err
	}
	success, failure, err := destinations(in.DestinationConfig)
	if err != nil {
		return nil, err
	}
	set, err := s.setEventConfig(ctx, n, func(state.FunctionEventConfig, bool) (state.FunctionEventConfig, error) {
		return state.FunctionEventConfig{MaxAge: in.MaximumEventAgeInSeconds, MaxRetries: in.MaximumRetryAttempts, OnSuccess: aws.ToString(success), OnFailure: aws.ToString(failure)}, nil
	})
	if err != nil {
		return nil, err
	}
	return &lambda.PutFunctionEventInvokeConfigOutput{
		DestinationConfig: destinationShown(set), FunctionArn: shownAs(n), LastModified: new(set.LastModified.Time()), MaximumEventAgeInSeconds: set.MaxAge, MaximumRetryAttempts: set.MaxRetries,
	}, nil
}

func noEventConfig(n name) error {
	return notFound("The function %s doesn't have an EventInvokeConfig", *shownAs(n))
}

// UpdateFunctionEventInvokeConfig changes what asynchronous invocations do.
func (s *Service) UpdateFunctionEventInvokeConfig(ctx context.Context, c *api.Caller, in *lambda.UpdateFunctionEventInvokeConfigInput) (*lambda.UpdateFunctionEventInvokeConfigOutput, error) {
	n, err := nameOf(c, *in.FunctionName, aws.ToString(in.Qualifier))
	if err != nil {
		return nil, err
	}
	success, failure, err := destinations(in.DestinationConfig)
	if err != nil {
		return nil, err
	}
	set, err := s.setEventConfig(ctx, n, func(before state.FunctionEventConfig, found bool) (state.FunctionEventConfig, error) {
		if !found {
			return before, noEventConfig(n)
		}
		if in.MaximumEventAgeInSeconds != nil {
			before.MaxAge = in.MaximumEventAgeInSeconds
		}
		if in.MaximumRetryAttempts != nil {
			before.MaxRetries = in.MaximumRetryAttempts
		}
		if success != nil {
			before.OnSuccess = *success
		}
		if failure != nil {
			before.OnFailure = *failure
		}
		return before, nil
	})
	if err != nil {
		return nil, err
	}
	return &lambda.UpdateFunctionEventInvokeConfigOutput{
		DestinationConfig: destinationShown(set), FunctionArn: shownAs(n), LastModified: new(set.LastModified.Time()), MaximumEventAgeInSeconds: set.MaxAge, MaximumRetryAttempts: set.MaxRetries,
	}, nil
}

// GetFunctionEventInvokeConfig tells what asynchronous invocations do, where that was said.
func (s *Service) GetFunctionEventInvokeConfig(ctx context.Context, c *api.Caller, in *lambda.GetFunctionEventInvokeConfigInput) (*lambda.GetFunctionEventInvokeConfigOutput, error) {
	n, err := nameOf(c, *in.FunctionName, aws.ToString(in.Qualifier))
	if err != nil {
		return nil, err
	}
	f, err := s.function(ctx, n)
	if err != nil {
		return nil, err
	}
	set, found := f.EventConfigs[policyKey(n.qualifier)]
	if !found {
		return nil, noEventConfig(n)
	}
	return &lambda.GetFunctionEventInvokeConfigOutput{
		DestinationConfig: destinationShown(set), FunctionArn: shownAs(n), LastModified: new(set.LastModified.Time()), MaximumEventAgeInSeconds: set.MaxAge, MaximumRetryAttempts: set.MaxRetries,
	}, nil
}

// DeleteFunctionEventInvokeConfig forgets what was said of asynchronous invocations.
func (s *Service) DeleteFunctionEventInvokeConfig(ctx context.Context, c *api.Caller, in *lambda.DeleteFunctionEventInvokeConfigInput) (*lambda.DeleteFunctionEventInvokeConfigOutput, error) {
	n, err := nameOf(c, *in.FunctionName, aws.ToString(in.Qualifier))
	if err != nil {
		return nil, err
	}
	return &lambda.DeleteFunctionEventInvokeConfigOutput{}, s.change(ctx, n, func(_ context.Context, _ *state.Tx, f *state.Function) error {
		if _, found := f.EventConfigs[policyKey(n.qualifier)]; !found {
			return noEventConfig(n)
		}
		delete(f.EventConfigs, policyKey(n.qualifier))
		return nil
	})
}

// ListFunctionEventInvokeConfigs lists what was said for the function's qualifiers.
func (s *Service) ListFunctionEventInvokeConfigs(ctx context.Context, c *api.Caller, in *lambda.ListFunctionEventInvokeConfigsInput) (*lambda.ListFunctionEventInvokeConfigsOutput, error) {
	n, err := nameOf(c, *in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	f, err := s.function(ctx, n)
	if err != nil {
		return nil, err
	}
	scope := "lambda:ListFunctionEventInvokeConfigs:" + f.ARN
	after, err := s.Pages.After(scope, in.Marker, "InvalidParameterValueException")
	if err != nil {
		return nil, err
	}
	var all []types.FunctionEventInvokeConfig
	for qualifier, set := range f.EventConfigs {
		at := n
		at.qualifier = qualifier
		all = append(all, types.FunctionEventInvokeConfig{
			DestinationConfig: destinationShown(set), FunctionArn: shownAs(at), LastModified: new(set.LastModified.Time()), MaximumEventAgeInSeconds: set.MaxAge, MaximumRetryAttempts: set.MaxRetries,
		})
	}
	shown, next := page.Slice(all, after, pageOf(in.MaxItems), func(c types.FunctionEventInvokeConfig) string { return *c.FunctionArn })
	return &lambda.ListFunctionEventInvokeConfigsOutput{FunctionEventInvokeConfigs: shown, NextMarker: s.Pages.Next(scope, next)}, nil
}
