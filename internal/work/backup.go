package work

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"strongroom/archive"
	"strongroom/internal/api"
	"strongroom/internal/archives"
	"strongroom/internal/resource"
	"strongroom/internal/state"
	"strongroom/rules"
)

// NewJobID makes the id of a job, in the form AWS gives them.
func NewJobID() string { return strings.ToUpper(uuid.NewString()) }

// waitForResource is how long a job that waits for another on the same resource sleeps before it looks again.
const waitForResource = time.Second

// runBackup works on a backup job until it is in a final state, or returns the error that it is to be tried again for.
func (r *Runner) runBackup(ctx context.Context, jobID string, t try) error {
	var job state.BackupJob
	var trail rules.Trail
	return perform(ctx, r, t, steps[*state.RecoveryPoint]{
		what: "Backup", jobID: jobID, trail: &trail,
		begin: func(ctx context.Context) (attempt int64, err error) {
			job, err = r.beginBackup(ctx, jobID)
			return job.Attempts, err
		},
		watch: func(ctx context.Context) (context.Context, context.CancelCauseFunc) { return r.watchBackup(ctx, job) },
		started: func(ctx context.Context) {
			r.event(ctx, job.AccountID, job.Region, "BackupJobStarted", backupDetails(job))
		},
		work: func(ctx context.Context) (*state.RecoveryPoint, error) { return r.backup(ctx, &job, &trail) },
		say: func(ctx context.Context, tx *state.Tx, message string) error {
			return tx.SetBackupJobMessage(ctx, jobID, message)
		},
		note: func(ctx context.Context, tx *state.Tx, message string) error {
			job.StatusMessage = message
			if err := tx.SetBackupJobTrail(ctx, job.ID, trail); err != nil {
				return err
			}
			return r.putBackup(ctx, tx, job, state.JobRunning)
		},
		end: func(ctx context.Context, end outcome, point *state.RecoveryPoint) error {
			if end == (outcome{}) {
				end = outcome{state.JobCompleted, job.StatusMessage, rules.Category(job.StatusMessage)}
			}
			return r.endBackup(ctx, job, end, point, trail)
		},
	})
}

// beginBackup makes the job RUNNING, if its window is open and nothing else runs on the resource.
func (r *Runner) beginBackup(ctx context.Context, jobID string) (job state.BackupJob, err error) {
	err = r.update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if job, err = tx.BackupJob(ctx, jobID); err != nil {
			return err
		}
		was := job.State
		switch {
		case job.Done():
			return errDone
		case was == state.JobAborting:
			job.State, job.StatusMessage, job.CompletedAt = state.JobAborted, errStopped.Error(), tx.Now
			return r.putBackup(ctx, tx, job, was)
		case was != state.JobRunning:
			running, err := tx.RunningJob(ctx, job.AccountID, job.ResourceARN, job.ID)
			if err != nil && !errors.Is(err, state.ErrNotFound) {
				return err
			}
			if job.StartBy != 0 && tx.Now > job.StartBy {
				return r.expire(ctx, tx, &job, running)
			}
			if running != "" {
				if job.QueuedBehind == running {
					return errBusy
				}
				job.QueuedBehind = running
				return r.putBackup(ctx, tx, job, was)
			}
			job.State, job.StartedAt, job.QueuedBehind = state.JobRunning, tx.Now, ""
			if job.CompleteWindowMinutes > 0 {
				job.CompleteBy = state.MicrosOf(rules.Windows{Completion: job.CompleteWindowMinutes}.CompleteBy(tx.Now.Time()))
			}
		}
		job.Attempts++
		job.StatusMessage = ""
		return r.putBackup(ctx, tx, job, was)
	})
	switch {
	case err != nil:
		return job, err
	case job.Done():
		r.event(ctx, job.AccountID, job.Region, "BackupJobCompleted", backupDetails(job))
		return job, errDone
	case job.State != state.JobRunning:
		return job, errBusy
	}
	return job, nil
}

// expire ends a job that did not begin within its start window: running is the job it waited for, if there was one.
func (r *Runner) expire(ctx context.Context, tx *state.Tx, job *state.BackupJob, running string) error {
	was := job.State
	job.State, job.CompletedAt = state.JobExpired, tx.Now
	late := rules.WindowClosed.Refuse(rules.Values{"resource": job.ResourceARN})
	if running != "" {
		late = rules.ResourceBusy.Refuse(rules.Values{"resource": job.ResourceARN})
	}
	job.StatusMessage, job.MessageCategory = late.Message, late.Category
	trail := rules.Trail{{Gate: "start-window", Asks: "Did the job begin within its start window?", Verdict: rules.RefusedBy(late, nil)}}
	if err := tx.SetBackupJobTrail(ctx, job.ID, trail); err != nil {
		return err
	}
	return r.putBackup(ctx, tx, *job, was)
}

