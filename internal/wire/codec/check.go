package codec

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Violation is a member that breaks what the models ask of it.
type Violation struct {
	Path       string // as the request names it, "backupVaultName" or "backupPlan.rules.1.member.ruleName"
	Member     string // the last name alone, as the request spells it
	Value      string // the value as AWS shows it; "null" where it is missing
	Missing    bool
	Constraint string // "Member must not be null"
}

func (v Violation) String() string {
	if v.Missing {
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
				k.found = append(k.found, Violation{Path: at, Member: f.inName, Value: "null", Missing: true, Constraint: "Member must not be null"})
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
			k.add(path, f, v.String(), "Member must satisfy enum value set: ["+strings.Join(sh.enum, ", ")+"]")
		}
	}
}

func (k *checker) facts(v reflect.Value, f *field, path string) {
	switch f.shape.kind {
	case stringKind:
		s := v.String()
		if b := f.facts.Length; b != nil {
			k.bounds(path, f, s, int64(utf8.RuneCountInString(s)), b.Min, b.Max, "have length")
		}
		if p := f.facts.Pattern; p != nil && !p.MatchString(s) {
			k.add(path, f, s, "Member must satisfy regular expression pattern: "+f.facts.PatternText)
		}
	case listKind:
		if b := f.facts.Length; b != nil {
			k.bounds(path, f, "["+strconv.Itoa(v.Len())+" members]", int64(v.Len()), b.Min, b.Max, "have length")
		}
	case intKind:
		if b := f.facts.Range; b != nil {
			k.bounds(path, f, strconv.FormatInt(v.Int(), 10), v.Int(), b.Min, b.Max, "have value")
		}
	}
}

func (k *checker) bounds(path string, f *field, shown string, n int64, low, high *int64, what string) {
	if low != nil && n < *low {
		k.add(path, f, shown, "Member must "+what+" greater than or equal to "+strconv.FormatInt(*low, 10))
	}
	if high != nil && n > *high {
		k.add(path, f, shown, "Member must "+what+" less than or equal to "+strconv.FormatInt(*high, 10))
	}
}

func (k *checker) add(path string, f *field, value, constraint string) {
	k.found = append(k.found, Violation{Path: path, Member: f.inName, Value: clip(value), Constraint: constraint})
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
