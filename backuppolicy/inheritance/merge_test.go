package inheritance_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strongroom/backuppolicy/inheritance"
)

// attached parses a policy and attaches it.
func attached(t *testing.T, id, target, content string) inheritance.Attached {
	t.Helper()
	document, err := inheritance.Parse(content, inheritance.FoldAll)
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	return inheritance.Attached{PolicyID: id, Name: "policy " + id, TargetID: target, Policy: document}
}

// setting wraps what stands at tags/k/v into a policy.
func setting(operators string) string { return `{"tags":{"k":{"v":{` + operators + `}}}}` }

// Two policies at the root, in the order of attachment, and one at the account; an empty one is not attached. The wanted
// values are what DescribeEffectivePolicy was seen to answer, with tag policies, on 2026-09-13:
// https://github.com/radkawar/stackd, testdata/aws/iam/organizations_effective_policy.json.
func TestMergesAsSeenAtAWS(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, first, second, account, want string }{
		{"replace", `"@@assign":["red","blue"]`, ``, `"@@assign":["green"]`, `["green"]`},
		{"append", `"@@assign":["red","blue"]`, ``, `"@@append":["blue","green"]`, `["red","blue","green"]`},
		{"remove", `"@@assign":["red","blue"]`, ``, `"@@remove":["red","missing"]`, `["blue"]`},
		{"lock", `"@@assign":["red"],"@@operators_allowed_for_child_policies":["@@none"]`, ``, `"@@assign":["green"]`, `["red"]`},
		{"append only", `"@@assign":["red"],"@@operators_allowed_for_child_policies":["@@append"]`, ``, `"@@append":["green"]`, `["red","green"]`},
		{
			"no unlocking", `"@@assign":["red"],"@@operators_allowed_for_child_policies":["@@append"]`, ``,
			`"@@assign":["green"],"@@operators_allowed_for_child_policies":["@@all"]`, `["red"]`,
		},
		{"assigned twice at a level", `"@@assign":["red","blue"]`, `"@@assign":["blue","green"]`, ``, `["red","blue"]`},
		{"removed at the same level", `"@@assign":["red","blue"]`, `"@@remove":["red"]`, ``, `["blue"]`},
		{"appended and removed", `"@@append":["red"]`, `"@@remove":["red"]`, ``, `[]`},
		{"removed and appended", `"@@remove":["red"]`, `"@@append":["red"]`, ``, `[]`},
		{"three operators", `"@@assign":["red"],"@@append":["blue"],"@@remove":["red"]`, ``, ``, `["blue"]`},
		{"three operators in a child", `"@@assign":["red","blue"]`, ``, `"@@assign":["green"],"@@append":["yellow"],"@@remove":["green"]`, `["yellow"]`},
		{"appended twice at a level", `"@@append":["red"]`, `"@@append":["blue"]`, ``, `["red","blue"]`},
		{"assigned, then appended", `"@@assign":["red"]`, `"@@append":["blue"]`, ``, `["red","blue"]`},
		{"appended, then assigned", `"@@append":["red"]`, `"@@assign":["blue"]`, ``, `["blue","red"]`},
		{
			"intersection", `"@@assign":["red"],"@@operators_allowed_for_child_policies":["@@append"]`,
			`"@@operators_allowed_for_child_policies":["@@remove"]`, `"@@append":["green"]`, `["red"]`,
		},
		{"emptied", `"@@assign":["red"]`, ``, `"@@remove":["red"]`, `[]`},
		{"nothing to remove", ``, ``, `"@@remove":["red"]`, ``},
		{"a locked absence", `"@@operators_allowed_for_child_policies":["@@remove"]`, ``, `"@@append":["green"]`, ``},
		{"no text", `"@@assign":[12,true,null]`, ``, `"@@append":["12",13]`, `["12","true","null","13"]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var root, account []inheritance.Attached
			for i, operators := range []string{test.first, test.second} {
				if operators != "" {
					root = append(root, attached(t, fmt.Sprintf("p-%d", i), "r-root", setting(operators)))
				}
			}
			if test.account != "" {
				account = append(account, attached(t, "p-account", "111111111111", setting(test.account)))
			}
			want := `{}`
			if test.want != "" {
				want = `{"tags":{"k":{"v":` + test.want + `}}}`
			}
			merged := inheritance.Merge([][]inheritance.Attached{root, account})
			if diff := cmp.Diff(want, string(merged.Content())); diff != "" {
				t.Errorf("effective policy (-want +got):\n%s", diff)
			}
		})
	}
}

// A control at a container is about new children only: AWS was seen to let a child policy change a value below (the case
// logical-lock of the same capture), and says itself that @@none must stand at every node to lock a plan.
func TestControlsOfContainers(t *testing.T) {
	t.Parallel()
	locked := attached(t, "p-root", "r-root", `{"plans":{"@@operators_allowed_for_child_policies":["@@none"],
		"a":{"@@operators_allowed_for_child_policies":["@@append"],"x":{"@@assign":"1"},"y":{"@@assign":"1","@@operators_allowed_for_child_policies":["@@none"]}}}}`)
	child := attached(t, "p-child", "ou-1", `{"plans":{"a":{"x":{"@@assign":"2"},"y":{"@@assign":"2"},"z":{"@@assign":"2"}},"b":{"x":{"@@assign":"2"}}}}`)
	merged := inheritance.Merge([][]inheritance.Attached{{locked}, {child}})
	want := `{"plans":{"a":{"x":"2","y":"1","z":"2"}}}`
	if diff := cmp.Diff(want, string(merged.Content())); diff != "" {
		t.Errorf("effective policy (-want +got):\n%s", diff)
	}
	wantIgnored := []inheritance.Ignored{
		{
			Origin: inheritance.Origin{PolicyID: "p-child", Name: "policy p-child", TargetID: "ou-1", Operator: "@@assign"},
			Path:   "plans/a/y", Values: []string{"2"}, Reason: "a policy above does not allow the operator here",
			Rule: []inheritance.Origin{{PolicyID: "p-root", Name: "policy p-root", TargetID: "r-root", Operator: inheritance.AllowedForChildren}},
		},
		{
			Origin: inheritance.Origin{PolicyID: "p-child", Name: "policy p-child", TargetID: "ou-1"},
			Path:   "plans/b", Reason: "a policy above lets child policies add nothing here",
			Rule: []inheritance.Origin{{PolicyID: "p-root", Name: "policy p-root", TargetID: "r-root", Operator: inheritance.AllowedForChildren}},
		},
	}
	if diff := cmp.Diff(wantIgnored, merged.Ignored()); diff != "" {
		t.Errorf("ignored (-want +got):\n%s", diff)
	}
}

func TestProvenance(t *testing.T) {
	t.Parallel()
	merged := inheritance.Merge([][]inheritance.Attached{
		{attached(t, "p-1", "r-root", setting(`"@@assign":["a","b","c"]`))},
		{attached(t, "p-2", "ou-1", setting(`"@@append":["d","a"]`)), attached(t, "p-3", "ou-1", setting(`"@@remove":["b"]`))},
	})
	origin := func(id, target string, operator inheritance.Operator) inheritance.Origin {
		return inheritance.Origin{PolicyID: id, Name: "policy " + id, TargetID: target, Operator: operator}
	}
	node := merged.Root().At("tags/k/v")
	want := []inheritance.Value{
		{Text: "a", Origin: origin("p-1", "r-root", "@@assign")},
		{Text: "c", Origin: origin("p-1", "r-root", "@@assign")},
		{Text: "d", Origin: origin("p-2", "ou-1", "@@append")},
	}
	if diff := cmp.Diff(want, node.Values()); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	contributors := []inheritance.Origin{origin("p-1", "r-root", "@@assign"), origin("p-2", "ou-1", "@@append"), origin("p-3", "ou-1", "@@remove")}
	if diff := cmp.Diff(contributors, merged.Root().Contributors()); diff != "" {
		t.Errorf("contributors (-want +got):\n%s", diff)
	}
}
