package work

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"strongroom/internal/state"
)

// Notification is a message of a backup vault to the topic that its owner named; see
// https://docs.aws.amazon.com/aws-backup/latest/devguide/backup-notifications.html.
type Notification struct {
	AccountID  string // of the vault, as the region
	Region     string
	VaultARN   string
	TopicARN   string
	Subject    string
	Message    string
	Attributes map[string]string // all of them texts
}

// change is what a vault tells of a job that has come into another state, or of a recovery point.
type change struct {
	vaultARN string
	event    string // as in PutBackupVaultNotifications; "" is nothing that anybody can ask for
	kind     string // the attribute EventType
	state    string
	id       string
	started  state.Micros
	message  string
}

// tell sends the notification of a change, if the vault's owner asked for it. It commits with tx.
func (r *Runner) tell(ctx context.Context, tx *state.Tx, c change) error {
	if r.Notify == nil || c.event == "" {
		return nil
	}
	vault, err := tx.BackupVaultByARN(ctx, c.vaultARN)
	if errors.Is(err, state.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	if vault.TopicARN == "" || !slices.Contains(vault.Events, c.event) {
		return nil
	}
	n := Notification{
		AccountID: vault.AccountID, Region: vault.Region, VaultARN: vault.ARN, TopicARN: vault.TopicARN,
		Subject: "Notification from AWS Backup", Message: c.message,
		Attributes: map[string]string{
			"EventType": c.kind, "State": c.state, "AccountId": vault.AccountID, "Id": c.id, "StartTime": c.started.Time().UTC().Format(time.RFC3339),
		},
	}
	if err := r.Notify(ctx, tx, n); err != nil {
		return fmt.Errorf("notifying %s of %s: %w", vault.TopicARN, c.event, err)
	}
	return nil
}

// TellLifecycle tells that the lifecycle of a recovery point was changed, if the vault's owner asked for it. It commits
// with tx.
func (r *Runner) TellLifecycle(ctx context.Context, tx *state.Tx, point state.RecoveryPoint) error {
	return r.tell(ctx, tx, ofPoint(point, "has another lifecycle"))
}

// failed tells of the objects that a job leaves out, each as the change c; nil if the vault's owner did not ask.
func (r *Runner) failed(vault state.BackupVault, c change, what string) func(ctx context.Context, object string, reason error) {
	if r.Notify == nil || vault.TopicARN == "" || !slices.Contains(vault.Events, c.event) {
		return nil
	}
	return func(ctx context.Context, object string, reason error) {
		one := c // several may tell at once
		one.message = text(what+".", "Object", object, "Reason", reason.Error(), "Job ID", c.id)
		if err := r.update(ctx, func(ctx context.Context, tx *state.Tx) error { return r.tell(ctx, tx, one) }); err != nil {
			r.Log.WarnContext(ctx, "could not tell of an object", slog.String("job", c.id), slog.String("error", err.Error()))
		}
	}
}

// jobEvent is the event of a job that has come into a state: it began, or it is over. How it ended the attribute State
// tells, but for copies, whose events differ.
func jobEvent(job, in string) string {
	switch in {
	case state.JobRunning:
		return job + "_STARTED"
	case state.JobCompleted, state.JobPartial, state.JobFailed, state.JobAborted, state.JobExpired:
		if job != "COPY_JOB" {
			return job + "_COMPLETED"
		}
		if in == state.JobCompleted || in == state.JobPartial {
			return job + "_SUCCESSFUL"
		}
		return job + "_FAILED"
	}
	return ""
}

// happened is how the text of a notification begins: "An AWS Backup job failed."
func happened(job, in string) string {
	what := map[string]string{
		state.JobRunning: "was started", state.JobCompleted: "was completed successfully", state.JobPartial: "was completed in part",
		state.JobFailed: "failed", state.JobExpired: "failed to complete in time", state.JobAborted: "was stopped",
	}[in]
	return "An AWS Backup " + job + " " + what + "."
}

// recoveryPointFact is what a notification calls a recovery point.
const recoveryPointFact = "Recovery point ARN"

// text joins what a notification tells, leaving out what is not known.
func text(happened string, facts ...string) string {
	var b strings.Builder
	b.WriteString(happened)
	for i := 0; i < len(facts); i += 2 {
		if facts[i+1] == "" {
			continue
		}
		colon := " : "
		if facts[i] == recoveryPointFact {
			colon = ": " // so AWS writes it
		}
		b.WriteString(" " + facts[i] + colon + facts[i+1])
	}
	return b.String()
}

func ofBackup(j state.BackupJob) change {
	what, issues := happened("job", j.State), ""
	if j.State == state.JobCompleted && j.StatusMessage != "" { // AWS's console calls such a job completed with issues
		what, issues = "An AWS Backup job was completed with issues.", j.StatusMessage
	}
	return change{
		vaultARN: j.VaultARN, event: jobEvent("BACKUP_JOB", j.State), kind: "BACKUP_JOB", state: j.State, id: j.ID, started: j.StartedAt,
		message: text(what, recoveryPointFact, j.PointARN, "Resource ARN", j.ResourceARN, "BackupJob ID", j.ID, "Status message", issues),
	}
}

func ofCopy(j state.CopyJob) change {
	return change{
		vaultARN: j.SourceVaultARN, event: jobEvent("COPY_JOB", j.State), kind: "COPY_JOB", state: j.State, id: j.ID, started: j.StartedAt,
		message: text(happened("copy job", j.State), recoveryPointFact, j.SourcePointARN, "Resource ARN", j.ResourceARN,
			"Destination backup vault ARN", j.DestinationVaultARN, "CopyJob ID", j.ID),
	}
}

func ofRestore(j state.RestoreJob) change {
	return change{
		vaultARN: j.VaultARN, event: jobEvent("RESTORE_JOB", j.State), kind: "RESTORE_JOB", state: j.State, id: j.ID, started: j.StartedAt,
		message: text(happened("restore job", j.State), recoveryPointFact, j.PointARN, "Restored resource ARN", j.CreatedResourceARN, "RestoreJob ID", j.ID),
	}
}

func ofPoint(p state.RecoveryPoint, what string) change {
	return change{
		vaultARN: p.VaultARN, event: "RECOVERY_POINT_MODIFIED", kind: "RECOVERY_POINT", state: p.Status, id: p.ARN, started: p.CreatedAt,
		message: text("An AWS Backup recovery point "+what+".", recoveryPointFact, p.ARN, "Resource ARN", p.ResourceARN),
	}
}
