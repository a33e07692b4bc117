package kms

import (
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// usualRotationDays is the period of automatic rotation unless another is given.
const usualRotationDays = 365

// maxOnDemandRotations is how often a key may be rotated on demand in its life.
// https://docs.aws.amazon.com/kms/latest/developerguide/rotating-keys-on-demand.html
const maxOnDemandRotations = 25

// EnableKeyRotation rotates a key's material by itself every 90 to 2560 days.
func (s *Service) EnableKeyRotation(ctx context.Context, c *api.Caller, in *kms.EnableKeyRotationInput) (*kms.EnableKeyRotationOutput, error) {
	days := usualRotationDays
	if in.RotationPeriodInDays != nil {
		if days = int(*in.RotationPeriodInDays); days < 90 || days > 2560 {
			return nil, errConstraint("rotationPeriodInDays", strconv.Itoa(days), "Member must have value between 90 and 2560")
		}
	}
	t, err := s.find(ctx, c, "EnableKeyRotation", in.KeyId, own)
	if err != nil {
		return nil, err
	}
	return &kms.EnableKeyRotationOutput{}, s.change(ctx, t.liveKey, func(_ context.Context, tx *state.Tx, row *state.Key) error {
		if err := t.at(row).usable(); err != nil {
			return err
		}
		if row.RotationDays != days {
			row.RotationDays, row.NextRotationAt = days, daysAfter(tx.Now, days)
		}
		return nil
	})
}

func (s *Service) enableKeyRotationAccess(ctx context.Context, c *api.Caller, in *kms.EnableKeyRotationInput) ([]api.Access, error) {
	days := usualRotationDays
	if in.RotationPeriodInDays != nil {
		days = int(*in.RotationPeriodInDays)
	}
	return s.ask(ctx, c, in.KeyId, own, question{operation: "EnableKeyRotation", more: map[string][]string{
		"kms:RotationPeriodInDays": {strconv.Itoa(days)},
	}})
}

// DisableKeyRotation ends automatic rotation.
func (s *Service) DisableKeyRotation(ctx context.Context, c *api.Caller, in *kms.DisableKeyRotationInput) (*kms.DisableKeyRotationOutput, error) {
	t, err := s.find(ctx, c, "DisableKeyRotation", in.KeyId, own)
	if err != nil {
		return nil, err
	}
	return &kms.DisableKeyRotationOutput{}, s.change(ctx, t.liveKey, func(_ context.Context, _ *state.Tx, row *state.Key) error {
		if err := t.at(row).usable(); err != nil {
			return err
		}
		row.RotationDays, row.NextRotationAt = 0, 0
		return nil
	})
}

func (s *Service) disableKeyRotationAccess(ctx context.Context, c *api.Caller, in *kms.DisableKeyRotationInput) ([]api.Access, error) {
	return s.ask(ctx, c, in.KeyId, own, question{operation: "DisableKeyRotation"})
}

// GetKeyRotationStatus tells whether and when a key rotates by itself.
func (s *Service) GetKeyRotationStatus(ctx context.Context, c *api.Caller, in *kms.GetKeyRotationStatusInput) (*kms.GetKeyRotationStatusOutput, error) {
	t, err := s.find(ctx, c, "GetKeyRotationStatus", in.KeyId, foreign)
	if err != nil {
		return nil, err
	}
	if err := t.notPending(); err != nil {
		return nil, err
	}
	out := &kms.GetKeyRotationStatusOutput{
		KeyId: new(t.arn), KeyRotationEnabled: t.RotationDays > 0, NextRotationDate: t.NextRotationAt.Ptr(),
	}
	if t.RotationDays > 0 {
		out.RotationPeriodInDays = new(int32(t.RotationDays))
	}
	return out, nil
}

func (s *Service) getKeyRotationStatusAccess(ctx context.Context, c *api.Caller, in *kms.GetKeyRotationStatusInput) ([]api.Access, error) {
	return s.ask(ctx, c, in.KeyId, foreign, question{operation: "GetKeyRotationStatus"})
}

// RotateKeyOnDemand gives a key new material now. What the old material sealed stays readable.
func (s *Service) RotateKeyOnDemand(ctx context.Context, c *api.Caller, in *kms.RotateKeyOnDemandInput) (*kms.RotateKeyOnDemandOutput, error) {
	t, err := s.find(ctx, c, "RotateKeyOnDemand", in.KeyId, own)
	if err != nil {
		return nil, err
	}
	material, err := s.newMaterial(ctx, t.ID, string(types.RotationTypeOnDemand))
	if err != nil {
		return nil, err
	}
	done := 0
	for _, m := range t.materials {
		if m.row.RotationType == string(types.RotationTypeOnDemand) {
			done++
		}
	}
	if done >= maxOnDemandRotations {
		return nil, api.Errorf("LimitExceededException", "The on-demand rotation limit of %d is reached for %s.", maxOnDemandRotations, t.arn)
	}
	err = s.change(ctx, t.liveKey, func(ctx context.Context, tx *state.Tx, row *state.Key) error {
		if err := t.at(row).usable(); err != nil {
			return err
		}
		material.CreatedAt = tx.Now
		return addMaterial(ctx, tx, material)
	})
	if err != nil {
		return nil, err
	}
	return &kms.RotateKeyOnDemandOutput{KeyId: new(t.arn)}, nil
}

func (s *Service) rotateKeyOnDemandAccess(ctx context.Context, c *api.Caller, in *kms.RotateKeyOnDemandInput) ([]api.Access, error) {
	return s.ask(ctx, c, in.KeyId, own, question{operation: "RotateKeyOnDemand"})
}

// ListKeyRotations lists the rotations of a key, or all its material, the oldest first.
func (s *Service) ListKeyRotations(ctx context.Context, c *api.Caller, in *kms.ListKeyRotationsInput) (*kms.ListKeyRotationsOutput, error) {
	t, err := s.find(ctx, c, "ListKeyRotations", in.KeyId, own)
	if err != nil {
		return nil, err
	}
	l, err := s.newListing(c, "ListKeyRotations:"+t.ID, in.Marker, in.Limit, 100, 1000)
	if err != nil {
		return nil, err
	}
	var shown []*material
	for _, m := range t.materials {
		if m.row.RotationType != "" || in.IncludeKeyMaterial == types.IncludeKeyMaterialAllKeyMaterial {
			shown = append(shown, m)
		}
	}
	order := func(m *material) string { return fmt.Sprintf("%010d", m.row.Sequence) }
	shown, next := slice(l, shown, order)
	out := &kms.ListKeyRotationsOutput{NextMarker: next, Truncated: next != nil, Rotations: []types.RotationsListEntry{}}
	for _, m := range shown {
		entry := types.RotationsListEntry{
			KeyId: new(t.arn), KeyMaterialId: new(m.row.ID), KeyMaterialState: types.KeyMaterialStateNonCurrent,
			RotationType: types.RotationType(m.row.RotationType),
		}
		if m.row.RotationType != "" {
			entry.RotationDate = m.row.CreatedAt.Ptr()
		}
		if m == t.current() {
			entry.KeyMaterialState = types.KeyMaterialStateCurrent
		}
		out.Rotations = append(out.Rotations, entry)
	}
	return out, nil
}

func (s *Service) listKeyRotationsAccess(ctx context.Context, c *api.Caller, in *kms.ListKeyRotationsInput) ([]api.Access, error) {
	return s.ask(ctx, c, in.KeyId, own, question{operation: "ListKeyRotations"})
}

// rotationDue reports whether a key's automatic rotation is due. A key that is not enabled waits until it is.
func rotationDue(k state.Key, now state.Micros) bool {
	return k.State == enabled && k.NextRotationAt > 0 && k.NextRotationAt <= now
}

// rotate adds new material to a key and sets the date of the next rotation behind now.
func rotate(ctx context.Context, tx *state.Tx, row state.Key, material state.KeyMaterial) error {
	material.CreatedAt = row.NextRotationAt
	for row.NextRotationAt <= tx.Now {
		row.NextRotationAt = daysAfter(row.NextRotationAt, row.RotationDays)
	}
	if err := addMaterial(ctx, tx, material); err != nil {
		return err
	}
	return tx.UpdateKey(ctx, row)
}
