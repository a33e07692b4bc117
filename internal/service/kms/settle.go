package kms

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/state"
)

// reached reports whether a time that may be none has come.
func reached(at, now state.Micros) bool { return at > 0 && at <= now }

// sooner is the earlier of two times that may be none.
func sooner(a, b state.Micros) state.Micros {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// dueAt is when the next thing happens by itself to a key: its deletion, its rotation, unless it is disabled, or the expiry
// of imported material. 0 means never.
func dueAt(k state.Key) state.Micros {
	at := sooner(0, k.ExpiresAt)
	if k.State == pendingDeletion {
		at = sooner(at, k.DeletionAt)
	}
	if k.State == enabled {
		at = sooner(at, k.NextRotationAt)
	}
	return at
}

// Sweep does what is due: it deletes keys whose waiting period is over, rotates keys, and drops imported material that
// expired. It may be called at any time and as often as one likes; what one call leaves undone the next does.
func (s *Service) Sweep(ctx context.Context) error {
	var keys []state.Key
	var now state.Micros
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		now = tx.Now
		keys, err = tx.KeysDue(ctx, now)
		return err
	})
	if err != nil {
		return err
	}
	var failed []error
	for _, k := range keys {
		if !reached(dueAt(k), now) {
			continue // a rotation that waits until its key is enabled
		}
		if err := s.settle(ctx, k.ID); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// settle does what is due of all keys of an id. Keys that are gone already are well.
func (s *Service) settle(ctx context.Context, id string) error {
	// Only symmetric keys rotate by themselves.
	fresh, err := s.newMaterial(ctx, specNamed(types.KeySpecSymmetricDefault), id, string(types.RotationTypeAutomatic))
	if err != nil {
		return err
	}
	var gone, stay [][]byte
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		related, err := tx.RelatedKeys(ctx, id)
		if err != nil {
			return err
		}
		var kept []state.Key
		for _, k := range related {
			materials, err := tx.KeyMaterials(ctx, k.Region, id)
			if err != nil {
				return err
			}
			if k.State == pendingDeletion && reached(k.DeletionAt, tx.Now) {
				if err := tx.DeleteKey(ctx, k.Region, id); err != nil {
					return err
				}
				gone = append(gone, wrappedSecrets(materials, 0)...)
				continue
			}
			gone = append(gone, wrappedSecrets(materials, tx.Now)...)
			for _, m := range materials {
				if !reached(m.ExpiresAt, tx.Now) {
					stay = append(stay, m.Wrapped)
				}
			}
			kept = append(kept, k)
		}
		for _, k := range kept {
			if err := settleKept(ctx, tx, k, kept, fresh); err != nil {
				return err
			}
		}
		return nil
	})
	s.cache.changed(id)
	if err == nil {
		err = s.forget(ctx, gone, stay)
		s.Log.DebugContext(ctx, "settled a key", slog.String("key", id))
	}
	return err
}

// settleKept does what is due of a key that stays, of those of its id that do.
func settleKept(ctx context.Context, tx *state.Tx, k state.Key, kept []state.Key, fresh state.KeyMaterial) error {
	switch {
	case k.State == pendingReplicaDeletion && len(kept) == 1:
		k.State, k.DeletionAt = pendingDeletion, daysAfter(tx.Now, k.DeletionWindow)
	case k.State == enabled && reached(k.NextRotationAt, tx.Now):
		fresh.CreatedAt = k.NextRotationAt
		for k.NextRotationAt <= tx.Now {
			k.NextRotationAt = daysAfter(k.NextRotationAt, k.RotationDays)
		}
		for _, each := range kept {
			if err := addMaterial(ctx, tx, each.Region, fresh); err != nil {
				return err
			}
		}
	case reached(k.ExpiresAt, tx.Now):
		if err := expire(ctx, tx, &k); err != nil {
			return err
		}
	default:
		return nil
	}
	return tx.UpdateKey(ctx, k)
}

// forget sees to it that wrapped secrets are in no file of the state, but for those that other rows hold too: the material of a
// multi-Region key is wrapped once.
func (s *Service) forget(ctx context.Context, gone, stay [][]byte) error {
	return s.DB.Forget(ctx, slices.DeleteFunc(gone, func(secret []byte) bool {
		return slices.ContainsFunc(stay, func(other []byte) bool { return bytes.Equal(secret, other) })
	})...)
}

// wrappedSecrets are the wrapped secrets of materials that expire by a time; 0 for all.
func wrappedSecrets(materials []state.KeyMaterial, by state.Micros) (all [][]byte) {
	for _, m := range materials {
		if by == 0 || reached(m.ExpiresAt, by) {
			all = append(all, m.Wrapped)
		}
	}
	return all
}
