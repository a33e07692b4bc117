package tagpolicy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"strongroom/backuppolicy/inheritance"
)

// MaxCharacters is how long a tag policy may be, white space included:
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
const MaxCharacters = 10000

// Policy is a tag policy that CreatePolicy would take.
type Policy struct {
	document *inheritance.Document
}

// Document is the policy's tree, for [inheritance.Attached].
func (p *Policy) Document() *inheritance.Document { return p.document }

// Parse reads a tag policy. Every error is a [*inheritance.SyntaxError] and names the path.
func Parse(content string) (*Policy, error) {
	if n := utf8.RuneCountInString(content); n > MaxCharacters {
		return nil, &inheritance.SyntaxError{
			Position: inheritance.Position{Line: 1, Column: 1},
			Reason:   fmt.Sprintf("it has %d characters, %d more than a tag policy may have", n, n-MaxCharacters),
		}
	}
	document, err := inheritance.Parse(content, inheritance.FoldAll)
	if err != nil {
		return nil, err
	}
	if err := check(document.Root); err != nil {
		return nil, err
	}
	return &Policy{document}, nil
}

func fail(e *inheritance.Element, format string, args ...any) error {
	return &inheritance.SyntaxError{Path: e.Path, Position: e.Position, Reason: fmt.Sprintf(format, args...)}
}

// check holds a document against the grammar, in the order of the text.
func check(root *inheritance.Element) error {
	if len(root.Children) == 0 {
		return fail(root, "it needs the key tags")
	}
	for _, tags := range root.InOrder() {
		if tags.Key != "tags" {
			return fail(tags, "there is no such key here; there is tags")
		}
		if err := container(tags); err != nil {
			return err
		}
		for _, tag := range tags.InOrder() {
			if err := checkTag(tag); err != nil {
				return err
			}
		}
	}
	return nil
}

// container refuses operators that set values where keys stand.
func container(e *inheritance.Element) error {
	if len(e.Operations) > 0 {
		return fail(e, "operators that set values stand at settings, and this is none")
	}
	return nil
}

// maxKey is how long the key of a tag may be: https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
const maxKey = 128

func checkTag(tag *inheritance.Element) error {
	if tag.Name == "" || utf8.RuneCountInString(tag.Name) > maxKey {
		return fail(tag, "the key of a tag has 1 to %d characters", maxKey)
	}
	if err := container(tag); err != nil {
		return err
	}
	for _, setting := range tag.InOrder() {
		checks, known := settings[setting.Key]
		if !known {
			return fail(setting, "there is no such key here; there are %s", strings.Join(settingNames, ", "))
		}
		if len(setting.Children) > 0 {
			return fail(setting.InOrder()[0], "a setting holds operators and no keys")
		}
		for _, o := range setting.Operations {
			if err := checks.operation(tag, setting, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// setting is what may stand behind a key of a tag.
type setting struct {
	list  bool
	value func(tag *inheritance.Element, text string) (reason string)
}

var settingNames = []string{"tag_key", "tag_value", "enforced_for", "report_required_tag_for"}

var settings = map[string]setting{
	"tag_key":                 {value: checkKey},
	"tag_value":               {list: true, value: checkValue},
	"enforced_for":            {list: true, value: checkType},
	"report_required_tag_for": {list: true, value: checkType},
}

func (s setting) operation(tag, at *inheritance.Element, o inheritance.Operation) error {
	report := func(position inheritance.Position, reason string) error {
		return &inheritance.SyntaxError{Path: at.Path + "/" + string(o.Operator), Position: position, Reason: reason}
	}
	switch {
	case !s.list && (o.Operator != inheritance.Assign || o.List):
		return report(o.Position, "the setting takes a single value, and @@assign only")
	case s.list && !o.List:
		return report(o.Position, "the setting takes an array of values")
	}
	for _, v := range o.Values {
		if v.Kind == inheritance.Null {
			return report(v.Position, "null is no value")
		}
		if reason := s.value(tag, v.Text); reason != "" {
			return report(v.Position, reason)
		}
	}
	return nil
}

// checkKey wants the policy's key in another capitalization at most: it says which one is compliant.
func checkKey(tag *inheritance.Element, text string) string {
	if !strings.EqualFold(text, tag.Name) {
		return fmt.Sprintf("it is %q in whatever case, as the key above it", tag.Name)
	}
	return ""
}

// maxValue is how long the value of a tag may be.
const maxValue = 256

func checkValue(_ *inheritance.Element, text string) string {
	switch {
	case utf8.RuneCountInString(text) > maxValue:
		return fmt.Sprintf("the value of a tag has %d characters at most", maxValue)
	case strings.Count(text, "*") > 1:
		return "a value has one * at most"
	}
	return ""
}

// typeForm is how resources are named: ec2:instance, secretsmanager:*, s3:ALL_SUPPORTED.
var typeForm = regexp.MustCompile(`^[a-z0-9-]+:([A-Za-z0-9/_.-]+|\*)$`)

func checkType(_ *inheritance.Element, text string) string {
	if !typeForm.MatchString(text) {
		return "a type of resource is named by its service, a colon, and the type, * or ALL_SUPPORTED"
	}
	return ""
}

// Violation is why an effective tag policy is not valid.
type Violation struct {
	Code      string // ELEMENTS_TOO_FEW
	Message   string
	Path      string
	PolicyIDs []string // that contribute to it
}

// Violations says why what is inherited amounts to no valid tag policy: a list that policies have emptied between them
// would forbid every value.
func Violations(m *inheritance.Merged) []Violation {
	var all []Violation
	for _, tag := range m.Root().Child("tags").Children() {
		values := tag.Child("tag_value")
		if !values.HasValue() || len(values.Texts()) > 0 {
			continue
		}
		v := Violation{Code: "ELEMENTS_TOO_FEW", Message: "'tag_value' is less than the allowed minimum limit 1", Path: values.Path()}
		for _, origin := range values.Contributors() {
			if !slices.Contains(v.PolicyIDs, origin.PolicyID) {
				v.PolicyIDs = append(v.PolicyIDs, origin.PolicyID)
			}
		}
		all = append(all, v)
	}
	return all
}

// Tag is what the effective policy says of one tag.
type Tag struct {
	Key         string   // in the capitalization that is compliant
	Values      []string // that it may have, with * for any text; nil means all
	EnforcedFor []string // types of resources on which other values are refused
	RequiredFor []string // types of resources that are reported where they lack the tag
}

// Tags are the tags of the effective policy, by key. One that no policy capitalizes is in lower case.
func Tags(m *inheritance.Merged) []Tag {
	var all []Tag
	for _, n := range m.Root().Child("tags").Children() {
		if n.IsEmpty() {
			continue
		}
		tag := Tag{Key: n.Key(), EnforcedFor: n.Child("enforced_for").Texts(), RequiredFor: n.Child("report_required_tag_for").Texts()}
		if key := n.Child("tag_key"); key.HasValue() {
			tag.Key = key.Text()
		}
		if values := n.Child("tag_value"); values.HasValue() {
			tag.Values = values.Texts()
		}
		all = append(all, tag)
	}
	return all
}

// Allows reports whether the tag may have a value.
func (t Tag) Allows(value string) bool {
	return t.Values == nil || slices.ContainsFunc(t.Values, func(allowed string) bool {
		before, after, wild := strings.Cut(allowed, "*")
		return allowed == value || wild && len(value) >= len(before)+len(after) && strings.HasPrefix(value, before) && strings.HasSuffix(value, after)
	})
}
