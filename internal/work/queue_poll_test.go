package work

import (
	"context"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"strongroom/internal/state"
)

// The database is asked for jobs often while something happens, and seldom while nothing does.
func TestAQueueAtRestIsAskedSeldom(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	b := newBell()
	b.now = func() time.Time { return now }
	asked := func(long time.Duration) (n int) {
		for end := now.Add(long); now.Before(end); now = now.Add(pollInterval) {
			for _, queue := range []string{"default", policyQueue} {
				if !b.quiet(queue) {
					n++
				}
			}
		}
		return n
	}
	b.ring()
	if n, want := asked(restless), 2*int(restless/pollInterval); n != want {
		t.Errorf("after a job was enqueued the database was asked %d times, not %d", n, want)
	}
	if n := asked(time.Minute); n < 100 || n > 122 {
		t.Errorf("in a minute at rest the database was asked %d times", n)
	}
	b.ring()
	if b.quiet("default") {
		t.Error("a job that is enqueued in a queue at rest has to wait")
	}
}

// Whenever River gives up asking for jobs, none is left that says it is running while nobody has it: it would be until the next start.
func TestAFetchThatIsGivenUpLosesNoJob(t *testing.T) {
	t.Parallel()
	db, q := openQueue(t, filepath.Join(t.TempDir(), "state.db"))
	defer db.Close()
	const jobs = 500
	err := db.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		for i := range jobs {
			if err := q.EnqueueBackup(ctx, tx, strconv.Itoa(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	asks := driver{riversqlite.New(db.Writer()), newBell()}.GetExecutor()
	for patience, given := time.Duration(0), 0; given < jobs; patience += 100 * time.Microsecond {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		got, err := asks.JobGetAvailable(ctx, &riverdriver.JobGetAvailableParams{ClientID: "a", MaxAttemptedBy: 100, MaxToLock: jobs, Queue: river.QueueDefault})
		cancel()
		if err == nil {
			given = len(got.Jobs)
		}
		var running int
		if err := db.Writer().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM river_job WHERE state = 'running'`).Scan(&running); err != nil {
			t.Fatal(err)
		}
		if running != given {
			t.Fatalf("asked for %s, %d jobs were given and %d are running: %v", patience, given, running, err)
		}
	}
}
