package state

import "context"

// RestoreJob is a restore job.
type RestoreJob struct {
	ID                 string `db:"id"`
	AccountID          string `db:"account_id"`
	Region             string `db:"region"`
	VaultARN           string `db:"vault_arn"`
	PointARN           string `db:"point_arn"`
	PointCreatedAt     Micros `db:"point_created_at"`
	SourceResourceARN  string `db:"source_resource_arn"`
	CreatedResourceARN string `db:"created_resource_arn"`
	ResourceType       string `db:"resource_type"`
	IAMRoleARN         string `db:"iam_role_arn"`

	IdempotencyToken string `db:"idempotency_token"`
	State            string `db:"state"` // PENDING, RUNNING, COMPLETED, ABORTED, FAILED
	StatusMessage    string `db:"status_message"`
	MessageCategory  string `db:"message_category"`
	CreatedAt        Micros `db:"created_at"`
	StartedAt        Micros `db:"started_at"`
	CompletedAt      Micros `db:"completed_at"`

	Percent          float64 `db:"percent"`
	SizeBytes        int64   `db:"size_bytes"`
	TransferredBytes int64   `db:"transferred_bytes"`

	Metadata       map[string]string `db:"metadata,json"` // as given to StartRestoreJob
	CopySourceTags bool              `db:"copy_source_tags"`
	Attempts       int64             `db:"attempts"`

	ValidationStatus  string `db:"validation_status"` // what the user's own test found; "" for nothing yet
	ValidationMessage string `db:"validation_message"`
}

// Done reports whether the job is in a final state.
func (j RestoreJob) Done() bool { return finalState(j.State) }

// InsertRestoreJob adds a job; [ErrExists] if its idempotency token was used in the account and Region.
func (tx *Tx) InsertRestoreJob(ctx context.Context, j RestoreJob) error {
	return insertRow(ctx, tx, "restore_jobs", j)
}

// UpdateRestoreJob writes the job's row if its state in the store is one of from; [ErrConflict] otherwise.
func (tx *Tx) UpdateRestoreJob(ctx context.Context, j RestoreJob, from ...string) error {
	return updateGuarded(ctx, tx, "restore_jobs", j, new(filter).add("id = ?", j.ID).in("state", from))
}

// SetRestoreJobProgress notes how far a running job is.
func (tx *Tx) SetRestoreJobProgress(ctx context.Context, id string, percent float64, transferred int64) error {
	return setJobProgress(ctx, tx, "restore_jobs", id, percent, transferred)
}

// SetRestoreJobMessage notes what a running job waits for, or with "" that it goes on; a job that does not run is left alone.
func (tx *Tx) SetRestoreJobMessage(ctx context.Context, id, message string) error {
	return setJobMessage(ctx, tx, "restore_jobs", id, message)
}

// RestoreJob reads a job of any account.
func (tx *Tx) RestoreJob(ctx context.Context, id string) (RestoreJob, error) {
	return queryOne(ctx, tx, scanRow[RestoreJob], selectRow[RestoreJob]("restore_jobs")+"WHERE id = $1", id)
}

// RestoreJobByToken reads the job that an idempotency token made.
func (tx *Tx) RestoreJobByToken(ctx context.Context, accountID, region, token string) (RestoreJob, error) {
	return jobByToken[RestoreJob](ctx, tx, "restore_jobs", accountID, region, token)
}

// RestoreJobs lists jobs, newest first; a limit of 0 lists all. ResourceARN is the original resource's.
func (tx *Tx) RestoreJobs(ctx context.Context, f JobFilter, after Cursor, limit int) ([]RestoreJob, error) {
	q := f.common().eq("source_resource_arn", f.ResourceARN).eq("point_arn", f.PointARN).
		between("point_created_at", f.PointCreatedAfter, f.PointCreatedBefore)
	return page[RestoreJob](ctx, tx, "restore_jobs", "created_at", "id", q, after, limit)
}

// RestoreJobsOf counts the restore jobs not yet done that read a recovery point.
func (tx *Tx) RestoreJobsOf(ctx context.Context, pointARN string) (int64, error) {
	return queryOne(ctx, tx, func(s scanner) (n int64, err error) { return n, s.Scan(&n) },
		`SELECT COUNT(*) FROM restore_jobs WHERE point_arn = $1 AND state IN ('PENDING', 'RUNNING')`, pointARN)
}
