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
	f.kind, f.resource, err = r.kindOf(ctx, job.ResourceARN)
	if _, refused := errors.AsType[*rules.Refusal](err); err != nil && !refused {
		return f, err
	}
	if f.kind != nil {
		q.ResourceType, q.Lifecycle = f.kind.Type(), job.Lifecycle.For(r.AsOf, f.kind.Type())
	}
	var asker *api.Caller
	f.role, asker, q.Role, err = r.askRole(ctx, job.AccountID, job.Region, job.VaultARN, job.IAMRoleARN, "AWSBackup-"+job.ID)
	q.RoleMissing = err == nil && asker == nil
	if err == nil && f.role == nil && asker != nil {
		q.Resource, err = r.askReads(ctx, asker, f.kind, f.resource)
	}
	return f, err
}

// askReads asks whether a role that cannot be assumed might look at a resource if it could be. Only what a policy refuses is
// an answer: the resource itself is not looked at.
func (r *Runner) askReads(ctx context.Context, asker *api.Caller, kind resource.Kind, of arn.ARN) (rules.Answer, error) {
	unknown := rules.Unknown("The role cannot be assumed.")
	reader, is := kind.(resource.Reader)
	if !is {
		return unknown, nil
	}
	if of.Region != "" {
		asker = asker.In(of.Region)
	}
	for _, call := range reader.Reads(of) {
		says, err := answer(r.Door.Check(ctx, asker, call))
		switch {
		case err != nil:
			return says, err
		case says.Says == rules.Shut && says.Refused == nil:
			return unknown, nil
		case says.Says == rules.Shut:
			return says, nil
		}
	}
	return rules.Yes(), nil
}
