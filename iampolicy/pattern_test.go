package iampolicy

import (
	"strings"
	"testing"
)

func TestActionPatterns(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern, action string
		want            bool
	}{
		{"*", "s3:GetObject", true},
		{"s3:*", "s3:GetObject", true},
		{"S3:getobject", "s3:GetObject", true},
		{"s3:Get*", "s3:GetObjectTagging", true},
		{"s3:*Object", "s3:GetObject", true},
		{"s3:*Object", "s3:GetObjectTagging", false},
		{"s3:Get?bject", "s3:GetObject", true},
		{"s3:Get?bject", "s3:Getbject", false},
		{"s3:*e*e*g", "s3:GetObjectTagging", true},
		{"s3:*z*", "s3:GetObjectTagging", false},
		{"s3:GetObject", "s3:GetObjectTagging", false},
		{"iam:${*}", "iam:*", false}, // actions have no variables
	} {
		p := MustParse(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "` + test.pattern + `", "Resource": "*"}}`)
		d := Evaluate(Request{Principal: alice, Action: test.action, Resource: "*"}, Policies{Identity: []Source{{Policy: p}}})
		if d.Allowed != test.want {
			t.Errorf("%s allows %s: %t, want %t", test.pattern, test.action, d.Allowed, test.want)
		}
	}
}

// The rules of https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
func TestResourcePatterns(t *testing.T) {
	t.Parallel()
	context := map[string][]string{
		"aws:PrincipalTag/team": {"blue"},
		"aws:TagKeys":           {"a", "b"},
		"my:star":               {"*"},
	}
	for _, test := range []struct {
		name, pattern, resource string
		want                    bool
	}{
		{"every resource", "*", "arn:aws:s3:::b", true},
		{"no resource", "*", "*", true},
		{"an ARN is not every resource", "arn:aws:s3:::*", "*", false},
		{"slashes are within a part", "arn:aws:s3:::b/*", "arn:aws:s3:::b/x/y", true},
		{"colons are within the last part", "arn:aws:backup:*:*:backup-vault:*", "arn:aws:backup:eu-central-1:111122223333:backup-vault:v", true},
		{"colons are not within the others", "arn:aws:sqs:*:q", "arn:aws:sqs:eu-central-1:111122223333:q", false},
		{"missing parts are any", "arn:aws:sqs", "arn:aws:sqs:eu-central-1:111122223333:q", true},
		{"missing parts behind a wildcard", "arn:aws:ec2:*", "arn:aws:ec2:eu-central-1::snapshot/snap-1", true},
		{"case matters", "arn:aws:s3:::Bucket", "arn:aws:s3:::bucket", false},
		{"one character, not one byte", "arn:aws:s3:::b/?", "arn:aws:s3:::b/ü", true},
		{"not none", "arn:aws:s3:::b/?", "arn:aws:s3:::b/", false},
		{"the user's name", "arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/alice/x", true},
		{"another name", "arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/bob/x", false},
		{"variables ignore case", "arn:aws:s3:::b/${AWS:UserName}", "arn:aws:s3:::b/alice", true},
		{"a tag", "arn:aws:s3:::b/${aws:PrincipalTag/team}", "arn:aws:s3:::b/blue", true},
		{"a default that is not needed", "arn:aws:s3:::b/${aws:PrincipalTag/team, 'none'}", "arn:aws:s3:::b/blue", true},
		{"a default", "arn:aws:s3:::b/${aws:PrincipalTag/city, 'none'}", "arn:aws:s3:::b/none", true},
		{"no value", "arn:aws:s3:::b/${aws:PrincipalTag/city}*", "arn:aws:s3:::b/x", false},
		{"several values", "arn:aws:s3:::b/${aws:TagKeys}", "arn:aws:s3:::b/a", false},
		{"a value's star is a star", "arn:aws:s3:::b/${my:star}", "arn:aws:s3:::b/x", false},
		{"an escaped star", "arn:aws:s3:::b/${*}", "arn:aws:s3:::b/*", true},
		{"an escaped star is no wildcard", "arn:aws:s3:::b/${*}", "arn:aws:s3:::b/x", false},
		{"an escaped question mark and dollar", "arn:aws:s3:::b/${?}${$}", "arn:aws:s3:::b/?$", true},
		{"an open brace is text", "arn:aws:s3:::b/${x", "arn:aws:s3:::b/${x", true},
	} {
		p := MustParse(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "` + test.pattern + `"}}`)
		r := Request{Principal: alice, Action: "s3:GetObject", Resource: test.resource, Context: context}
		if d := Evaluate(r, Policies{Identity: []Source{{Policy: p}}}); d.Allowed != test.want {
			t.Errorf("%s: %s matches %s: %t, want %t", test.name, test.pattern, test.resource, d.Allowed, test.want)
		}
	}
}

func TestVersion2008HasNoVariables(t *testing.T) {
	t.Parallel()
	for _, version := range []string{`"Version": "2008-10-17", `, ``} {
		p := MustParse(`{` + version + `"Statement": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::b/${aws:username}"}}`)
		for resource, want := range map[string]bool{"arn:aws:s3:::b/alice": false, "arn:aws:s3:::b/${aws:username}": true} {
			r := Request{Principal: alice, Action: "s3:GetObject", Resource: resource}
			if d := Evaluate(r, Policies{Identity: []Source{{Policy: p}}}); d.Allowed != want {
				t.Errorf("{%s…}: %s is allowed: %t, want %t", version, resource, d.Allowed, want)
			}
		}
	}
}

// A pattern of many stars over a long text that almost matches must not take exponential time.
func TestManyStarsAreFast(t *testing.T) {
	t.Parallel()
	p := compilePattern(strings.Repeat("*a", 200)+"b", true, false)
	if p.match(strings.Repeat("a", 10000), nil) {
		t.Error("a text without b matches")
	}
}
