package logs

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// Tokens of GetLogEvents say in which direction they lead.
const (
	forward  = "f/"
	backward = "b/"
)

// GetLogEvents reads a page of a stream, in the order of time. It begins at the end unless it is told otherwise. Who comes to an
// end is answered the token that he gave, and may ask with it again for what has come since.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
func (s *Service) GetLogEvents(ctx context.Context, c *api.Caller, in *cloudwatchlogs.GetLogEventsInput) (*cloudwatchlogs.GetLogEventsOutput, error) {
	g, stream, err := s.stream(ctx, c, in)
	if err != nil {
		return nil, err
	}
	w := within{group: g, streamID: stream.ID, from: state.Millis(aws.ToInt64(in.StartTime)), to: math.MaxInt64 - dayOfMillis}
	if in.EndTime != nil {
		w.to = min(w.to, state.Millis(*in.EndTime))
	}
	back := !aws.ToBool(in.StartFromHead)
	scope := "logs:GetLogEvents:" + strconv.FormatInt(stream.ID, 10)
	token := aws.ToString(in.NextToken)
	if token != "" {
		var p position
		rest, isForward := strings.CutPrefix(token, forward)
		if !isForward {
			rest, back = strings.TrimPrefix(token, backward), true
		} else {
			back = false
		}
		if s.Pages.Open(scope, rest, &p) != nil {
			return nil, invalid("The specified nextToken is invalid.")
		}
		if back {
			w.before = &p
		} else {
			w.after = &p
		}
	}
	events, err := s.read(ctx, w, back, pageOf(in.Limit))
	if err != nil {
		return nil, err
	}
	out := &cloudwatchlogs.GetLogEventsOutput{Events: []types.OutputLogEvent{}}
	for _, e := range events {
		out.Events = append(out.Events, types.OutputLogEvent{Timestamp: new(int64(e.At)), IngestionTime: new(int64(e.ingested)), Message: &e.message})
	}
	first, last := position{At: w.from, Chunk: -1}, position{At: w.from, Chunk: -1}
	if len(events) > 0 {
		first, last = events[0].position, events[len(events)-1].position
	} else if w.before != nil {
		first, last = *w.before, *w.before
		last.Index-- // what the token leads away from comes again
	} else if w.after != nil {
		first, last = *w.after, *w.after
		first.Index++
	}
	out.NextForwardToken, out.NextBackwardToken = new(forward+s.Pages.Seal(scope, last)), new(backward+s.Pages.Seal(scope, first))
	if len(events) == 0 && token != "" { // the end: the same token again
		if back {
			out.NextBackwardToken = &token
		} else {
			out.NextForwardToken = &token
		}
	}
	return out, nil
}

const dayOfMillis = 24 * 60 * 60 * 1000

// bounds of an answer.
type bounds struct{ events, bytes int }

// pageOf is as many as are asked for, and as many as fit into 1 MiB.
func pageOf(limit *int32) bounds {
	b := bounds{maxEvents, maxBatch}
	if limit != nil {
		b.events = int(*limit)
	}
	return b
}

// take reports whether one more event fits; the first always does.
func (b *bounds) take(e found, n int) bool {
	b.bytes -= len(e.message) + perEvent
	return n < b.events && (n == 0 || b.bytes >= 0)
}

// read returns as many events as fit, in the order of time: the first ones, or the last ones.
func (s *Service) read(ctx context.Context, w within, backward bool, b bounds) (events []found, err error) {
	err = s.walk(ctx, w, backward, func(e found) bool {
		if !b.take(e, len(events)) {
			return false
		}
		events = append(events, e)
		return len(events) < b.events
	})
	if backward {
		slices.Reverse(events)
	}
	return events, err
}
