package rds

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"

	"strongroom/archive"
	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/resource/task"
	"strongroom/internal/state"
)

// ErrManaged says that AWS Backup manages a snapshot, which RDS then does not delete.
var ErrManaged = errors.New("the snapshot is managed by AWS Backup")

// ErrInUse says that a snapshot is being copied, or a database is being made from it.
var ErrInUse = errors.New("the snapshot is in use")

// errStopped is in the error of a snapshot of a database that its owner has stopped.
var errStopped = errors.New("its owner has stopped it")

// errNotRunning is RDS's refusal to take a snapshot of a database that does not run.
func errNotRunning(d state.Database) *api.Error {
	return &api.Error{
		Code: "InvalidDBInstanceState", Status: http.StatusBadRequest, Err: errStopped,
		Message: fmt.Sprintf("Instance is not in available state: it is %s.", d.Status),
	}
}

// stopped reports whether the owner of a database has stopped it, and it has come to that: one that is stopping waits for its
// snapshots. A cluster's that does not run for want of instances is run for its snapshots.
func (f *Fleet) stopped(ctx context.Context, d state.Database) (bool, error) {
	if d.Wanted != state.DatabaseStopped || d.Status != statusStopped || !OfCluster(d) {
		return d.Status == statusStopped, nil
	}
	var k state.DBCluster
	err := f.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		k, err = tx.DBClusterOf(ctx, d.ID)
		return err
	})
	return k.Stopped, ignoreNotFound(err)
}

// NewSnapshot returns the row of a new manual snapshot of a database, to be filled in by what its instance or cluster has:
// SourceID, SourceCreated, Settings and Tags. It lies in the account's own archive in the Region, in the domain of its key.
func NewSnapshot(kind, id string, d state.Database) state.DBSnapshot {
	return state.DBSnapshot{
		Kind: kind, AccountID: d.AccountID, Region: d.Region, ID: id, DatabaseID: d.ID, Type: "manual", Status: "creating",
		Engine: d.Engine, EngineVersion: d.EngineVersion, MasterUsername: d.MasterUsername, Name: d.Name, Port: d.Port, KeyARN: d.KeyARN,
		Point: newPoint(), VaultRegion: d.Region, VaultAccount: d.AccountID, DomainKeyARN: d.KeyARN,
	}
}

func newPoint() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, says crypto/rand
	return "rds-" + hex.EncodeToString(b[:])
}

// EnterSnapshot enters a snapshot that is to be taken or copied, as of now. [Fleet.GrantArchive] has let RDS use its key before,
// and [Fleet.Take] is called after the commit.
func (f *Fleet) EnterSnapshot(ctx context.Context, tx *state.Tx, s state.DBSnapshot) (state.DBSnapshot, error) {
	s.CreatedAt = tx.Now
	if s.OriginalAt == 0 {
		s.OriginalAt = tx.Now
	}
	if err := tx.InsertDBSnapshot(ctx, s); err != nil {
		return s, err
	}
	if s.Status != "creating" {
		return s, nil
	}
	return s, tellSnapshot(ctx, tx, s, event{"creation", "Creating manual snapshot"})
}

// NewCopy returns the row of a copy of a snapshot under another identifier, in the caller's account and Region, under a key.
func NewCopy(source state.DBSnapshot, c *api.Caller, id, keyARN string) state.DBSnapshot {
	s := source
	s.AccountID, s.Region, s.ID, s.Type, s.Status, s.Progress, s.Message = c.AccountID, c.Region, id, "manual", "copying", 0, ""
	s.KeyARN, s.DomainKeyARN = keyARN, keyARN
	s.Point, s.VaultRegion, s.VaultAccount, s.Vault = newPoint(), c.Region, c.AccountID, ""
	s.RecoveryPoint, s.SizeBytes, s.StoredBytes, s.SharedWith, s.Tags = "", 0, 0, nil, nil
	s.CopiedFrom = SnapshotARN(source.Kind, source.AccountID, source.Region, source.ID)
	return s
}

