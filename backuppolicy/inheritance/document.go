package inheritance

import (
	"fmt"
	"slices"
	"strings"
)

// Folding says how a key is matched with the keys of other policies: keys that fold to the same text are the same key, and
// the folded text is how the effective policy spells it. Depth 0 is a key of the document itself.
type Folding func(depth int, key string) string

// FoldAll matches all keys without regard to case.
func FoldAll(_ int, key string) string { return strings.ToLower(key) }

// Document is one policy as it was written.
type Document struct {
	Root *Element
}

// Element is an object of a document: a setting, with operators and their values, or a container of further elements.
type Element struct {
	Name       string // as written; empty for the document itself
	Key        string // as matched
	Path       string // names as written, divided by slashes
	Position   Position
	Operations []Operation // in the order written
	Control    *Control    // what the element allows to child policies; nil if it does not say
	Children   []*Element  // sorted by Key
}

// Child is the element of a key, or nil.
func (e *Element) Child(key string) *Element {
	i, found := slices.BinarySearchFunc(e.Children, key, func(c *Element, key string) int { return strings.Compare(c.Key, key) })
	if !found {
		return nil
	}
	return e.Children[i]
}

// InOrder are the children in the order written.
func (e *Element) InOrder() []*Element {
	ordered := slices.Clone(e.Children)
	slices.SortFunc(ordered, func(a, b *Element) int { return a.Position.Offset - b.Position.Offset })
	return ordered
}

// Operation is a value-setting operator with its values.
type Operation struct {
	Operator Operator
	Values   []Scalar
	List     bool // the values were written as an array
	Position Position
}

// Control is an @@operators_allowed_for_child_policies.
type Control struct {
	Allowed  Operators
	Position Position
}

// Scalar is a value as it was written. In an effective policy all are text: AWS makes "12", "true" and "null" of others.
type Scalar struct {
	Text     string
	Kind     Kind
	Position Position
}

// Kind is the JSON type of a scalar.
type Kind int

// The kinds of scalars.
const (
	Text Kind = iota
	Number
	Bool
	Null
)

// Position is a place in a document's text.
type Position struct {
	Line, Column int // from 1; columns count bytes
	Offset       int // from 0, in bytes
}

// SyntaxError says where a document breaks the grammar and how.
type SyntaxError struct {
	Path     string // plans/PII/rules/Hourly; empty for the document itself
	Position Position
	Reason   string
}

// Error names the element, its place and the reason.
func (e *SyntaxError) Error() string {
	path := e.Path
	if path == "" {
		path = "the document"
	}
	return fmt.Sprintf("%s (line %d, column %d): %s", path, e.Position.Line, e.Position.Column, e.Reason)
}
