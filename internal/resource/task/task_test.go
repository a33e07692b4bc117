package task_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"strongroom/clock"
	"strongroom/internal/resource/task"
)

var errFull = errors.New("no space left on device")

func TestInsistTriesUntilItSucceeds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := task.NewGroup(clock.Wall)
		defer g.Close()
		tries := 0
		err := g.Insist(t.Context(), slog.New(slog.DiscardHandler), func(context.Context) error {
			if tries++; tries < 20 {
				return errFull
			}
			return nil
		})
		if err != nil || tries != 20 {
			t.Fatalf("it ended with %v after %d tries, and is to go on until the 20th", err, tries)
		}
	})
}

func TestClosingEndsWhoInsists(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := task.NewGroup(clock.Wall)
		one := g.Run("one", func(ctx context.Context, _ *task.Task) error {
			return g.Insist(ctx, slog.New(slog.DiscardHandler), func(context.Context) error { return errFull })
		})
		synctest.Wait() // it pauses
		if g.Task("one") != one {
			t.Fatal("the task is not under way")
		}
		g.Close()
		if err := one.Wait(t.Context()); !errors.Is(err, context.Canceled) || g.Task("one") != nil {
			t.Fatalf("the task ended with %v, and is to be canceled and forgotten", err)
		}
	})
}

func TestANameHasOneTask(t *testing.T) {
	t.Parallel()
	g := task.NewGroup(clock.Wall)
	defer g.Close()
	begin := make(chan struct{})
	first := g.Run("one", func(_ context.Context, t *task.Task) error {
		<-begin
		t.Report(1, 2)
		return errFull
	})
	second := g.Run("one", func(context.Context, *task.Task) error { t.Error("a second task ran"); return nil })
	var told int64
	second.Watch(func(done, _ int64) { told = done })
	close(begin)
	if err := first.Wait(t.Context()); !errors.Is(err, errFull) || second != first || told != 1 {
		t.Fatalf("the task ended with %v, and reported %d; want %v and 1", err, told, errFull)
	}
}
