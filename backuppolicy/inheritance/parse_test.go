package inheritance_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strongroom/backuppolicy/inheritance"
)

func TestSyntaxErrorsNameTheirPlace(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, content, want string }{
		{"empty", ``, "the document (line 1, column 1): the document ends too early"},
		{"no object", `[]`, "the document (line 1, column 1): a policy is a JSON object"},
		{"cut off", "{\n  \"tags\": {", "tags (line 2, column 12): the document ends too early"},
		{"no JSON", `{"tags": {]}`, "tags (line 1, column 11): invalid character ']'"},
		{"a byte order mark", "\ufeff{}", "the document (line 1, column 1): it begins with a byte order mark"},
		{"no UTF-8", "{\"a\": {\n\"@@assign\": \"x\xff\"}}", "the document (line 2, column 15): it is no UTF-8"},
		{"text behind", `{} {}`, "the document (line 1, column 4): there is text behind the policy"},
		{"a key twice", "{\n  \"a\": {},\n  \"a\": {}\n}", "a (line 3, column 3): it is given twice"},
		{"a key twice by case", `{"tags": {"a": {}, "B": {}, "A": {}}}`, "tags/A (line 1, column 29): it is given twice, as a before"},
		{"an operator twice", `{"a": {"@@assign": "1", "@@Assign": "2"}}`, "a/@@Assign (line 1, column 25): it is given twice"},
		{"no operator", `{"a": {"b": "1"}}`, `a/b (line 1, column 13): a value needs an operator in front of it`},
		{"an unknown operator", `{"a": {"@@add": "1"}}`, "a/@@add (line 1, column 8): there is no such operator"},
		{"an object as value", `{"a": {"@@assign": {"b": 1}}}`, "a/@@assign (line 1, column 20): an operator takes a value or an array"},
		{"an array in an array", `{"a": {"@@assign": ["b", ["c"]]}}`, "a/@@assign/1 (line 1, column 26): an operator takes a value or an array"},
		{"an empty control", `{"a": {"@@operators_allowed_for_child_policies": []}}`, "it takes an array of operators"},
		{"a control that is no array", `{"a": {"@@operators_allowed_for_child_policies": "@@none"}}`, "it takes an array of operators"},
		{"a control of something else", `{"a": {"@@operators_allowed_for_child_policies": ["@@some"]}}`, "not @@some"},
		{"a control twice the same", `{"a": {"@@operators_allowed_for_child_policies": ["@@append", "@@append"]}}`, "@@append is given twice"},
		{"nothing and something", `{"a": {"@@operators_allowed_for_child_policies": ["@@append", "@@none"]}}`, "@@none stands alone"},
		{"too deep", strings.Repeat(`{"a":`, 40), "it is nested too deeply"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := inheritance.Parse(test.content, inheritance.FoldAll)
			var syntax *inheritance.SyntaxError
			if !errors.As(err, &syntax) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
		})
	}
}

// FuzzParse holds that what is read reads back: printed as a policy that assigns all, it means the same; and that errors
// point into the text.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"plans":{"P":{"regions":{"@@assign":["a","b"],"@@operators_allowed_for_child_policies":["@@append"]}}}}`,
		`{"tags":{"K":{"tag_value":{"@@append":[1,true,null,"<&>"]},"tag_key":{"@@assign":"K"}}}}`,
		`{"a":{"@@remove":["x"]},"b":{"":{"@@Assign":"\u00e9\ud83d\ude00"}}}`, `{"a":{"@@assign":[]}}`, `{"@@assign":1,"":{"@@assign":2}}`, `{"a/b":{"c":{"@@assign":"1"}},"a":{"b/c":{"@@assign":"2"}}}`, `{"a":{"@@assign":"1","b":{"@@assign":"2"}}}`,
	} {
		f.Add(seed)
	}
	f.Add("{\"\xff\":{}}")
	f.Fuzz(func(t *testing.T, content string) {
		document, err := inheritance.Parse(content, inheritance.FoldAll)
		if err != nil {
			var syntax *inheritance.SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("no SyntaxError: %v", err)
			}
			if p := syntax.Position; p.Offset < 0 || p.Offset > len(content) || p.Line != 1+strings.Count(content[:p.Offset], "\n") || p.Column < 1 {
				t.Errorf("error at %+v of %d bytes", p, len(content))
			}
			return
		}
		attached := inheritance.Attached{PolicyID: "p", Policy: document}
		merged := inheritance.Merge([][]inheritance.Attached{{attached}})
		again, err := inheritance.Parse(string(merged.AsPolicy()), inheritance.FoldAll)
		if err != nil {
			t.Fatalf("%s does not read back: %v", merged.AsPolicy(), err)
		}
		twice := inheritance.Merge([][]inheritance.Attached{{{PolicyID: "q", Policy: again}}})
		if diff := cmp.Diff(string(merged.Content()), string(twice.Content())); diff != "" {
			t.Errorf("read back (-first +second):\n%s", diff)
		}
	})
}
