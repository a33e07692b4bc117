package backuppolicy

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"strongroom/backuppolicy/inheritance"
	"strongroom/rules"
)

// The grammar, key by key, in the order of the page
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_backup_syntax.html.

var policySchema = &schema{fields: map[string]*schema{
	"plans": {named: planSchema, name: checkPlanName},
}}

var planSchema = &schema{fields: map[string]*schema{
	"regions":                  {setting: &settingSchema{list: true, empty: true, check: checkRegion}},
	"rules":                    {named: ruleSchema, name: checkName},
	"selections":               {fields: selectionFields},
	"advanced_backup_settings": {fields: advancedFields},
	"backup_plan_tags":         {named: tagSchema, name: anyName},
	"scan_settings":            {fields: map[string]*schema{"guardduty": scanSettingSchema}},
}}

var ruleSchema = &schema{
	fields: map[string]*schema{
		"schedule_expression":                          single(checkSchedule),
		"target_backup_vault_name":                     single(checkVaultName),
		"target_logically_air_gapped_backup_vault_arn": single(checkAirGappedVault),
		"start_backup_window_minutes":                  single(checkWindow),
		"complete_backup_window_minutes":               single(checkWindow),
		"enable_continuous_backup":                     single(checkBool),
		"lifecycle":                                    lifecycleSchema,
		"copy_actions":                                 {named: copyActionSchema, name: checkCopyTarget},
		"recovery_point_tags":                          {named: tagSchema, name: anyName},
		"index_actions":                                {fields: map[string]*schema{"resource_types": list(oneOf("EBS", "S3"))}},
		"scan_actions": {fields: map[string]*schema{"guardduty": {
			fields: map[string]*schema{"scan_mode": single(oneOf("INCREMENTAL_SCAN", "FULL_SCAN"))},
			whole:  needs("scan_mode"),
		}}},
	},
	whole: checkRule,
}

var lifecycleSchema = &schema{fields: map[string]*schema{
	"move_to_cold_storage_after_days":           single(checkDays),
	"delete_after_days":                         single(checkDays),
	"opt_in_to_archive_for_supported_resources": single(checkBool),
}}

var copyActionSchema = &schema{
	fields: map[string]*schema{
		"target_backup_vault_arn": single(checkCopyTarget),
		"lifecycle":               lifecycleSchema,
	},
	whole: func(e *inheritance.Element, report func(*inheritance.Element, string)) {
		target, given := assignedText(e, "target_backup_vault_arn")
		switch {
		case len(e.Children) == 0 && e.Control == nil:
			report(e, "the copy action is empty; it needs target_backup_vault_arn")
		case given && !strings.EqualFold(target, e.Name):
			report(e.Child("target_backup_vault_arn"), "the copy action's key must be the same ARN, and it is "+e.Name)
		}
	},
}

// tagSchema is a tag of a plan or of recovery points.
var tagSchema = &schema{
	fields: map[string]*schema{
		"tag_key":   single(checkTagKey),
		"tag_value": single(checkTagValue),
	},
	whole: func(e *inheritance.Element, report func(*inheritance.Element, string)) {
		needs("tag_key", "tag_value")(e, report)
		if key, given := assignedText(e, "tag_key"); given && !strings.EqualFold(key, e.Name) {
			report(e.Child("tag_key"), "a tag's tag_key must be the key that it stands under, and that is "+e.Name)
		}
	},
}

var selectionFields = map[string]*schema{
	"tags": {name: checkName, named: &schema{
		fields: map[string]*schema{
			"iam_role_arn": single(checkRole),
			"tag_key":      single(checkTagKey),
			"tag_value":    list(checkTagValue),
			"conditions":   {fields: conditionFields},
		},
		whole: needs("tag_key", "tag_value"),
	}},
	"resources": {name: checkName, named: &schema{
		fields: map[string]*schema{
			"iam_role_arn":       single(checkRole),
			"resource_types":     list(checkResourceType),
			"not_resource_types": list(checkResourceType),
			"conditions":         {fields: conditionFields},
		},
		whole: func(e *inheritance.Element, report func(*inheritance.Element, string)) {
			if e.Child("resource_types") == nil && e.Child("not_resource_types") == nil && e.Child("conditions") == nil && e.Control == nil {
				report(e, "the selection selects nothing; it needs resource_types, not_resource_types or conditions")
			}
		},
	}},
}

var conditionFields = map[string]*schema{
	"string_equals":     {named: conditionSchema, name: anyName},
	"string_not_equals": {named: conditionSchema, name: anyName},
	"string_like":       {named: conditionSchema, name: anyName},
	"string_not_like":   {named: conditionSchema, name: anyName},
}

var conditionSchema = &schema{
	fields: map[string]*schema{
		"condition_key":   single(checkConditionKey),
		"condition_value": single(checkTagValue),
	},
	whole: needs("condition_key", "condition_value"),
}

