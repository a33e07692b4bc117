package codec

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"strongroom/internal/wire/model"
)

// Breach is the kind of constraint that is broken.
type Breach int

// The kinds of constraints.
const (
	Missing Breach = iota + 1
	TooShort
	TooLong
	TooSmall
	TooBig
	WrongPattern
	WrongEnum
)

// Violation is a member that breaks what the models ask of it.
type Violation struct {
	Path       string // as the request names it, "backupVaultName" or "backupPlan.rules.1.member.ruleName"
	Member     string // the last name alone, as the request spells it
	Value      string // the value as AWS shows it; "null" where it is missing
	Breach     Breach
	Constraint string // "Member must not be null"
}

func (v Violation) String() string {
	if v.Breach == Missing {
		return "Value null at '" + v.Path + "' failed to satisfy constraint: " + v.Constraint
	}
	return "Value '" + v.Value + "' at '" + v.Path + "' failed to satisfy constraint: " + v.Constraint
}

// Check returns what in, a pointer to an input struct, breaks. Enumerations are checked where enums is true: a service
// whose own code answers unknown values better turns it off.
func (c *Codec) Check(in any, enums bool) []Violation {
	v := reflect.ValueOf(in).Elem()
	k := checker{enums: enums}
	k.structure(v, c.plan(v.Type()), "")
	return k.found
}

type checker struct {
	enums bool
	found []Violation
}

func (k *checker) structure(v reflect.Value, s *structure, path string) {
	for _, f := range s.fields {
		at := within(path, lowerFirst(f.goName))
		member, ok := f.shape.present(v.Field(f.index))
		if !ok {
			if f.facts.Required {
				k.found = append(k.found, Violation{Path: at, Member: f.inName, Value: "null", Breach: Missing, Constraint: "Member must not be null"})
			}
			continue
		}
		k.facts(member, f, at)
		k.value(member, f.shape, f, at)
	}
}

// value looks into structures, and at enumerations.
func (k *checker) value(v reflect.Value, sh *shape, f *field, path string) {
	switch sh.kind {
	case structKind:
		k.structure(v, sh.fields, path)
	case listKind:
		for i := range v.Len() {
			if element, ok := sh.elem.present(v.Index(i)); ok {
				k.value(element, sh.elem, f, path+"."+strconv.Itoa(i+1)+".member")
			}
		}
	case mapKind:
		for _, key := range sortedKeys(v) {
			if element, ok := sh.elem.present(v.MapIndex(key)); ok {
				k.value(element, sh.elem, f, path+"."+clip(key.String())+".member")
			}
		}
	case stringKind:
		if k.enums && len(sh.enum) > 0 && !slices.Contains(sh.enum, v.String()) {
			k.add(path, f, v.String(), WrongEnum, "Member must satisfy enum value set: ["+strings.Join(sh.enum, ", ")+"]")
		}
	default: // nothing lies below, and facts has looked at the value itself
	}
}

func (k *checker) facts(v reflect.Value, f *field, path string) {
	switch f.shape.kind {
	case stringKind:
		s := v.String()
		if b := f.facts.Length; b != nil {
			k.bounds(path, f, s, int64(utf8.RuneCountInString(s)), b, "have length", TooShort, TooLong)
		}
		if p := f.facts.Pattern; p != nil && !p.MatchString(s) {
			k.add(path, f, s, WrongPattern, "Member must satisfy regular expression pattern: "+f.facts.PatternText)
		}
	case listKind:
		if b := f.facts.Length; b != nil {
			k.bounds(path, f, "["+strconv.Itoa(v.Len())+" members]", int64(v.Len()), b, "have length", TooShort, TooLong)
		}
	case intKind:
		if b := f.facts.Range; b != nil {
			k.bounds(path, f, strconv.FormatInt(v.Int(), 10), v.Int(), b, "have value", TooSmall, TooBig)
		}
	default: // the models bind no other kind
	}
}

func (k *checker) bounds(path string, f *field, shown string, n int64, b *model.Bounds, what string, below, above Breach) {
	if b.Min != nil && n < *b.Min {
		k.add(path, f, shown, below, "Member must "+what+" greater than or equal to "+strconv.FormatInt(*b.Min, 10))
	}
	if b.Max != nil && n > *b.Max {
		k.add(path, f, shown, above, "Member must "+what+" less than or equal to "+strconv.FormatInt(*b.Max, 10))
	}
}

func (k *checker) add(path string, f *field, value string, breach Breach, constraint string) {
	k.found = append(k.found, Violation{Path: path, Member: f.inName, Value: clip(value), Breach: breach, Constraint: constraint})
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
