package iampolicy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Simulation is a decision with what a person asks next: all the statements that speak of the request, those that
// nearly do, and the condition keys that the policies ask for and the request does not have.
type Simulation struct {
	Decision
	Matched        []Matched
	Misses         []Miss
	MissingContext []string // as the policies write them, sorted

	considered []Considered
}

// Matched is a statement that applies to the request, with its place in its document as IAM's simulator tells it: it
// starts behind what stands before it in its list (the bracket, or the statement before), and a statement without a list
// behind its own brace.
type Matched struct {
	Match
	Start, End Position
}

// Miss is an Allow whose action fits the request and which does not apply all the same.
type Miss struct {
	Match
	Element string // what keeps it away: "Principal", "Resource" or "Condition"
	Detail  string // what the element asks for and what the request has
}

// String is one line: `statement 1 "Read" of policy p: Resource: …`.
func (m Miss) String() string { return fmt.Sprintf("%s: %s: %s", &m.Match, m.Element, m.Detail) }

// Simulate decides as [Evaluate] does and looks at every statement besides.
func Simulate(r Request, p Policies) Simulation {
	s := Simulation{Decision: Evaluate(r, p)}
	e := newEnvironment(&r, &p)
	missing := map[string]string{} // as written, by key in lower case
	for _, asked := range s.Gates {
		own := asked.Gate == GateResource || asked.Gate == GateTrust
		for i := range asked.asked {
			source := &asked.asked[i]
			if source.Policy == nil {
				continue
			}
			for j := range source.Policy.Statements {
				s.look(&e, source, j, asked.Gate, asked.Level, own)
			}
			for _, key := range source.Policy.ContextKeys() {
				if _, ok := e.values(strings.ToLower(key)); !ok && missing[strings.ToLower(key)] == "" {
					missing[strings.ToLower(key)] = key
				}
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(missing)) {
		s.MissingContext = append(s.MissingContext, missing[key])
	}
	return s
}

func (s *Simulation) look(e *environment, source *Source, index int, gate Gate, level int, own bool) {
	statement := &source.Policy.Statements[index]
	if !statement.matchesAction(e) {
		return
	}
	match := newMatch(gate, level, source, index)
	element, detail := statement.obstacle(e, own)
	s.considered = append(s.considered, Considered{Match: match, Applies: element == "", Element: element, Detail: detail})
	switch {
	case element == "":
		s.Matched = append(s.Matched, Matched{Match: match, Start: statement.from, End: statement.End})
	case statement.Effect == Allow:
		s.Misses = append(s.Misses, Miss{Match: match, Element: element, Detail: detail})
	}
}

// obstacle is the first element, the action apart, that keeps the statement from the request.
func (s *Statement) obstacle(e *environment, own bool) (element, detail string) {
	if s.names(e, own) == notNamed {
		return "Principal", "it does not name " + e.request.Principal.name()
	}
	if !s.matchesResource(e, own) {
		name, resources := s.resourceElement()
		return "Resource", fmt.Sprintf("%s is %s, the request's is %s", name, strings.Join(resources, ", "), e.request.Resource)
	}
	i := s.failingCondition(e)
	if i < 0 {
		return "", ""
	}
	line := s.Conditions[i]
	has := "the request has no such key"
	if values, ok := e.values(s.conditions[i].key); ok {
		has = "the request has " + strings.Join(values, ", ")
	}
	return "Condition", fmt.Sprintf("%s %s %s, %s", line.Operator, line.Key, strings.Join(line.Values, ", "), has)
}

// Deciding are the matched statements that decided: those that deny, where one does, those that allow a request that is
// allowed, and none of one that is denied because nothing allows it.
func (s *Simulation) Deciding() []Matched {
	effect := Allow
	switch s.Reason {
	case ImplicitDeny:
		return nil
	case ExplicitDeny:
		effect = Deny
	case Allowed:
	}
	var deciding []Matched
	for _, m := range s.Matched {
		if m.Effect == effect {
			deciding = append(deciding, m)
		}
	}
	return deciding
}

// ContextKeys are the condition keys that the policy asks for, in conditions and in variables, sorted, each as it was
// first written and once whatever its case.
func (p *Policy) ContextKeys() []string {
	seen := map[string]string{}
	add := func(key, written string) {
		if seen[key] == "" {
			seen[key] = written
		}
	}
	addParts := func(parts []part) {
		for _, part := range parts {
			if part.kind == variablePart {
				add(part.text, part.written)
			}
		}
	}
	addARNs := func(patterns []arnPattern) {
		for _, a := range patterns {
			if a.whole != nil {
				addParts(a.whole.parts)
			}
			for _, segment := range a.segments {
				addParts(segment.parts)
			}
		}
	}
	for i := range p.Statements {
		addARNs(p.Statements[i].resources)
		for j, c := range p.Statements[i].conditions {
			add(c.key, p.Statements[i].Conditions[j].Key)
			addARNs(c.arns)
			for _, pattern := range c.patterns {
				addParts(pattern.parts)
			}
		}
	}
	keys := slices.Collect(maps.Values(seen))
	slices.SortFunc(keys, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return keys
}
