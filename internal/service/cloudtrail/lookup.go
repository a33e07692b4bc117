package cloudtrail

import (
	"context"
	"crypto/rsa"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"gocloud.dev/secrets"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/state"
)

// Config is what a [Service] needs.
type Config struct {
	DB       *state.DB
	Clock    clock.Clock
	Recorder *Recorder // what it still holds is shown, too
	Pages    *page.Sealer
	Door     *api.Door       // through which trails deliver
	Keeper   *secrets.Keeper // seals the key that signs digests
	Log      *slog.Logger    // nil means slog.Default()
}

// Service answers for CloudTrail in every account and Region.
type Service struct {
	Config

	delivering sync.Mutex // held by deliveries, and by what changes a trail
	cancel     context.CancelFunc
	ended      chan struct{}

	keyLock sync.Mutex      // guards what follows
	key     *rsa.PrivateKey // signs digests; nil until it is needed
}

// New returns the service. Its trails deliver once it is started.
func New(c Config) *Service {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Service{Config: c}
}

// Sweep removes the records whose time is over; see [Recorder.Sweep].
func (s *Service) Sweep(ctx context.Context) error { return s.Recorder.Sweep(ctx) }

// API is the table of the service's operations.
func (s *Service) API() *api.Service {
	return &api.Service{
		Name:               "cloudtrail",
		EventSource:        "cloudtrail.amazonaws.com",
		AccessDenied:       "AccessDeniedException",
		AccessDeniedStatus: http.StatusBadRequest,
		Authorization:      authorization,
		Operations: []api.Operation{
			api.Op("", s.LookupEvents, onAny[cloudtrail.LookupEventsInput]("LookupEvents")),

			api.Op("", s.CreateTrail, s.createTrailAccess),
			api.Op("", s.UpdateTrail, onTrail(s, "UpdateTrail", func(in *cloudtrail.UpdateTrailInput) *string { return in.Name })),
			api.Op("", s.DeleteTrail, onTrail(s, "DeleteTrail", func(in *cloudtrail.DeleteTrailInput) *string { return in.Name })),
			api.Op("", s.GetTrail, onTrail(s, "GetTrail", func(in *cloudtrail.GetTrailInput) *string { return in.Name })),
			api.Op("", s.DescribeTrails, onAny[cloudtrail.DescribeTrailsInput]("DescribeTrails")),
			api.Op("", s.ListTrails, onAny[cloudtrail.ListTrailsInput]("ListTrails")),
			api.Op("", s.StartLogging, onTrail(s, "StartLogging", func(in *cloudtrail.StartLoggingInput) *string { return in.Name })),
			api.Op("", s.StopLogging, onTrail(s, "StopLogging", func(in *cloudtrail.StopLoggingInput) *string { return in.Name })),
			api.Op("", s.GetTrailStatus, onTrail(s, "GetTrailStatus", func(in *cloudtrail.GetTrailStatusInput) *string { return in.Name })),
			api.Op("", s.PutEventSelectors, onTrail(s, "PutEventSelectors", func(in *cloudtrail.PutEventSelectorsInput) *string { return in.TrailName })),
			api.Op("", s.GetEventSelectors, onTrail(s, "GetEventSelectors", func(in *cloudtrail.GetEventSelectorsInput) *string { return in.TrailName })),
			api.Op("", s.ListPublicKeys, onAny[cloudtrail.ListPublicKeysInput]("ListPublicKeys")),

			api.Op("", s.AddTags, s.addTagsAccess),
			api.Op("", s.RemoveTags, s.removeTagsAccess),
			api.Op("", s.ListTags, s.listTagsAccess),
		},
	}
}

// attributes are what LookupEvents finds events by.
var attributes = map[types.LookupAttributeKey]state.EventAttribute{
	types.LookupAttributeKeyAccessKeyId:  state.EventAccessKeyID,
	types.LookupAttributeKeyEventId:      state.EventID,
	types.LookupAttributeKeyEventName:    state.EventName,
	types.LookupAttributeKeyEventSource:  state.EventSource,
	types.LookupAttributeKeyReadOnly:     state.EventReadOnly,
	types.LookupAttributeKeyResourceName: state.EventResourceName,
	types.LookupAttributeKeyResourceType: state.EventResourceType,
	types.LookupAttributeKeyUsername:     state.EventUsername,
}

