package ebs

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"strongroom/archive"
	"strongroom/internal/api"
	"strongroom/internal/resource/task"
	"strongroom/internal/state"
)

// CopySnapshot copies a completed snapshot into the caller's account and Region under a key, given by its ARN, or
// without one if it is empty. It is pending when the call returns. A caller who may not use one of the keys gets a copy
// in error, as EC2 does it: "The snapshot copy fails" and the state message tells why.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopySnapshot.html
func (e *Engine) CopySnapshot(ctx context.Context, c *api.Caller, source state.Snapshot, keyARN, description string, tags map[string]string) (state.Snapshot, error) {
	s := Native(c.AccountID, c.Region, keyARN)
	s.Source, s.CopiedFrom, s.VolumeID, s.SizeGiB = "copy", source.ID, noVolume, source.SizeGiB
	s.Description, s.Tags = description, tags
	refused := e.GrantArchive(ctx, c, source.DomainKeyARN, Location(source))
	if refused == nil {
		refused = e.GrantArchive(ctx, c, keyARN, Location(s))
	}
	if refused != nil && api.Code(refused) == "" {
		return state.Snapshot{}, refused
	}
	err := e.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if now, err := tx.Snapshot(ctx, source.ID); err != nil || now.State != "completed" {
			return errors.Join(err, state.ErrNotFound)
		}
		s.Created = tx.Now
		if err := tx.InsertSnapshot(ctx, s); err != nil || refused == nil {
			return err
		}
		return tx.FailSnapshot(ctx, s.ID, message(refused))
	})
	if err == nil && refused == nil {
		e.finish(s, nil)
	}
	return s, err
}

// noVolume is what a snapshot shows that has no volume behind it.
const noVolume = "vol-ffffffff"

// writeCopy brings the blocks of the snapshot that s is a copy of into the domain of s, as EC2 under the grants that
// the caller gave it.
func (e *Engine) writeCopy(ctx context.Context, t *task.Task, s state.Snapshot) (archive.Summary, error) {
	source, err := e.snapshot(ctx, s.CopiedFrom)
	if err != nil {
		return archive.Summary{}, err
	}
	from, err := e.openPoint(ctx, source)
	if err != nil {
		return archive.Summary{}, err
	}
	to, err := e.domain(ctx, s)
	if err != nil {
		return archive.Summary{}, err
	}
	// What earlier copies brought is found by the archive itself; no parent is needed.
	var done atomic.Int64
	report := e.progress(ctx, t, s.ID)
	var turn sync.Mutex
	summary, err := archive.Copy(ctx, to, from, archive.CopyOptions{Point: s.Point, Progress: func(bytes uint64) {
		now := done.Add(int64(bytes))
		turn.Lock()
		defer turn.Unlock()
		report(now, int64(from.Summary().LogicalBytes))
	}})
	if errors.Is(err, archive.ErrPointExists) {
		return committed(ctx, to, s.Point)
	}
	return summary, err
}
