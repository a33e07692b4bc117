package logs

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// retentions are the days for which a group can keep its events.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
var retentions = []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// chunksAtOnce are removed in one transaction.
const chunksAtOnce = 200

var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// PutRetentionPolicy says for how long a group keeps its events.
func (s *Service) PutRetentionPolicy(ctx context.Context, c *api.Caller, in *cloudwatchlogs.PutRetentionPolicyInput) (*cloudwatchlogs.PutRetentionPolicyOutput, error) {
	if !slices.Contains(retentions, *in.RetentionInDays) {
		return nil, invalid("1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: %v", *in.RetentionInDays, retentions)
	}
	return &cloudwatchlogs.PutRetentionPolicyOutput{}, s.change(ctx, c, *in.LogGroupName, func(_ context.Context, _ *state.Tx, g *state.LogGroup) error {
		g.RetentionDays = int64(*in.RetentionInDays)
		return nil
	})
}

// DeleteRetentionPolicy lets a group keep its events for ever.
func (s *Service) DeleteRetentionPolicy(ctx context.Context, c *api.Caller, in *cloudwatchlogs.DeleteRetentionPolicyInput) (*cloudwatchlogs.DeleteRetentionPolicyOutput, error) {
	return &cloudwatchlogs.DeleteRetentionPolicyOutput{}, s.change(ctx, c, *in.LogGroupName, func(_ context.Context, _ *state.Tx, g *state.LogGroup) error {
		g.RetentionDays = 0
		return nil
	})
}

// Sweep removes what no group keeps any longer. Until then such events are not shown.
func (s *Service) Sweep(ctx context.Context) error {
	var groups []state.LogGroup
	var now state.Micros
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		groups, err = tx.ForgettingLogGroups(ctx)
		now = tx.Now
		return err
	})
	if err != nil {
		return err
	}
	for _, g := range groups {
		for n := int64(chunksAtOnce); n == chunksAtOnce; {
			err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
				n, err = tx.DeleteLogChunks(ctx, g.ID, g.Kept(now), chunksAtOnce)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
