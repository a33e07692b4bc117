package rds

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"strongroom/internal/dbengine"
	"strongroom/internal/state"
)

const (
	firstPause = time.Second
	lastPause  = 30 * time.Second
	// stopTime is how long a database may take to end orderly before it is killed.
	stopTime = 60 * time.Second
)

// keeper brings one database to where its row wants it, and keeps it there.
type keeper struct {
	fleet *Fleet
	id    string
	awake chan struct{} // holds a token when the row has changed
	taken time.Time     // when a start first found the port taken; zero once the database runs, or fails for another reason; run's alone

	mu      sync.Mutex
	server  dbengine.Server // nil while it does not run; guarded by mu
	failure error           // of the last step; guarded by mu
	users   int             // of the server, who must not be cut off; guarded by mu
	waiting int             // who wants to be users; guarded by mu
	changed chan struct{}   // closed, and made anew, when one of these changes; guarded by mu
}

func newKeeper(f *Fleet, id string) *keeper {
	return &keeper{fleet: f, id: id, awake: make(chan struct{}, 1), changed: make(chan struct{})}
}

// wake has the keeper look at the row.
func (k *keeper) wake() {
	select {
	case k.awake <- struct{}{}:
	default: // it has been told, and has not looked yet
	}
}

// run goes step by step until the database is deleted or ctx ends.
func (k *keeper) run(ctx context.Context) {
	defer k.close(context.WithoutCancel(ctx))
	var pause time.Duration
	for ctx.Err() == nil {
		more, err := k.step(ctx)
		switch {
		case errors.Is(err, errDeleted):
			return
		case err != nil && ctx.Err() == nil:
			k.fleet.Log.WarnContext(ctx, "a database is not what it is wanted to be", slog.String("database", k.id), slog.Any("error", err))
			if pause = min(max(2*pause, firstPause), lastPause); k.patient(err) {
				pause = firstPause
			}
			k.wait(ctx, pause)
		case err == nil && more:
			pause = 0
		default:
			k.wait(ctx, k.look())
		}
	}
}

// errDeleted ends the keeper of a database that is no more.
var errDeleted = errors.New("the database is deleted")

// wait returns when there may be something to do: the row has changed, the process has ended, or the pause, unless it is 0, is
// over.
func (k *keeper) wait(ctx context.Context, pause time.Duration) {
	var over, ended <-chan struct{}
	if pause > 0 {
		reached, stop := k.fleet.Wall.Until(k.fleet.Wall.Now().Add(pause))
		defer stop()
		over = reached
	}
	if server := k.current(); server != nil {
		ended = server.Done()
	}
	select {
	case <-ctx.Done():
	case <-k.awake:
	case <-over:
	case <-ended:
	}
}

// step does the next thing that there is to do, and reports whether there may be more.
func (k *keeper) step(ctx context.Context) (more bool, err error) {
	d, err := k.fleet.Database(ctx, k.id)
	if errors.Is(err, state.ErrNotFound) {
		return false, errDeleted
	}
	if err != nil {
		return false, err
	}
	if k.reap(ctx, d) && (d.Status == statusAvailable || d.Status == statusFull) && d.Wanted == state.DatabaseRunning {
		return true, k.recovering(ctx, d)
	}
	switch {
	case d.Wanted == state.DatabaseDeleted:
		return k.delete(ctx, d)
	case d.Phase != state.DatabaseReady:
		return true, k.note(ctx, d, k.make(ctx, d))
	case d.Wanted == state.DatabaseStopped:
		return k.stop(ctx, d)
	case d.Restart:
		return true, k.restart(ctx, d)
	case k.current() == nil:
		return true, k.note(ctx, d, k.start(ctx, d))
	case d.PasswordDue:
		return true, k.note(ctx, d, k.tellPassword(ctx, d))
	case k.full(ctx, d):
		if d.Status != statusFull {
			return true, k.filledUp(ctx, d)
		}
	case d.Status != statusAvailable:
		return true, k.available(ctx, d)
	}
	return false, nil
}

