package work

import (
	"context"
	"errors"
	"fmt"

	"github.com/riverqueue/river"

	"strongroom/internal/state"
	"strongroom/rules"
)

// steps are what a kind of job has of its own in the frame that all share, see [perform].
type steps[Made any] struct {
	what  string // Backup, Copy or Restore, as messages say it
	jobID string
	// begin makes the job RUNNING; errDone if there is nothing to do, errBusy if the job must wait for another.
	begin func(ctx context.Context) (attempt int64, err error)
	// watch returns a context that ends when the job is to end before it is done. Nil watches nothing.
	watch func(ctx context.Context) (context.Context, context.CancelCauseFunc)
	// started is called at the first attempt only.
	started func(ctx context.Context)
	work    func(ctx context.Context) (Made, error)
	// trail is what the gates say of the job, as the work finds out. Nil keeps none.
	trail *rules.Trail
	// say writes down what the job that runs waits for. Nil says nothing.
	say func(ctx context.Context, tx *state.Tx, message string) error
	// note writes down why a job that still runs will be tried again.
	note func(ctx context.Context, tx *state.Tx, message string) error
	// end writes down how the job ended. What was made is nothing unless the outcome is zero: then the work succeeded.
	end func(ctx context.Context, end outcome, made Made) error
}

// perform makes one attempt at a job: it works until the job is in a final state, or returns the error that the job is to
// be tried again for.
func perform[Made any](ctx context.Context, r *Runner, t try, s steps[Made]) error {
	r.atWork.Add(1)
	defer r.atWork.Add(-1)
	attempt, err := s.begin(ctx)
	switch {
	case errors.Is(err, errDone):
		return nil
	case errors.Is(err, errBusy):
		return river.JobSnooze(waitForResource)
	case err != nil:
		return err
	}
	if attempt == 1 {
		s.started(ctx)
	}
	watched := ctx
	if s.watch != nil {
		var stop context.CancelCauseFunc
		watched, stop = s.watch(ctx)
		defer stop(nil)
	}
	watched = r.telling(watched, s.jobID, s.say)
	made, err := guarded(ctx, r.Log, func() (Made, error) { return s.work(watched) })
	if err == nil {
		return s.end(ctx, outcome{}, made)
	}
	end, again := judge(watched, err, s.what, t)
	if again != nil {
		return r.again(ctx, s.jobID, again, s.note)
	}
	if end.category == rules.FatalError {
		err = fmt.Errorf("%w (%w)", fatal(s.what, err), err)
	}
	if s.trail != nil {
		*s.trail = trailOf(*s.trail, err, end)
	}
	var nothing Made
	return s.end(ctx, end, nothing)
}
