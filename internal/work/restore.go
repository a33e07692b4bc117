package work

import (
	"context"
	"errors"
	"fmt"

	"strongroom/arn"
	"strongroom/internal/resource"
	"strongroom/internal/state"
	"strongroom/rules"
)

// runRestore works on a restore job until it is in a final state, or returns the error that it is to be tried again for.
func (r *Runner) runRestore(ctx context.Context, jobID string, t try) error {
	var job state.RestoreJob
	var trail rules.Trail
	return perform(ctx, r, t, steps[resource.Restored]{
		what: "Restore", jobID: jobID, trail: &trail,
		begin: func(ctx context.Context) (attempt int64, err error) {
			job, err = r.beginRestore(ctx, jobID)
			return job.Attempts, err
		},
		started: func(ctx context.Context) {
			r.event(ctx, job.AccountID, job.Region, "RestoreStarted", restoreDetails(job))
		},
		work: func(ctx context.Context) (resource.Restored, error) { return r.restore(ctx, &job, &trail) },
		say: func(ctx context.Context, tx *state.Tx, message string) error {
			return tx.SetRestoreJobMessage(ctx, jobID, message)
		},
		note: func(ctx context.Context, tx *state.Tx, message string) error {
			job.StatusMessage = message
			if err := tx.SetRestoreJobTrail(ctx, job.ID, trail); err != nil {
				return err
			}
			return r.putRestore(ctx, tx, job, state.JobRunning)
		},
		end: func(ctx context.Context, end outcome, made resource.Restored) error {
			if end == (outcome{}) {
				end = outcome{state.JobCompleted, made.Message, rules.Category(made.Message)}
			}
			return r.endRestore(ctx, job, end, made.ARN, trail)
		},
	})
}

func (r *Runner) beginRestore(ctx context.Context, jobID string) (job state.RestoreJob, err error) {
	err = r.update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if job, err = tx.RestoreJob(ctx, jobID); err != nil {
			return err
		}
		if job.Done() {
			return errDone
		}
		was := job.State
		if was != state.JobRunning {
			job.State, job.StartedAt = state.JobRunning, tx.Now
		}
		job.Attempts++
		job.StatusMessage = ""
		return r.putRestore(ctx, tx, job, was)
	})
	return job, err
}

// restore brings the recovery point back.
func (r *Runner) restore(ctx context.Context, job *state.RestoreJob, trail *rules.Trail) (made resource.Restored, err error) {
	var point state.RecoveryPoint
	var vault state.BackupVault
	err = r.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		if point, err = tx.RecoveryPoint(ctx, job.PointARN); err != nil {
			return err
		}
		vault, err = tx.BackupVaultByARN(ctx, point.VaultARN)
		return err
	})
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return made, err
	}
	q := rules.RestoreRequest{RecoveryPointARN: job.PointARN, PointStatus: point.Status, RoleARN: job.IAMRoleARN}
	if q.Key, err = r.key(ctx, point.ArchiveKeyARN); err != nil {
		return made, err
	}
	role, _, says, err := r.askRole(ctx, job.AccountID, job.Region, point.VaultARN, job.IAMRoleARN, "AWSBackup-"+job.ID)
	if err != nil {
		return made, err
	}
	q.Role = says
	asked := func() { *trail = rules.Follow(rules.RestoreGates, r.AsOf, q) }
	asked()
	if refusal := trail.Refusal(); refusal != nil {
		return made, refusal
	}
	kind, err := r.kindNamed(point.ResourceType)
	if err != nil {
		return made, err
	}
	opened, err := r.openPoint(ctx, role, point, vault)
	if err != nil {
		return made, at("key", err)
	}
	defer opened.Domain().Close()
	q.KeyUse = rules.Yes()
	asked()
	job.SizeBytes = point.SizeBytes
	var tags map[string]string
	if job.CopySourceTags {
		tags = point.Tags
	}
	made, err = kind.Restore(ctx, role, resource.RestoreRequest{
		Point: opened, Recovery: point, Metadata: job.Metadata, Tags: tags, JobID: job.ID, Again: job.Attempts > 1,
		Progress: r.progress(ctx, func(ctx context.Context, tx *state.Tx, percent float64, done int64) error {
			return tx.SetRestoreJobProgress(ctx, job.ID, percent, done)
		}).report,
		Failed: r.failed(vault, change{
			vaultARN: vault.ARN, event: kind.Type() + "_RESTORE_OBJECT_FAILED", kind: "RESTORE_JOB", state: job.State, id: job.ID, started: job.StartedAt,
		}, "An object was not restored from "+point.ARN),
	})
	if err != nil {
		return made, at("target", err)
	}
	q.Target = rules.Yes()
	asked()
	return made, nil
}

func (r *Runner) endRestore(ctx context.Context, job state.RestoreJob, end outcome, created arn.ARN, trail rules.Trail) error {
	err := r.update(ctx, func(ctx context.Context, tx *state.Tx) error {
		job.State, job.StatusMessage, job.MessageCategory, job.CompletedAt = end.state, end.message, end.category, tx.Now
		if err := tx.SetRestoreJobTrail(ctx, job.ID, trail); err != nil {
			return err
		}
		if end.state == state.JobCompleted {
			job.Percent = 100
			job.CreatedResourceARN = created.String()
			point, err := tx.RecoveryPoint(ctx, job.PointARN)
			if err == nil {
				point.LastRestoredAt = tx.Now
				err = tx.UpdateRecoveryPoint(ctx, point, point.Status)
			}
			if err != nil && !errors.Is(err, state.ErrNotFound) {
				return err
			}
		}
		return r.putRestore(ctx, tx, job, state.JobRunning)
	})
	if err != nil {
		return fmt.Errorf("ending restore job %s: %w", job.ID, err)
	}
	r.event(ctx, job.AccountID, job.Region, "RestoreCompleted", restoreDetails(job))
	return nil
}
