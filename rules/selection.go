package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"strongroom/arn"
)

// Tag is a key and a value.
type Tag struct{ Key, Value string }

// Selection assigns resources to a plan: the union of Resources and ListOfTags, less NotResources, cut down to those
// that meet every condition. Everything is case-sensitive.
type Selection struct {
	Resources    []string // ARNs and ARN patterns
	NotResources []string
	ListOfTags   []Tag // bare keys, any of which suffices

	// Conditions, all of which must hold; bare keys (the API writes aws:ResourceTag/<key>).
	StringEquals, StringNotEquals, StringLike, StringNotLike []Tag
}

// Resource is what a selection looks at.
type Resource struct {
	ARN  string
	Type string
	Tags map[string]string
}

// Matches reports whether the selection takes a resource, opt-in settings aside.
func (s Selection) Matches(r Resource) bool {
	return (s.byARN(r) != notNamed || s.byTag(r)) && s.admits(r)
}

// Takes is Matches under an account's opt-in settings, a missing one counting as on. Opt-in is overridden by naming a
// resource or its type's ARN pattern, but not by a whole service's pattern, by tags, or for the types that share one
// ARN shape (Aurora, DocumentDB, Neptune).
func (s Selection) Takes(r Resource, optIn map[string]bool) bool {
	if !s.admits(r) || isRestoreTest(r) {
		return false
	}
	on, said := optIn[r.Type]
	on = on || !said
	return s.byARN(r) == namedType || on && (s.byARN(r) == namedService || s.byTag(r))
}

// isRestoreTest reports whether the resource is a restore test's, which plans leave alone.
func isRestoreTest(r Resource) bool {
	if _, tagged := r.Tags["awsbackup-restore-test"]; tagged {
		return true
	}
	a, err := arn.Parse(r.ARN)
	if err != nil {
		return false
	}
	id := a.Resource[strings.LastIndexAny(a.Resource, "/:")+1:]
	return strings.HasPrefix(id, "awsbackup-restore-test")
}

type naming int

const (
	notNamed     naming = iota
	namedService        // by * or by a service's pattern: opt-in counts
	namedType           // by the type's pattern or the ARN itself: opt-in does not count
)

func (s Selection) byARN(r Resource) naming {
	best := notNamed
	for _, p := range s.Resources {
		if !matchARN(p, r.ARN) {
			continue
		}
		how := namedService
		if ofType, shared := names(p); ofType && !shared {
			how = namedType
		}
		best = max(best, how)
	}
	return best
}

func (s Selection) byTag(r Resource) bool {
	return slices.ContainsFunc(s.ListOfTags, func(t Tag) bool {
		value, tagged := r.Tags[t.Key]
		return tagged && value == t.Value
	})
}

// admits applies NotResources and the conditions. A condition that says "not" holds for a resource without the tag.
func (s Selection) admits(r Resource) bool {
	if slices.ContainsFunc(s.NotResources, func(p string) bool { return matchARN(p, r.ARN) }) {
		return false
	}
	holds := func(conditions []Tag, want bool, match func(pattern, value string) bool) bool {
		for _, t := range conditions {
			value, tagged := r.Tags[t.Key]
			if (tagged && match(t.Value, value)) != want {
				return false
			}
		}
		return true
	}
	equal := func(a, b string) bool { return a == b }
	return holds(s.StringEquals, true, equal) && holds(s.StringNotEquals, false, equal) &&
		holds(s.StringLike, true, wildcard) && holds(s.StringNotLike, false, wildcard)
}

// matchARN matches an ARN pattern: * alone takes everything, and within a pattern * does not leave the ARN's part that
// it stands in, except at the end.
func matchARN(pattern, resource string) bool {
	if pattern == "*" {
		return true
	}
	p, q := strings.SplitN(pattern, ":", 6), strings.SplitN(resource, ":", 6)
	if strings.HasSuffix(pattern, "*") && len(p) < len(q) { // arn:aws:ec2:* takes the whole service
		return wildcard(pattern, resource)
	}
	if len(p) != len(q) {
		return false
	}
	for i := range p {
		if !wildcard(p[i], q[i]) {
			return false
		}
	}
	return true
}

// wildcard matches text against a pattern in which * stands for any number of characters that are not white space.
// Only the last asterisk seen need ever be tried again.
func wildcard(pattern, text string) bool {
	var p, t int
	star, resume := -1, 0
	for t < len(text) || p < len(pattern) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, t
			p++
		case p < len(pattern) && t < len(text) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0 && resume < len(text) && !strings.ContainsRune(" \t\r\n", rune(text[resume])):
			resume++
			p, t = star+1, resume
		default:
			return false
		}
	}
	return true
}

// Limits of a selection.
const (
	maxARNs         = 500
	maxWildcardARNs = 30
	maxConditions   = 30
)

// Validate checks a selection's form and limits. Its error is a [Refusal] where the catalogue has one.
func (s Selection) Validate() error {
	if len(s.Resources) == 0 && len(s.ListOfTags) == 0 {
		return SelectionEmpty.Refuse(nil)
	}
	for field, patterns := range map[string][]string{"Resources": s.Resources, "NotResources": s.NotResources} {
		wild := 0
		for _, p := range patterns {
			if strings.Contains(p, "*") {
				wild++
			}
			if err := validatePattern(p); err != nil {
				return fmt.Errorf("invalid ARN %s in %s: %w", p, field, err)
			}
		}
		if wild > maxWildcardARNs || len(patterns) > maxARNs {
			return fmt.Errorf("%s may hold %d ARNs, or %d with wildcards", field, maxARNs, maxWildcardARNs)
		}
	}
	if len(s.ListOfTags) > maxConditions {
		return fmt.Errorf("ListOfTags may hold %d tags", maxConditions)
	}
	if len(s.StringEquals)+len(s.StringNotEquals)+len(s.StringLike)+len(s.StringNotLike) > maxConditions {
		return fmt.Errorf("Conditions may hold %d conditions", maxConditions) //nolint:staticcheck // begins with the field's name
	}
	return nil
}

// validatePattern checks an ARN pattern: in the resource part an asterisk stands at the end only.
func validatePattern(p string) error {
	if p == "*" {
		return nil
	}
	parts := strings.SplitN(p, ":", 6)
	if len(parts) < 3 || parts[0] != "arn" {
		return errors.New("want an ARN or *")
	}
	if len(parts) < 6 {
		if !strings.HasSuffix(p, "*") {
			return errors.New("want six parts")
		}
		return nil
	}
	if i := strings.Index(parts[5], "*"); i >= 0 && i != len(parts[5])-1 {
		return errors.New("an asterisk may only stand at the end")
	}
	return nil
}
