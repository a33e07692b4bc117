package policylint_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"

	"strongroom/internal/policylint"
)

func TestEffective(t *testing.T) {
	t.Parallel()
	organization, err := policylint.LoadOrganization("testdata/tree/organization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// The laboratory sends continuous points nowhere cold for 90 days, which AWS Backup refuses; the bare account has no Region.
	failed := map[string]bool{"111111111111": false, "222222222222": true, "333333333333": true}
	if len(organization.IDs()) != len(failed) {
		t.Fatalf("accounts %v", organization.IDs())
	}
	for _, id := range organization.IDs() {
		effective, err := organization.Account(id)
		if err != nil {
			t.Fatal(err)
		}
		if effective.Failed() != failed[id] {
			t.Errorf("%s failed: %t", id, effective.Failed())
		}
		var text strings.Builder
		w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
		effective.Print(w)
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		wants(t, filepath.Join("testdata/tree", id+".txt"), text.String())
		printed, err := json.MarshalIndent(effective, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		wants(t, filepath.Join("testdata/tree", id+".out.json"), string(printed)+"\n")
	}
	if _, err := organization.Account("444444444444"); err == nil || !strings.Contains(err.Error(), "it has 333333333333, 111111111111, 222222222222") {
		t.Errorf("an account that is not there: %v", err)
	}
}

func TestTreesThatAreWrong(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("{name: deep, units: [", 6) + strings.Repeat("]}", 6)
	for _, test := range []struct{ name, tree, want string }{
		{"empty", "", "it is empty; it needs root"},
		{"unknown key", "root:\n  policy: [a.json]\n", "field policy not found"},
		{"no such policy", "root: {policies: [none.json]}", "none.json: no such file"},
		{"a wrong policy", "root: {policies: [wrong.json]}", "root: policy wrong.json: plan (line 1, column 2): there is no such key here; did you mean plans?"},
		{"no account id", "root: {accounts: [{id: 11111}]}", `12 digits, not "11111"`},
		{"an account twice", `root: {accounts: [{id: "111111111111"}], units: [{name: a, accounts: [{id: "111111111111"}]}]}`, "account 111111111111 stands in the tree twice"},
		{"a unit without a name", "root: {units: [{policies: []}]}", "a unit below root has no name"},
		{"too deep", "root: {units: [" + deep + "]}", "units may stand 5 deep"},
		{"too many policies", "root: {policies: [ok.json,ok.json,ok.json,ok.json,ok.json,ok.json,ok.json,ok.json,ok.json,ok.json,ok.json]}", "11 policies are attached, and 10 may be"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			for name, text := range map[string]string{"tree.yaml": test.tree, "wrong.json": `{"plan": {}}`, "ok.json": `{"plans": {}}`} {
				if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := policylint.LoadOrganization(filepath.Join(folder, "tree.yaml"))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
		})
	}
}
