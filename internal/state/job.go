package state

import "context"

// What the tables of backup, copy and restore jobs have alike.

// setJobProgress notes how far a running job is; a job that does not run is left alone.
func setJobProgress(ctx context.Context, tx *Tx, table, id string, percent float64, transferred int64) error {
	_, err := tx.exec(ctx, `UPDATE `+table+` SET percent = $1, transferred_bytes = $2 WHERE id = $3 AND state = 'RUNNING'`,
		percent, transferred, id)
	return err
}

// setJobMessage notes what a job that runs waits for.
func setJobMessage(ctx context.Context, tx *Tx, table, id, message string) error {
	_, err := tx.exec(ctx, `UPDATE `+table+` SET status_message = $1 WHERE id = $2 AND state = 'RUNNING'`, message, id)
	return err
}

// jobByToken reads the job that an idempotency token made.
func jobByToken[T any](ctx context.Context, tx *Tx, table, accountID, region, token string) (T, error) {
	return queryOne(ctx, tx, scanRow[T], selectRow[T](table)+
		"WHERE account_id = $1 AND region = $2 AND idempotency_token = $3", accountID, region, token)
}

// jobTables hold the jobs that are forgotten some time after they are done.
var jobTables = []string{"backup_jobs", "copy_jobs", "restore_jobs"}

// JobsDoneBefore reports whether any job was done at or before a time.
func (tx *Tx) JobsDoneBefore(ctx context.Context, at Micros) (bool, error) {
	for _, table := range jobTables {
		found, err := queryOne(ctx, tx, func(s scanner) (found bool, err error) { return found, s.Scan(&found) },
			"SELECT EXISTS (SELECT 1 FROM "+table+" WHERE completed_at > 0 AND completed_at <= $1)", at)
		if found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// ForgetJobs removes the jobs that were done at or before a time.
func (tx *Tx) ForgetJobs(ctx context.Context, at Micros) error {
	for _, table := range jobTables {
		if _, err := tx.exec(ctx, "DELETE FROM "+table+" WHERE completed_at > 0 AND completed_at <= $1", at); err != nil {
			return err
		}
	}
	return nil
}
