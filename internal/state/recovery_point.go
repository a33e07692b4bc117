package state

import (
	"context"
	"fmt"

	"strongroom/rules"
)

// Statuses of a recovery point.
const (
	PointCreating  = "CREATING"
	PointAvailable = "AVAILABLE"
	PointCompleted = "COMPLETED"
	PointPartial   = "PARTIAL"
	PointDeleting  = "DELETING"
	PointExpired   = "EXPIRED"
	PointStopped   = "STOPPED"
)

// RecoveryPoint is a recovery point in the catalogue. What it consists of lies in the archive, under
// (VaultARN, ArchiveKeyARN, ArchivePointID).
type RecoveryPoint struct {
	ARN            string `db:"arn"`
	AccountID      string `db:"account_id"` // the account whose vault holds it
	Region         string `db:"region"`
	VaultName      string `db:"vault_name"`
	VaultARN       string `db:"vault_arn"`
	SourceVaultARN string `db:"source_vault_arn"` // of a copy: the vault it was copied from
	SourcePointARN string `db:"source_point_arn"` // of a copy
	JobID          string `db:"job_id"`           // the backup or copy job that made it

	ResourceARN    string `db:"resource_arn"` // the original resource, also of copies
	ResourceType   string `db:"resource_type"`
	ResourceName   string `db:"resource_name"`
	ResourceRegion string `db:"resource_region"` // where the resource lives; an S3 bucket's ARN does not say

	IAMRoleARN    string      `db:"iam_role_arn"`
	CreatedBy     PlanCreator `db:"created_by,json"`
	Status        string      `db:"status"`
	StatusMessage string      `db:"status_message"`
	CreatedAt     Micros      `db:"created_at"` // start of the backup job; a copy keeps its source's
	InitiatedAt   Micros      `db:"initiated_at"`
	CompletedAt   Micros      `db:"completed_at"`

	SizeBytes        int64 `db:"size_bytes"`
	TransferredBytes int64 `db:"transferred_bytes"`
	NewBytes         int64 `db:"new_bytes"`    // that the vault did not have, before compression
	StoredBytes      int64 `db:"stored_bytes"` // the vault grew by

	Lifecycle    rules.Lifecycle `db:"lifecycle,json"`
	DeleteAt     Micros          `db:"delete_at"` // 0 for never
	MoveAt       Micros          `db:"move_at"`
	StorageClass string          `db:"storage_class"` // WARM, COLD

	KeyARN      string `db:"key_arn"`  // EncryptionKeyArn
	KeyType     string `db:"key_type"` // KeyCustomerManaged, KeyAWSOwned or ""
	IsEncrypted bool   `db:"is_encrypted"`

	Tags            map[string]string `db:"tags,json"`
	RestoreMetadata map[string]string `db:"restore_metadata,json"`
	Options         map[string]string `db:"options,json"`

	ArchivePointID string `db:"archive_point_id"`
	ArchiveKeyARN  string `db:"archive_key_arn"` // the key of the sealing domain; "" is the vault's domain of unencrypted points
	KindState      string `db:"kind_state"`      // resource.Result.State

	ParentARN      string `db:"parent_arn"`
	IndexStatus    string `db:"index_status"`
	LastRestoredAt Micros `db:"last_restored_at"`
}

// PointFilter selects recovery points; zero fields mean any.
type PointFilter struct {
	AccountID, Region           string
	VaultARN                    string
	ResourceARN, ResourceType   string
	PlanID                      string
	ParentARN                   string
	Statuses                    []string
	CreatedAfter, CreatedBefore Micros
}

func (f PointFilter) filter() *filter {
	q := new(filter).eq("account_id", f.AccountID).eq("region", f.Region).eq("vault_arn", f.VaultARN).
		eq("resource_arn", f.ResourceARN).eq("resource_type", f.ResourceType).eq("parent_arn", f.ParentARN).
		between("created_at", f.CreatedAfter, f.CreatedBefore)
	if len(f.Statuses) > 0 {
		q.in("status", f.Statuses)
	}
	return q.byPlan(f.PlanID)
}

