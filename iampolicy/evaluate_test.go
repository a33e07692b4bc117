package iampolicy

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	home    = "111122223333"
	foreign = "444455556666"
)

var (
	alice = Principal{ARN: "arn:aws:iam::" + home + ":user/team/alice", AccountID: home, UserID: "AIDAALICE"}
	root  = Principal{ARN: "arn:aws:iam::" + home + ":root", AccountID: home, UserID: home, IsRoot: true}

	session = Principal{
		ARN:       "arn:aws:sts::" + home + ":assumed-role/job/nightly",
		RoleARN:   "arn:aws:iam::" + home + ":role/service-role/job",
		AccountID: home,
		UserID:    "AROAJOB:nightly",
	}
	linked = Principal{
		ARN:       "arn:aws:sts::" + home + ":assumed-role/AWSServiceRoleForBackup/copy",
		RoleARN:   "arn:aws:iam::" + home + ":role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup",
		AccountID: home, ServiceLinked: true,
	}
	// pretender is a role of somebody who may make roles, in a path that looks like that of a service's own.
	pretender = Principal{
		ARN:       "arn:aws:sts::" + home + ":assumed-role/mine/s",
		RoleARN:   "arn:aws:iam::" + home + ":role/x:role/aws-service-role/backup.amazonaws.com/mine",
		AccountID: home, UserID: "AROAMINE:s",
	}
	federated = Principal{
		ARN:       "arn:aws:sts::" + home + ":federated-user/carol",
		UserARN:   "arn:aws:iam::" + home + ":user/broker",
		AccountID: home,
	}
	service = Principal{Service: "backup.amazonaws.com"}
)

// to is a resource policy that allows everything to one principal element.
func to(principal string) []Source {
	return []Source{{Name: "bucket policy", Kind: Resource, Policy: MustParse(`{"Statement": {"Effect": "Allow", "Principal": ` +
		principal + `, "Action": "*", "Resource": "*"}}`)}}
}

// as gives the sources another kind.
func as(kind Kind, sources []Source) []Source {
	for i := range sources {
		sources[i].Kind = kind
	}
	return sources
}

var (
	allowAll = Source{Name: "allow-all", Policy: MustParse(`{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`)}
	denyAll  = Source{Name: "deny-all", Policy: MustParse(`{"Statement": {"Sid": "No", "Effect": "Deny", "Action": "*", "Resource": "*"}}`)}
	denyMe   = Source{Name: "deny-me", Policy: MustParse(`{"Statement": {"Sid": "No", "Effect": "Deny", "Principal": "*", "Action": "*"}}`)}
	useless  = Source{Name: "useless", Policy: MustParse(`{"Statement": {"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"}}`)}

	identity = []Source{allowAll}
	nothing  = []Source{useless}
)

