package ebs

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"strongroom/archive"
	"strongroom/internal/api"
	"strongroom/internal/resource/task"
	"strongroom/internal/state"
)

// An upload is a snapshot that is written block by block with the EBS direct APIs. Until it is completed its blocks lie
// in a file of their own, like a volume's, with a mark for each block that was put.

var (
	// ErrNotUploading says that a snapshot takes no more blocks, or never did.
	ErrNotUploading = errors.New("the snapshot is not open for blocks")
	// ErrBlockCount says that another number of blocks was put than the client believes.
	ErrBlockCount = errors.New("another number of blocks was put")
	// ErrChecksum says that a checksum does not fit the data.
	ErrChecksum = errors.New("the checksum does not fit the data")
)

// StartUpload enters the pending snapshot that want describes; it comes from [Native], with Parent, SizeGiB, KeyARN, client
// token and the like filled in. An upload that has not been written to for the timeout is put into error by
// [Engine.Sweep]. Where the client token was used before with the same parameters, the snapshot made then is returned;
// otherwise [ErrTokenReused].
func (e *Engine) StartUpload(ctx context.Context, c *api.Caller, want state.Snapshot, timeout time.Duration) (state.Snapshot, error) {
	if want.ClientToken != "" {
		if s, err := e.snapshotByToken(ctx, want); !errors.Is(err, state.ErrNotFound) {
			return s, err
		}
	}
	s := want
	s.Source, s.VolumeID = "direct", noVolume
	if s.KeyARN != "" {
		if err := e.GrantArchive(ctx, c, s.KeyARN, Location(s)); err != nil {
			return state.Snapshot{}, err
		}
		var err error
		if s.WrappedKey, err = e.sectorKey(ctx, c, s.KeyARN, uploadContext(s)); err != nil {
			return state.Snapshot{}, err
		}
	}
	if s.Parent != "" {
		if err := e.mayRead(ctx, c, s.Parent); err != nil {
			return state.Snapshot{}, err
		}
	}
	err := e.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		s.Created = tx.Now
		s.Expires = tx.Now + state.Micros(timeout.Microseconds())
		return enter(ctx, tx, s)
	})
	if errors.Is(err, state.ErrExists) && s.ClientToken != "" {
		return e.snapshotByToken(ctx, want)
	}
	return s, err
}

func (e *Engine) snapshotByToken(ctx context.Context, want state.Snapshot) (s state.Snapshot, err error) {
	err = e.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		s, err = tx.SnapshotByToken(ctx, want.AccountID, want.Region, want.ClientToken)
		return err
	})
	if err == nil && s.RequestDigest != want.RequestDigest {
		return state.Snapshot{}, ErrTokenReused
	}
	return s, err
}

// uploadContext binds the key of an upload's file to the snapshot and to the archive that EC2 has a grant for.
func uploadContext(s state.Snapshot) map[string]string {
	return map[string]string{archive.ContextVault: Location(s).ID(), contextVolume: s.ID}
}

// openUpload opens the file of an upload.
func (e *Engine) openUpload(ctx context.Context, s state.Snapshot) (*Volume, error) {
	key, err := e.unwrap(ctx, s.AccountID, s.Region, s.KeyARN, s.WrappedKey, uploadContext(s))
	if err != nil {
		return nil, err
	}
	d, err := e.acquire(s.Region, s.AccountID, s.ID, s.SizeGiB*GiB)
	if err != nil {
		return nil, err
	}
	return &Volume{e, s.ID, d, key}, nil
}

// PutBlock writes a block of an upload. It is durable when PutBlock returns. [ErrNotUploading] if the snapshot takes none.
func (e *Engine) PutBlock(ctx context.Context, s state.Snapshot, block int64, data []byte) error {
	if s.State != "pending" || s.Source != "direct" || s.Generation != 0 {
		return ErrNotUploading
	}
	upload, err := e.openUpload(ctx, s)
	if err != nil {
		return err
	}
	defer upload.Close() //nolint:errcheck // flushed below
	if err := e.keepOpen(s); err != nil {
		return err
	}
	if _, err := upload.WriteAt(data, block*BlockSize); err != nil {
		return err
	}
	return upload.Flush()
}

// ReportProgress notes how far whoever writes an upload says to be, in percent; it is complete when it is completed only.
func (e *Engine) ReportProgress(ctx context.Context, id string, percent int64) error {
	return e.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		return tx.SetSnapshotProgress(ctx, id, min(percent, 99))
	})
}

// keepOpen keeps the file of an upload open between blocks and notes that it is alive.
func (e *Engine) keepOpen(s state.Snapshot) error {
	e.mu.Lock()
	_, open := e.uploads[s.ID]
	e.uploads[s.ID] = e.Clock.Now()
	e.mu.Unlock()
	if open {
		return nil
	}
	_, err := e.acquire(s.Region, s.AccountID, s.ID, s.SizeGiB*GiB)
	return err
}

// letGo is the opposite of keepOpen.
func (e *Engine) letGo(id string) error {
	e.mu.Lock()
	_, open := e.uploads[id]
	delete(e.uploads, id)
	e.mu.Unlock()
	if !open {
		return nil
	}
	return e.release(id)
}

