package work

import (
	"context"
	"errors"
	"testing"

	"strongroom/archive"
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
			for during == "" && ctx.Err() == nil {
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
