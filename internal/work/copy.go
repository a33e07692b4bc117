package work

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"strongroom/archive"
	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/archives"
	"strongroom/internal/resource"
	"strongroom/internal/state"
	"strongroom/rules"
)

// runCopy works on a copy job until it is in a final state, or returns the error that it is to be tried again for.
func (r *Runner) runCopy(ctx context.Context, jobID string, t try) error {
	var job state.CopyJob
	var trail rules.Trail
	return perform(ctx, r, t, steps[*state.RecoveryPoint]{
		what: "Copy", jobID: jobID, trail: &trail,
		begin: func(ctx context.Context) (attempt int64, err error) {
			job, err = r.beginCopy(ctx, jobID)
			return job.Attempts, err
		},
		started: func(ctx context.Context) { r.event(ctx, job.AccountID, job.Region, "CopyJobStarted", copyDetails(job)) },
		work:    func(ctx context.Context) (*state.RecoveryPoint, error) { return r.copy(ctx, &job, &trail) },
		say: func(ctx context.Context, tx *state.Tx, message string) error {
			return tx.SetCopyJobMessage(ctx, jobID, message)
		},
		note: func(ctx context.Context, tx *state.Tx, message string) error {
			job.StatusMessage = message
			if err := tx.SetCopyJobTrail(ctx, job.ID, trail); err != nil {
				return err
			}
			return r.putCopy(ctx, tx, job, state.JobRunning)
		},
		end: func(ctx context.Context, end outcome, point *state.RecoveryPoint) error {
			if end == (outcome{}) {
				end = outcome{state: state.JobCompleted, category: rules.Success}
			}
			return r.endCopy(ctx, job, end, point, trail)
		},
	})
}

// beginCopy makes the job RUNNING, unless another runs on the resource.
func (r *Runner) beginCopy(ctx context.Context, jobID string) (job state.CopyJob, err error) {
	err = r.update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if job, err = tx.CopyJob(ctx, jobID); err != nil {
			return err
		}
		was := job.State
		if job.Done() {
			return errDone
		}
		if was != state.JobRunning {
			if refusal, err := r.refuseTooMany(ctx, tx, job); err != nil {
				return err
			} else if refusal != nil {
				job.State, job.StatusMessage, job.MessageCategory, job.CompletedAt = state.JobFailed, refusal.Message, refusal.Category, tx.Now
				trail := rules.Trail{{Gate: "concurrency", Asks: "Are few enough copies of the resource under way?", Verdict: rules.RefusedBy(refusal, nil)}}
				if err := tx.SetCopyJobTrail(ctx, job.ID, trail); err != nil {
					return err
				}
				return r.putCopy(ctx, tx, job, was)
			}
			running, err := tx.RunningJob(ctx, job.AccountID, job.ResourceARN, job.ID)
			if err == nil {
				if job.QueuedBehind == running {
					return errBusy
				}
				job.QueuedBehind = running
				return r.putCopy(ctx, tx, job, was)
			} else if !errors.Is(err, state.ErrNotFound) {
				return err
			}
			job.State, job.StartedAt, job.QueuedBehind = state.JobRunning, tx.Now, ""
		}
		job.Attempts++
		job.StatusMessage = ""
		return r.putCopy(ctx, tx, job, was)
	})
	if err == nil && job.Done() {
		r.event(ctx, job.AccountID, job.Region, "CopyJobCompleted", copyDetails(job))
		return job, errDone
	}
	if err == nil && job.State != state.JobRunning {
		err = errBusy
	}
	return job, err
}

// copy makes the copy in the destination's archive and returns the row that will make it known.
func (r *Runner) copy(ctx context.Context, job *state.CopyJob, trail *rules.Trail) (*state.RecoveryPoint, error) {
	f, err := r.facts(ctx, *job)
	if err != nil {
		return nil, err
	}
	*trail = rules.Follow(rules.CopyGates, r.AsOf, f.request)
	if refusal := trail.Refusal(); refusal != nil {
		return nil, refusal
	}
	decision := f.request.Decision(r.AsOf)
	kind, err := r.kindNamed(job.ResourceType)
	if err != nil {
		return nil, err
	}

	ring, err := r.sourceKeyring(ctx, job, f)
	if err != nil {
		return nil, at("source-key", refuseKey(err, f.request))
	}
	sourceDomain, err := r.Archives.OpenDomain(ctx, location(f.source), f.point.ArchiveKeyARN, ring)
	if err != nil {
		return nil, at("source-key", refuseKey(err, f.request))
	}
	defer sourceDomain.Close()
	source, err := sourceDomain.Open(ctx, f.point.ArchivePointID)
	if err != nil {
		return nil, err
	}

	toRing := r.Archives.ServiceKeyring()
	if decision.Key.ARN != "" {
		if toRing, err = r.vaultKeyring(ctx, f.destination); err != nil {
			return nil, at("destination-key", err)
		}
	}
	destination, err := r.sealingDomain(ctx, f.destination, decision.Key.ARN, toRing)
	if err != nil {
		return nil, at("destination-key", refuseUse(err, decision.Key.ARN))
	}
	defer destination.Close()
	options := archive.CopyOptions{Point: strings.ToLower(job.ID)}
	if decision.Incremental {
		parent, err := r.parent(ctx, func(ctx context.Context, tx *state.Tx) (state.RecoveryPoint, error) {
			return tx.LatestPoint(ctx, job.ResourceARN, f.destination.ARN, decision.Key.ARN)
		})
		if err != nil {
			return nil, err
		}
		if parent != nil {
			options.Parent = parent.ArchivePointID
		}
	}

	point := f.copied(r, kind, *job, decision)
	job.DestinationPointARN, job.DestinationKeyARN, job.SizeBytes = point.ARN, point.KeyARN, f.point.SizeBytes
	if err := r.update(ctx, func(ctx context.Context, tx *state.Tx) error { return r.putCopy(ctx, tx, *job, state.JobRunning) }); err != nil {
		return nil, err
	}
	summary, err := archive.Copy(ctx, destination, source, options)
	if errors.Is(err, archive.ErrPointExists) { // committed before a crash
		made, err := destination.Adopt(ctx, options.Point)
		if err != nil {
			return nil, err
		}
		summary = made.Summary()
	} else if err != nil {
		return nil, err
	}
	point.NewBytes, point.StoredBytes = int64(summary.NewBytes), int64(summary.StoredBytes)
	point.TransferredBytes = point.NewBytes
	job.TransferredBytes = point.TransferredBytes
	return point, nil
}

