package filter

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// condition tells whether a document, as encoding/json decodes it, meets it.
type condition func(doc any) bool

func parseJSON(pattern string) (func(string) bool, error) {
	inside, ok := strings.CutSuffix(pattern, "}")
	if !ok {
		return nil, errors.New("a brace is not closed")
	}
	p := &parser{rest: inside[1:]}
	c, err := p.either(0)
	if err != nil {
		return nil, err
	}
	if p.space(); p.rest != "" {
		return nil, fmt.Errorf("nothing was expected at %q", p.rest)
	}
	return func(event string) bool {
		var doc map[string]any
		if json.Unmarshal([]byte(event), &doc) != nil || doc == nil {
			return false
		}
		return c(any(doc))
	}, nil
}

// parser reads conditions; || binds less than &&.
type parser struct{ rest string }

func (p *parser) space() { p.rest = strings.TrimLeft(p.rest, " \t\n\r") }

// took takes a token off the front, if it is there.
func (p *parser) took(token string) bool {
	p.space()
	rest, ok := strings.CutPrefix(p.rest, token)
	if ok {
		p.rest = rest
	}
	return ok
}

// deepest is how deep parentheses may go.
const deepest = 32

func (p *parser) either(depth int) (condition, error) {
	if depth > deepest {
		return nil, errors.New("the conditions are nested too deep")
	}
	left, err := p.both(depth)
	for err == nil && p.took("||") {
		var right condition
		if right, err = p.both(depth); err == nil {
			a := left
			left = func(doc any) bool { return a(doc) || right(doc) }
		}
	}
	return left, err
}

func (p *parser) both(depth int) (condition, error) {
	left, err := p.one(depth)
	for err == nil && p.took("&&") {
		var right condition
		if right, err = p.one(depth); err == nil {
			a := left
			left = func(doc any) bool { return a(doc) && right(doc) }
		}
	}
	return left, err
}

func (p *parser) one(depth int) (condition, error) {
	if p.took("(") {
		c, err := p.either(depth + 1)
		if err == nil && !p.took(")") {
			err = errors.New("a parenthesis is not closed")
		}
		return c, err
	}
	at, err := p.selector()
	if err != nil {
		return nil, err
	}
	if test, ok := p.word(); ok {
		return func(doc any) bool { return test(at.in(doc)) }, nil
	}
	for _, operator := range []string{"!=", ">=", "<=", "=", ">", "<"} {
		if p.took(operator) {
			test, err := p.operand(operator)
			return func(doc any) bool { return test(at.in(doc)) }, err
		}
	}
	return nil, fmt.Errorf("an operator was expected at %q", p.rest)
}

// missing stands for what a document does not have.
type missing struct{}

// words are the tests that are spelled as words.
var words = map[string]func(any) bool{
	"IS NULL":    func(v any) bool { return v == nil },
	"IS TRUE":    func(v any) bool { return v == true },
	"IS FALSE":   func(v any) bool { return v == false },
	"NOT EXISTS": func(v any) bool { return v == missing{} },
	"EXISTS":     func(v any) bool { return v != missing{} },
}

var wordsPattern = regexp.MustCompile(`^(?i)(IS\s+(?:NULL|TRUE|FALSE)|(?:NOT\s+)?EXISTS)\b`)

func (p *parser) word() (func(any) bool, bool) {
	p.space()
	found := wordsPattern.FindString(p.rest)
	if found == "" {
		return nil, false
	}
	p.rest = p.rest[len(found):]
	test := words[strings.ToUpper(strings.Join(strings.Fields(found), " "))]
	return func(v any) bool {
		switch v.(type) {
		case map[string]any, []any: // cannot be compared, and are none of the others
			v = struct{}{}
		}
		return test(v)
	}, true
}

// selector is a way into a document: names and indices.
type selector []any

func (s selector) in(doc any) any {
	for _, step := range s {
		switch step := step.(type) {
		case string:
			object, _ := doc.(map[string]any)
			field, ok := object[step]
			if !ok {
				return missing{}
			}
			doc = field
		case int:
			list, _ := doc.([]any)
			if step >= len(list) {
				return missing{}
			}
			doc = list[step]
		}
	}
	return doc
}

var name = regexp.MustCompile(`^[^\s.\[\]=!<>&|(){}"']+`)

func (p *parser) selector() (selector, error) {
	if !p.took("$") {
		return nil, fmt.Errorf("a selector, which begins with $, was expected at %q", p.rest)
	}
	var s selector
	for {
		switch {
		case strings.HasPrefix(p.rest, "."):
			found := name.FindString(p.rest[1:])
			if found == "" {
				return nil, fmt.Errorf("a name was expected at %q", p.rest)
			}
			s, p.rest = append(s, found), p.rest[1+len(found):]
		case strings.HasPrefix(p.rest, "["):
			inside, behind, closed := strings.Cut(p.rest[1:], "]")
			n, err := strconv.Atoi(inside)
			bare := strings.Trim(inside, `'"`)
			switch {
			case closed && err == nil && n >= 0:
				s = append(s, n)
			case closed && bare != "" && len(bare) == len(inside)-2:
				s = append(s, bare)
			default:
				return nil, fmt.Errorf("an index was expected at %q", p.rest)
			}
			p.rest = behind
		case len(s) == 0:
			return nil, errors.New("a selector names nothing")
		default:
			return s, nil
		}
	}
}

var value = regexp.MustCompile(`^[^\s&|(){}"]+`)

// operand reads what a value is compared with. What is in quotes is a text even if it looks like a number.
func (p *parser) operand(operator string) (func(any) bool, error) {
	p.space()
	switch {
	case strings.HasPrefix(p.rest, `"`):
		text, rest, err := quoted(p.rest)
		p.rest = rest
		return texts(operator, text, err)
	case strings.HasPrefix(p.rest, "%"):
		e, rest, err := expression(p.rest)
		p.rest = rest
		if err == nil && operator != "=" && operator != "!=" {
			err = fmt.Errorf("%s does not take a regular expression", operator)
		}
		return func(v any) bool {
			text, ok := spelled(v)
			return ok && e.MatchString(text) == (operator == "=")
		}, err
	}
	found := value.FindString(p.rest)
	if found == "" {
		return nil, fmt.Errorf("a value was expected at %q", p.rest)
	}
	p.rest = p.rest[len(found):]
	if n, err := strconv.ParseFloat(found, 64); err == nil {
		return numbers(operator, n), nil
	}
	return texts(operator, found, nil)
}

func numbers(operator string, n float64) func(any) bool {
	return func(v any) bool {
		have, ok := v.(float64)
		if !ok {
			return false
		}
		switch operator {
		case "=":
			return have == n
		case "!=":
			return have != n
		case "<":
			return have < n
		case "<=":
			return have <= n
		case ">":
			return have > n
		}
		return have >= n
	}
}

// texts compares with a text in which a star stands for anything.
func texts(operator, text string, err error) (func(any) bool, error) {
	if err == nil && operator != "=" && operator != "!=" {
		err = fmt.Errorf("%s compares numbers only", operator)
	}
	if err != nil {
		return nil, err
	}
	parts := strings.Split(text, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	matches := regexp.MustCompile(`^(?s:` + strings.Join(parts, ".*") + `)$`)
	return func(v any) bool {
		have, ok := spelled(v)
		return ok && matches.MatchString(have) == (operator == "=")
	}, nil
}

// spelled is a value as a text, if it is one value.
func spelled(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}
