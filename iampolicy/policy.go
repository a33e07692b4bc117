package iampolicy

import (
	"bytes"
	"encoding/json"
)

// Version is the language version of a policy document.
type Version string

// The two versions of the language. A document without a Version is of the older one, in which ${…} is plain text:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
const (
	Version2008 Version = "2008-10-17"
	Version2012 Version = "2012-10-17"
)

// Effect is what a statement does with the requests it matches.
type Effect string

// The two effects, spelled as in documents, where their case matters.
const (
	Allow Effect = "Allow"
	Deny  Effect = "Deny"
)

// Policy is a parsed policy document. Its fields are for reading: evaluation uses what [Parse] compiled from them.
type Policy struct {
	Version    Version // empty where the document names none
	ID         string
	Statements []Statement
}

// Statement is one statement of a [Policy]. Of each pair (Principal and NotPrincipal, Actions and NotActions, Resources
// and NotResources) a document gives at most one; a nil slice or pointer is an element that is not there.
type Statement struct {
	Sid          string
	Effect       Effect
	Principal    *Principals
	NotPrincipal *Principals
	Actions      []string
	NotActions   []string
	Resources    []string
	NotResources []string
	Conditions   []Condition
	Start, End   Position // of the statement in the document it was parsed from, End behind its last character

	from       Position // where IAM's simulator says that it starts; see Matched
	actions    []pattern
	resources  []arnPattern
	conditions []condition
}

// Principals is the value of a Principal or NotPrincipal element.
type Principals struct {
	Everyone      bool // the bare "*"
	AWS           []string
	Service       []string
	Federated     []string
	CanonicalUser []string
}

// Condition is one line of a Condition block: an operator in AWS's spelling with its qualifier and suffix
// ("ForAllValues:StringLikeIfExists"), the key as it was written, and the values it is compared with.
type Condition struct {
	Operator string
	Key      string
	Values   []string
}

// Position is a place in a document. Line and Column count from 1, Column in bytes; Offset counts bytes from 0.
type Position struct {
	Offset, Line, Column int
}

// MarshalJSON prints the document in one canonical form: elements in the grammar's order, a list of one as its only
// member, condition values as strings. Parsing that form again gives the same policy.
func (p *Policy) MarshalJSON() ([]byte, error) {
	o := newObject()
	if p.Version != "" {
		o.add("Version", string(p.Version))
	}
	if p.ID != "" {
		o.add("Id", p.ID)
	}
	statements := make([]json.RawMessage, 0, len(p.Statements))
	for i := range p.Statements {
		statements = append(statements, p.Statements[i].print())
	}
	o.add("Statement", statements)
	return o.close(), nil
}

// String is the canonical form of [Policy.MarshalJSON].
func (p *Policy) String() string {
	text, err := p.MarshalJSON()
	if err != nil {
		panic("iampolicy: printing strings cannot fail: " + err.Error())
	}
	return string(text)
}

func (s *Statement) print() json.RawMessage {
	o := newObject()
	if s.Sid != "" {
		o.add("Sid", s.Sid)
	}
	o.add("Effect", string(s.Effect))
	if s.Principal != nil {
		o.add("Principal", s.Principal.print())
	}
	if s.NotPrincipal != nil {
		o.add("NotPrincipal", s.NotPrincipal.print())
	}
	o.addList("Action", s.Actions)
	o.addList("NotAction", s.NotActions)
	o.addList("Resource", s.Resources)
	o.addList("NotResource", s.NotResources)
	if len(s.Conditions) > 0 {
		o.add("Condition", printConditions(s.Conditions))
	}
	return o.close()
}

func (p *Principals) print() any {
	if p.Everyone {
		return "*"
	}
	o := newObject()
	o.addList("AWS", p.AWS)
	o.addList("Service", p.Service)
	o.addList("Federated", p.Federated)
	o.addList("CanonicalUser", p.CanonicalUser)
	return o.close()
}

// printConditions groups the lines by operator, in order of first appearance.
func printConditions(conditions []Condition) json.RawMessage {
	block := newObject()
	printed := map[string]bool{}
	for _, c := range conditions {
		if printed[c.Operator] {
			continue
		}
		printed[c.Operator] = true
		keys := newObject()
		for _, line := range conditions {
			if line.Operator == c.Operator {
				keys.addList(line.Key, line.Values)
			}
		}
		block.add(c.Operator, keys.close())
	}
	return block.close()
}

// object prints a JSON object whose members keep the order in which they were added.
type object struct{ b bytes.Buffer }

func newObject() *object {
	o := &object{}
	o.b.WriteByte('{')
	return o
}

func (o *object) add(name string, value any) {
	if o.b.Len() > 1 {
		o.b.WriteByte(',')
	}
	o.write(name)
	o.b.WriteByte(':')
	o.write(value)
}

// addList adds nothing for a nil list and the bare member for a list of one.
func (o *object) addList(name string, list []string) {
	switch {
	case list == nil:
	case len(list) == 1:
		o.add(name, list[0])
	default:
		o.add(name, list)
	}
}

func (o *object) write(value any) {
	if raw, ok := value.(json.RawMessage); ok {
		o.b.Write(raw)
		return
	}
	encoder := json.NewEncoder(&o.b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic("iampolicy: strings and lists of strings always encode: " + err.Error())
	}
	o.b.Truncate(o.b.Len() - 1) // the encoder's newline
}

func (o *object) close() json.RawMessage {
	o.b.WriteByte('}')
	return o.b.Bytes()
}
