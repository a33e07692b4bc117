package iampolicy

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkEvaluate is a call as a server sees it: a role session with a managed policy of forty statements, two SCP
// levels and a vault policy with conditions.
func BenchmarkEvaluate(b *testing.B) {
	var statements []string
	for i := range 40 {
		statements = append(statements, fmt.Sprintf(`{"Effect": "Allow", "Action": ["service%d:Get*", "service%d:List*", "service%d:Describe*"], "Resource": "arn:aws:service%d:*:*:thing/*"}`, i, i, i, i))
	}
	statements = append(statements, `{"Effect": "Allow", "Action": "backup:*", "Resource": "arn:aws:backup:*:*:backup-vault:*", "Condition": {"StringEquals": {"aws:RequestedRegion": "eu-central-1"}}}`)
	managed := MustParse(`{"Version": "2012-10-17", "Statement": [` + strings.Join(statements, ",") + `]}`)
	vault := MustParse(`{"Version": "2012-10-17", "Statement": [
		{"Effect": "Deny", "Principal": "*", "Action": "backup:DeleteRecoveryPoint", "Resource": "*", "Condition": {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/break-glass"}}},
		{"Effect": "Allow", "Principal": "*", "Action": "backup:CopyIntoBackupVault", "Resource": "*", "Condition": {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-a1b2c3d4e5/*"}}}]}`)
	p := Policies{
		Identity: []Source{{Name: "managed", Policy: managed}},
		SCPs:     [][]Source{{allowAll}, {allowAll}},
		Resource: []Source{{Name: "vault", Policy: vault}},
	}
	r := Request{
		Principal: session, Action: "backup:CopyIntoBackupVault", Resource: "arn:aws:backup:eu-central-1:111122223333:backup-vault:main",
		Context: map[string][]string{"aws:requestedregion": {"eu-central-1"}, "aws:principalorgpaths": {"o-a1b2c3d4e5/r-ab12/ou-1/"}},
	}
	if d := Evaluate(r, p); !d.Allowed {
		b.Fatal(d.Explain())
	}
	b.ReportAllocs()
	for b.Loop() {
		Evaluate(r, p)
	}
}

// BenchmarkParse reads a document of a usual size.
func BenchmarkParse(b *testing.B) {
	document := []byte(`{"Version": "2012-10-17", "Statement": [` + strings.Repeat(`{"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"],
		"Resource": "arn:aws:s3:::bucket/${aws:username}/*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},`, 9) +
		`{"Effect": "Deny", "Action": "*", "Resource": "*"}]}`)
	b.SetBytes(int64(len(document)))
	for b.Loop() {
		if _, err := Parse(document); err != nil {
			b.Fatal(err)
		}
	}
}
