package work

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"

	"strongroom/internal/state"
)

// Queue is the durable queue of jobs, in the service's own database: what is enqueued in a transaction is there exactly
// if the transaction commits, and is worked on until a worker says that it is done.
type Queue struct {
	db     *state.DB
	client *river.Client[*sql.Tx]
	bell   *bell
}

type (
	backupArgs struct {
		JobID string `json:"job_id"`
	}
	copyArgs struct {
		JobID string `json:"job_id"`
	}
	restoreArgs struct {
		JobID string `json:"job_id"`
	}
	deleteArgs struct {
		RecoveryPointARN string `json:"recovery_point_arn"`
	}
	policyArgs struct {
		OrganizationID string `json:"organization_id"`
	}
)

func (backupArgs) Kind() string  { return "backup" }
func (copyArgs) Kind() string    { return "copy" }
func (restoreArgs) Kind() string { return "restore" }
func (deleteArgs) Kind() string  { return "delete_recovery_point" }
func (policyArgs) Kind() string  { return "follow_policies" }

// OpenQueue prepares the queue's tables. Jobs can be enqueued at once; they are worked on after [Queue.start].
func OpenQueue(ctx context.Context, db *state.DB, log *slog.Logger) (*Queue, error) {
	bell := newBell()
	d := driver{riversqlite.New(db.Writer()), bell}
	migrator, err := rivermigrate.New(d, &rivermigrate.Config{Logger: quiet(log)})
	if err != nil {
		return nil, fmt.Errorf("preparing the job queue: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, fmt.Errorf("migrating the job queue: %w", err)
	}
	inserter, err := river.NewClient(d, &river.Config{Logger: quiet(log)})
	if err != nil {
		return nil, fmt.Errorf("opening the job queue: %w", err)
	}
	return &Queue{db: db, client: inserter, bell: bell}, nil
}

// quiet lets only warnings of the library through.
func quiet(log *slog.Logger) *slog.Logger { return slog.New(levelHandler{log.Handler()}) }

type levelHandler struct{ slog.Handler }

func (h levelHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

func (h levelHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return levelHandler{h.Handler.WithAttrs(attrs)}
}

func (h levelHandler) WithGroup(name string) slog.Handler {
	return levelHandler{h.Handler.WithGroup(name)}
}

// EnqueueBackup enqueues the backup job that tx decides.
func (q *Queue) EnqueueBackup(ctx context.Context, tx *state.Tx, jobID string) error {
	return q.enqueue(ctx, tx, backupArgs{JobID: jobID}, maxAttempts)
}

// EnqueueCopy enqueues the copy job that tx decides.
func (q *Queue) EnqueueCopy(ctx context.Context, tx *state.Tx, jobID string) error {
	return q.enqueue(ctx, tx, copyArgs{JobID: jobID}, maxAttempts)
}

// EnqueueRestore enqueues the restore job that tx decides.
func (q *Queue) EnqueueRestore(ctx context.Context, tx *state.Tx, jobID string) error {
	return q.enqueue(ctx, tx, restoreArgs{JobID: jobID}, maxAttempts)
}

// EnqueueDelete enqueues the removal of a recovery point that tx marked as DELETING.
func (q *Queue) EnqueueDelete(ctx context.Context, tx *state.Tx, recoveryPointARN string) error {
	return q.enqueue(ctx, tx, deleteArgs{RecoveryPointARN: recoveryPointARN}, endlessAttempts)
}

// WakeBackup has a backup job that waits to be tried again tried at once, so that it meets what tx decides: that it is to
// stop. Of a job that is at work, or about to be, nothing changes.
func (q *Queue) WakeBackup(ctx context.Context, tx *state.Tx, jobID string) error {
	_, err := tx.SQL().ExecContext(ctx, `UPDATE river_job SET state = 'available', scheduled_at = datetime('now', 'subsec')
		WHERE state = 'retryable' AND kind = $1 AND json_extract(args, '$.job_id') = $2`, backupArgs{}.Kind(), jobID)
	if err != nil {
		return fmt.Errorf("waking backup job %s: %w", jobID, err)
	}
	q.bell.ring()
	return nil
}

// EnqueuePolicies has what follows from an organization's policies done after the change that tx makes. One job that has not
// begun yet does for any number of changes; one that waits to be tried again is tried at once.
func (q *Queue) EnqueuePolicies(ctx context.Context, tx *state.Tx, organizationID string) error {
	defer q.bell.ring()
	result, err := tx.SQL().ExecContext(ctx, `UPDATE river_job SET state = 'available', scheduled_at = datetime('now', 'subsec')
		WHERE state IN ('available', 'retryable') AND kind = $1 AND json_extract(args, '$.organization_id') = $2`, policyArgs{}.Kind(), organizationID)
	if err != nil {
		return fmt.Errorf("looking for a job of organization %s: %w", organizationID, err)
	}
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		return err
	}
	if _, err := q.client.InsertTx(ctx, tx.SQL(), policyArgs{organizationID}, &river.InsertOpts{MaxAttempts: endlessAttempts, Queue: policyQueue}); err != nil {
		return fmt.Errorf("enqueueing a job of organization %s: %w", organizationID, err)
	}
	return nil
}

func (q *Queue) enqueue(ctx context.Context, tx *state.Tx, args river.JobArgs, attempts int) error {
	defer q.bell.ring()
	if _, err := q.client.InsertTx(ctx, tx.SQL(), args, &river.InsertOpts{MaxAttempts: attempts}); err != nil {
		return fmt.Errorf("enqueueing a %s job: %w", args.Kind(), err)
	}
	return nil
}

// A job whose cause of failure may pass is tried this often, with River's growing pauses between: two and a half hours
// in all. (AWS Backup retries a copy for two.)
const maxAttempts = 9

// A deletion has no state to fail into: the point would be DELETING for ever, and its vault could never be deleted. So it
// is tried for as long as it takes, which is as often as River can count, at the latest every hour; and what follows from
// policies, every minute.
const (
	endlessAttempts = math.MaxInt16
	deletePause     = time.Hour
	policyPause     = time.Minute
)

// policyQueue is the lane of jobs that follow policies: one at a time, and never behind backups that take hours.
const policyQueue = "policies"

// mostFetched is how many jobs are taken from the queue at once, most of which may wait for their lane.
const mostFetched = 1000

// start begins to work on jobs with workers. Jobs that a killed process left running, and those that wait to be tried
// again, are taken up at once: the database has one process, so nobody else can be running them, and whoever starts the
// service may have ended the cause of the failure.
func (q *Queue) start(ctx context.Context, workers *river.Workers, concurrency int, log *slog.Logger) (stop func(context.Context) error, err error) {
	if _, err := q.db.Writer().ExecContext(ctx, `UPDATE river_job SET state = 'available', scheduled_at = datetime('now', 'subsec'), finalized_at = NULL WHERE state IN ('running', 'retryable', 'discarded')`); err != nil {
		return nil, fmt.Errorf("taking up interrupted jobs: %w", err)
	}
	q.bell.ring()
	client, err := river.NewClient(driver{riversqlite.New(q.db.Writer()), q.bell}, &river.Config{
		FetchCooldown:        5 * time.Millisecond,
		FetchPollInterval:    pollInterval,
		JobTimeout:           -1, // a backup takes as long as it takes; its completion window ends it
		RescueStuckJobsAfter: 365 * 24 * time.Hour,
		Logger:               quiet(log),
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: concurrency}, policyQueue: {MaxWorkers: 1}},
		Workers:              workers,
	})
	if err != nil {
		return nil, fmt.Errorf("opening the job queue: %w", err)
	}
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return nil, fmt.Errorf("starting the job queue: %w", err)
	}
	return func(ctx context.Context) error {
		err := client.StopAndCancel(ctx)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	}, nil
}

