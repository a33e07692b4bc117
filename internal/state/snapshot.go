package state

import (
	"context"
	"slices"
)

// Snapshot is a row of snapshots: an EBS snapshot in EC2's catalogue, be it EC2's own or a recovery point of AWS Backup.
type Snapshot struct {
	ID            string
	AccountID     string // the owner
	Region        string
	VolumeID      string
	SizeGiB       int64
	State         string // pending, completed, error; deleting is not shown to anybody
	Message       string
	Progress      int64 // percent
	Description   string
	KeyARN        string // empty for an unencrypted one
	Created       Micros
	Completed     Micros
	Point         string // archive point
	VaultRegion   string
	VaultAccount  string
	Vault         string // empty for EC2's own snapshots
	DomainKeyARN  string // empty for the service's own key
	RecoveryPoint string // ARN, where AWS Backup manages it
	Source        string // volume, direct, copy, backup
	Parent        string
	CopiedFrom    string
	Generation    int64
	WrappedKey    []byte
	Expires       Micros
	ChangedBlocks int64
	FullSize      int64
	SharedWith    []string // account ids and "all"
	ClientToken   string
	RequestDigest string
	Tags          map[string]string
	Lock          SnapshotLock
	Tier          SnapshotTier
	// NotPublic is set where the account blocks all public sharing: a share with "all" then counts for nothing.
	NotPublic bool
}

// VisibleTo reports whether an account may see and use the snapshot: its own, or one shared with it.
func (s Snapshot) VisibleTo(account string) bool {
	return s.AccountID == account || slices.Contains(s.SharedWith, account) || s.Public()
}

// Public reports whether every account may see and use the snapshot.
func (s Snapshot) Public() bool { return !s.NotPublic && slices.Contains(s.SharedWith, "all") }

const snapshotColumns = `id, account, region, volume_id, size_gib, state, message, progress, description, key_arn,
	created, completed, point, vault_region, vault_account, vault, domain_key_arn, recovery_point, source, parent,
	copied_from, generation, wrapped_key, expires, changed_blocks, full_size, shared_with, client_token, request_digest,
	tags, lock, tier`

// snapshotSelect are the columns and what else a row is read with.
const snapshotSelect = snapshotColumns + `,
	EXISTS (SELECT 1 FROM volume_settings WHERE volume_settings.account = snapshots.account
		AND volume_settings.region = snapshots.region AND snapshot_sharing = 'block-all-sharing')`

func scanSnapshot(s scanner) (Snapshot, error) {
	var v Snapshot
	var shared JSON[[]string]
	var tags JSON[map[string]string]
	var lock JSON[SnapshotLock]
	var tier JSON[SnapshotTier]
	err := s.Scan(&v.ID, &v.AccountID, &v.Region, &v.VolumeID, &v.SizeGiB, &v.State, &v.Message, &v.Progress,
		&v.Description, &v.KeyARN, &v.Created, &v.Completed, &v.Point, &v.VaultRegion, &v.VaultAccount, &v.Vault,
		&v.DomainKeyARN, &v.RecoveryPoint, &v.Source, &v.Parent, &v.CopiedFrom, &v.Generation, &v.WrappedKey, &v.Expires,
		&v.ChangedBlocks, &v.FullSize, &shared, &v.ClientToken, &v.RequestDigest, &tags, &lock, &tier, &v.NotPublic)
	v.SharedWith, v.Tags, v.Lock, v.Tier = shared.V, tags.V, lock.V, tier.V
	return v, err
}

