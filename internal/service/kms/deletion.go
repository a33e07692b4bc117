package kms

import (
	"context"
	"errors"
	"log/slog"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// ScheduleKeyDeletion makes a key unusable and deletes it, with all that it sealed lost for ever, after 7 to 30 days.
func (s *Service) ScheduleKeyDeletion(ctx context.Context, c *api.Caller, in *kms.ScheduleKeyDeletionInput) (*kms.ScheduleKeyDeletionOutput, error) {
	days, err := pendingWindow(in)
	if err != nil {
		return nil, err
	}
	t, err := s.find(ctx, c, "ScheduleKeyDeletion", in.KeyId, own)
	if err != nil {
		return nil, err
	}
	var at state.Micros
	err = s.change(ctx, t.liveKey, func(_ context.Context, tx *state.Tx, row *state.Key) error {
		if err := t.at(row).notPending(); err != nil {
			return err
		}
		at = daysAfter(tx.Now, days)
		row.State, row.DeletionWindow, row.DeletionAt = pendingDeletion, days, at
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &kms.ScheduleKeyDeletionOutput{
		KeyId: new(t.arn), KeyState: types.KeyStatePendingDeletion, DeletionDate: at.Ptr(), PendingWindowInDays: new(int32(days)),
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

// CancelKeyDeletion keeps a key that waits for its deletion; it is disabled then.
func (s *Service) CancelKeyDeletion(ctx context.Context, c *api.Caller, in *kms.CancelKeyDeletionInput) (*kms.CancelKeyDeletionOutput, error) {
	t, err := s.find(ctx, c, "CancelKeyDeletion", in.KeyId, own)
	if err != nil {
		return nil, err
	}
	err = s.change(ctx, t.liveKey, func(_ context.Context, _ *state.Tx, row *state.Key) error {
		if row.State != pendingDeletion {
			return api.Errorf("KMSInvalidStateException", "%s is not pending deletion.", t.arn)
		}
		row.State, row.DeletionWindow, row.DeletionAt = disabled, 0, 0
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &kms.CancelKeyDeletionOutput{KeyId: new(t.arn)}, nil
}

func (s *Service) cancelKeyDeletionAccess(ctx context.Context, c *api.Caller, in *kms.CancelKeyDeletionInput) ([]api.Access, error) {
	return s.ask(ctx, c, in.KeyId, own, question{operation: "CancelKeyDeletion"})
}

func deletionDue(k state.Key, now state.Micros) bool {
	return k.State == pendingDeletion && k.DeletionAt <= now
}

// due reports whether a key's deletion or rotation is due.
func due(k state.Key, now state.Micros) bool { return deletionDue(k, now) || rotationDue(k, now) }

// settle does what is due of a key. A key that is gone already is well.
func (s *Service) settle(ctx context.Context, id string) error {
	k, err := s.load(ctx, id)
	if err != nil {
		return unlessGone(err)
	}
	material, err := s.newMaterial(ctx, id, string(types.RotationTypeAutomatic))
	if err != nil {
		return err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		row, err := tx.Key(ctx, id)
		switch {
		case err != nil:
			return unlessGone(err)
		case deletionDue(row, tx.Now):
			return tx.DeleteKey(ctx, id)
		case rotationDue(row, tx.Now):
			return rotate(ctx, tx, row, material)
		}
		return nil
	})
	s.cache.changed(id)
	if err == nil {
		s.Log.DebugContext(ctx, "settled a key", slog.String("key", k.arn))
	}
	return err
}

// unlessGone makes the absence of a row no error.
func unlessGone(err error) error {
	if errors.Is(err, state.ErrNotFound) {
		return nil
	}
	return err
}