// Take writes a snapshot that was entered into its archive, be it of its database or a copy, and ends its row well or badly. Taking
// one that is being taken, or was, changes nothing.
func (f *Fleet) Take(s state.DBSnapshot) {
	if !f.Enabled {
		return
	}
	f.tasks.Run(s.Point, func(ctx context.Context, t *task.Task) error {
		if now, err := f.snapshotOf(ctx, s.Point); err != nil || now.Status != s.Status {
			return err
		}
		taken, summary, err := f.write(ctx, t, s)
		if ctx.Err() != nil {
			return ctx.Err() // the next start goes on
		}
		if err != nil {
			f.Log.ErrorContext(ctx, "writing a database snapshot", slog.String("snapshot", s.ID), slog.Any("error", err))
		}
		err = errors.Join(err, f.tasks.Insist(ctx, f.Log.With(slog.String("snapshot", s.ID)), func(ctx context.Context) error {
			return f.end(ctx, s, taken, summary, err)
		}))
		if k := f.keeper(s.DatabaseID); k != nil {
			k.wake() // it may have waited for the snapshot to be deleted
		}
		return err
	})
}

func (f *Fleet) snapshotOf(ctx context.Context, point string) (s state.DBSnapshot, err error) {
	err = f.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		s, err = tx.DBSnapshotByPoint(ctx, point)
		return err
	})
	return s, err
}

// WaitSnapshot waits until a snapshot is no longer being written, and tells progress until then, which may be nil.
func (f *Fleet) WaitSnapshot(ctx context.Context, point string, progress func(done, total int64)) error {
	t := f.tasks.Task(point)
	if t == nil {
		return nil
	}
	t.Watch(progress)
	return t.Wait(ctx)
}

// write writes the content of a snapshot, and tells from when it is; 0 for a copy.
func (f *Fleet) write(ctx context.Context, t *task.Task, s state.DBSnapshot) (taken state.Micros, _ archive.Summary, err error) {
	to, err := f.domain(ctx, s.AccountID, s.Source())
	if err != nil {
		return 0, archive.Summary{}, err
	}
	report := f.progress(ctx, t, s.Point)
	if s.Status == "copying" {
		summary, err := f.copyInto(ctx, s, to, report)
		return 0, summary, err
	}
	err = f.DB.View(ctx, func(_ context.Context, tx *state.Tx) error { taken = tx.Now; return nil })
	if err != nil {
		return 0, archive.Summary{}, err
	}
	summary, err := f.BackupInto(ctx, s.DatabaseID, to, s.Point, report)
	return taken, summary, err
}

// copyInto brings the content of the snapshot that s is a copy of into a domain.
func (f *Fleet) copyInto(ctx context.Context, s state.DBSnapshot, to *archive.Domain, report func(done, total int64)) (archive.Summary, error) {
	source, err := f.copied(ctx, s)
	if err != nil {
		return archive.Summary{}, err
	}
	from, err := f.domain(ctx, source.AccountID, source.Source())
	if err != nil {
		return archive.Summary{}, err
	}
	p, err := from.Open(ctx, source.Point)
	if err != nil {
		return archive.Summary{}, err
	}
	var turn sync.Mutex
	done := int64(0)
	summary, err := archive.Copy(ctx, to, p, archive.CopyOptions{Point: s.Point, Progress: func(bytes uint64) {
		turn.Lock()
		defer turn.Unlock()
		done += int64(bytes)
		report(done, int64(p.Summary().LogicalBytes))
	}})
	if errors.Is(err, archive.ErrPointExists) {
		p, err := to.Adopt(ctx, s.Point)
		if err != nil {
			return archive.Summary{}, err
		}
		return p.Summary(), nil
	}
	return summary, err
}

// copied is the snapshot that s is a copy of.
func (f *Fleet) copied(ctx context.Context, s state.DBSnapshot) (source state.DBSnapshot, err error) {
	a, err := arn.Parse(s.CopiedFrom)
	if err != nil {
		return source, err
	}
	_, id := a.Split()
	err = f.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		source, err = tx.DBSnapshot(ctx, s.Kind, a.AccountID, a.Region, id)
		return err
	})
	return source, err
}

