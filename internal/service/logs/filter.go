package logs

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"strongroom/internal/api"
	"strongroom/internal/service/logs/filter"
	"strongroom/internal/state"
)

// maxSearched is how many bytes of events one call looks at: a page may be empty though others follow.
const maxSearched = 32 << 20

// FilterLogEvents searches the streams of a group.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
func (s *Service) FilterLogEvents(ctx context.Context, c *api.Caller, in *cloudwatchlogs.FilterLogEventsInput) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	g, err := s.group(ctx, c, in)
	if err != nil {
		return nil, err
	}
	match, err := filter.Parse(aws.ToString(in.FilterPattern))
	if errors.Is(err, filter.ErrNotImplemented) {
		return nil, api.NotImplemented("logs: " + err.Error())
	}
	if err != nil {
		return nil, invalid("Invalid filter pattern: %s", err)
	}
	w, err := s.searched(ctx, g, in)
	if err != nil {
		return nil, err
	}
	scope := "logs:FilterLogEvents:" + strconv.FormatInt(g.ID, 10)
	if in.NextToken != nil {
		w.after = &position{}
		if s.Pages.Open(scope, *in.NextToken, w.after) != nil {
			return nil, invalid("The specified nextToken is invalid.")
		}
	}
	out := &cloudwatchlogs.FilterLogEventsOutput{Events: []types.FilteredLogEvent{}, SearchedLogStreams: []types.SearchedLogStream{}}
	page, looked := pageOf(in.Limit), 0
	var last position
	more := false
	err = s.walk(ctx, w, false, func(e found) bool {
		looked += len(e.message) + perEvent
		matches := match(e.message)
		if looked > maxSearched && last != (position{}) || matches && !page.take(e, len(out.Events)) {
			more = true
			return false
		}
		last = e.position
		if matches {
			out.Events = append(out.Events, types.FilteredLogEvent{
				EventId: new(e.id()), LogStreamName: &e.stream, Message: &e.message, Timestamp: new(int64(e.At)), IngestionTime: new(int64(e.ingested)),
			})
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	if more {
		out.NextToken = new(s.Pages.Seal(scope, last))
	}
	return out, nil
}

// searched says where to look. Unlike GetLogEvents's, the end of the time is part of it.
func (s *Service) searched(ctx context.Context, g state.LogGroup, in *cloudwatchlogs.FilterLogEventsInput) (within, error) {
	w := within{group: g, from: state.Millis(aws.ToInt64(in.StartTime)), to: math.MaxInt64 - dayOfMillis}
	if in.EndTime != nil && *in.EndTime < int64(w.to) {
		w.to = state.Millis(*in.EndTime) + 1
	}
	prefix := aws.ToString(in.LogStreamNamePrefix)
	switch {
	case prefix != "" && len(in.LogStreamNames) > 0:
		return w, invalid("Cannot specify both logStreamNames and logStreamNamePrefix.")
	case prefix != "":
		w.streams = func(name string) bool { return strings.HasPrefix(name, prefix) }
		return w, nil
	case len(in.LogStreamNames) == 0:
		return w, nil
	}
	w.streams = func(name string) bool { return slices.Contains(in.LogStreamNames, name) }
	return w, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		for _, name := range in.LogStreamNames {
			stream, err := tx.LogStream(ctx, g.ID, name)
			if errors.Is(err, state.ErrNotFound) {
				return noStream()
			}
			if err != nil {
				return err
			}
			if len(in.LogStreamNames) == 1 {
				w.streamID = stream.ID
			}
		}
		return nil
	})
}
