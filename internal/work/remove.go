package work

import (
	"context"
	"errors"
	"fmt"

	"github.com/riverqueue/river"

	"strongroom/archive"
	"strongroom/internal/archives"
	"strongroom/internal/state"
)

// removePoint removes a recovery point that is marked as DELETING: first what makes it readable, in the archive, and
// then the catalogue's entries. Whatever it alone reached is garbage, which collection removes.
func (r *Runner) removePoint(ctx context.Context, pointARN string) error {
	var reading int64
	point, err := view(ctx, r, func(ctx context.Context, tx *state.Tx) (state.RecoveryPoint, error) {
		point, err := tx.RecoveryPoint(ctx, pointARN)
		if err != nil {
			return point, err
		}
		copies, err := tx.CopyJobsOf(ctx, pointARN)
		if err != nil {
			return point, err
		}
		restores, err := tx.RestoreJobsOf(ctx, pointARN)
		reading = copies + restores
		return point, err
	})
	switch {
	case errors.Is(err, state.ErrNotFound):
		return nil // removed before a crash
	case err != nil:
		return err
	case point.Status != state.PointDeleting:
		return nil // held back after all
	case reading > 0:
		return river.JobSnooze(waitForResource)
	}
	vault, err := r.Archives.Vault(ctx, archives.Location{Region: point.Region, AccountID: point.AccountID, Vault: point.VaultName})
	if err != nil {
		return err
	}
	domains, err := vault.Domains(ctx)
	if err != nil {
		return fmt.Errorf("removing recovery point %s: %w", point.ARN, err)
	}
	for _, domain := range domains {
		if domain.KeyID != point.ArchiveKeyARN {
			continue
		}
		if err := vault.Delete(ctx, domain.ID, point.ArchivePointID); err != nil && !errors.Is(err, archive.ErrNoPoint) {
			return fmt.Errorf("removing recovery point %s: %w", point.ARN, err)
		}
	}
	kind, err := r.kindNamed(point.ResourceType)
	if err != nil {
		return err
	}
	if err := r.update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if err := kind.Removed(ctx, tx, point); err != nil {
			return err
		}
		return tx.DeleteRecoveryPoint(ctx, point.ARN)
	}); err != nil {
		return fmt.Errorf("removing recovery point %s: %w", point.ARN, err)
	}
	r.event(ctx, point.AccountID, point.Region, "BackupDeleted", pointDetails(point))
	return nil
}
