package work

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"gocloud.dev/secrets/localsecrets"

	"strongroom/archive"
	"strongroom/arn"
	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/archives"
	"strongroom/internal/resource"
	"strongroom/internal/state"
)

// broken is a kind that does what a test asks for when a job describes its resource.
type broken struct {
	resource.Kind
	describe func(ctx context.Context) error
}

func (broken) Type() string                                { return "S3" }
func (broken) Owns(context.Context, arn.ARN) (bool, error) { return true, nil }
func (b broken) Describe(ctx context.Context, _ *api.Caller, _ arn.ARN) (resource.Description, error) {
	return resource.Description{}, b.describe(ctx)
}

// everybody may be whoever a job asks for.
type everybody struct{ Identity }

func (everybody) AssumeForService(context.Context, *api.Caller, string, string) (*api.Caller, error) {
	return &api.Caller{}, nil
}

func (everybody) EnsureServiceLinkedRole(context.Context, string, string) (string, error) {
	return "", nil
}

type noTrail struct{}

func (noTrail) RecordServiceEvent(context.Context, string, string, string, map[string]any) {}

func (noTrail) PutServiceEvent(context.Context, *state.Tx, string, string, string, map[string]any, *api.Error) error {
	return nil
}

// runnerKey is of the runner of a job that a kind is asked for by [ended].
type runnerKey struct{}

// said is what the job of [ended] says now.
func said(ctx context.Context, t *testing.T) string {
	t.Helper()
	r := ctx.Value(runnerKey{}).(*Runner)
	job, err := view(ctx, r, func(ctx context.Context, tx *state.Tx) (state.BackupJob, error) { return tx.BackupJob(ctx, "JOB") })
	if err != nil {
		t.Error(err)
	}
	return job.StatusMessage
}

// ended runs a backup job's last attempt on a resource of the kind and returns its row.
func ended(t *testing.T, jobID string, kind func(*archives.Archives) resource.Kind) (*Runner, state.BackupJob) {
	t.Helper()
	db, q := openQueue(t, filepath.Join(t.TempDir(), "state.db"))
	t.Cleanup(func() { _ = db.Close() })
	all := archives.New(archives.Config{Dir: t.TempDir(), Keeper: localsecrets.NewKeeper([32]byte{1})})
	r := New(Config{
		DB: db, Queue: q, Clock: clock.Wall, Log: slog.New(slog.DiscardHandler), Trail: noTrail{}, Identity: everybody{}, Archives: all,
		Kinds: []resource.Kind{kind(all)},
	})
	job := state.BackupJob{
		ID: jobID, AccountID: "111111111111", Region: "eu-central-1", VaultName: "v", VaultARN: "arn:aws:backup:eu-central-1:111111111111:backup-vault:v",
		ResourceARN: "arn:aws:s3:::b", ResourceType: "S3", State: state.JobCreated,
	}
	err := db.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		vault := state.BackupVault{AccountID: job.AccountID, Region: job.Region, Name: "v", ARN: job.VaultARN}
		return errors.Join(tx.InsertBackupVault(ctx, vault), tx.InsertBackupJob(ctx, job))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.runBackup(context.WithValue(t.Context(), runnerKey{}, r), jobID, try{last: true}); err != nil {
		t.Fatal(err)
	}
	job, err = view(t.Context(), r, func(ctx context.Context, tx *state.Tx) (state.BackupJob, error) { return tx.BackupJob(ctx, jobID) })
	if err != nil {
		t.Fatal(err)
	}
	return r, job
}

func TestAJobThatPanicsFails(t *testing.T) {
	t.Parallel()
	_, job := ended(t, "JOB", func(*archives.Archives) resource.Kind {
		return broken{describe: func(context.Context) error { panic("a mistake") }}
	})
	if job.State != state.JobFailed || !strings.Contains(job.StatusMessage, "a mistake") {
		t.Errorf("the job is %s: %s", job.State, job.StatusMessage)
	}
}

func TestAFailedJobLeavesNoPointInTheArchive(t *testing.T) {
	t.Parallel()
	at := archives.Location{Region: "eu-central-1", AccountID: "111111111111", Vault: "v"}
	r, job := ended(t, "JOB", func(all *archives.Archives) resource.Kind {
		return broken{describe: func(ctx context.Context) error {
			d, err := all.Domain(ctx, at, "", all.ServiceKeyring())
			if err != nil {
				return err
			}
			w, err := d.NewWriter(ctx, archive.WriteOptions{Point: "job", Kind: archive.Objects})
			if err != nil {
				return err
			}
			_, err = w.Commit(ctx)
			return errors.Join(err, errors.New("and then something else went wrong"))
		}}
	})
	if job.State != state.JobFailed {
		t.Fatalf("the job is %s", job.State)
	}
	vault, err := r.Archives.Vault(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	if points, err := vault.Points(t.Context()); err != nil || len(points) > 0 {
		t.Errorf("the archive holds %v, which nothing names: %v", points, err)
	}
}
