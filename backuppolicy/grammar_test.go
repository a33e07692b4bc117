package backuppolicy_test

import (
	"strings"
	"testing"

	"strongroom/backuppolicy"
)

// Problems name the element, by the path that the author wrote, and say what would be right.
func TestProblems(t *testing.T) {
	t.Parallel()
	rule := func(text string) string { return `{"plans":{"P":{"rules":{"R":{` + text + `}}}}}` }
	lifecycle := func(text string) string { return rule(`"lifecycle":{` + text + `}`) }
	const (
		far     = "arn:aws:backup:eu-west-1:$account:backup-vault:Far"
		archive = `"opt_in_to_archive_for_supported_resources":{"@@assign":"true"}`
		cold    = `"move_to_cold_storage_after_days":{"@@assign":"30"},"delete_after_days":{"@@assign":"120"}`
	)
	for _, test := range []struct{ name, content, want string }{
		{"a mistyped key", `{"plans":{"P":{"Regoins":{}}}}`, "plans/P/Regoins (line 1, column 16): there is no such key here; did you mean regions?"},
		{"AWS Backup's spelling", rule(`"TargetBackupVaultName":{"@@assign":"v"}`), "did you mean target_backup_vault_name?"},
		{"nothing near", `{"plans":{"P":{"x":{}}}}`, "there is no such key here; there are advanced_backup_settings, backup_plan_tags, regions, rules, scan_settings, selections"},
		{"a key of an advanced setting", `{"plans":{"P":{"advanced_backup_settings":{"ec2":{"WindowsVSS":{"@@assign":"enabled"}}}}}}`, "did you mean windows_vss?"},
		{"a key within a setting", rule(`"schedule_expression":{"@@assign":"cron(0 5 ? * * *)","x":{}}`), "plans/P/rules/R/schedule_expression/x (line 1, column 84): a setting holds operators and no keys"},
		{"an operator at a container", `{"plans":{"P":{"rules":{"@@append":["x"]}}}}`, "plans/P/rules/@@append (line 1, column 25): operators that set values stand at settings"},
		{"no value", rule(`"target_backup_vault_name":{"@@assign":null}`), "null is no value"},
		{"a rate", rule(`"schedule_expression":{"@@assign":"rate(1 day)"}`), "it must be cron("},
		{"each minute", rule(`"schedule_expression":{"@@assign":"cron(* 5 ? * * *)"}`), "the minimum interval is one hour"},
		{"the thirtieth of February", rule(`"schedule_expression":{"@@assign":"cron(0 5 30 2 ? *)"}`), "the schedule never runs"},
		{"a year that is over", rule(`"schedule_expression":{"@@assign":"cron(0 5 1 1 ? 2020)"}`), "the schedule never runs"},
		{"a vault's ARN for its name", rule(`"target_backup_vault_name":{"@@assign":"` + far + `"}`), "and is no ARN"},
		{"another target than the key", rule(`"copy_actions":{"` + far + `":{"target_backup_vault_arn":{"@@assign":"arn:aws:backup:eu-west-1:222222222222:backup-vault:Far"}}}`), "the copy action's key must be the same ARN, and it is " + far},
		{"a placeholder in the wrong place", rule(`"copy_actions":{"arn:aws:backup:$region:$account:backup-vault:Far":{}}`), "a copy goes to a named Region"},
		{"a mistyped placeholder", rule(`"copy_actions":{"arn:aws:backup:eu-west-1:$acount:backup-vault:Far":{}}`), "needs $account or an account id of 12 digits, not $acount"},
		{"no placeholders", rule(`"target_logically_air_gapped_backup_vault_arn":{"@@assign":"` + far + `"}`), "with the placeholders $region and $account"},
		{"continuous for ever", rule(`"enable_continuous_backup":{"@@assign":"true"}`), "plans/P/rules/R/enable_continuous_backup (line 1, column 30): continuous backups are kept 1 to 35 days"},
		{"continuous and cold", rule(`"enable_continuous_backup":{"@@assign":"true"},"lifecycle":{"delete_after_days":{"@@assign":"35"},"move_to_cold_storage_after_days":{"@@assign":"1"}}`), "continuous backups do not move to cold storage"},
		{"archived too briefly", rule(`"schedule_expression":{"@@assign":"cron(0 5 1 * ? *)"},"lifecycle":{` + archive + `,"move_to_cold_storage_after_days":{"@@assign":"30"},"delete_after_days":{"@@assign":"119"}}`), "90 days or more greater"},
		{"archived daily", rule(`"schedule_expression":{"@@assign":"cron(0 5 ? * * *)"},"lifecycle":{` + archive + `,` + cold + `}`), "once in 28 days or more rarely"},
		{"archived twice a month", rule(`"schedule_expression":{"@@assign":"cron(0 5 1,15 * ? *)"},"lifecycle":{` + archive + `,` + cold + `}`), "once in 28 days or more rarely"},
		{"archived without a schedule", lifecycle(archive + `,` + cold), "once in 28 days or more rarely"},
		{"a copy archived daily", rule(`"schedule_expression":{"@@assign":"cron(0 5 ? * * *)"},"copy_actions":{"` + far + `":{"target_backup_vault_arn":{"@@assign":"` + far + `"},"lifecycle":{` + archive + `,` + cold + `}}}`), "once in 28 days or more rarely"},
		{"a mistyped resource type", `{"plans":{"P":{"selections":{"resources":{"S":{"resource_types":{"@@assign":["arn:aws:ec2:*:*:volumes/*"]}}}}}}}`, "did you mean arn:aws:ec2:*:*:volume/*?"},
		{"a resource", `{"plans":{"P":{"selections":{"resources":{"S":{"resource_types":{"@@assign":["arn:aws:dynamodb:eu-west-1:111111111111:table/orders-of-last-year"]}}}}}}}`, "it is no resource type that a backup policy can select"},
		{"a bare condition key", `{"plans":{"P":{"selections":{"resources":{"S":{"conditions":{"string_equals":{"c":{"condition_key":{"@@assign":"env"},"condition_value":{"@@assign":"x"}}}}}}}}}}`, "it must be aws:ResourceTag/ and a tag's key"},
		{"a rule's name", `{"plans":{"P":{"rules":{"a b":{}}}}}`, "plans/P/rules/a b (line 1, column 25): the name has 1 to 50"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, problems := backuppolicy.Check(test.content)
			if len(problems) != 1 || !strings.Contains(problems[0].Error(), test.want) {
				t.Errorf("problems are %v, want one with %q", problems, test.want)
			}
		})
	}
}