// watchBackup returns a context that ends when the user stops the job or its completion window closes.
func (r *Runner) watchBackup(ctx context.Context, job state.BackupJob) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	r.loops.Go(func() {
		var closed <-chan struct{}
		if job.CompleteBy != 0 {
			var forget func()
			closed, forget = r.Clock.Until(job.CompleteBy.Time())
			defer forget()
		}
		for {
			rest(ctx, time.Second, closed)
			select {
			case <-ctx.Done():
				return
			case <-closed:
				cancel(errExpired)
				return
			default:
			}
			now, err := view(ctx, r, func(ctx context.Context, tx *state.Tx) (state.BackupJob, error) { return tx.BackupJob(ctx, job.ID) })
			if err == nil && now.State == state.JobAborting {
				cancel(errStopped)
				return
			}
		}
	})
	return ctx, cancel
}

// backup makes the recovery point in the archive and returns the row that will make it known.
func (r *Runner) backup(ctx context.Context, job *state.BackupJob, trail *rules.Trail) (*state.RecoveryPoint, error) {
	f, err := r.backupFacts(ctx, *job)
	if err != nil {
		return nil, err
	}
	asked := func() { *trail = rules.Follow(rules.BackupGates, r.AsOf, f.request) }
	asked()
	if refusal := trail.Refusal(); refusal != nil {
		return nil, refusal
	}
	vault, kind, role := f.vault, f.kind, f.role
	if _, err := r.Identity.EnsureServiceLinkedRole(ctx, job.AccountID, backupService); err != nil {
		return nil, err
	}
	description, err := kind.Describe(ctx, role, f.resource)
	if err != nil {
		return nil, at("resource", err)
	}
	f.request.Resource = rules.Yes()
	f.request.Windows, f.request.At = description.Windows, job.StartedAt.Time()
	asked()
	if refusal := trail.Refusal(); refusal != nil {
		return nil, refusal
	}
	domain, keyARN, err := r.backupDomain(ctx, role, description, vault)
	if key, unknown := r.key(ctx, keyARN); unknown == nil {
		f.request.SealingKey = key
		asked()
	}
	if err != nil {
		return nil, at("key", err)
	}
	defer domain.Close()
	f.request.KeyUse = rules.Yes()
	asked()
	parent, err := r.parent(ctx, func(ctx context.Context, tx *state.Tx) (state.RecoveryPoint, error) {
		return tx.LatestBackup(ctx, job.ResourceARN, vault.ARN, keyARN)
	})
	if err != nil {
		return nil, err
	}

	point, err := newPoint(job, f, description, keyARN)
	if err != nil {
		return nil, err
	}
	if err := r.update(ctx, func(ctx context.Context, tx *state.Tx) error {
		return r.putBackup(ctx, tx, *job, state.JobRunning)
	}); err != nil {
		return nil, err
	}

	result, err := r.readResource(ctx, *job, f, description, domain, point.ArchivePointID, parent)
	if err != nil {
		return nil, at("data", err)
	}
	f.request.Data = rules.Yes()
	asked()
	if result.Issue != nil {
		end, err := judge(ctx, result.Issue, "Backup", try{})
		if err != nil {
			return nil, err
		}
		*trail = trailOf(*trail, at("data", result.Issue), end)
		job.StatusMessage, job.MessageCategory = end.message, end.category
	}
	point.SizeBytes, point.TransferredBytes, point.NewBytes = result.SizeBytes, result.Transferred, result.New
	point.StoredBytes, point.KindState = result.Stored, result.State
	job.SizeBytes, job.TransferredBytes = result.SizeBytes, result.Transferred
	return point, nil
}

