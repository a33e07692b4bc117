package iampolicy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSimulateTellsWhatNearlyAllowed(t *testing.T) {
	t.Parallel()
	p := MustParse(`{"Version": "2012-10-17", "Statement": [
		{"Sid": "Other", "Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"},
		{"Sid": "Elsewhere", "Effect": "Allow", "Action": "s3:GetObject", "Resource": ["arn:aws:s3:::a/*", "arn:aws:s3:::c/*"]},
		{"Sid": "Tagged", "Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::a/*",
			"Condition": {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/Team}", "aws:RequestedRegion": "eu-central-1"}}},
		{"Sid": "Never", "Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::b/secret"}]}`)
	r := Request{
		Principal: alice, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/secret",
		Context: map[string][]string{"aws:RequestedRegion": {"eu-central-1"}, "aws:ResourceTag/team": {"blue"}},
	}
	s := Simulate(r, Policies{
		Identity: []Source{{Name: "p", Policy: p}},
		Resource: to(`{"AWS": "arn:aws:iam::111122223333:user/bob"}`),
	})
	var misses []string
	for _, miss := range s.Misses {
		misses = append(misses, miss.String())
	}
	want := []string{
		"statement 1 of bucket policy: Principal: it does not name arn:aws:iam::111122223333:user/team/alice",
		`statement 2 "Elsewhere" of p: Resource: Resource is arn:aws:s3:::a/*, arn:aws:s3:::c/*, the request's is arn:aws:s3:::b/secret`,
		`statement 3 "Tagged" of p: Condition: StringEquals aws:ResourceTag/team ${aws:PrincipalTag/Team}, the request has blue`,
	}
	if diff := cmp.Diff(want, misses); diff != "" {
		t.Errorf("misses (-want +got)\n%s", diff)
	}
	if len(s.Matched) != 1 || s.Matched[0].Sid != "Never" || s.Matched[0].Start.Line != 5 || s.Matched[0].Start.Column != 127 {
		t.Errorf("matched %+v", s.Matched)
	}
	if diff := cmp.Diff([]string{"aws:PrincipalTag/Team"}, s.MissingContext); diff != "" {
		t.Errorf("missing (-want +got)\n%s", diff)
	}
	if s.Reason != ExplicitDeny {
		t.Errorf("it is %s", s.Reason)
	}
}

func TestContextKeys(t *testing.T) {
	t.Parallel()
	p := MustParse(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": ["*", "arn:aws:s3:::${aws:username}/${*}"],
		"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:${aws:PrincipalAccount}:*"}, "StringLike": {"S3:Prefix": "${aws:userid, 'x'}"}}}}`)
	want := []string{"aws:PrincipalAccount", "aws:SourceArn", "aws:userid", "aws:username", "S3:Prefix"}
	if diff := cmp.Diff(want, p.ContextKeys()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// The places are those that the simulator gives in the examples of the aws CLI's reference (simulate-custom-policy and
// simulate-principal-policy), and in answers that others have kept: statements of a list begin where the one before ends.
func TestSimulatePositions(t *testing.T) {
	t.Parallel()
	type place struct{ line, column int }
	for _, test := range []struct {
		document string
		want     [][2]place
	}{
		{
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}`,
			[][2]place{{{1, 38}, {1, 167}}},
		},
		{
			"{\n    \"Version\": \"2012-10-17\",\n    \"Statement\": [\n        {\n            \"Sid\": \"VisualEditor0\",\n" +
				"            \"Effect\": \"Allow\",\n            \"Action\": \"dynamodb:CreateBackup\",\n            \"Resource\": \"*\"\n        }\n    ]\n}",
			[][2]place{{{3, 19}, {9, 10}}},
		},
		{
			`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}, {"Effect": "Allow", "Action": "*", "Resource": "*"}]}`,
			[][2]place{{{1, 41}, {1, 101}}, {{1, 101}, {1, 154}}},
		},
	} {
		r := Request{
			Principal: alice, Action: "dynamodb:CreateBackup", Resource: "*",
			Context: map[string][]string{"aws:CurrentTime": {"2019-04-25T11:00:00Z"}},
		}
		s := Simulate(r, Policies{Identity: []Source{{Name: "p", Policy: MustParse(test.document)}}})
		var got [][2]place
		for _, m := range s.Deciding() {
			got = append(got, [2]place{{m.Start.Line, m.Start.Column}, {m.End.Line, m.End.Column}})
		}
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(place{})); diff != "" {
			t.Errorf("%s (-want +got)\n%s", test.document, diff)
		}
	}
}

func TestSimulateDeciding(t *testing.T) {
	t.Parallel()
	boundary := Source{Name: "boundary", Policy: MustParse(`{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}`)}
	p := Policies{
		Identity: []Source{allowAll, {Name: "no-deletes", Policy: MustParse(`{"Statement": {"Sid": "Keep", "Effect": "Deny", "Action": "s3:Delete*", "Resource": "*"}}`)}},
		Boundary: &boundary,
		SCPs:     [][]Source{{allowAll}, {useless}},
	}
	type said struct {
		Deciding            []string
		SCP, Boundary, Self Reason
	}
	for _, test := range []struct {
		action string
		scps   [][]Source
		want   said
	}{
		{"s3:GetObject", [][]Source{{allowAll}, {allowAll}}, said{[]string{"allow-all", "allow-all", "allow-all", "boundary"}, Allowed, Allowed, Allowed}},
		{"s3:DeleteObject", [][]Source{{allowAll}}, said{[]string{"no-deletes"}, Allowed, Allowed, ExplicitDeny}},
		{"ec2:RunInstances", [][]Source{{allowAll}}, said{nil, Allowed, ImplicitDeny, Allowed}},
		{"s3:GetObject", p.SCPs, said{nil, ImplicitDeny, Allowed, Allowed}},
		{"s3:GetObject", [][]Source{{allowAll}, {allowAll, denyAll}, {useless}}, said{[]string{"deny-all"}, ExplicitDeny, Allowed, Allowed}},
	} {
		p.SCPs = test.scps
		s := Simulate(Request{Principal: alice, Action: test.action, Resource: "*"}, p)
		var got said
		for _, m := range s.Deciding() {
			got.Deciding = append(got.Deciding, m.Source)
		}
		got.SCP, _ = s.GateReason(GateSCP)
		got.Boundary, _ = s.GateReason(GateBoundary)
		got.Self, _ = s.GateReason(GateIdentity)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s%s", test.action, diff, s.Explain())
		}
	}
	if _, asked := Evaluate(Request{Principal: alice, Action: "s3:GetObject"}, Policies{}).GateReason(GateBoundary); asked {
		t.Error("a boundary that is not there was asked")
	}
}
