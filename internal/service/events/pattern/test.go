package pattern

import (
	"encoding/json"
	"math/big"
	"net/netip"
	"slices"
	"strings"
)

// test is what a value may be. A field that is missing is the value missing{}.
type test interface{ passes(value any) bool }

type (
	literal     struct{ value any } // text, truth or null
	number      struct{ value *big.Float }
	existence   bool
	prefix      struct{ text folded }
	suffix      struct{ text folded }
	same        string // whatever the case
	wildcard    []string
	network     netip.Prefix
	comparisons []comparison
	none        []test // passes what exists and passes none of them
)

// folded is a text that is compared with or without regard to case.
type folded struct {
	text string
	fold bool
}

func (f folded) prefixes(s string) bool {
	if f.fold {
		return strings.HasPrefix(strings.ToLower(s), strings.ToLower(f.text))
	}
	return strings.HasPrefix(s, f.text)
}

func (f folded) suffixes(s string) bool {
	if f.fold {
		return strings.HasSuffix(strings.ToLower(s), strings.ToLower(f.text))
	}
	return strings.HasSuffix(s, f.text)
}

type comparison struct {
	operator string
	with     *big.Float
}

func (l literal) passes(value any) bool { return value == l.value }

func (n number) passes(value any) bool {
	v, ok := numberOf(value)
	return ok && v.Cmp(n.value) == 0
}

func (e existence) passes(value any) bool {
	_, isMissing := value.(missing)
	if _, isObject := value.(map[string]any); isObject {
		return !bool(e) // only what ends a path exists
	}
	return bool(e) != isMissing
}

func (p prefix) passes(value any) bool {
	s, ok := value.(string)
	return ok && p.text.prefixes(s)
}

func (p suffix) passes(value any) bool {
	s, ok := value.(string)
	return ok && p.text.suffixes(s)
}

func (e same) passes(value any) bool {
	s, ok := value.(string)
	return ok && strings.EqualFold(s, string(e))
}

func (n network) passes(value any) bool {
	s, ok := value.(string)
	if !ok {
		return false
	}
	address, err := netip.ParseAddr(s)
	return err == nil && netip.Prefix(n).Contains(address.Unmap())
}

func (c comparisons) passes(value any) bool {
	v, ok := numberOf(value)
	if !ok {
		return false
	}
	for _, one := range c {
		sign := v.Cmp(one.with)
		holds := map[string]bool{"=": sign == 0, "<": sign < 0, "<=": sign <= 0, ">": sign > 0, ">=": sign >= 0}
		if !holds[one.operator] {
			return false
		}
	}
	return true
}

func (n none) passes(value any) bool {
	switch value.(type) {
	case missing, map[string]any:
		return false
	}
	return !slices.ContainsFunc(n, func(t test) bool { return t.passes(value) })
}

// passes holds the parts of a wildcard, which stars part, against a text.
func (w wildcard) passes(value any) bool {
	s, ok := value.(string)
	if !ok {
		return false
	}
	if len(w) == 1 {
		return s == w[0]
	}
	rest, found := strings.CutPrefix(s, w[0])
	if !found {
		return false
	}
	for _, part := range w[1 : len(w)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return strings.HasSuffix(rest, w[len(w)-1])
}

func numberOf(value any) (*big.Float, bool) {
	text, ok := value.(json.Number)
	if !ok {
		return nil, false
	}
	return parseNumber(text)
}

func parseNumber(text json.Number) (*big.Float, bool) {
	n, _, err := big.ParseFloat(string(text), 10, 128, big.ToNearestEven)
	return n, err == nil
}

// parseTest reads an element of the list in which a pattern ends.
func parseTest(element any, path string) (test, error) {
	switch element := element.(type) {
	case string, bool, nil:
		return literal{element}, nil
	case json.Number:
		n, ok := parseNumber(element)
		if !ok {
			return nil, wrong("%s is no number at \"%s\"", element, path)
		}
		return number{n}, nil
	case map[string]any:
		if len(element) != 1 {
			return nil, wrong("Only one key allowed in match expression at \"%s\"", path)
		}
		for operator, operand := range element {
			return parseOperator(operator, operand, path)
		}
	}
	return nil, wrong("Match value must be String, number, true, false, or null at \"%s\"", path)
}

// operators are the names of all operators.
var operators = []string{"exists", "prefix", "suffix", "equals-ignore-case", "wildcard", "cidr", "numeric", "anything-but"}

func parseOperator(operator string, operand any, path string) (test, error) {
	switch operator {
	case "exists":
		want, ok := operand.(bool)
		if !ok {
			return nil, wrong("exists match pattern must be either true or false.")
		}
		return existence(want), nil
	case "prefix", "suffix":
		f, err := parseFolded(operator, operand)
		if err != nil {
			return nil, err
		}
		if operator == "prefix" {
			return prefix{f}, nil
		}
		return suffix{f}, nil
	case "equals-ignore-case":
		s, ok := operand.(string)
		if !ok {
			return nil, wrong("equals-ignore-case match pattern must be a string")
		}
		return same(s), nil
	case "wildcard":
		return parseWildcard(operand)
	case "cidr":
		return parseNetwork(operand)
	case "numeric":
		return parseComparisons(operand)
	case "anything-but":
		return parseNone(operand, path)
	}
	return nil, wrong("Unrecognized match type %s", operator)
}

func parseFolded(operator string, operand any) (folded, error) {
	switch operand := operand.(type) {
	case string:
		return folded{text: operand}, nil
	case map[string]any:
		if s, ok := operand["equals-ignore-case"].(string); ok && len(operand) == 1 {
			return folded{text: s, fold: true}, nil
		}
	}
	return folded{}, wrong("%s match pattern must be a string", operator)
}

func parseWildcard(operand any) (test, error) {
	s, ok := operand.(string)
	if !ok {
		return nil, wrong("wildcard match pattern must be a string")
	}
	parts := []string{""}
	for i := 0; i < len(s); i++ {
		last := len(parts) - 1
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '*' || s[i+1] == '\\'):
			i++
			parts[last] += s[i : i+1]
		case s[i] == '\\':
			return nil, wrong("Invalid escape character at pos %d", i)
		case s[i] == '*' && last > 0 && parts[last] == "":
			return nil, wrong("Consecutive wildcard characters at pos %d", i-1)
		case s[i] == '*':
			parts = append(parts, "")
		default:
			parts[last] += s[i : i+1]
		}
	}
	return wildcard(parts), nil
}

