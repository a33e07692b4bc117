package iampolicy

import "testing"

// The texts of https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html; KMS's for a key of
// another account is what CloudTrail records of a refused kms:CreateGrant.
func TestMessages(t *testing.T) {
	t.Parallel()
	const user = "User: arn:aws:iam::111122223333:user/team/alice is not authorized to perform: "
	const silent, denied = "s3:GetObject on resource: arn:aws:s3:::b/k because no ", "s3:GetObject on resource: arn:aws:s3:::b/k with an explicit deny in "
	const action = " allows the s3:GetObject action"
	for _, test := range []struct {
		name     string
		request  Request
		policies Policies
		want     string
	}{
		{"identity silent", Request{}, Policies{}, user + silent + "identity-based policy" + action},
		{"identity denies", Request{}, Policies{Identity: []Source{denyAll}}, user + denied + "an identity-based policy"},
		{"resource silent", Request{ResourceAccountID: foreign}, Policies{Identity: identity}, user + silent + "resource-based policy" + action},
		{"resource denies", Request{}, Policies{Resource: []Source{denyMe}}, user + denied + "a resource-based policy"},
		{"boundary silent", Request{}, Policies{Identity: identity, Boundary: &useless}, user + silent + "permissions boundary" + action},
		{"boundary denies", Request{}, Policies{Identity: identity, Boundary: &denyAll}, user + denied + "a permissions boundary"},
		{"session silent", Request{}, Policies{Identity: identity, HasSession: true}, user + silent + "session policy" + action},
		{"session denies", Request{}, Policies{Identity: identity, Session: []Source{denyAll}}, user + denied + "a session policy"},
		{"SCP silent", Request{}, Policies{Identity: identity, SCPs: [][]Source{{}}}, user + silent + "service control policy" + action},
		{"SCP denies", Request{}, Policies{Identity: identity, SCPs: [][]Source{{denyAll}}}, user + denied + "a service control policy"},
		{"RCP silent", Request{}, Policies{Identity: identity, RCPs: [][]Source{{}}}, user + silent + "resource control policy" + action},
		{"RCP denies", Request{}, Policies{Identity: identity, RCPs: [][]Source{{denyAll}}}, user + denied + "a resource control policy"},
		{
			"trust silent",
			Request{Action: "sts:AssumeRole", Resource: session.RoleARN},
			Policies{Identity: identity},
			user + "sts:AssumeRole on resource: " + session.RoleARN + " because no role trust policy allows the sts:AssumeRole action",
		},
		{
			"trust denies",
			Request{Action: "sts:AssumeRole", Resource: session.RoleARN},
			Policies{Resource: []Source{denyMe}},
			user + "sts:AssumeRole on resource: " + session.RoleARN + " with an explicit deny in the role trust policy",
		},
		{
			"a key of another account",
			Request{Action: "kms:CreateGrant", ResourceAccountID: foreign},
			Policies{Identity: identity, KeyPolicy: true},
			user + "kms:CreateGrant on this resource because the resource does not exist in this Region, no resource-based policies allow access," +
				" or a resource-based policy explicitly denies access",
		},
		{
			"a key of the account",
			Request{Action: "kms:Decrypt", Resource: "arn:aws:kms:eu-central-1:111122223333:key/1"},
			Policies{Identity: identity, KeyPolicy: true},
			user + "kms:Decrypt on resource: arn:aws:kms:eu-central-1:111122223333:key/1 because no resource-based policy allows the kms:Decrypt action",
		},
	} {
		r := test.request
		r.Principal = alice
		if r.Action == "" {
			r.Action, r.Resource = "s3:GetObject", "arn:aws:s3:::b/k"
		}
		if got := Evaluate(r, test.policies).Message(r); got != test.want {
			t.Errorf("%s:\n%s, want\n%s", test.name, got, test.want)
		}
	}
	anonymous := Request{Action: "s3:ListBucket", Resource: "arn:aws:s3:::b"}
	const want = "User: anonymous is not authorized to perform: s3:ListBucket on resource: arn:aws:s3:::b because no resource-based policy allows the s3:ListBucket action"
	if got := Evaluate(anonymous, Policies{}).Message(anonymous); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