// make makes the directory of a database, or fills it from its source.
func (k *keeper) make(ctx context.Context, d state.Database) error {
	f := k.fleet
	engine, err := f.engine(d.Engine)
	if err != nil {
		return err
	}
	if err := f.unlock(ctx, d); err != nil {
		return err
	}
	if err := f.makeDir(d); err != nil {
		return err
	}
	if d.Phase == state.DatabaseFilling {
		err = f.fill(ctx, engine, d)
	} else {
		var settings dbengine.Settings
		if settings, err = f.settings(ctx, d); err == nil {
			err = engine.Init(ctx, settings)
		}
	}
	if err != nil {
		return err
	}
	return f.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if err := tellCluster(ctx, tx, d, eventClusterCreated); err != nil {
			return err
		}
		return tx.SetDatabasePhase(ctx, d.ID, state.DatabaseReady)
	})
}

// makeDir makes the directory of a database anew and empty.
func (f *Fleet) makeDir(d state.Database) error {
	dir := f.dir(d)
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(filepath.Dir(dir), 0o700), os.Mkdir(dir, 0o700)); err != nil {
		return err
	}
	u := f.user(d.Engine)
	if u == nil {
		return nil
	}
	return os.Chown(dir, u.UID, u.GID)
}

// start starts the process of a database whose directory is ready.
func (k *keeper) start(ctx context.Context, d state.Database) error {
	f := k.fleet
	engine, err := f.engine(d.Engine)
	if err != nil {
		return err
	}
	if err := f.unlock(ctx, d); err != nil {
		return err
	}
	settings, err := f.settings(ctx, d)
	if err != nil {
		return err
	}
	server, err := engine.Start(ctx, settings)
	if err != nil {
		return err
	}
	k.set(server, nil)
	version, err := engine.Version(ctx)
	if err == nil && version != d.EngineVersion {
		err = f.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error { return tx.SetDatabaseVersion(ctx, d.ID, version) })
	}
	return err
}

// available tells that the database runs.
func (k *keeper) available(ctx context.Context, d state.Database) error {
	return k.fleet.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		err := tx.SetDatabaseStatus(ctx, d.ID, state.DatabaseRunning, statusAvailable, "")
		if err != nil {
			return ignoreNotFound(err) // it is wanted to be something else by now
		}
		return tell(ctx, tx, d, becameAvailable(d.Status))
	})
}

func (k *keeper) tellPassword(ctx context.Context, d state.Database) error {
	password, err := k.fleet.Keeper.Decrypt(ctx, d.Password)
	if err != nil {
		return err
	}
	if err := k.current().SetMasterPassword(ctx, string(password)); err != nil {
		return err
	}
	return k.fleet.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		return tx.SetDatabasePasswordTold(ctx, d.ID, d.Password)
	})
}

// restart ends the process, so that the next step starts it.
func (k *keeper) restart(ctx context.Context, d state.Database) error {
	if err := k.halt(ctx); err != nil {
		return err
	}
	return k.fleet.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if err := tell(ctx, tx, d, eventShutdown); err != nil {
			return err
		}
		return tx.SetDatabaseRestart(ctx, d.ID, false)
	})
}

// stop ends the process of a database that is wanted stopped. If somebody asks for its server all the same, as for a snapshot that
// is to be taken before, or one of a cluster that has no instances, it runs as long as it is needed.
func (k *keeper) stop(ctx context.Context, d state.Database) (more bool, err error) {
	var pending []state.DBSnapshot
	err = k.fleet.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		pending, err = tx.DBSnapshotsOf(ctx, d.ID, "creating")
		return err
	})
	if err != nil {
		return false, err
	}
	if k.sought() || (len(pending) > 0 && d.Status != statusStopped) {
		if k.current() != nil {
			return false, nil // who is done wakes the keeper
		}
		err := k.start(ctx, d)
		if !k.patient(err) {
			k.set(k.current(), err)
		}
		return err == nil, err
	}
	if err := k.end(ctx, k.withdraw(true)); err != nil || d.Status == statusStopped || k.current() != nil {
		return false, err
	}
	return false, k.fleet.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if err := tx.SetDatabaseStatus(ctx, d.ID, state.DatabaseStopped, statusStopped, ""); err != nil {
			return ignoreNotFound(err)
		}
		return tell(ctx, tx, d, eventStopped)
	})
}