var advancedFields = map[string]*schema{
	"ec2": {fields: map[string]*schema{"windows_vss": single(oneOf("enabled", "disabled"))}},
	"s3": {fields: map[string]*schema{
		"backup_acls":        single(oneOf("enabled", "disabled")),
		"backup_object_tags": single(oneOf("enabled", "disabled")),
	}},
}

var scanSettingSchema = &schema{fields: map[string]*schema{
	"resource_types":   list(oneOf("EBS", "EC2", "S3", "ALL")),
	"scanner_role_arn": single(checkRole),
}}

func single(check func(string) string) *schema {
	return &schema{setting: &settingSchema{check: check}}
}

func list(check func(string) string) *schema {
	return &schema{setting: &settingSchema{list: true, check: check}}
}

// needs asks that keys be there. A policy that only says what children may do needs none.
func needs(keys ...string) func(*inheritance.Element, func(*inheritance.Element, string)) {
	return func(e *inheritance.Element, report func(*inheritance.Element, string)) {
		if len(e.Children) == 0 && e.Control != nil {
			return
		}
		for _, key := range keys {
			if e.Child(key) == nil {
				report(e, "it needs "+key)
			}
		}
	}
}

// assignedText is what an element's single-valued setting assigns.
func assignedText(e *inheritance.Element, key string) (text string, given bool) {
	c := e.Child(key)
	if c == nil {
		return "", false
	}
	for _, o := range c.Operations {
		if o.Operator == inheritance.Assign && len(o.Values) == 1 {
			return o.Values[0].Text, true
		}
	}
	return "", false
}

// checkRule checks settings of one rule that do not go together. CreatePolicy refuses them where one policy says both, and
// asks that a policy which turns something on says also what that needs.
func checkRule(e *inheritance.Element, report func(*inheritance.Element, string)) {
	var lifecycle lifecycleText
	if l := e.Child("lifecycle"); l != nil {
		lifecycle = lifecycleOf(func(key string) (string, bool) { return assignedText(l, key) })
	}
	schedule, scheduled := assignedText(e, "schedule_expression")
	if on, _ := assignedText(e, "enable_continuous_backup"); on == "true" {
		at := e.Child("enable_continuous_backup")
		if !lifecycle.keepsAtMost(maxContinuousDays) {
			report(at, "continuous backups are kept 1 to 35 days; the same policy must give the rule's lifecycle a delete_after_days of that")
		}
		if lifecycle.hasMove {
			report(at, "continuous backups do not move to cold storage; leave out move_to_cold_storage_after_days")
		}
	}
	refuseArchive := func(at *inheritance.Element, l lifecycleText) {
		if l.archive != "true" {
			return
		}
		if !l.coldLongEnough() {
			report(at, "archiving needs move_to_cold_storage_after_days and a delete_after_days that is 90 days or more greater, in the same policy")
		}
		if !scheduled || !monthly(schedule) {
			report(at, "archiving needs a schedule_expression that runs once in 28 days or more rarely, in the same policy")
		}
	}
	refuseArchive(e.Child("lifecycle"), lifecycle)
	if actions := e.Child("copy_actions"); actions != nil {
		for _, action := range actions.Children {
			if l := action.Child("lifecycle"); l != nil {
				refuseArchive(l, lifecycleOf(func(key string) (string, bool) { return assignedText(l, key) }))
			}
		}
	}
}

const invalidRegion = "it is no Region, such as eu-central-1"

