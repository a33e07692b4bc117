package work

import (
	"testing"
	"testing/synctest"
	"time"
)

// The scrub reads as many bytes in a second as it may, and a part of that while jobs are at work, whoever of several asks.
func TestScrubKeepsToItsRate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		jobs int32
		want time.Duration
	}{{0, 9 * time.Second}, {2, scrubYield * 9 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			r := New(Config{Scrub: Scrub{Rate: 1000, Every: time.Hour}})
			r.atWork.Store(test.jobs)
			p := &pacer{r: r}
			began := time.Now()
			done := make(chan error)
			for range 2 {
				go func() {
					var err error
					for range 5 {
						err = p.wait(t.Context(), 1000)
					}
					done <- err
				}()
			}
			for range 2 {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
			if took := time.Since(began); took != test.want { // the first thousand bytes need not wait
				t.Errorf("with %d jobs at work 10000 bytes took %v at 1000 a second, want %v", test.jobs, took, test.want)
			}
		})
	}
}
