package iampolicy

import "strings"

// family is what an operator compares, and how values are compiled for it.
type family uint8

const (
	stringFamily family = iota
	foldFamily          // strings, whatever their case
	likeFamily          // strings with wildcards
	numberFamily
	dateFamily
	boolFamily
	binaryFamily
	addressFamily
	arnFamily
	nullFamily
)

type comparison uint8

const (
	equal comparison = iota
	less
	lessOrEqual
	greater
	greaterOrEqual
)

// qualifier says which of a key's several values must match.
type qualifier uint8

const (
	single qualifier = iota
	forAllValues
	forAnyValue
)

// operator is a condition operator with its qualifier and its IfExists.
type operator struct {
	name       string
	family     family
	comparison comparison
	negated    bool
	qualifier  qualifier
	ifExists   bool
}

// operators is the list of
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
var operators = [...]operator{
	{name: "StringEquals", family: stringFamily},
	{name: "StringNotEquals", family: stringFamily, negated: true},
	{name: "StringEqualsIgnoreCase", family: foldFamily},
	{name: "StringNotEqualsIgnoreCase", family: foldFamily, negated: true},
	{name: "StringLike", family: likeFamily},
	{name: "StringNotLike", family: likeFamily, negated: true},
	{name: "NumericEquals", family: numberFamily},
	{name: "NumericNotEquals", family: numberFamily, negated: true},
	{name: "NumericLessThan", family: numberFamily, comparison: less},
	{name: "NumericLessThanEquals", family: numberFamily, comparison: lessOrEqual},
	{name: "NumericGreaterThan", family: numberFamily, comparison: greater},
	{name: "NumericGreaterThanEquals", family: numberFamily, comparison: greaterOrEqual},
	{name: "DateEquals", family: dateFamily},
	{name: "DateNotEquals", family: dateFamily, negated: true},
	{name: "DateLessThan", family: dateFamily, comparison: less},
	{name: "DateLessThanEquals", family: dateFamily, comparison: lessOrEqual},
	{name: "DateGreaterThan", family: dateFamily, comparison: greater},
	{name: "DateGreaterThanEquals", family: dateFamily, comparison: greaterOrEqual},
	{name: "Bool", family: boolFamily},
	{name: "BinaryEquals", family: binaryFamily},
	{name: "IpAddress", family: addressFamily},
	{name: "NotIpAddress", family: addressFamily, negated: true},
	{name: "ArnEquals", family: arnFamily},
	{name: "ArnNotEquals", family: arnFamily, negated: true},
	{name: "ArnLike", family: arnFamily},
	{name: "ArnNotLike", family: arnFamily, negated: true},
	{name: "Null", family: nullFamily},
}

// operatorsByName has the names in lower case: AWS takes an operator in any.
var operatorsByName = func() map[string]operator {
	byName := make(map[string]operator, len(operators))
	for _, o := range operators {
		byName[strings.ToLower(o.name)] = o
	}
	return byName
}()

func parseOperator(text string) (operator, bool) {
	name := strings.ToLower(text)
	kind := single
	if rest, ok := strings.CutPrefix(name, "forallvalues:"); ok {
		name, kind = rest, forAllValues
	} else if rest, ok := strings.CutPrefix(name, "foranyvalue:"); ok {
		name, kind = rest, forAnyValue
	}
	name, ifExists := strings.CutSuffix(name, "ifexists")
	o, ok := operatorsByName[name]
	if !ok || ifExists && o.family == nullFamily {
		return operator{}, false
	}
	o.qualifier, o.ifExists = kind, ifExists
	return o, true
}

// String is the operator in AWS's spelling.
func (o operator) String() string {
	text := o.name
	switch o.qualifier {
	case forAllValues:
		text = "ForAllValues:" + text
	case forAnyValue:
		text = "ForAnyValue:" + text
	case single:
	}
	if o.ifExists {
		text += "IfExists"
	}
	return text
}