// InsertRecoveryPoint adds a point, under the legal holds that are for it; [ErrExists] if its ARN is known.
func (tx *Tx) InsertRecoveryPoint(ctx context.Context, p RecoveryPoint) error {
	if err := insertRow(ctx, tx, "recovery_points", p); err != nil {
		return err
	}
	return tx.holdPoint(ctx, p)
}

// UpdateRecoveryPoint writes the point's row if its status is one of from (any, if none is named); [ErrConflict]
// otherwise.
func (tx *Tx) UpdateRecoveryPoint(ctx context.Context, p RecoveryPoint, from ...string) error {
	f := new(filter).add("arn = ?", p.ARN)
	if len(from) > 0 {
		f.in("status", from)
	}
	return updateGuarded(ctx, tx, "recovery_points", p, f)
}

// RecoveryPoint reads a point of any account.
func (tx *Tx) RecoveryPoint(ctx context.Context, arn string) (RecoveryPoint, error) {
	return queryOne(ctx, tx, scanRow[RecoveryPoint], selectRow[RecoveryPoint]("recovery_points")+"WHERE arn = $1", arn)
}

// RecoveryPoints lists points, newest first; a limit of 0 lists all.
func (tx *Tx) RecoveryPoints(ctx context.Context, f PointFilter, after Cursor, limit int) ([]RecoveryPoint, error) {
	return page[RecoveryPoint](ctx, tx, "recovery_points", "created_at", "arn", f.filter(), after, limit)
}

// CountRecoveryPoints counts them.
func (tx *Tx) CountRecoveryPoints(ctx context.Context, f PointFilter) (int64, error) {
	where, args := f.filter().sql(0)
	return queryOne(ctx, tx, func(s scanner) (n int64, err error) {
		err = s.Scan(&n)
		return n, err
	}, "SELECT COUNT(*) FROM recovery_points"+where, args...)
}

// PointsByVault counts the points of vaults, by the vaults' ARNs; those without a point are left out.
func (tx *Tx) PointsByVault(ctx context.Context, vaultARNs []string) (map[string]int64, error) {
	type count struct {
		vault  string
		points int64
	}
	where, args := new(filter).in("vault_arn", vaultARNs).sql(0)
	counts, err := queryAll(ctx, tx, func(s scanner) (c count, err error) {
		err = s.Scan(&c.vault, &c.points)
		return c, err
	}, "SELECT vault_arn, COUNT(*) FROM recovery_points"+where+" GROUP BY vault_arn", args...)
	all := make(map[string]int64, len(counts))
	for _, c := range counts {
		all[c.vault] = c.points
	}
	return all, err
}

// LatestPoint is the newest finished point of a resource in one sealing domain, a copy or not: the parent of the next
// incremental copy. [ErrNotFound] if there is none.
func (tx *Tx) LatestPoint(ctx context.Context, resourceARN, vaultARN, archiveKeyARN string) (RecoveryPoint, error) {
	return tx.latestPoint(ctx, "", resourceARN, vaultARN, archiveKeyARN)
}

// LatestBackup is the newest finished point of a resource in one sealing domain that a backup made: the parent of the next
// incremental backup. A copy that came back tells nothing of what has changed since. [ErrNotFound] if there is none.
func (tx *Tx) LatestBackup(ctx context.Context, resourceARN, vaultARN, archiveKeyARN string) (RecoveryPoint, error) {
	return tx.latestPoint(ctx, "AND source_point_arn = ''", resourceARN, vaultARN, archiveKeyARN)
}

func (tx *Tx) latestPoint(ctx context.Context, which, resourceARN, vaultARN, archiveKeyARN string) (RecoveryPoint, error) {
	return queryOne(ctx, tx, scanRow[RecoveryPoint], selectRow[RecoveryPoint]("recovery_points")+
		`WHERE resource_arn = $1 AND vault_arn = $2 AND archive_key_arn = $3 AND archive_point_id <> '' `+which+`
		AND status IN ('COMPLETED', 'AVAILABLE') ORDER BY created_at DESC, completed_at DESC, arn DESC LIMIT 1`,
		resourceARN, vaultARN, archiveKeyARN)
}