var (
	regionPattern    = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$`)
	digits           = regexp.MustCompile(`^[0-9]{1,16}$`)
	vaultNamePattern = regexp.MustCompile(`^[a-zA-Z0-9\-_]{1,50}$`)
	roleARNPattern   = regexp.MustCompile(`^arn:aws(-[a-z]+)*:iam::\$account:role/.+$`)
	vaultARNPattern  = regexp.MustCompile(`^arn:aws(-[a-z]+)*:backup:([^:]+):([^:]+):backup-vault:([a-zA-Z0-9\-_]{1,50})$`)
	accountPattern   = regexp.MustCompile(`^\d{12}$`)
)

func checkPlanName(name string) string {
	if !rules.NamePattern.MatchString(name) {
		return "a plan's name has 1 to 50 letters, digits, dots, hyphens and underscores"
	}
	return ""
}

// checkName checks the name of a rule or a selection, which becomes one of AWS Backup.
func checkName(name string) string {
	if !rules.NamePattern.MatchString(name) {
		return "the name has 1 to 50 letters, digits, dots, hyphens and underscores"
	}
	return ""
}

func anyName(name string) string {
	if name == "" {
		return "the key is empty"
	}
	return ""
}

func checkRegion(text string) string {
	if !regionPattern.MatchString(text) {
		return invalidRegion
	}
	return ""
}

// schedulesFrom is when schedules are looked at from. CreatePolicy looks from the day it is asked, so that a policy it took
// once it may refuse later; a policy that was right stays right here.
var schedulesFrom = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// checkSchedule takes what AWS Backup takes but for rates, and for schedules that do not run any more, which CreatePolicy
// refuses.
func checkSchedule(text string) string {
	if !strings.HasPrefix(text, "cron(") {
		return "it must be cron(minutes hours day-of-month month day-of-week year)"
	}
	schedule, err := rules.ParseSchedule(text)
	switch {
	case err != nil:
		return err.Error()
	case schedule.Next(schedulesFrom, time.UTC).IsZero():
		return "the schedule never runs, or ran for the last time before 2026"
	}
	return ""
}

func checkVaultName(text string) string {
	if !vaultNamePattern.MatchString(text) {
		return "a vault's name has 1 to 50 letters, digits, hyphens and underscores, and is no ARN"
	}
	return ""
}

func checkAirGappedVault(text string) string {
	parts := vaultARNPattern.FindStringSubmatch(text)
	if parts == nil || parts[2] != "$region" || parts[3] != "$account" {
		return "it must be a vault's ARN with the placeholders $region and $account: arn:aws:backup:$region:$account:backup-vault:NAME"
	}
	return ""
}

func checkCopyTarget(text string) string {
	parts := vaultARNPattern.FindStringSubmatch(text)
	switch {
	case parts == nil:
		return "it must be a vault's ARN: arn:aws:backup:eu-central-1:$account:backup-vault:NAME"
	case parts[2] == "$region":
		return "a copy goes to a named Region; $region stands only in target_logically_air_gapped_backup_vault_arn"
	case !regionPattern.MatchString(parts[2]):
		return "the vault's ARN has no valid Region: " + parts[2]
	case parts[3] != "$account" && !accountPattern.MatchString(parts[3]):
		return "the vault's ARN needs $account or an account id of 12 digits, not " + parts[3]
	}
	return ""
}

// checkWindow has no upper bound of its own: CreatePolicy takes sixteen digits.
func checkWindow(text string) string {
	if !digits.MatchString(text) || number(text) < minWindow {
		return "it must be a whole number of minutes, 60 or more"
	}
	return ""
}

// checkDays has no upper bound, and no relation to the other days: CreatePolicy asks for neither.
func checkDays(text string) string {
	if !digits.MatchString(text) || number(text) < 1 {
		return "it must be a whole number of days, 1 or more"
	}
	return ""
}

func checkBool(text string) string { return oneOf("true", "false")(text) }

func checkRole(text string) string {
	if !roleARNPattern.MatchString(text) {
		return "it must be a role's ARN with $account in place of the account: arn:aws:iam::$account:role/NAME"
	}
	return ""
}

func checkTagKey(text string) string {
	if n := utf8.RuneCountInString(text); n < 1 || n > 128 || strings.HasPrefix(text, "aws:") {
		return "a tag's key has 1 to 128 characters and does not begin with aws:"
	}
	return ""
}

func checkTagValue(text string) string {
	if utf8.RuneCountInString(text) > 256 {
		return "a tag's value has no more than 256 characters"
	}
	return ""
}

const resourceTag = "aws:ResourceTag/"

func checkConditionKey(text string) string {
	if len(text) <= len(resourceTag) || !strings.HasPrefix(text, resourceTag) {
		return "it must be aws:ResourceTag/ and a tag's key"
	}
	return ""
}

// resourceTypes are what Organizations lets policies select, in the partition aws.
var resourceTypes = []string{
	"*",
	"arn:aws:backup-gateway:*:*:vm/*",
	"arn:aws:cloudformation:*:*:stack/*",
	"arn:aws:dsql:*:*:cluster/*",
	"arn:aws:dynamodb:*:*:table/*",
	"arn:aws:ec2:*:*:instance/*",
	"arn:aws:ec2:*:*:volume/*",
	"arn:aws:elasticfilesystem:*:*:file-system/*",
	"arn:aws:rds:*:*:cluster:*",
	"arn:aws:rds:*:*:db:*",
	"arn:aws:redshift:*:*:cluster:*",
	"arn:aws:redshift-serverless:*:*:namespace/*",
	"arn:aws:s3:::*",
	"arn:aws:ssm-sap:*:*:HANA/*",
	"arn:aws:storagegateway:*:*:gateway/*",
	"arn:aws:timestream:*:*:database/*",
	"arn:aws:fsx:*:*:file-system/*",
	"arn:aws:fsx:*:*:volume/*",
	"arn:aws:eks:*:*:cluster/*",
}

var partition = regexp.MustCompile(`^arn:aws(-[a-z]+)*:`)

func checkResourceType(text string) string {
	if slices.Contains(resourceTypes, partition.ReplaceAllString(text, "arn:aws:")) {
		return ""
	}
	if best, near := Nearest(text, resourceTypes); near {
		return "it is no resource type that a backup policy can select; did you mean " + best + "?"
	}
	return "it is no resource type that a backup policy can select"
}

func oneOf(values ...string) func(string) string {
	return func(text string) string {
		if slices.Contains(values, text) {
			return ""
		}
		return "it must be " + strings.Join(values, " or ")
	}
}

// number is the value of up to sixteen digits.
func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return -1
	}
	return n
}
