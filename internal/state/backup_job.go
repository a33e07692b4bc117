package state

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/rules"
)

// States of backup, copy and restore jobs; each kind uses its own selection of them.
const (
	JobCreated   = "CREATED"
	JobPending   = "PENDING"
	JobRunning   = "RUNNING"
	JobAborting  = "ABORTING"
	JobAborted   = "ABORTED"
	JobCompleted = "COMPLETED"
	JobFailed    = "FAILED"
	JobExpired   = "EXPIRED"
	JobPartial   = "PARTIAL"
)

// BackupJob is a backup job.
type BackupJob struct {
	ID           string `db:"id"` // an upper-case UUID
	AccountID    string `db:"account_id"`
	Region       string `db:"region"`
	VaultName    string `db:"vault_name"`
	VaultARN     string `db:"vault_arn"`
	PointARN     string `db:"point_arn"` // "" until the point is begun
	ResourceARN  string `db:"resource_arn"`
	ResourceType string `db:"resource_type"`
	ResourceName string `db:"resource_name"`
	KeyARN       string `db:"key_arn"`
	IsEncrypted  bool   `db:"is_encrypted"`
	IAMRoleARN   string `db:"iam_role_arn"`

	IdempotencyToken string `db:"idempotency_token"`
	State            string `db:"state"`
	StatusMessage    string `db:"status_message"`
	MessageCategory  string `db:"message_category"`

	CreatedAt             Micros `db:"created_at"`
	InitiatedAt           Micros `db:"initiated_at"` // the scheduled time, or CreatedAt
	StartedAt             Micros `db:"started_at"`   // when it became RUNNING
	CompletedAt           Micros `db:"completed_at"`
	StartBy               Micros `db:"start_by"`
	CompleteBy            Micros `db:"complete_by"`     // from creation, on demand; set from CompleteWindowMinutes at start, for rules
	CompleteWindowMinutes int64  `db:"complete_window"` // 0 where CompleteBy is fixed already
	ExpectedAt            Micros `db:"expected_at"`

	Percent          float64 `db:"percent"`
	SizeBytes        int64   `db:"size_bytes"`
	TransferredBytes int64   `db:"transferred_bytes"`
	BackupType       string  `db:"backup_type"` // SNAPSHOT

	Options      map[string]string  `db:"options,json"`
	Tags         map[string]string  `db:"tags,json"` // RecoveryPointTags
	Lifecycle    rules.Lifecycle    `db:"lifecycle,json"`
	CopyActions  []types.CopyAction `db:"copy_actions,json"`
	CreatedBy    PlanCreator        `db:"created_by,json"`
	QueuedBehind string             `db:"queued_behind"` // id of the running job of the same resource, "" if none
	ParentJobID  string             `db:"parent_job_id"`
	Attempts     int64              `db:"attempts"`
}

// Done reports whether the job is in a final state.
func (j BackupJob) Done() bool { return finalState(j.State) }

func finalState(s string) bool {
	switch s {
	case JobAborted, JobCompleted, JobFailed, JobExpired, JobPartial:
		return true
	}
	return false
}

// JobFilter selects backup, copy or restore jobs; zero fields mean any, and fields that a kind does not have are
// ignored by it.
type JobFilter struct {
	AccountID, Region               string
	MonitoredBy                     string // of any member of the organization, made while it was one and AWS Backup had trusted access
	State                           string
	States                          []string
	ResourceARN, ResourceType       string
	VaultARN, VaultName             string // of a backup job
	DestinationVaultARN             string // of a copy job
	SourcePointARN                  string // of a copy job
	PointARN                        string // of a restore job
	ParentJobID                     string
	MessageCategory                 string
	PlanID                          string
	CreatedAfter, CreatedBefore     Micros
	CompletedAfter, CompletedBefore Micros
	// PointCreatedAfter and PointCreatedBefore are about the recovery point of a restore job.
	PointCreatedAfter, PointCreatedBefore Micros
}

// common is the part of the filter that all jobs have.
func (f JobFilter) common() *filter {
	q := new(filter).eq("account_id", f.AccountID).eq("region", f.Region).eq("state", f.State).
		eq("resource_type", f.ResourceType).eq("message_category", f.MessageCategory).
		between("created_at", f.CreatedAfter, f.CreatedBefore).
		between("completed_at", f.CompletedAfter, f.CompletedBefore)
	if f.CompletedBefore != 0 && f.CompletedAfter == 0 {
		q.add("completed_at > 0")
	}
	if len(f.States) > 0 {
		q.in("state", f.States)
	}
	if f.MonitoredBy != "" {
		q.add("EXISTS (SELECT 1 FROM (SELECT id AS member_id, joined_at AS member_since FROM accounts WHERE organization_id = ?) members"+
			" WHERE member_id = account_id AND member_since <= created_at)", f.MonitoredBy)
		q.add("EXISTS (SELECT 1 FROM organization_service_access_periods WHERE organization_id = ? AND principal = 'backup.amazonaws.com'"+
			" AND begins_at <= created_at AND (ends_at = 0 OR ends_at > created_at))", f.MonitoredBy)
	}
	return q
}

