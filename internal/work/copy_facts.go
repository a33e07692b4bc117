package work

import (
	"context"
	"errors"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
	"strongroom/rules"
)

// copyFacts is what a copy is decided on.
type copyFacts struct {
	request     rules.CopyRequest
	point       state.RecoveryPoint
	source      state.BackupVault
	destination state.BackupVault

	role   *api.Caller // a session of the job's role; nil if it cannot be assumed
	reader *api.Caller // a session of whoever must be able to use the source's key; nil until it is known to be needed
}

// facts looks up everything that decides over the copy.
func (r *Runner) facts(ctx context.Context, job state.CopyJob) (f copyFacts, err error) {
	destination, err := arn.Parse(job.DestinationVaultARN)
	if err != nil {
		return f, err
	}
	_, name := destination.Split()
	f.request = rules.CopyRequest{
		RecoveryPointARN: job.SourcePointARN, ResourceType: job.ResourceType, Scheduled: job.BackupJobID != "",
		Destination: rules.Place{AccountID: destination.AccountID, Region: destination.Region, VaultName: name, VaultARN: job.DestinationVaultARN},
	}
	var enabled string
	from, err := r.Organization(ctx, job.AccountID)
	if err != nil {
		return f, err
	}
	to, err := r.Organization(ctx, destination.AccountID)
	if err != nil {
		return f, err
	}
	err = r.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		if f.source, err = tx.BackupVaultByARN(ctx, job.SourceVaultARN); err != nil {
			return err
		}
		f.point, err = tx.RecoveryPoint(ctx, job.SourcePointARN)
		if err != nil && !errors.Is(err, state.ErrNotFound) {
			return err
		}
		f.destination, err = tx.BackupVaultByARN(ctx, job.DestinationVaultARN)
		if err != nil && !errors.Is(err, state.ErrNotFound) {
			return err
		}
		f.request.DestinationExists = err == nil
		settings, err := tx.BackupSetting(ctx, from.ManagementAccountID, "", state.SettingGlobal)
		if err != nil && !errors.Is(err, state.ErrNotFound) {
			return err
		}
		enabled = settings.Value["isCrossAccountBackupEnabled"]
		return nil
	})
	if err != nil {
		return f, err
	}
	q := &f.request
	q.Source = place(f.source)
	q.PointStatus, q.Cold = f.point.Status, f.point.StorageClass == "COLD"
	q.SourceOrganization, q.DestinationOrganization, q.ManagementAccountID = from.OrganizationID, to.OrganizationID, from.ManagementAccountID
	q.TrustedAccess, q.CrossAccountEnabled = from.TrustedAccess, enabled == "true"
	q.Lifecycle = job.Lifecycle.Inherit(f.point.Lifecycle).For(r.AsOf, job.ResourceType)
	q.Lock = lock(f.destination)
	if q.SourceKey, err = r.key(ctx, f.point.KeyARN); err != nil {
		return f, err
	}
	if q.DestinationExists {
		if q.DestinationKey, err = r.key(ctx, f.destination.KeyARN); err != nil {
			return f, err
		}
	}
	return f, r.askCopy(ctx, job, &f)
}

// askCopy asks the policies for all that the copy needs, as far as it can be asked.
func (r *Runner) askCopy(ctx context.Context, job state.CopyJob, f *copyFacts) (err error) {
	q := &f.request
	q.RoleARN = job.IAMRoleARN
	var asker *api.Caller
	if f.role, asker, q.Role, err = r.askRole(ctx, job.AccountID, job.Region, job.SourceVaultARN, job.IAMRoleARN, "AWSBackup-"+job.ID); err != nil {
		return err
	}
	q.CopyFrom, q.CopyInto = rules.Unknown("There is no role to ask for."), rules.Unknown("There is no role to ask for.")
	if asker != nil && q.PointStatus != "" {
		if q.CopyFrom, err = answer(r.Door.Authorize(ctx, asker, "backup", f.copyFrom())); err != nil {
			return err
		}
	}
	if asker != nil && q.DestinationExists {
		if q.CopyInto, err = answer(r.Door.Authorize(ctx, asker, "backup", f.copyInto())); err != nil {
			return err
		}
	}
	if q.DestinationExists {
		if q.DestinationKeyUse, err = r.askVaultKey(ctx, f.destination); err != nil {
			return err
		}
	}
	if f.role != nil && q.PointStatus != "" {
		if q.ReadTags, err = r.askTags(ctx, f.role, f.point); err != nil {
			return err
		}
	}
	q.SourceKeyUse, err = r.askSourceKey(ctx, job, f, asker)
	return err
}