// The rules of https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html,
// …_policy-eval-denyallow.html and …-cross-account.html. A row says which gate decides.
func TestGates(t *testing.T) {
	t.Parallel()
	const sessionARN = `{"AWS": "arn:aws:sts::111122223333:assumed-role/job/nightly"}`
	const roleARN = `{"AWS": "arn:aws:iam::111122223333:role/service-role/job"}`
	const userARN = `{"AWS": "arn:aws:iam::111122223333:user/team/alice"}`
	for _, test := range []struct {
		name      string
		principal Principal
		owner     string // of the resource; empty is the principal's account
		policies  Policies
		want      bool
		gate      Gate
	}{
		{"nothing allows", alice, "", Policies{}, false, GateIdentity},
		{"an identity policy allows", alice, "", Policies{Identity: identity}, true, GateIdentity},
		{"an identity policy speaks of something else", alice, "", Policies{Identity: nothing}, false, GateIdentity},
		{"an identity policy denies", alice, "", Policies{Identity: []Source{allowAll, denyAll}}, false, GateIdentity},
		{"the root user needs none", root, "", Policies{}, true, GateIdentity},
		{"the root user is denied by a bucket policy", root, "", Policies{Resource: []Source{denyMe}}, false, GateResource},
		{"the root user is denied by an SCP", root, "", Policies{SCPs: [][]Source{{allowAll, denyAll}}}, false, GateSCP},

		{"a boundary does not grant", alice, "", Policies{Boundary: &allowAll}, false, GateIdentity},
		{"a boundary allows", alice, "", Policies{Identity: identity, Boundary: &allowAll}, true, GateIdentity},
		{"a boundary is silent", alice, "", Policies{Identity: identity, Boundary: &useless}, false, GateBoundary},
		{"a boundary denies", alice, "", Policies{Identity: identity, Boundary: &denyAll}, false, GateBoundary},
		{"a session policy allows", session, "", Policies{Identity: identity, Session: identity, HasSession: true}, true, GateIdentity},
		{"a session policy does not grant", session, "", Policies{Session: identity, HasSession: true}, false, GateIdentity},
		{"a session policy is silent", session, "", Policies{Identity: identity, Session: nothing, HasSession: true}, false, GateSession},
		{"session policies of which none is left", session, "", Policies{Identity: identity, HasSession: true}, false, GateSession},
		{"a session policy denies", session, "", Policies{Identity: identity, Session: []Source{denyAll}, HasSession: true}, false, GateSession},

		{"every SCP level allows", alice, "", Policies{Identity: identity, SCPs: [][]Source{identity, identity}}, true, GateIdentity},
		{"an SCP does not grant", alice, "", Policies{SCPs: [][]Source{identity}}, false, GateIdentity},
		{"one SCP level is silent", alice, "", Policies{Identity: identity, SCPs: [][]Source{identity, nothing, identity}}, false, GateSCP},
		{"one SCP level has no policy", alice, "", Policies{Identity: identity, SCPs: [][]Source{identity, {}}}, false, GateSCP},
		{"one SCP level denies", alice, "", Policies{Identity: identity, SCPs: [][]Source{identity, {allowAll, denyAll}}}, false, GateSCP},
		{"an SCP binds what a bucket policy allows", alice, "", Policies{Resource: to(userARN), SCPs: [][]Source{nothing}}, false, GateSCP},
		{"an RCP level is silent", alice, "", Policies{Identity: identity, RCPs: [][]Source{nothing}}, false, GateRCP},
		{"an RCP denies", alice, "", Policies{Identity: identity, RCPs: [][]Source{{allowAll, denyAll}}}, false, GateRCP},
		{"a service-linked role is above SCPs and RCPs", linked, "", Policies{Identity: identity, SCPs: [][]Source{{denyAll}}, RCPs: [][]Source{{denyAll}}}, true, GateIdentity},
		{"a service-linked role still needs its policy", linked, "", Policies{Identity: nothing}, false, GateIdentity},

		{"a bucket policy names the user", alice, "", Policies{Resource: to(userARN)}, true, GateResource},
		{"a bucket policy names the user, and a boundary is silent", alice, "", Policies{Resource: to(userARN), Boundary: &useless}, true, GateResource},
		{"a bucket policy names the user, and a boundary denies", alice, "", Policies{Resource: to(userARN), Boundary: &denyAll}, false, GateBoundary},
		{"a bucket policy names the user by the unique id", alice, "", Policies{Resource: to(`{"AWS": "AIDAALICE"}`)}, true, GateResource},
		{"a bucket policy names another user", alice, "", Policies{Resource: to(`{"AWS": "arn:aws:iam::111122223333:user/bob"}`)}, false, GateIdentity},
		{"a bucket policy names the account", alice, "", Policies{Resource: to(`{"AWS": "111122223333"}`)}, false, GateIdentity},
		{"a bucket policy names the account of root", root, "", Policies{Resource: to(`{"AWS": "111122223333"}`)}, true, GateResource},
		{"a bucket policy names everyone", alice, "", Policies{Resource: to(`"*"`)}, true, GateResource},
		{"a bucket policy names everyone, and a boundary is silent", alice, "", Policies{Resource: to(`{"AWS": "*"}`), Boundary: &useless}, true, GateResource},
		{"a bucket policy names everyone, and a session policy is silent", session, "", Policies{Resource: to(`"*"`), Session: nothing, HasSession: true}, true, GateResource},
		{"a bucket policy names the role", session, "", Policies{Resource: to(roleARN)}, true, GateResource},
		{"a bucket policy names the role by the unique id", session, "", Policies{Resource: to(`{"AWS": "AROAJOB"}`)}, true, GateResource},
		{"a bucket policy names the role, and a boundary is silent", session, "", Policies{Resource: to(roleARN), Boundary: &useless}, false, GateBoundary},
		{"a bucket policy names the role, and a session policy is silent", session, "", Policies{Resource: to(roleARN), Session: nothing, HasSession: true}, false, GateSession},
		{"a bucket policy names the session", session, "", Policies{Resource: to(sessionARN), Boundary: &useless, Session: nothing, HasSession: true}, true, GateResource},
		{"a bucket policy names the account, then the role, then the session", session, "", Policies{Resource: slices.Concat(to(`{"AWS": "111122223333"}`), to(roleARN), to(sessionARN)), Boundary: &useless}, true, GateResource},
		{"a bucket policy names another session", session, "", Policies{Resource: to(`{"AWS": "arn:aws:sts::111122223333:assumed-role/job/daily"}`)}, false, GateIdentity},
		{"a bucket policy names the user of a federated session", federated, "", Policies{Resource: to(`{"AWS": "arn:aws:iam::111122223333:user/broker"}`), Session: nothing, HasSession: true}, false, GateSession},
		{"a bucket policy names the federated session", federated, "", Policies{Resource: to(`{"AWS": "arn:aws:sts::111122223333:federated-user/carol"}`), Session: nothing, HasSession: true}, true, GateResource},

		{"across accounts, identity alone", alice, foreign, Policies{Identity: identity}, false, GateResource},
		{"across accounts, resource alone", alice, foreign, Policies{Resource: to(userARN)}, false, GateIdentity},
		{"across accounts, both", alice, foreign, Policies{Identity: identity, Resource: to(userARN)}, true, GateIdentity},
		{"across accounts, the account is enough of a name", alice, foreign, Policies{Identity: identity, Resource: to(`{"AWS": "arn:aws:iam::111122223333:root"}`)}, true, GateIdentity},
		{"across accounts, the session's name does not free it", session, foreign, Policies{Identity: identity, Resource: to(sessionARN), Boundary: &useless}, false, GateBoundary},
		{"across accounts, root", root, foreign, Policies{Resource: to(`{"AWS": "111122223333"}`)}, true, GateIdentity},
		{"across accounts, root without the other side", root, foreign, Policies{}, false, GateResource},

		{"a service needs the resource's policy", service, home, Policies{}, false, GateResource},
		{"a service needs nothing else", service, home, Policies{Resource: to(`{"Service": "backup.amazonaws.com"}`), SCPs: [][]Source{{denyAll}}}, true, GateResource},
		{"another service is named", service, home, Policies{Resource: to(`{"Service": "ec2.amazonaws.com"}`)}, false, GateResource},
		{"a service is bound by RCPs", service, home, Policies{Resource: to(`{"Service": "backup.amazonaws.com"}`), RCPs: [][]Source{{denyAll}}}, false, GateRCP},
		{"anybody may, if everyone may", Principal{}, home, Policies{Resource: to(`"*"`)}, true, GateResource},
		{"anybody is not an account", Principal{}, home, Policies{Resource: to(`{"AWS": "111122223333"}`)}, false, GateResource},
		{"a canonical user", Principal{CanonicalUser: "79a5"}, home, Policies{Resource: to(`{"CanonicalUser": "79a5"}`)}, true, GateResource},

		{"a key without a policy for the account", alice, "", Policies{Identity: identity, KeyPolicy: true}, false, GateResource},
		{"a key that delegates to the account", alice, "", Policies{Identity: identity, KeyPolicy: true, Resource: to(`{"AWS": "111122223333"}`)}, true, GateIdentity},
		{"a key that delegates to an account that does not allow", alice, "", Policies{KeyPolicy: true, Resource: to(`{"AWS": "111122223333"}`)}, false, GateIdentity},
		{"a key that names the user", alice, "", Policies{Resource: as(KeyPolicy, to(userARN))}, true, GateResource},
		{"a key that names the role, and a boundary is silent", session, "", Policies{Resource: as(KeyPolicy, to(roleARN)), Boundary: &useless}, false, GateBoundary},
		{"a key does not trust root by itself", root, "", Policies{KeyPolicy: true}, false, GateResource},
		{"a grant to the role", session, "", Policies{KeyPolicy: true, Grants: []Grant{{"g", session.RoleARN}}}, true, GateGrant},
		{"a grant to another role", session, "", Policies{KeyPolicy: true, Grants: []Grant{{"g", linked.RoleARN}}}, false, GateResource},
		{"a grant and a key policy that denies", session, "", Policies{KeyPolicy: true, Grants: []Grant{{"g", session.RoleARN}}, Resource: []Source{denyMe}}, false, GateResource},
		{"a grant to the account", session, "", Policies{KeyPolicy: true, Grants: []Grant{{"g", home}}}, false, GateIdentity},
		{"a grant to the account, which allows", session, "", Policies{Identity: identity, KeyPolicy: true, Grants: []Grant{{"g", home}}}, true, GateIdentity},
		{"a grant to a service", service, home, Policies{KeyPolicy: true, Grants: []Grant{{"g", "backup.amazonaws.com"}}}, true, GateGrant},
		{"a grant across accounts, identity silent", session, foreign, Policies{KeyPolicy: true, Grants: []Grant{{"g", session.RoleARN}}}, false, GateIdentity},
		{"a grant across accounts to a service's own role", linked, foreign, Policies{KeyPolicy: true, Grants: []Grant{{"g", linked.RoleARN}}}, true, GateGrant},
		{"a grant across accounts to a service's own role, which the key policy names as well", linked, foreign, Policies{KeyPolicy: true, Resource: to(`{"AWS": "` + linked.RoleARN + `"}`), Grants: []Grant{{"g", linked.RoleARN}}}, true, GateGrant},
		{"a key policy that names a service's own role, without a grant", linked, foreign, Policies{KeyPolicy: true, Resource: to(`{"AWS": "` + linked.RoleARN + `"}`)}, false, GateIdentity},
		{"a grant across accounts to another role than the service's own", linked, foreign, Policies{KeyPolicy: true, Grants: []Grant{{"g", session.RoleARN}}}, false, GateResource},
		{"a grant across accounts to a service's own role, which the key policy denies", linked, foreign, Policies{KeyPolicy: true, Grants: []Grant{{"g", linked.RoleARN}}, Resource: []Source{denyMe}}, false, GateResource},
		{"a grant across accounts to the account of a service's own role", linked, foreign, Policies{KeyPolicy: true, Grants: []Grant{{"g", home}}}, false, GateIdentity},
		{"a grant across accounts to a role whose path looks like a service's", pretender, foreign, Policies{KeyPolicy: true, Grants: []Grant{{"g", pretender.RoleARN}}}, false, GateIdentity},
		{"a grant across accounts, identity allows", session, foreign, Policies{Identity: identity, KeyPolicy: true, Grants: []Grant{{"g", session.RoleARN}}}, true, GateIdentity},

		{"a role that trusts nobody", alice, "", Policies{Identity: identity, Resource: as(Trust, to(`{"Service": "backup.amazonaws.com"}`))}, false, GateTrust},
		{"a role that trusts the user", alice, "", Policies{Resource: as(Trust, to(userARN))}, true, GateTrust},
		{"a role that trusts the account", alice, "", Policies{Resource: as(Trust, to(`{"AWS": "111122223333"}`))}, false, GateIdentity},
		{"a role that trusts the account, which allows", alice, "", Policies{Identity: identity, Resource: as(Trust, to(`{"AWS": "111122223333"}`))}, true, GateIdentity},
		{"a role that trusts the service", service, home, Policies{Resource: as(Trust, to(`{"Service": "backup.amazonaws.com"}`))}, true, GateTrust},
		{"a role in another account", alice, foreign, Policies{Identity: identity, Resource: as(Trust, to(userARN))}, true, GateIdentity},
		{"a role that trusts a provider", Principal{Federated: "accounts.example.com"}, home, Policies{Resource: as(Trust, to(`{"Federated": "accounts.example.com"}`))}, true, GateTrust},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := Request{Principal: test.principal, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourceAccountID: test.owner}
			d := Evaluate(r, test.policies)
			if d.Allowed != test.want || d.Gate != test.gate {
				t.Errorf("allowed: %t by gate %q, want %t by %q\n%s", d.Allowed, d.Gate, test.want, test.gate, d.Explain())
			}
			checkExplanation(t, r, d)
		})
	}
}

