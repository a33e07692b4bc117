package inheritance

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Node is a node of a merged tree. It is immutable; the nil pointer is a node that is not there.
type Node struct {
	key, path string
	setting   *setting
	allowed   Operators // to the levels below
	controls  []control
	children  []*Node // sorted by key
	holds     bool    // a value, or some node below does
}

// control is an @@operators_allowed_for_child_policies that holds at a node.
type control struct {
	attached *Attached
	allowed  Operators
}

// setting is the value of a node: one value, or a list of them.
type setting struct {
	list   bool
	values []value
	shaped []by // who assigned, appended to or removed from it, since it was last assigned
}

type value struct {
	text string
	by   by
}

// Value is a value with the policy that put it there.
type Value struct {
	Text   string
	Origin Origin
}

func assigned(a *Attached, o Operation) *setting {
	return (&setting{list: o.List}).with(by{a, Assign}, o)
}

func (s *setting) appended(a *Attached, o Operation) *setting {
	if s == nil {
		s = &setting{list: true}
	}
	return s.with(by{a, Append}, o)
}

// with adds values that are not there yet.
func (s *setting) with(b by, o Operation) *setting {
	more := setting{s.list, slices.Clone(s.values), append(slices.Clip(s.shaped), b)}
	for _, v := range o.Values {
		if !slices.ContainsFunc(more.values, func(has value) bool { return has.text == v.Text }) {
			more.values = append(more.values, value{v.Text, b})
		}
	}
	return &more
}

// without takes values away; it is the same setting if none of them is there.
func (s *setting) without(a *Attached, o Operation) *setting {
	removed := func(has value) bool {
		return slices.ContainsFunc(o.Values, func(v Scalar) bool { return v.Text == has.text })
	}
	if !slices.ContainsFunc(s.values, removed) {
		return s
	}
	return &setting{s.list, slices.DeleteFunc(slices.Clone(s.values), removed), append(slices.Clip(s.shaped), by{a, Remove})}
}

func (s *setting) equal(other *setting) bool {
	return s.list == other.list && slices.EqualFunc(s.values, other.values, func(a, b value) bool { return a.text == b.text })
}

// Key is the node's key as the effective policy spells it.
func (n *Node) Key() string { return n.key }

// Path is the keys down to the node, divided by slashes.
func (n *Node) Path() string { return n.path }

// Children are the nodes below, sorted by key, with those that hold no value.
func (n *Node) Children() []*Node {
	if n == nil {
		return nil
	}
	return n.children
}

// Child is the node of a key below, or nil.
func (n *Node) Child(key string) *Node {
	if n == nil {
		return nil
	}
	i, found := slices.BinarySearchFunc(n.children, key, func(c *Node, key string) int { return strings.Compare(c.key, key) })
	if !found {
		return nil
	}
	return n.children[i]
}

// HasValue reports whether the node itself holds a value, be it an empty list.
func (n *Node) HasValue() bool { return n != nil && n.setting != nil }

// IsList reports whether its value is a list.
func (n *Node) IsList() bool { return n.HasValue() && n.setting.list }

// Text is a single value, and empty for a list or no value.
func (n *Node) Text() string {
	if !n.HasValue() || n.setting.list || len(n.setting.values) == 0 {
		return ""
	}
	return n.setting.values[0].text
}

// Texts are the values of a list, or the single value.
func (n *Node) Texts() []string {
	if !n.HasValue() {
		return nil
	}
	all := make([]string, 0, len(n.setting.values))
	for _, v := range n.setting.values {
		all = append(all, v.text)
	}
	return all
}

// Values are the values with their origins.
func (n *Node) Values() []Value {
	if !n.HasValue() {
		return nil
	}
	all := make([]Value, 0, len(n.setting.values))
	for _, v := range n.setting.values {
		all = append(all, Value{v.text, v.by.origin()})
	}
	return all
}

// Allowed is what the levels below may do here.
func (n *Node) Allowed() Operators {
	if n == nil {
		return All
	}
	return n.allowed
}

// IsEmpty reports whether neither the node nor any below holds a value. The effective policy leaves such nodes out.
func (n *Node) IsEmpty() bool {
	return n == nil || !n.holds
}

// narrowers are the policies whose control keeps an operator of the set from the levels below.
func (n *Node) narrowers(set Operators) []Origin {
	var all []Origin
	for _, c := range n.controls {
		if c.allowed&set != set {
			all = append(all, by{c.attached, AllowedForChildren}.origin())
		}
	}
	return all
}

// At is the node of a path, or nil. Slashes in keys are found as well.
func (n *Node) At(path string) *Node {
	if n == nil || n.path == path {
		return n
	}
	for _, c := range n.children {
		if c.path == path || strings.HasPrefix(path, c.path+"/") {
			if found := c.At(path); found != nil {
				return found
			}
		}
	}
	return nil
}

// Origins are the policies that set the values of the node and below, each once, in the order of keys.
func (n *Node) Origins() []Origin {
	var all []Origin
	n.Walk(func(n *Node) {
		for _, v := range n.Values() {
			if !slices.Contains(all, v.Origin) {
				all = append(all, v.Origin)
			}
		}
	})
	return all
}

// Contributors are the policies that shaped what stands at the node and below, those that only took something away too,
// each policy once.
func (n *Node) Contributors() []Origin {
	var all []Origin
	n.Walk(func(n *Node) {
		if n.setting == nil {
			return
		}
		for _, b := range n.setting.shaped {
			if !slices.ContainsFunc(all, func(o Origin) bool { return o.PolicyID == b.attached.PolicyID }) {
				all = append(all, b.origin())
			}
		}
	})
	return all
}

// Walk visits the node and all below, a node before its children.
func (n *Node) Walk(visit func(*Node)) {
	if n == nil {
		return
	}
	visit(n)
	for _, c := range n.children {
		c.Walk(visit)
	}
}

// Content is the effective policy: JSON without operators and without empty nodes, keys sorted.
func (m *Merged) Content() []byte {
	var b bytes.Buffer
	m.Root().print(&b, false)
	return b.Bytes()
}

// AsPolicy is the effective policy as a policy that assigns all of it. AWS's effective policies cannot be attached; this
// one can.
func (m *Merged) AsPolicy() []byte {
	var b bytes.Buffer
	m.Root().print(&b, true)
	return b.Bytes()
}

func (n *Node) print(b *bytes.Buffer, operators bool) {
	if n.setting != nil {
		if operators {
			b.WriteString(`{"` + string(Assign) + `":`)
			defer b.WriteByte('}')
		}
		n.setting.print(b)
		return
	}
	b.WriteByte('{')
	first := true
	for _, c := range n.children {
		if c.IsEmpty() {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		printText(b, c.key)
		b.WriteByte(':')
		c.print(b, operators)
	}
	b.WriteByte('}')
}

func (s *setting) print(b *bytes.Buffer) {
	if s.list {
		b.WriteByte('[')
	}
	for i, v := range s.values {
		if i > 0 {
			b.WriteByte(',')
		}
		printText(b, v.text)
	}
	if s.list {
		b.WriteByte(']')
	}
}

// printText prints a JSON string, without escaping < and > and &, which tag values hold.
func printText(b *bytes.Buffer, text string) {
	if !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		b.WriteByte('"')
		b.WriteString(text)
		b.WriteByte('"')
		return
	}
	encoder := json.NewEncoder(b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		panic("text can always be written: " + err.Error())
	}
	b.Truncate(b.Len() - 1) // the encoder's line break
}
