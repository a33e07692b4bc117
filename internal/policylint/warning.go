package policylint

import (
	"fmt"
	"slices"
	"strings"

	"strongroom/backuppolicy"
	"strongroom/backuppolicy/inheritance"
)

// warning is about what the grammar allows. Hardly anybody means it, unless it is a note.
type warning struct {
	path, message string
	note          bool
}

// warnings are what the grammar allows and hardly anybody means.
func warnings(policy *backuppolicy.Policy) []warning {
	var all []warning
	root := policy.Document().Root
	for _, o := range root.Operations {
		all = append(all, warning{path: "", message: string(o.Operator) + " beside plans has no effect"})
	}
	var walk func(e *inheritance.Element, path string)
	walk = func(e *inheritance.Element, path string) {
		for _, o := range e.Operations {
			for _, v := range o.Values {
				if message := valueWarning(e.Key, v.Text); message != "" {
					all = append(all, warning{path: path, message: message})
				}
			}
			if message := duplicates(o); message != "" {
				all = append(all, warning{path: path, message: message})
			}
		}
		if e.Key == "lifecycle" && e.Child("move_to_cold_storage_after_days") == nil && e.Child("opt_in_to_archive_for_supported_resources") != nil {
			all = append(all, warning{path: path, message: "opt_in_to_archive_for_supported_resources has no effect without move_to_cold_storage_after_days"})
		}
		for _, c := range e.InOrder() {
			walk(c, path+"/"+c.Key)
		}
	}
	for _, plans := range root.Children {
		for _, plan := range plans.InOrder() {
			walk(plan, plans.Key+"/"+plan.Key)
			all = append(all, ruleWarnings(plan, plans.Key+"/"+plan.Key)...)
		}
	}
	return all
}

func ruleWarnings(plan *inheritance.Element, path string) (all []warning) {
	rules := plan.Child("rules")
	if rules == nil {
		return nil
	}
	for _, rule := range rules.InOrder() {
		at := path + "/rules/" + rule.Key
		if rule.Child("target_backup_vault_name") != nil && rule.Child("schedule_expression") == nil {
			all = append(all, warning{at, "without schedule_expression the rule runs at AWS Backup's default, cron(0 5 ? * * *)", true})
		}
		if actions := rule.Child("copy_actions"); actions != nil {
			for _, action := range actions.InOrder() {
				if action.Child("target_backup_vault_arn") == nil && action.Name != action.Key {
					all = append(all, warning{at + "/copy_actions/" + action.Key, "unless another policy gives target_backup_vault_arn, the copy goes to the vault that the key names in lower case", true})
				}
			}
		}
		if rule.Name != rule.Key {
			all = append(all, warning{at, fmt.Sprintf("the rule is called %s in the effective policy, and in the plans of the accounts", rule.Key), true})
		}
	}
	return all
}

// valueWarning is about a value where it stands.
func valueWarning(key, text string) string {
	lower := strings.ToLower(text)
	switch {
	case key == "regions" || key == "target_backup_vault_arn":
		region := text
		if key != "regions" {
			region = strings.Split(text, ":")[3]
		}
		if !slices.Contains(awsRegions, region) {
			return fmt.Sprintf("%s is no Region of AWS%s", region, nearestRegion(region))
		}
	case strings.HasSuffix(key, "_arn"):
	case strings.Contains(lower, "$account") || strings.Contains(lower, "${account") || strings.Contains(lower, "$region") || strings.Contains(lower, "${region"):
		return fmt.Sprintf("placeholders are replaced in ARNs only, and %s stays as it is", text)
	}
	return ""
}

func duplicates(o inheritance.Operation) string {
	for i, v := range o.Values {
		for _, before := range o.Values[:i] {
			if before.Text == v.Text {
				return fmt.Sprintf("%s lists %s twice", o.Operator, v.Text)
			}
		}
	}
	return ""
}

// awsRegions are the Regions of AWS as of November 2026. A server of one's own may have others.
var awsRegions = []string{
	"af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2",
	"ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7",
	"ca-central-1", "ca-west-1", "cn-north-1", "cn-northwest-1", "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1",
	"eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "eusc-de-east-1", "il-central-1", "me-central-1", "me-south-1",
	"mx-central-1", "sa-east-1", "us-east-1", "us-east-2", "us-gov-east-1", "us-gov-west-1", "us-west-1", "us-west-2",
}

func nearestRegion(text string) string {
	if best, ok := backuppolicy.Nearest(text, awsRegions); ok {
		return "; did you mean " + best + "?"
	}
	return ""
}