// note keeps how a step ended: users see by the status why a database does not run.
func (k *keeper) note(ctx context.Context, d state.Database, failure error) error {
	if ctx.Err() != nil {
		return failure // the next start goes on
	}
	creating := d.Status == "creating" && portTaken(failure)
	if !creating && k.patient(failure) {
		return failure
	}
	k.set(k.current(), failure)
	if failure == nil {
		return nil
	}
	if creating {
		// Nobody has been told the port yet.
		return errors.Join(failure, k.movePort(ctx, d))
	}
	status, message := statusOf(d, failure)
	if status == d.Status && message == d.Message {
		return failure
	}
	err := k.fleet.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if err := tx.SetDatabaseStatus(ctx, d.ID, d.Wanted, status, message); err != nil {
			return ignoreNotFound(err)
		}
		return tell(ctx, tx, d, event{"failure", message})
	})
	return errors.Join(failure, err)
}

// portPatience is how long a start that finds its port taken is tried again before anybody is told. A process that was killed holds
// its port until the kernel is done with it, and a client of somebody else's may have it for a moment.
const portPatience = 10 * time.Second

// patient reports whether a failure may be over in a moment: until then the status stays, and who waits for the database waits on.
func (k *keeper) patient(failure error) bool {
	if !portTaken(failure) {
		k.taken = time.Time{}
		return false
	}
	now := k.fleet.Wall.Now()
	if k.taken.IsZero() {
		k.taken = now
	}
	return now.Sub(k.taken) < portPatience
}

// movePort gives a database that never ran another port, as somebody else was quicker.
func (k *keeper) movePort(ctx context.Context, d state.Database) error {
	return k.fleet.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		port, err := k.fleet.choosePort(ctx, tx, 0)
		if err != nil {
			return err
		}
		return tx.SetDatabasePort(ctx, d.ID, port)
	})
}

// reap notices that the process has ended by itself, and reports whether it has.
func (k *keeper) reap(ctx context.Context, d state.Database) bool {
	server := k.current()
	if server == nil {
		return false
	}
	select {
	case <-server.Done():
		k.fleet.Log.WarnContext(ctx, "a database has ended by itself", slog.String("database", d.ID), slog.Any("error", server.Err()))
		k.set(nil, nil)
		return true
	default:
		return false
	}
}

// recovering tells that the process has ended and is started again.
func (k *keeper) recovering(ctx context.Context, d state.Database) error {
	return k.fleet.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if err := tx.SetDatabaseStatus(ctx, d.ID, state.DatabaseRunning, "rebooting", ""); err != nil {
			return ignoreNotFound(err)
		}
		return tell(ctx, tx, d, eventEnded)
	})
}

// halt ends the process, if there is one, whoever works with it.
func (k *keeper) halt(ctx context.Context) error { return k.end(ctx, k.withdraw(false)) }

// end ends the process of a server that was withdrawn, so that nobody is given it any more; nil is none.
func (k *keeper) end(ctx context.Context, server dbengine.Server) error {
	if server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	if err := server.Stop(ctx); err != nil {
		select {
		case <-server.Done(): // not orderly, but ended
		default:
			k.set(server, nil)
			return err
		}
	}
	k.set(nil, nil)
	return nil
}

// close ends the process with the server; the next start starts it again.
func (k *keeper) close(ctx context.Context) {
	if err := k.halt(ctx); err != nil {
		k.fleet.Log.ErrorContext(ctx, "stopping a database", slog.String("database", k.id), slog.Any("error", err))
	}
}
