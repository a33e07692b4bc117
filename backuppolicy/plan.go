package backuppolicy

import (
	"strings"

	"strongroom/backuppolicy/inheritance"
	"strongroom/rules"
)

// Plan is a backup plan that a policy hands down. There is one of it in every Region that it names.
type Plan struct {
	Name       string
	Regions    []string // whose resources it backs up
	Rules      []Rule
	Selections []Selection

	AdvancedBackupSettings []AdvancedBackupSetting
	ScanSettings           []ScanSetting
	Tags                   []rules.Tag
}

// Rule is a rule of a plan. What is not given is nil or empty; AWS Backup has defaults for it.
type Rule struct {
	Name                                   string
	ScheduleExpression                     string
	TargetBackupVaultName                  string
	TargetLogicallyAirGappedBackupVaultARN string // with $region and $account
	StartWindowMinutes                     *int64
	CompletionWindowMinutes                *int64
	EnableContinuousBackup                 bool
	Lifecycle                              rules.Lifecycle
	CopyActions                            []CopyAction
	RecoveryPointTags                      []rules.Tag
	IndexActions                           []string // resource types, EBS and S3
	ScanActions                            []ScanAction
}

// CopyAction copies what a rule backs up.
type CopyAction struct {
	DestinationBackupVaultARN string // with $account for the member's own
	Lifecycle                 rules.Lifecycle
}

// Selection assigns resources to a plan.
type Selection struct {
	Name       string
	IAMRoleARN string // with $account
	rules.Selection
}

// AdvancedBackupSetting holds options of a resource type, both spelled as AWS Backup's API does: EC2 and WindowsVSS.
type AdvancedBackupSetting struct {
	ResourceType string
	Options      map[string]string
}

// ScanAction has a scanner look at what a rule backs up.
type ScanAction struct {
	MalwareScanner string // GUARDDUTY
	ScanMode       string
}

// ScanSetting says what a scanner looks at, and as whom.
type ScanSetting struct {
	MalwareScanner string
	ResourceTypes  []string
	ScannerRoleARN string // with $account
}

// Plans are the plans of the effective policy, sorted by name. They mean something only where there are no violations.
func (e Effective) Plans() []Plan {
	var plans []Plan
	for _, n := range e.plans() {
		plans = append(plans, planOf(n))
	}
	return plans
}

func planOf(n *inheritance.Node) Plan {
	p := Plan{
		Name:                   n.Key(),
		Regions:                n.Child("regions").Texts(),
		AdvancedBackupSettings: advancedOf(n.Child("advanced_backup_settings")),
		Tags:                   tagsOf(n.Child("backup_plan_tags")),
	}
	for _, rule := range nonEmpty(n.Child("rules")) {
		p.Rules = append(p.Rules, ruleOf(rule))
	}
	for _, s := range nonEmpty(n.Child("selections").Child("tags")) {
		p.Selections = append(p.Selections, selectionOf(s, selectedTags(s)))
	}
	for _, s := range nonEmpty(n.Child("selections").Child("resources")) {
		p.Selections = append(p.Selections, selectionOf(s, selectedResources(s)))
	}
	for _, s := range nonEmpty(n.Child("scan_settings")) {
		p.ScanSettings = append(p.ScanSettings, ScanSetting{
			MalwareScanner: strings.ToUpper(s.Key()),
			ResourceTypes:  s.Child("resource_types").Texts(),
			ScannerRoleARN: s.Child("scanner_role_arn").Text(),
		})
	}
	return p
}

