package backuppolicy

import (
	"fmt"
	"slices"
	"strings"

	"strongroom/rules"
)

// For is the plan as it stands in a member account and Region: $account and $region replaced. AWS does this where the plan is
// applied; the effective policy keeps them.
func (p Plan) For(accountID, region string) Plan {
	replace := strings.NewReplacer("$account", accountID, "$region", region).Replace
	p.Rules = slices.Clone(p.Rules)
	for i := range p.Rules {
		r := &p.Rules[i]
		r.TargetLogicallyAirGappedBackupVaultARN = replace(r.TargetLogicallyAirGappedBackupVaultARN)
		r.CopyActions = slices.Clone(r.CopyActions)
		for j := range r.CopyActions {
			r.CopyActions[j].DestinationBackupVaultARN = replace(r.CopyActions[j].DestinationBackupVaultARN)
		}
	}
	p.Selections = slices.Clone(p.Selections)
	for i := range p.Selections {
		p.Selections[i].IAMRoleARN = replace(p.Selections[i].IAMRoleARN)
	}
	p.ScanSettings = slices.Clone(p.ScanSettings)
	for i := range p.ScanSettings {
		p.ScanSettings[i].ScannerRoleARN = replace(p.ScanSettings[i].ScannerRoleARN)
	}
	return p
}

// Refusal is what AWS Backup does not take of a plan.
type Refusal struct { //nolint:errname // a decision first, and an error by what it holds
	*rules.Refusal
	Path string // in the effective policy, below the plan
}

// Refusals are what AWS Backup does not take of the plan as it stands in a member account, although Organizations does: the
// bounds of windows and lifecycles, numbers of copy actions and tags, names that are too short.
func (p Plan) Refusals() []Refusal {
	var all refusals
	for _, r := range p.Rules {
		all.rule(r)
	}
	for _, s := range p.Selections {
		if err := s.Validate(); err != nil {
			all.add("selections", "Error in selection "+s.Name+" : "+err.Error(), "Change the selection.")
		}
	}
	return all
}

type refusals []Refusal

func (all *refusals) add(path, message, advice string) {
	*all = append(*all, Refusal{
		&rules.Refusal{
			Message: message, Category: rules.Miscellaneous, Cause: advice,
			Fix: rules.Fix{Call: "organizations:UpdatePolicy", Advice: advice},
		}, path,
	})
}

func (all *refusals) rule(r Rule) {
	path, at := "rules/"+r.Name, "Error in rule "+r.Name+" : "
	if !rules.VaultNamePattern.MatchString(r.TargetBackupVaultName) {
		all.add(path+"/target_backup_vault_name", at+"invalid vault name "+r.TargetBackupVaultName, "A vault's name has 2 to 50 letters, digits, hyphens and underscores.")
	}
	if _, err := rules.NewWindows(r.StartWindowMinutes, r.CompletionWindowMinutes); err != nil {
		all.add(path, at+err.Error(), "Windows have 60 to 52,560,000 minutes.")
	}
	all.lifecycle(path+"/lifecycle", at, r.Lifecycle, r.EnableContinuousBackup)
	for _, c := range r.CopyActions {
		all.lifecycle(path+"/copy_actions", at, c.Lifecycle, false)
	}
	if n := len(r.CopyActions); n > rules.MaxCopyActions {
		all.add(path+"/copy_actions", at+fmt.Sprintf("it has %d copy actions", n), fmt.Sprintf("A rule has no more than %d copy actions.", rules.MaxCopyActions))
	}
	if n := len(r.RecoveryPointTags); n > rules.MaxPlanTags {
		all.add(path+"/recovery_point_tags", at+fmt.Sprintf("it has %d recovery point tags", n), fmt.Sprintf("A rule has no more than %d recovery point tags.", rules.MaxPlanTags))
	}
}

func (all *refusals) lifecycle(path, at string, l rules.Lifecycle, continuous bool) {
	if refusal := l.Validate(continuous); refusal != nil {
		refusal.Message = at + refusal.Message
		*all = append(*all, Refusal{refusal, path})
	}
}
