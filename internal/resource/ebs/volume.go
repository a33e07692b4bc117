package ebs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"

	"strongroom/archive"
	"strongroom/internal/api"
	"strongroom/internal/resource/ebs/nbd"
	"strongroom/internal/resource/task"
	"strongroom/internal/state"
)

// ErrTokenReused says that a client token came before with other parameters.
var ErrTokenReused = errors.New("the client token was used with other parameters")

// GiB is the unit of volume sizes in bytes.
const GiB = 1 << 30

// CreateVolume makes the volume that want describes. Its id, state, time and key material are filled in here; KeyARN is
// the ARN of the key or empty. A volume from a snapshot is filled in the background: see [Engine.WaitVolume]. Where the
// client token was used before with the same parameters, the volume made then is returned; otherwise [ErrTokenReused].
func (e *Engine) CreateVolume(ctx context.Context, c *api.Caller, want state.Volume) (state.Volume, error) {
	if want.ClientToken != "" {
		if v, err := e.volumeByToken(ctx, want); !errors.Is(err, state.ErrNotFound) {
			return v, err
		}
	}
	v := want
	v.ID, v.State = NewID("vol-"), "creating"
	if v.SnapshotID != "" {
		if err := e.mayRead(ctx, c, v.SnapshotID); err != nil {
			return state.Volume{}, err
		}
	}
	if v.KeyARN != "" {
		var err error
		if v.WrappedKey, v.GrantID, err = e.newVolumeKey(ctx, c, v.KeyARN, v.ID); err != nil {
			return state.Volume{}, err
		}
	}
	err := e.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		v.Created = tx.Now
		return tx.InsertVolume(ctx, v)
	})
	if errors.Is(err, state.ErrExists) && want.ClientToken != "" {
		return e.volumeByToken(ctx, want)
	}
	if err != nil {
		return state.Volume{}, err
	}
	t := e.fill(v)
	if v.SnapshotID == "" {
		err = t.Wait(ctx)
	}
	return v, err
}

func (e *Engine) volumeByToken(ctx context.Context, want state.Volume) (v state.Volume, err error) {
	err = e.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		v, err = tx.VolumeByToken(ctx, want.AccountID, want.Region, want.ClientToken)
		return err
	})
	if err == nil && v.RequestDigest != want.RequestDigest {
		return state.Volume{}, ErrTokenReused
	}
	return v, err
}

// mayRead asks whether the caller may use the key of a snapshot.
func (e *Engine) mayRead(ctx context.Context, c *api.Caller, id string) error {
	s, err := e.snapshot(ctx, id)
	if err != nil {
		return err
	}
	return e.GrantArchive(ctx, c, s.DomainKeyARN, Location(s))
}

// fill writes a new volume's files, from its snapshot if it has one, and makes it available. What stood in it before,
// after a crash, is written again.
func (e *Engine) fill(v state.Volume) *task.Task {
	return e.tasks.Run(v.ID, func(ctx context.Context, t *task.Task) error {
		// Whoever waits may come late: a volume that is filled belongs to its user.
		if now, err := e.Volume(ctx, v.ID); err != nil || now.State != "creating" {
			return err
		}
		err := e.write(ctx, t, v)
		if ctx.Err() != nil {
			return ctx.Err() // the next start goes on
		}
		if err != nil {
			e.Log.ErrorContext(ctx, "filling a volume", slog.String("volume", v.ID), slog.String("snapshot", v.SnapshotID), slog.Any("error", err))
		}
		return errors.Join(err, e.tasks.Insist(ctx, e.Log.With(slog.String("volume", v.ID)), func(ctx context.Context) error {
			return e.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
				if err != nil {
					return tx.FailVolume(ctx, v.ID, err.Error())
				}
				return tx.SetVolumeState(ctx, v.ID, "creating", "available")
			})
		}))
	})
}

