package iampolicy

import (
	"fmt"
	"strings"
)

// Reason is why a decision is what it is.
type Reason string

// The three reasons.
const (
	Allowed      Reason = "allowed"
	ExplicitDeny Reason = "explicitDeny"
	ImplicitDeny Reason = "implicitDeny"
)

// Gate is a kind of policy that a request has to pass.
type Gate string

// The gates, in the words of AWS's messages.
const (
	GateRCP      Gate = "resource control policy"
	GateSCP      Gate = "service control policy"
	GateResource Gate = "resource-based policy"
	GateTrust    Gate = "role trust policy"
	GateGrant    Gate = "grant" // of a KMS key; counts as the resource's policy
	GateIdentity Gate = "identity-based policy"
	GateBoundary Gate = "permissions boundary"
	GateSession  Gate = "session policy"
)

// Outcome is what a gate says.
type Outcome string

// The three outcomes.
const (
	Allows Outcome = "allows"
	Denies Outcome = "denies"
	Silent Outcome = "silent" // no statement of it speaks of the request
)

// NoStatement is the [Match.Statement] of an allow that is none of a policy: a grant, or the root user's own right.
const NoStatement = -1

// Match is the statement that decided.
type Match struct {
	Gate      Gate   `json:"gate"`
	Level     int    `json:"level,omitempty"` // of an SCP or RCP: 1 for the organization's root, rising to the account; else 0
	Source    string `json:"source"`          // the policy's name
	Sid       string `json:"sid,omitempty"`
	Statement int    `json:"statement"` // its index in the document, from 0, or [NoStatement]
	Effect    Effect `json:"effect"`
}

func newMatch(gate Gate, level int, source *Source, statement int) Match {
	s := &source.Policy.Statements[statement]
	return Match{Gate: gate, Level: level, Source: source.Name, Sid: s.Sid, Statement: statement, Effect: s.Effect}
}

// String names the statement: `statement 2 "DenyDelete" of vault policy`.
func (m *Match) String() string {
	switch {
	case m.Statement == NoStatement:
		return m.Source
	case m.Sid == "":
		return fmt.Sprintf("statement %d of %s", m.Statement+1, m.Source)
	}
	return fmt.Sprintf("statement %d %q of %s", m.Statement+1, m.Sid, m.Source)
}

// GateResult is what one gate said. Control policies have one result per level.
type GateResult struct {
	Gate    Gate
	Level   int
	Outcome Outcome
	By      *Match // nil where the gate is silent

	statement *Statement // By's
	asked     []Source
}

// Decision is the answer to a [Request].
type Decision struct {
	Allowed bool
	Reason  Reason
	Gate    Gate   // the one that decided: whose statement allowed or denied, or that had none to allow
	By      *Match // the statement that allowed or denied; nil for an implicit deny
	// Every gate that was asked, in order. The identity gate may be silent in an allowed request, where the resource's
	// own policy was enough, and the other way round.
	Gates []GateResult

	foreignKey bool // a KMS key of another account, about which AWS tells less
}

// Statement is the one that allowed or denied; nil where none of a policy did.
func (d Decision) Statement() *Statement {
	for i := range d.Gates {
		if d.By != nil && d.Gates[i].By == d.By {
			return d.Gates[i].statement
		}
	}
	return nil
}

// GateReason is what the gates of one kind said together: that of an organization's policies is allowed if every level
// allows. asked is false where there was no such gate.
func (d Decision) GateReason(gate Gate) (reason Reason, asked bool) {
	reason = Allowed
	for i := range d.Gates {
		g := &d.Gates[i]
		if g.Gate != gate {
			continue
		}
		asked = true
		switch {
		case g.Outcome == Denies:
			reason = ExplicitDeny
		case g.Outcome == Silent && reason == Allowed:
			reason = ImplicitDeny
		}
	}
	return reason, asked
}

// Message is the text of AWS's access-denied error for a request that was denied
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html), and "" for one that was allowed.
func (d Decision) Message(r Request) string {
	if d.Allowed {
		return ""
	}
	text := "User: " + r.Principal.name() + " is not authorized to perform: " + r.Action
	if d.foreignKey && d.Gate == GateResource {
		return text + " on this resource because the resource does not exist in this Region," +
			" no resource-based policies allow access, or a resource-based policy explicitly denies access"
	}
	if r.Resource != "" {
		text += " on resource: " + r.Resource
	}
	switch {
	case d.Reason == ImplicitDeny:
		return text + " because no " + string(d.Gate) + " allows the " + r.Action + " action"
	case d.Gate == GateTrust:
		return text + " with an explicit deny in the role trust policy"
	case d.Gate == GateIdentity:
		return text + " with an explicit deny in an identity-based policy"
	}
	return text + " with an explicit deny in a " + string(d.Gate)
}

// Explain tells in a few lines what decided and what every gate said.
func (d Decision) Explain() string {
	var b strings.Builder
	switch d.Reason {
	case Allowed:
		fmt.Fprintf(&b, "allowed by %s", d.By)
	case ExplicitDeny:
		fmt.Fprintf(&b, "denied by %s", d.By)
	default:
		fmt.Fprintf(&b, "denied: no %s allows it", d.Gate)
	}
	b.WriteByte('\n')
	for i := range d.Gates {
		fmt.Fprintf(&b, "  %s\n", d.Gates[i].String())
	}
	return b.String()
}

// String is the gate's line of an explanation.
func (g *GateResult) String() string {
	name := string(g.Gate)
	if g.Level > 0 {
		name = fmt.Sprintf("%s, level %d", name, g.Level)
	}
	if g.By != nil {
		return fmt.Sprintf("%s: %s, %s", name, g.Outcome, g.By)
	}
	if len(g.asked) == 0 {
		return name + ": there is none"
	}
	names := make([]string, len(g.asked))
	for i := range g.asked {
		names[i] = g.asked[i].Name
	}
	return fmt.Sprintf("%s: no statement applies (%s)", name, strings.Join(names, ", "))
}
