package backuppolicy_test

import (
	"fmt"
	"strings"
	"testing"

	"strongroom/backuppolicy"
	"strongroom/backuppolicy/inheritance"
)

// The organization of the benchmarks: 500 organizational units five deep, 20 accounts in each, 200 policies of a usual size
// of which the root and every unit have one or two and every tenth account has one of its own.
const (
	benchUnits    = 500
	benchAccounts = 10000
	benchPolicies = 200
)

// unitParent is the unit above a unit, or -1 for the root: 4 units at the root, 3 to 5 below each other one, to a depth of 5.
func unitParent(i int) int { return i/4 - 1 }

func benchPolicy(b *testing.B, i int) *inheritance.Document {
	b.Helper()
	var rules []string
	for r := range 3 {
		vault := fmt.Sprintf("arn:aws:backup:eu-west-1:$account:backup-vault:Copy%d", r)
		rules = append(rules, fmt.Sprintf(`"Rule%d":{"schedule_expression":{"@@assign":"cron(0 %d ? * * *)"},"target_backup_vault_name":{"@@assign":"Vault%d"},
			"start_backup_window_minutes":{"@@assign":"480"},"lifecycle":{"move_to_cold_storage_after_days":{"@@assign":"30"},"delete_after_days":{"@@assign":"365"}},
			"copy_actions":{%q:{"target_backup_vault_arn":{"@@assign":%q},"lifecycle":{"delete_after_days":{"@@assign":"365"}}}}}`, r, i%24, i%7, vault, vault))
	}
	policy, err := backuppolicy.Parse(fmt.Sprintf(`{"plans":{"Plan%d":{"regions":{"@@append":["eu-central-1","eu-west-%d"]},"rules":{%s},
		"selections":{"tags":{"Tagged":{"iam_role_arn":{"@@assign":"arn:aws:iam::$account:role/Backup"},"tag_key":{"@@assign":"backup"},"tag_value":{"@@append":["v%d","all"]}}}},
		"backup_plan_tags":{"owner":{"tag_key":{"@@assign":"owner"},"tag_value":{"@@assign":"team%d"}}}}}}`, i%4, 1+i%3, strings.Join(rules, ","), i%5, i))
	if err != nil {
		b.Fatal(err)
	}
	return policy.Document()
}

// BenchmarkOrganization is the effective policies of a whole organization, from its policies to the documents, the
// violations and the plans of every account.
func BenchmarkOrganization(b *testing.B) {
	policies := make([]inheritance.Attached, benchPolicies)
	for i := range policies {
		policies[i] = inheritance.Attached{PolicyID: fmt.Sprintf("p-%08d", i), Name: fmt.Sprint("policy ", i), Policy: benchPolicy(b, i)}
	}
	attach := func(target string, numbers ...int) (level []inheritance.Attached) {
		for _, n := range numbers {
			a := policies[n%benchPolicies]
			a.TargetID = target
			level = append(level, a)
		}
		return level
	}
	organization := func(account func(backuppolicy.Effective)) {
		root := (*inheritance.Merged)(nil).Extend(attach("r-root", 0, 1))
		units := make([]*inheritance.Merged, benchUnits)
		for i := range units {
			above := root
			if p := unitParent(i); p >= 0 {
				above = units[p]
			}
			units[i] = above.Extend(attach(fmt.Sprint("ou-", i), i, i*7))
		}
		for i := range benchAccounts {
			merged := units[i%benchUnits]
			if i%10 == 0 {
				merged = merged.Extend(attach(fmt.Sprintf("%012d", i), i*3))
			}
			account(backuppolicy.EffectiveOf(merged))
		}
	}
	depth := 0
	for i := benchUnits - 1; i >= 0; i = unitParent(i) {
		depth++
	}
	if depth != 5 {
		b.Fatalf("units stand %d deep", depth)
	}
	for _, part := range []struct {
		name string
		ask  func(backuppolicy.Effective)
	}{
		{"merge", func(backuppolicy.Effective) {}},
		{"documents", func(e backuppolicy.Effective) { e.Content() }},
		{"violations", func(e backuppolicy.Effective) { e.Violations() }},
		{"plans", func(e backuppolicy.Effective) { e.Plans() }},
		{"everything", func(e backuppolicy.Effective) { e.Content(); e.Violations(); e.Plans() }},
	} {
		b.Run(part.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				organization(part.ask)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/benchAccounts, "µs/account")
		})
	}
}

// BenchmarkParse reads a policy of a usual size.
func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		benchPolicy(b, 5)
	}
}
