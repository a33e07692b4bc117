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

// Refusals are what AWS Backup does not take of the plan as it stands in a member account, although Organizations does: the
// bounds of windows and lifecycles, numbers of copy actions and tags, names that are too short.
func (p Plan) Refusals() []*rules.Refusal {
	var all []*rules.Refusal
	refuse := func(message, advice string) {
		all = append(all, &rules.Refusal{Message: message, Category: rules.Miscellaneous, Cause: advice, Fix: rules.Fix{Call: "organizations:UpdatePolicy", Advice: advice}})
	}
	for _, r := range p.Rules {
		at := "Error in rule " + r.Name + " : "
		if !rules.VaultNamePattern.MatchString(r.TargetBackupVaultName) {
			refuse(at+"invalid vault name "+r.TargetBackupVaultName, "A vault's name has 2 to 50 letters, digits, hyphens and underscores.")
		}
		if _, err := rules.NewWindows(r.StartWindowMinutes, r.CompletionWindowMinutes); err != nil {
			refuse(at+err.Error(), "Windows have 60 to 52,560,000 minutes.")
		}
		lifecycles := []rules.Lifecycle{r.Lifecycle}
		for _, c := range r.CopyActions {
			lifecycles = append(lifecycles, c.Lifecycle)
		}
		for i, l := range lifecycles {
			if refusal := l.Validate(i == 0 && r.EnableContinuousBackup); refusal != nil {
				refusal.Message = at + refusal.Message
				all = append(all, refusal)
			}
		}
		if len(r.CopyActions) > rules.MaxCopyActions {
			refuse(at+fmt.Sprintf("it has %d copy actions", len(r.CopyActions)), fmt.Sprintf("A rule has no more than %d copy actions.", rules.MaxCopyActions))
		}
		if len(r.RecoveryPointTags) > rules.MaxPlanTags {
			refuse(at+fmt.Sprintf("it has %d recovery point tags", len(r.RecoveryPointTags)), fmt.Sprintf("A rule has no more than %d recovery point tags.", rules.MaxPlanTags))
		}
	}
	for _, s := range p.Selections {
		if err := s.Validate(); err != nil {
			refuse("Error in selection "+s.Name+" : "+err.Error(), "Change the selection.")
		}
	}
	return all
}
