package kms

import (
	"context"
	"errors"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// ScheduleKeyDeletion makes a key unusable and deletes it, with all that it sealed lost for ever, after 7 to 30 days. Those
// days of a multi-Region primary begin once its last replica is deleted.
func (s *Service) ScheduleKeyDeletion(ctx context.Context, c *api.Caller, in *kms.ScheduleKeyDeletionInput) (*kms.ScheduleKeyDeletionOutput, error) {
	days, err := pendingWindow(in)
	if err != nil {
		return nil, err
	}
	t, err := s.find(ctx, c, "ScheduleKeyDeletion", in.KeyId, own)
	if err != nil {
		return nil, err
	}
	var changed state.Key
	err = s.change(ctx, t.liveKey, func(ctx context.Context, tx *state.Tx, row *state.Key) error {
		if err := t.at(row).notPending(); err != nil {
			return err
		}
		row.State, row.DeletionWindow, row.DeletionAt = pendingDeletion, days, daysAfter(tx.Now, days)
		if row.PrimaryRegion == row.Region {
			related, err := tx.RelatedKeys(ctx, row.ID)
			if err != nil {
				return err
			}
			if len(related) > 1 {
				row.State, row.DeletionAt = pendingReplicaDeletion, 0
			}
		}
		changed = *row
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &kms.ScheduleKeyDeletionOutput{
		KeyId: new(t.arn), KeyState: types.KeyState(changed.State), DeletionDate: changed.DeletionAt.Ptr(),
		PendingWindowInDays: new(int32(days)),
	}, nil
}

func (s *Service) scheduleKeyDeletionAccess(ctx context.Context, c *api.Caller, in *kms.ScheduleKeyDeletionInput) ([]api.Access, error) {
	days, err := pendingWindow(in)
	if err != nil {
		return nil, err
	}
	return s.ask(ctx, c, in.KeyId, own, question{operation: "ScheduleKeyDeletion", more: map[string][]string{
		"kms:ScheduleKeyDeletionPendingWindowInDays": {strconv.Itoa(days)},
	}})
}

func pendingWindow(in *kms.ScheduleKeyDeletionInput) (int, error) {
	if in.PendingWindowInDays == nil {
		return 30, nil
	}
	days := int(*in.PendingWindowInDays)
	if days < 7 || days > 30 {
		return 0, errConstraint("pendingWindowInDays", strconv.Itoa(days), "Member must have value between 7 and 30")
	}
	return days, nil
}

// CancelKeyDeletion keeps a key that waits for its deletion; it is disabled then, or waits for its material.
func (s *Service) CancelKeyDeletion(ctx context.Context, c *api.Caller, in *kms.CancelKeyDeletionInput) (*kms.CancelKeyDeletionOutput, error) {
	t, err := s.find(ctx, c, "CancelKeyDeletion", in.KeyId, own)
	if err != nil {
		return nil, err
	}
	err = s.change(ctx, t.liveKey, func(ctx context.Context, tx *state.Tx, row *state.Key) error {
		if row.State != pendingDeletion && row.State != pendingReplicaDeletion {
			return api.Errorf("KMSInvalidStateException", "%s is not pending deletion.", t.arn)
		}
		row.State, row.DeletionWindow, row.DeletionAt = disabled, 0, 0
		materials, err := tx.KeyMaterials(ctx, row.Region, row.ID)
		if err == nil && !complete(materials) {
			row.State = pendingImport
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &kms.CancelKeyDeletionOutput{KeyId: new(t.arn)}, nil
}

func (s *Service) cancelKeyDeletionAccess(ctx context.Context, c *api.Caller, in *kms.CancelKeyDeletionInput) ([]api.Access, error) {
	return s.ask(ctx, c, in.KeyId, own, question{operation: "CancelKeyDeletion"})
}

// unlessGone makes the absence of a row no error.
func unlessGone(err error) error {
	if errors.Is(err, state.ErrNotFound) {
		return nil
	}
	return err
}
