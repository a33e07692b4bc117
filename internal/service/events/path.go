package events

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// path is a JSONPath of the kind that EventBridge takes: names and indices below $.
type path []any

// parsePath reads $.detail.state, $.resources[0] or $['detail-type'].
func parsePath(text string) (path, error) {
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		return nil, fmt.Errorf("path %q does not begin with $", text)
	}
	var p path
	for rest != "" {
		switch rest[0] {
		case '.':
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}
			if end == 0 {
				return nil, fmt.Errorf("path %q has an empty step", text)
			}
			p, rest = append(p, rest[1:end+1]), rest[end+1:]
		case '[':
			inside, behind, closed := strings.Cut(rest[1:], "]")
			if !closed {
				return nil, fmt.Errorf("path %q has an open bracket", text)
			}
			if n, err := strconv.Atoi(inside); err == nil && n >= 0 {
				p = append(p, n)
			} else if name := strings.Trim(inside, `'"`); len(name) == len(inside)-2 && name != "" {
				p = append(p, name)
			} else {
				return nil, fmt.Errorf("path %q has no name or index in its bracket", text)
			}
			rest = behind
		default:
			return nil, fmt.Errorf("path %q goes on with %q", text, rest)
		}
	}
	return p, nil
}

// in is what a document holds at the path; false: nothing.
func (p path) in(doc any) (any, bool) {
	for _, step := range p {
		switch step := step.(type) {
		case string:
			object, ok := doc.(map[string]any)
			if !ok {
				return nil, false
			}
			if doc, ok = object[step]; !ok {
				return nil, false
			}
		case int:
			list, ok := doc.([]any)
			if !ok || step >= len(list) {
				return nil, false
			}
			doc = list[step]
		}
	}
	return doc, true
}

func spell(value any) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	return strings.TrimSuffix(b.String(), "\n"), err
}
