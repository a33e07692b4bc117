package ebs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"strongroom/archive"
	"strongroom/internal/api"
	"strongroom/internal/resource/task"
	"strongroom/internal/state"
)

// ErrManaged says that AWS Backup manages a snapshot, which EC2 then does not delete.
var ErrManaged = errors.New("the snapshot is managed by AWS Backup")

// ErrLocked says that a snapshot is locked.
var ErrLocked = errors.New("the snapshot is locked")

// Native returns the row of a new snapshot of EC2's own, to be filled in: it lies in the account's archive in the
// Region, in the domain of its key.
func Native(account, region, keyARN string) state.Snapshot {
	id := NewID("snap-")
	return state.Snapshot{
		ID: id, AccountID: account, Region: region, State: "pending", KeyARN: keyARN,
		Point: id, VaultRegion: region, VaultAccount: account, DomainKeyARN: keyARN,
	}
}

// Snapshot reads a snapshot's row, whosever it is; [state.ErrNotFound] if there is none.
func (e *Engine) Snapshot(ctx context.Context, id string) (state.Snapshot, error) {
	return e.snapshot(ctx, id)
}

func (e *Engine) snapshot(ctx context.Context, id string) (s state.Snapshot, err error) {
	err = e.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		s, err = tx.Snapshot(ctx, id)
		return err
	})
	return s, err
}

// CreateSnapshot takes a snapshot of an available volume as it is now, for a caller who may use its key. It is pending
// when the call returns and survives a crash from then on; see [Engine.WaitSnapshot].
func (e *Engine) CreateSnapshot(ctx context.Context, c *api.Caller, v state.Volume, description string, tags map[string]string) (state.Snapshot, error) {
	s := Native(v.AccountID, v.Region, v.KeyARN)
	s.Source, s.VolumeID, s.SizeGiB = "volume", v.ID, v.SizeGiB
	s.Description, s.Tags = description, tags
	if err := e.GrantArchive(ctx, c, s.KeyARN, Location(s)); err != nil {
		return state.Snapshot{}, err
	}
	volume, err := e.Open(ctx, v.ID)
	if err != nil {
		return state.Snapshot{}, err
	}
	for {
		var view *View
		if view, err = e.freeze(ctx, volume, &s); err != nil {
			break
		}
		err = e.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
			s.Created = tx.Now
			return enter(ctx, tx, s)
		})
		if err == nil {
			e.finish(s, &frozen{volume, view})
			return s, nil
		}
		err = errors.Join(err, view.Close(), e.remove(s.Region, s.AccountID, s.ID))
		if !errors.Is(err, errParentGone) {
			break
		}
	}
	return state.Snapshot{}, errors.Join(err, volume.Close())
}

// errParentGone says that the snapshot to build on was deleted in between.
var errParentGone = errors.New("the parent was deleted")

// enter inserts a pending snapshot, whose parent must still be there: from then on it stays.
func enter(ctx context.Context, tx *state.Tx, s state.Snapshot) error {
	if s.Parent != "" {
		p, err := tx.Snapshot(ctx, s.Parent)
		if errors.Is(err, state.ErrNotFound) || (err == nil && p.State != "completed") {
			return errParentGone
		}
		if err != nil {
			return err
		}
	}
	return tx.InsertSnapshot(ctx, s)
}

// freeze chooses what a snapshot builds on and freezes the volume since then.
func (e *Engine) freeze(ctx context.Context, volume *Volume, s *state.Snapshot) (*View, error) {
	var parent state.Snapshot
	err := e.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		parent, err = tx.LatestSnapshotOf(ctx, s.VolumeID, s.DomainKeyARN)
		return ignoreNotFound(err)
	})
	if err != nil {
		return nil, err
	}
	s.Parent = parent.ID
	view, err := volume.disk.freeze(uint32(parent.Generation), e.file(s.Region, s.AccountID, s.ID)+".view")
	if err != nil {
		return nil, err
	}
	s.Generation = int64(view.Generation)
	return view, nil
}

// frozen is a volume and the view of it that a snapshot is written from.
type frozen struct {
	volume *Volume
	view   *View
}

// finish writes a pending snapshot into its archive and completes it. from is nil for snapshots that are not of a
// volume.
func (e *Engine) finish(s state.Snapshot, from *frozen) *task.Task {
	return e.tasks.Run(s.ID, func(ctx context.Context, t *task.Task) error {
		if s.Source == "direct" && s.Generation == 0 {
			return nil // blocks may still be put
		}
		summary, err := e.writePoint(ctx, t, s, from)
		if ctx.Err() != nil {
			return ctx.Err() // the next start goes on
		}
		if err != nil {
			e.Log.ErrorContext(ctx, "writing a snapshot", slog.String("snapshot", s.ID), slog.Any("error", err))
		}
		return errors.Join(err, e.end(ctx, s, summary, err))
	})
}

