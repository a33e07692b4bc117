package rds_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/resource"
	fleet "strongroom/internal/resource/rds"
	"strongroom/internal/service/rds"
	"strongroom/internal/state"
	"strongroom/rules"
)

// everyone may do everything, and nobody keeps it.
type everyone struct{}

func (everyone) Authorize(context.Context, *api.Caller, ...api.Access) error { return nil }
func (everyone) Record(context.Context, *api.Record)                         {}

// A recovery point stays as long as RDS makes a database, or a copy, of its snapshot; from when it may go on, nothing more is made
// of it.
func TestRecoveryPointInUse(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, err := state.Open(ctx, filepath.Join(t.TempDir(), "state.db"), clock.Wall)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	door := api.NewDoor(everyone{}, everyone{})
	f := fleet.New(fleet.Config{DB: db, Door: door})
	door.Register(rds.New(rds.Config{DB: db, Fleet: f, Door: door}).API())
	kind := fleet.NewKinds(f, rules.Current)[0].(resource.Native)

	const account = "111111111111"
	point := state.RecoveryPoint{ARN: fleet.SnapshotARN(state.InstanceSnapshot, account, region, "awsbackup:job-1"), AccountID: account, Region: region}
	snapshot := state.DBSnapshot{
		Kind: state.InstanceSnapshot, AccountID: account, Region: region, ID: "awsbackup:job-1", Type: "awsbackup", Status: "available", Engine: "postgres",
		Point: "1", VaultRegion: region, VaultAccount: account, Vault: "v", RecoveryPoint: point.ARN,
	}
	filled := state.Database{
		ID: "db-1", AccountID: account, Region: region, Engine: "postgres", Port: 1, Phase: state.DatabaseFilling, Wanted: state.DatabaseRunning,
		Status: "creating", Source: snapshot.Source(),
	}
	copied := snapshot
	copied.ID, copied.Type, copied.Status, copied.Point, copied.Vault, copied.RecoveryPoint, copied.CopiedFrom = "copy", "manual", "copying", "2", "", "", point.ARN
	update := func(fn func(ctx context.Context, tx *state.Tx) error) {
		t.Helper()
		if err := db.Update(ctx, fn); err != nil {
			t.Fatal(err)
		}
	}
	may := func() error { return kind.MayRemove(ctx, &api.Caller{AccountID: account, Region: region}, point) }

	update(func(ctx context.Context, tx *state.Tx) error {
		return errors.Join(tx.InsertDBSnapshot(ctx, snapshot), tx.InsertDBSnapshot(ctx, copied), tx.InsertDatabase(ctx, filled))
	})
	if err := may(); !errors.Is(err, resource.ErrInUse) {
		t.Errorf("while a database is filled and a copy made, it says %v", err)
	}
	update(func(ctx context.Context, tx *state.Tx) error {
		return tx.SetDatabasePhase(ctx, filled.ID, state.DatabaseReady)
	})
	if err := may(); !errors.Is(err, resource.ErrInUse) {
		t.Errorf("while a copy is made, it says %v", err)
	}
	update(func(ctx context.Context, tx *state.Tx) error { return tx.FailDBSnapshot(ctx, copied.Point, "") })
	for range 2 { // asked again after a crash, it says the same
		if err := may(); err != nil {
			t.Errorf("when nothing is made of it any more, it says %v", err)
		}
	}
	update(func(ctx context.Context, tx *state.Tx) error {
		s, err := tx.DBSnapshotByPoint(ctx, snapshot.Point)
		if err == nil && s.Status != "deleting" {
			t.Errorf("the snapshot that goes is %s, and could be restored", s.Status)
		}
		return err
	})
}