// InsertBackupJob adds a job; [ErrExists] if its idempotency token was used in the account and Region.
func (tx *Tx) InsertBackupJob(ctx context.Context, j BackupJob) error {
	return insertRow(ctx, tx, "backup_jobs", j)
}

// UpdateBackupJob writes the job's row if its state in the store is one of from; [ErrConflict] otherwise.
func (tx *Tx) UpdateBackupJob(ctx context.Context, j BackupJob, from ...string) error {
	return updateGuarded(ctx, tx, "backup_jobs", j, new(filter).add("id = ?", j.ID).in("state", from))
}

// SetBackupJobProgress notes how far a running job is; a job that does not run is left alone.
func (tx *Tx) SetBackupJobProgress(ctx context.Context, id string, percent float64, transferred int64) error {
	return setJobProgress(ctx, tx, "backup_jobs", id, percent, transferred)
}

// SetBackupJobMessage notes what a running job waits for, or with "" that it goes on; a job that does not run is left alone.
func (tx *Tx) SetBackupJobMessage(ctx context.Context, id, message string) error {
	return setJobMessage(ctx, tx, "backup_jobs", id, message)
}

// BackupJob reads a job of any account.
func (tx *Tx) BackupJob(ctx context.Context, id string) (BackupJob, error) {
	return queryOne(ctx, tx, scanRow[BackupJob], selectRow[BackupJob]("backup_jobs")+"WHERE id = $1", id)
}

// BackupJobByToken reads the job that an idempotency token made.
func (tx *Tx) BackupJobByToken(ctx context.Context, accountID, region, token string) (BackupJob, error) {
	return jobByToken[BackupJob](ctx, tx, "backup_jobs", accountID, region, token)
}

// BackupJobs lists jobs, newest first; a limit of 0 lists all.
func (tx *Tx) BackupJobs(ctx context.Context, f JobFilter, after Cursor, limit int) ([]BackupJob, error) {
	q := f.common().byPlan(f.PlanID).eq("resource_arn", f.ResourceARN).eq("vault_arn", f.VaultARN).eq("vault_name", f.VaultName).eq("parent_job_id", f.ParentJobID)
	return page[BackupJob](ctx, tx, "backup_jobs", "created_at", "id", q, after, limit)
}

// RunningJob is the id of a backup or copy job of an account that runs on a resource, other than the job named;
// [ErrNotFound] if none does. One backup or copy job may run per resource; jobs of other accounts do not count, for anybody
// can start a job that names somebody's bucket.
func (tx *Tx) RunningJob(ctx context.Context, accountID, resourceARN, exceptID string) (string, error) {
	return queryOne(ctx, tx, func(s scanner) (id string, err error) { return id, s.Scan(&id) },
		`SELECT id FROM backup_jobs WHERE resource_arn = $1 AND state IN ('RUNNING', 'ABORTING') AND id <> $2 AND account_id = $3
		UNION ALL
		SELECT id FROM copy_jobs WHERE resource_arn = $1 AND state = 'RUNNING' AND id <> $2 AND account_id = $3 LIMIT 1`, resourceARN, exceptID, accountID)
}

// BackupJobsPastWindow lists the jobs that missed their start (not yet running at StartBy) or their completion window
// (still running at CompleteBy) at the given time.
func (tx *Tx) BackupJobsPastWindow(ctx context.Context, at Micros, limit int) ([]BackupJob, error) {
	return selectWhere[BackupJob](ctx, tx, "backup_jobs", new(filter).add(
		"((state IN ('CREATED', 'PENDING') AND start_by > 0 AND start_by <= ?) OR (state = 'RUNNING' AND complete_by > 0 AND complete_by <= ?))", at, at),
		fmt.Sprintf("ORDER BY start_by, id LIMIT %d", limit))
}

// JobsInto counts the backup and copy jobs that are writing into a vault. Their recovery points become known when they
// are done.
func (tx *Tx) JobsInto(ctx context.Context, vaultARN string) (int64, error) {
	return queryOne(ctx, tx, func(s scanner) (n int64, err error) { return n, s.Scan(&n) },
		`SELECT (SELECT COUNT(*) FROM backup_jobs WHERE vault_arn = $1 AND state IN ('RUNNING', 'ABORTING'))
		+ (SELECT COUNT(*) FROM copy_jobs WHERE destination_vault_arn = $1 AND state = 'RUNNING')`, vaultARN)
}
