package backuppolicy_test

import (
	"fmt"
	"log"

	"strongroom/backuppolicy"
	"strongroom/backuppolicy/inheritance"
)

// What an account gets from a policy at the root and one of its own, and where each value comes from.
func ExampleEffectivePolicy() {
	base, err := backuppolicy.Parse(`{"plans": {"Records": {
		"regions": {"@@assign": ["eu-central-1"], "@@operators_allowed_for_child_policies": ["@@append"]},
		"rules": {"Nightly": {"target_backup_vault_name": {"@@assign": "safe"}}},
		"selections": {"resources": {"Disks": {
			"iam_role_arn": {"@@assign": "arn:aws:iam::$account:role/backup"},
			"resource_types": {"@@assign": ["arn:aws:ec2:*:*:volume/*"]}}}}}}}`)
	if err != nil {
		log.Fatal(err)
	}
	own, err := backuppolicy.Parse(`{"plans": {"Records": {"regions": {"@@append": ["eu-west-1"], "@@remove": ["eu-central-1"]}}}}`)
	if err != nil {
		log.Fatal(err)
	}
	effective := backuppolicy.EffectivePolicy([][]inheritance.Attached{
		{{PolicyID: "p-base", Name: "base", TargetID: "r-root", Policy: base.Document()}},
		{{PolicyID: "p-own", Name: "own", TargetID: "111111111111", Policy: own.Document()}},
	})
	plan := effective.Plans()[0].For("111111111111", "eu-west-1")
	fmt.Println(plan.Name, plan.Regions, plan.Selections[0].IAMRoleARN)
	for _, origin := range effective.Provenance("plans/Records/regions") {
		fmt.Println(origin.Operator, "of", origin.Name, "at", origin.TargetID)
	}
	for _, ignored := range effective.Ignored() {
		fmt.Println("ignored:", ignored.Operator, ignored.Values, "of", ignored.Name)
	}
	fmt.Println("violations:", len(effective.Violations()))
	// Output:
	// Records [eu-central-1 eu-west-1] arn:aws:iam::111111111111:role/backup
	// @@assign of base at r-root
	// @@append of own at 111111111111
	// ignored: @@remove [eu-central-1] of own
	// violations: 0
}

// Errors name the element, its line and column, and what was likely meant.
func ExampleCheck() {
	_, problems := backuppolicy.Check(`{"plans": {"Records": {
	"regoins": {"@@assign": ["eu-central-1"]},
	"rules": {"Nightly": {"start_backup_window_minutes": {"@@assign": "30"}}}}}}`)
	for _, p := range problems {
		fmt.Println(p)
	}
	// Output:
	// plans/Records/regoins (line 2, column 2): there is no such key here; did you mean regions?
	// plans/Records/rules/Nightly/start_backup_window_minutes/@@assign (line 3, column 68): it must be a whole number of minutes, 60 or more
}
