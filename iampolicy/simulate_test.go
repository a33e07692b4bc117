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
	if len(s.Matched) != 1 || s.Matched[0].Sid != "Never" || s.Matched[0].Start.Line != 6 || s.Matched[0].Start.Column != 3 {
		t.Errorf("matched %+v", s.Matched)
	}
	if diff := cmp.Diff([]string{"aws:principaltag/team"}, s.MissingContext); diff != "" {
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
	want := []string{"aws:principalaccount", "aws:sourcearn", "aws:userid", "aws:username", "s3:prefix"}
	if diff := cmp.Diff(want, p.ContextKeys()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
