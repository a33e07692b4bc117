package backuppolicy

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"strongroom/backuppolicy/inheritance"
)

// MaxCharacters is how long a backup policy may be, white space included: the console strips it, the API does not.
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
const MaxCharacters = 10000

// Policy is a backup policy that CreatePolicy would take.
type Policy struct {
	document *inheritance.Document
}

// Document is the policy's tree, for [inheritance.Attached].
func (p *Policy) Document() *inheritance.Document { return p.document }

// fold matches keys as AWS does: without regard to case and printed in lower case, but for the names of plans.
func fold(depth int, key string) string {
	if depth == 1 {
		return key
	}
	return strings.ToLower(key)
}

// Document reads the tree of a backup policy, whatever its keys.
func Document(content string) (*inheritance.Document, error) { return inheritance.Parse(content, fold) }

// Parse reads a backup policy. The error is the first of those that [Check] finds.
func Parse(content string) (*Policy, error) {
	policy, problems := Check(content)
	if len(problems) > 0 {
		return nil, problems[0]
	}
	return policy, nil
}

// Check reads a backup policy and lists all that is wrong with it: that it is too long first, and then in the order of the
// text. The policy is nil if anything is.
func Check(content string) (*Policy, []*inheritance.SyntaxError) {
	var problems []*inheritance.SyntaxError
	if n := utf8.RuneCountInString(content); n > MaxCharacters {
		problems = append(problems, &inheritance.SyntaxError{
			Position: inheritance.Position{Line: 1, Column: 1},
			Reason:   fmt.Sprintf("it has %d characters, %d more than a backup policy may have", n, n-MaxCharacters),
		})
	}
	document, err := Document(content)
	if err != nil {
		return nil, append(problems, err.(*inheritance.SyntaxError)) //nolint:errorlint // Parse returns no other
	}
	if problems = append(problems, check(document)...); len(problems) > 0 {
		return nil, problems
	}
	return &Policy{document}, nil
}
