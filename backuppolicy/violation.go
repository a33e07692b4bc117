package backuppolicy

import (
	"fmt"
	"slices"
	"strings"

	"strongroom/backuppolicy/inheritance"
)

// Codes of violations, as ListEffectivePolicyValidationErrors gives them.
// https://docs.aws.amazon.com/organizations/latest/userguide/invalid-policy-alerts.html names the first three; the fourth is
// what AWS reports of settings that do not go together.
const (
	ElementsTooMany = "ELEMENTS_TOO_MANY"
	ElementsTooFew  = "ELEMENTS_TOO_FEW"
	KeyRequired     = "KEY_REQUIRED"
	CrossAttribute  = "CROSS_ATTRIBUTE_VALIDATION"
)

// Violation is why an effective policy is invalid.
type Violation struct {
	Code      string
	Message   string
	Path      string   // keys divided by slashes
	PolicyIDs []string // that contribute to it
}

// Violations says why the effective policy is invalid, in the order of its keys; none if it is valid. A violation that two
// copy actions of one rule share is told once, as AWS does.
func (e Effective) Violations() []Violation {
	var v violations
	for _, plan := range e.plans() {
		v.plan(plan)
	}
	return v
}

type violations []Violation

func (v *violations) add(code, message, path string, contributors ...*inheritance.Node) {
	found := Violation{Code: code, Message: message, Path: path}
	for _, n := range contributors {
		for _, origin := range n.Contributors() {
			if !slices.Contains(found.PolicyIDs, origin.PolicyID) {
				found.PolicyIDs = append(found.PolicyIDs, origin.PolicyID)
			}
		}
	}
	for i, known := range *v {
		if known.Code == code && known.Message == message && known.Path == path {
			for _, id := range found.PolicyIDs {
				if !slices.Contains(known.PolicyIDs, id) {
					(*v)[i].PolicyIDs = append((*v)[i].PolicyIDs, id)
				}
			}
			return
		}
	}
	*v = append(*v, found)
}

// require asks that a key of a node hold something, and of a list that it be not empty.
func (v *violations) require(n *inheritance.Node, keys ...string) {
	for _, key := range keys {
		c := n.Child(key)
		switch {
		case c.IsEmpty():
			v.add(KeyRequired, fmt.Sprintf("'%s' is missing", key), n.Path(), n)
		case c.IsList() && len(c.Texts()) == 0:
			v.tooFew(c)
		}
	}
}

func (v *violations) tooFew(list *inheritance.Node) {
	v.add(ElementsTooFew, fmt.Sprintf("'%s' is less than the allowed minimum limit 1", list.Key()), list.Path(), list)
}

func (v *violations) plan(plan *inheritance.Node) {
	v.require(plan, "regions", "rules", "selections")
	all := nonEmpty(plan.Child("rules"))
	if len(all) > maxRules {
		v.add(ElementsTooMany, fmt.Sprintf("'rules' exceeds the allowed maximum limit %d", maxRules), plan.Child("rules").Path(), plan.Child("rules"))
	}
	for _, rule := range all {
		v.rule(plan, rule)
	}
	for _, tag := range nonEmpty(plan.Child("backup_plan_tags")) {
		v.require(tag, "tag_key", "tag_value")
	}
	for _, selection := range nonEmpty(plan.Child("selections").Child("tags")) {
		v.require(selection, "iam_role_arn", "tag_key", "tag_value")
		v.conditions(selection)
	}
	for _, selection := range nonEmpty(plan.Child("selections").Child("resources")) {
		v.require(selection, "iam_role_arn")
		if types := selection.Child("resource_types"); types.HasValue() && len(types.Texts()) == 0 {
			v.tooFew(types)
		}
		v.conditions(selection)
	}
}

func (v *violations) conditions(selection *inheritance.Node) {
	for _, operator := range nonEmpty(selection.Child("conditions")) {
		for _, condition := range nonEmpty(operator) {
			v.require(condition, "condition_key", "condition_value")
		}
	}
}

func (v *violations) rule(plan, rule *inheritance.Node) {
	v.require(rule, "target_backup_vault_name")
	lifecycle := rule.Child("lifecycle")
	own := lifecycleAt(lifecycle)
	if on, _ := text(rule, "enable_continuous_backup"); on == "true" && !own.keepsAtMost(maxContinuousDays) {
		v.dependent(rule, []*inheritance.Node{rule.Child("enable_continuous_backup"), lifecycle.Child("delete_after_days")},
			"enable_continuous_backup", "delete_after_days")
	}
	v.archive(rule, lifecycle)
	for _, action := range nonEmpty(rule.Child("copy_actions")) {
		v.archive(rule, action.Child("lifecycle"))
	}
	if scan := rule.Child("scan_actions"); !scan.IsEmpty() && plan.Child("scan_settings").IsEmpty() {
		// AWS calls both undefined, the one that is there as well.
		v.add(CrossAttribute, dependentFields(rule, "scan_actions(undefined)", "scan_settings(undefined)"), rule.Path(), scan)
	}
	for _, tag := range nonEmpty(rule.Child("recovery_point_tags")) {
		v.require(tag, "tag_key", "tag_value")
	}
}

// archive holds the opt-in to archiving against retention and schedule. AWS reports it at the rule, of copy actions too.
func (v *violations) archive(rule, lifecycle *inheritance.Node) {
	l := lifecycleAt(lifecycle)
	if l.archive != "true" {
		return
	}
	optIn := lifecycle.Child("opt_in_to_archive_for_supported_resources")
	if !l.coldLongEnough() {
		v.dependent(rule, []*inheritance.Node{optIn, lifecycle.Child("delete_after_days"), lifecycle.Child("move_to_cold_storage_after_days")},
			"opt_in_to_archive_for_supported_resources", "delete_after_days", "move_to_cold_storage_after_days")
	}
	if schedule, _ := text(rule, "schedule_expression"); !monthly(schedule) {
		v.dependent(rule, []*inheritance.Node{optIn, rule.Child("schedule_expression")},
			"opt_in_to_archive_for_supported_resources", "schedule_expression")
	}
}

// dependent reports settings of a rule that do not go together.
func (v *violations) dependent(rule *inheritance.Node, nodes []*inheritance.Node, keys ...string) {
	fields := make([]string, 0, len(keys))
	for i, key := range keys {
		if nodes[i].HasValue() {
			fields = append(fields, key+"="+nodes[i].Text())
		} else {
			fields = append(fields, key+"(undefined)")
		}
	}
	v.add(CrossAttribute, dependentFields(rule, fields...), rule.Path(), nodes...)
}

func dependentFields(rule *inheritance.Node, fields ...string) string {
	return fmt.Sprintf("Dependent fields %s in policy block %s are invalid when used together", strings.Join(fields, ","), rule.Key())
}

func lifecycleAt(n *inheritance.Node) lifecycleText {
	return lifecycleOf(func(key string) (string, bool) { return text(n, key) })
}
