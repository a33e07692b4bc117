package policylint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"strongroom/backuppolicy"
	"strongroom/backuppolicy/inheritance"
)

// Effective is what an account gets.
type Effective struct {
	AccountID  string
	Name       string `json:",omitempty"`
	Path       []string
	Policy     json.RawMessage // the effective policy
	Values     []Setting
	Violations []backuppolicy.Violation
	Refusals   []Refused
	Ignored    []Lost
}

// Setting is a setting of the effective policy with the policies that it comes from.
type Setting struct {
	Path   string
	List   bool
	Values []Value
}

// Value is a value, and which operator of which policy attached where put it there.
type Value struct {
	Value string
	From  Source
}

// Source is a policy at work.
type Source struct {
	Policy   string
	Attached string
	Operator string `json:",omitempty"`
}

// Refused is what AWS Backup does not take of a plan, in each Region of the plan.
type Refused struct {
	Path    string
	Message string
	Advice  string
}

// Lost is what a policy asked for in vain.
type Lost struct {
	From   Source
	Path   string
	Values []string `json:",omitempty"`
	Reason string
	Rules  []Source `json:",omitempty"` // that forbid it
}

// Account is what an account of the organization gets.
func (o *Organization) Account(id string) (*Effective, error) {
	a, known := o.accounts[id]
	if !known {
		return nil, fmt.Errorf("the tree has no account %s; it has %s", id, strings.Join(o.ids, ", "))
	}
	effective := backuppolicy.EffectivePolicy(a.levels)
	e := &Effective{
		AccountID: id, Name: a.Name, Path: a.path, Policy: effective.Content(),
		Values: []Setting{}, Violations: []backuppolicy.Violation{}, Refusals: []Refused{}, Ignored: []Lost{},
	}
	e.Violations = append(e.Violations, effective.Violations()...)
	effective.Merged().Root().Walk(func(n *inheritance.Node) {
		if !n.HasValue() {
			return
		}
		s := Setting{Path: n.Path(), List: n.IsList(), Values: []Value{}}
		for _, v := range n.Values() {
			s.Values = append(s.Values, Value{v.Text, sourceOf(v.Origin)})
		}
		e.Values = append(e.Values, s)
	})
	if len(e.Violations) == 0 {
		for _, plan := range effective.Plans() {
			for _, r := range plan.For(id, "us-east-1").Refusals() {
				e.Refusals = append(e.Refusals, Refused{"plans/" + plan.Name + "/" + r.Path, r.Message, r.Fix.Advice})
			}
		}
	}
	for _, i := range effective.Ignored() {
		lost := Lost{From: sourceOf(i.Origin), Path: i.Path, Values: i.Values, Reason: i.Reason}
		for _, rule := range i.Rule {
			lost.Rules = append(lost.Rules, sourceOf(rule))
		}
		e.Ignored = append(e.Ignored, lost)
	}
	return e, nil
}

func sourceOf(o inheritance.Origin) Source { return Source{o.Name, o.TargetID, string(o.Operator)} }

// Failed reports whether the account would keep an older policy, or AWS Backup refuse a plan.
func (e *Effective) Failed() bool { return len(e.Violations)+len(e.Refusals) > 0 }

// String tells of a source in a few words.
func (s Source) String() string {
	text := s.Policy + " at " + s.Attached
	if s.Operator != "" && s.Operator != string(inheritance.AllowedForChildren) {
		text = s.Operator + " of " + text
	}
	return text
}

// Print prints the effective policy for people: the document, whence each value comes, and what is wrong or ignored. Columns
// are divided by tabs.
func (e *Effective) Print(w io.Writer) {
	name := ""
	if e.Name != "" {
		name = " (" + e.Name + ")"
	}
	fmt.Fprintf(w, "account %s%s in %s\n\n", e.AccountID, name, strings.Join(e.Path[:len(e.Path)-1], "/"))
	var document bytes.Buffer
	if err := json.Indent(&document, e.Policy, "", "  "); err != nil {
		panic("an effective policy is JSON: " + err.Error())
	}
	fmt.Fprintf(w, "%s\n", document.String())
	if len(e.Values) > 0 {
		fmt.Fprintf(w, "\nwhere the values come from\n")
	}
	for _, s := range e.Values {
		if len(s.Values) == 0 {
			fmt.Fprintf(w, "  %s\t(empty)\t\n", s.Path)
		}
		for _, v := range s.Values {
			fmt.Fprintf(w, "  %s\t%s\t%s\n", s.Path, v.Value, v.From)
		}
	}
	if len(e.Ignored) > 0 {
		fmt.Fprintf(w, "\nignored\n")
	}
	for _, l := range e.Ignored {
		rules := ""
		for _, r := range l.Rules {
			rules += "; see " + r.String()
		}
		fmt.Fprintf(w, "  %s\t%s\t%s: %s%s\n", l.Path, strings.Join(l.Values, " "), l.From, l.Reason, rules)
	}
	if len(e.Violations) > 0 {
		fmt.Fprintf(w, "\ninvalid: the account keeps the last policy that was valid\n")
	}
	for _, v := range e.Violations {
		fmt.Fprintf(w, "  %s\t%s\t%s (%s)\n", v.Path, v.Code, v.Message, strings.Join(v.PolicyIDs, ", "))
	}
	if len(e.Refusals) > 0 {
		fmt.Fprintf(w, "\nrefused by AWS Backup, though the policy is valid\n")
	}
	for _, r := range e.Refusals {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", r.Path, r.Message, r.Advice)
	}
}
