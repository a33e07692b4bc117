package dbenginetest

import (
	"context"
	"maps"
	"sync"
	"testing"

	"strongroom/internal/dbengine"
)

// load writes into a ledger from several connections at once, and remembers what was acknowledged.
type load struct {
	mu           sync.Mutex
	acknowledged map[int]bool
	grown        *sync.Cond
	cancel       context.CancelFunc
	writers      sync.WaitGroup
	failed       error
}

// writers is how many connections write. Each makes every fourth transfer, the next one once the last is acknowledged.
const writers = 4

// write begins the load.
func write(t *testing.T, s *Subject, set dbengine.Settings) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{acknowledged: map[int]bool{}, cancel: cancel}
	l.grown = sync.NewCond(&l.mu)
	t.Cleanup(l.stop)
	for w := range writers {
		ledger := s.open(t, set)
		l.writers.Go(func() {
			for n := w; ctx.Err() == nil; n += writers {
				err := ledger.Transfer(ctx, n)
				l.mu.Lock()
				if err == nil {
					l.acknowledged[n] = true
				} else if ctx.Err() == nil && l.failed == nil {
					l.failed = err
				}
				l.grown.Broadcast()
				l.mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	return l
}

// atLeast waits until so many transfers more are acknowledged, and returns all that are.
func (l *load) atLeast(t *testing.T, more int) map[int]bool {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for want := len(l.acknowledged) + more; len(l.acknowledged) < want; {
		if l.failed != nil {
			t.Fatalf("writing: %v", l.failed)
		}
		l.grown.Wait()
	}
	return maps.Clone(l.acknowledged)
}

func (l *load) stop() {
	l.cancel()
	l.writers.Wait()
}

// backupUnderLoad backs up a database that is being written, restores it elsewhere under another password, and holds what is
// there against what the clients know: all that was acknowledged before the backup began, and nothing half.
func backupUnderLoad(t *testing.T, s *Subject) {
	ctx := t.Context()
	set := s.initialized(t)
	srv := s.started(t, set)
	if err := s.open(t, set).Create(ctx); err != nil {
		t.Fatal(err)
	}
	writing := write(t, s, set)
	before := writing.atLeast(t, 200)
	restored := s.settings(t)
	restored.MasterPassword = "the restored one's"
	if err := srv.Backup(ctx, Directory(restored.Dir)); err != nil {
		t.Fatalf("backing up: %v", explained(err))
	}
	writing.atLeast(t, 20) // it is still being written
	writing.stop()
	after := writing.acknowledged

	if err := s.Engine.Restored(ctx, restored); err != nil {
		t.Fatalf("restoring: %v", explained(err))
	}
	if err := s.Engine.Check(ctx, restored); err != nil {
		t.Errorf("checking the restored database: %v", explained(err))
	}
	again := s.started(t, restored)
	if err := again.Ping(ctx); err != nil {
		t.Fatalf("asking the restored database: %v", err)
	}
	if err := s.Engine.Check(ctx, restored); err != nil {
		t.Errorf("checking the restored database while it runs: %v", explained(err))
	}
	ledger := s.open(t, restored)
	contents, err := ledger.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	whole(t, contents, before)
	for n := range contents.Notes {
		// A transfer may be committed though its client was cut off before it was told: of each writer the next one.
		if !after[n] && !after[n-writers] && n >= writers {
			t.Errorf("transfer %d is there, and never was", n)
		}
	}
	atOneInstant(t, contents.Notes)
	if len(contents.Notes) >= len(after) {
		t.Logf("all %d transfers are there: none was made after the instant of the backup", len(after))
	}
	t.Logf("%d transfers before the backup, %d in it, %d in all", len(before), len(contents.Notes), len(after))
	if err := ledger.Transfer(ctx, 1<<30); err != nil {
		t.Errorf("writing into the restored database: %v", err)
	}
}

// atOneInstant holds transfers against the order in which they were made: where one is, all are that its writer made before.
func atOneInstant(t *testing.T, notes map[int]bool) {
	t.Helper()
	for n := range notes {
		if n >= writers && !notes[n-writers] {
			t.Errorf("transfer %d is there, and not %d, which was acknowledged before it was begun", n, n-writers)
		}
	}
}

// whole holds a ledger against the transfers that it must have.
func whole(t *testing.T, got Contents, want map[int]bool) {
	t.Helper()
	missing := 0
	for n := range want {
		if !got.Notes[n] {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("of %d transfers that were acknowledged, %d are missing", len(want), missing)
	}
	if got.Sum != 0 || got.Moved != len(got.Notes) {
		t.Errorf("there are %d notes, the accounts tell of %d transfers and sum up to %d: a transfer is there by half", len(got.Notes), got.Moved, got.Sum)
	}
}
