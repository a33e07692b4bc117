package work

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"
	"gocloud.dev/secrets/localsecrets"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/archives"
	"strongroom/internal/resource"
	"strongroom/internal/state"
)

// lent is a kind whose service makes something of a recovery point until it is given back.
type lent struct {
	resource.Kind
	back bool
}

func (*lent) Type() string { return "RDS" }

func (k *lent) MayRemove(context.Context, *api.Caller, state.RecoveryPoint) error {
	if !k.back {
		return resource.ErrInUse
	}
	return nil
}

func (*lent) Removed(context.Context, *state.Tx, state.RecoveryPoint) error { return nil }

// Who moves the clock waits for the removals that go on, and for none that has failed and waits to be tried again.
func TestRemovalsAreWaitedFor(t *testing.T) {
	t.Parallel()
	db, q := openQueue(t, filepath.Join(t.TempDir(), "state.db"))
	t.Cleanup(func() { _ = db.Close() })
	r := New(Config{DB: db, Queue: q, Clock: clock.Wall, Log: slog.New(slog.DiscardHandler)})
	if err := r.SettleRemovals(t.Context()); err != nil {
		t.Errorf("there is no removal, and waiting for them gives %v", err)
	}
	if err := db.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error { return q.EnqueueDelete(ctx, tx, "point") }); err != nil {
		t.Fatal(err)
	}
	for _, in := range []struct {
		state string
		goes  bool
	}{{"available", true}, {"running", true}, {"scheduled", true}, {"retryable", false}, {"completed", false}} {
		finalized := "NULL"
		if in.state == "completed" {
			finalized = "CURRENT_TIMESTAMP"
		}
		if _, err := db.Writer().ExecContext(t.Context(), `UPDATE river_job SET state = $1, finalized_at = `+finalized, in.state); err != nil {
			t.Fatal(err)
		}
		if goes, err := q.Removing(t.Context()); err != nil || goes != in.goes {
			t.Errorf("with a removal that is %s: %t, %v", in.state, goes, err)
		}
		if !in.goes {
			continue
		}
		soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := r.SettleRemovals(soon); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a removal that is %s is not waited for: %v", in.state, err)
		}
		cancel()
		if err := r.settleRemovals(t.Context(), 0); err != nil {
			t.Errorf("a removal that is %s is waited for longer than there is patience: %v", in.state, err)
		}
	}
	if err := r.SettleRemovals(t.Context()); err != nil {
		t.Errorf("the removal is over, and waiting for it gives %v", err)
	}
}

func TestAPointInUseIsRemovedLater(t *testing.T) {
	t.Parallel()
	db, q := openQueue(t, filepath.Join(t.TempDir(), "state.db"))
	t.Cleanup(func() { _ = db.Close() })
	kind := &lent{}
	r := New(Config{
		DB: db, Queue: q, Clock: clock.Wall, Log: slog.New(slog.DiscardHandler), Trail: noTrail{}, Identity: everybody{}, Kinds: []resource.Kind{kind},
		Archives: archives.New(archives.Config{Dir: t.TempDir(), Keeper: localsecrets.NewKeeper([32]byte{1})}),
	})
	point := state.RecoveryPoint{
		ARN: "arn:aws:rds:eu-central-1:111111111111:snapshot:awsbackup:job-1", AccountID: "111111111111", Region: "eu-central-1", VaultName: "v",
		ResourceType: "RDS", Status: state.PointDeleting, ArchivePointID: "p",
	}
	if err := db.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error { return tx.InsertRecoveryPoint(ctx, point) }); err != nil {
		t.Fatal(err)
	}
	there := func() bool {
		t.Helper()
		_, err := view(t.Context(), r, func(ctx context.Context, tx *state.Tx) (state.RecoveryPoint, error) {
			return tx.RecoveryPoint(ctx, point.ARN)
		})
		if err != nil && !errors.Is(err, state.ErrNotFound) {
			t.Fatal(err)
		}
		return err == nil
	}
	var later *rivertype.JobSnoozeError
	if err := r.removePoint(t.Context(), point.ARN); !errors.As(err, &later) || !there() {
		t.Errorf("a point in use: %v, and it is there: %t", err, there())
	}
	kind.back = true
	if err := r.removePoint(t.Context(), point.ARN); err != nil || there() {
		t.Errorf("a point that is given back: %v, and it is there: %t", err, there())
	}
}
