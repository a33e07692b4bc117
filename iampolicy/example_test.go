package iampolicy_test

import (
	"fmt"

	"strongroom/iampolicy"
)

// A bucket policy of another account lets a role read; the role's own policy does so only over TLS.
func Example() {
	role := iampolicy.MustParse(`{
		"Version": "2012-10-17",
		"Statement": {
			"Sid": "ReadOverTLS",
			"Effect": "Allow",
			"Action": "s3:GetObject",
			"Resource": "arn:aws:s3:::archive/${aws:PrincipalAccount}/*",
			"Condition": {"Bool": {"aws:SecureTransport": "true"}}
		}
	}`)
	bucket := iampolicy.MustParse(`{
		"Version": "2012-10-17",
		"Statement": {
			"Effect": "Allow",
			"Principal": {"AWS": "111122223333"},
			"Action": "s3:GetObject",
			"Resource": "arn:aws:s3:::archive/*"
		}
	}`)
	request := iampolicy.Request{
		Principal: iampolicy.Principal{
			ARN:       "arn:aws:sts::111122223333:assumed-role/reader/session",
			RoleARN:   "arn:aws:iam::111122223333:role/reader",
			AccountID: "111122223333",
		},
		Action:            "s3:GetObject",
		Resource:          "arn:aws:s3:::archive/111122223333/report",
		ResourceAccountID: "444455556666",
		Context:           map[string][]string{"aws:SecureTransport": {"true"}},
	}
	policies := iampolicy.Policies{
		Identity: []iampolicy.Source{{Name: "inline policy read of role reader", Kind: iampolicy.Identity, Policy: role}},
		Resource: []iampolicy.Source{{Name: "bucket policy of archive", Kind: iampolicy.Resource, Policy: bucket}},
	}
	fmt.Print(iampolicy.Evaluate(request, policies).Explain())

	request.Context["aws:SecureTransport"] = []string{"false"}
	fmt.Println(iampolicy.Evaluate(request, policies).Message(request))
	// Output:
	// allowed by statement 1 "ReadOverTLS" of inline policy read of role reader
	//   resource-based policy: allows, statement 1 of bucket policy of archive
	//   identity-based policy: allows, statement 1 "ReadOverTLS" of inline policy read of role reader
	// User: arn:aws:sts::111122223333:assumed-role/reader/session is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::archive/111122223333/report because no identity-based policy allows the s3:GetObject action
}

// A simulation says what nearly allowed.
func ExampleSimulate() {
	key := iampolicy.MustParse(`{
		"Version": "2012-10-17",
		"Statement": {
			"Sid": "ThroughBackup",
			"Effect": "Allow",
			"Principal": {"AWS": "arn:aws:iam::111122223333:user/alice"},
			"Action": "kms:Decrypt",
			"Resource": "*",
			"Condition": {"StringLike": {"kms:ViaService": "backup.*.amazonaws.com"}}
		}
	}`)
	simulation := iampolicy.Simulate(iampolicy.Request{
		Principal: iampolicy.Principal{ARN: "arn:aws:iam::111122223333:user/alice", AccountID: "111122223333"},
		Action:    "kms:Decrypt",
		Resource:  "arn:aws:kms:eu-central-1:111122223333:key/k",
	}, iampolicy.Policies{Resource: []iampolicy.Source{{Name: "key policy", Kind: iampolicy.KeyPolicy, Policy: key}}})
	fmt.Println(simulation.Reason)
	fmt.Println(simulation.Misses[0])
	fmt.Println(simulation.MissingContext)
	// Output:
	// implicitDeny
	// statement 1 "ThroughBackup" of key policy: Condition: StringLike kms:ViaService backup.*.amazonaws.com, the request has no such key
	// [kms:ViaService]
}

func ExampleParse() {
	_, err := iampolicy.Parse([]byte(`{
  "Version": "2012-10-17",
  "Statement": {"Effect": "allow", "Action": "*", "Resource": "*"}
}`))
	fmt.Println(err)
	// Output:
	// policy syntax: Statement.Effect (line 3, column 27): it must be Allow or Deny
}

func ExampleValidate() {
	policy := iampolicy.MustParse(`{
		"Version": "2012-10-17",
		"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}
	}`)
	fmt.Println(iampolicy.Validate(policy, iampolicy.Resource))
	fmt.Println(iampolicy.Validate(policy, iampolicy.Identity))
	// Output:
	// <nil>
	// Statement[0].Principal: Policy document should not specify a principal.
}
