package state

import (
	"context"

	"strongroom/rules"
)

// CopyJob is a copy job. Account and Region are those of the source vault, where the job was started.
type CopyJob struct {
	ID                  string `db:"id"`
	AccountID           string `db:"account_id"`
	Region              string `db:"region"`
	SourceVaultARN      string `db:"source_vault_arn"`
	SourcePointARN      string `db:"source_point_arn"`
	DestinationVaultARN string `db:"destination_vault_arn"`
	DestinationPointARN string `db:"destination_point_arn"` // "" until the point is begun
	DestinationKeyARN   string `db:"destination_key_arn"`
	ResourceARN         string `db:"resource_arn"`
	ResourceType        string `db:"resource_type"`
	ResourceName        string `db:"resource_name"`
	IAMRoleARN          string `db:"iam_role_arn"`

	IdempotencyToken string `db:"idempotency_token"`
	State            string `db:"state"`
	StatusMessage    string `db:"status_message"`
	MessageCategory  string `db:"message_category"`
	CreatedAt        Micros `db:"created_at"`
	StartedAt        Micros `db:"started_at"`
	CompletedAt      Micros `db:"completed_at"`

	Percent          float64 `db:"percent"`
	SizeBytes        int64   `db:"size_bytes"`
	TransferredBytes int64   `db:"transferred_bytes"`

	Lifecycle    rules.Lifecycle `db:"lifecycle,json"` // zero: as the source's
	CreatedBy    PlanCreator     `db:"created_by,json"`
	BackupJobID  string          `db:"backup_job_id"` // of a scheduled copy: CreatedByBackupJobId
	QueuedBehind string          `db:"queued_behind"`
	ParentJobID  string          `db:"parent_job_id"`
	Attempts     int64           `db:"attempts"`

	GrantID     string `db:"grant_id"` // of the grant on the source's key that the job reads under, until it is retired
	GrantKeyARN string `db:"grant_key_arn"`
}

// Done reports whether the job is in a final state.
func (j CopyJob) Done() bool { return finalState(j.State) }

// InsertCopyJob adds a job; [ErrExists] if its idempotency token was used in the account and Region.
func (tx *Tx) InsertCopyJob(ctx context.Context, j CopyJob) error {
	return insertRow(ctx, tx, "copy_jobs", j)
}

// UpdateCopyJob writes the job's row if its state in the store is one of from; [ErrConflict] otherwise.
func (tx *Tx) UpdateCopyJob(ctx context.Context, j CopyJob, from ...string) error {
	return updateGuarded(ctx, tx, "copy_jobs", j, new(filter).add("id = ?", j.ID).in("state", from))
}

// SetCopyJobProgress notes how far a running job is.
func (tx *Tx) SetCopyJobProgress(ctx context.Context, id string, percent float64, transferred int64) error {
	return setJobProgress(ctx, tx, "copy_jobs", id, percent, transferred)
}

// SetCopyJobMessage notes what a running job waits for, or with "" that it goes on; a job that does not run is left alone.
func (tx *Tx) SetCopyJobMessage(ctx context.Context, id, message string) error {
	return setJobMessage(ctx, tx, "copy_jobs", id, message)
}

// CopyJob reads a job of any account.
func (tx *Tx) CopyJob(ctx context.Context, id string) (CopyJob, error) {
	return queryOne(ctx, tx, scanRow[CopyJob], selectRow[CopyJob]("copy_jobs")+"WHERE id = $1", id)
}

// CopyJobByToken reads the job that an idempotency token made.
func (tx *Tx) CopyJobByToken(ctx context.Context, accountID, region, token string) (CopyJob, error) {
	return jobByToken[CopyJob](ctx, tx, "copy_jobs", accountID, region, token)
}

// CopyJobs lists jobs, newest first; a limit of 0 lists all.
func (tx *Tx) CopyJobs(ctx context.Context, f JobFilter, after Cursor, limit int) ([]CopyJob, error) {
	q := f.common().byPlan(f.PlanID).eq("resource_arn", f.ResourceARN).eq("destination_vault_arn", f.DestinationVaultARN).
		eq("source_point_arn", f.SourcePointARN).eq("parent_job_id", f.ParentJobID)
	return page[CopyJob](ctx, tx, "copy_jobs", "created_at", "id", q, after, limit)
}

// CopiesAhead counts the copy jobs not yet done of a job's resource that were created before it and go to another account in
// a Region.
func (tx *Tx) CopiesAhead(ctx context.Context, job CopyJob, region string) (int64, error) {
	return queryOne(ctx, tx, func(s scanner) (n int64, err error) { return n, s.Scan(&n) },
		`SELECT COUNT(*) FROM copy_jobs WHERE resource_arn = $1 AND account_id = $2 AND state IN ('CREATED', 'RUNNING') AND id <> $3
		AND (created_at < $4 OR created_at = $4 AND id < $3)
		AND destination_vault_arn LIKE 'arn:%:backup:' || $5 || ':%' AND destination_vault_arn NOT LIKE '%:' || $2 || ':backup-vault:%'`,
		job.ResourceARN, job.AccountID, job.ID, job.CreatedAt, region)
}

// CopyJobsOf counts the copy jobs not yet done that read a recovery point.
func (tx *Tx) CopyJobsOf(ctx context.Context, pointARN string) (int64, error) {
	return queryOne(ctx, tx, func(s scanner) (n int64, err error) { return n, s.Scan(&n) },
		`SELECT COUNT(*) FROM copy_jobs WHERE source_point_arn = $1 AND state IN ('CREATED', 'RUNNING')`, pointARN)
}
