package lambda

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// leastUnreserved is what of an account's concurrency no function can reserve: a hundred, and where the server allows an
// account less than a thousand, a tenth.
func (s *Service) leastUnreserved() int { return min(100, s.Concurrency/10) }

// PutFunctionConcurrency reserves concurrency for a function, which is also its limit. With 0 it is not invoked at all.
func (s *Service) PutFunctionConcurrency(ctx context.Context, c *api.Caller, in *lambda.PutFunctionConcurrencyInput) (*lambda.PutFunctionConcurrencyOutput, error) {
	n, err := nameOf(c, *in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	err = s.change(ctx, n, func(ctx context.Context, tx *state.Tx, f *state.Function) error {
		others, err := tx.FunctionsReserved(ctx, f.AccountID, f.Region, f.ARN)
		if err != nil {
			return err
		}
		if s.Concurrency-others-int(*in.ReservedConcurrentExecutions) < s.leastUnreserved() {
			return invalid("Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", s.leastUnreserved())
		}
		f.Reserved = int64(*in.ReservedConcurrentExecutions)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &lambda.PutFunctionConcurrencyOutput{ReservedConcurrentExecutions: in.ReservedConcurrentExecutions}, nil
}

// GetFunctionConcurrency tells what a function has reserved, if it has.
func (s *Service) GetFunctionConcurrency(ctx context.Context, c *api.Caller, in *lambda.GetFunctionConcurrencyInput) (*lambda.GetFunctionConcurrencyOutput, error) {
	n, err := nameOf(c, *in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	f, err := s.function(ctx, n)
	if err != nil {
		return nil, err
	}
	out := &lambda.GetFunctionConcurrencyOutput{}
	if f.Reserved >= 0 {
		out.ReservedConcurrentExecutions = aws.Int32(int32(f.Reserved)) //nolint:gosec // it came as one
	}
	return out, nil
}

// DeleteFunctionConcurrency takes a function's reserved concurrency away.
func (s *Service) DeleteFunctionConcurrency(ctx context.Context, c *api.Caller, in *lambda.DeleteFunctionConcurrencyInput) (*lambda.DeleteFunctionConcurrencyOutput, error) {
	n, err := nameOf(c, *in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	return &lambda.DeleteFunctionConcurrencyOutput{}, s.change(ctx, n, func(_ context.Context, _ *state.Tx, f *state.Function) error {
		f.Reserved = -1
		return nil
	})
}
