package rds

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"

	"gocloud.dev/secrets"

	"strongroom/archive"
	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/archives"
	"strongroom/internal/dbengine"
	"strongroom/internal/resource/task"
	"strongroom/internal/state"
)

// Archives opens the archives that snapshots lie in; package archives has them.
type Archives interface {
	// Erase removes a recovery point from the domain of a key there, without the key. It need not be there.
	Erase(ctx context.Context, l archives.Location, keyARN, point string) error
	// Domain opens the sealing domain of a key there, or makes it.
	Domain(ctx context.Context, l archives.Location, keyARN string, ring archive.Keyring) (*archive.Domain, error)
	// Keyring uses a KMS key as c.
	Keyring(c *api.Caller, keyARN string) archive.Keyring
	// ServiceKeyring is for what no KMS key seals.
	ServiceKeyring() archive.Keyring
}

// Config is what the fleet needs.
type Config struct {
	// Enabled says that databases may run on this host. Otherwise those there are stay as they are, and none is made.
	Enabled  bool
	DB       *state.DB
	Wall     clock.Clock // paces what is tried again
	Door     *api.Door   // to KMS
	Dir      string      // a Region's databases lie in Dir/REGION/rds
	Archives Archives
	Keeper   *secrets.Keeper // seals master passwords
	Engines  []dbengine.Engine
	Address  string // that databases listen on: 127.0.0.1
	Ports    Ports  // that they get
	// Space is how many bytes can still be written below a directory; nil asks the file system.
	Space func(dir string) (uint64, error)
	// User is whom the engines run as, where this process is root; nil for the account that the engine's package made.
	User *dbengine.User
	Log  *slog.Logger // nil means slog.Default()
}

// Fleet runs databases. [Fleet.Start] must be called before the first use, [Fleet.Close] after the last; other methods may be
// called at once.
type Fleet struct {
	Config
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	going  sync.WaitGroup // the keepers
	tasks  *task.Group    // snapshots being taken or copied, by archive point

	mu      sync.Mutex
	keepers map[string]*keeper // by database id; guarded by mu
}

// New returns a fleet that has touched nothing yet.
func New(c Config) *Fleet {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Wall == nil {
		c.Wall = clock.Wall
	}
	if c.Space == nil {
		c.Space = freeSpace
	}
	f := &Fleet{Config: c, keepers: map[string]*keeper{}, tasks: task.NewGroup(c.Wall)}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// Start goes on with every database and snapshot from where its row stands. It does not wait for the databases.
func (f *Fleet) Start(ctx context.Context) error {
	if !f.Enabled {
		return nil
	}
	var databases []state.Database
	var creating, copying, deleting []state.DBSnapshot
	err := f.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if err := tx.SetDatabasesStarting(ctx); err != nil {
			return err
		}
		if databases, err = tx.AllDatabases(ctx); err != nil {
			return err
		}
		if creating, err = tx.DBSnapshotsInStatus(ctx, "creating"); err != nil {
			return err
		}
		if copying, err = tx.DBSnapshotsInStatus(ctx, "copying"); err != nil {
			return err
		}
		deleting, err = tx.DBSnapshotsInStatus(ctx, "deleting")
		return err
	})
	if err != nil {
		return err
	}
	for _, d := range databases {
		f.Tend(d.ID)
	}
	for _, s := range append(creating, copying...) {
		f.Take(s)
	}
	for _, s := range deleting {
		if s.RecoveryPoint != "" {
			continue // it is AWS Backup's to remove
		}
		if err := f.erase(ctx, s); err != nil {
			f.Log.ErrorContext(ctx, "a deleted snapshot stays in its archive", slog.String("snapshot", s.ID), slog.Any("error", err))
		}
	}
	return nil
}

// Close stops the databases and what is under way, which the next Start takes up, and waits for it.
func (f *Fleet) Close() error {
	f.cancel()
	f.tasks.Close()
	f.going.Wait()
	return nil
}

// Tend has a database's keeper look at its row, which was changed.
func (f *Fleet) Tend(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if k := f.keepers[id]; k != nil {
		k.wake()
		return
	}
	if !f.Enabled || f.ctx.Err() != nil {
		return
	}
	k := newKeeper(f, id)
	f.keepers[id] = k
	f.going.Go(func() {
		k.run(f.ctx)
		f.mu.Lock()
		delete(f.keepers, id)
		f.mu.Unlock()
	})
}

// keeper returns the keeper of a database, or nil if there is none.
func (f *Fleet) keeper(id string) *keeper {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.keepers[id]
}

// Database reads a database's row; [state.ErrNotFound] if there is none.
func (f *Fleet) Database(ctx context.Context, id string) (d state.Database, err error) {
	err = f.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		d, err = tx.Database(ctx, id)
		return err
	})
	return d, err
}

// dir is the directory of a database. Its path is short: sockets lie in it, whose paths are limited to 107 bytes.
func (f *Fleet) dir(d state.Database) string {
	return filepath.Join(f.Dir, d.Region, "rds", d.ID)
}

// settings are how the engine runs a database. The password is in them: they are not logged.
func (f *Fleet) settings(ctx context.Context, d state.Database) (dbengine.Settings, error) {
	password := ""
	if len(d.Password) > 0 {
		plain, err := f.Keeper.Decrypt(ctx, d.Password)
		if err != nil {
			return dbengine.Settings{}, err
		}
		password = string(plain)
	}
	return dbengine.Settings{
		Dir: f.dir(d), Address: f.Address, Port: int(d.Port), MasterUsername: d.MasterUsername, MasterPassword: password,
		Database: d.Name, Parameters: d.Parameters, User: f.user(d.Engine),
	}, nil
}

func ignoreNotFound(err error) error {
	if errors.Is(err, state.ErrNotFound) {
		return nil
	}
	return err
}
