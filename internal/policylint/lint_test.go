package policylint_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strongroom/internal/policylint"
)

var update = flag.Bool("update", false, "write what is wanted anew")

// wants compares with a file, or writes it.
func wants(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestLint(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/lint/*.json")
	if err != nil || len(files) != 4 {
		t.Fatalf("files %v, %v", files, err)
	}
	failed := map[string]bool{"broken": true, "doubtful": true, "syntax": true, "good": false}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		report := policylint.Lint(name+".json", string(text))
		if report.Failed() != failed[name] {
			t.Errorf("%s failed: %t", name, report.Failed())
		}
		var b strings.Builder
		report.Print(&b)
		wants(t, strings.TrimSuffix(file, ".json")+".txt", b.String())
	}
}

// White space counts, and what is too long by it is looked at all the same.
func TestLintCountsCharacters(t *testing.T) {
	t.Parallel()
	text := `{"plans": {"PII": {"regions": {"@@assign": ["eu-centrol-1"]}}}}` + strings.Repeat(" ", 10000)
	report := policylint.Lint("long.json", text)
	want := []policylint.Finding{
		{Severity: "error", Line: 1, Column: 1, Message: "it has 10063 characters, 63 more than a backup policy may have; without white space it has 59"},
		{Severity: "warning", Path: "plans/PII/regions", Line: 1, Column: 20, Message: "eu-centrol-1 is no Region of AWS; did you mean eu-central-1?"},
		{Severity: "note", Path: "plans/PII", Line: 1, Column: 12, Message: "KEY_REQUIRED: 'rules' is missing unless another policy supplies it"},
		{Severity: "note", Path: "plans/PII", Line: 1, Column: 12, Message: "KEY_REQUIRED: 'selections' is missing unless another policy supplies it"},
	}
	if diff := cmp.Diff(want, report.Findings); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	exact := `{"plans": {}}` + strings.Repeat(" ", 10000-len(`{"plans": {}}`))
	if report := policylint.Lint("exact.json", exact); report.Failed() || report.Characters != report.Limit {
		t.Errorf("exactly as long as may be: %+v", report)
	}
}
