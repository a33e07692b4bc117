package backuppolicy_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strongroom/backuppolicy"
	"strongroom/backuppolicy/inheritance"
)

// author writes random backup policies that CreatePolicy takes, over few names, so that they meet.
type author struct {
	*rand.Rand
	t    *testing.T
	next int
}

func (a *author) pick(of ...string) string { return of[a.IntN(len(of))] }

// some joins those of the members that chance keeps: most of them.
func (a *author) some(members ...string) string {
	var kept []string
	for _, m := range members {
		if a.IntN(8) > 0 {
			kept = append(kept, m)
		}
	}
	return strings.Join(kept, ",")
}

func (a *author) control() string {
	return a.pick("", "", "", `"@@operators_allowed_for_child_policies":["@@append"],`, `"@@operators_allowed_for_child_policies":["@@none"],`)
}

func (a *author) assign(key, value string) string {
	return fmt.Sprintf(`%q:{%s"@@assign":%q}`, key, a.control(), value)
}

func (a *author) regions() string {
	return fmt.Sprintf(`"regions":{%s%q:["us-east-1",%q]}`, a.control(), a.pick("@@assign", "@@append", "@@append", "@@remove"), a.pick("eu-central-1", "eu-west-1"))
}

func (a *author) rule() string {
	target := "arn:aws:backup:eu-west-1:$account:backup-vault:" + a.pick("One", "Two")
	lifecycle := `"lifecycle":{` + a.some(a.assign("move_to_cold_storage_after_days", a.pick("1", "30")), a.assign("delete_after_days", a.pick("20", "200"))) + `}`
	continuous := `"enable_continuous_backup":{"@@assign":"true"},"lifecycle":{"delete_after_days":{"@@assign":"35"}}`
	return "{" + a.assign("target_backup_vault_name", a.pick("Default", "Safe")) + "," + a.some(
		a.assign("schedule_expression", a.pick("cron(0 5 ? * * *)", "cron(0 5 1 * ? *)")),
		a.assign("start_backup_window_minutes", a.pick("60", "480")),
		a.pick(lifecycle, lifecycle, continuous),
		fmt.Sprintf(`"copy_actions":{%q:{"target_backup_vault_arn":{"@@assign":%q}}}`, target, target),
		fmt.Sprintf(`"index_actions":{"resource_types":{%q:["EBS"]}}`, a.pick("@@assign", "@@append")),
		`"recovery_point_tags":{"Owner":{"tag_key":{"@@assign":"owner"},"tag_value":{"@@assign":"us"}}}`,
	) + "}"
}

func (a *author) selection() string {
	role := a.assign("iam_role_arn", "arn:aws:iam::$account:role/"+a.pick("Backup", "Other"))
	tags := fmt.Sprintf(`"tags":{"S":{%s,"tag_key":{"@@assign":"k"},"tag_value":{%s%q:["a",%q]}}}`, role, a.control(), a.pick("@@assign", "@@append", "@@append", "@@remove"), a.pick("b", "c"))
	types := fmt.Sprintf(`"resources":{"T":{%s,"resource_types":{"@@assign":[%q]}}}`, role, a.pick("*", "arn:aws:ec2:*:*:volume/*"))
	return `"selections":{` + a.some(tags, types) + `}`
}

func (a *author) plan() string {
	return fmt.Sprintf(`{%s%s}`, a.control(), a.some(a.regions(), a.rules(), a.selection()))
}

// rules are the rules of a plan.
func (a *author) rules() string {
	var all []string
	for i := range 1 + a.IntN(3) {
		all = append(all, fmt.Sprintf(`"Rule%d":%s`, i, a.rule()))
	}
	for i := range a.pick("", "", "123456789") {
		all = append(all, fmt.Sprintf(`"More%d":{%s}`, i, a.assign("target_backup_vault_name", "Default")))
	}
	return `"rules":{` + a.control() + strings.Join(all, ",") + `}`
}

func (a *author) policy(target string) inheritance.Attached {
	content := strings.ReplaceAll(fmt.Sprintf(`{"plans":{%s%s}}`, a.control(), a.some(`"P":`+a.plan(), `"Q":`+a.plan())), ",}", "}")
	policy, err := backuppolicy.Parse(content)
	if err != nil {
		a.t.Fatalf("%v\n%s", err, content)
	}
	a.next++
	id := fmt.Sprint("p-", a.next)
	return inheritance.Attached{PolicyID: id, Name: id, TargetID: target, Policy: policy.Document()}
}

func (a *author) levels() (levels [][]inheritance.Attached) {
	for i := range 1 + a.IntN(4) {
		var level []inheritance.Attached
		for range a.IntN(3) {
			level = append(level, a.policy(fmt.Sprint("level ", i)))
		}
		levels = append(levels, level)
	}
	return levels
}

func authors(t *testing.T, law func(a *author)) {
	t.Helper()
	for seed := range uint64(150) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { law(&author{rand.New(rand.NewPCG(seed, 11)), t, 0}) })
	}
}

