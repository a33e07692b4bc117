package server

import (
	"fmt"
	"io"
	"strings"

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
		lines := strings.Split(strings.TrimSuffix(x.String(), "\n"), "\n")
		for i, line := range lines {
			if strings.HasPrefix(line, "  cure: ") {
				break
			}
			name := ""
			if i == 0 {
				name = "decision"
			}
			fmt.Fprintf(w, "  %-11s %s\n", name, strings.TrimPrefix(line, "  "))
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