// Following reports whether what follows from policies is still to be done. A job that waits to be tried again after a failure
// does not count.
func (q *Queue) Following(ctx context.Context) (bool, error) {
	return q.goesOn(ctx, policyArgs{}.Kind())
}

// Removing reports whether recovery points are being removed, likewise.
func (q *Queue) Removing(ctx context.Context) (bool, error) {
	return q.goesOn(ctx, deleteArgs{}.Kind())
}

// goesOn reports whether a job of a kind is being worked on or about to be.
func (q *Queue) goesOn(ctx context.Context, kind string) (bool, error) {
	var n int
	err := q.db.Writer().QueryRowContext(ctx, `SELECT COUNT(*) FROM river_job WHERE kind = $1 AND state IN ('available', 'running', 'pending', 'scheduled')`, kind).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("looking at the job queue: %w", err)
	}
	return n > 0, nil
}

// Busy reports whether a job is being worked on or about to be. One that waits to be tried again after a failure is not:
// that may be hours.
func (q *Queue) Busy(ctx context.Context) (bool, error) {
	var n int
	err := q.db.Writer().QueryRowContext(ctx, `SELECT COUNT(*) FROM river_job WHERE state IN ('available', 'running', 'pending', 'scheduled')`).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("looking at the job queue: %w", err)
	}
	return n > 0, nil
}