func (e *Engine) write(ctx context.Context, t *task.Task, v state.Volume) error {
	volume, err := e.open(ctx, v)
	if err != nil {
		return err
	}
	defer volume.Close() //nolint:errcheck // flushed below
	if v.SnapshotID != "" {
		s, err := e.snapshot(ctx, v.SnapshotID)
		if err != nil {
			return err
		}
		p, err := e.openPoint(ctx, s)
		if err != nil {
			return err
		}
		if err := volume.restore(ctx, t, p); err != nil {
			return fmt.Errorf("reading %s: %w", s.ID, err)
		}
	}
	return volume.Flush()
}

// restore writes the content of a point into the volume; what is zero there stays a hole.
func (v *Volume) restore(ctx context.Context, t *task.Task, p *archive.Point) error {
	var blocks []int64
	for block, err := range p.Blocks(ctx, 0) {
		if err != nil {
			return err
		}
		blocks = append(blocks, int64(block.Number))
	}
	if err := v.disk.expect(blocks); err != nil {
		return err
	}
	var done atomic.Int64
	total := int64(p.Summary().LogicalBytes)
	return p.WriteVolume(ctx, v, func(bytes uint64) { t.Report(done.Add(int64(bytes)), total) })
}

// VolumeError says that a volume is in the state error, for a reason. It stays so. Err is what the reason tells of, if the volume was
// waited for while it was being filled.
type VolumeError struct {
	ID, Reason string
	Err        error
}

func (e *VolumeError) Error() string { return "volume " + e.ID + " is in error: " + e.Reason }

// Unwrap gives Err.
func (e *VolumeError) Unwrap() error { return e.Err }

// WaitVolume returns once a volume is filled, with a [*VolumeError] if it could not be, whenever that was; progress, which may be
// nil, is told the bytes written and their total.
func (e *Engine) WaitVolume(ctx context.Context, id string, progress func(done, total int64)) error {
	var filled error
	v, err := e.Volume(ctx, id)
	if err == nil && v.State == "creating" {
		t := e.fill(v)
		t.Watch(progress)
		filled = t.Wait(ctx)
		// The task may be one that came late, and knows nothing of how the volume was filled.
		if v, err = e.Volume(ctx, id); err == nil && v.State == "creating" {
			return filled
		}
	}
	if err == nil && v.State == "error" {
		return &VolumeError{ID: id, Reason: v.Failure, Err: filled}
	}
	return err
}

// Volume reads a volume's row, whosever it is; [state.ErrNotFound] if there is none.
func (e *Engine) Volume(ctx context.Context, id string) (v state.Volume, err error) {
	err = e.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		v, err = tx.Volume(ctx, id)
		return err
	})
	return v, err
}

// ErrInUse says that a volume is attached, or a snapshot needed by another.
var ErrInUse = errors.New("in use")

// DeleteVolume deletes a volume. While a snapshot of it is being taken it stays as "deleting". [ErrInUse] if it is
// attached; [state.ErrNotFound] if it is not available or in error.
func (e *Engine) DeleteVolume(ctx context.Context, id string) error {
	e.mu.Lock()
	attached := e.attached[id] > 0
	e.mu.Unlock()
	if attached {
		return ErrInUse
	}
	err := e.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		v, err := tx.Volume(ctx, id)
		if err != nil {
			return err
		}
		if v.State != "available" && v.State != "error" {
			return state.ErrNotFound
		}
		return tx.SetVolumeState(ctx, id, v.State, "deleting")
	})
	if err != nil {
		return err
	}
	return e.reap(ctx, id)
}

