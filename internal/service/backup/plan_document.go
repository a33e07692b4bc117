package backup

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/google/uuid"

	"strongroom/internal/api"
	"strongroom/internal/state"
	"strongroom/rules"
)

// planDocument checks a plan and fills its defaults in. A rule of the same name in earlier keeps its id.
func planDocument(in *types.BackupPlanInput, earlier []types.BackupRule) (types.BackupPlan, error) {
	var plan types.BackupPlan
	switch {
	case in == nil:
		return plan, missing("BackupPlan")
	case aws.ToString(in.BackupPlanName) == "":
		return plan, missing("BackupPlanName")
	case !rules.NamePattern.MatchString(*in.BackupPlanName):
		return plan, invalid("Invalid BackupPlanName %q: it may hold 1 to 50 letters, digits, hyphens, underscores and dots.", *in.BackupPlanName)
	case len(in.Rules) == 0:
		return plan, missing("Rules")
	case len(in.Rules) > rules.MaxRulesPerPlan:
		return plan, limitExceeded("A backup plan may hold %d rules.", rules.MaxRulesPerPlan)
	case len(in.ScanSettings) > 0:
		return plan, api.NotImplemented("backup:CreateBackupPlan with ScanSettings")
	}
	if err := checkAdvanced(in.AdvancedBackupSettings); err != nil {
		return plan, err
	}
	plan.BackupPlanName, plan.AdvancedBackupSettings = in.BackupPlanName, in.AdvancedBackupSettings
	names := map[string]bool{}
	for _, r := range in.Rules {
		rule, err := ruleDocument(r)
		if err != nil {
			return plan, err
		}
		if names[*rule.RuleName] {
			return plan, invalid("Duplicate rule name %s in Rules.", *rule.RuleName)
		}
		names[*rule.RuleName] = true
		rule.RuleId = aws.String(uuid.NewString())
		if i := slices.IndexFunc(earlier, func(e types.BackupRule) bool { return aws.ToString(e.RuleName) == *rule.RuleName }); i >= 0 {
			rule.RuleId = earlier[i].RuleId
		}
		plan.Rules = append(plan.Rules, rule)
	}
	return plan, nil
}

// ruleDocument checks a rule and fills its defaults in.
func ruleDocument(in types.BackupRuleInput) (types.BackupRule, error) {
	var rule types.BackupRule
	name := aws.ToString(in.RuleName)
	switch {
	case name == "":
		return rule, missing("RuleName")
	case !rules.NamePattern.MatchString(name):
		return rule, invalid("Invalid RuleName %q: it may hold 1 to 50 letters, digits, hyphens, underscores and dots.", name)
	case aws.ToString(in.TargetBackupVaultName) == "":
		return rule, missing("TargetBackupVaultName")
	case !rules.VaultNamePattern.MatchString(*in.TargetBackupVaultName):
		return rule, invalid("Error in rule %s : Invalid TargetBackupVaultName %q.", name, *in.TargetBackupVaultName)
	case len(in.CopyActions) > rules.MaxCopyActions:
		return rule, invalid("Error in rule %s : CopyActions may hold %d copy actions.", name, rules.MaxCopyActions)
	case len(in.RecoveryPointTags) > rules.MaxPlanTags:
		return rule, invalid("Error in rule %s : RecoveryPointTags may hold %d tags.", name, rules.MaxPlanTags)
	}
	continuous := aws.ToBool(in.EnableContinuousBackup)
	if refusal := state.LifecycleOf(in.Lifecycle).Validate(continuous); refusal != nil {
		return rule, ruleError(name, refusal)
	}
	for _, a := range in.CopyActions {
		if !rules.VaultARNPattern.MatchString(aws.ToString(a.DestinationBackupVaultArn)) {
			return rule, invalid("Error in rule %s : Invalid DestinationBackupVaultArn %q.", name, aws.ToString(a.DestinationBackupVaultArn))
		}
		if refusal := state.LifecycleOf(a.Lifecycle).Validate(false); refusal != nil {
			return rule, ruleError(name, refusal)
		}
	}
	switch {
	case continuous:
		return rule, api.NotImplemented("backup:CreateBackupPlan with EnableContinuousBackup")
	case in.TargetLogicallyAirGappedBackupVaultArn != nil:
		return rule, api.NotImplemented("backup:CreateBackupPlan with TargetLogicallyAirGappedBackupVaultArn")
	case len(in.IndexActions) > 0:
		return rule, api.NotImplemented("backup:CreateBackupPlan with IndexActions")
	case len(in.ScanActions) > 0:
		return rule, api.NotImplemented("backup:CreateBackupPlan with ScanActions")
	}
	schedule := aws.ToString(in.ScheduleExpression)
	if schedule == "" {
		schedule = rules.DefaultSchedule
	}
	if _, err := rules.ParseSchedule(schedule); err != nil {
		return rule, invalid("Error in rule %s : ScheduleExpression: %s", name, err)
	}
	zone := aws.ToString(in.ScheduleExpressionTimezone)
	if zone == "" {
		zone = "Etc/UTC"
	}
	if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
		return rule, invalid("Error in rule %s : Invalid ScheduleExpressionTimezone %q.", name, zone)
	}
	windows, err := rules.NewWindows(in.StartWindowMinutes, in.CompletionWindowMinutes)
	if err != nil {
		return rule, invalid("Error in rule %s : %s", name, err)
	}
	return types.BackupRule{
		RuleName: in.RuleName, TargetBackupVaultName: in.TargetBackupVaultName,
		ScheduleExpression: &schedule, ScheduleExpressionTimezone: &zone,
		StartWindowMinutes: &windows.Start, CompletionWindowMinutes: &windows.Completion,
		Lifecycle: in.Lifecycle, CopyActions: in.CopyActions, RecoveryPointTags: in.RecoveryPointTags,
		EnableContinuousBackup: aws.Bool(false),
	}, nil
}

// ruleError is an invalid lifecycle of a rule, in AWS's envelope.
func ruleError(rule string, refusal *rules.Refusal) *api.Error {
	context, _ := json.Marshal([]string{rule, refusal.Message})
	e := refused(refusal)
	e.Message = strings.ReplaceAll(rules.InRule, "<rule>", rule) + e.Message
	e.Members["Context"] = string(context)
	return e
}

// backupOptions are the options that each resource type has, all of which are enabled or disabled.
var backupOptions = map[string][]string{
	"EC2": {"WindowsVSS"},
	"S3":  {"BackupACLs", "BackupObjectTags"},
}

func checkAdvanced(settings []types.AdvancedBackupSetting) error {
	for _, setting := range settings {
		if err := checkOptions(aws.ToString(setting.ResourceType), setting.BackupOptions); err != nil {
			return err
		}
	}
	return nil
}

func checkOptions(resourceType string, options map[string]string) error {
	for name, value := range options {
		if !slices.Contains(backupOptions[resourceType], name) {
			return invalid("Invalid BackupOptions: %s is not an option of resource type %s.", name, resourceType)
		}
		if value != "enabled" && value != "disabled" {
			return invalid("Invalid BackupOptions: %s must be enabled or disabled.", name)
		}
	}
	return nil
}
