package iampolicy

import (
	"strings"
	"testing"
)

// refusal is IAM's text for the document, or "" where it is accepted.
func refusal(document string, kind Kind) string {
	p, err := Parse([]byte(document))
	if err == nil {
		err = Validate(p, kind)
	}
	if err == nil {
		return ""
	}
	return MalformedMessage(err)
}

// What IAM answers to CreatePolicy. A statement stands for a document of version 2012-10-17 with it alone.
func TestValidateIdentityPolicies(t *testing.T) {
	t.Parallel()
	const (
		syntax  = "Syntax errors in policy."
		legacy  = "The policy failed legacy parsing"
		vendor  = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
		bucket  = `"Resource": "arn:aws:s3:::b"`
		allowed = `"Effect": "Allow", `
		list    = allowed + `"Action": "s3:ListBucket", `
	)
	for _, test := range []struct{ name, document, want string }{
		{"no JSON", `no document`, syntax},
		{"old version", `{"Version": "2008-10-17", "Statement": {` + list + bucket + `}}`, "Policy document must be version 2012-10-17 or greater."},
		{"no version", `{"Statement": {` + list + bucket + `}}`, "Policy document must be version 2012-10-17 or greater."},
		{"no version and a repeated Sid", `{"Statement": [{"Sid": "a", ` + list + bucket + `}, {"Sid": "a", "Effect": "Allow"}]}`, "Policy document must be version 2012-10-17 or greater."},
		{"no statements", `{"Version": "2012-10-17", "Statement": []}`, syntax},
		{"a repeated Sid", `{"Version": "2012-10-17", "Statement": [{"Sid": "a", ` + list + bucket + `}, {"Sid": "a", "Effect": "Allow"}]}`, "Statement IDs (SID) in a single policy must be unique."},
		{"two statements without Sid", `{"Version": "2012-10-17", "Statement": [{` + list + bucket + `}, {` + list + bucket + `}]}`, ""},
		{"Sid", `"Sid": "a b", ` + list + bucket, "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"},
		{"effect's case", `"Effect": "denY", "Action": "s3:ListBucket", ` + bucket, legacy},
		{"effect", `"Effect": "Maybe", "Action": "s3:ListBucket", ` + bucket, syntax},
		{"principal", `"Principal": "*", ` + list + bucket, "Policy document should not specify a principal."},
		{"no action", allowed + bucket, "Policy statement must contain actions."},
		{"empty actions", allowed + `"Action": [], ` + bucket, "Policy statement must contain actions."},
		{"action without vendor", allowed + `"Action": "invalid", ` + bucket, vendor},
		{"action without vendor, no resource", allowed + `"Action": "invalid"`, vendor},
		{"empty NotAction", allowed + `"NotAction": "", ` + bucket, vendor},
		{"vendor with a space", allowed + `"Action": "a a:ListBucket", ` + bucket, "Vendor a a is not valid"},
		{"vendor with a wildcard", allowed + `"Action": "s*:ListBucket", ` + bucket, "Vendor s* is not valid"},
		{"vendor with a dot", allowed + `"Action": "s3.s:ListBucket", ` + bucket, ""},
		{"two colons", allowed + `"Action": "s3:List:Bucket", ` + bucket, "Actions/Condition can contain only one colon."},
		{"two colons and a bad resource", allowed + `"Action": "s:3:ListBucket", "Resource": "x"`, `Resource x must be in ARN format or "*".`},
		{"no resource", allowed + `"Action": "s3:ListBucket"`, "Policy statement must contain resources."},
		{"empty resources", list + `"Resource": []`, "Policy statement must contain resources."},
		{"resource is no ARN", list + `"Resource": "invalid resource"`, `Resource invalid resource must be in ARN format or "*".`},
		{"resource is empty", list + `"Resource": ""`, `Resource  must be in ARN format or "*".`},
		{"partition", list + `"Resource": "a:bsdfdsafsad"`, `Partition "bsdfdsafsad" is not valid for resource "arn:bsdfdsafsad:*:*:*:*".`},
		{"partition of three parts", list + `"Resource": "a:b:cadfsdf"`, `Partition "b" is not valid for resource "arn:b:cadfsdf:*:*:*".`},
		{"partition of many parts", list + `"Resource": "a:b:c:d:e:f:g:h"`, `Partition "b" is not valid for resource "arn:b:c:d:e:f:g:h".`},
		{"no arn:", list + `"Resource": "aws:s3:::example_bucket"`, `Partition "s3" is not valid for resource "arn:s3:::example_bucket:*".`},
		{"no service", list + `"Resource": "arn:aws"`, "Resource vendor must be fully qualified and cannot contain regexes."},
		{"empty service", list + `"Resource": "arn:aws::::example_bucket"`, legacy},
		{"ends early after an empty part", list + `"Resource": "arn:aws:s3::example_bucket"`, legacy},
		{"ends early after an empty part, no action", allowed + `"Resource": "arn:aws:s3::example_bucket"`, legacy},
		{"ends early", list + `"Resource": "arn:aws:fdsasf"`, ""},
		{"region of a bucket", list + `"Resource": "arn:aws:s3:us-east-1::b"`, "Resource arn:aws:s3:us-east-1::b can not contain region information."},
		{"region of an access point", list + `"Resource": "arn:aws:s3:us-east-1:111122223333:accesspoint/a"`, ""},
		{"region of a user", list + `"Resource": "arn:aws:iam:us-east-1::user/x"`, "IAM resource arn:aws:iam:us-east-1::user/x cannot contain region information."},
		{
			"IAM path", list + `"Resource": "arn:aws:iam:::x"`,
			`IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, ` +
				`server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/.`,
		},
		{"root user", list + `"Resource": "arn:aws:iam::*:root"`, ""},
		{"variables", list + `"Resource": "arn:aws:iam::*:user/${aws:username}"`, ""},
		{"date", list + bucket + `, "Condition": {"DateGreaterThan": {"a": "sdfdsf"}}`, legacy},
		{"date before the resource", list + `"Resource": "arn:error:s3:::b", "Condition": {"DateGreaterThan": {"a": "sdfdsf"}}`, legacy},
		{"no keys", list + bucket + `, "Condition": {"DateGreaterThan": {}}`, ""},
		{"no values", list + bucket + `, "Condition": {"DateGreaterThan": {"a": []}}`, ""},
		{"no operator", list + bucket + `, "Condition": {"x": {}, "y": {}}`, ""},
		{"no such operator", list + bucket + `, "Condition": {"x": {"a": "1"}}`, syntax},
		{"two colons behind the qualifier", list + bucket + `, "Condition": {"ForAnyValue::StringEqualsIfExists": {"a": "asf"}}`, syntax},
		{"network", list + bucket + `, "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/33"}}`, `The value "10.0.0.0/33" of aws:SourceIp is not valid for the operator IpAddress.`},
	} {
		document := test.document
		if strings.HasPrefix(document, `"`) {
			document = `{"Version": "2012-10-17", "Statement": {` + document + `}}`
		}
		if got := refusal(document, Identity); got != test.want {
			t.Errorf("%s: %s\ngives %q, want %q", test.name, document, got, test.want)
		}
	}
}