func ruleOf(n *inheritance.Node) Rule {
	r := Rule{
		Name:                                   n.Key(),
		ScheduleExpression:                     n.Child("schedule_expression").Text(),
		TargetBackupVaultName:                  n.Child("target_backup_vault_name").Text(),
		TargetLogicallyAirGappedBackupVaultARN: n.Child("target_logically_air_gapped_backup_vault_arn").Text(),
		StartWindowMinutes:                     minutes(n, "start_backup_window_minutes"),
		CompletionWindowMinutes:                minutes(n, "complete_backup_window_minutes"),
		EnableContinuousBackup:                 n.Child("enable_continuous_backup").Text() == "true",
		Lifecycle:                              lifecycleAt(n.Child("lifecycle")).lifecycle(),
		RecoveryPointTags:                      tagsOf(n.Child("recovery_point_tags")),
		IndexActions:                           n.Child("index_actions").Child("resource_types").Texts(),
	}
	for _, c := range nonEmpty(n.Child("copy_actions")) {
		target, given := text(c, "target_backup_vault_arn")
		if !given {
			target = c.Key() // which is in lower case, as AWS warns
		}
		r.CopyActions = append(r.CopyActions, CopyAction{target, lifecycleAt(c.Child("lifecycle")).lifecycle()})
	}
	for _, s := range nonEmpty(n.Child("scan_actions")) {
		r.ScanActions = append(r.ScanActions, ScanAction{strings.ToUpper(s.Key()), s.Child("scan_mode").Text()})
	}
	return r
}

func minutes(n *inheritance.Node, key string) *int64 {
	given, has := text(n, key)
	if !has {
		return nil
	}
	m := number(given)
	return &m
}

func tagsOf(n *inheritance.Node) []rules.Tag {
	var tags []rules.Tag
	for _, t := range nonEmpty(n) {
		tags = append(tags, rules.Tag{Key: t.Child("tag_key").Text(), Value: t.Child("tag_value").Text()})
	}
	return tags
}

func selectionOf(n *inheritance.Node, s rules.Selection) Selection {
	conditions := n.Child("conditions")
	s.StringEquals = conditionsOf(conditions.Child("string_equals"))
	s.StringNotEquals = conditionsOf(conditions.Child("string_not_equals"))
	s.StringLike = conditionsOf(conditions.Child("string_like"))
	s.StringNotLike = conditionsOf(conditions.Child("string_not_like"))
	return Selection{n.Key(), n.Child("iam_role_arn").Text(), s}
}

// selectedTags takes what has one of the values: each becomes an entry of ListOfTags, any of which suffices.
func selectedTags(n *inheritance.Node) rules.Selection {
	var s rules.Selection
	for _, value := range n.Child("tag_value").Texts() {
		s.ListOfTags = append(s.ListOfTags, rules.Tag{Key: n.Child("tag_key").Text(), Value: value})
	}
	return s
}

// selectedResources takes the types, or everything where only conditions or types to leave out are given.
func selectedResources(n *inheritance.Node) rules.Selection {
	s := rules.Selection{Resources: n.Child("resource_types").Texts(), NotResources: n.Child("not_resource_types").Texts()}
	if len(s.Resources) == 0 {
		s.Resources = []string{"*"}
	}
	return s
}

func conditionsOf(n *inheritance.Node) []rules.Tag {
	var tags []rules.Tag
	for _, c := range nonEmpty(n) {
		tags = append(tags, rules.Tag{Key: strings.TrimPrefix(c.Child("condition_key").Text(), resourceTag), Value: c.Child("condition_value").Text()})
	}
	return tags
}

// advancedNames are the spellings of AWS Backup's API.
var advancedNames = map[string]string{
	"ec2": "EC2", "s3": "S3", "windows_vss": "WindowsVSS", "backup_acls": "BackupACLs", "backup_object_tags": "BackupObjectTags",
}

func advancedOf(n *inheritance.Node) []AdvancedBackupSetting {
	var settings []AdvancedBackupSetting
	for _, resource := range nonEmpty(n) {
		options := map[string]string{}
		for _, option := range nonEmpty(resource) {
			options[advancedNames[option.Key()]] = option.Text()
		}
		settings = append(settings, AdvancedBackupSetting{advancedNames[resource.Key()], options})
	}
	return settings
}