// end completes a snapshot or puts it into error, and removes what it was made from. It is the end of the snapshot's task.
func (e *Engine) end(ctx context.Context, s state.Snapshot, summary archive.Summary, failure error) error {
	log := e.Log.With(slog.String("snapshot", s.ID))
	err := e.tasks.Insist(ctx, log, func(ctx context.Context) error { return e.settle(ctx, s, summary, failure) })
	if err != nil {
		return err
	}
	if err := e.remove(s.Region, s.AccountID, s.ID); err != nil {
		return err
	}
	if s.Source != "volume" {
		return nil
	}
	return e.tasks.Insist(ctx, log, func(ctx context.Context) error { return e.reap(ctx, s.VolumeID) })
}

// settle writes down how a snapshot ended; [state.ErrNotFound] if it is not pending.
func (e *Engine) settle(ctx context.Context, s state.Snapshot, summary archive.Summary, failure error) error {
	return e.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if failure != nil {
			return tx.FailSnapshot(ctx, s.ID, message(failure))
		}
		return tx.CompleteSnapshot(ctx, s.ID, int64(summary.LogicalBytes))
	})
}

// message is what users are told of a failure: the text of an [api.Error], and no inner workings.
func message(err error) string {
	var told *api.Error
	if errors.As(err, &told) {
		return told.Message
	}
	return "An internal error has occurred."
}

func (e *Engine) writePoint(ctx context.Context, t *task.Task, s state.Snapshot, from *frozen) (archive.Summary, error) {
	switch s.Source {
	case "copy":
		return e.writeCopy(ctx, t, s)
	case "direct":
		return e.writeUpload(ctx, t, s)
	}
	defer from.volume.Close() //nolint:errcheck // only read from
	defer from.view.Close()   //nolint:errcheck // only read from
	return e.writeBlocks(ctx, t, s, from.volume.sectors, from.view)
}

// takeUp goes on with a pending snapshot after a restart. The view of a volume is taken up before takeUp returns, and
// nobody writes to the volume before that: what is written from then on is preserved for the view first.
func (e *Engine) takeUp(ctx context.Context, s state.Snapshot) {
	if s.Source != "volume" {
		e.finish(s, nil)
		return
	}
	from, err := e.thaw(ctx, s)
	if err != nil {
		e.Log.ErrorContext(ctx, "taking up a snapshot", slog.String("snapshot", s.ID), slog.Any("error", err))
		e.tasks.Run(s.ID, func(ctx context.Context, _ *task.Task) error {
			return errors.Join(err, e.end(ctx, s, archive.Summary{}, err))
		})
		return
	}
	e.finish(s, from)
}

func (e *Engine) thaw(ctx context.Context, s state.Snapshot) (*frozen, error) {
	v, err := e.Volume(ctx, s.VolumeID)
	if err != nil {
		return nil, err
	}
	since := int64(0)
	if s.Parent != "" {
		parent, err := e.snapshot(ctx, s.Parent)
		if err != nil {
			return nil, fmt.Errorf("parent of %s: %w", s.ID, err)
		}
		since = parent.Generation
	}
	volume, err := e.open(ctx, v)
	if err != nil {
		return nil, err
	}
	view, err := volume.disk.showAgain(uint32(since), uint32(s.Generation), e.file(s.Region, s.AccountID, s.ID)+".view")
	if err != nil {
		return nil, errors.Join(err, volume.Close())
	}
	return &frozen{volume, view}, nil
}

func (e *Engine) writeBlocks(ctx context.Context, t *task.Task, s state.Snapshot, key *sectors, view *View) (archive.Summary, error) {
	d, err := e.domain(ctx, s)
	if err != nil {
		return archive.Summary{}, err
	}
	parent := ""
	if s.Parent != "" {
		p, err := e.snapshot(ctx, s.Parent)
		if err != nil {
			return archive.Summary{}, fmt.Errorf("parent of %s: %w", s.ID, err)
		}
		parent = p.Point
	}
	size := s.SizeGiB * GiB
	return writeView(ctx, d, archive.WriteOptions{Point: s.Point, Parent: parent, Size: size}, key, view, e.progress(ctx, t, s.ID))
}

// progress reports to those who wait and, each percent, to the row.
func (e *Engine) progress(ctx context.Context, t *task.Task, id string) func(done, total int64) {
	shown := int64(0)
	return func(done, total int64) {
		t.Report(done, total)
		percent := min(99, 100*done/max(1, total))
		if percent < shown+5 {
			return
		}
		shown = percent
		err := e.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
			return tx.SetSnapshotProgress(ctx, id, percent)
		})
		if err != nil && ctx.Err() == nil {
			e.Log.WarnContext(ctx, "noting the progress of a snapshot", slog.String("snapshot", id), slog.Any("error", err))
		}
	}
}