// progress writes down how far a snapshot is, at every twentieth.
func (f *Fleet) progress(ctx context.Context, t *task.Task, point string) func(done, total int64) {
	shown := int64(0)
	return func(done, total int64) {
		t.Report(done, total)
		percent := min(99, 100*done/max(1, total))
		if percent < shown+5 {
			return
		}
		shown = percent
		err := f.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error { return tx.SetDBSnapshotProgress(ctx, point, percent) })
		if err != nil && ctx.Err() == nil {
			f.Log.WarnContext(ctx, "noting the progress of a snapshot", slog.String("point", point), slog.Any("error", err))
		}
	}
}

// end completes a snapshot or lets it fail.
func (f *Fleet) end(ctx context.Context, s state.DBSnapshot, taken state.Micros, summary archive.Summary, failure error) error {
	return f.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if failure != nil {
			message := f.snapshotMessage(failure, s)
			if err := tx.FailDBSnapshot(ctx, s.Point, message); err != nil {
				return err
			}
			return tellSnapshot(ctx, tx, s, event{"failure", message})
		}
		if err := tx.CompleteDBSnapshot(ctx, s.Point, taken, int64(summary.LogicalBytes), int64(summary.StoredBytes)); err != nil {
			return err
		}
		return tellSnapshot(ctx, tx, s, event{"creation", "Manual snapshot created"})
	})
}

func (f *Fleet) snapshotMessage(failure error, s state.DBSnapshot) string {
	_, message := statusOf(state.Database{KeyARN: s.KeyARN, Engine: s.Engine, EngineVersion: s.EngineVersion, Port: s.Port}, failure)
	return message
}

// DeleteSnapshot deletes one of RDS's own snapshots, which is not being written. [ErrManaged] if AWS Backup manages it,
// [ErrInUse] if it is being copied or a database is being made from it.
func (f *Fleet) DeleteSnapshot(ctx context.Context, point string) error {
	var s state.DBSnapshot
	err := f.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if s, err = tx.DBSnapshotByPoint(ctx, point); err != nil {
			return err
		}
		if s.RecoveryPoint != "" {
			return ErrManaged
		}
		used, err := inUse(ctx, tx, s)
		if err != nil {
			return err
		}
		if used {
			return ErrInUse
		}
		return tx.SetDBSnapshotDeleting(ctx, point)
	})
	if err != nil {
		return err
	}
	return f.erase(ctx, s)
}

func inUse(ctx context.Context, tx *state.Tx, s state.DBSnapshot) (bool, error) {
	copying, err := tx.DBSnapshotsInStatus(ctx, "copying")
	if err != nil {
		return false, err
	}
	name := SnapshotARN(s.Kind, s.AccountID, s.Region, s.ID)
	for _, other := range copying {
		if other.CopiedFrom == name {
			return true, nil
		}
	}
	databases, err := tx.AllDatabases(ctx)
	if err != nil {
		return false, err
	}
	for _, d := range databases {
		if d.Phase == state.DatabaseFilling && d.Wanted != state.DatabaseDeleted && d.Source.Point == s.Point {
			return true, nil
		}
	}
	return false, nil
}

// erase removes a snapshot from its archive and then its row: a crash in between leaves a row to go on from.
func (f *Fleet) erase(ctx context.Context, s state.DBSnapshot) error {
	if err := f.Archives.Erase(ctx, Location(s.Source()), s.DomainKeyARN, s.Point); err != nil {
		return fmt.Errorf("deleting snapshot %s: %w", s.ID, err)
	}
	return f.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if err := tellSnapshot(ctx, tx, s, event{"deletion", "Deleted user snapshot"}); err != nil {
			return err
		}
		return ignoreNotFound(tx.DeleteDBSnapshot(ctx, s.Point))
	})
}
