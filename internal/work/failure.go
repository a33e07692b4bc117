package work

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"strongroom/archive"
	"strongroom/internal/api"
	"strongroom/internal/resource"
	"strongroom/internal/state"
	"strongroom/rules"
)

// Causes that end a running job from outside.
var (
	errStopped error = rules.StoppedByUser.Refuse(nil)
	errExpired error = rules.WindowClosed.Refuse(nil)
	errBusy          = errors.New("another job runs on the resource") // the job waits
	errDone          = errors.New("the job is in a final state")      // nothing to do
)

// refuseUse makes AWS's message of a refusal by KMS to let a job use a key; other errors stay as they are.
func refuseUse(err error, keyARN string) error {
	if e := api.Refused(err); e != nil {
		refusal := rules.RefuseKey(keyARN)
		if e.Code == "NotFoundException" {
			refusal = rules.RefuseMissingKey(keyARN)
		}
		refusal.Cause += " KMS says: " + e.Error()
		return fmt.Errorf("%w (%w)", refusal, err)
	}
	return err
}

// outcome is how a job ended.
type outcome struct {
	state    string
	message  string
	category string
}

// judge says how an error ends a job, or returns the error if the job should be tried again: because the cause may
// pass, or because the process stops.
func judge(ctx context.Context, err error, what string, t try) (outcome, error) {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errStopped):
		return outcome{state.JobAborted, errStopped.Error(), ""}, nil
	case errors.Is(cause, errExpired):
		return outcome{state.JobExpired, errExpired.Error(), rules.JobExpired}, nil
	case ctx.Err() != nil:
		return outcome{}, err
	}
	var refusal *rules.Refusal
	if errors.As(err, &refusal) {
		category := refusal.Category
		if category == "" {
			category = rules.Category(refusal.Message)
		}
		return outcome{state.JobFailed, refusal.Message, category}, nil
	}
	if e := api.Refused(err); e != nil {
		message := e.Message
		if message == "" {
			message = e.Code
		}
		return outcome{state.JobFailed, message, rules.Category(message)}, nil
	}
	// What is damaged in the store stays so; it is read twice, because a byte may also have been lost on its way here.
	_, final := errors.AsType[resource.Final](err)
	if final || t.last || t.again && errors.Is(err, archive.ErrDamaged) {
		refusal := fatal(what, err)
		return outcome{state.JobFailed, refusal.Message, refusal.Category}, nil
	}
	return outcome{}, err
}

// fatal is the refusal of a job by an error that nobody foresaw and that stays.
func fatal(what string, err error) *rules.Refusal {
	return rules.JobFatal.Refuse(rules.Values{"job": what, "reason": " Internal failure: " + err.Error()})
}

// again says in the log and in the job's status message that the job will be tried again and why, and returns the reason
// for the queue.
func (r *Runner) again(ctx context.Context, jobID string, reason error, tell func(ctx context.Context, tx *state.Tx, message string) error) error {
	if ctx.Err() != nil {
		return reason // the process stops
	}
	r.Log.WarnContext(ctx, "a job will be tried again", slog.String("job", jobID), slog.String("error", reason.Error()))
	message := "The job will be tried again: " + reason.Error()
	err := r.update(ctx, func(ctx context.Context, tx *state.Tx) error { return tell(ctx, tx, message) })
	if err != nil && !errors.Is(err, state.ErrConflict) { // somebody stops the job: then that is what is told
		r.Log.WarnContext(ctx, "could not note why a job will be tried again", slog.String("job", jobID), slog.String("error", err.Error()))
	}
	return reason
}

// guarded runs the work of a job and makes an error of a panic, so that a job that panics ends like one that fails, and does
// not stay RUNNING.
func guarded[T any](ctx context.Context, log *slog.Logger, work func() (T, error)) (made T, err error) {
	defer func() {
		if p := recover(); p != nil {
			log.ErrorContext(ctx, "a job panicked", slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return work()
}