// newPoint is the recovery point that a job is about to make, and which the job is told of.
func newPoint(job *state.BackupJob, f backupFacts, description resource.Description, keyARN string) (*state.RecoveryPoint, error) {
	vault, kind := f.vault, f.kind
	point := &state.RecoveryPoint{
		ARN:       kind.RecoveryPointARN(description, job.ID, job.CreatedAt).String(),
		AccountID: vault.AccountID, Region: vault.Region, VaultName: vault.Name, VaultARN: vault.ARN, JobID: job.ID,
		ResourceARN: job.ResourceARN, ResourceType: kind.Type(), ResourceName: description.Name, ResourceRegion: description.Region,
		IAMRoleARN: job.IAMRoleARN, CreatedBy: job.CreatedBy,
		CreatedAt: job.CreatedAt, InitiatedAt: job.InitiatedAt,
		Lifecycle: f.request.Lifecycle, StorageClass: "WARM",
		KeyARN: keyARN, IsEncrypted: keyARN != "",
		Tags: mergeTags(description.Tags, job.Tags), RestoreMetadata: description.Metadata, Options: job.Options,
		ArchivePointID: strings.ToLower(job.ID), ArchiveKeyARN: keyARN,
	}
	if len(point.Tags) > rules.MaxTags {
		return nil, rules.TooManyTags.Refuse(rules.Values{"resource": job.ResourceARN})
	}
	point.KeyType = keyType(keyARN, vault)
	job.PointARN, job.ResourceType, job.ResourceName = point.ARN, point.ResourceType, point.ResourceName
	job.KeyARN, job.IsEncrypted = point.KeyARN, point.IsEncrypted
	return point, nil
}

// readResource has the resource's kind back it up.
func (r *Runner) readResource(ctx context.Context, job state.BackupJob, f backupFacts, description resource.Description, domain *archive.Domain, id string, parent *state.RecoveryPoint) (resource.Result, error) {
	vault, kind := f.vault, f.kind
	request := resource.BackupRequest{
		Domain: domain, Point: id, Options: job.Options,
		Progress: r.progress(ctx, func(ctx context.Context, tx *state.Tx, percent float64, done int64) error {
			return tx.SetBackupJobProgress(ctx, job.ID, percent, done)
		}).report,
		Failed: r.failed(vault, change{
			vaultARN: vault.ARN, event: kind.Type() + "_BACKUP_OBJECT_FAILED", kind: "BACKUP_JOB", state: job.State, id: job.ID, started: job.StartedAt,
		}, "An object was not backed up of "+job.ResourceARN),
	}
	if parent != nil {
		request.Parent, request.ParentState = parent.ArchivePointID, parent.KindState
	}
	result, err := kind.Backup(ctx, f.role, description, request)
	if errors.Is(err, archive.ErrPointExists) {
		// The job was killed between the archive's commit and ours. Who cannot be asked again what it found out has
		// its point removed and read once more; nobody has been told of it.
		if err := domain.Vault().Delete(ctx, domain.Info().ID, id); err != nil {
			return resource.Result{}, err
		}
		result, err = kind.Backup(ctx, f.role, description, request)
	}
	return result, err
}

// backupDomain opens the sealing domain of a new recovery point: under the vault's key or the resource's own.
func (r *Runner) backupDomain(ctx context.Context, role *api.Caller, d resource.Description, vault state.BackupVault) (*archive.Domain, string, error) {
	keyARN := rules.SealingKey(r.AsOf, d.Type, rules.Key{ARN: d.KeyARN}, rules.Key{ARN: vault.KeyARN}).ARN
	var ring archive.Keyring
	var err error
	if rules.HasFullManagement(r.AsOf, d.Type) {
		ring, err = r.vaultKeyring(ctx, vault)
	} else {
		ring, err = r.resourceKeyring(ctx, role, d.Type, keyARN, vault)
	}
	if err != nil {
		return nil, keyARN, refuseUse(err, keyARN)
	}
	domain, err := r.sealingDomain(ctx, vault, keyARN, ring)
	return domain, keyARN, refuseUse(err, keyARN)
}

// parent is the recovery point that a new one of the same domain can build on, or nil where latest finds none.
func (r *Runner) parent(ctx context.Context, latest func(ctx context.Context, tx *state.Tx) (state.RecoveryPoint, error)) (*state.RecoveryPoint, error) {
	p, err := view(ctx, r, latest)
	if errors.Is(err, state.ErrNotFound) {
		return nil, nil
	}
	return &p, err
}

