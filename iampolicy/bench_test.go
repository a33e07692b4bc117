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

// benchedRequest is one request against 10 identity policies, 5 SCPs on as many levels, a permissions boundary and a key
// policy of 20 statements: a job's role that decrypts, whom the last statement of the key's policy admits.
func benchedRequest() (Request, Policies) {
	statements := func(n int, format string) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(format, i))
		}
		return strings.Join(list, ",")
	}
	document := func(statements string) *Policy {
		return MustParse(`{"Version": "2012-10-17", "Statement": [` + statements + `]}`)
	}
	var p Policies
	for i := range 10 {
		other := fmt.Sprintf(`{"Effect": "Allow", "Action": ["service%d%%d:Get*", "service%d%%[1]d:List*"], "Resource": "arn:aws:service%d%%[1]d:*:*:thing/*"}`, i, i, i)
		policy := statements(5, other)
		if i == 9 {
			policy += `,{"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*", "Condition": {"StringLike": {"kms:ViaService": "backup.*.amazonaws.com"}}}`
		}
		p.Identity = append(p.Identity, Source{Name: fmt.Sprint("policy ", i), Policy: document(policy)})
	}
	for i := range 5 {
		p.SCPs = append(p.SCPs, []Source{allowAll, {Name: fmt.Sprint("scp ", i), Policy: document(
			`{"Effect": "Deny", "Action": ["organizations:LeaveOrganization", "cloudtrail:StopLogging"], "Resource": "*"},
			 {"Effect": "Deny", "NotAction": ["iam:*", "sts:*", "kms:*"], "Resource": "*", "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["eu-central-1", "eu-north-1"]}}}`)}})
	}
	p.Boundary = &Source{Name: "boundary", Policy: document(`{"Effect": "Allow", "Action": ["s3:*", "ec2:*", "kms:*", "backup:*"], "Resource": "*"}`)}
	p.KeyPolicy = true
	p.Resource = []Source{{Name: "key policy", Kind: KeyPolicy, Policy: document(
		statements(19, `{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/other-%d"}, "Action": ["kms:Decrypt", "kms:DescribeKey"], "Resource": "*"}`) +
			`,{"Effect": "Allow", "Principal": {"AWS": "` + session.RoleARN + `"}, "Action": "kms:*", "Resource": "*", "Condition": {"StringEquals": {"kms:CallerAccount": "` + home + `"}}}`)}}
	return Request{
		Principal: session, Action: "kms:Decrypt", Resource: "arn:aws:kms:eu-central-1:" + home + ":key/1", ResourceAccountID: home,
		Context: map[string][]string{"aws:requestedregion": {"eu-central-1"}, "kms:viaservice": {"backup.eu-central-1.amazonaws.com"}, "kms:calleraccount": {home}},
	}, p
}

// BenchmarkEvaluateAllGates decides what is allowed: nothing of an explanation is made.
func BenchmarkEvaluateAllGates(b *testing.B) {
	r, p := benchedRequest()
	if d := Evaluate(r, p); !d.Allowed {
		b.Fatal(d.Explain())
	}
	b.ReportAllocs()
	for b.Loop() {
		Evaluate(r, p)
	}
}

// BenchmarkExplainAllGates explains a refusal of the same request, with its cures.
func BenchmarkExplainAllGates(b *testing.B) {
	r, p := benchedRequest()
	p.Resource[0].Policy.Statements = p.Resource[0].Policy.Statements[:19]
	if x := ExplainRequest(r, p); x.Allowed || len(x.Cures) != 1 {
		b.Fatal(x)
	}
	b.ReportAllocs()
	for b.Loop() {
		ExplainRequest(r, p)
	}
}