// writeView writes the blocks of a view over the parent's into a point. A point that is committed already counts.
func writeView(ctx context.Context, d *archive.Domain, o archive.WriteOptions, key *sectors, view *View, progress func(done, total int64)) (archive.Summary, error) {
	o.Kind, o.BlockSize, o.Expected = archive.Volume, BlockSize, max(1, int64(len(view.Blocks()))*BlockSize)
	o.Holds = aheadBlocks() * BlockSize
	w, err := d.NewWriter(ctx, o)
	if errors.Is(err, archive.ErrPointExists) {
		return committed(ctx, d, o.Point)
	}
	if err != nil {
		return archive.Summary{}, err
	}
	defer w.Abort() //nolint:errcheck // after Commit it does nothing, and otherwise there is an error already
	done, total := int64(0), int64(len(view.Blocks()))*BlockSize
	err = view.each(ctx, key, func(block int64, data []byte) error {
		if block*BlockSize >= o.Size {
			return nil // written while the volume was being made larger; that is of the next snapshot
		}
		if err := w.PutBlock(ctx, uint64(block), data[:min(BlockSize, o.Size-block*BlockSize)]); err != nil {
			return err
		}
		if done += BlockSize; progress != nil {
			progress(done, total)
		}
		return nil
	})
	if err != nil {
		return archive.Summary{}, err
	}
	return w.Commit(ctx)
}

func committed(ctx context.Context, d *archive.Domain, point string) (archive.Summary, error) {
	p, err := d.Adopt(ctx, point)
	if err != nil {
		return archive.Summary{}, err
	}
	return p.Summary(), nil
}

// WaitSnapshot returns once a snapshot is not pending any more, with its row.
func (e *Engine) WaitSnapshot(ctx context.Context, id string) (state.Snapshot, error) {
	if t := e.tasks.Task(id); t != nil {
		if err := t.Wait(ctx); ctx.Err() != nil {
			return state.Snapshot{}, err
		}
	}
	return e.snapshot(ctx, id)
}

// OpenSnapshot opens a completed snapshot for reading, for a caller who may use its key for resources.
func (e *Engine) OpenSnapshot(ctx context.Context, c *api.Caller, s state.Snapshot) (*archive.Point, error) {
	if err := e.GrantArchive(ctx, c, s.DomainKeyARN, Location(s)); err != nil {
		return nil, err
	}
	return e.openPoint(ctx, s)
}

func (e *Engine) openPoint(ctx context.Context, s state.Snapshot) (*archive.Point, error) {
	d, err := e.domain(ctx, s)
	if err != nil {
		return nil, err
	}
	return d.Open(ctx, s.Point)
}

// DeleteSnapshot deletes one of EC2's own snapshots. [ErrManaged] if AWS Backup manages it, [ErrLocked] if it is locked,
// [ErrInUse] if a pending snapshot builds on it or is copied from it, or a volume is being filled from it.
func (e *Engine) DeleteSnapshot(ctx context.Context, id string) error {
	if t := e.tasks.Task(id); t != nil {
		// Whoever deletes a snapshot that is being written waits for it: there is no half of it to take away.
		if err := t.Wait(ctx); ctx.Err() != nil {
			return err
		}
	}
	var s state.Snapshot
	err := e.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if s, err = tx.Snapshot(ctx, id); err != nil {
			return err
		}
		if s.RecoveryPoint != "" {
			return ErrManaged
		}
		if s.Locked(tx.Now) {
			return ErrLocked
		}
		used, err := inUse(ctx, tx, id)
		if err != nil {
			return err
		}
		if used {
			return ErrInUse
		}
		return tx.SetSnapshotDeleting(ctx, id)
	})
	if err != nil {
		return err
	}
	return e.erase(ctx, s)
}

// inUse reports whether a pending snapshot builds on a snapshot or is copied from it, or a volume is being filled from it.
func inUse(ctx context.Context, tx *state.Tx, id string) (bool, error) {
	pending, err := tx.SnapshotsInState(ctx, "pending")
	if err != nil || slices.ContainsFunc(pending, func(p state.Snapshot) bool { return p.Parent == id || p.CopiedFrom == id }) {
		return err == nil, err
	}
	creating, err := tx.VolumesInState(ctx, "creating")
	return slices.ContainsFunc(creating, func(v state.Volume) bool { return v.SnapshotID == id }), err
}

// erase removes a snapshot from its archive and then its row: a crash in between leaves a row to go on from.
func (e *Engine) erase(ctx context.Context, s state.Snapshot) error {
	if err := e.Archives.Erase(ctx, Location(s), s.DomainKeyARN, s.Point); err != nil {
		return err
	}
	if err := errors.Join(e.letGo(s.ID), e.remove(s.Region, s.AccountID, s.ID)); err != nil {
		return err
	}
	return e.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		return ignoreNotFound(tx.DeleteSnapshot(ctx, s.ID))
	})
}
