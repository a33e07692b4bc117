package state

import (
	"context"
	"slices"
)

// The kinds of database snapshots.
const (
	InstanceSnapshot = "instance" // of a DB instance
	ClusterSnapshot  = "cluster"  // of a DB cluster
)

// DBSnapshot is a snapshot in RDS's catalogue, be it RDS's own or a recovery point of AWS Backup.
type DBSnapshot struct {
	Kind           string             `db:"kind"` // InstanceSnapshot, ClusterSnapshot
	AccountID      string             `db:"account_id"`
	Region         string             `db:"region"`
	ID             string             `db:"id"`
	DatabaseID     string             `db:"database_id"`
	SourceID       string             `db:"source_id"` // identifier of the instance or cluster it was taken of
	Type           string             `db:"type"`      // manual, automated, awsbackup
	Status         string             `db:"status"`    // creating, copying, available, failed, deleting
	Message        string             `db:"message"`
	Progress       int64              `db:"progress"` // percent
	Engine         string             `db:"engine"`
	EngineVersion  string             `db:"engine_version"`
	MasterUsername string             `db:"master_username"`
	Name           string             `db:"name"`
	Port           int64              `db:"port"`
	KeyARN         string             `db:"key_arn"`
	Settings       DBInstanceSettings `db:"settings,json"`
	Point          string             `db:"point"` // archive point
	VaultRegion    string             `db:"vault_region"`
	VaultAccount   string             `db:"vault_account"`
	Vault          string             `db:"vault"` // empty for RDS's own snapshots
	DomainKeyARN   string             `db:"domain_key_arn"`
	RecoveryPoint  string             `db:"recovery_point"` // ARN, where AWS Backup manages it
	CopiedFrom     string             `db:"copied_from"`    // ARN
	SizeBytes      int64              `db:"size_bytes"`
	StoredBytes    int64              `db:"stored_bytes"`
	SharedWith     []string           `db:"shared_with,json"` // account ids and "all"
	Tags           map[string]string  `db:"tags,json"`
	SourceCreated  Micros             `db:"source_created"`
	OriginalAt     Micros             `db:"original_at"`
	CreatedAt      Micros             `db:"created_at"`
}

// VisibleTo reports whether an account may see and use the snapshot: its own, or one shared with it.
func (s DBSnapshot) VisibleTo(account string) bool {
	return s.AccountID == account || slices.Contains(s.SharedWith, account) || s.Public()
}

// Public reports whether every account may see and use the snapshot.
func (s DBSnapshot) Public() bool { return slices.Contains(s.SharedWith, "all") }

// Source names the archive point that the snapshot's content is.
func (s DBSnapshot) Source() ArchivePoint {
	return ArchivePoint{Region: s.VaultRegion, AccountID: s.VaultAccount, Vault: s.Vault, KeyARN: s.DomainKeyARN, Point: s.Point}
}

// InsertDBSnapshot enters a snapshot; [ErrExists] if its identifier is taken.
func (tx *Tx) InsertDBSnapshot(ctx context.Context, s DBSnapshot) error {
	return insertRow(ctx, tx, "db_snapshots", s)
}

// DBSnapshot reads a snapshot of an account by its identifier.
func (tx *Tx) DBSnapshot(ctx context.Context, kind, accountID, region, id string) (DBSnapshot, error) {
	return queryOne(ctx, tx, scanRow[DBSnapshot], selectRow[DBSnapshot]("db_snapshots")+`
		WHERE kind = $1 AND account_id = $2 AND region = $3 AND id = $4`, kind, accountID, region, id)
}

// DBSnapshotByPoint reads the snapshot whose content is an archive point.
func (tx *Tx) DBSnapshotByPoint(ctx context.Context, point string) (DBSnapshot, error) {
	return queryOne(ctx, tx, scanRow[DBSnapshot], selectRow[DBSnapshot]("db_snapshots")+`WHERE point = $1`, point)
}

// DBSnapshotByRecoveryPoint reads the snapshot that is an AWS Backup recovery point.
func (tx *Tx) DBSnapshotByRecoveryPoint(ctx context.Context, recoveryPoint string) (DBSnapshot, error) {
	return queryOne(ctx, tx, scanRow[DBSnapshot], selectRow[DBSnapshot]("db_snapshots")+`WHERE recovery_point = $1`, recoveryPoint)
}

// DBSnapshots lists an account's own snapshots of a kind in a Region by identifier.
func (tx *Tx) DBSnapshots(ctx context.Context, kind, accountID, region string) ([]DBSnapshot, error) {
	return queryAll(ctx, tx, scanRow[DBSnapshot], selectRow[DBSnapshot]("db_snapshots")+`
		WHERE kind = $1 AND account_id = $2 AND region = $3 ORDER BY id`, kind, accountID, region)
}

