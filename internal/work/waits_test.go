package work

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"strongroom/archive"
	"strongroom/clock"
	"strongroom/internal/archives"
	"strongroom/internal/resource"
	"strongroom/internal/state"
)

// A job that waits for memory says so, and no longer once it has got it.
func TestAJobSaysThatItWaitsForMemory(t *testing.T) {
	t.Parallel()
	memory := archive.NewBudget(10)
	others, err := memory.Take(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	var during, after string
	_, job := ended(t, "JOB", func(*archives.Archives) resource.Kind {
		return broken{describe: func(ctx context.Context) error {
			given := make(chan error, 1)
			go func() {
				give, err := memory.Take(ctx, 1)
				if err == nil {
					give()
				}
				given <- err
			}()
			for begin := time.Now(); during == "" && time.Since(begin) < 3*time.Minute; {
				during = said(ctx, t)
			}
			others()
			if err := <-given; err != nil {
				return err
			}
			after = said(ctx, t)
			return errors.New("it is over")
		}}
	})
	if during != waitsForMemory || after != "" {
		t.Errorf("while it waited the job said %q, and then %q", during, after)
	}
	if job.State != state.JobFailed || job.StatusMessage == waitsForMemory {
		t.Errorf("the job is %s: %s", job.State, job.StatusMessage)
	}
}

// A job that waited for memory when the process ended does not say so any more when it goes on.
func TestAJobThatGoesOnWaitsForNothing(t *testing.T) {
	t.Parallel()
	db, q := openQueue(t, filepath.Join(t.TempDir(), "state.db"))
	defer db.Close()
	r := New(Config{DB: db, Queue: q, Clock: clock.Wall, Log: slog.New(slog.DiscardHandler), Trail: noTrail{}})
	err := db.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		return errors.Join(
			tx.InsertBackupJob(ctx, state.BackupJob{ID: "JOB", State: state.JobRunning, StatusMessage: waitsForMemory, Attempts: 1}),
			tx.InsertCopyJob(ctx, state.CopyJob{ID: "JOB", State: state.JobRunning, StatusMessage: waitsForMemory, Attempts: 1}),
			tx.InsertRestoreJob(ctx, state.RestoreJob{ID: "JOB", State: state.JobRunning, StatusMessage: waitsForMemory, Attempts: 1}),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	backup, err1 := r.beginBackup(t.Context(), "JOB")
	copied, err2 := r.beginCopy(t.Context(), "JOB")
	restore, err3 := r.beginRestore(t.Context(), "JOB")
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if backup.StatusMessage+copied.StatusMessage+restore.StatusMessage != "" {
		t.Errorf("the jobs say %q, %q and %q", backup.StatusMessage, copied.StatusMessage, restore.StatusMessage)
	}
}
