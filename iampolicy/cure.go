package iampolicy

import (
	"encoding/json"
	"slices"
	"strings"
)

// Change is what a cure does to a policy.
type Change string

// The changes.
const (
	AddStatement    Change = "add"
	RemoveStatement Change = "remove" // or narrow it, so that it spares the request
	NarrowStatement Change = "narrow" // see [Cure.Sparing]
)

// Cure is the change of one policy that opens one gate to one request: the smallest statement to add where the gate is
// silent, the statement to remove where it denies.
type Cure struct {
	Gate   Gate   `json:"gate"`
	Level  int    `json:"level,omitempty"`
	Change Change `json:"change"`
	// Of is what the policy belongs to: the principal's role or user, the resource, or the root, unit or account of a level.
	Of string `json:"of"`
	// Policy is the name of the policy to change, ID what the API calls it; both are empty where there is none yet.
	Policy    string          `json:"policy,omitempty"`
	ID        string          `json:"id,omitempty"`
	Sid       string          `json:"sid,omitempty"`      // of the statement to remove
	Index     int             `json:"index"`              // of that statement, or where the new one comes to stand
	Statement json.RawMessage `json:"statement"`          // to add or to remove
	Document  json.RawMessage `json:"document,omitempty"` // the policy after the change; nothing where no statement is left
}

// cures changes the policies until they allow the request, and tells how.
func cures(r Request, p Policies) []Cure {
	var list []Cure
	for {
		d := Evaluate(r, p)
		if d.Allowed {
			return list
		}
		cure, changed, ok := cureOf(&r, &p, d)
		if !ok {
			return list
		}
		list, p = append(list, cure), changed
	}
}

// cureOf opens the gate that decided. It fails only where no policy can: for nobody.
func cureOf(r *Request, p *Policies, d Decision) (Cure, Policies, bool) {
	shut := d.deciding()
	if shut == nil {
		return Cure{}, *p, false
	}
	sources := p.sources(shut.Gate, shut.Level)
	cure := Cure{Gate: shut.Gate, Level: shut.Level, Of: p.owner(r, shut.Gate, shut.Level)}
	at := 0
	if d.By != nil {
		at = slices.IndexFunc(sources, func(s Source) bool {
			return s.Policy != nil && d.By.Source == s.Name && d.By.Statement < len(s.Policy.Statements) && &s.Policy.Statements[d.By.Statement] == shut.statement
		})
		cure.Change, cure.Sid, cure.Index = RemoveStatement, d.By.Sid, d.By.Statement
		if sources[at].Of != "" {
			cure.Of = sources[at].Of
		}
	} else {
		cure.Change = AddStatement
		if at = addable(shut.Gate, sources); at < 0 {
			at = len(sources)
			sources = append(slices.Clone(sources), Source{Name: "a new policy", Policy: nil})
		}
	}
	changed := cure.change(r, &sources[at], p.KeyPolicy)
	sources = slices.Clone(sources)
	sources[at].Policy = changed
	return cure, p.replacing(shut.Gate, shut.Level, sources), true
}

// addable is the policy that takes a further statement, or -1 if it is better put into one of its own: what a principal
// or an organization has may be shared with others, while a resource, a boundary and a session have one policy.
func addable(gate Gate, sources []Source) int {
	if gate == GateIdentity || gate == GateSCP || gate == GateRCP || len(sources) == 0 {
		return -1
	}
	return 0
}

// change fills in what is done to the policy and returns it changed.
func (c *Cure) change(r *Request, source *Source, isKey bool) *Policy {
	changed := Policy{Version: Version2012}
	if source.Policy != nil {
		changed = *source.Policy
		c.Policy, c.ID = source.Name, source.ID
	}
	if c.Change == RemoveStatement {
		c.Statement = changed.Statements[c.Index].print()
		changed.Statements = slices.Delete(slices.Clone(changed.Statements), c.Index, c.Index+1)
	} else {
		c.Index = len(changed.Statements)
		statement := c.newStatement(r, isKey, changed.Version)
		c.Statement = statement.print()
		changed.Statements = append(slices.Clip(changed.Statements), statement)
	}
	if len(changed.Statements) > 0 {
		c.Document = json.RawMessage(changed.String())
	}
	return &changed
}

