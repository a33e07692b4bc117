package cloudtrail

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// StartLogging has a trail deliver what happens from now on. One that logs already stays as it is.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_StartLogging.html
func (s *Service) StartLogging(ctx context.Context, c *api.Caller, in *cloudtrail.StartLoggingInput) (*cloudtrail.StartLoggingOutput, error) {
	before, err := s.read(ctx, c, in.Name)
	if err != nil {
		return nil, err
	}
	s.Recorder.Flush(ctx)
	if !before.Logging && before.Delivered < before.Until {
		s.Deliver(ctx) // what was recorded before it was stopped
	}
	_, err = s.change(ctx, c, in.Name, func(ctx context.Context, tx *state.Tx, t *state.Trail) error {
		if t.Logging {
			return nil
		}
		last, err := tx.LastEvent(ctx)
		t.Logging, t.StartedAt, t.Delivered, t.Planned, t.DigestedAt = true, state.MicrosOf(s.Clock.Now()), last, 0, state.MicrosOf(s.Clock.Now())
		return err
	})
	if err != nil {
		return nil, err
	}
	return &cloudtrail.StartLoggingOutput{}, nil
}

// StopLogging ends it: what happened until now is still delivered.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_StopLogging.html
func (s *Service) StopLogging(ctx context.Context, c *api.Caller, in *cloudtrail.StopLoggingInput) (*cloudtrail.StopLoggingOutput, error) {
	s.Recorder.Flush(ctx)
	_, err := s.change(ctx, c, in.Name, func(ctx context.Context, tx *state.Tx, t *state.Trail) error {
		if !t.Logging {
			return nil
		}
		last, err := tx.LastEvent(ctx)
		t.Logging, t.StoppedAt, t.Until = false, state.MicrosOf(s.Clock.Now()), last
		return err
	})
	if err != nil {
		return nil, err
	}
	return &cloudtrail.StopLoggingOutput{}, nil
}

// GetTrailStatus tells whether a trail logs and how its deliveries went.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetTrailStatus.html
func (s *Service) GetTrailStatus(ctx context.Context, c *api.Caller, in *cloudtrail.GetTrailStatusInput) (*cloudtrail.GetTrailStatusOutput, error) {
	t, err := s.read(ctx, c, in.Name)
	if err != nil {
		return nil, err
	}
	at := func(m state.Micros) *string {
		if m == 0 {
			return new("")
		}
		return new(m.Time().UTC().Format(time.RFC3339))
	}
	st := t.Status
	out := &cloudtrail.GetTrailStatusOutput{
		IsLogging: new(t.Logging), LatestDeliveryTime: st.DeliveryAt.Ptr(), LatestDeliveryAttemptTime: at(st.AttemptAt), LatestDeliveryAttemptSucceeded: new(""),
		LatestDigestDeliveryTime: st.DigestAt.Ptr(), LatestNotificationTime: st.NotificationAt.Ptr(), LatestNotificationAttemptTime: at(st.NotificationTryAt),
		LatestNotificationAttemptSucceeded: new(""), StartLoggingTime: t.StartedAt.Ptr(), StopLoggingTime: t.StoppedAt.Ptr(),
		TimeLoggingStarted: at(t.StartedAt), TimeLoggingStopped: at(t.StoppedAt),
	}
	if st.DeliveryError != "" {
		out.LatestDeliveryError = new(st.DeliveryError)
	} else {
		out.LatestDeliveryAttemptSucceeded = at(st.DeliveryAt)
	}
	if st.DigestError != "" {
		out.LatestDigestDeliveryError = new(st.DigestError)
	}
	if st.NotificationError != "" {
		out.LatestNotificationError = new(st.NotificationError)
	} else {
		out.LatestNotificationAttemptSucceeded = at(st.NotificationAt)
	}
	return out, nil
}