// sourceKeyring opens the source as whoever must be able to: within an account the service under the vault's grant or
// the role's, across accounts the service-linked role of the destination.
func (r *Runner) sourceKeyring(ctx context.Context, job *state.CopyJob, f copyFacts) (archive.Keyring, error) {
	switch {
	case f.point.ArchiveKeyARN == "":
		return r.Archives.ServiceKeyring(), nil
	case f.source.AccountID != f.destination.AccountID:
		ring, grantID, err := r.borrowedKeyring(ctx, f.reader, job.ResourceType, f.point.ArchiveKeyARN, f.source, job.ID)
		if err != nil {
			return nil, err
		}
		// Noted before it is used: whoever ends the job gives the grant back, also after a crash.
		job.GrantID, job.GrantKeyARN = grantID, f.point.ArchiveKeyARN
		return ring, r.update(ctx, func(ctx context.Context, tx *state.Tx) error { return r.putCopy(ctx, tx, *job, state.JobRunning) })
	case rules.HasFullManagement(r.AsOf, job.ResourceType):
		return r.vaultKeyring(ctx, f.source)
	}
	return r.resourceKeyring(ctx, f.role, job.ResourceType, f.point.ArchiveKeyARN, f.source)
}

// refuseKey makes AWS's message of a refusal by KMS; other errors stay as they are.
func refuseKey(err error, q rules.CopyRequest) error {
	if e := api.Refused(err); e != nil {
		refusal := rules.RefuseSourceKey(q)
		refusal.Cause += " KMS says: " + e.Error()
		return fmt.Errorf("%w (%w)", refusal, err)
	}
	return err
}

// copied is the row of the copy. A copy keeps its source's creation date, and its lifecycle counts from there.
func (f copyFacts) copied(r *Runner, kind resource.Kind, job state.CopyJob, d rules.CopyDecision) *state.RecoveryPoint {
	return &state.RecoveryPoint{
		ARN:       kind.CopyRecoveryPointARN(f.point, f.destination.AccountID, f.destination.Region, job.ID).String(),
		AccountID: f.destination.AccountID, Region: f.destination.Region, VaultName: f.destination.Name, VaultARN: f.destination.ARN,
		SourceVaultARN: f.source.ARN, SourcePointARN: f.point.ARN, JobID: job.ID,
		ResourceARN: f.point.ResourceARN, ResourceType: f.point.ResourceType, ResourceName: f.point.ResourceName, ResourceRegion: f.point.ResourceRegion,
		IAMRoleARN: job.IAMRoleARN, CreatedBy: job.CreatedBy,
		CreatedAt: f.point.CreatedAt, InitiatedAt: job.CreatedAt,
		SizeBytes: f.point.SizeBytes, Lifecycle: f.request.Lifecycle, StorageClass: "WARM",
		KeyARN: d.Key.ARN, KeyType: keyType(d.Key.ARN, f.destination), IsEncrypted: d.Key.ARN != "",
		Tags: f.point.Tags, RestoreMetadata: f.point.RestoreMetadata, Options: f.point.Options,
		ArchivePointID: strings.ToLower(job.ID), ArchiveKeyARN: d.Key.ARN, KindState: "",
	}
}

// endCopy writes down how the job ended; a completed job's copy becomes known in the same transaction.
func (r *Runner) endCopy(ctx context.Context, job state.CopyJob, end outcome, point *state.RecoveryPoint, trail rules.Trail) error {
	if job.GrantID != "" {
		if err := r.giveBack(context.WithoutCancel(ctx), job); err != nil {
			r.Log.WarnContext(ctx, "could not retire the grant of a copy", slog.String("job", job.ID), slog.String("error", err.Error()))
		}
	}
	if into, err := arn.Parse(job.DestinationVaultARN); err == nil && point == nil {
		_, vault := into.Split()
		r.discard(ctx, archives.Location{Region: into.Region, AccountID: into.AccountID, Vault: vault}, job.ID)
	}
	err := r.update(ctx, func(ctx context.Context, tx *state.Tx) error {
		job.State, job.StatusMessage, job.MessageCategory, job.CompletedAt = end.state, end.message, end.category, tx.Now
		if err := tx.SetCopyJobTrail(ctx, job.ID, trail); err != nil {
			return err
		}
		if point == nil {
			job.DestinationPointARN = ""
			return r.putCopy(ctx, tx, job, state.JobRunning)
		}
		job.Percent = 100
		if err := r.addPoint(ctx, tx, point); err != nil {
			return err
		}
		return r.putCopy(ctx, tx, job, state.JobRunning)
	})
	if err != nil {
		return fmt.Errorf("ending copy job %s: %w", job.ID, err)
	}
	r.event(ctx, job.AccountID, job.Region, "CopyJobCompleted", copyDetails(job))
	if point != nil {
		r.event(ctx, point.AccountID, point.Region, "RecoveryPointCreated", pointDetails(*point))
	}
	return nil
}
