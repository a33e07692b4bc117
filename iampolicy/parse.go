package iampolicy

import (
	"fmt"
	"strings"
)

// Parse reads a policy document. It accepts what the grammar allows
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html); whether the policy fits the
// place it is meant for is [Validate]'s question. Every error is a [SyntaxError].
func Parse(document []byte) (*Policy, error) {
	root, r, err := readDocument(document)
	if err != nil {
		return nil, err
	}
	if root.kind != objectNode {
		return nil, r.failAt(root, "a policy is a JSON object")
	}
	p := &Policy{}
	var statements *node
	for _, m := range root.members {
		switch m.name {
		case "Version":
			err = r.version(p, m.node)
		case "Id":
			p.ID, err = r.text(m.node)
		case "Statement":
			statements = m.node
		default:
			err = r.fail(m.node.path, m.at, "a policy has no such element")
		}
		if err != nil {
			return nil, err
		}
	}
	if statements == nil {
		return nil, r.failAt(root, "Statement is missing")
	}
	items := statements.items
	if statements.kind != listNode {
		items = []*node{statements}
	}
	p.Statements = make([]Statement, len(items))
	from := statements.start + 1
	for i, item := range items {
		if err := r.statement(&p.Statements[i], item); err != nil {
			return nil, err
		}
		p.Statements[i].from, from = r.position(from), item.end
		p.Statements[i].compile(p.Version == Version2012)
	}
	return p, nil
}

// MustParse is [Parse] for documents written in the source, which are known to be good.
func MustParse(document string) *Policy {
	p, err := Parse([]byte(document))
	if err != nil {
		panic(err)
	}
	return p
}

func (r *reader) version(p *Policy, n *node) error {
	text, err := r.text(n)
	if err != nil {
		return err
	}
	p.Version = Version(text)
	if p.Version != Version2008 && p.Version != Version2012 {
		return r.failAt(n, "it must be 2012-10-17 or 2008-10-17")
	}
	return nil
}

func (r *reader) statement(s *Statement, n *node) error {
	if n.kind != objectNode {
		return r.failAt(n, "a statement is a JSON object")
	}
	s.Start, s.End = r.position(n.start), r.position(n.end)
	for _, m := range n.members {
		if err := r.element(s, m); err != nil {
			return err
		}
	}
	switch {
	case s.Effect == "":
		return r.failAt(n, "Effect is missing")
	case s.Principal != nil && s.NotPrincipal != nil:
		return r.failAt(n, "it has both Principal and NotPrincipal")
	case s.Actions != nil && s.NotActions != nil:
		return r.failAt(n, "it has both Action and NotAction")
	case s.Resources != nil && s.NotResources != nil:
		return r.failAt(n, "it has both Resource and NotResource")
	}
	return nil
}

func (r *reader) element(s *Statement, m member) (err error) {
	switch m.name {
	case "Sid":
		s.Sid, err = r.text(m.node)
	case "Effect":
		var text string
		if text, err = r.text(m.node); err != nil {
			return err
		}
		if s.Effect = Effect(text); s.Effect != Allow && s.Effect != Deny {
			legacy := strings.EqualFold(text, string(Allow)) || strings.EqualFold(text, string(Deny))
			err = &SyntaxError{m.node.path, r.position(m.node.start), "it must be Allow or Deny", legacy}
		}
	case "Principal":
		s.Principal, err = r.principals(m.node)
	case "NotPrincipal":
		s.NotPrincipal, err = r.principals(m.node)
	case "Action":
		s.Actions, err = r.texts(m.node)
	case "NotAction":
		s.NotActions, err = r.texts(m.node)
	case "Resource":
		s.Resources, err = r.texts(m.node)
	case "NotResource":
		s.NotResources, err = r.texts(m.node)
	case "Condition":
		s.Conditions, err = r.conditions(m.node)
	default:
		err = r.fail(m.node.path, m.at, "a statement has no such element")
	}
	return err
}

