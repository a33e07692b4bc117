package inheritance

import (
	"slices"
	"strings"
)

// Attached is a policy attached to the root, an organizational unit or an account.
type Attached struct {
	PolicyID string
	Name     string // of the policy
	TargetID string // where it is attached
	Policy   *Document
}

// Origin says which policy did something, where it is attached, and by which operator.
type Origin struct {
	PolicyID string
	Name     string
	TargetID string
	Operator Operator
}

// by is an origin as the tree keeps it.
type by struct {
	attached *Attached
	operator Operator
}

func (b by) origin() Origin {
	return Origin{b.attached.PolicyID, b.attached.Name, b.attached.TargetID, b.operator}
}

// Ignored is what a policy asked for and did not get.
type Ignored struct {
	Origin
	Path   string   // in the effective policy
	Values []string // of the operator; none if a whole new element was not admitted
	Reason string
	Rule   []Origin // the policies whose @@operators_allowed_for_child_policies forbade it
}

// Merged is what one node of the organization inherits and has of its own. The nil pointer and the zero value are what
// stands above the root. A Merged is immutable and safe for any number of goroutines.
type Merged struct {
	root   *Node
	parent *Merged
	lost   []Ignored // at this level
}

// Merge merges the levels from the root down to an account, each in the order in which its policies were attached.
func Merge(levels [][]Attached) *Merged {
	var m *Merged
	for _, level := range levels {
		m = m.Extend(level)
	}
	return m
}

// Extend is what a child inherits with the policies attached to itself, in the order of attachment. It shares with m what
// they do not touch.
func (m *Merged) Extend(level []Attached) *Merged {
	if len(level) == 0 {
		if m == nil {
			return &Merged{root: &Node{allowed: All}}
		}
		return m
	}
	level = slices.Clone(level) // the tree points into it
	child := &Merged{parent: m}
	parts := make([]part, 0, len(level))
	for i := range level {
		root := level[i].Policy.Root
		// AWS takes operators of the document itself, and makes nothing of them.
		parts = append(parts, part{&level[i], &Element{Children: root.Children, Control: root.Control}})
	}
	child.root = child.merge(m.Root(), parts)
	return child
}

// Root is the tree's root.
func (m *Merged) Root() *Node {
	if m == nil || m.root == nil {
		return &Node{allowed: All}
	}
	return m.root
}

// Ignored is what policies asked for in vain, the highest level first.
func (m *Merged) Ignored() []Ignored {
	var levels []*Merged
	for ; m != nil; m = m.parent {
		levels = append(levels, m)
	}
	var all []Ignored
	for _, level := range slices.Backward(levels) {
		all = append(all, level.lost...)
	}
	return all
}

// part is what one policy of a level says of a node.
type part struct {
	attached *Attached
	element  *Element
}

// merge is a node with what the policies of one level say of it.
func (m *Merged) merge(n *Node, parts []part) *Node {
	merged := *n
	merged.setting = m.settle(n, parts)
	for _, p := range parts {
		if c := p.element.Control; c != nil {
			merged.allowed &= c.Allowed
			merged.controls = append(slices.Clip(merged.controls), control{p.attached, c.Allowed})
		}
	}
	merged.children = m.mergeChildren(n, parts)
	merged.holds = merged.setting != nil || slices.ContainsFunc(merged.children, func(c *Node) bool { return c.holds })
	return &merged
}

// mergeChildren joins the sorted children of a node with those that the parts have.
func (m *Merged) mergeChildren(n *Node, parts []part) []*Node {
	if len(parts) == 1 {
		return m.join(n, parts[0].element.Children, func(key string) []part {
			return []part{{parts[0].attached, parts[0].element.Child(key)}}
		})
	}
	var elements []*Element
	for _, p := range parts {
		elements = append(elements, p.element.Children...)
	}
	slices.SortStableFunc(elements, func(a, b *Element) int { return strings.Compare(a.Key, b.Key) })
	elements = slices.CompactFunc(elements, func(a, b *Element) bool { return a.Key == b.Key })
	return m.join(n, elements, func(key string) []part {
		var of []part
		for _, p := range parts {
			if c := p.element.Child(key); c != nil {
				of = append(of, part{p.attached, c})
			}
		}
		return of
	})
}

// join walks the node's children and the elements, both sorted by key.
func (m *Merged) join(n *Node, elements []*Element, partsOf func(key string) []part) []*Node {
	if len(elements) == 0 {
		return n.children
	}
	joined := make([]*Node, 0, len(n.children)+len(elements))
	old := n.children
	for _, e := range elements {
		for len(old) > 0 && old[0].key < e.Key {
			joined, old = append(joined, old[0]), old[1:]
		}
		if len(old) > 0 && old[0].key == e.Key {
			joined, old = append(joined, m.merge(old[0], partsOf(e.Key))), old[1:]
			continue
		}
		child := &Node{key: e.Key, path: join(n.path, e.Key), allowed: All}
		if !n.allowed.AdmitsChildren() {
			m.refuse(n, child, partsOf(e.Key))
			continue
		}
		joined = append(joined, m.merge(child, partsOf(e.Key)))
	}
	return append(joined, old...)
}

// refuse notes that a node admits no new children.
func (m *Merged) refuse(n, child *Node, parts []part) {
	for _, p := range parts {
		m.lost = append(m.lost, Ignored{
			Origin: by{p.attached, ""}.origin(), Path: child.path,
			Reason: "a policy above lets child policies add nothing here",
			Rule:   n.narrowers(Set(Assign, Append)),
		})
	}
}

// settle is the value of a node after a level.
func (m *Merged) settle(n *Node, parts []part) *setting {
	s := n.setting
	s = m.each(n, parts, Assign, s, func(s *setting, p part, o Operation) (*setting, string) {
		switch wanted := assigned(p.attached, o); {
		case s == n.setting:
			return wanted, ""
		case s.equal(wanted):
			return s, ""
		}
		return s, "a policy that was attached here before assigns something else"
	})
	s = m.each(n, parts, Append, s, func(s *setting, p part, o Operation) (*setting, string) {
		if s != nil && !s.list {
			return s, "the inherited value is a single one, to which nothing can be appended"
		}
		return s.appended(p.attached, o), ""
	})
	return m.each(n, parts, Remove, s, func(s *setting, p part, o Operation) (*setting, string) {
		if s == nil {
			return nil, "" // nothing to remove, and no empty list comes of it
		}
		if !s.list {
			return s, "the inherited value is a single one, from which nothing can be removed"
		}
		return s.without(p.attached, o), ""
	})
}

// each applies one operator of every part that has it and may use it.
func (m *Merged) each(n *Node, parts []part, operator Operator, s *setting, apply func(*setting, part, Operation) (*setting, string)) *setting {
	for _, p := range parts {
		for _, o := range p.element.Operations {
			if o.Operator != operator {
				continue
			}
			var why string
			var rule []Origin
			if !n.allowed.Has(operator) {
				why, rule = "a policy above does not allow the operator here", n.narrowers(Set(operator))
			} else {
				s, why = apply(s, p, o)
			}
			if why != "" {
				m.lost = append(m.lost, Ignored{by{p.attached, operator}.origin(), n.path, texts(o.Values), why, rule})
			}
		}
	}
	return s
}

func texts(values []Scalar) []string {
	all := make([]string, 0, len(values))
	for _, v := range values {
		all = append(all, v.Text)
	}
	return all
}
