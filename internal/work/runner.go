package work

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"

	"strongroom/arn"
	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/archives"
	"strongroom/internal/backupevent"
	"strongroom/internal/resource"
	"strongroom/internal/state"
	"strongroom/rules"
)

// Identity lets jobs act as roles.
type Identity interface {
	// AssumeForService assumes a role for a service that acts for an account and, as its SourceARN, a resource; the role's
	// trust policy decides. Its error is an [api.Error] with AWS's message.
	AssumeForService(ctx context.Context, service *api.Caller, roleARN, sessionName string) (*api.Caller, error)
	// Session is what a session of a role would be, for questions that nobody is told of: its trust policy is not asked.
	// [state.ErrNotFound] if there is no such role.
	Session(ctx context.Context, roleARN, sessionName string) (*api.Caller, error)
	// EnsureServiceLinkedRole makes a service's role in an account if it is not there, and returns its ARN.
	EnsureServiceLinkedRole(ctx context.Context, accountID, servicePrincipal string) (roleARN string, err error)
}

// Membership is an account's place in an organization; zero if it is in none.
type Membership struct {
	OrganizationID      string
	ManagementAccountID string
	TrustedAccess       bool // AWS Backup may look into the organization
}

// Trail keeps the events that the service itself makes.
type Trail interface {
	RecordServiceEvent(ctx context.Context, accountID, region, name string, details map[string]any)
	// PutServiceEvent keeps one if tx commits, with what went wrong; nil for nothing.
	PutServiceEvent(ctx context.Context, tx *state.Tx, accountID, region, name string, details map[string]any, failure *api.Error) error
}

// Config is what a [Runner] works with.
type Config struct {
	DB           *state.DB
	Queue        *Queue
	Clock        clock.Clock
	Door         *api.Door
	Archives     *archives.Archives
	Kinds        []resource.Kind
	AsOf         rules.AsOf
	Identity     Identity
	Organization func(ctx context.Context, accountID string) (Membership, error)
	Trail        Trail
	// FollowPolicies does what follows from the policies of an organization, however often it is called. Nil does nothing.
	FollowPolicies func(ctx context.Context, organizationID string) error
	// Notify sends a vault's notification when tx commits. Nil sends none.
	Notify      func(ctx context.Context, tx *state.Tx, n Notification) error
	PutEvent    backupevent.Put // tells EventBridge
	Concurrency int             // small jobs at once, beside half as many big ones; 4 if 0
	MaxCopies   int             // of a resource to one Region of other accounts, at work or waiting; [rules.MaxCopiesPerResource] if 0
	Scrub       Scrub           // how the archives are read anew in the background
	// CheckCatalogue holds the catalogue beside the data against the database, and mends it if it is to. Nil checks nothing.
	CheckCatalogue func(ctx context.Context, mend bool) (CheckedCatalogue, error)
	Log            *slog.Logger
	// Sweep is called every few minutes, for services that remove what is due (keys scheduled for deletion, old events).
	Sweep []func(ctx context.Context) error
	// Due is called whenever the clock may have moved on, for services that act by it (the lifecycle rules of buckets); it
	// returns at once where nothing is due.
	Due []func(ctx context.Context) error
}

// Runner works on jobs and watches the clock. It may be stopped without having been started, and more than once.
type Runner struct {
	Config
	running
	lanes    lanes
	readings *readings
}

type running struct {
	atWork atomic.Int32 // jobs

	mu        sync.Mutex
	stopQueue func(context.Context) error
	cancel    context.CancelFunc
	loops     sync.WaitGroup
}

// New returns a runner that does nothing yet.
func New(c Config) *Runner {
	if c.Concurrency == 0 {
		c.Concurrency = 4
	}
	return &Runner{Config: c, lanes: newLanes(c.Concurrency), readings: newReadings()}
}

const backupService = "backup.amazonaws.com"

// worker makes a River worker of a function.
type worker[A river.JobArgs] struct {
	river.WorkerDefaults[A]
	work func(ctx context.Context, args A, t try) error
	// most is the longest pause before another try; 0 for River's own pauses, which grow without end.
	most time.Duration
}

// NextRetry implements [river.Worker].
func (w *worker[A]) NextRetry(job *river.Job[A]) time.Time {
	if w.most == 0 {
		return time.Time{}
	}
	return clock.Wall.Now().Add(pauseAfter(job.Attempt, w.most))
}

// pauseAfter is River's pause after an attempt, its fourth power in seconds, or most if that is shorter.
func pauseAfter(attempt int, most time.Duration) time.Duration {
	a := time.Duration(min(attempt, 60)) // more overflows in the end
	return min(most, a*a*a*a*time.Second)
}

