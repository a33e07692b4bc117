package backuppolicy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"strongroom/backuppolicy"
	"strongroom/backuppolicy/inheritance"
	"strongroom/rules"
)

// corpusSize is how many examples there are, so that none is lost unseen.
const corpusSize = 55

// example is one of AWS's examples of inheritance, or something AWS was seen to do.
type example struct {
	Source     string              // where it is from
	Fact       string              // what it shows, in our words
	Type       string              // backup or tag
	Levels     [][]json.RawMessage // from the root down, in the order of attachment; the first policy of the second level is 2-1
	Effective  any
	Violations []backuppolicy.Violation
	Ignored    int // how many operations and new children are
	Refusals   int // of AWS Backup
	Selected   []struct {
		ARN  string
		Tags map[string]string
		Take bool
	}
}

func TestCorpus(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/corpus/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != corpusSize {
		t.Errorf("the corpus has %d examples, want %d", len(files), corpusSize)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var e example
		decoder := json.NewDecoder(strings.NewReader(string(text)))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&e); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			t.Parallel()
			if !strings.HasPrefix(e.Source, "https://") || e.Fact == "" || e.Effective == nil && e.Violations == nil {
				t.Error("an example has a source, a fact and a result")
			}
			e.check(t)
		})
	}
}

func (e *example) check(t *testing.T) {
	effective := backuppolicy.EffectivePolicy(e.levels(t))
	if e.Effective != nil {
		var got any
		if err := json.Unmarshal(effective.Content(), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e.Effective, got); diff != "" {
			t.Errorf("%s\neffective policy (-want +got):\n%s", e.Fact, diff)
		}
	}
	if got := effective.Ignored(); e.Ignored > 0 && len(got) != e.Ignored {
		t.Errorf("ignored are %d things, want %d: %+v", len(got), e.Ignored, got)
	}
	if e.Type == "tag" {
		return
	}
	if diff := cmp.Diff(e.Violations, effective.Violations(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s\nviolations (-want +got):\n%s", e.Fact, diff)
	}
	again, err := backuppolicy.EffectiveFrom(string(effective.Content()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(effective.Plans(), again.Plans()); diff != "" || string(again.Content()) != string(effective.Content()) {
		t.Errorf("read back the plans differ (-want +got):\n%s", diff)
	}
	refusals := 0
	for _, plan := range effective.Plans() {
		plan = plan.For("111111111111", "us-east-1")
		if e.Violations == nil {
			refusals += len(plan.Refusals())
		}
		for _, r := range e.Selected {
			if got := plan.Selections[0].Matches(rules.Resource{ARN: r.ARN, Tags: r.Tags}); got != r.Take {
				t.Errorf("%s with %v is selected: %t, want %t", r.ARN, r.Tags, got, r.Take)
			}
		}
	}
	if refusals != e.Refusals {
		t.Errorf("AWS Backup refuses %d things of the plans, want %d", refusals, e.Refusals)
	}
}

func (e *example) levels(t *testing.T) (levels [][]inheritance.Attached) {
	t.Helper()
	for i, contents := range e.Levels {
		var level []inheritance.Attached
		for j, content := range contents {
			var document *inheritance.Document
			if e.Type == "tag" {
				parsed, err := inheritance.Parse(string(content), inheritance.FoldAll)
				if err != nil {
					t.Fatal(err)
				}
				document = parsed
			} else {
				policy, err := backuppolicy.Parse(compact(t, content))
				if err != nil {
					t.Fatal(err)
				}
				document = policy.Document()
			}
			id := fmt.Sprintf("%d-%d", i+1, j+1)
			level = append(level, inheritance.Attached{PolicyID: id, Name: id, TargetID: fmt.Sprint("level ", i+1), Policy: document})
		}
		levels = append(levels, level)
	}
	return levels
}

// compact strips the white space that the examples are printed with.
func compact(t *testing.T, content json.RawMessage) string {
	t.Helper()
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(content); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
