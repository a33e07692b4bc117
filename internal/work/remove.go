package work

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/riverqueue/river"

	"strongroom/archive"
	"strongroom/internal/api"
	"strongroom/internal/archives"
	"strongroom/internal/resource"
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
	kind, err := r.kindNamed(point.ResourceType)
	if err != nil {
		return err
	}
	if native, is := kind.(resource.Native); is {
		refusal, err := r.refuseRemoval(ctx, native, point)
		if errors.Is(err, resource.ErrInUse) {
			return river.JobSnooze(waitForResource)
		}
		if err != nil {
			return err
		}
		if refusal != nil {
			return r.keepExpired(ctx, point, refusal)
		}
	}
	at := archives.Location{Region: point.Region, AccountID: point.AccountID, Vault: point.VaultName}
	if err := r.Archives.Erase(ctx, at, point.ArchiveKeyARN, point.ArchivePointID); err != nil {
		return fmt.Errorf("removing recovery point %s: %w", point.ARN, err)
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

// refuseRemoval asks whether the role that made a point may remove it from the catalogue of its kind's service, and if not,
// whether the account's service-linked role may. It returns the refusal of the former.
func (r *Runner) refuseRemoval(ctx context.Context, native resource.Native, point state.RecoveryPoint) (refusal *api.Error, err error) {
	for _, assume := range []func() (*api.Caller, error){
		func() (*api.Caller, error) {
			return r.assume(ctx, point.AccountID, point.Region, point.VaultARN, point.IAMRoleARN, "AWSBackup-"+point.JobID)
		},
		func() (*api.Caller, error) {
			linked, err := r.serviceLinked(ctx, state.BackupVault{ARN: point.VaultARN, AccountID: point.AccountID, Region: point.Region}, "delete-"+point.JobID)
			if err != nil {
				return nil, err
			}
			return linked.Through(backupService, point.Region), nil
		},
	} {
		caller, err := assume()
		if err == nil {
			err = native.MayRemove(ctx, caller, point)
		}
		refused := api.Refused(err)
		switch {
		case err == nil:
			return nil, nil
		case refused == nil:
			return nil, err
		case refusal == nil:
			refusal = refused
		}
	}
	return refusal, nil
}

// keepExpired has a point that nobody may remove stand as EXPIRED, with the reason, until somebody deletes it again. See
// https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DeleteRecoveryPoint.html.
func (r *Runner) keepExpired(ctx context.Context, point state.RecoveryPoint, refusal *api.Error) error {
	point.Status, point.StatusMessage = state.PointExpired, refusal.Message
	err := r.update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if err := tx.UpdateRecoveryPoint(ctx, point, state.PointDeleting); err != nil {
			return err
		}
		if err := r.PutEvent.RecoveryPoint(ctx, tx, point); err != nil {
			return err
		}
		return r.tell(ctx, tx, ofPoint(point, "could not be deleted"))
	})
	if err != nil {
		return fmt.Errorf("keeping recovery point %s: %w", point.ARN, err)
	}
	r.Log.WarnContext(ctx, "a recovery point could not be deleted", slog.String("recovery_point", point.ARN), slog.String("reason", refusal.Error()))
	return nil
}

// discard removes from the archive what a job that did not succeed may have committed there: its end may have come between
// the archive's commit and ours, and then nothing in the catalogue would ever name the point, nor delete it.
func (r *Runner) discard(ctx context.Context, at archives.Location, jobID string) {
	if err := r.discardPoint(ctx, at, strings.ToLower(jobID)); err != nil {
		r.Log.WarnContext(ctx, "could not discard what a failed job left", slog.String("job", jobID), slog.String("error", err.Error()))
	}
}

// discardPoint removes a point from whatever sealing domain of an archive it lies in, if it does in one.
func (r *Runner) discardPoint(ctx context.Context, at archives.Location, point string) error {
	vault, err := r.Archives.Vault(ctx, at)
	if err != nil {
		return err
	}
	domains, err := vault.DomainIDs(ctx)
	if err != nil {
		return err
	}
	var all []error
	for _, domain := range domains {
		if err := vault.Delete(ctx, domain, point); !errors.Is(err, archive.ErrNoPoint) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}
