package logs

import (
	"context"
	"errors"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/state"
)

// CreateLogStream makes a stream in a group.
func (s *Service) CreateLogStream(ctx context.Context, c *api.Caller, in *cloudwatchlogs.CreateLogStreamInput) (*cloudwatchlogs.CreateLogStreamOutput, error) {
	g, err := s.group(ctx, c, in)
	if err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if _, err := tx.LogGroup(ctx, g.AccountID, g.Region, g.Name); err != nil {
			return err // it was deleted since
		}
		return tx.InsertLogStream(ctx, state.LogStream{GroupID: g.ID, Name: *in.LogStreamName, CreatedAt: tx.Now.Millis()})
	})
	switch {
	case errors.Is(err, state.ErrExists):
		return nil, api.Errorf("ResourceAlreadyExistsException", "The specified log stream already exists")
	case errors.Is(err, state.ErrNotFound):
		return nil, noGroup()
	}
	return &cloudwatchlogs.CreateLogStreamOutput{}, err
}

// DeleteLogStream removes a stream with its events.
func (s *Service) DeleteLogStream(ctx context.Context, c *api.Caller, in *cloudwatchlogs.DeleteLogStreamInput) (*cloudwatchlogs.DeleteLogStreamOutput, error) {
	_, stream, err := s.stream(ctx, c, in)
	if err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error { return tx.DeleteLogStream(ctx, stream.ID) })
	if errors.Is(err, state.ErrNotFound) {
		return nil, noStream()
	}
	return &cloudwatchlogs.DeleteLogStreamOutput{}, err
}

const streamsPage = 50

// DescribeLogStreams lists the streams of a group by name or by their last event.
func (s *Service) DescribeLogStreams(ctx context.Context, c *api.Caller, in *cloudwatchlogs.DescribeLogStreamsInput) (*cloudwatchlogs.DescribeLogStreamsOutput, error) {
	g, err := s.group(ctx, c, in)
	if err != nil {
		return nil, err
	}
	p := state.LogStreamPage{
		Prefix: aws.ToString(in.LogStreamNamePrefix), ByTime: in.OrderBy == types.OrderByLastEventTime, Descending: aws.ToBool(in.Descending), Limit: streamsPage + 1,
	}
	if p.ByTime && p.Prefix != "" {
		return nil, invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	if in.Limit != nil {
		p.Limit = int(*in.Limit) + 1
	}
	scope := "logs:DescribeLogStreams:" + strconv.FormatInt(g.ID, 10) + ":" + p.Prefix + ":" + string(in.OrderBy) + ":" + strconv.FormatBool(p.Descending)
	if in.NextToken != nil {
		p.After = &state.LogStream{}
		if s.Pages.Open(scope, *in.NextToken, p.After) != nil {
			return nil, invalid("The specified nextToken is invalid.")
		}
	}
	var all []state.LogStream
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		all, err = tx.LogStreams(ctx, g.ID, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	all, next := page.Cut(all, p.Limit-1, func(state.LogStream) string { return "more" })
	out := &cloudwatchlogs.DescribeLogStreamsOutput{LogStreams: []types.LogStream{}}
	for _, stream := range all {
		out.LogStreams = append(out.LogStreams, described(g, stream))
	}
	if next != "" {
		last := all[len(all)-1]
		out.NextToken = new(s.Pages.Seal(scope, state.LogStream{Name: last.Name, LastEvent: last.LastEvent}))
	}
	return out, nil
}

func described(g state.LogGroup, stream state.LogStream) types.LogStream {
	out := types.LogStream{
		Arn: new(streamARN(g, stream.Name)), LogStreamName: &stream.Name, CreationTime: new(int64(stream.CreatedAt)), StoredBytes: aws.Int64(0), // as AWS has it since 2019
		UploadSequenceToken: new(sequenceToken),
	}
	if stream.IngestedAt != 0 {
		out.FirstEventTimestamp, out.LastEventTimestamp = new(int64(stream.FirstEvent)), new(int64(stream.LastEvent))
		out.LastIngestionTime = new(int64(stream.IngestedAt))
	}
	return out
}
