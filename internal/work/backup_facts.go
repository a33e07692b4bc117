package work

import (
	"context"
	"errors"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/resource"
	"strongroom/internal/state"
	"strongroom/rules"
)

// backupFacts is what a backup is decided on before its resource is looked at.
type backupFacts struct {
	request  rules.BackupRequest
	vault    state.BackupVault
	kind     resource.Kind // nil if no kind knows the resource
	resource arn.ARN
	role     *api.Caller // a session of the job's role; nil if it cannot be assumed
}

// backupFacts looks up what decides over the backup, and assumes its role.
func (r *Runner) backupFacts(ctx context.Context, job state.BackupJob) (f backupFacts, err error) {
	f.request = rules.BackupRequest{
		ResourceARN: job.ResourceARN, RoleARN: job.IAMRoleARN, Lifecycle: job.Lifecycle,
		Vault: rules.Place{AccountID: job.AccountID, Region: job.Region, VaultName: job.VaultName, VaultARN: job.VaultARN},
	}
	q := &f.request
	f.vault, err = view(ctx, r, func(ctx context.Context, tx *state.Tx) (state.BackupVault, error) {
		return tx.BackupVault(ctx, job.AccountID, job.Region, job.VaultName)
	})
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return f, err
	}
	q.VaultExists, q.Lock = err == nil, lock(f.vault)
	f.kind, f.resource, err = r.kindOf(job.ResourceARN)
	if _, refused := errors.AsType[*rules.Refusal](err); err != nil && !refused {
		return f, err
	}
	if f.kind != nil {
		q.ResourceType, q.Lifecycle = f.kind.Type(), job.Lifecycle.For(r.AsOf, f.kind.Type())
	}
	var asker *api.Caller
	f.role, asker, q.Role, err = r.askRole(ctx, job.AccountID, job.Region, job.VaultARN, job.IAMRoleARN, "AWSBackup-"+job.ID)
	q.RoleMissing = err == nil && asker == nil
	return f, err
}