// askSourceKey asks whether the source can be opened by whoever must be able to; see [Runner.sourceKeyring].
func (r *Runner) askSourceKey(ctx context.Context, job state.CopyJob, f *copyFacts, asker *api.Caller) (rules.Answer, error) {
	keyARN := f.point.ArchiveKeyARN
	across := f.source.AccountID != f.destination.AccountID
	switch full := rules.HasFullManagement(r.AsOf, job.ResourceType); {
	case keyARN == "":
		return rules.Unknown("The recovery point is not encrypted."), nil
	case !f.request.DestinationExists:
		return rules.Unknown("There is no destination vault."), nil
	case across && f.request.SourceKey.Kind == rules.AWSManaged:
		return rules.Unknown("No other account can use the managed key " + f.request.SourceKey.Alias + "."), nil
	case across:
		return r.askReader(ctx, job, f)
	case full:
		return r.askVaultKey(ctx, f.source)
	case asker == nil:
		return rules.Unknown("There is no role to ask for."), nil
	}
	return r.askKey(ctx, asker.Through(r.nativeService(job.ResourceType), f.source.Region), keyARN, grant(keyARN, f.source, "strongroom-"+f.source.Name, backupService))
}

// askReader asks whether the service-linked role of the destination's account may make itself a grant on the source's key.
// It is assumed only if everything else is well, for that leaves a record in the account.
func (r *Runner) askReader(ctx context.Context, job state.CopyJob, f *copyFacts) (rules.Answer, error) {
	name, roleARN := "copy-"+job.ID, rules.ServiceLinkedRole(f.destination.AccountID)
	reader, err := r.Identity.Session(ctx, roleARN, name)
	if errors.Is(err, state.ErrNotFound) {
		f.request.ReaderMissing = true
		return rules.No("The role "+roleARN+" does not exist.", nil), nil
	} else if err != nil {
		return rules.Answer{}, err
	}
	if rules.Follow(rules.CopyGates, r.AsOf, f.request).Refusal() == nil {
		if f.reader, err = r.serviceLinked(ctx, f.destination, name); err != nil {
			return answer(err)
		}
		reader = f.reader
	}
	keyARN := f.point.ArchiveKeyARN
	return r.askKey(ctx, reader.Through(r.nativeService(job.ResourceType), f.source.Region), keyARN, borrowing(reader, keyARN, f.source, job.ID))
}

// copyFrom asks for taking from the source vault.
func (f copyFacts) copyFrom() api.Access {
	return api.Access{
		Action: "backup:CopyFromBackupVault", Resource: f.point.ARN, ResourceAccountID: f.source.AccountID,
		Context:          map[string][]string{"backup:CopyTargets": {f.request.Destination.VaultARN}},
		ResourcePolicies: vaultPolicy(f.source),
	}
}

// copyInto asks for putting into the destination, whose vault policy must admit another account's role.
func (f copyFacts) copyInto() api.Access {
	return api.Access{
		Action: "backup:CopyIntoBackupVault", Resource: f.destination.ARN, ResourceAccountID: f.destination.AccountID,
		Context:          api.WithResourceTags(nil, f.destination.Tags),
		ResourcePolicies: vaultPolicy(f.destination),
	}
}

func vaultPolicy(v state.BackupVault) []api.PolicyDocument {
	return []api.PolicyDocument{{Name: "access policy of " + v.ARN, Document: v.Policy, Of: v.ARN}}
}

// key says of what kind a key is.
func (r *Runner) key(ctx context.Context, keyARN string) (rules.Key, error) {
	if keyARN == "" {
		return rules.Key{}, nil
	}
	parsed, err := arn.Parse(keyARN)
	if err != nil {
		return rules.Key{}, err
	}
	_, id := parsed.Split()
	key := rules.Key{ARN: keyARN, Kind: rules.CustomerManaged}
	err = r.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		row, err := tx.Key(ctx, parsed.Region, id)
		if errors.Is(err, state.ErrNotFound) {
			key.State = rules.KeyGone
			return nil
		} else if err != nil {
			return err
		}
		key.State = row.State
		if row.DeletionAt != 0 && row.DeletionAt <= tx.Now {
			key.State = rules.KeyGone // KMS says so from then on, whenever the row goes
		}
		if row.Manager != "AWS" {
			return nil
		}
		key.Kind = rules.AWSManaged
		aliases, err := tx.KeyAliases(ctx, parsed.Region, id)
		for _, a := range aliases {
			if managed := rules.ManagedAlias(a.Name); managed != "" {
				key.Alias = managed
			}
		}
		return err
	})
	return key, err
}
