package iampolicy

import (
	"strings"
	"unicode/utf8"
)

type partKind uint8

const (
	literalPart  partKind = iota
	anyPart               // *: any number of characters
	onePart               // ?: one character
	variablePart          // ${key} or ${key, 'default'}
)

type part struct {
	kind       partKind
	text       string // the literal, or the variable's key in lower case
	written    string // a variable's key as the document has it
	fallback   string // a variable's default
	hasDefault bool
}

// pattern is a compiled value of a policy: literal text, wildcards and variables.
type pattern struct {
	parts     []part
	variables bool
}

// compilePattern reads text. Wildcards are special only where wild says so, variables only in documents of 2012-10-17;
// ${*}, ${?} and ${$} are those characters themselves:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
func compilePattern(text string, wild, variables bool) pattern {
	var p pattern
	literal := 0 // where the literal being read begins
	flush := func(end int) {
		if end > literal {
			p.literal(text[literal:end])
		}
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case wild && (c == '*' || c == '?'):
			flush(i)
			literal = i + 1
			kind := anyPart
			if c == '?' {
				kind = onePart
			}
			if n := len(p.parts); kind == onePart || n == 0 || p.parts[n-1].kind != anyPart {
				p.parts = append(p.parts, part{kind: kind})
			}
		case variables && c == '$' && strings.HasPrefix(text[i:], "${"):
			length := strings.IndexByte(text[i:], '}')
			if length < 0 {
				continue
			}
			flush(i)
			p.variable(text[i+2 : i+length])
			i += length
			literal = i + 1
		}
	}
	flush(len(text))
	return p
}

// literal appends text, joined to a literal just before it.
func (p *pattern) literal(text string) {
	if n := len(p.parts); n > 0 && p.parts[n-1].kind == literalPart {
		p.parts[n-1].text += text
		return
	}
	p.parts = append(p.parts, part{kind: literalPart, text: text})
}

func (p *pattern) variable(inside string) {
	if inside == "*" || inside == "?" || inside == "$" {
		p.literal(inside)
		return
	}
	v := part{kind: variablePart}
	key, rest, found := strings.Cut(inside, ",")
	if rest = strings.TrimSpace(rest); found && len(rest) >= 2 && rest[0] == '\'' && rest[len(rest)-1] == '\'' {
		v.fallback, v.hasDefault = rest[1:len(rest)-1], true
	}
	v.written = strings.TrimSpace(key)
	v.text = strings.ToLower(v.written)
	p.parts = append(p.parts, v)
	p.variables = true
}

// match reports whether the whole of s fits. A variable whose key has no value, or several, fits nothing.
func (p *pattern) match(s string, e *environment) bool {
	if !p.variables {
		return matchParts(p.parts, s)
	}
	var room [8]part
	parts, ok := p.resolve(room[:0], e)
	return ok && matchParts(parts, s)
}

// text is the value of a pattern without wildcards.
func (p *pattern) text(e *environment) (string, bool) {
	var room [8]part
	parts, ok := p.resolve(room[:0], e)
	if !ok {
		return "", false
	}
	if len(parts) == 1 {
		return parts[0].text, true
	}
	var b strings.Builder
	for _, part := range parts {
		b.WriteString(part.text)
	}
	return b.String(), true
}

func (p *pattern) resolve(parts []part, e *environment) ([]part, bool) {
	for _, part := range p.parts {
		if part.kind == variablePart {
			value, ok := e.single(part.text)
			if !ok && !part.hasDefault {
				return nil, false
			}
			if !ok {
				value = part.fallback
			}
			part.kind, part.text = literalPart, value
		}
		parts = append(parts, part)
	}
	return parts, true
}

// matchParts is the usual greedy match that goes back to the last * only, so its time is at most the product of both
// lengths.
func matchParts(parts []part, s string) bool {
	i, at := 0, 0
	star, starAt := -1, 0
	for i < len(parts) || at < len(s) {
		if i < len(parts) {
			switch part := &parts[i]; part.kind {
			case anyPart:
				if i == len(parts)-1 {
					return true
				}
				star, starAt = i, at
				i++
				continue
			case onePart:
				if at < len(s) {
					_, width := utf8.DecodeRuneInString(s[at:])
					at += width
					i++
					continue
				}
			default:
				if strings.HasPrefix(s[at:], part.text) {
					at += len(part.text)
					i++
					continue
				}
			}
		}
		if star < 0 || starAt >= len(s) {
			return false
		}
		_, width := utf8.DecodeRuneInString(s[starAt:])
		starAt += width
		i, at = star+1, starAt
	}
	return true
}

// arnPattern matches ARNs part by part, so that a wildcard never reaches over a colon but in the last part. Missing
// parts count as *: arn:aws:sqs means arn:aws:sqs:*:*:*
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html).
type arnPattern struct {
	any      bool
	whole    *pattern // of a text that is no ARN
	segments [arnSegments]pattern
}

const arnSegments = 6

func compileARN(text string, variables bool) arnPattern {
	if text == "*" {
		return arnPattern{any: true}
	}
	p := compilePattern(text, true, variables)
	segments := splitSegments(p.parts)
	if first := segments[0]; len(segments) < 2 || len(first) != 1 || first[0].kind != literalPart || first[0].text != "arn" {
		return arnPattern{whole: &p}
	}
	var a arnPattern
	for i := range a.segments {
		if i >= len(segments) {
			a.segments[i] = pattern{parts: []part{{kind: anyPart}}}
			continue
		}
		a.segments[i].parts = segments[i]
		for _, part := range segments[i] {
			a.segments[i].variables = a.segments[i].variables || part.kind == variablePart
		}
	}
	return a
}

// splitSegments splits at the colons of literals; the last segment keeps its own.
func splitSegments(parts []part) [][]part {
	segments := [][]part{nil}
	for _, p := range parts {
		for p.kind == literalPart && len(segments) < arnSegments {
			before, after, found := strings.Cut(p.text, ":")
			if !found {
				break
			}
			if before != "" {
				segments[len(segments)-1] = append(segments[len(segments)-1], part{kind: literalPart, text: before})
			}
			segments = append(segments, nil)
			p.text = after
		}
		if p.kind != literalPart || p.text != "" {
			segments[len(segments)-1] = append(segments[len(segments)-1], p)
		}
	}
	return segments
}

func (a *arnPattern) match(s string, e *environment) bool {
	if a.any {
		return true
	}
	if a.whole != nil {
		return a.whole.match(s, e)
	}
	for i := range arnSegments - 1 {
		before, after, found := strings.Cut(s, ":")
		if !found || !a.segments[i].match(before, e) {
			return false
		}
		s = after
	}
	return a.segments[arnSegments-1].match(s, e)
}
