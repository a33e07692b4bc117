package server

import (
	"fmt"
	"io"
	"strings"

	"strongroom/iampolicy"
	"strongroom/rules"
)

// Print tells the explanation to somebody who reads it at night: the job, its gates, and for each gate that is shut what was
// refused, why, and what to do.
func (x JobExplanation) Print(w io.Writer) {
	j := x.Job
	fmt.Fprintf(w, "%s job %s: %s\n", j.Kind, j.ID, j.State)
	if j.Message != "" {
		fmt.Fprintf(w, "  %s\n", j.Message)
	}
	for _, line := range []struct{ name, value string }{
		{"category", j.Category},
		{"account", j.AccountID},
		{"region", j.Region},
		{"role", j.Role},
		{"resource", j.Resource},
		{"point", j.RecoveryPoint},
		{"vault", j.Vault},
		{"destination", j.Destination},
		{"plan", j.CreatedByPlan},
		{"rules as of", x.RulesAsOf},
	} {
		if line.value != "" {
			fmt.Fprintf(w, "  %-12s %s\n", line.name, line.value)
		}
	}
	fmt.Fprintln(w)
	if len(x.Gates) == 0 {
		fmt.Fprintln(w, "Nothing has decided over the job yet.")
		return
	}
	for _, g := range x.Gates {
		mark := map[rules.Opening]string{rules.Open: "open", rules.Shut: "SHUT"}[g.Verdict]
		if mark == "" {
			mark = "-"
		}
		fmt.Fprintf(w, "  %-5s %-22s %s\n", mark, g.Gate, g.Asks)
	}
	for _, g := range x.Gates {
		if g.Verdict == rules.Shut {
			g.print(w)
		}
	}
}

// print tells what shut a gate and what opens it.
func (g ExplainedGate) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s is shut.", g.Gate)
	if g.Detail != "" {
		fmt.Fprintf(w, " %s", g.Detail)
	}
	fmt.Fprintln(w)
	if g.Refusal != nil {
		fmt.Fprintf(w, "  says        %s\n", g.Refusal.Message)
	}
	if x := g.Refused; x != nil {
		fmt.Fprintf(w, "  principal   %s\n  action      %s\n  resource    %s\n", x.Principal, x.Action, x.Resource)
		for i, line := range reasons(x) {
			name := ""
			if i == 0 {
				name = "decision"
			}
			fmt.Fprintf(w, "  %-11s %s\n", name, line)
		}
	}
	for i, c := range g.Cures {
		name := "cure"
		if len(g.Cures) > 1 {
			name = fmt.Sprintf("cure %d", i+1)
		}
		fmt.Fprintf(w, "  %-11s %s\n", name, c.Advice)
		if len(c.Statement) > 0 {
			fmt.Fprintf(w, "              %s\n", c.Statement)
		}
		if c.Command != "" {
			where := ""
			if c.AccountID != "" {
				where = "    # in account " + c.AccountID
			}
			fmt.Fprintf(w, "              %s%s\n", c.Command, where)
		}
	}
}

// reasons are the lines that tell why policies refused: the decision, what each kind of policy said, and the statements that
// bear on it. What merely allows is left out, but for one line where all levels of control policies do; the JSON has all of it.
func reasons(x *iampolicy.Explanation) []string {
	decision, _, _ := strings.Cut(x.String(), "\n")
	lines := []string{decision}
	if x.Note != "" {
		lines = append(lines, x.Note)
	}
	levels := map[iampolicy.Gate][]iampolicy.AskedGate{}
	for _, g := range x.Gates {
		levels[g.Gate] = append(levels[g.Gate], g)
	}
	for i := range x.Gates {
		g := &x.Gates[i]
		by, same := allowedAlike(levels[g.Gate])
		switch {
		case !same:
			lines = append(lines, g.String())
		case g.Level == 1:
			lines = append(lines, fmt.Sprintf("%s: allows at all %d levels, %s", g.Gate, len(levels[g.Gate]), by))
		}
	}
	for _, c := range x.Considered {
		decided := x.DecidedBy != nil && *x.DecidedBy == c.Match
		if !c.Applies || c.Effect == iampolicy.Deny || decided {
			lines = append(lines, "considered: "+c.String())
		}
	}
	return lines
}

// allowedAlike is the policy by which every one of several levels allows.
func allowedAlike(levels []iampolicy.AskedGate) (by string, same bool) {
	if len(levels) < 2 {
		return "", false
	}
	for _, g := range levels {
		if g.Level == 0 || g.Outcome != iampolicy.Allows || g.By == nil || by != "" && g.By.Source != by {
			return "", false
		}
		by = g.By.Source
	}
	return by, true
}