// reap removes a volume that is being deleted, once no snapshot needs it.
func (e *Engine) reap(ctx context.Context, id string) error {
	var v state.Volume
	gone := false
	err := e.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if v, err = tx.Volume(ctx, id); err != nil || v.State != "deleting" {
			return ignoreNotFound(err)
		}
		pending, err := tx.SnapshotsInState(ctx, "pending")
		if err != nil {
			return err
		}
		for _, s := range pending {
			if s.VolumeID == id && s.Source == "volume" {
				return nil
			}
		}
		gone = true
		return tx.DeleteVolume(ctx, id)
	})
	if err != nil || !gone {
		return err
	}
	if err := e.revoke(ctx, v); err != nil {
		e.Log.WarnContext(ctx, "retiring the grant of a deleted volume", slog.String("volume", id), slog.Any("error", err))
	}
	return e.remove(v.Region, v.AccountID, id)
}

// GrowVolume makes a volume's files as large as its row says.
func (e *Engine) GrowVolume(_ context.Context, v state.Volume) error {
	d, err := e.acquire(v.Region, v.AccountID, v.ID, v.SizeGiB*GiB)
	if err != nil {
		return err
	}
	return errors.Join(d.grow(v.SizeGiB*GiB), e.release(v.ID))
}

// Volume is a volume that is open for reading and writing, as a disk: [io.ReaderAt], [io.WriterAt] and [nbd.Device].
// Its methods may be called at once. It must be closed.
type Volume struct {
	engine  *Engine
	id      string
	disk    *disk
	sectors *sectors
}

var _ nbd.Device = (*Volume)(nil)

// Open opens an available volume. The key of an encrypted one is unwrapped through KMS for this opening.
func (e *Engine) Open(ctx context.Context, id string) (*Volume, error) {
	v, err := e.Volume(ctx, id)
	if err != nil {
		return nil, err
	}
	if v.State != "available" {
		return nil, api.Errorf("IncorrectState", "The volume %s is %s.", id, v.State)
	}
	return e.open(ctx, v)
}

func (e *Engine) open(ctx context.Context, v state.Volume) (*Volume, error) {
	s, err := e.unwrap(ctx, v.AccountID, v.Region, v.KeyARN, v.WrappedKey, map[string]string{contextVolume: v.ID})
	if err != nil {
		return nil, err
	}
	d, err := e.acquire(v.Region, v.AccountID, v.ID, v.SizeGiB*GiB)
	if err != nil {
		return nil, err
	}
	return &Volume{e, v.ID, d, s}, nil
}

// Size is the volume's size in bytes.
func (v *Volume) Size() int64 { return v.disk.length() }

// ReadAt implements [io.ReaderAt].
func (v *Volume) ReadAt(p []byte, off int64) (int, error) { return v.disk.readAt(v.sectors, p, off) }

// WriteAt implements [io.WriterAt]. What it wrote is durable after Flush.
func (v *Volume) WriteAt(p []byte, off int64) (int, error) { return v.disk.writeAt(v.sectors, p, off) }

// Trim gives the space of bytes back; they read as zeros.
func (v *Volume) Trim(off, length int64) error { return v.disk.zero(v.sectors, off, length) }

// WriteZeroes makes bytes read as zeros.
func (v *Volume) WriteZeroes(off, length int64) error { return v.disk.zero(v.sectors, off, length) }

// Flush returns once all that was written is durable.
func (v *Volume) Flush() error { return v.disk.flush() }

// Close gives the volume back. It does not flush.
func (v *Volume) Close() error { return v.engine.release(v.id) }

// ServeNBD exports a volume to the client on conn until it disconnects; while it is connected the volume is attached.
func (e *Engine) ServeNBD(ctx context.Context, conn net.Conn, volumeID string) error {
	volume, err := e.Open(ctx, volumeID)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	defer volume.Close() //nolint:errcheck // flushed below
	e.attach(volumeID, 1)
	defer e.attach(volumeID, -1)
	return errors.Join(nbd.Serve(ctx, conn, volumeID, volume), volume.Flush())
}

func (e *Engine) attach(id string, n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.attached[id] += n
}

// Attached reports whether somebody uses the volume over NBD.
func (e *Engine) Attached(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.attached[id] > 0
}
