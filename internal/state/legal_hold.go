package state

import (
	"context"
	"slices"
)

// Statuses of a legal hold. One is made and canceled at once, so that the API's others do not come up.
const (
	HoldActive   = "ACTIVE"
	HoldCanceled = "CANCELED"
)

// LegalHold keeps recovery points from being deleted for as long as it is active: those in one of the vaults and of one of
// the resources named, where any are, that were created between two times, both of which count.
type LegalHold struct {
	ID                string            `db:"id"`
	AccountID         string            `db:"account_id"`
	Region            string            `db:"region"`
	ARN               string            `db:"arn"`
	Title             string            `db:"title"`
	Description       string            `db:"description"`
	Status            string            `db:"status"`
	IdempotencyToken  string            `db:"idempotency_token"`
	VaultNames        []string          `db:"vault_names,json"`
	ResourceARNs      []string          `db:"resource_arns,json"`
	From              Micros            `db:"from_at"` // 0 for the beginning
	To                Micros            `db:"to_at"`   // 0 for no end
	Tags              map[string]string `db:"tags,json"`
	CreatedAt         Micros            `db:"created_at"`
	CanceledAt        Micros            `db:"canceled_at"`
	CancelDescription string            `db:"cancel_description"`
	RetainUntil       Micros            `db:"retain_until"` // when the record of a canceled hold is removed
}

// holds reports whether the hold is for a new recovery point.
func (h LegalHold) holds(p RecoveryPoint) bool {
	return (len(h.VaultNames) == 0 || slices.Contains(h.VaultNames, p.VaultName)) &&
		(len(h.ResourceARNs) == 0 || slices.Contains(h.ResourceARNs, p.ResourceARN)) &&
		p.CreatedAt >= h.From && (h.To == 0 || p.CreatedAt <= h.To)
}

// InsertLegalHold adds a hold and puts the points that are there under it; those that expired or are being deleted are not
// taken in.
func (tx *Tx) InsertLegalHold(ctx context.Context, h LegalHold) error {
	if err := insertRow(ctx, tx, "legal_holds", h); err != nil {
		return err
	}
	f := new(filter).add("account_id = ?", h.AccountID).add("region = ?", h.Region).add("created_at >= ?", h.From).
		in("status", []string{PointCreating, PointCompleted, PointAvailable, PointPartial, PointStopped})
	if len(h.VaultNames) > 0 {
		f.in("vault_name", h.VaultNames)
	}
	if len(h.ResourceARNs) > 0 {
		f.in("resource_arn", h.ResourceARNs)
	}
	if h.To != 0 {
		f.add("created_at <= ?", h.To)
	}
	where, args := f.sql(1)
	_, err := tx.exec(ctx, "INSERT INTO legal_hold_points (hold_id, arn, created_at) SELECT $1, arn, created_at FROM recovery_points"+where,
		append([]any{h.ID}, args...)...)
	return err
}

// holdPoint puts a new point under the active holds that are for it.
func (tx *Tx) holdPoint(ctx context.Context, p RecoveryPoint) error {
	active, err := tx.activeHolds(ctx, p.AccountID, p.Region)
	if err != nil {
		return err
	}
	for _, h := range active {
		if !h.holds(p) {
			continue
		}
		if _, err := tx.exec(ctx, `INSERT INTO legal_hold_points (hold_id, arn, created_at) VALUES ($1, $2, $3)`, h.ID, p.ARN, p.CreatedAt); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) activeHolds(ctx context.Context, accountID, region string) ([]LegalHold, error) {
	return selectWhere[LegalHold](ctx, tx, "legal_holds",
		new(filter).add("account_id = ?", accountID).add("region = ?", region).add("status = ?", HoldActive), "ORDER BY id")
}

// CountActiveLegalHolds counts an account's active holds in a Region.
func (tx *Tx) CountActiveLegalHolds(ctx context.Context, accountID, region string) (int, error) {
	active, err := tx.activeHolds(ctx, accountID, region)
	return len(active), err
}

// CancelLegalHold writes a hold that is no longer active and releases its points; [ErrConflict] if it was not active.
func (tx *Tx) CancelLegalHold(ctx context.Context, h LegalHold) error {
	if err := updateGuarded(ctx, tx, "legal_holds", h, new(filter).add("id = ?", h.ID).add("status = ?", HoldActive)); err != nil {
		return err
	}
	_, err := tx.exec(ctx, `DELETE FROM legal_hold_points WHERE hold_id = $1`, h.ID)
	return err
}

// UpdateLegalHold writes the row of a hold, for its tags; [ErrConflict] if it is gone.
func (tx *Tx) UpdateLegalHold(ctx context.Context, h LegalHold) error {
	return updateGuarded(ctx, tx, "legal_holds", h, new(filter).add("id = ?", h.ID))
}

// LegalHold reads a hold of any account.
func (tx *Tx) LegalHold(ctx context.Context, id string) (LegalHold, error) {
	return queryOne(ctx, tx, scanRow[LegalHold], selectRow[LegalHold]("legal_holds")+"WHERE id = $1", id)
}

// LegalHoldByToken reads the hold that an idempotency token made.
func (tx *Tx) LegalHoldByToken(ctx context.Context, accountID, region, token string) (LegalHold, error) {
	return jobByToken[LegalHold](ctx, tx, "legal_holds", accountID, region, token)
}

// LegalHolds lists an account's holds in a Region, newest first; a limit of 0 lists all.
func (tx *Tx) LegalHolds(ctx context.Context, accountID, region string, after Cursor, limit int) ([]LegalHold, error) {
	return page[LegalHold](ctx, tx, "legal_holds", "created_at", "id", new(filter).eq("account_id", accountID).eq("region", region), after, limit)
}

// PointsOnHold lists the recovery points under a hold, newest first.
func (tx *Tx) PointsOnHold(ctx context.Context, holdID string, after Cursor, limit int) ([]RecoveryPoint, error) {
	return page[RecoveryPoint](ctx, tx, "recovery_points", "created_at", "arn",
		new(filter).add("arn IN (SELECT arn FROM legal_hold_points WHERE hold_id = ?)", holdID), after, limit)
}

// PointHeld reports whether a point is under any hold.
func (tx *Tx) PointHeld(ctx context.Context, arn string) (bool, error) {
	return queryOne(ctx, tx, func(s scanner) (held bool, err error) { return held, s.Scan(&held) },
		`SELECT EXISTS (SELECT 1 FROM legal_hold_points WHERE arn = $1)`, arn)
}

// notHeld is true of recovery points under no hold.
const notHeld = "NOT EXISTS (SELECT 1 FROM legal_hold_points WHERE legal_hold_points.arn = recovery_points.arn)"

// LegalHoldsToForget reports whether there is a record that [Tx.ForgetLegalHolds] would remove.
func (tx *Tx) LegalHoldsToForget(ctx context.Context) (bool, error) {
	return queryOne(ctx, tx, func(s scanner) (found bool, err error) { return found, s.Scan(&found) },
		`SELECT EXISTS (SELECT 1 FROM legal_holds WHERE retain_until > 0 AND retain_until <= $1)`, tx.Now)
}

// ForgetLegalHolds removes the records of holds that were canceled long enough ago.
func (tx *Tx) ForgetLegalHolds(ctx context.Context) error {
	_, err := tx.exec(ctx, `DELETE FROM legal_holds WHERE retain_until > 0 AND retain_until <= $1`, tx.Now)
	return err
}
