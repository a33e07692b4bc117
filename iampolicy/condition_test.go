package iampolicy

import (
	"fmt"
	"testing"
)

// Each row is one condition and what the request has of its key. The sources are
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html and
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
func TestConditionOperators(t *testing.T) {
	t.Parallel()
	var missing []string
	has := func(values ...string) []string { return values }
	for _, test := range []struct {
		operator, values string
		request          []string
		want             bool
	}{
		{"StringEquals", `"blue"`, has("blue"), true},
		{"StringEquals", `"blue"`, has("Blue"), false},
		{"StringEquals", `["red", "blue"]`, has("blue"), true},
		{"StringEquals", `"bl*"`, has("blue"), false},
		{"StringEquals", `"bl*"`, has("bl*"), true},
		{"StringEquals", `"${aws:username}"`, has("alice"), true},
		{"StringEquals", `"${aws:nothing}"`, has("${aws:nothing}"), false},
		{"StringEquals", `"blue"`, missing, false},
		{"StringEquals", `[]`, has("blue"), false},
		{"StringNotEquals", `["red", "blue"]`, has("blue"), false},
		{"StringNotEquals", `["red", "blue"]`, has("green"), true},
		{"StringNotEquals", `"blue"`, missing, true},
		{"StringNotEquals", `"${aws:nothing}"`, has("x"), true},
		{"StringEqualsIgnoreCase", `"blue"`, has("BLUE"), true},
		{"StringEqualsIgnoreCase", `"${aws:username}"`, has("ALICE"), true},
		{"StringEqualsIgnoreCase", `"x${aws:nothing, 'Y'}z"`, has("xyz"), true},
		{"StringEqualsIgnoreCase", `"blue"`, has("green"), false},
		{"StringNotEqualsIgnoreCase", `"blue"`, has("BLUE"), false},
		{"StringNotEqualsIgnoreCase", `"blue"`, missing, true},
		{"StringLike", `"home/*"`, has("home/alice"), true},
		{"StringLike", `"home/??"`, has("home/al"), true},
		{"StringLike", `"HOME/*"`, has("home/alice"), false},
		{"StringLike", `["", "home/"]`, has(""), true},
		{"StringLike", `"*"`, missing, false},
		{"StringNotLike", `"home/*"`, has("home/alice"), false},
		{"StringNotLike", `"home/*"`, has("root"), true},
		{"StringNotLike", `"home/*"`, missing, true},

		{"NumericEquals", `10`, has("10"), true},
		{"NumericEquals", `"10"`, has("10.0"), true},
		{"NumericEquals", `"10"`, has("ten"), false},
		{"NumericEquals", `9007199254740993`, has("9007199254740992"), false},
		{"NumericNotEquals", `10`, has("11"), true},
		{"NumericNotEquals", `10`, missing, true},
		{"NumericLessThan", `10`, has("9.99"), true},
		{"NumericLessThan", `10`, has("10"), false},
		{"NumericLessThan", `10`, missing, false},
		{"NumericLessThanEquals", `10`, has("10"), true},
		{"NumericGreaterThan", `10`, has("10"), false},
		{"NumericGreaterThan", `10`, has("1000"), true},
		{"NumericGreaterThanEquals", `[20, 10]`, has("10"), true},
		{"NumericGreaterThanEquals", `-1`, has("0"), true},

		{"DateEquals", `"2026-01-02T03:04:05Z"`, has("2026-01-02T04:04:05+01:00"), true},
		{"DateEquals", `"2026-01-02T03:04:05Z"`, has("1767323045"), true},
		{"DateNotEquals", `"2026-01-02T03:04:05Z"`, has("1767323046"), true},
		{"DateLessThan", `"2026-01-01"`, has("2025-12-31T23:59:59.999Z"), true},
		{"DateLessThan", `"2026-01-01"`, has("2026-01-01T00:00:00Z"), false},
		{"DateLessThanEquals", `"2026"`, has("2026-01-01T00:00:00Z"), true},
		{"DateGreaterThan", `1767323045`, has("2026-01-02T03:04:06Z"), true},
		{"DateGreaterThan", `"2026-01-01"`, has("yesterday"), false},
		{"DateGreaterThanEquals", `"2026-01"`, has("2026-01-01T00:00:00Z"), true},

		{"Bool", `true`, has("true"), true},
		{"Bool", `"True"`, has("true"), true},
		{"Bool", `"true"`, has("false"), false},
		{"Bool", `"false"`, missing, false},
		{"BoolIfExists", `"false"`, missing, true},
		{"bool", `"false"`, has("false"), true},

		{"BinaryEquals", `"QmluYXJ5"`, has("QmluYXJ5"), true},
		{"BinaryEquals", `"QmluYXJ5"`, has("QmluYXJz"), false},
		{"BinaryEquals", `"QmluYXJ5"`, has("no base64"), false},

		{"IpAddress", `"203.0.113.0/24"`, has("203.0.113.7"), true},
		{"IpAddress", `"203.0.113.0/24"`, has("203.0.114.7"), false},
		{"IpAddress", `"203.0.113.7"`, has("203.0.113.7"), true},
		{"IpAddress", `["192.0.2.0/24", "2001:db8:1234:5678::/64"]`, has("2001:db8:1234:5678::1"), true},
		{"IpAddress", `"203.0.113.0/24"`, has("::ffff:203.0.113.7"), true},
		{"IpAddress", `"203.0.113.0/24"`, has("backup.amazonaws.com"), false},
		{"IpAddress", `"203.0.113.0/24"`, missing, false},
		{"NotIpAddress", `"203.0.113.0/24"`, has("203.0.113.7"), false},
		{"NotIpAddress", `"203.0.113.0/24"`, has("198.51.100.1"), true},
		{"NotIpAddress", `"203.0.113.0/24"`, missing, true},

		{"ArnEquals", `"arn:aws:sns:*:123456789012:t*"`, has("arn:aws:sns:eu-west-1:123456789012:topic"), true},
		{"ArnLike", `"arn:aws:sns:*:123456789012:t*"`, has("arn:aws:sns:eu-west-1:123456789012:topic"), true},
		{"ArnLike", `"arn:aws:sns:*:t*"`, has("arn:aws:sns:eu-west-1:123456789012:topic"), false},
		{"ArnLike", `"arn:aws:iam::*:role/aws-service-role/backup.amazonaws.com/*"`, has("arn:aws:iam::1:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup"), true},
		{"ArnLike", `"arn:aws:iam::*:user/${aws:username}"`, has("arn:aws:iam::1:user/alice"), true},
		{"ArnLike", `"arn:aws:sns:*:*:*"`, has("topic"), false},
		{"ArnNotLike", `"arn:aws:sns:*:*:*"`, has("arn:aws:sqs:::q"), true},
		{"ArnNotEquals", `"arn:aws:sns:*:*:*"`, has("arn:aws:sns:::q"), false},
		{"ArnNotEquals", `"arn:aws:sns:*:*:*"`, missing, true},

		{"Null", `true`, missing, true},
		{"Null", `true`, has("x"), false},
		{"Null", `"false"`, has("x"), true},
		{"Null", `"false"`, missing, false},
		{"Null", `["true", "false"]`, missing, true},

		{"StringEqualsIfExists", `"blue"`, missing, true},
		{"StringEqualsIfExists", `"blue"`, has("red"), false},
		{"StringNotEqualsIfExists", `"blue"`, has("blue"), false},
		{"ArnLikeIfExists", `"arn:aws:sns:*:*:*"`, missing, true},

		{"ForAllValues:StringEquals", `["a", "b"]`, has("a", "b"), true},
		{"ForAllValues:StringEquals", `["a", "b"]`, has("a", "c"), false},
		{"ForAllValues:StringEquals", `["a", "b"]`, missing, true},
		{"ForAllValues:StringEquals", `["a", "b"]`, has(""), true},
		{"ForAllValues:StringNotEquals", `["a", "b"]`, has("c", "d"), true},
		{"ForAllValues:StringNotEquals", `["a", "b"]`, has("c", "a"), false},
		{"ForAllValues:ArnNotLike", `"arn:aws:backup:*:222222222222:*"`, has("arn:aws:backup:eu-west-1:111111111111:backup-vault:v"), true},
		{"ForAnyValue:StringEquals", `["a", "b"]`, has("c", "a"), true},
		{"ForAnyValue:StringEquals", `["a", "b"]`, has("c", "d"), false},
		{"ForAnyValue:StringEquals", `["a", "b"]`, missing, false},
		{"ForAnyValue:StringEqualsIfExists", `["a", "b"]`, missing, true},
		{"ForAnyValue:StringNotEquals", `["a", "b"]`, has("a", "c"), true},
		{"ForAnyValue:StringNotEquals", `["a", "b"]`, has("a", "b"), false},
		{"ForAnyValue:StringLike", `"o-a1b2c3d4e5/r-ab12/ou-1/*"`, has("o-a1b2c3d4e5/r-ab12/ou-1/ou-2/"), true},
	} {
		t.Run(fmt.Sprintf("%s %s of %v", test.operator, test.values, test.request), func(t *testing.T) {
			t.Parallel()
			p := MustParse(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*",
				"Condition": {"` + test.operator + `": {"my:Key": ` + test.values + `}}}}`)
			r := Request{Principal: alice, Action: "s3:GetObject", Resource: "*"}
			if test.request != nil {
				r.Context = map[string][]string{"MY:key": test.request}
			}
			if d := Evaluate(r, Policies{Identity: []Source{{Policy: p}}}); d.Allowed != test.want {
				t.Errorf("it holds: %t, want %t", d.Allowed, test.want)
			}
		})
	}
}

func TestEveryConditionMustHold(t *testing.T) {
	t.Parallel()
	p := MustParse(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {
		"StringEquals": {"my:a": "1", "my:b": "2"}, "Bool": {"my:c": "true"}}}}`)
	full := map[string]string{"my:a": "1", "my:b": "2", "my:c": "true"}
	for _, spoiled := range []string{"", "my:a", "my:b", "my:c"} {
		context := map[string][]string{}
		for key, value := range full {
			context[key] = []string{value}
		}
		if spoiled != "" {
			context[spoiled] = []string{"false"}
		}
		d := Evaluate(Request{Principal: alice, Action: "s3:GetObject", Resource: "*", Context: context}, Policies{Identity: []Source{{Policy: p}}})
		if want := spoiled == ""; d.Allowed != want {
			t.Errorf("with %q spoiled it is allowed: %t, want %t", spoiled, d.Allowed, want)
		}
	}
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable
func TestImpliedContext(t *testing.T) {
	t.Parallel()
	root := Principal{ARN: "arn:aws:iam::" + home + ":root", AccountID: home, UserID: home, IsRoot: true}
	for _, test := range []struct {
		name      string
		principal Principal
		key, want string
	}{
		{"user", alice, "aws:PrincipalArn", alice.ARN},
		{"user", alice, "aws:username", "alice"},
		{"user", alice, "aws:userid", "AIDAALICE"},
		{"user", alice, "aws:PrincipalType", "User"},
		{"user", alice, "aws:PrincipalAccount", home},
		{"user", alice, "aws:PrincipalIsAWSService", "false"},
		{"user", alice, "aws:ResourceAccount", home},
		{"role session", session, "aws:PrincipalArn", session.RoleARN},
		{"role session", session, "aws:username", ""},
		{"role session", session, "aws:userid", "AROAJOB:nightly"},
		{"role session", session, "aws:PrincipalType", "AssumedRole"},
		{"root", root, "aws:PrincipalArn", root.ARN},
		{"root", root, "aws:PrincipalType", "Account"},
		{"service", Principal{Service: "backup.amazonaws.com"}, "aws:PrincipalIsAWSService", "true"},
		{"service", Principal{Service: "backup.amazonaws.com"}, "aws:PrincipalServiceName", "backup.amazonaws.com"},
		{"service", Principal{Service: "backup.amazonaws.com"}, "aws:PrincipalArn", ""},
		{"anonymous", Principal{}, "aws:PrincipalType", "Anonymous"},
	} {
		condition := `"Null": {"` + test.key + `": "true"}`
		if test.want != "" {
			condition = `"StringEquals": {"` + test.key + `": "` + test.want + `"}`
		}
		p := MustParse(`{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Condition": {` + condition + `}}}`)
		d := Evaluate(Request{Principal: test.principal, Action: "s3:GetObject", Resource: "*"}, Policies{Resource: []Source{{Policy: p}}})
		if d.Reason != ExplicitDeny {
			t.Errorf("%s: %s is not %q", test.name, test.key, test.want)
		}
	}
}
