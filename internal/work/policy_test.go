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

func changePolicies(t *testing.T, db *state.DB, q *Queue, organization string, after error) {
	t.Helper()
	err := db.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		return errors.Join(q.EnqueuePolicies(ctx, tx, organization), after)
	})
	if !errors.Is(err, after) {
		t.Fatal(err)
	}
}

// A patient worker has what failed tried again in an hour, unless it is woken.
type patient struct{ *worker[policyArgs] }

func (patient) NextRetry(*river.Job[policyArgs]) time.Time { return clock.Wall.Now().Add(time.Hour) }

// TestOneJobFollowsManyChanges: changes that nobody has begun to follow are followed once, those of each organization by
// itself; a change while one is followed is followed again; and one that could not be followed is, with the next.
func TestOneJobFollowsManyChanges(t *testing.T) {
	t.Parallel()
	db, q := openQueue(t, filepath.Join(t.TempDir(), "state.db"))
	defer db.Close()
	for range 5 {
		changePolicies(t, db, q, "o-one", nil)
	}
	changePolicies(t, db, q, "o-two", nil)
	changePolicies(t, db, q, "o-three", errors.New("rolled back"))

	begun, goOn := make(chan string), make(chan error)
	runner := &Runner{Config: Config{Log: slog.New(slog.DiscardHandler), FollowPolicies: func(ctx context.Context, id string) error {
		select {
		case begun <- id:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case err := <-goOn:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}}}
	workers := river.NewWorkers()
	river.AddWorker[policyArgs](workers, patient{&worker[policyArgs]{work: func(ctx context.Context, a policyArgs, _ try) error {
		return runner.followPolicies(ctx, a.OrganizationID)
	}}})
	// One that works on a backup for hours does not keep policies waiting.
	hours := make(chan struct{})
	river.AddWorker(workers, &worker[backupArgs]{work: func(ctx context.Context, _ backupArgs, _ try) error {
		select {
		case <-hours:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}})
	enqueue(t, db, q, "long", nil)
	stop, err := q.start(t.Context(), workers, 1, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		close(hours)
		if err := stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	next := func(want string) {
		t.Helper()
		select {
		case got := <-begun:
			if got != want {
				t.Errorf("%s is followed, want %s", got, want)
			}
		case <-time.After(3 * time.Minute):
			t.Fatalf("%s is not followed", want)
		}
	}
	next("o-one")
	changePolicies(t, db, q, "o-one", nil) // meanwhile
	goOn <- nil
	next("o-two")
	goOn <- nil
	next("o-one")
	goOn <- errors.New("not now")
	begin := time.Now()
	for failed := 0; failed == 0; { // until it is written down, a change would be followed by a job of its own
		if time.Since(begin) > 3*time.Minute {
			t.Fatal("that it has failed is not written down")
		}
		if err := db.Writer().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM river_job WHERE state = 'retryable'`).Scan(&failed); err != nil {
			t.Fatal(err)
		}
	}
	changePolicies(t, db, q, "o-one", nil)
	next("o-one") // for both
	goOn <- nil
	select {
	case id := <-begun:
		t.Errorf("%s is followed once more", id)
	case <-time.After(300 * time.Millisecond):
	}
}
