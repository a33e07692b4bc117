package state

import "context"

// What the tables of backup, copy and restore jobs have alike.

// setJobProgress notes how far a running job is; a job that does not run is left alone.
func setJobProgress(ctx context.Context, tx *Tx, table, id string, percent float64, transferred int64) error {
	_, err := tx.exec(ctx, `UPDATE `+table+` SET percent = $1, transferred_bytes = $2 WHERE id = $3 AND state = 'RUNNING'`,
		percent, transferred, id)
	return err
}

// jobByToken reads the job that an idempotency token made.
func jobByToken[T any](ctx context.Context, tx *Tx, table, accountID, region, token string) (T, error) {
	return queryOne(ctx, tx, scanRow[T], selectRow[T](table)+
		"WHERE account_id = $1 AND region = $2 AND idempotency_token = $3", accountID, region, token)
}
