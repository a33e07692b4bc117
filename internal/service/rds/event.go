package rds

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// longestEvents is how long events are kept, in minutes: fourteen days.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeEvents.html
const longestEvents = 14 * 24 * 60

// eventCategories are the categories of the sources' events.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html
var eventCategories = map[string][]string{
	"db-instance": {
		"availability", "backup", "configuration change", "creation", "deletion", "failover", "failure", "low storage", "maintenance",
		"notification", "read replica", "recovery", "restoration", "security",
	},
	"db-snapshot":         {"creation", "deletion", "notification", "restoration"},
	"db-cluster":          {"configuration change", "creation", "deletion", "failover", "failure", "maintenance", "notification"},
	"db-cluster-snapshot": {"backup"},
	"db-parameter-group":  {"configuration change"},
	"db-security-group":   {"configuration change", "failure"},
}

// DescribeEvents lists what happened to the account's databases and snapshots, within the last hour unless other times are given.
func (s *Service) DescribeEvents(ctx context.Context, c *api.Caller, in *rds.DescribeEventsInput) (*rds.DescribeEventsOutput, error) {
	if len(in.Filters) > 0 {
		return nil, errValue("Unrecognized filter name: %s", deref(in.Filters[0].Name))
	}
	if in.SourceIdentifier != nil && in.SourceType == "" {
		return nil, errCombination("SourceType must be specified when SourceIdentifier is specified.")
	}
	var events []state.DBEvent
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		from, to, err := period(in, tx.Now.Time())
		if err != nil {
			return err
		}
		events, err = tx.DBEvents(ctx, c.AccountID, c.Region, state.MicrosOf(from), state.MicrosOf(to))
		return err
	})
	if err != nil {
		return nil, err
	}
	events = slices.DeleteFunc(events, func(e state.DBEvent) bool {
		return (in.SourceType != "" && e.SourceType != string(in.SourceType)) ||
			(in.SourceIdentifier != nil && e.SourceID != strings.ToLower(*in.SourceIdentifier)) ||
			(len(in.EventCategories) > 0 && !slices.Contains(in.EventCategories, e.Category))
	})
	type placed struct {
		state.DBEvent
		place string
	}
	all := make([]placed, len(events))
	for i, e := range events {
		// Those of one instant come in the order in which they were told.
		same := slices.IndexFunc(events, func(other state.DBEvent) bool { return other.At == e.At })
		all[i] = placed{e, fmt.Sprintf("%020d %06d", e.At, i-same)}
	}
	all, next, err := page(s.Pages, "DescribeEvents", c, all, in.MaxRecords, in.Marker, func(p placed) string { return p.place })
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeEventsOutput{Marker: next}
	for _, e := range all {
		out.Events = append(out.Events, types.Event{
			Date: e.At.Ptr(), EventCategories: []string{e.Category}, Message: &e.Message, SourceArn: &e.SourceARN, SourceIdentifier: &e.SourceID,
			SourceType: types.SourceType(e.SourceType),
		})
	}
	return out, nil
}

// Sweep removes the events that are not told any more.
func (s *Service) Sweep(ctx context.Context) error {
	return s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		return tx.DeleteDBEventsBefore(ctx, state.MicrosOf(tx.Now.Time().Add(-longestEvents*time.Minute)))
	})
}

// period is which time a call asks about.
func period(in *rds.DescribeEventsInput, now time.Time) (from, to time.Time, err error) {
	minutes := int32(60)
	if in.Duration != nil {
		minutes = *in.Duration
	}
	if minutes < 1 || minutes > longestEvents {
		return from, to, errValue("Invalid value for Duration: %d. Must be between 1 and %d", minutes, longestEvents)
	}
	from, to = now.Add(-time.Duration(minutes)*time.Minute), now
	if in.EndTime != nil {
		to, from = *in.EndTime, in.EndTime.Add(-time.Duration(minutes)*time.Minute)
	}
	if in.StartTime != nil {
		if from = *in.StartTime; in.EndTime == nil && in.Duration != nil {
			to = from.Add(time.Duration(minutes) * time.Minute)
		}
	}
	switch {
	case from.After(to):
		return from, to, errCombination("StartTime must be before EndTime.")
	case from.Before(now.Add(-longestEvents * time.Minute)):
		return from, to, errValue("The start of the period must not be more than 14 days ago.")
	}
	return from, to, nil
}

// DescribeEventCategories lists the categories of events by their source.
func (s *Service) DescribeEventCategories(_ context.Context, _ *api.Caller, in *rds.DescribeEventCategoriesInput) (*rds.DescribeEventCategoriesOutput, error) {
	if len(in.Filters) > 0 {
		return nil, errValue("Unrecognized filter name: %s", deref(in.Filters[0].Name))
	}
	out := &rds.DescribeEventCategoriesOutput{}
	for _, source := range slices.Sorted(maps.Keys(eventCategories)) {
		if in.SourceType == nil || *in.SourceType == source {
			out.EventCategoriesMapList = append(out.EventCategoriesMapList, types.EventCategoriesMap{SourceType: &source, EventCategories: eventCategories[source]})
		}
	}
	if len(out.EventCategoriesMapList) == 0 {
		return nil, errValue("Invalid source type: %s", *in.SourceType)
	}
	return out, nil
}