func TestValidateOtherKinds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind                  Kind
		name, statement, want string
	}{
		{Resource, "no principal", `"Effect": "Allow", "Action": "s3:*", "Resource": "*"`, "Missing required field Principal"},
		{Resource, "account", `"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "s3:*", "Resource": "*"`, ""},
		{Resource, "wildcard within an ARN", `"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/*"}, "Action": "s3:*", "Resource": "*"`, `Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:role/*"`},
		{Resource, "group", `"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:group/g"}, "Action": "s3:*", "Resource": "*"`, `Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:group/g"`},
		{Resource, "session", `"Effect": "Allow", "Principal": {"AWS": "arn:aws:sts::111122223333:assumed-role/r/s"}, "Action": "s3:*", "Resource": "*"`, ""},
		{Resource, "old id", `"Effect": "Allow", "Principal": {"AWS": "AROAEXAMPLE"}, "Action": "s3:*", "Resource": "*"`, ""},
		{Resource, "short account", `"Effect": "Allow", "Principal": {"AWS": "1111"}, "Action": "s3:*", "Resource": "*"`, `Invalid principal in policy: "AWS":"1111"`},
		{Resource, "service", `"Effect": "Allow", "Principal": {"Service": "backup"}, "Action": "s3:*", "Resource": "*"`, `Invalid principal in policy: "SERVICE":"backup"`},
		{Resource, "nobody", `"Effect": "Allow", "Principal": {"AWS": []}, "Action": "s3:*", "Resource": "*"`, "Invalid principal in policy"},
		{Resource, "NotPrincipal", `"Effect": "Deny", "NotPrincipal": {"AWS": "111122223333"}, "Action": "s3:*", "Resource": "*"`, ""},
		{Resource, "spaced Sid", `"Sid": "Allow the user", "Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"`, ""},
		{KeyPolicy, "default key policy", `"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"`, ""},
		{KeyPolicy, "no resource", `"Effect": "Allow", "Principal": "*", "Action": "kms:*"`, "Policy statement must contain resources."},
		{Trust, "service", `"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"`, ""},
		{Trust, "resource", `"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole", "Resource": "*"`, "Has prohibited field Resource"},
		{Trust, "other action", `"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"`, "AssumeRole policy may only specify STS AssumeRole actions."},
		{Trust, "no principal", `"Effect": "Allow", "Action": "sts:AssumeRole"`, "Missing required field Principal"},
		{SCP, "deny", `"Effect": "Deny", "Action": "backup:DeleteRecoveryPoint", "Resource": "*"`, ""},
		{SCP, "principal", `"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"`, "Policy document should not specify a principal."},
		{RCP, "deny", `"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"`, ""},
		{RCP, "allow", `"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"`, "A resource control policy supports Deny statements only."},
		{RCP, "principal", `"Effect": "Deny", "Principal": {"AWS": "111122223333"}, "Action": "s3:*", "Resource": "*"`, `A resource control policy supports only "*" as principal.`},
		{RCP, "NotAction", `"Effect": "Deny", "Principal": "*", "NotAction": "s3:*", "Resource": "*"`, "A resource control policy does not support NotAction."},
	} {
		document := `{"Version": "2012-10-17", "Statement": {` + test.statement + `}}`
		if got := refusal(document, test.kind); got != test.want {
			t.Errorf("%s, %s: %q, want %q", test.kind, test.name, got, test.want)
		}
	}
}