func (r *reader) principals(n *node) (*Principals, error) {
	if n.kind == textNode {
		if n.text != "*" {
			return nil, r.failAt(n, `the only principal without a type is "*"`)
		}
		return &Principals{Everyone: true}, nil
	}
	if n.kind != objectNode {
		return nil, r.failAt(n, `it must be "*" or an object of principal types`)
	}
	if len(n.members) == 0 {
		return nil, r.failAt(n, "it names nobody")
	}
	p := &Principals{}
	for _, m := range n.members {
		var list *[]string
		switch m.name {
		case "AWS":
			list = &p.AWS
		case "Service":
			list = &p.Service
		case "Federated":
			list = &p.Federated
		case "CanonicalUser":
			list = &p.CanonicalUser
		default:
			return nil, r.fail(m.node.path, m.at, "the types are AWS, Service, Federated and CanonicalUser")
		}
		var err error
		if *list, err = r.texts(m.node); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (r *reader) conditions(n *node) ([]Condition, error) {
	if n.kind != objectNode {
		return nil, r.failAt(n, "it must be an object of operators")
	}
	var conditions []Condition
	seen := map[string]bool{}
	for _, m := range n.members {
		operator, ok := parseOperator(m.name)
		if !ok && m.node.kind == objectNode && len(m.node.members) == 0 {
			continue // IAM takes any name here that is followed by nothing
		}
		if !ok {
			return nil, r.fail(m.node.path, m.at, "there is no such condition operator")
		}
		name := operator.String()
		if seen[name] {
			return nil, r.fail(m.node.path, m.at, "it is given twice")
		}
		seen[name] = true
		if m.node.kind != objectNode {
			return nil, r.failAt(m.node, "it must be an object of condition keys")
		}
		for _, key := range m.node.members {
			values, err := r.scalars(key.node)
			if err != nil {
				return nil, err
			}
			if key.name == "" {
				return nil, r.fail(key.node.path, key.at, "the condition key is empty")
			}
			conditions = append(conditions, Condition{Operator: name, Key: key.name, Values: values})
		}
	}
	return conditions, nil
}

func (r *reader) text(n *node) (string, error) {
	if n.kind != textNode {
		return "", r.failAt(n, "it must be a string")
	}
	return n.text, nil
}

// texts reads a string or a list of strings; the result is never nil.
func (r *reader) texts(n *node) ([]string, error) {
	if n.kind == textNode {
		return []string{n.text}, nil
	}
	if n.kind != listNode {
		return nil, r.failAt(n, "it must be a string or a list of strings")
	}
	list := make([]string, 0, len(n.items))
	for _, item := range n.items {
		text, err := r.text(item)
		if err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, nil
}

// scalars reads the values of a condition key, where numbers and booleans may stand without quotes.
func (r *reader) scalars(n *node) ([]string, error) {
	items := n.items
	if n.kind != listNode {
		items = []*node{n}
	}
	list := make([]string, 0, len(items))
	for _, item := range items {
		if item.kind > boolNode {
			return nil, r.failAt(item, "it must be a string, a number or a boolean")
		}
		list = append(list, item.text)
	}
	return list, nil
}

// compile prepares the statement for evaluation.
func (s *Statement) compile(variables bool) {
	for _, action := range append(s.Actions[:len(s.Actions):len(s.Actions)], s.NotActions...) {
		s.actions = append(s.actions, compilePattern(strings.ToLower(action), true, false))
	}
	for _, resource := range append(s.Resources[:len(s.Resources):len(s.Resources)], s.NotResources...) {
		s.resources = append(s.resources, compileARN(resource, variables))
	}
	for _, c := range s.Conditions {
		operator, ok := parseOperator(c.Operator)
		if !ok {
			panic(fmt.Sprintf("iampolicy: the parser let the operator %q pass", c.Operator))
		}
		s.conditions = append(s.conditions, compileCondition(operator, c, variables))
	}
}
