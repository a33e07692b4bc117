package inheritance

import "strings"

// Operator is an inheritance operator.
type Operator string

// The value-setting operators, and the one that controls children.
const (
	Assign Operator = "@@assign"
	Append Operator = "@@append"
	Remove Operator = "@@remove"

	AllowedForChildren Operator = "@@operators_allowed_for_child_policies"
)

// Operators is a set of value-setting operators.
type Operators uint8

// The sets that have a name in the language.
const (
	None Operators = 0
	All  Operators = 1<<3 - 1
)

var operatorBits = map[Operator]Operators{Assign: 1, Append: 2, Remove: 4}

// Set is the set of some operators.
func Set(operators ...Operator) Operators {
	var set Operators
	for _, o := range operators {
		set |= operatorBits[o]
	}
	return set
}

// Has reports whether an operator is in the set.
func (s Operators) Has(o Operator) bool { return s&operatorBits[o] != 0 }

// AdmitsChildren reports whether a container that allows the set lets child policies add to it. Both operators that add
// what is not there yet do: an @@append alone is AWS's example, and an @@assign "adds it to the effective policy".
func (s Operators) AdmitsChildren() bool { return s.Has(Append) || s.Has(Assign) }

// String lists the set as a policy would.
func (s Operators) String() string {
	switch s {
	case None:
		return "@@none"
	case All:
		return "@@all"
	}
	var names []string
	for _, o := range []Operator{Assign, Append, Remove} {
		if s.Has(o) {
			names = append(names, string(o))
		}
	}
	return strings.Join(names, ", ")
}