// InsertSnapshot enters a new snapshot; [ErrExists] if its id or its client token is taken.
func (tx *Tx) InsertSnapshot(ctx context.Context, s Snapshot) error {
	_, err := tx.exec(ctx, `INSERT INTO snapshots (`+snapshotColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
			$21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32)`,
		s.ID, s.AccountID, s.Region, s.VolumeID, s.SizeGiB, s.State, s.Message, s.Progress, s.Description, s.KeyARN,
		s.Created, s.Completed, s.Point, s.VaultRegion, s.VaultAccount, s.Vault, s.DomainKeyARN, s.RecoveryPoint,
		s.Source, s.Parent, s.CopiedFrom, s.Generation, s.WrappedKey, s.Expires, s.ChangedBlocks, s.FullSize,
		JSON[[]string]{s.SharedWith}, s.ClientToken, s.RequestDigest, JSON[map[string]string]{s.Tags},
		JSON[SnapshotLock]{s.Lock}, JSON[SnapshotTier]{s.Tier})
	return err
}

// Snapshot reads a snapshot by id, whosever it is.
func (tx *Tx) Snapshot(ctx context.Context, id string) (Snapshot, error) {
	return queryOne(ctx, tx, scanSnapshot, `SELECT `+snapshotSelect+` FROM snapshots WHERE id = $1`, id)
}

// SnapshotByToken reads the snapshot that was started with an idempotency token.
func (tx *Tx) SnapshotByToken(ctx context.Context, account, region, token string) (Snapshot, error) {
	return queryOne(ctx, tx, scanSnapshot, `SELECT `+snapshotSelect+` FROM snapshots
		WHERE account = $1 AND region = $2 AND client_token = $3`, account, region, token)
}

// SnapshotByRecoveryPoint reads the snapshot that is an AWS Backup recovery point.
func (tx *Tx) SnapshotByRecoveryPoint(ctx context.Context, recoveryPoint string) (Snapshot, error) {
	return queryOne(ctx, tx, scanSnapshot, `SELECT `+snapshotSelect+` FROM snapshots WHERE recovery_point = $1`,
		recoveryPoint)
}

// Snapshots lists an account's own snapshots in a Region by id.
func (tx *Tx) Snapshots(ctx context.Context, account, region string) ([]Snapshot, error) {
	return queryAll(ctx, tx, scanSnapshot, `SELECT `+snapshotSelect+` FROM snapshots
		WHERE account = $1 AND region = $2 ORDER BY id`, account, region)
}

// SnapshotsSharedIn lists the snapshots of a Region that any account shares with another.
func (tx *Tx) SnapshotsSharedIn(ctx context.Context, region string) ([]Snapshot, error) {
	return queryAll(ctx, tx, scanSnapshot, `SELECT `+snapshotSelect+` FROM snapshots
		WHERE region = $1 AND shared_with NOT IN ('null', '[]') ORDER BY id`, region)
}

// SnapshotsInState lists the snapshots of all accounts that are in a state, to go on with them after a start.
func (tx *Tx) SnapshotsInState(ctx context.Context, state string) ([]Snapshot, error) {
	return queryAll(ctx, tx, scanSnapshot, `SELECT `+snapshotSelect+` FROM snapshots WHERE state = $1 ORDER BY id`, state)
}

// LatestSnapshotOf is EC2's own completed snapshot of a volume with the highest generation in a domain.
func (tx *Tx) LatestSnapshotOf(ctx context.Context, volumeID, domainKeyARN string) (Snapshot, error) {
	return queryOne(ctx, tx, scanSnapshot, `SELECT `+snapshotSelect+` FROM snapshots
		WHERE volume_id = $1 AND domain_key_arn = $2 AND vault = '' AND source = 'volume' AND state = 'completed'
		ORDER BY generation DESC LIMIT 1`, volumeID, domainKeyARN)
}

// SetSnapshotProgress tells how far a pending snapshot is; others stay as they are.
func (tx *Tx) SetSnapshotProgress(ctx context.Context, id string, percent int64) error {
	_, err := tx.exec(ctx, `UPDATE snapshots SET progress = $1 WHERE id = $2 AND state = 'pending'`, percent, id)
	return err
}

// SetSnapshotSealed notes that no more blocks may be put into a direct upload; [ErrNotFound] if it is not open.
func (tx *Tx) SetSnapshotSealed(ctx context.Context, id string, changedBlocks int64) error {
	return tx.execOne(ctx, `UPDATE snapshots SET generation = 1, changed_blocks = $1
		WHERE id = $2 AND state = 'pending' AND source = 'direct' AND generation = 0`, changedBlocks, id)
}

// CompleteSnapshot ends a pending snapshot well; [ErrNotFound] if it is not pending.
func (tx *Tx) CompleteSnapshot(ctx context.Context, id string, fullSize int64) error {
	return tx.execOne(ctx, `UPDATE snapshots SET state = 'completed', progress = 100, completed = $1, full_size = $2,
		wrapped_key = NULL WHERE id = $3 AND state = 'pending'`, tx.Now, fullSize, id)
}

// FailSnapshot ends a pending snapshot badly; [ErrNotFound] if it is not pending.
func (tx *Tx) FailSnapshot(ctx context.Context, id, message string) error {
	return tx.execOne(ctx, `UPDATE snapshots SET state = 'error', message = $1 WHERE id = $2 AND state = 'pending'`,
		message, id)
}

// SetSnapshotDeleting hides a snapshot while its blocks are removed; [ErrNotFound] if it is being written.
func (tx *Tx) SetSnapshotDeleting(ctx context.Context, id string) error {
	return tx.execOne(ctx, `UPDATE snapshots SET state = 'deleting' WHERE id = $1 AND (state <> 'pending' OR (source = 'direct' AND generation = 0))`, id)
}

// SetSnapshotShares replaces the accounts that a snapshot is shared with.
func (tx *Tx) SetSnapshotShares(ctx context.Context, id string, accounts []string) error {
	return tx.execOne(ctx, `UPDATE snapshots SET shared_with = $1 WHERE id = $2`, JSON[[]string]{accounts}, id)
}

// SetSnapshotTags replaces a snapshot's tags.
func (tx *Tx) SetSnapshotTags(ctx context.Context, id string, tags map[string]string) error {
	return tx.execOne(ctx, `UPDATE snapshots SET tags = $1 WHERE id = $2`, JSON[map[string]string]{tags}, id)
}

// DeleteSnapshot removes the row.
func (tx *Tx) DeleteSnapshot(ctx context.Context, id string) error {
	return tx.execOne(ctx, `DELETE FROM snapshots WHERE id = $1`, id)
}
