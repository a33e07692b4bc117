// Package pattern is the language of EventBridge's event patterns, which SNS's filter policies share.
//
// A pattern is a JSON object that has the shape of the events it matches: an object matches an object all of whose fields
// match, and a list, in which a pattern ends, holds what a value may be: a value itself, or an object with an operator
// such as {"prefix": "x"}. A list in an event matches if one of its elements does.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
package pattern

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Pattern is a parsed pattern. It may be used at once by any number of callers.
type Pattern struct{ root object }

// Error says why a document is no pattern.
type Error struct{ Reason string }

func (e *Error) Error() string { return "Event pattern is not valid. Reason: " + e.Reason }

func wrong(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// object is a set of fields that must all match, and groups of alternatives of which one each must.
type object struct {
	fields map[string]node
	or     [][]object
}

// node is what a field must match: an object or a list of tests.
type node struct {
	inner *object
	tests []test
}

// Parse reads a pattern. All errors but those of JSON are [Error]s.
func Parse(document []byte) (*Pattern, error) {
	doc, err := Decode(document)
	if err != nil {
		return nil, wrong("Unable to parse JSON: %s", err)
	}
	fields, ok := doc.(map[string]any)
	if !ok {
		return nil, wrong("Filter is not an object")
	}
	if len(fields) == 0 {
		return nil, wrong("Filter is empty")
	}
	root, err := parseObject(fields, "")
	if err != nil {
		return nil, err
	}
	return &Pattern{root}, nil
}

// Decode reads JSON as [Pattern.Match] takes it: numbers stay texts.
func Decode(document []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	var doc any
	if err := d.Decode(&doc); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("something follows the document")
	}
	return doc, nil
}

const mostAlternatives = 1000

func parseObject(fields map[string]any, path string) (object, error) {
	o := object{fields: map[string]node{}}
	if len(fields) == 0 {
		return o, wrong("Empty objects are not allowed at \"%s\"", path)
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		at := strings.TrimPrefix(path+"."+name, ".")
		switch value := fields[name].(type) {
		case map[string]any:
			inner, err := parseObject(value, at)
			if err != nil {
				return o, err
			}
			o.fields[name] = node{inner: &inner}
		case []any:
			if name == "$or" && len(value) >= 2 && allPatterns(value) {
				alternatives, err := parseAlternatives(value, path)
				if err != nil {
					return o, err
				}
				o.or = append(o.or, alternatives)
				continue
			}
			tests, err := parseTests(value, at)
			if err != nil {
				return o, err
			}
			o.fields[name] = node{tests: tests}
		default:
			return o, wrong("\"%s\" must be an object or an array", name)
		}
	}
	return o, nil
}

// allPatterns tells an $or of patterns from a field that has the name: there, elements are values, or objects with an operator.
func allPatterns(list []any) bool {
	return !slices.ContainsFunc(list, func(element any) bool {
		fields, ok := element.(map[string]any)
		for name := range fields {
			ok = ok && !slices.Contains(operators, name)
		}
		return !ok
	})
}

func parseAlternatives(list []any, path string) ([]object, error) {
	if len(list) > mostAlternatives {
		return nil, wrong("$or has more than %d alternatives", mostAlternatives)
	}
	var all []object
	for _, element := range list {
		o, err := parseObject(element.(map[string]any), path)
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

func parseTests(list []any, path string) ([]test, error) {
	if len(list) == 0 {
		return nil, wrong("Empty arrays are not allowed")
	}
	tests := make([]test, 0, len(list))
	for _, element := range list {
		t, err := parseTest(element, path)
		if err != nil {
			return nil, err
		}
		tests = append(tests, t)
	}
	return tests, nil
}

// Match reports whether an event, as [Decode] returns it, matches.
func (p *Pattern) Match(event any) bool { return p.root.match(event) }

// missing stands for a field that an event does not have.
type missing struct{}

func (o object) match(value any) bool {
	switch value := value.(type) {
	case []any: // fields of one and the same element
		return slices.ContainsFunc(value, o.match)
	case map[string]any:
		return o.matchFields(func(name string) any {
			if field, ok := value[name]; ok {
				return field
			}
			return missing{}
		})
	default: // without fields
		return o.matchFields(func(string) any { return missing{} })
	}
}

func (o object) matchFields(field func(string) any) bool {
	for name, n := range o.fields {
		if !n.match(field(name)) {
			return false
		}
	}
	for _, alternatives := range o.or {
		if !slices.ContainsFunc(alternatives, func(a object) bool { return a.matchFields(field) }) {
			return false
		}
	}
	return true
}

func (n node) match(value any) bool {
	if n.inner != nil {
		return n.inner.match(value)
	}
	return slices.ContainsFunc(n.tests, func(t test) bool { return matchTest(t, value) })
}

// matchTest holds a test against a value; of a list's elements one must pass.
func matchTest(t test, value any) bool {
	if list, ok := value.([]any); ok {
		if _, ok := t.(existence); ok {
			return bool(t.(existence)) == (len(list) > 0)
		}
		return slices.ContainsFunc(list, func(element any) bool { return matchTest(t, element) })
	}
	return t.passes(value)
}