// newStatement is the smallest one that lets the request through the gate. A key's policy calls its key "*", and a role's
// trust policy does not speak of a resource.
func (c *Cure) newStatement(r *Request, isKey bool, version Version) Statement {
	s := Statement{Effect: Allow, Actions: []string{r.Action}, Resources: []string{literally(r.Resource, version)}}
	switch c.Gate {
	case GateResource, GateGrant:
		s.Principal = r.Principal.principals()
		if isKey {
			s.Resources = []string{"*"}
			s.Conditions = grantCondition(r)
		}
	case GateTrust:
		s.Principal, s.Resources = r.Principal.principals(), nil
	case GateRCP:
		s.Principal = &Principals{Everyone: true}
	default:
	}
	s.compile(version == Version2012)
	return s
}

// literally writes a resource so that it means itself and nothing else. Only the newer version of the language can spell
// wildcards; in the older one they at least fit themselves.
func literally(resource string, version Version) string {
	if resource == "*" || version != Version2012 {
		return resource
	}
	return spelled.Replace(resource)
}

var spelled = strings.NewReplacer("*", "${*}", "?", "${?}", "$", "${$}")

// principals names the principal in the policy of a resource: a session by its role, which outlives it.
func (p *Principal) principals() *Principals {
	switch {
	case p.Service != "":
		return &Principals{Service: []string{p.Service}}
	case p.Federated != "":
		return &Principals{Federated: []string{p.Federated}}
	case p.RoleARN != "":
		return &Principals{AWS: []string{p.RoleARN}}
	case p.ARN != "":
		return &Principals{AWS: []string{p.ARN}}
	}
	return &Principals{Everyone: true}
}

// holder is the role or user whose identity policies speak for the principal.
func (p *Principal) holder() string {
	switch {
	case p.RoleARN != "":
		return p.RoleARN
	case p.UserARN != "":
		return p.UserARN
	}
	return p.ARN
}

// owner is what the policies of a gate belong to.
func (p *Policies) owner(r *Request, gate Gate, level int) string {
	switch gate {
	case GateSCP, GateRCP:
		return p.target(gate, level)
	case GateResource, GateTrust, GateGrant:
		if p.ResourceOf != "" {
			return p.ResourceOf
		}
		return r.Resource
	default:
		return r.Principal.holder()
	}
}

func (p *Policies) sources(gate Gate, level int) []Source {
	switch gate {
	case GateRCP:
		return p.RCPs[level-1]
	case GateSCP:
		return p.SCPs[level-1]
	case GateIdentity:
		return p.Identity
	case GateBoundary:
		return []Source{*p.Boundary}
	case GateSession:
		return p.Session
	default:
		return p.Resource
	}
}

// replacing is a copy of the policies in which a gate has others.
func (p *Policies) replacing(gate Gate, level int, sources []Source) Policies {
	changed := *p
	switch gate {
	case GateRCP:
		changed.RCPs = slices.Clone(p.RCPs)
		changed.RCPs[level-1] = sources
	case GateSCP:
		changed.SCPs = slices.Clone(p.SCPs)
		changed.SCPs[level-1] = sources
	case GateIdentity:
		changed.Identity = sources
	case GateBoundary:
		changed.Boundary = &sources[0]
	case GateSession:
		changed.Session = sources
	default:
		changed.Resource = sources
	}
	return changed
}

// grantCondition keeps a statement about kms:CreateGrant to grants that a service of AWS has made, where this one is such a
// grant: a key's policy that says less would let the principal pass the key on to whom it likes.
func grantCondition(r *Request) []Condition {
	const key = "kms:GrantIsForAWSResource"
	if !strings.EqualFold(r.Action, "kms:CreateGrant") || !slices.Equal(r.Context[key], []string{"true"}) {
		return nil
	}
	return []Condition{{Operator: "Bool", Key: key, Values: []string{"true"}}}
}
