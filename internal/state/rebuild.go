package state

import "context"

// What puts a database back together of the documents of the catalogue.

// Try runs fn so that what it wrote is undone if it fails, and the transaction goes on.
func (tx *Tx) Try(ctx context.Context, fn func() error) error {
	if _, err := tx.exec(ctx, `SAVEPOINT try`); err != nil {
		return err
	}
	failed := fn()
	if failed != nil {
		if _, err := tx.exec(ctx, `ROLLBACK TO try`); err != nil {
			return err
		}
	}
	if _, err := tx.exec(ctx, `RELEASE try`); err != nil {
		return err
	}
	return failed
}

// RebuildCounts counts the vaults of accounts anew.
func (tx *Tx) RebuildCounts(ctx context.Context) error {
	_, err := tx.exec(ctx, `INSERT INTO backup_vault_counts (account_id, region, vaults)
		SELECT account_id, region, COUNT(*) FROM backup_vaults GROUP BY account_id, region`)
	return err
}

// RebuildHolds puts recovery points under the active holds that are for them. It errs on the side of holding: a point that had
// expired when the hold was made is held, too.
func (tx *Tx) RebuildHolds(ctx context.Context) error {
	points, err := tx.RecoveryPoints(ctx, PointFilter{}, Cursor{}, 0)
	if err != nil {
		return err
	}
	for _, p := range points {
		if err := tx.holdPoint(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// RebuildInterrupted ends what was going on when the database was lost, of which no job knows any more: recovery points whose
// deletion was asked for stand as EXPIRED until somebody deletes them again, and snapshots of databases that were being taken have failed.
func (tx *Tx) RebuildInterrupted(ctx context.Context) error {
	if _, err := tx.exec(ctx, `UPDATE recovery_points SET status = 'EXPIRED', status_message = $1 WHERE status = 'DELETING'`,
		"The deletion was interrupted when the state was rebuilt. Delete the recovery point again."); err != nil {
		return err
	}
	_, err := tx.exec(ctx, `UPDATE db_snapshots SET status = 'failed', message = $1 WHERE status IN ('creating', 'copying')`,
		"interrupted when the state was rebuilt")
	return err
}

// RebuildPolicies has the policies of organizations evaluated anew for every account.
func (tx *Tx) RebuildPolicies(ctx context.Context) error {
	_, err := tx.exec(ctx, `UPDATE organization_policy_changes SET evaluated = 0, number = number + 1`)
	return err
}

// UnfollowedOrganizations lists the organizations whose backup policies have changed since they were last evaluated.
func (tx *Tx) UnfollowedOrganizations(ctx context.Context) ([]string, error) {
	return queryAll(ctx, tx, scanString, `SELECT organization_id FROM organization_policy_changes
		WHERE type = 'BACKUP_POLICY' AND evaluated < number ORDER BY organization_id`)
}

// RebuildCatalogue notes that the documents are those that are stored, and that versions to come are newer than all of them. Of
// what was put back nothing is noted as changed, but what is changed after it is.
func (tx *Tx) RebuildCatalogue(ctx context.Context, stored []CatalogueChange) error {
	if _, err := tx.exec(ctx, `DELETE FROM catalogue_changes`); err != nil {
		return err
	}
	newest := int64(0)
	for _, c := range stored {
		if err := tx.PutCatalogueDocument(ctx, c); err != nil {
			return err
		}
		newest = max(newest, c.Seq)
	}
	if _, err := tx.exec(ctx, `DELETE FROM sqlite_sequence WHERE name = 'catalogue_changes'`); err != nil {
		return err
	}
	_, err := tx.exec(ctx, `INSERT INTO sqlite_sequence (name, seq) VALUES ('catalogue_changes', $1)`, newest)
	return err
}