// DBSnapshotsSharedIn lists the snapshots of a kind in a Region that any account shares with another.
func (tx *Tx) DBSnapshotsSharedIn(ctx context.Context, kind, region string) ([]DBSnapshot, error) {
	return queryAll(ctx, tx, scanRow[DBSnapshot], selectRow[DBSnapshot]("db_snapshots")+`
		WHERE kind = $1 AND region = $2 AND shared_with NOT IN ('null', '[]') ORDER BY account_id, id`, kind, region)
}

// DBSnapshotsOf lists the snapshots that were taken of a database, and are in a status unless that is "".
func (tx *Tx) DBSnapshotsOf(ctx context.Context, databaseID, status string) ([]DBSnapshot, error) {
	f := (&filter{}).add("database_id = ?", databaseID).eq("status", status)
	return selectWhere[DBSnapshot](ctx, tx, "db_snapshots", f, "ORDER BY created_at, id")
}

// DBSnapshotsInStatus lists the snapshots of all accounts that are in a status, to go on with them after a start.
func (tx *Tx) DBSnapshotsInStatus(ctx context.Context, status string) ([]DBSnapshot, error) {
	return queryAll(ctx, tx, scanRow[DBSnapshot], selectRow[DBSnapshot]("db_snapshots")+`WHERE status = $1 ORDER BY created_at, id`, status)
}

// SetDBSnapshotProgress tells how far a snapshot is that is being written; others stay as they are.
func (tx *Tx) SetDBSnapshotProgress(ctx context.Context, point string, percent int64) error {
	_, err := tx.exec(ctx, `UPDATE db_snapshots SET progress = $1 WHERE point = $2 AND status IN ('creating', 'copying')`, percent, point)
	return err
}

// CompleteDBSnapshot ends a snapshot that is being written well; [ErrNotFound] if it is not being written.
func (tx *Tx) CompleteDBSnapshot(ctx context.Context, point string, takenAt Micros, sizeBytes, storedBytes int64) error {
	return tx.execOne(ctx, `UPDATE db_snapshots SET status = 'available', progress = 100, size_bytes = $1, stored_bytes = $2,
		original_at = CASE WHEN $3 > 0 THEN $3 ELSE original_at END
		WHERE point = $4 AND status IN ('creating', 'copying')`, sizeBytes, storedBytes, takenAt, point)
}

// FailDBSnapshot ends a snapshot that is being written badly; [ErrNotFound] if it is not being written.
func (tx *Tx) FailDBSnapshot(ctx context.Context, point, message string) error {
	return tx.execOne(ctx, `UPDATE db_snapshots SET status = 'failed', message = $1
		WHERE point = $2 AND status IN ('creating', 'copying')`, message, point)
}

// SetDBSnapshotDeleting marks a snapshot whose content is being removed; [ErrNotFound] if it is being written.
func (tx *Tx) SetDBSnapshotDeleting(ctx context.Context, point string) error {
	return tx.execOne(ctx, `UPDATE db_snapshots SET status = 'deleting' WHERE point = $1 AND status IN ('available', 'failed', 'deleting')`, point)
}

// SetDBSnapshotShares replaces the accounts that a snapshot is shared with.
func (tx *Tx) SetDBSnapshotShares(ctx context.Context, point string, accounts []string) error {
	return tx.execOne(ctx, `UPDATE db_snapshots SET shared_with = $1 WHERE point = $2`, JSON[[]string]{accounts}, point)
}

// SetDBSnapshotTags replaces a snapshot's tags.
func (tx *Tx) SetDBSnapshotTags(ctx context.Context, point string, tags map[string]string) error {
	return tx.execOne(ctx, `UPDATE db_snapshots SET tags = $1 WHERE point = $2`, JSON[map[string]string]{tags}, point)
}

// SetDBSnapshotSettings replaces what a snapshot tells of its instance.
func (tx *Tx) SetDBSnapshotSettings(ctx context.Context, point string, settings DBInstanceSettings) error {
	return tx.execOne(ctx, `UPDATE db_snapshots SET settings = $1 WHERE point = $2`, JSON[DBInstanceSettings]{settings}, point)
}

// DeleteDBSnapshot removes the row.
func (tx *Tx) DeleteDBSnapshot(ctx context.Context, point string) error {
	return tx.execOne(ctx, `DELETE FROM db_snapshots WHERE point = $1`, point)
}