// CompleteUpload ends an upload into which changed blocks were put: [ErrBlockCount] if it is another number. checksum,
// if not empty, is the base64 of the SHA-256 over the SHA-256 sums of the blocks in the order of their numbers (the
// LINEAR method); [ErrChecksum] if it differs. The snapshot is written into its archive in the background.
func (e *Engine) CompleteUpload(ctx context.Context, s state.Snapshot, changed int64, checksum string) error {
	if s.State != "pending" || s.Source != "direct" {
		return ErrNotUploading
	}
	if s.Generation != 0 { // completed before: the same answer
		if s.ChangedBlocks != changed {
			return ErrBlockCount
		}
		e.finish(s, nil)
		return nil
	}
	if err := e.checkUpload(ctx, s, changed, checksum); err != nil {
		return err
	}
	err := e.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		return tx.SetSnapshotSealed(ctx, s.ID, changed)
	})
	if err != nil && !errors.Is(err, state.ErrNotFound) { // somebody else was as quick
		return err
	}
	s.Generation, s.ChangedBlocks = 1, changed
	e.finish(s, nil)
	return nil
}

func (e *Engine) checkUpload(ctx context.Context, s state.Snapshot, changed int64, checksum string) error {
	upload, err := e.openUpload(ctx, s)
	if err != nil {
		return err
	}
	defer upload.Close() //nolint:errcheck // only read from
	view, err := upload.disk.showAll()
	if err != nil {
		return err
	}
	defer view.Close() //nolint:errcheck // only read from
	if int64(len(view.Blocks())) != changed {
		return ErrBlockCount
	}
	if checksum == "" {
		return nil
	}
	whole := sha256.New()
	buf := make([]byte, BlockSize)
	for _, block := range view.Blocks() {
		if err := view.read(upload.sectors, block, buf); err != nil {
			return err
		}
		sum := sha256.Sum256(buf)
		whole.Write(sum[:])
	}
	if base64.StdEncoding.EncodeToString(whole.Sum(nil)) != checksum {
		return ErrChecksum
	}
	return nil
}

// writeUpload writes an upload into its archive: over the parent's point where it lies in the same domain, and together
// with the parent's blocks otherwise.
func (e *Engine) writeUpload(ctx context.Context, t *task.Task, s state.Snapshot) (archive.Summary, error) {
	upload, err := e.openUpload(ctx, s)
	if err != nil {
		return archive.Summary{}, err
	}
	defer upload.Close() //nolint:errcheck // only read from
	defer e.letGo(s.ID)  //nolint:errcheck // the same
	view, err := upload.disk.showAll()
	if err != nil {
		return archive.Summary{}, err
	}
	defer view.Close() //nolint:errcheck // only read from
	var parent state.Snapshot
	if s.Parent != "" {
		if parent, err = e.snapshot(ctx, s.Parent); err != nil {
			return archive.Summary{}, fmt.Errorf("parent of %s: %w", s.ID, err)
		}
	}
	if s.Parent == "" || (Location(parent) == Location(s) && parent.DomainKeyARN == s.DomainKeyARN) {
		return e.writeBlocks(ctx, t, s, upload.sectors, view)
	}
	base, err := e.openPoint(ctx, parent)
	if err != nil {
		return archive.Summary{}, err
	}
	return e.merge(ctx, s, upload.sectors, view, base)
}

// merge writes the blocks of a view and, where it shows none, those of a point of another domain.
func (e *Engine) merge(ctx context.Context, s state.Snapshot, key *sectors, view *View, base *archive.Point) (archive.Summary, error) {
	d, err := e.domain(ctx, s)
	if err != nil {
		return archive.Summary{}, err
	}
	w, err := d.NewWriter(ctx, archive.WriteOptions{Point: s.Point, Kind: archive.Volume, BlockSize: BlockSize, Size: s.SizeGiB * GiB})
	if errors.Is(err, archive.ErrPointExists) {
		return committed(ctx, d, s.Point)
	}
	if err != nil {
		return archive.Summary{}, err
	}
	defer w.Abort() //nolint:errcheck // after Commit it does nothing, and otherwise there is an error already
	put := map[int64]bool{}
	for _, block := range view.Blocks() {
		put[block] = true
	}
	for block, err := range blocksOfPoint(ctx, base) {
		if err != nil {
			return archive.Summary{}, err
		}
		put[block] = put[block] || false
	}
	buf := make([]byte, BlockSize)
	for _, block := range slices.Sorted(maps.Keys(put)) {
		if put[block] {
			err = view.read(key, block, buf)
		} else {
			_, err = base.ReadBlock(ctx, uint64(block), buf)
		}
		if err != nil {
			return archive.Summary{}, err
		}
		if err := w.PutBlock(ctx, uint64(block), buf); err != nil {
			return archive.Summary{}, err
		}
	}
	return w.Commit(ctx)
}

func blocksOfPoint(ctx context.Context, p *archive.Point) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		for b, err := range p.Blocks(ctx, 0) {
			if !yield(int64(b.Number), err) {
				return
			}
		}
	}
}

// Sweep puts uploads into error that nobody has written to for their timeout.
func (e *Engine) Sweep(ctx context.Context) error {
	var expired []state.Snapshot
	err := e.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		pending, err := tx.SnapshotsInState(ctx, "pending")
		for _, s := range pending {
			if s.Source == "direct" && s.Generation == 0 && e.expired(s, tx.Now) {
				expired = append(expired, s)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, s := range expired {
		err := e.settle(ctx, s, archive.Summary{}, api.Errorf("RequestExpired", "The snapshot was not written to before its timeout."))
		if err == nil {
			err = e.remove(s.Region, s.AccountID, s.ID)
		}
		if err = errors.Join(ignoreNotFound(err), e.letGo(s.ID)); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) expired(s state.Snapshot, now state.Micros) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	timeout := s.Expires - s.Created
	if last, open := e.uploads[s.ID]; open {
		return now >= state.MicrosOf(last)+timeout
	}
	return now >= s.Expires
}