// endBackup writes down how the job ended. A completed job's recovery point and copy jobs become known in the same
// transaction.
func (r *Runner) endBackup(ctx context.Context, job state.BackupJob, end outcome, point *state.RecoveryPoint, trail rules.Trail) error {
	if point == nil {
		r.discard(ctx, archives.Location{Region: job.Region, AccountID: job.AccountID, Vault: job.VaultName}, job.ID)
	}
	err := r.update(ctx, func(ctx context.Context, tx *state.Tx) error {
		job.State, job.StatusMessage, job.MessageCategory, job.CompletedAt = end.state, end.message, end.category, tx.Now
		if err := tx.SetBackupJobTrail(ctx, job.ID, trail); err != nil {
			return err
		}
		if point == nil {
			job.PointARN = ""
			return r.putBackup(ctx, tx, job, state.JobRunning, state.JobAborting)
		}
		job.Percent = 100
		if err := r.addPoint(ctx, tx, point); err != nil {
			return err
		}
		for _, action := range job.CopyActions {
			copied := state.CopyJob{
				ID: NewJobID(), AccountID: job.AccountID, Region: job.Region,
				SourceVaultARN: job.VaultARN, SourcePointARN: point.ARN, DestinationVaultARN: *action.DestinationBackupVaultArn,
				ResourceARN: job.ResourceARN, ResourceType: job.ResourceType, ResourceName: job.ResourceName, IAMRoleARN: job.IAMRoleARN,
				State: state.JobCreated, CreatedAt: tx.Now, SizeBytes: point.SizeBytes,
				Lifecycle: state.LifecycleOf(action.Lifecycle), CreatedBy: job.CreatedBy, BackupJobID: job.ID,
			}
			if err := tx.InsertCopyJob(ctx, copied); err != nil {
				return err
			}
			if err := r.PutEvent.CopyJob(ctx, tx, copied); err != nil {
				return err
			}
			if err := r.Queue.EnqueueCopy(ctx, tx, copied.ID); err != nil {
				return err
			}
		}
		// ABORTING is overtaken by the completion: what is done is done.
		return r.putBackup(ctx, tx, job, state.JobRunning, state.JobAborting)
	})
	if err != nil {
		return fmt.Errorf("ending backup job %s: %w", job.ID, err)
	}
	r.event(ctx, job.AccountID, job.Region, "BackupJobCompleted", backupDetails(job))
	if point != nil {
		r.event(ctx, point.AccountID, point.Region, "RecoveryPointCreated", pointDetails(*point))
	}
	return nil
}

// addPoint makes a recovery point known, in the vault's catalogue and in that of its kind.
func (r *Runner) addPoint(ctx context.Context, tx *state.Tx, point *state.RecoveryPoint) error {
	point.Status, point.CompletedAt = state.PointCompleted, tx.Now
	created := point.CreatedAt.Time()
	point.DeleteAt = state.MicrosOf(point.Lifecycle.DeleteAt(created))
	point.MoveAt = state.MicrosOf(point.Lifecycle.MoveToColdStorageAt(created))
	if err := tx.InsertRecoveryPoint(ctx, *point); err != nil {
		return err
	}
	if err := r.PutEvent.RecoveryPoint(ctx, tx, *point); err != nil {
		return err
	}
	kind, err := r.kindNamed(point.ResourceType)
	if err != nil {
		return err
	}
	return kind.Added(ctx, tx, *point)
}

// assume makes the caller that a job of an account acts as, on behalf of the vault that it fills or reads.
func (r *Runner) assume(ctx context.Context, accountID, region, vaultARN, roleARN, session string) (*api.Caller, error) {
	role, err := r.Identity.AssumeForService(ctx, onBehalfOf(accountID, region, vaultARN), roleARN, session)
	if api.Refused(err) != nil {
		refusal := rules.RoleNotAssumed.Refuse(rules.Values{"role": roleARN, "account": accountID})
		return nil, fmt.Errorf("%w (%w)", refusal, err)
	} else if err != nil {
		return nil, err
	}
	return role.Through(backupService, region), nil
}

// onBehalfOf is the service as it acts for a vault.
func onBehalfOf(accountID, region, vaultARN string) *api.Caller {
	c := api.ServiceCaller(backupService, accountID, region)
	c.SourceARN = vaultARN
	return c
}

// mergeTags joins a resource's tags with the job's, which win.
func mergeTags(of, over map[string]string) map[string]string {
	all := map[string]string{}
	for k, v := range of {
		if !strings.HasPrefix(k, "aws:") { // reserved for the service that set them
			all[k] = v
		}
	}
	for k, v := range over {
		all[k] = v
	}
	return all
}

func lock(v state.BackupVault) rules.LockRange {
	if !v.Locked {
		return rules.LockRange{}
	}
	return rules.LockRange{Min: v.MinRetentionDays, Max: v.MaxRetentionDays}
}

func place(v state.BackupVault) rules.Place {
	return rules.Place{AccountID: v.AccountID, Region: v.Region, VaultName: v.Name, VaultARN: v.ARN}
}

// keyType is what EncryptionKeyType says of a point's key.
func keyType(keyARN string, vault state.BackupVault) string {
	if keyARN == "" || keyARN == vault.KeyARN && vault.IsServiceKey() {
		return ""
	}
	return state.KeyCustomerManaged
}
