// Package filter is the language in which CloudWatch Logs searches: terms of a text, and conditions on JSON.
//
//	ERROR "not found" -retry    all terms are there, and none of those with a minus
//	?ERROR ?WARN                one of the terms is there
//	%5\d\d%                     a regular expression matches
//	{ $.status >= 500 && $.user.name = "a*" }
//
// Case counts. Events are texts; one that is no JSON object matches no condition on JSON.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
package filter

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// ErrNotImplemented is answered to a pattern [in, brackets], whose fields stand between spaces.
var ErrNotImplemented = errors.New("patterns of fields between spaces")

// Parse reads a pattern and returns what tells whether an event matches. Everything matches the empty pattern.
func Parse(pattern string) (match func(event string) bool, err error) {
	pattern = strings.TrimSpace(pattern)
	switch {
	case pattern == "":
		return func(string) bool { return true }, nil
	case strings.HasPrefix(pattern, "["):
		return nil, ErrNotImplemented
	case strings.HasPrefix(pattern, "{"):
		return parseJSON(pattern)
	}
	return parseTerms(pattern)
}

// terms are what a text must hold: all of these, one of those, and none of the others.
type terms struct{ all, some, none []func(string) bool }

func parseTerms(pattern string) (func(string) bool, error) {
	var t terms
	for rest := pattern; rest != ""; rest = strings.TrimLeft(rest, " \t\n\r") {
		into := &t.all
		switch rest[0] {
		case '?':
			into, rest = &t.some, rest[1:]
		case '-':
			into, rest = &t.none, rest[1:]
		}
		term, behind, err := parseTerm(rest)
		if err != nil {
			return nil, err
		}
		*into, rest = append(*into, term), behind
	}
	if len(t.all) > 0 {
		t.some = nil // what may be there does not matter beside what must
	}
	return t.match, nil
}

func (t terms) match(event string) bool {
	for _, term := range t.all {
		if !term(event) {
			return false
		}
	}
	for _, term := range t.none {
		if term(event) {
			return false
		}
	}
	for _, term := range t.some {
		if term(event) {
			return true
		}
	}
	return len(t.some) == 0
}

// parseTerm reads a word, a text in quotes or an expression between percent signs at the beginning of a pattern.
func parseTerm(pattern string) (term func(string) bool, rest string, err error) {
	switch {
	case strings.HasPrefix(pattern, `"`):
		text, rest, err := quoted(pattern)
		if err != nil || text == "" {
			return nil, "", fmt.Errorf("a term in quotes is empty or has no end")
		}
		return holds(text), rest, nil
	case strings.HasPrefix(pattern, "%"):
		expression, rest, err := expression(pattern)
		if err != nil {
			return nil, "", err
		}
		return expression.MatchString, rest, nil
	}
	end := strings.IndexAny(pattern, " \t\n\r")
	if end < 0 {
		end = len(pattern)
	}
	word := pattern[:end]
	if !plain.MatchString(word) {
		return nil, "", fmt.Errorf("Invalid character(s) in term '%s'", word) //nolint:staticcheck // AWS's words
	}
	return holds(word), pattern[end:], nil
}

// plain are the words that need no quotes.
var plain = regexp.MustCompile(`^[\pL\pN_]+$`)

func holds(text string) func(string) bool {
	return func(event string) bool { return strings.Contains(event, text) }
}

// quoted reads a text in quotes, in which a backslash takes the meaning from what follows.
func quoted(pattern string) (text, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern):
			i++
			b.WriteByte(pattern[i])
		case c == '"':
			return b.String(), pattern[i+1:], nil
		default:
			b.WriteByte(c)
		}
	}
	return "", "", errors.New("a quote is not closed")
}

// expression reads a regular expression between percent signs.
func expression(pattern string) (*regexp.Regexp, string, error) {
	for i := 1; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '%':
			compiled, err := regexp.Compile(pattern[1:i])
			if err != nil || i == 1 {
				return nil, "", fmt.Errorf("the regular expression %q is not valid", pattern[1:i])
			}
			return compiled, pattern[i+1:], nil
		}
	}
	return nil, "", errors.New("a regular expression has no end")
}