// place is where a page of events begins.
type place struct {
	At state.Micros
	ID string
}

// LookupEvents lists the records of the caller's account and Region of the last ninety days, the newest first.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
func (s *Service) LookupEvents(ctx context.Context, c *api.Caller, in *cloudtrail.LookupEventsInput) (*cloudtrail.LookupEventsOutput, error) {
	f, err := s.filter(c, in)
	if err != nil {
		return nil, err
	}
	if f.Limit == 0 { // events of a category that is not recorded
		return &cloudtrail.LookupEventsOutput{Events: []types.Event{}}, nil
	}
	limit := f.Limit
	f.Limit++
	scope := scopeOf(f)
	if in.NextToken != nil && *in.NextToken != "" {
		var from place
		if err := s.Pages.Open(scope, *in.NextToken, &from); err != nil {
			return nil, errToken
		}
		f.Before.At, f.Before.ID = from.At, from.ID
	}
	s.Recorder.Flush(ctx)
	var events []state.Event
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		events, err = tx.Events(ctx, f)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &cloudtrail.LookupEventsOutput{Events: []types.Event{}}
	if len(events) > limit {
		events = events[:limit]
		last := events[limit-1]
		out.NextToken = new(s.Pages.Seal(scope, place{last.At, last.ID}))
	}
	for _, e := range events {
		out.Events = append(out.Events, shown(e))
	}
	return out, nil
}

// filter reads a request.
func (s *Service) filter(c *api.Caller, in *cloudtrail.LookupEventsInput) (state.EventFilter, error) {
	f := state.EventFilter{
		AccountID: c.AccountID, Region: c.Region, From: state.MicrosOf(s.Clock.Now().Add(-retention)), Limit: 50,
	}
	if in.MaxResults != nil {
		if f.Limit = int(*in.MaxResults); f.Limit < 1 || f.Limit > 50 {
			return f, api.Errorf("InvalidMaxResultsException", "The maximum number of results must be between 1 and 50, not %d.", f.Limit)
		}
	}
	switch {
	case in.StartTime != nil && in.EndTime != nil && in.StartTime.After(*in.EndTime):
		return f, api.Errorf("InvalidTimeRangeException", "The start time is after the end time.")
	case len(in.LookupAttributes) > 1:
		return f, api.Errorf("InvalidLookupAttributesException", "You can specify only one lookup attribute.")
	case in.EventCategory != "" && in.EventCategory != types.EventCategoryInsight:
		return f, api.Errorf("InvalidEventCategoryException", "The event category %s is not valid.", in.EventCategory)
	case in.EventCategory == types.EventCategoryInsight:
		f.Limit = 0
	}
	if in.StartTime != nil {
		f.From = max(f.From, state.MicrosOf(*in.StartTime))
	}
	if in.EndTime != nil {
		f.To = state.MicrosOf(*in.EndTime)
	}
	for _, a := range in.LookupAttributes {
		known, ok := attributes[a.AttributeKey]
		if !ok || a.AttributeValue == nil || *a.AttributeValue == "" {
			return f, api.Errorf("InvalidLookupAttributesException", "The lookup attribute %s is not valid.", a.AttributeKey)
		}
		f.Attribute, f.Value = known, *a.AttributeValue
	}
	return f, nil
}

// scopeOf binds tokens to the request that they continue. The beginning of the time moves with the clock, so it is left
// out.
func scopeOf(f state.EventFilter) string {
	return strings.Join([]string{
		"cloudtrail:LookupEvents", f.AccountID, f.Region, strconv.FormatInt(int64(f.To), 10), string(f.Attribute), f.Value,
	}, "\x00")
}

func shown(e state.Event) types.Event {
	event := types.Event{
		CloudTrailEvent: new(e.Document), EventId: new(e.ID), EventName: new(e.Name), EventSource: new(e.Source), EventTime: e.At.Ptr(),
		ReadOnly: new(strconv.FormatBool(e.ReadOnly)), Resources: []types.Resource{},
	}
	if e.Username != "" {
		event.Username = new(e.Username)
	}
	if e.AccessKeyID != "" {
		event.AccessKeyId = new(e.AccessKeyID)
	}
	for _, r := range e.Resources {
		res := types.Resource{ResourceName: new(r.Name)}
		if r.Type != "" {
			res.ResourceType = new(r.Type)
		}
		event.Resources = append(event.Resources, res)
	}
	return event
}
