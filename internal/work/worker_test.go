package work

import (
	"context"
	"errors"
	"testing"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

func TestAnInterruptedJobHasNotFailed(t *testing.T) {
	t.Parallel()
	w := &worker[backupArgs]{work: func(ctx context.Context, _ backupArgs, _ try) error {
		return errors.Join(errors.New("reading"), ctx.Err())
	}}
	last := &river.Job[backupArgs]{JobRow: &rivertype.JobRow{Attempt: maxAttempts, MaxAttempts: maxAttempts}}
	stopping, stop := context.WithCancel(t.Context())
	stop()
	var snooze *river.JobSnoozeError
	if err := w.Work(stopping, last); !errors.As(err, &snooze) {
		t.Errorf("interrupted in its last attempt, a job ends with %v and would be given up", err)
	}
	if err := w.Work(t.Context(), last); err == nil || errors.As(err, &snooze) {
		t.Errorf("a failure ends with %v", err)
	}
}
