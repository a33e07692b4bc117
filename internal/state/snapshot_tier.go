package state

import "context"

// SnapshotTier is in which storage tier a snapshot lies, in the words of
// https://docs.aws.amazon.com/ebs/latest/userguide/snapshot-archive.html; the zero value is one that always was in the
// standard tier.
type SnapshotTier struct {
	Archived  bool
	Since     Micros // when it was archived last
	Restored  Micros // when it was brought back last, temporarily or for good
	Temporary Micros // until when it is back; 0 if it is archived, or back for good
}

// Archived reports whether the snapshot lies in the archive tier at a time, where nothing can be made of it.
func (s Snapshot) Archived(now Micros) bool { return s.Tier.Archived && now >= s.Tier.Temporary }

// SetSnapshotTier replaces a snapshot's tier.
func (tx *Tx) SetSnapshotTier(ctx context.Context, id string, t SnapshotTier) error {
	return tx.execOne(ctx, `UPDATE snapshots SET tier = $1 WHERE id = $2`, JSON[SnapshotTier]{t}, id)
}
