package tagpolicy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strongroom/backuppolicy/inheritance"
	"strongroom/tagpolicy"
)

func attached(t *testing.T, id, content string) inheritance.Attached {
	t.Helper()
	p, err := tagpolicy.Parse(content)
	if err != nil {
		t.Fatalf("%s: %v", content, err)
	}
	return inheritance.Attached{PolicyID: id, Policy: p.Document()}
}

// Each row is a document that is refused, with the path that the error names and a part of its reason.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ content, path, reason string }{
		{`[]`, "", "JSON"},
		{`{}`, "", "tags"},
		{`{"plans":{}}`, "plans", "there is tags"},
		{`{"tags":{"@@assign":["x"]}}`, "tags", "this is none"},
		{`{"tags":{"a":{"colour":{"@@assign":"x"}}}}`, "tags/a/colour", "tag_key"},
		{`{"tags":{"a":{"tag_key":{"@@assign":"b"}}}}`, "tags/a/tag_key/@@assign", `"a"`},
		{`{"tags":{"a":{"tag_key":{"@@assign":["a"]}}}}`, "tags/a/tag_key/@@assign", "single"},
		{`{"tags":{"a":{"tag_key":{"@@append":"a"}}}}`, "tags/a/tag_key", ""},
		{`{"tags":{"a":{"tag_value":{"@@assign":"x"}}}}`, "tags/a/tag_value/@@assign", "array"},
		{`{"tags":{"a":{"tag_value":{"@@assign":["*x*"]}}}}`, "tags/a/tag_value/@@assign", "one *"},
		{`{"tags":{"a":{"tag_value":{"@@assign":["` + strings.Repeat("x", 257) + `"]}}}}`, "tags/a/tag_value/@@assign", "256"},
		{`{"tags":{"a":{"enforced_for":{"@@assign":["ec2"]}}}}`, "tags/a/enforced_for/@@assign", "service"},
		{`{"tags":{"a":{"tag_value":{"deeper":{"@@assign":["x"]}}}}}`, "tags/a/tag_value/deeper", "no keys"},
		{`{"tags":{"` + strings.Repeat("k", 129) + `":{}}}`, "tags/" + strings.Repeat("k", 129), "128"},
		{`{"tags":{"a":{},"A":{}}}`, "tags/A", ""},
		{`{"tags":{"a":{"tag_value":{"@@assign":["` + strings.Repeat("x", 10000) + `"]}}}}`, "", "more than"},
	} {
		_, err := tagpolicy.Parse(row.content)
		var syntax *inheritance.SyntaxError
		if !errors.As(err, &syntax) || !strings.HasPrefix(syntax.Path, row.path) || !strings.Contains(syntax.Reason, row.reason) {
			t.Errorf("%.60s: %v, want %s: %s", row.content, err, row.path, row.reason)
		}
	}
}

// The example of https://docs.aws.amazon.com/organizations/latest/userguide/inheritance-examples.html: a root names keys and
// values, a child adds to one and takes from the other.
func TestEffective(t *testing.T) {
	t.Parallel()
	root := attached(t, "p-root", `{"tags":{"CostCenter":{"tag_key":{"@@assign":"CostCenter"},"tag_value":{"@@assign":["Development","Support","200*"]}},
		"Color":{"tag_key":{"@@assign":"Color","@@operators_allowed_for_child_policies":["@@none"]},"tag_value":{"@@assign":["red"]}}}}`)
	unit := attached(t, "p-unit", `{"tags":{"costcenter":{"tag_key":{"@@assign":"COSTCENTER"},"tag_value":{"@@append":["Marketing"],"@@remove":["Support"]},
		"enforced_for":{"@@assign":["ec2:instance","s3:ALL_SUPPORTED"]}},"color":{"tag_key":{"@@assign":"color"}},
		"owner":{"report_required_tag_for":{"@@assign":["ec2:*"]}}}}`)
	m := inheritance.Merge([][]inheritance.Attached{{root}, {unit}})
	want := []tagpolicy.Tag{
		{Key: "Color", Values: []string{"red"}},
		{Key: "COSTCENTER", Values: []string{"Development", "200*", "Marketing"}, EnforcedFor: []string{"ec2:instance", "s3:ALL_SUPPORTED"}},
		{Key: "owner", RequiredFor: []string{"ec2:*"}},
	}
	if diff := cmp.Diff(want, tagpolicy.Tags(m)); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	for value, allowed := range map[string]bool{"Development": true, "2001": true, "200": true, "Support": false, "20": false, "development": false} {
		if got := want[1].Allows(value); got != allowed {
			t.Errorf("%s is allowed: %v", value, got)
		}
	}
	if !want[2].Allows("whatever") {
		t.Error("a tag without values has some all the same")
	}
	if found := tagpolicy.Violations(m); len(found) > 0 {
		t.Errorf("violations: %v", found)
	}
}

func TestViolations(t *testing.T) {
	t.Parallel()
	root := attached(t, "p-root", `{"tags":{"a":{"tag_value":{"@@assign":["x"]}}}}`)
	unit := attached(t, "p-unit", `{"tags":{"a":{"tag_value":{"@@remove":["x"]}}}}`)
	got := tagpolicy.Violations(inheritance.Merge([][]inheritance.Attached{{root}, {unit}}))
	want := []tagpolicy.Violation{{
		Code: "ELEMENTS_TOO_FEW", Message: "'tag_value' is less than the allowed minimum limit 1", Path: "tags/a/tag_value", PolicyIDs: []string{"p-root", "p-unit"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"tags":{"CostCenter":{"tag_key":{"@@assign":"CostCenter"},"tag_value":{"@@assign":["200*"]}}}}`)
	f.Add(`{"tags":{"a":{"enforced_for":{"@@assign":["ec2:instance"]}}}}`)
	f.Fuzz(func(t *testing.T, content string) {
		p, err := tagpolicy.Parse(content)
		if err != nil {
			return
		}
		// What is taken prints as a policy that is taken, and means the same.
		m := inheritance.Merge([][]inheritance.Attached{{{PolicyID: "p", Policy: p.Document()}}})
		if !strings.Contains(string(m.AsPolicy()), "tags") {
			return // it says nothing
		}
		again, err := tagpolicy.Parse(string(m.AsPolicy()))
		if err != nil {
			t.Fatalf("%s became %s: %v", content, m.AsPolicy(), err)
		}
		if diff := cmp.Diff(m.Content(), inheritance.Merge([][]inheritance.Attached{{{PolicyID: "p", Policy: again.Document()}}}).Content()); diff != "" {
			t.Errorf("%s\n%s", content, diff)
		}
	})
}