func parseNetwork(operand any) (test, error) {
	s, ok := operand.(string)
	if !ok {
		return nil, wrong("prefix match pattern must be a string")
	}
	if !strings.Contains(s, "/") {
		address, err := netip.ParseAddr(s)
		if err != nil {
			return nil, wrong("Nonstandard IP address: %s", s)
		}
		return network(netip.PrefixFrom(address, address.BitLen())), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return nil, wrong("Malformed CIDR, one '/' required")
	}
	return network(p), nil
}

func parseComparisons(operand any) (test, error) {
	list, ok := operand.([]any)
	if !ok || len(list) == 0 {
		return nil, wrong("Value of numeric must be an array.")
	}
	if len(list)%2 != 0 || len(list) > 4 {
		return nil, wrong("Too many terms in numeric range expression")
	}
	var all comparisons
	for i := 0; i < len(list); i += 2 {
		operator, ok := list[i].(string)
		if !ok || !slices.Contains([]string{"=", "<", "<=", ">", ">="}, operator) {
			return nil, wrong("Unrecognized numeric range operator: %v", list[i])
		}
		with, ok := numberOf(list[i+1])
		if !ok {
			return nil, wrong("Value of %s must be numeric", operator)
		}
		all = append(all, comparison{operator, with})
	}
	if len(all) == 2 {
		lower, upper := all[0], all[1]
		if lower.operator[0] != '>' || upper.operator[0] != '<' {
			return nil, wrong("Bad numeric range operator: %s", upper.operator)
		}
		if lower.with.Cmp(upper.with) >= 0 {
			return nil, wrong("Bottom must be less than top")
		}
	}
	return all, nil
}

// parseNone reads the operand of anything-but: a value, a list of values, or one of the operators on texts with a text or
// a list of texts.
func parseNone(operand any, path string) (test, error) {
	switch operand := operand.(type) {
	case []any:
		return parseNoneOf(operand, path)
	case map[string]any:
		if len(operand) != 1 {
			return nil, wrong("Only one key allowed in match expression at \"%s\"", path)
		}
		for operator, inner := range operand {
			if !slices.Contains([]string{"prefix", "suffix", "equals-ignore-case", "wildcard"}, operator) {
				return nil, wrong("Unsupported anything-but pattern: %s", operator)
			}
			texts, isList := inner.([]any)
			if !isList {
				texts = []any{inner}
			}
			var tests none
			for _, text := range texts {
				if text == "" && (operator == "prefix" || operator == "suffix") {
					return nil, wrong("Null prefix/suffix not allowed")
				}
				t, err := parseOperator(operator, text, path)
				if err != nil {
					return nil, err
				}
				tests = append(tests, t)
			}
			if len(tests) == 0 {
				return nil, wrong("Empty arrays are not allowed")
			}
			return tests, nil
		}
	}
	switch operand.(type) {
	case string, json.Number:
	default:
		return nil, wrong("Value of anything-but must be an array or single string/number value.")
	}
	t, err := parseTest(operand, path)
	if err != nil {
		return nil, err
	}
	return none{t}, nil
}

// parseNoneOf reads the list of an anything-but: texts or numbers, but not both.
func parseNoneOf(list []any, path string) (test, error) {
	texts := 0
	for _, element := range list {
		switch element.(type) {
		case string:
			texts++
		case json.Number:
		default:
			return nil, wrong("Inside anything but list, start|null|boolean is not supported.")
		}
	}
	if len(list) == 0 || texts != 0 && texts != len(list) {
		return nil, wrong("Inside anything but list, either all values are number or string, mixed type is not supported")
	}
	tests, err := parseTests(list, path)
	return none(tests), err
}
