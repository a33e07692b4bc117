package work

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"strongroom/clock"
	"strongroom/internal/state"
)

// openQueue opens a queue on a new database, or on one that an earlier queue was closed on.
func openQueue(t *testing.T, path string) (*state.DB, *Queue) {
	t.Helper()
	db, err := state.Open(t.Context(), path, clock.Wall)
	if err != nil {
		t.Fatal(err)
	}
	q, err := OpenQueue(t.Context(), db, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return db, q
}

func enqueue(t *testing.T, db *state.DB, q *Queue, id string, after error) {
	t.Helper()
	err := db.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		if err := q.EnqueueBackup(ctx, tx, id); err != nil {
			return err
		}
		return after
	})
	if !errors.Is(err, after) {
		t.Fatal(err)
	}
}

// worked starts the queue and hands over the ids it works on.
func worked(t *testing.T, q *Queue, work func(ctx context.Context, id string) error) (stop func(context.Context) error) {
	t.Helper()
	return workedBy(t, q, 1, work)
}

// workedBy has the queue work on so many jobs at once.
func workedBy(t *testing.T, q *Queue, concurrency int, work func(ctx context.Context, id string) error) (stop func(context.Context) error) {
	t.Helper()
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker[backupArgs]{work: func(ctx context.Context, a backupArgs, _ try) error { return work(ctx, a.JobID) }})
	stop, err := q.start(t.Context(), workers, concurrency, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return stop
}

func TestJobsExistExactlyIfTheirTransactionCommits(t *testing.T) {
	t.Parallel()
	db, q := openQueue(t, filepath.Join(t.TempDir(), "state.db"))
	defer db.Close()
	enqueue(t, db, q, "undone", errors.New("changed my mind"))
	enqueue(t, db, q, "decided", nil)
	ids := make(chan string, 2)
	stop := worked(t, q, func(_ context.Context, id string) error { ids <- id; return nil })
	if got := <-ids; got != "decided" {
		t.Errorf("the queue worked on %q", got)
	}
	if err := stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(ids) > 0 {
		t.Errorf("the queue also worked on %q", <-ids)
	}
}

func TestInterruptedJobsAreTakenUpAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	db, q := openQueue(t, path)
	enqueue(t, db, q, "interrupted", nil)
	began := make(chan string)
	stop := worked(t, q, func(ctx context.Context, id string) error {
		began <- id
		<-ctx.Done() // as if the process had no time left
		return ctx.Err()
	})
	<-began
	if err := stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	// What a killed process leaves is a row that says running.
	if _, err := db.Writer().ExecContext(t.Context(), `UPDATE river_job SET state = 'running', attempted_by = jsonb('["gone"]')`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	db, q = openQueue(t, path)
	defer db.Close()
	again := make(chan string, 1)
	stop = worked(t, q, func(_ context.Context, id string) error { again <- id; return nil })
	if got := <-again; got != "interrupted" {
		t.Errorf("the queue took up %q", got)
	}
	if err := stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestDeletionsAreNeverGivenUp(t *testing.T) {
	t.Parallel()
	db, q := openQueue(t, filepath.Join(t.TempDir(), "state.db"))
	defer db.Close()
	if err := db.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error { return q.EnqueueDelete(ctx, tx, "arn:p") }); err != nil {
		t.Fatal(err)
	}
	// As if the store had been out of reach for as many attempts as other jobs have.
	if _, err := db.Writer().ExecContext(t.Context(), `UPDATE river_job SET attempt = $1`, maxAttempts); err != nil {
		t.Fatal(err)
	}
	w := &worker[deleteArgs]{most: deletePause}
	tried := make(chan struct{})
	w.work = func(context.Context, deleteArgs, try) error {
		close(tried)
		return errors.New("the store is out of reach")
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, w)
	stop, err := q.start(t.Context(), workers, 1, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	<-tried
	if err := stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	var after string
	if err := db.Writer().QueryRowContext(t.Context(), `SELECT state FROM river_job`).Scan(&after); err != nil {
		t.Fatal(err)
	}
	if after != "retryable" {
		t.Errorf("the deletion is %s after it failed", after)
	}
	for attempt, most := range map[int]time.Duration{1: 2 * time.Second, 9: deletePause, 30000: deletePause} {
		if pause := pauseAfter(attempt, deletePause); pause <= 0 || pause > most {
			t.Errorf("after attempt %d the next comes in %s", attempt, pause)
		}
	}
}

func TestJobsThatWereGivenUpAreEndedAtTheNextStart(t *testing.T) {
	t.Parallel()
	db, q := openQueue(t, filepath.Join(t.TempDir(), "state.db"))
	defer db.Close()
	enqueue(t, db, q, "given up", nil)
	if _, err := db.Writer().ExecContext(t.Context(), `UPDATE river_job SET max_attempts = 1`); err != nil {
		t.Fatal(err)
	}
	tried := make(chan string, 1)
	stop := worked(t, q, func(_ context.Context, id string) error { tried <- id; return errors.New("could not even be ended") })
	<-tried
	if err := stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	var state string
	if err := db.Writer().QueryRowContext(t.Context(), `SELECT state FROM river_job`).Scan(&state); err != nil || state != "discarded" {
		t.Fatalf("the job is %s, not discarded: %v", state, err)
	}
	stop = worked(t, q, func(_ context.Context, id string) error { tried <- id; return nil })
	if got := <-tried; got != "given up" {
		t.Errorf("the queue took up %q", got)
	}
	if err := stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAWaitingJobCanBeWoken(t *testing.T) {
	t.Parallel()
	db, q := openQueue(t, filepath.Join(t.TempDir(), "state.db"))
	defer db.Close()
	enqueue(t, db, q, "stubborn", nil)
	tries := make(chan string, 8)
	stop := worked(t, q, func(_ context.Context, id string) error {
		tries <- id
		return errors.New("the store is away")
	})
	defer func() {
		if err := stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	<-tries
	// From now on the job waits longer and longer; each waking is a try at once.
	for range 4 {
		for woken := false; !woken; {
			err := db.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error { return q.WakeBackup(ctx, tx, "stubborn") })
			if err != nil {
				t.Fatal(err)
			}
			select {
			case <-tries:
				woken = true
			default: // it is not put down as waiting yet
			}
		}
	}
}
