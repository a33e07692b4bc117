package work

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/archives"
	"strongroom/internal/state"
	"strongroom/rules"
)

// unprocessed is a selection that a run of a rule makes no jobs of, and why.
type unprocessed struct {
	selection state.BackupSelection
	why       *api.Error
}

// process tells the selections that a run of a rule can make jobs of from those that it cannot. Nobody checks the role and
// the vault that a backup policy names when it is attached, and a role's permissions may have been taken away since an
// account made a selection of its own; see
// https://docs.aws.amazon.com/organizations/latest/userguide/services-that-can-integrate-backup.html and
// https://docs.aws.amazon.com/aws-backup/latest/devguide/troubleshooting.html
func (r *Runner) process(ctx context.Context, plan state.BackupPlan, rule types.BackupRule, all []state.BackupSelection) (good []state.BackupSelection, bad []unprocessed, err error) {
	belongs, err := r.belongs(ctx, plan)
	if err != nil || !belongs {
		return nil, nil, err
	}
	noVault, err := r.missingVault(ctx, plan, rule)
	if err != nil {
		return nil, nil, err
	}
	for _, selection := range all {
		why := noVault
		if why == nil {
			if why, err = r.unassumable(ctx, plan, selection); err != nil {
				return nil, nil, err
			}
		}
		if why != nil {
			bad = append(bad, unprocessed{selection, why})
			continue
		}
		good = append(good, selection)
	}
	return good, bad, nil
}

// belongs reports whether a plan still has a say in its account: none has in an account that is closed, and that of an
// organization has none once the account has left it, although it may not yet have been taken away.
func (r *Runner) belongs(ctx context.Context, plan state.BackupPlan) (bool, error) {
	account, err := view(ctx, r, func(ctx context.Context, tx *state.Tx) (state.Account, error) { return tx.Account(ctx, plan.AccountID) })
	if err != nil || account.ClosedAt != 0 {
		return false, err
	}
	if plan.OrganizationID == "" {
		return true, nil
	}
	membership, err := r.Organization(ctx, plan.AccountID)
	return membership.OrganizationID == plan.OrganizationID, err
}

// missingVault is why a plan of an organization cannot run that names a vault which is not there; nil if it is. The jobs of
// a plan of the account's own begin, and fail.
func (r *Runner) missingVault(ctx context.Context, plan state.BackupPlan, rule types.BackupRule) (*api.Error, error) {
	if plan.OrganizationID == "" {
		return nil, nil
	}
	name := aws.ToString(rule.TargetBackupVaultName)
	_, err := view(ctx, r, func(ctx context.Context, tx *state.Tx) (state.BackupVault, error) {
		return tx.BackupVault(ctx, plan.AccountID, plan.Region, name)
	})
	if errors.Is(err, state.ErrNotFound) {
		vault := archives.Location{Region: plan.Region, AccountID: plan.AccountID, Vault: name}.ID()
		return told(rules.VaultMissing, "ResourceNotFoundException", rules.Values{"vault": vault, "name": name, "account": plan.AccountID, "region": plan.Region}), nil
	}
	return nil, err
}

// unassumable is why AWS Backup cannot look for a selection's resources as its role; nil if it can. The role must be the
// account's own, whatever a policy names, and able to read tags where tags decide.
func (r *Runner) unassumable(ctx context.Context, plan state.BackupPlan, selection state.BackupSelection) (*api.Error, error) {
	values := rules.Values{"role": selection.IAMRoleARN, "account": plan.AccountID}
	refused := told(rules.ProvidedRoleNotAssumed, "AccessDenied", values)
	named, err := arn.Parse(selection.IAMRoleARN)
	if err != nil || named.AccountID != plan.AccountID {
		return refused, nil
	}
	role, err := r.assume(ctx, plan.AccountID, plan.Region, plan.ARN, selection.IAMRoleARN, "AWSBackup-ProcessBackupPlanSelection")
	if api.Refused(err) != nil {
		return refused, nil
	} else if err != nil {
		return nil, err
	}
	if len(selection.Document.ListOfTags) == 0 && selection.Document.Conditions == nil {
		return nil, nil
	}
	unread := told(rules.TagSelectionDenied, "AccessDenied", values)
	err = r.Door.Authorize(ctx, role, "backup", api.Access{Action: "tag:GetResources", Resource: "*", DeniedAs: func(string) *api.Error { return unread }})
	if api.Refused(err) != nil {
		return unread, nil
	}
	return nil, err
}

// told is an entry of the catalogue as an event gives it.
func told(e rules.Entry, code string, v rules.Values) *api.Error {
	refusal := e.Refuse(v)
	return &api.Error{Code: code, Message: refusal.Message, Err: refusal}
}

// tellUnprocessed leaves the event of CloudTrail that is all that is heard of such a selection: there is no job.
func (r *Runner) tellUnprocessed(ctx context.Context, tx *state.Tx, plan state.BackupPlan, rule types.BackupRule, all []unprocessed) error {
	for _, u := range all {
		err := r.Trail.PutServiceEvent(ctx, tx, plan.AccountID, plan.Region, "ProcessBackupPlanSelection", map[string]any{
			"backupPlanArn": plan.ARN, "backupPlanVersion": plan.VersionID, "backupPlanRuleId": aws.ToString(rule.RuleId),
			"backupSelectionId": u.selection.ID, "backupSelectionName": u.selection.Name,
		}, u.why)
		if err != nil {
			return err
		}
	}
	return nil
}

// optIn are the settings that decide which types of resources a plan backs up: those of its account, or of the management
// account for a plan of the organization; see
// https://docs.aws.amazon.com/aws-backup/latest/devguide/manage-cross-account.html#resource-opt-in-rules
func (r *Runner) optIn(ctx context.Context, plan state.BackupPlan) (map[string]bool, error) {
	account := plan.AccountID
	if plan.OrganizationID != "" {
		membership, err := r.Organization(ctx, plan.AccountID)
		if err != nil {
			return nil, err
		}
		account = membership.ManagementAccountID
	}
	on := map[string]bool{}
	settings, err := view(ctx, r, func(ctx context.Context, tx *state.Tx) (state.BackupSetting, error) {
		return tx.BackupSetting(ctx, account, plan.Region, state.SettingOptIn)
	})
	for name, value := range settings.Value {
		on[name] = value == "true"
	}
	if errors.Is(err, state.ErrNotFound) {
		err = nil
	}
	return on, err
}
