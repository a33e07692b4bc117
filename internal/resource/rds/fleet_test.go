package rds_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gocloud.dev/secrets/localsecrets"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/archives"
	"strongroom/internal/dbengine"
	"strongroom/internal/porttest"
	"strongroom/internal/resource/rds"
	"strongroom/internal/state"
)

const (
	account = "111111111111"
	region  = "eu-central-1"
)

// memory is an engine whose databases are no processes: they run until they are stopped, and consist of one file. They do not start
// while their port is taken.
type memory struct {
	taken *atomic.Bool
	tried chan struct{} // is given something by a start that finds it taken, if somebody looks
}

func (memory) Name() string                                      { return "postgres" }
func (memory) Version(context.Context) (string, error)           { return "17.0", nil }
func (memory) Init(context.Context, dbengine.Settings) error     { return nil }
func (memory) Restored(context.Context, dbengine.Settings) error { return nil }
func (memory) Check(context.Context, dbengine.Settings) error    { return nil }
func (m memory) Start(context.Context, dbengine.Settings) (dbengine.Server, error) {
	if m.taken.Load() {
		select {
		case m.tried <- struct{}{}:
		default:
		}
		return nil, &dbengine.StartError{Reason: dbengine.ReasonPortInUse, Detail: "15432"}
	}
	return &running{done: make(chan struct{})}, nil
}

type running struct{ done chan struct{} }

func (r *running) Done() <-chan struct{}                           { return r.done }
func (r *running) Err() error                                      { return nil }
func (r *running) Ping(context.Context) error                      { return nil }
func (r *running) Stop(context.Context) error                      { close(r.done); return nil }
func (r *running) SetMasterPassword(context.Context, string) error { return nil }
func (r *running) Size(context.Context) (int64, error)             { return 4, nil }
func (r *running) Backup(ctx context.Context, to dbengine.Sink) error {
	return to.Put(ctx, dbengine.File{Name: "data", Mode: 0o600, Size: 4}, strings.NewReader("rows"))
}

// house is a fleet with one database that runs.
type house struct {
	*testing.T
	*rds.Fleet
	clock    *clock.Shifted // that the fleet's pauses are by
	free     atomic.Uint64  // bytes that are left on its disk
	taken    atomic.Bool    // whether somebody else has its port
	tried    chan struct{}  // holds something when a start has found that
	database string
}

func newHouse(t *testing.T) *house {
	t.Helper()
	return newHouseBy(t, clock.NewShifted(0))
}

// newHouseBy is a fleet whose pauses are by a clock of the test's.
func newHouseBy(t *testing.T, by *clock.Shifted) *house {
	t.Helper()
	dir := t.TempDir()
	db, err := state.Open(t.Context(), filepath.Join(dir, "state.db"), clock.Wall)
	if err != nil {
		t.Fatal(err)
	}
	keeper := localsecrets.NewKeeper([32]byte{1, 2, 3})
	h := &house{T: t, clock: by, tried: make(chan struct{}, 1)}
	h.free.Store(1 << 40)
	all := archives.New(archives.Config{Dir: filepath.Join(dir, "regions"), Keeper: keeper})
	ports, err := rds.ParsePorts(porttest.New(t).String())
	if err != nil {
		t.Fatal(err)
	}
	h.Fleet = rds.New(rds.Config{
		Enabled: true, DB: db, Wall: h.clock, Dir: filepath.Join(dir, "regions"), Archives: all, Keeper: keeper, Engines: []dbengine.Engine{memory{&h.taken, h.tried}},
		Address: "127.0.0.1", Ports: ports, User: &dbengine.User{UID: -1, GID: -1}, // nobody else
		Space: func(string) (uint64, error) { return h.free.Load(), nil },
	})
	t.Cleanup(func() {
		if err := errors.Join(h.Close(), all.Close(), keeper.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	h.database = h.create()
	return h
}

func (h *house) update(fn func(ctx context.Context, tx *state.Tx) error) {
	h.Helper()
	if err := h.DB.Update(h.Context(), fn); err != nil {
		h.Fatal(err)
	}
}

func (h *house) exec(statement string) {
	h.Helper()
	if _, err := h.DB.Writer().ExecContext(h.Context(), statement); err != nil {
		h.Fatal(err)
	}
}

// create makes the database, and an instance before it, and waits until it is available.
func (h *house) create() string {
	h.Helper()
	c := &api.Caller{AccountID: account, Region: region}
	d, err := h.Plan(h.Context(), c, rds.Spec{ID: rds.NewID("db-"), Engine: "postgres", MasterUsername: "clerk", MasterPassword: "correct-horse"})
	if err != nil {
		h.Fatal(err)
	}
	h.update(func(ctx context.Context, tx *state.Tx) error {
		if d, err = h.Enter(ctx, tx, d, 0); err != nil {
			return err
		}
		return tx.InsertDBInstance(ctx, state.DBInstance{AccountID: account, Region: region, ID: "books", ResourceID: d.ID, DatabaseID: d.ID, CreatedAt: tx.Now})
	})
	h.Tend(d.ID)
	h.await(d.ID, "available", 0)
	return d.ID
}

// await waits until a database has a status, while the clock runs by a step for each look.
func (h *house) await(id, status string, step time.Duration) {
	h.Helper()
	ctx, cancel := context.WithTimeout(h.Context(), 3*time.Minute)
	defer cancel()
	for {
		d, err := h.Database(ctx, id)
		if err != nil {
			h.Fatal(err)
		}
		if d.Status == status {
			return
		}
		h.clock.Advance(step)
		select {
		case <-ctx.Done():
			h.Fatalf("the database is %s, not %s", d.Status, status)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// enter enters a snapshot of the database that nobody takes yet.
func (h *house) enter() (s state.DBSnapshot) {
	h.Helper()
	d, err := h.Database(h.Context(), h.database)
	if err != nil {
		h.Fatal(err)
	}
	h.update(func(ctx context.Context, tx *state.Tx) (err error) {
		s, err = h.EnterSnapshot(ctx, tx, rds.NewSnapshot(state.InstanceSnapshot, "monday", d))
		return err
	})
	return s
}

// status is that of a snapshot.
func (h *house) status(point string) (status string) {
	h.Helper()
	h.update(func(ctx context.Context, tx *state.Tx) error {
		s, err := tx.DBSnapshotByPoint(ctx, point)
		status = s.Status
		return err
	})
	return status
}

// events are what is told of the instance.
func (h *house) events() (all []string) {
	h.Helper()
	h.update(func(ctx context.Context, tx *state.Tx) error {
		events, err := tx.DBEvents(ctx, account, region, 0, tx.Now)
		for _, e := range events {
			all = append(all, e.SourceID+": "+e.Category)
		}
		return err
	})
	return all
}