// Monthly schedules archive, in months of whatever length.
func TestRareSchedules(t *testing.T) {
	t.Parallel()
	for _, schedule := range []string{"cron(0 5 1 * ? *)", "cron(0 5 L * ? *)", "cron(0 5 28 2 ? *)", "cron(0 5 29 2 ? *)", "cron(0 5 ? * 1#1 *)", "cron(0 5 1 1,7 ? *)"} {
		_, problems := backuppolicy.Check(`{"plans":{"P":{"rules":{"R":{"schedule_expression":{"@@assign":"` + schedule + `"},"lifecycle":{
			"opt_in_to_archive_for_supported_resources":{"@@assign":true},"move_to_cold_storage_after_days":{"@@assign":1},"delete_after_days":{"@@assign":91}}}}}}}`)
		if len(problems) > 0 {
			t.Errorf("%s: %v", schedule, problems)
		}
	}
}

// GovCloud and China write their partition into resource types and roles.
func TestPartitions(t *testing.T) {
	t.Parallel()
	for _, partition := range []string{"aws", "aws-us-gov", "aws-cn"} {
		_, problems := backuppolicy.Check(`{"plans":{"P":{"selections":{"resources":{"S":{
			"iam_role_arn":{"@@assign":"arn:` + partition + `:iam::$account:role/x"},"resource_types":{"@@assign":["arn:` + partition + `:ec2:*:*:volume/*","arn:` + partition + `:s3:::*"]}}}}}}}`)
		if len(problems) > 0 {
			t.Errorf("%s: %v", partition, problems)
		}
	}
}