// PointsToDelete lists the finished points whose retention is over at the given time and that no legal hold keeps, the
// oldest first.
func (tx *Tx) PointsToDelete(ctx context.Context, at Micros, limit int) ([]RecoveryPoint, error) {
	return selectWhere[RecoveryPoint](ctx, tx, "recovery_points",
		new(filter).add("delete_at > 0").add("delete_at <= ?", at).in("status", []string{PointCompleted, PointPartial, PointAvailable}).add(notHeld),
		fmt.Sprintf("ORDER BY delete_at, arn LIMIT %d", limit))
}

// NextPointDeletion is when the next point's retention is over; [ErrNotFound] if no point ever expires.
func (tx *Tx) NextPointDeletion(ctx context.Context) (Micros, error) {
	return queryOne(ctx, tx, func(s scanner) (at Micros, err error) { return at, s.Scan(&at) },
		`SELECT delete_at FROM recovery_points WHERE delete_at > 0 AND status IN ('COMPLETED', 'PARTIAL', 'AVAILABLE')
		AND `+notHeld+` ORDER BY delete_at LIMIT 1`)
}

// PointsToCool lists the finished points that are to move to cold storage at the given time and that no legal hold keeps,
// the oldest first.
func (tx *Tx) PointsToCool(ctx context.Context, at Micros, limit int) ([]RecoveryPoint, error) {
	return selectWhere[RecoveryPoint](ctx, tx, "recovery_points",
		new(filter).add("move_at > 0").add("move_at <= ?", at).add("storage_class = 'WARM'").in("status", []string{PointCompleted, PointAvailable}).add(notHeld),
		fmt.Sprintf("ORDER BY move_at, arn LIMIT %d", limit))
}

// NextPointCooling is when the next point moves to cold storage; [ErrNotFound] if none ever does.
func (tx *Tx) NextPointCooling(ctx context.Context) (Micros, error) {
	return queryOne(ctx, tx, func(s scanner) (at Micros, err error) { return at, s.Scan(&at) },
		`SELECT move_at FROM recovery_points WHERE move_at > 0 AND storage_class = 'WARM' AND status IN ('COMPLETED', 'AVAILABLE')
		AND `+notHeld+` ORDER BY move_at LIMIT 1`)
}

// DeleteRecoveryPoint removes a point from the catalogue.
func (tx *Tx) DeleteRecoveryPoint(ctx context.Context, arn string) error {
	if _, err := tx.exec(ctx, `DELETE FROM legal_hold_points WHERE arn = $1`, arn); err != nil {
		return err
	}
	return tx.execOne(ctx, `DELETE FROM recovery_points WHERE arn = $1`, arn)
}

// ProtectedResources lists the newest finished point of every resource that an account has any of in a Region, by
// resource ARN behind after. An empty vault means all.
func (tx *Tx) ProtectedResources(ctx context.Context, accountID, region, vaultARN, after string, limit int) ([]RecoveryPoint, error) {
	f := new(filter).add("account_id = ?", accountID).add("region = ?", region).eq("vault_arn", vaultARN).
		in("status", []string{PointCompleted, PointAvailable, PointPartial, PointExpired}).add("resource_arn > ?", after)
	inner := new(filter).add("n.account_id = recovery_points.account_id").add("n.region = recovery_points.region").
		add("n.resource_arn = recovery_points.resource_arn").
		add("n.status IN ('COMPLETED', 'AVAILABLE', 'PARTIAL', 'EXPIRED')").
		eq("n.vault_arn", vaultARN).
		add("(n.created_at > recovery_points.created_at OR (n.created_at = recovery_points.created_at AND n.arn > recovery_points.arn))")
	f.conditions = append(f.conditions, "NOT EXISTS (SELECT 1 FROM recovery_points n WHERE "+joinAnd(inner.conditions)+")")
	f.args = append(f.args, inner.args...)
	return selectWhere[RecoveryPoint](ctx, tx, "recovery_points", f, fmt.Sprintf("ORDER BY resource_arn LIMIT %d", limit))
}
