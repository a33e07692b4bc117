package kms

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// eventPeriod is how long CloudTrail's records, which tell the last use of a key, are kept.
const eventPeriod = 90 * 24 * time.Hour

// GetKeyLastUsage tells when and by which call a key was last used, as far as CloudTrail's records go back.
func (s *Service) GetKeyLastUsage(ctx context.Context, c *api.Caller, in *kms.GetKeyLastUsageInput) (*kms.GetKeyLastUsageOutput, error) {
	t, err := s.find(ctx, c, "GetKeyLastUsage", in.KeyId, own)
	if err != nil {
		return nil, err
	}
	used, err := s.lastUsage(ctx, t.liveKey)
	if err != nil {
		return nil, err
	}
	since := s.Clock.Now().Add(-eventPeriod)
	if created := t.CreatedAt.Ptr(); created.After(since) {
		since = *created
	}
	return &kms.GetKeyLastUsageOutput{
		KeyCreationDate: t.CreatedAt.Ptr(), KeyId: new(t.arn), KeyLastUsage: used, TrackingStartDate: &since,
	}, nil
}

func (s *Service) getKeyLastUsageAccess(ctx context.Context, c *api.Caller, in *kms.GetKeyLastUsageInput) ([]api.Access, error) {
	return s.ask(ctx, c, in.KeyId, own, question{operation: "GetKeyLastUsage"})
}

// lastUsage finds the newest record of a cryptographic operation under a key that succeeded.
func (s *Service) lastUsage(ctx context.Context, k *liveKey) (*types.KeyLastUsageData, error) {
	used := &types.KeyLastUsageData{}
	operations := used.Operation.Values()
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		const batch = 100
		filter := state.EventFilter{AccountID: k.AccountID, Region: k.Region, Attribute: state.EventResourceName, Value: k.arn, Limit: batch}
		for {
			events, err := tx.Events(ctx, filter)
			if err != nil {
				return err
			}
			for _, e := range events {
				filter.Before.At, filter.Before.ID = e.At, e.ID
				operation := types.KeyLastUsageTrackingOperation(e.Name)
				if !slices.Contains(operations, operation) {
					continue
				}
				var record struct {
					ErrorCode string `json:"errorCode"`
					RequestID string `json:"requestID"`
				}
				if err := json.Unmarshal([]byte(e.Document), &record); err != nil {
					return fmt.Errorf("reading event %s: %w", e.ID, err)
				}
				if record.ErrorCode == "" {
					used.CloudTrailEventId, used.KmsRequestId, used.Operation, used.Timestamp = new(e.ID), new(record.RequestID), operation, e.At.Ptr()
					return nil
				}
			}
			if len(events) < batch {
				return nil
			}
		}
	})
	return used, err
}
