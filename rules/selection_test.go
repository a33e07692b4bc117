package rules

import (
	"regexp"
	"strings"
	"testing"
)

// FuzzWildcard has the law that a pattern matches what the regular expression does that one would write for it.
func FuzzWildcard(f *testing.F) {
	f.Add("a*b*c", "a-b-bc")
	f.Add("*prod*", "my production")
	f.Add("**", "")
	f.Add("a* b*", "ax  by")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if strings.ContainsFunc(pattern+text, func(r rune) bool { return r > 126 || r == '\v' || r == '\f' }) {
			return // the expression below would count letters and white space otherwise
		}
		parts := strings.Split(pattern, "*")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		want := regexp.MustCompile(`(?s)\A` + strings.Join(parts, `[^ \t\r\n]*`) + `\z`).MatchString(text)
		if got := wildcard(pattern, text); got != want {
			t.Fatalf("%q matches %q: %v, want %v", pattern, text, got, want)
		}
	})
}
