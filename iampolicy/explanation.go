package iampolicy

import (
	"fmt"
	"strings"
)

// Explanation is a decision as data: what was asked, what each gate said and by which statement, which statements were
// considered and why each did not apply, and what would open the gates that are shut.
type Explanation struct {
	Principal string `json:"principal"`
	Action    string `json:"action"`
	Resource  string `json:"resource"`
	Allowed   bool   `json:"allowed"`
	Reason    Reason `json:"reason"`
	Gate      Gate   `json:"gate"`                 // the one that decided
	Level     int    `json:"level,omitempty"`      // of an SCP or RCP that decided, the root's being 1
	Target    string `json:"target,omitempty"`     // the root, unit or account of that level
	DecidedBy *Match `json:"decided_by,omitempty"` // the statement that did; nil where one is missing
	// Note tells what no policy could: that the principal is deleted, say.
	Note       string       `json:"note,omitempty"`
	Gates      []AskedGate  `json:"gates"`
	Considered []Considered `json:"considered"`
	// Cures open, one after the other, every gate that is shut; the first one that which decided.
	Cures []Cure `json:"cures,omitempty"`
}

// AskedGate is what one gate said. Control policies have one per level.
type AskedGate struct {
	Gate       Gate     `json:"gate"`
	Level      int      `json:"level,omitempty"`
	Target     string   `json:"target,omitempty"`
	Outcome    Outcome  `json:"outcome"`
	By         *Match   `json:"by,omitempty"`
	Policies   []string `json:"policies"`   // that were asked
	Statements int      `json:"statements"` // in all of them
}

// Considered is a statement whose action fits the request.
type Considered struct {
	Match
	Applies bool `json:"applies"`
	// Element is what keeps a statement away that does not apply: "Principal", "Resource" or "Condition"; Detail is what
	// it asks for and what the request has.
	Element string `json:"element,omitempty"`
	Detail  string `json:"detail,omitempty"`
}

// ExplainRequest decides as [Evaluate] does and explains the decision.
func ExplainRequest(r Request, p Policies) Explanation {
	s := Simulate(r, p)
	x := Explanation{
		Principal: r.Principal.name(), Action: r.Action, Resource: r.Resource,
		Allowed: s.Allowed, Reason: s.Reason, Gate: s.Gate, DecidedBy: s.By,
		Gates: []AskedGate{}, Considered: s.considered,
	}
	if x.Considered == nil {
		x.Considered = []Considered{}
	}
	for i := range s.Gates {
		x.Gates = append(x.Gates, newAskedGate(&s.Gates[i], &p))
	}
	if x.Allowed {
		return x
	}
	if shut := s.deciding(); shut != nil {
		x.Level, x.Target = shut.Level, p.target(shut.Gate, shut.Level)
	}
	x.Cures = cures(r, p)
	return x
}

// ExplainGone explains the refusal of a principal that was deleted after its credential was issued.
func ExplainGone(r Request) Explanation {
	return Explanation{
		Principal: r.Principal.name(), Action: r.Action, Resource: r.Resource, Reason: ImplicitDeny, Gate: GateIdentity,
		Note: "The principal does not exist any more, so no policy speaks for it.", Gates: []AskedGate{}, Considered: []Considered{},
	}
}

func newAskedGate(g *GateResult, p *Policies) AskedGate {
	asked := AskedGate{Gate: g.Gate, Level: g.Level, Target: p.target(g.Gate, g.Level), Outcome: g.Outcome, By: g.By, Policies: []string{}}
	for i := range g.asked {
		asked.Policies = append(asked.Policies, g.asked[i].Name)
		if g.asked[i].Policy != nil {
			asked.Statements += len(g.asked[i].Policy.Statements)
		}
	}
	return asked
}

// target is the root, unit or account that a level of control policies stands for, as far as it is known.
func (p *Policies) target(gate Gate, level int) string {
	targets := p.SCPTargets
	if gate == GateRCP {
		targets = p.RCPTargets
	}
	if level < 1 || level > len(targets) {
		return ""
	}
	return targets[level-1]
}

// deciding is the gate that denied the request: whose statement denies, or that is the first to have none.
func (d Decision) deciding() *GateResult {
	for i := range d.Gates {
		g := &d.Gates[i]
		if g.Gate != d.Gate {
			continue
		}
		if d.By != nil && g.By == d.By || d.By == nil && g.Outcome == Silent {
			return g
		}
	}
	return nil
}

// String tells all of it in lines: what decided, what every gate said, which statements were considered, and the cures.
func (x Explanation) String() string {
	var b strings.Builder
	switch {
	case x.DecidedBy != nil && x.Allowed:
		fmt.Fprintf(&b, "allowed by %s\n", x.DecidedBy)
	case x.DecidedBy != nil:
		fmt.Fprintf(&b, "denied by %s\n", x.DecidedBy)
	default:
		fmt.Fprintf(&b, "denied: no %s allows it\n", gateName(x.Gate, x.Level, x.Target))
	}
	if x.Note != "" {
		fmt.Fprintf(&b, "  %s\n", x.Note)
	}
	for i := range x.Gates {
		fmt.Fprintf(&b, "  %s\n", &x.Gates[i])
	}
	for _, c := range x.Considered {
		fmt.Fprintf(&b, "  considered: %s\n", c)
	}
	for _, c := range x.Cures {
		fmt.Fprintf(&b, "  cure: %s\n    %s\n", c, c.Statement)
	}
	return b.String()
}

func gateName(gate Gate, level int, target string) string {
	switch {
	case level == 0:
		return string(gate)
	case target == "":
		return fmt.Sprintf("%s, level %d", gate, level)
	}
	return fmt.Sprintf("%s, level %d (%s)", gate, level, target)
}

// String is the gate's line.
func (g *AskedGate) String() string {
	name := gateName(g.Gate, g.Level, g.Target)
	switch {
	case g.By != nil:
		return fmt.Sprintf("%s: %s, %s", name, g.Outcome, g.By)
	case len(g.Policies) == 0:
		return name + ": there is none"
	}
	return fmt.Sprintf("%s: no statement applies, of %d in %s", name, g.Statements, strings.Join(g.Policies, ", "))
}

// String is the statement's line.
func (c Considered) String() string {
	if c.Applies {
		return fmt.Sprintf("%s: %s, it applies", &c.Match, c.Effect)
	}
	return fmt.Sprintf("%s: %s, but for its %s: %s", &c.Match, c.Effect, c.Element, c.Detail)
}

// String is what is to be done, without the statement.
func (c Cure) String() string {
	gate := gateName(c.Gate, c.Level, "")
	switch {
	case c.Change == NarrowStatement:
		return "narrow " + (&Match{Source: c.Policy, Sid: c.Sid, Statement: c.Index}).String()
	case c.Change == RemoveStatement:
		return "remove or narrow " + (&Match{Source: c.Policy, Sid: c.Sid, Statement: c.Index}).String()
	case c.Policy != "":
		return fmt.Sprintf("add to %s", c.Policy)
	case c.Of == "":
		return fmt.Sprintf("add a %s", gate)
	}
	return fmt.Sprintf("add to the %s of %s", gate, c.Of)
}
