package state

import (
	"context"
	"encoding/json"
	"slices"
)

// ArchivePack says how the last reading of a pack went.
type ArchivePack struct {
	Archive string `db:"archive"`
	Domain  string `db:"domain"`
	Pack    string `db:"pack"`
	ReadAt  Micros `db:"read_at"` // by the machine's clock
	Bytes   int64  `db:"bytes"`
	Damaged bool   `db:"damaged"`
}

// ArchiveVerification says how the last verification of an archive went that followed its recovery points.
type ArchiveVerification struct {
	Archive string          `db:"archive"`
	By      string          `db:"by_whom"` // verify, repair, scrub
	Part    string          `db:"part"`    // what of the packs was read
	BeganAt Micros          `db:"began_at"`
	EndedAt Micros          `db:"ended_at"`
	Points  int64           `db:"points"`
	Packs   int64           `db:"packs"`
	Bytes   int64           `db:"bytes"`
	Skipped int64           `db:"skipped"`
	Damage  json.RawMessage `db:"damage,json"`
}

// ArchiveDomain is the header of a sealing domain.
type ArchiveDomain struct {
	Archive   string `db:"archive"`
	Domain    string `db:"domain"`
	KeyARN    string `db:"key_arn"`
	Wrapped   []byte `db:"wrapped,json"`
	CreatedAt string `db:"created_at"`
}

// ArchiveReading sums up what is known of an archive's packs.
type ArchiveReading struct {
	Archive        string
	Packs, Damaged int64
	Bytes          int64
	Oldest, Newest Micros // when packs were last read
}

// PutArchivePack notes that a pack was read.
func (tx *Tx) PutArchivePack(ctx context.Context, p ArchivePack) error {
	_, err := tx.exec(ctx, `INSERT INTO archive_packs (archive, domain, pack, read_at, bytes, damaged) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (archive, domain, pack) DO UPDATE SET read_at = excluded.read_at, bytes = excluded.bytes, damaged = excluded.damaged`,
		p.Archive, p.Domain, p.Pack, p.ReadAt, p.Bytes, p.Damaged)
	return err
}

// ArchivePacksReadSince lists the packs of an archive that were read at a time or later and found good.
func (tx *Tx) ArchivePacksReadSince(ctx context.Context, archive string, since Micros) ([]ArchivePack, error) {
	return selectWhere[ArchivePack](ctx, tx, "archive_packs", new(filter).add("archive = ?", archive).add("read_at >= ?", since).add("NOT damaged"), "")
}

// SpoilArchivePack notes that a pack that was read and found good is damaged.
func (tx *Tx) SpoilArchivePack(ctx context.Context, archive, domain, pack string) error {
	_, err := tx.exec(ctx, `UPDATE archive_packs SET damaged = TRUE WHERE archive = $1 AND domain = $2 AND pack = $3`, archive, domain, pack)
	return err
}

// ArchivePacks lists the packs of an archive that were ever read, in the order of their names behind one.
func (tx *Tx) ArchivePacks(ctx context.Context, archive, afterDomain, afterPack string, limit int) ([]ArchivePack, error) {
	return queryAll(ctx, tx, scanRow[ArchivePack], selectRow[ArchivePack]("archive_packs")+
		`WHERE archive = $1 AND (domain > $2 OR domain = $2 AND pack > $3) ORDER BY domain, pack LIMIT $4`, archive, afterDomain, afterPack, limit)
}

// DeleteArchivePack forgets a pack that is gone.
func (tx *Tx) DeleteArchivePack(ctx context.Context, archive, domain, pack string) error {
	_, err := tx.exec(ctx, `DELETE FROM archive_packs WHERE archive = $1 AND domain = $2 AND pack = $3`, archive, domain, pack)
	return err
}