// An effective policy without violations is a policy: it reads back, means the same, and gives the same plans.
func TestValidEffectivePoliciesReadBack(t *testing.T) {
	t.Parallel()
	valid := 0
	authors(t, func(a *author) {
		effective := backuppolicy.EffectivePolicy(a.levels())
		if len(effective.Violations()) > 0 || len(effective.Plans()) == 0 {
			return
		}
		valid++
		policy, problems := backuppolicy.Check(string(effective.AsPolicy()))
		for _, p := range problems {
			// That continuous backups go cold CreatePolicy refuses in one policy, and nobody in two.
			if !strings.HasPrefix(p.Reason, "continuous backups do not move") {
				a.t.Errorf("%v\n%s", p, effective.AsPolicy())
			}
		}
		if policy == nil {
			return
		}
		again := backuppolicy.EffectivePolicy([][]inheritance.Attached{{{PolicyID: "p", Policy: policy.Document()}}})
		if diff := cmp.Diff(effective.Plans(), again.Plans()); diff != "" {
			a.t.Errorf("plans (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(string(effective.Content()), string(again.Content())); diff != "" || len(again.Violations()) > 0 {
			a.t.Errorf("content (-want +got):\n%s\n%v", diff, again.Violations())
		}
	})
	if valid < 10 {
		t.Errorf("only %d effective policies are valid, so that the law says little", valid)
	}
}

// Violations name policies that are attached, and paths that are in the policy.
func TestViolationsNameTheirPlace(t *testing.T) {
	t.Parallel()
	found := 0
	authors(t, func(a *author) {
		levels := a.levels()
		known := map[string]bool{}
		for _, level := range levels {
			for _, p := range level {
				known[p.PolicyID] = true
			}
		}
		effective := backuppolicy.EffectivePolicy(levels)
		for _, v := range effective.Violations() {
			found++
			if effective.Merged().Root().At(v.Path) == nil || len(v.PolicyIDs) == 0 {
				a.t.Errorf("a violation of nothing or nobody: %+v", v)
			}
			for _, id := range v.PolicyIDs {
				if !known[id] {
					a.t.Errorf("nobody attached %s: %+v", id, v)
				}
			}
		}
	})
	if found == 0 {
		t.Error("there are no violations, so that the law says nothing")
	}
}

// Every plan is complete where there is no violation, and in a member no placeholder is left.
func TestValidPlansAreComplete(t *testing.T) {
	t.Parallel()
	authors(t, func(a *author) {
		effective := backuppolicy.EffectivePolicy(a.levels())
		if len(effective.Violations()) > 0 {
			return
		}
		for _, p := range effective.Plans() {
			before, err := json.Marshal(p)
			if err != nil {
				a.t.Fatal(err)
			}
			member := p.For("111111111111", "eu-west-1")
			text, err := json.Marshal(member)
			if err != nil {
				a.t.Fatal(err)
			}
			if strings.Contains(string(text), "$") {
				a.t.Errorf("a placeholder is left in %s", text)
			}
			if after, err := json.Marshal(p); err != nil || string(after) != string(before) {
				a.t.Errorf("the plan was changed to %s", after)
			}
			if len(p.Regions) == 0 || len(p.Rules) == 0 || len(p.Rules) > 10 || len(p.Selections) == 0 {
				a.t.Errorf("the plan is incomplete: %s", text)
			}
			for _, r := range member.Refusals() {
				if r.Message == "" || r.Fix.Advice == "" {
					a.t.Errorf("a refusal says nothing: %+v", r)
				}
			}
		}
	})
}

// FuzzCheck holds that what is taken merges, reads back, and gives plans without a panic; and that every problem points into
// the text.
func FuzzCheck(f *testing.F) {
	for _, plan := range []string{
		`"regions":{"@@assign":["us-east-1"]},"rules":{"R":{"target_backup_vault_name":{"@@assign":"V"}}}`,
		`"rules":{"R":{"schedule_expression":{"@@assign":"cron(0 5 ? * * *)"},"start_backup_window_minutes":{"@@assign":60}}}`,
		`"rules":{"R":{"enable_continuous_backup":{"@@assign":true},"lifecycle":{"delete_after_days":{"@@assign":"35"}}}}`,
		`"selections":{"tags":{"S":{"iam_role_arn":{"@@assign":"arn:aws:iam::$account:role/R"},"tag_key":{"@@assign":"k"},"tag_value":{"@@append":["v"]}}}}`,
		`"scan_settings":{"GUARDDUTY":{"resource_types":{"@@assign":["EBS"]}}},"advanced_backup_settings":{"s3":{"backup_acls":{"@@assign":"enabled"}}}`,
		`"selections":{"resources":{"S":{"conditions":{"string_like":{"c":{"condition_key":{"@@assign":"aws:ResourceTag/a"},"condition_value":{"@@assign":"b*"}}}}}}}`,
	} {
		f.Add(`{"plans":{"P":{` + plan + `}}}`)
	}
	f.Fuzz(func(t *testing.T, content string) {
		policy, problems := backuppolicy.Check(content)
		for _, p := range problems {
			if p.Position.Offset < 0 || p.Position.Offset > len(content) || p.Reason == "" || p.Position.Line < 1 {
				t.Errorf("a problem of nothing: %+v", p)
			}
		}
		if (policy == nil) != (len(problems) > 0) {
			t.Fatalf("policy %v with problems %v", policy, problems)
		}
		if policy == nil {
			return
		}
		effective := backuppolicy.EffectivePolicy([][]inheritance.Attached{{{PolicyID: "p", Policy: policy.Document()}}})
		violations := effective.Violations()
		if len(effective.Ignored()) > 0 {
			t.Errorf("one policy alone is ignored in part: %+v", effective.Ignored())
		}
		again, problems := backuppolicy.Check(string(effective.AsPolicy()))
		if again == nil {
			if len(violations) == 0 && len(effective.Plans()) > 0 {
				t.Fatalf("%v\n%s", problems, effective.AsPolicy())
			}
			return
		}
		twice := backuppolicy.EffectivePolicy([][]inheritance.Attached{{{PolicyID: "p", Policy: again.Document()}}})
		if diff := cmp.Diff(effective.Plans(), twice.Plans()); diff != "" {
			t.Errorf("plans (-first +second):\n%s", diff)
		}
		for _, p := range effective.Plans() {
			p.For("111111111111", "eu-west-1").Refusals()
		}
	})
}