// try is which attempt at a job this is: the second or a later one, the last.
type try struct{ again, last bool }

// Work works on a job. One that is interrupted because the process stops goes on at the next start, and has not failed:
// counted as a failure, it might be the last that River allows, and the job would never end.
func (w *worker[A]) Work(ctx context.Context, job *river.Job[A]) error {
	err := w.work(ctx, job.Args, try{again: job.Attempt > 1, last: job.Attempt >= job.MaxAttempts})
	if err != nil && ctx.Err() != nil {
		return river.JobSnooze(0)
	}
	return err
}

// told says in the log that what no user asks after has failed, and will be tried again.
func (r *Runner) told(ctx context.Context, what, of string, err error) error {
	if snoozed := (*river.JobSnoozeError)(nil); err != nil && ctx.Err() == nil && !errors.As(err, &snoozed) {
		r.Log.WarnContext(ctx, what+" failed, and will be tried again", slog.String("of", of), slog.Any("error", err))
	}
	return err
}

// Start takes up interrupted jobs and begins to work.
func (r *Runner) Start(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel != nil {
		return errors.New("the runner is started already")
	}
	workers := river.NewWorkers()
	for _, err := range []error{
		river.AddWorkerSafely(workers, &worker[backupArgs]{work: func(ctx context.Context, a backupArgs, t try) error {
			return r.begun(ctx, a.JobID, r.backupSize, func() error { return r.runBackup(ctx, a.JobID, t) })
		}}),
		river.AddWorkerSafely(workers, &worker[copyArgs]{work: func(ctx context.Context, a copyArgs, t try) error {
			return r.begun(ctx, a.JobID, r.copySize, func() error { return r.runCopy(ctx, a.JobID, t) })
		}}),
		river.AddWorkerSafely(workers, &worker[restoreArgs]{work: func(ctx context.Context, a restoreArgs, t try) error {
			return r.begun(ctx, a.JobID, r.restoreSize, func() error { return r.runRestore(ctx, a.JobID, t) })
		}}),
		river.AddWorkerSafely(workers, &worker[deleteArgs]{work: func(ctx context.Context, a deleteArgs, _ try) error {
			return r.told(ctx, "removing a recovery point", a.RecoveryPointARN, r.removePoint(ctx, a.RecoveryPointARN))
		}, most: deletePause}),
		river.AddWorkerSafely(workers, &worker[policyArgs]{work: func(ctx context.Context, a policyArgs, _ try) error {
			return r.told(ctx, "following backup policies", a.OrganizationID, r.followPolicies(ctx, a.OrganizationID))
		}, most: policyPause}),
	} {
		if err != nil {
			return fmt.Errorf("preparing the workers: %w", err)
		}
	}
	stop, err := r.Queue.start(ctx, workers, mostFetched, r.Log)
	if err != nil {
		return err
	}
	r.stopQueue = stop
	loops, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.cancel = cancel
	for _, loop := range []func(context.Context){r.watchSchedules, r.watchLifecycles, r.watchServices, r.watchWindows, r.watchGarbage, r.watchScrub} {
		r.loops.Go(func() { loop(loops) })
	}
	return nil
}

// Stop ends the loops and the running jobs, which are taken up again at the next start. It waits for them.
func (r *Runner) Stop(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel == nil {
		return nil
	}
	r.cancel()
	err := r.stopQueue(ctx) // first: what watches a job ends with it
	r.loops.Wait()
	r.cancel = nil
	return err
}

// kindOf is the kind that a resource belongs to.
func (r *Runner) kindOf(ctx context.Context, resourceARN string) (resource.Kind, arn.ARN, error) {
	parsed, err := arn.Parse(resourceARN)
	if err != nil {
		return nil, arn.ARN{}, err
	}
	if kind, err := resource.Of(ctx, r.Kinds, parsed); kind != nil || err != nil {
		return kind, parsed, err
	}
	return nil, parsed, rules.TypeUnsupported.Refuse(rules.Values{"type": resourceARN})
}

// kindNamed is the kind with the Backup API's name.
func (r *Runner) kindNamed(resourceType string) (resource.Kind, error) {
	for _, k := range r.Kinds {
		if k.Type() == resourceType {
			return k, nil
		}
	}
	return nil, rules.TypeUnsupported.Refuse(rules.Values{"type": resourceType})
}

// update and view are the store's, for functions that need no context of their own.
func (r *Runner) update(ctx context.Context, fn func(ctx context.Context, tx *state.Tx) error) error {
	return r.DB.Update(ctx, fn)
}

func view[T any](ctx context.Context, r *Runner, fn func(ctx context.Context, tx *state.Tx) (T, error)) (v T, err error) {
	err = r.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		v, err = fn(ctx, tx)
		return err
	})
	return v, err
}
