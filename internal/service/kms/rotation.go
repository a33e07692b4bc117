package kms

import (
	"context"
	"fmt"
	"slices"
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
		if err := t.at(row).rotatesByItself(); err != nil {
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
		if err := t.at(row).rotatesByItself(); err != nil {
			return err
		}
		row.RotationDays, row.NextRotationAt = 0, 0
		return nil
	})
}

func (s *Service) disableKeyRotationAccess(ctx context.Context, c *api.Caller, in *kms.DisableKeyRotationInput) ([]api.Access, error) {
	return s.ask(ctx, c, in.KeyId, own, question{operation: "DisableKeyRotation"})
}

// GetKeyRotationStatus tells whether and when a key rotates by itself, which keys that cannot do not.
func (s *Service) GetKeyRotationStatus(ctx context.Context, c *api.Caller, in *kms.GetKeyRotationStatusInput) (*kms.GetKeyRotationStatusOutput, error) {
	t, err := s.find(ctx, c, "GetKeyRotationStatus", in.KeyId, foreign)
	if err != nil {
		return nil, err
	}
	out := &kms.GetKeyRotationStatusOutput{KeyId: new(t.arn)}
	// A key that is going to be deleted does not rotate, though its setting comes back with it.
	if primary := t.primary(); primary.RotationDays > 0 && t.notPending() == nil {
		out.KeyRotationEnabled = true
		out.NextRotationDate = primary.NextRotationAt.Ptr()
		out.RotationPeriodInDays = new(int32(primary.RotationDays))
	}
	return out, nil
}

func (s *Service) getKeyRotationStatusAccess(ctx context.Context, c *api.Caller, in *kms.GetKeyRotationStatusInput) ([]api.Access, error) {
	return s.ask(ctx, c, in.KeyId, foreign, question{operation: "GetKeyRotationStatus"})
}

// rotatesByItself says whether the rotation of a key can be set: of an enabled symmetric key with material of KMS, and of
// the primary of a multi-Region key for all of it.
func (k *liveKey) rotatesByItself() error {
	if err := k.symmetricOnly(); err != nil {
		return err
	}
	if k.Origin != string(types.OriginTypeAwsKms) {
		return errOrigin(k)
	}
	if err := k.primaryOnly(); err != nil {
		return err
	}
	return k.usable()
}

// RotateKeyOnDemand gives a key new material now, or takes up imported material that waits for it. What the old material
// sealed stays readable.
func (s *Service) RotateKeyOnDemand(ctx context.Context, c *api.Caller, in *kms.RotateKeyOnDemandInput) (*kms.RotateKeyOnDemandOutput, error) {
	t, err := s.find(ctx, c, "RotateKeyOnDemand", in.KeyId, own)
	if err != nil {
		return nil, err
	}
	if err := t.symmetricOnly(); err != nil {
		return nil, err
	}
	fresh, err := s.newMaterial(ctx, t.spec, t.ID, string(types.RotationTypeOnDemand))
	if err != nil {
		return nil, err
	}
	err = s.changeMaterial(ctx, t.liveKey, func(ctx context.Context, tx *state.Tx, row *state.Key) error {
		now := t.at(row)
		if err := now.primaryOnly(); err != nil {
			return err
		}
		if err := now.usable(); err != nil {
			return err
		}
		before, err := tx.KeyMaterials(ctx, row.Region, row.ID)
		if err != nil {
			return err
		}
		done := 0
		for _, m := range before {
			if m.RotationType == string(types.RotationTypeOnDemand) {
				done++
			}
		}
		if done >= maxOnDemandRotations {
			return api.Errorf("LimitExceededException", "The on-demand rotation limit of %d is reached for %s.", maxOnDemandRotations, t.arn)
		}
		related, err := tx.RelatedKeys(ctx, row.ID)
		if err != nil {
			return err
		}
		if row.Origin == string(types.OriginTypeExternal) {
			return takeUp(ctx, tx, t.arn, related)
		}
		fresh.CreatedAt = tx.Now
		for _, k := range related {
			if err := addMaterial(ctx, tx, k.Region, fresh); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &kms.RotateKeyOnDemandOutput{KeyId: new(t.arn)}, nil
}

// takeUp makes the imported material that waits the current one, in all Regions of a key. It must have been imported into
// each.
func takeUp(ctx context.Context, tx *state.Tx, key string, related []state.Key) error {
	for _, k := range related {
		materials, err := tx.KeyMaterials(ctx, k.Region, k.ID)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(materials, func(m state.KeyMaterial) bool { return m.Pending && len(m.Wrapped) > 0 })
		if i < 0 {
			return api.Errorf("KMSInvalidStateException", "%s has no key material pending rotation in %s.", key, k.Region)
		}
		m := materials[i]
		m.Pending, m.RotationType, m.CreatedAt = false, string(types.RotationTypeOnDemand), tx.Now
		if err := tx.UpdateKeyMaterial(ctx, m); err != nil {
			return err
		}
	}
	return nil
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
	if in.IncludeKeyMaterial != "" {
		if err := t.symmetricOnly(); err != nil {
			return nil, err
		}
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
		entry := rotationEntry(t.liveKey, m)
		if m.row.Pending {
			if entry.KeyMaterialState, err = s.pendingState(ctx, t.liveKey, m); err != nil {
				return nil, err
			}
		}
		out.Rotations = append(out.Rotations, entry)
	}
	return out, nil
}

func rotationEntry(k *liveKey, m *material) types.RotationsListEntry {
	entry := types.RotationsListEntry{
		KeyId: new(k.arn), KeyMaterialId: new(m.row.ID), KeyMaterialState: types.KeyMaterialStateNonCurrent,
		RotationType: types.RotationType(m.row.RotationType),
	}
	if m.row.RotationType != "" {
		entry.RotationDate = m.row.CreatedAt.Ptr()
	}
	if m == k.current() {
		entry.KeyMaterialState = types.KeyMaterialStateCurrent
	}
	if k.Origin != string(types.OriginTypeExternal) {
		return entry
	}
	entry.ImportState = types.ImportStatePendingImport
	if m.secret != nil {
		entry.ImportState = types.ImportStateImported
		entry.ExpirationModel, entry.ValidTo = expiration(m)
	}
	if m.row.Description != "" {
		entry.KeyMaterialDescription = new(m.row.Description)
	}
	return entry
}

// pendingState tells what imported material waits for: a rotation on demand, or first its import into the other Regions.
func (s *Service) pendingState(ctx context.Context, k *liveKey, m *material) (types.KeyMaterialState, error) {
	for _, r := range k.related {
		other, err := s.key(ctx, r.Region, r.ID)
		if err != nil {
			return "", err
		}
		if has := other.material(m.id); has == nil || has.secret == nil {
			return types.KeyMaterialStatePendingMultiRegionImportAndRotation, nil
		}
	}
	return types.KeyMaterialStatePendingRotation, nil
}

func (s *Service) listKeyRotationsAccess(ctx context.Context, c *api.Caller, in *kms.ListKeyRotationsInput) ([]api.Access, error) {
	return s.ask(ctx, c, in.KeyId, own, question{operation: "ListKeyRotations"})
}