func TestAssumeRoleAlwaysNeedsTrust(t *testing.T) {
	t.Parallel()
	r := Request{Principal: alice, Action: "sts:AssumeRole", Resource: session.RoleARN}
	d := Evaluate(r, Policies{Identity: identity})
	if d.Allowed || d.Gate != GateTrust {
		t.Errorf("without a trust policy: %s", d.Explain())
	}
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
func TestNotPrincipal(t *testing.T) {
	t.Parallel()
	policy := func(effect, principal string) []Source {
		return []Source{{Name: "p", Policy: MustParse(`{"Statement": [{"Effect": "` + effect + `", "NotPrincipal": {"AWS": ` + principal + `}, "Action": "*"}]}`)}}
	}
	const account, user = `"arn:aws:iam::111122223333:root"`, `"arn:aws:iam::111122223333:user/team/alice"`
	const role, sessionARN = `"arn:aws:iam::111122223333:role/service-role/job"`, `"arn:aws:sts::111122223333:assumed-role/job/nightly"`
	for _, test := range []struct {
		name      string
		principal Principal
		policies  Policies
		want      bool
	}{
		{"the user and the account are spared", alice, Policies{Identity: identity, Resource: policy("Deny", "["+user+","+account+"]")}, true},
		{"the user alone is not spared, as the account is denied", alice, Policies{Identity: identity, Resource: policy("Deny", user)}, false},
		{"the account alone spares root only", alice, Policies{Identity: identity, Resource: policy("Deny", account)}, false},
		{"the account alone spares root", root, Policies{Resource: policy("Deny", account)}, true},
		{"session, role and account are spared", session, Policies{Identity: identity, Resource: policy("Deny", "["+sessionARN+","+role+","+account+"]")}, true},
		{"the account's id spares root", root, Policies{Resource: policy("Deny", `"111122223333"`)}, true},
		{"session and account are not enough", session, Policies{Identity: identity, Resource: policy("Deny", "["+sessionARN+","+account+"]")}, false},
		{"role and account are not enough", session, Policies{Identity: identity, Resource: policy("Deny", "["+role+","+account+"]")}, false},
		{"a boundary is never spared", alice, Policies{Identity: identity, Boundary: &allowAll, Resource: policy("Deny", "["+user+","+account+"]")}, false},
		{"a service is not in the list", service, Policies{Resource: append(to(`"*"`), policy("Deny", account)...)}, false},
		{"an Allow to all but others", alice, Policies{Resource: policy("Allow", `"arn:aws:iam::111122223333:user/bob"`)}, true},
		{"an Allow to all but this user", alice, Policies{Resource: policy("Allow", user)}, false},
		{"an Allow to all but this account", alice, Policies{Resource: policy("Allow", account)}, false},
	} {
		d := Evaluate(Request{Principal: test.principal, Action: "s3:GetObject", Resource: "arn:aws:s3:::b"}, test.policies)
		if d.Allowed != test.want {
			t.Errorf("%s: allowed: %t, want %t\n%s", test.name, d.Allowed, test.want, d.Explain())
		}
	}
}

func TestNotActionAndNotResource(t *testing.T) {
	t.Parallel()
	p := MustParse(`{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "NotResource": ["arn:aws:s3:::secret", "arn:aws:s3:::secret/*"]}]}`)
	for _, test := range []struct {
		action, resource string
		want             bool
	}{
		{"s3:GetObject", "arn:aws:s3:::open/k", true},
		{"s3:GetObject", "arn:aws:s3:::secret/k", false},
		{"IAM:CreateUser", "arn:aws:iam::1:user/x", false},
		{"s3:ListAllMyBuckets", "*", true},
	} {
		d := Evaluate(Request{Principal: alice, Action: test.action, Resource: test.resource}, Policies{Identity: []Source{{Policy: p}}})
		if d.Allowed != test.want {
			t.Errorf("%s on %s is allowed: %t, want %t", test.action, test.resource, d.Allowed, test.want)
		}
	}
}

// A statement that lacks the resource, or the principal, that its place asks for must not widen anything.
func TestStatementsOutOfPlaceGrantNothing(t *testing.T) {
	t.Parallel()
	bare := Source{Name: "bare", Policy: MustParse(`{"Statement": {"Effect": "Allow", "Action": "*"}}`)}
	r := Request{Principal: alice, Action: "s3:GetObject", Resource: "arn:aws:s3:::b"}
	for name, p := range map[string]Policies{
		"an identity policy without Resource":  {Identity: []Source{bare}},
		"a resource policy without Principal":  {Resource: []Source{bare, allowAll}},
		"an identity policy of somebody else":  {Identity: to(`{"AWS": "arn:aws:iam::111122223333:user/bob"}`)},
		"a source without a policy":            {Identity: []Source{{Name: "none"}}, Resource: []Source{{Name: "none"}}},
		"a resource policy for an empty name":  {Resource: to(`{"AWS": "", "Service": "", "CanonicalUser": ""}`)},
		"a resource policy for an odd account": {Resource: to(`{"AWS": "arn:aws:iam::111122223333:rooty"}`)},
	} {
		if d := Evaluate(r, p); d.Allowed {
			t.Errorf("%s allows:\n%s", name, d.Explain())
		}
	}
}

func TestDecisionNamesTheStatement(t *testing.T) {
	t.Parallel()
	p := MustParse(`{"Version": "2012-10-17", "Statement": [
		{"Sid": "Read", "Effect": "Allow", "Action": "s3:Get*", "Resource": "*"},
		{"Sid": "NoSecrets", "Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::secret/*"}]}`)
	policies := Policies{
		Identity: []Source{{Name: "inline policy reader of user alice", Kind: Identity, Policy: p}},
		SCPs:     [][]Source{{allowAll}},
	}
	r := Request{Principal: alice, Action: "s3:GetObject", Resource: "arn:aws:s3:::open/k"}
	for resource, want := range map[string]*Match{
		"arn:aws:s3:::open/k":   {Gate: GateIdentity, Source: "inline policy reader of user alice", Sid: "Read", Statement: 0, Effect: Allow},
		"arn:aws:s3:::secret/k": {Gate: GateIdentity, Source: "inline policy reader of user alice", Sid: "NoSecrets", Statement: 1, Effect: Deny},
	} {
		r.Resource = resource
		if diff := cmp.Diff(want, Evaluate(r, policies).By); diff != "" {
			t.Errorf("%s (-want +got)\n%s", resource, diff)
		}
	}
	const want = `denied by statement 2 "NoSecrets" of inline policy reader of user alice
  service control policy, level 1: allows, statement 1 of allow-all
  identity-based policy: denies, statement 2 "NoSecrets" of inline policy reader of user alice
`
	r.Resource = "arn:aws:s3:::secret/k"
	if diff := cmp.Diff(want, Evaluate(r, policies).Explain()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
