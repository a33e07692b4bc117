package policylint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"strongroom/backuppolicy"
	"strongroom/backuppolicy/inheritance"
)

// Severity says what a finding means.
type Severity string

// The severities. An error is what CreatePolicy or AWS Backup refuses, or what will never run; a warning is what is hardly
// meant; a note is what another policy must still supply.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Finding is something to know about a policy.
type Finding struct {
	Severity Severity
	Path     string `json:",omitempty"`
	Line     int    `json:",omitempty"` // 0 where the finding is about no single place
	Column   int    `json:",omitempty"`
	Message  string
}

// Report is what there is to know about a policy.
type Report struct {
	File       string
	Characters int // as the file is; the API counts white space
	Minified   int // without white space that means nothing; 0 if the file is no JSON
	Limit      int
	Findings   []Finding
}

// Failed reports whether there are errors.
func (r Report) Failed() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity == Error })
}

// Lint looks at the text of a policy.
func Lint(file, content string) Report {
	r := Report{File: file, Characters: utf8.RuneCountInString(content), Limit: backuppolicy.MaxCharacters, Findings: []Finding{}}
	minified := content
	var b bytes.Buffer
	if json.Compact(&b, []byte(content)) == nil {
		minified = b.String()
		r.Minified = utf8.RuneCountInString(minified)
	}
	_, problems := backuppolicy.Check(content)
	for _, p := range problems {
		r.add(Error, p.Path, p.Position, p.Reason)
	}
	if r.Characters > r.Limit && r.Minified > 0 && r.Minified <= r.Limit {
		r.Findings[0].Message += fmt.Sprintf("; without white space it has %d", r.Minified)
	}
	// What is too long is looked at all the same.
	policy, problems := backuppolicy.Check(minified)
	if len(problems) == 0 {
		r.look(policy, content)
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return a.Line - b.Line })
	return r
}

func (r *Report) add(s Severity, path string, at inheritance.Position, message string) {
	r.Findings = append(r.Findings, Finding{s, path, at.Line, at.Column, message})
}

// look is at a policy that keeps to the grammar.
func (r *Report) look(policy *backuppolicy.Policy, content string) {
	places := placesOf(content)
	for _, w := range warnings(policy) {
		severity := Warning
		if w.note {
			severity = Note
		}
		r.add(severity, w.path, places.of(w.path), w.message)
	}
	alone := backuppolicy.EffectivePolicy([][]inheritance.Attached{{{PolicyID: r.File, Name: r.File, Policy: policy.Document()}}})
	violations := alone.Violations()
	for _, v := range violations {
		severity, message := Note, v.Message+" unless another policy supplies it"
		if v.Code != backuppolicy.KeyRequired && v.Code != backuppolicy.ElementsTooFew {
			severity, message = Error, v.Message
		}
		r.add(severity, v.Path, places.of(v.Path), v.Code+": "+message)
	}
	for _, plan := range alone.Plans() {
		for _, refusal := range plan.For("111111111111", "us-east-1").Refusals() {
			at := "plans/" + plan.Name + "/" + refusal.Path
			if alone.Merged().Root().At(at).IsEmpty() {
				continue // it is missing, and that is noted already
			}
			r.add(Error, at, places.of(at), "AWS Backup refuses: "+refusal.Message+". "+refusal.Fix.Advice)
		}
	}
}

// places are where the elements of a document stand, by their paths in the effective policy.
type places map[string]inheritance.Position

func placesOf(content string) places {
	p := places{}
	document, err := backuppolicy.Document(content)
	if err != nil {
		return p
	}
	var walk func(e *inheritance.Element, path string)
	walk = func(e *inheritance.Element, path string) {
		p[path] = e.Position
		for _, c := range e.Children {
			walk(c, strings.TrimPrefix(path+"/"+c.Key, "/"))
		}
	}
	walk(document.Root, "")
	return p
}

// of is where a path stands, or the nearest above it that does.
func (p places) of(path string) inheritance.Position {
	for {
		if at, known := p[path]; known || path == "" {
			return at
		}
		path = path[:max(0, strings.LastIndex(path, "/"))]
	}
}

// Print prints the report for people.
func (r Report) Print(w io.Writer) {
	size := fmt.Sprintf("%d of %d characters, %d left", r.Characters, r.Limit, r.Limit-r.Characters)
	if r.Characters > r.Limit {
		size = fmt.Sprintf("%d of %d characters, %d too many", r.Characters, r.Limit, r.Characters-r.Limit)
	}
	if r.Minified > 0 {
		size += fmt.Sprintf(" (%d minified, %d left)", r.Minified, r.Limit-r.Minified)
	}
	fmt.Fprintf(w, "%s: %s\n", r.File, size)
	for _, f := range r.Findings {
		at := ""
		if f.Line > 0 {
			at = fmt.Sprintf("%d:%d: ", f.Line, f.Column)
		}
		path := ""
		if f.Path != "" {
			path = f.Path + ": "
		}
		fmt.Fprintf(w, "%s:%s %s: %s%s\n", r.File, strings.TrimSuffix(at, " "), f.Severity, path, f.Message)
	}
}
