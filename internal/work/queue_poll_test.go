package work

import (
	"testing"
	"time"
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
