package work

import (
	"context"
	"slices"

	"strongroom/internal/state"
)

// A job's row is written through the functions of this file: where a job goes from one state to another, those who want to
// hear of it are told in the same transaction, so that they are told exactly of what was decided.

// putBackup writes a backup job whose state in the store is one of from; [state.ErrConflict] otherwise.
func (r *Runner) putBackup(ctx context.Context, tx *state.Tx, job state.BackupJob, from ...string) error {
	if err := tx.UpdateBackupJob(ctx, job, from...); err != nil || slices.Contains(from, job.State) {
		return err
	}
	if err := r.PutEvent.BackupJob(ctx, tx, job); err != nil {
		return err
	}
	return r.tell(ctx, tx, ofBackup(job))
}

// putCopy is putBackup for copy jobs.
func (r *Runner) putCopy(ctx context.Context, tx *state.Tx, job state.CopyJob, from ...string) error {
	if err := tx.UpdateCopyJob(ctx, job, from...); err != nil || slices.Contains(from, job.State) {
		return err
	}
	if err := r.PutEvent.CopyJob(ctx, tx, job); err != nil {
		return err
	}
	return r.tell(ctx, tx, ofCopy(job))
}

// putRestore is putBackup for restore jobs.
func (r *Runner) putRestore(ctx context.Context, tx *state.Tx, job state.RestoreJob, from ...string) error {
	if err := tx.UpdateRestoreJob(ctx, job, from...); err != nil || slices.Contains(from, job.State) {
		return err
	}
	if err := r.PutEvent.RestoreJob(ctx, tx, job); err != nil {
		return err
	}
	return r.tell(ctx, tx, ofRestore(job))
}
