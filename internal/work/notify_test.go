package work

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strongroom/clock"
	"strongroom/internal/state"
)

// TestVaultsTell moves jobs through their states: what a vault's owner asked to hear goes out, once for each state, and
// only with what is committed.
func TestVaultsTell(t *testing.T) {
	t.Parallel()
	db, q := openQueue(t, filepath.Join(t.TempDir(), "state.db"))
	defer db.Close()
	var told []string
	r := New(Config{DB: db, Queue: q, Clock: clock.Wall, Log: slog.New(slog.DiscardHandler), Notify: func(_ context.Context, _ *state.Tx, n Notification) error {
		told = append(told, n.Attributes["EventType"]+" "+n.Attributes["State"]+" "+n.Attributes["Id"]+": "+n.Message)
		if n.Subject != "Notification from AWS Backup" || n.TopicARN != "arn:topic" || n.AccountID != "111111111111" {
			t.Errorf("notification %+v", n)
		}
		return nil
	}})
	const loud, quiet = "arn:vault:loud", "arn:vault:quiet"
	err := db.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		events := []string{"BACKUP_JOB_STARTED", "BACKUP_JOB_COMPLETED", "BACKUP_JOB_FAILED", "COPY_JOB_FAILED", "RESTORE_JOB_COMPLETED", "RECOVERY_POINT_MODIFIED"}
		return errors.Join(
			tx.InsertBackupVault(ctx, state.BackupVault{AccountID: "111111111111", Region: "r", Name: "loud", ARN: loud, TopicARN: "arn:topic", Events: events}),
			tx.InsertBackupVault(ctx, state.BackupVault{AccountID: "111111111111", Region: "r", Name: "quiet", ARN: quiet}),
			tx.InsertBackupJob(ctx, state.BackupJob{ID: "B", VaultARN: loud, ResourceARN: "arn:r", State: state.JobCreated}),
			tx.InsertBackupJob(ctx, state.BackupJob{ID: "Q", VaultARN: quiet, ResourceARN: "arn:r", State: state.JobCreated}),
			tx.InsertCopyJob(ctx, state.CopyJob{ID: "C", SourceVaultARN: loud, ResourceARN: "arn:r", DestinationVaultARN: quiet, State: state.JobCreated}),
			tx.InsertRestoreJob(ctx, state.RestoreJob{ID: "R", VaultARN: loud, PointARN: "arn:p", State: state.JobPending}),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	step := func(fn func(ctx context.Context, tx *state.Tx) error) {
		t.Helper()
		if err := db.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"B", "Q"} {
		for _, to := range []string{state.JobRunning, state.JobRunning, state.JobExpired} {
			step(func(ctx context.Context, tx *state.Tx) error {
				job, err := tx.BackupJob(ctx, id)
				if err != nil {
					return err
				}
				was := job.State
				job.State = to
				return r.putBackup(ctx, tx, job, was)
			})
		}
	}
	for _, to := range []string{state.JobRunning, state.JobFailed} {
		step(func(ctx context.Context, tx *state.Tx) error {
			job, err := tx.CopyJob(ctx, "C")
			if err != nil {
				return err
			}
			was := job.State
			job.State = to
			return r.putCopy(ctx, tx, job, was)
		})
		step(func(ctx context.Context, tx *state.Tx) error {
			job, err := tx.RestoreJob(ctx, "R")
			if err != nil {
				return err
			}
			was := job.State
			job.State = to
			return r.putRestore(ctx, tx, job, was)
		})
	}
	want := []string{
		"BACKUP_JOB RUNNING B: An AWS Backup job was started. Resource ARN : arn:r BackupJob ID : B",
		"BACKUP_JOB EXPIRED B: An AWS Backup job failed to complete in time. Resource ARN : arn:r BackupJob ID : B",
		"COPY_JOB FAILED C: An AWS Backup copy job failed. Resource ARN : arn:r Destination backup vault ARN : " + quiet + " CopyJob ID : C",
		"RESTORE_JOB FAILED R: An AWS Backup restore job failed. Recovery point ARN: arn:p RestoreJob ID : R",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}

	told = nil
	vault := state.BackupVault{ARN: loud, TopicARN: "arn:topic", Events: []string{"S3_BACKUP_OBJECT_FAILED"}}
	step(func(ctx context.Context, tx *state.Tx) error {
		vault, err := tx.BackupVaultByARN(ctx, loud)
		if err != nil {
			return err
		}
		vault.Events = []string{"S3_BACKUP_OBJECT_FAILED"}
		return tx.UpdateBackupVault(ctx, vault)
	})
	one := change{vaultARN: loud, event: "S3_BACKUP_OBJECT_FAILED", kind: "BACKUP_JOB", state: state.JobRunning, id: "B"}
	r.failed(vault, one, "An object was not backed up of arn:r")(t.Context(), "key", errors.New("AccessDenied"))
	if len(told) != 1 || !strings.HasSuffix(told[0], "An object was not backed up of arn:r. Object : key Reason : AccessDenied Job ID : B") {
		t.Errorf("of an object: %v", told)
	}
	one.event = "S3_RESTORE_OBJECT_FAILED"
	if r.failed(vault, one, "x") != nil {
		t.Error("objects are told of that nobody asked about")
	}
}