// ArchiveReadings sums up the packs of all archives of which any was read, by archive.
func (tx *Tx) ArchiveReadings(ctx context.Context) ([]ArchiveReading, error) {
	return queryAll(ctx, tx, func(s scanner) (r ArchiveReading, err error) {
		err = s.Scan(&r.Archive, &r.Packs, &r.Damaged, &r.Bytes, &r.Oldest, &r.Newest)
		return r, err
	}, `SELECT archive, COUNT(*), SUM(CASE WHEN damaged THEN 1 ELSE 0 END), SUM(bytes), MIN(read_at), MAX(read_at)
		FROM archive_packs GROUP BY archive ORDER BY archive`)
}

// PutArchiveVerification keeps how a verification went, instead of the one before.
func (tx *Tx) PutArchiveVerification(ctx context.Context, v ArchiveVerification) error {
	if _, err := tx.exec(ctx, `DELETE FROM archive_verifications WHERE archive = $1`, v.Archive); err != nil {
		return err
	}
	return insertRow(ctx, tx, "archive_verifications", v)
}

// ArchiveVerifications lists the last verification of each archive, by archive.
func (tx *Tx) ArchiveVerifications(ctx context.Context) ([]ArchiveVerification, error) {
	return queryAll(ctx, tx, scanRow[ArchiveVerification], selectRow[ArchiveVerification]("archive_verifications")+"ORDER BY archive")
}

// PutArchiveDomain keeps the header of a sealing domain. One that is kept stays: headers do not change.
func (tx *Tx) PutArchiveDomain(ctx context.Context, d ArchiveDomain) error {
	wrapped, err := json.Marshal(d.Wrapped)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, `INSERT INTO archive_domains (archive, domain, key_arn, wrapped, created_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (archive, domain) DO NOTHING`, d.Archive, d.Domain, d.KeyARN, string(wrapped), d.CreatedAt)
	return err
}

// ArchiveDomains lists the headers that are kept of an archive.
func (tx *Tx) ArchiveDomains(ctx context.Context, archive string) ([]ArchiveDomain, error) {
	return selectWhere[ArchiveDomain](ctx, tx, "archive_domains", new(filter).add("archive = ?", archive), "ORDER BY domain")
}

// CopiesOfPoint lists the finished recovery points that were copied from one.
func (tx *Tx) CopiesOfPoint(ctx context.Context, arn string) ([]RecoveryPoint, error) {
	return selectWhere[RecoveryPoint](ctx, tx, "recovery_points",
		new(filter).add("source_point_arn = ?", arn).add("source_point_arn <> ''").in("status", finishedPoints), "ORDER BY created_at, arn")
}

// finishedPoints are the statuses of recovery points whose content lies in an archive.
var finishedPoints = []string{PointCompleted, PointAvailable, PointPartial, PointExpired}

// PointsInArchive lists the finished recovery points of a vault that lie in its archive under one id; all, for an empty id.
func (tx *Tx) PointsInArchive(ctx context.Context, vaultARN, archivePointID string) ([]RecoveryPoint, error) {
	return selectWhere[RecoveryPoint](ctx, tx, "recovery_points",
		new(filter).add("vault_arn = ?", vaultARN).eq("archive_point_id", archivePointID).in("status", finishedPoints), "ORDER BY created_at, arn")
}

// CountPointsInArchive counts the recovery points of a vault that lie in its archive under one id, in whatever status.
func (tx *Tx) CountPointsInArchive(ctx context.Context, vaultARN, archivePointID string) (int, error) {
	return queryOne(ctx, tx, scanCount, `SELECT COUNT(*) FROM recovery_points WHERE vault_arn = $1 AND archive_point_id = $2`,
		vaultARN, archivePointID)
}

// Finished tells whether the point's content lies in an archive.
func (p RecoveryPoint) Finished() bool { return slices.Contains(finishedPoints, p.Status) }

// SetPointMessage changes the message of a finished recovery point from one to another, and tells whether it had the one.
func (tx *Tx) SetPointMessage(ctx context.Context, arn, from, to string) (bool, error) {
	n, err := tx.exec(ctx, `UPDATE recovery_points SET status_message = $1 WHERE arn = $2 AND status_message = $3
		AND status IN ('COMPLETED', 'AVAILABLE', 'PARTIAL', 'EXPIRED')`, to, arn, from)
	return n > 0, err
}
