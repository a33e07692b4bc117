package work

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

// A small job that comes while big ones are at work and more of them wait begins and ends before any of those does.
func TestASmallJobWaitsForNoBigOne(t *testing.T) {
	t.Parallel()
	db, q := openQueue(t, filepath.Join(t.TempDir(), "state.db"))
	defer db.Close()
	r := New(Config{DB: db, Queue: q, Concurrency: 2})
	sizes := map[string]int64{"big 1": bigJob, "big 2": bigJob, "big 3": 10 * bigJob, "small": bigJob - 1}
	began, end := make(chan string, len(sizes)), make(chan struct{})
	stop := workedBy(t, q, mostFetched, func(ctx context.Context, id string) error {
		return r.begun(ctx, id, func(context.Context, string) (int64, error) { return sizes[id], nil }, func() error {
			began <- id
			if id != "small" {
				<-end
			}
			return nil
		})
	})
	for _, id := range []string{"big 1", "big 2", "big 3", "small"} {
		enqueue(t, db, q, id, nil)
	}
	first := map[string]bool{<-began: true, <-began: true}
	if !first["small"] {
		t.Fatalf("%v began, and the small job waits for a big one", first)
	}
	for range 2 {
		select {
		case id := <-began:
			t.Fatalf("%s began beside %v, which is more than one big job", id, first)
		default:
		}
		end <- struct{}{}
		<-began
	}
	end <- struct{}{}
	if err := stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAJobThatWaitsCanBeInterrupted(t *testing.T) {
	t.Parallel()
	l := newLanes(1)
	leave, err := l.enter(t.Context(), bigJob)
	if err != nil {
		t.Fatal(err)
	}
	stopping, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.enter(stopping, bigJob); !errors.Is(err, context.Canceled) {
		t.Errorf("a job that was interrupted while it waited: %v", err)
	}
	leave()
	leave, err = l.enter(t.Context(), bigJob)
	if err != nil {
		t.Fatal(err)
	}
	leave()
}
