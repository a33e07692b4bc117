package iampolicy

import (
	"encoding/json"
	"slices"
	"strings"
)

// Sparing is a cure that removes a statement as one that narrows it instead, so that it spares a role: the smaller change,
// which frees nobody else. It is false where there is nothing to narrow.
func (c Cure) Sparing(roleARN string) (Cure, bool) {
	s, ok := parseStatement(c.Statement)
	if c.Change != RemoveStatement || !ok || roleARN == "" {
		return c, false
	}
	changed := parseDocument(c.Document)
	spare(&s, roleARN)
	changed.Statements = slices.Insert(changed.Statements, min(c.Index, len(changed.Statements)), s)
	c.Change, c.Statement, c.Document = NarrowStatement, s.print(), json.RawMessage(changed.String())
	return c, true
}

// spare adds to a statement's conditions that the principal is not the role. The values of a negated operator are
// alternatives: none of them may fit.
func spare(s *Statement, roleARN string) {
	const operator, key = "ArnNotLike", "aws:PrincipalArn"
	s.Conditions = slices.Clone(s.Conditions)
	for i, c := range s.Conditions {
		if strings.EqualFold(c.Operator, operator) && strings.EqualFold(c.Key, key) {
			if !slices.Contains(c.Values, roleARN) {
				s.Conditions[i].Values = append(slices.Clip(c.Values), roleARN)
			}
			return
		}
	}
	s.Conditions = append(s.Conditions, Condition{Operator: operator, Key: key, Values: []string{roleARN}})
}

// Sequence makes cures of several decisions hold when they are made one after the other: where two change one policy, the
// later document has the earlier change too. The zero Sequence is ready.
type Sequence struct {
	policies map[string]*sequenced
}

type sequenced struct {
	policy Policy
	now    map[string]string // statements as they were, and what they have been narrowed to
}

// Next is the cure as it is to be made after those before it; with a role that a statement shall spare, narrowed to spare it.
// It is false where one of them has made the change already.
func (q *Sequence) Next(c Cure, spared string) (Cure, bool) {
	if q.policies == nil {
		q.policies = map[string]*sequenced{}
	}
	was := string(c.Statement)
	narrowed, narrows := c.Sparing(spared)
	if narrows {
		c = narrowed
	}
	before, met := q.policies[c.target()]
	if !met {
		q.policies[c.target()] = &sequenced{policy: parseDocument(c.Document), now: map[string]string{was: string(c.Statement)}}
		return c, true
	}
	if !before.apply(&c, was, spared) {
		return c, false
	}
	c.Document = nil
	if len(before.policy.Statements) > 0 {
		c.Document = json.RawMessage(before.policy.String())
	}
	return c, true
}

// target is what the policy that a cure changes is known by.
func (c *Cure) target() string {
	switch {
	case c.ID != "" && (c.Gate == GateSCP || c.Gate == GateRCP || strings.HasPrefix(c.ID, "arn:")):
		return c.ID
	case c.Gate == GateIdentity || c.Gate == GateSCP || c.Gate == GateRCP:
		if s, ok := parseStatement(c.Statement); ok && c.ID == "" {
			return c.Of + " new " + strings.Join(s.Actions, ",")
		}
		return c.Of + " " + c.ID
	}
	return string(c.Gate) + " " + c.Of
}

// apply makes the change in the policy as earlier cures left it; false if they have made it.
func (m *sequenced) apply(c *Cure, was, spared string) bool {
	at := func(text string) int {
		return slices.IndexFunc(m.policy.Statements, func(s Statement) bool { return string(s.print()) == text })
	}
	switch c.Change {
	case AddStatement:
		s, ok := parseStatement(c.Statement)
		if !ok || at(string(s.print())) >= 0 {
			return false
		}
		m.policy.Statements = append(m.policy.Statements, s)
	case RemoveStatement:
		i := at(was)
		if i < 0 {
			return false
		}
		m.policy.Statements = slices.Delete(m.policy.Statements, i, i+1)
	case NarrowStatement:
		current, narrowed := m.now[was]
		if !narrowed {
			current = was
		}
		i := at(current)
		if i < 0 {
			return false
		}
		spare(&m.policy.Statements[i], spared)
		after := m.policy.Statements[i].print()
		if string(after) == current {
			return false
		}
		m.now[was], c.Statement = string(after), after
	}
	return true
}

func parseStatement(text json.RawMessage) (Statement, bool) {
	p, err := Parse([]byte(`{"Version":"2012-10-17","Statement":[` + string(text) + `]}`))
	if err != nil || len(p.Statements) != 1 {
		return Statement{}, false
	}
	return p.Statements[0], true
}

// parseDocument reads the policy after a change; where no statement is left, there is no document.
func parseDocument(text json.RawMessage) Policy {
	if p, err := Parse(text); err == nil {
		return *p
	}
	return Policy{Version: Version2012}
}
