package ebs

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"strongroom/archive"
	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/archives"
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

// Config is what the engine needs.
type Config struct {
	DB       *state.DB
	Clock    clock.Clock
	Wall     clock.Clock // paces what is tried again; nil means clock.Wall
	Door     *api.Door   // to KMS, and to EC2 for the kind's restores
	Dir      string      // the files of a Region's volumes lie in Dir/REGION/ebs/ACCOUNT
	Archives Archives
	Log      *slog.Logger // nil means slog.Default()
}

// Engine keeps volumes and snapshots. [Engine.Start] must be called before the first use, [Engine.Close] after the
// last; other methods may be called at once.
type Engine struct {
	Config
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	tasks  *task.Group // by volume or snapshot id

	mu       sync.Mutex
	disks    map[string]*openedDisk // by volume or snapshot id; guarded by mu
	attached map[string]int         // NBD connections by volume id; guarded by mu
	uploads  map[string]time.Time   // of open direct uploads, the last write; guarded by mu
	readers  readers
}

// openedDisk counts who uses a disk: changes and views must meet in one place.
type openedDisk struct {
	*disk
	users int
}

// New returns an engine that has touched nothing yet.
func New(c Config) *Engine {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Wall == nil {
		c.Wall = clock.Wall
	}
	e := &Engine{
		Config: c, disks: map[string]*openedDisk{}, attached: map[string]int{},
		uploads: map[string]time.Time{}, tasks: task.NewGroup(c.Wall),
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	return e
}

// Start removes what a crash left lying about and goes on with what was under way: volumes being filled, snapshots
// being written, deletions.
func (e *Engine) Start(ctx context.Context) error {
	if err := e.sweep(ctx); err != nil {
		return fmt.Errorf("sweeping volume files: %w", err)
	}
	return e.resume(ctx)
}

// Close stops what is under way, which the next Start takes up, and waits for it.
func (e *Engine) Close() error {
	e.cancel()
	e.tasks.Close()
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []error
	for id, d := range e.disks {
		all = append(all, d.close())
		delete(e.disks, id)
	}
	return errors.Join(all...)
}

func (e *Engine) resume(ctx context.Context) error {
	var creating, deleting []state.Volume
	var pending, going []state.Snapshot
	err := e.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if creating, err = tx.VolumesInState(ctx, "creating"); err != nil {
			return err
		}
		if deleting, err = tx.VolumesInState(ctx, "deleting"); err != nil {
			return err
		}
		if pending, err = tx.SnapshotsInState(ctx, "pending"); err != nil {
			return err
		}
		going, err = tx.SnapshotsInState(ctx, "deleting")
		return err
	})
	if err != nil {
		return err
	}
	for _, s := range pending {
		e.takeUp(ctx, s)
	}
	for _, v := range creating {
		e.fill(v)
	}
	for _, v := range deleting {
		if err := e.reap(ctx, v.ID); err != nil {
			return err
		}
	}
	for _, s := range going {
		if err := e.erase(ctx, s); err != nil {
			e.Log.ErrorContext(ctx, "a deleted snapshot stays in its archive", slog.String("snapshot", s.ID), slog.Any("error", err))
		}
	}
	return nil
}

// sweep removes files whose volume or snapshot is not known, or needs them no more.
func (e *Engine) sweep(ctx context.Context) error {
	files, err := filepath.Glob(filepath.Join(e.Dir, "*", "ebs", "*", "*"))
	if err != nil {
		return err
	}
	return e.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		for _, file := range files {
			id, _, _ := strings.Cut(filepath.Base(file), ".")
			needed, err := fileNeeded(ctx, tx, id)
			if err != nil {
				return err
			}
			if needed {
				continue
			}
			if err := os.Remove(file); err != nil {
				return err
			}
		}
		return nil
	})
}

func fileNeeded(ctx context.Context, tx *state.Tx, id string) (bool, error) {
	var err error
	if strings.HasPrefix(id, "snap-") {
		var s state.Snapshot
		s, err = tx.Snapshot(ctx, id)
		return err == nil && s.State == "pending", ignoreNotFound(err)
	}
	_, err = tx.Volume(ctx, id)
	return err == nil, ignoreNotFound(err)
}

func ignoreNotFound(err error) error {
	if errors.Is(err, state.ErrNotFound) {
		return nil
	}
	return err
}

// file is the path of a volume's or snapshot's files, without the ending.
func (e *Engine) file(region, account, id string) string {
	return filepath.Join(e.Dir, region, "ebs", account, id)
}

// acquire opens the disk of a volume or a direct upload, or shares it.
func (e *Engine) acquire(region, account, id string, size int64) (*disk, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if d := e.disks[id]; d != nil {
		d.users++
		return d.disk, nil
	}
	path := e.file(region, account, id)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	d, err := openDisk(path, size)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", id, err)
	}
	e.disks[id] = &openedDisk{d, 1}
	return d, nil
}

// release gives a disk back; the last one closes it.
func (e *Engine) release(id string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	d := e.disks[id]
	if d == nil {
		return nil // closed with the engine
	}
	if d.users--; d.users > 0 {
		return nil
	}
	delete(e.disks, id)
	return d.close()
}

// remove deletes the files of a volume or snapshot.
func (e *Engine) remove(region, account, id string) error {
	files, err := filepath.Glob(e.file(region, account, id) + ".*")
	if err != nil {
		return err
	}
	for _, file := range files {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}

// NewID makes an id such as vol-0123456789abcdef0.
func NewID(prefix string) string {
	var b [9]byte
	_, _ = rand.Read(b[:]) // never fails, says crypto/rand
	return prefix + hex.EncodeToString(b[:])[:17]
}
