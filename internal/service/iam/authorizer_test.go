package iam_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/internal/api"
	"strongroom/internal/service/iam/iamtest"
)

// caller makes a user with one policy and returns it as the house sees it.
func caller(t testing.TB, h *iamtest.House, accountID, name, policy string) *api.Caller {
	t.Helper()
	keys, err := h.User(t, accountID, name, policy).Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, c, err := h.STS.Lookup(t.Context(), keys.AccessKeyID, "")
	if err != nil {
		t.Fatal(err)
	}
	c.Region, c.SourceIP, c.UserAgent = "eu-central-1", "192.0.2.7", "test"
	c.Date = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)
	return &c
}

const vault = "arn:aws:backup:eu-central-1:111111111111:backup-vault:v"

// Each row is one identity policy and one resource policy, put to a call in the member account.
func TestAuthorizer(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	h.Organize(t)
	allow := func(condition string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"backup:*","Resource":"*"` + condition + `}]}`
	}
	when := func(operator, key, value string) string {
		return allow(fmt.Sprintf(`,"Condition":{%q:{%q:%q}}`, operator, key, value))
	}
	onVault := func(effect, principal string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"` + effect + `","Principal":` + principal + `,"Action":"backup:StartBackupJob","Resource":"*"}]}`
	}
	same := func(c *api.Caller) *api.Caller { return c }
	for i, row := range []struct {
		what     string
		account  string
		identity string
		resource string
		change   func(*api.Caller) *api.Caller
		context  map[string][]string
		want     string // the refusal, "" for none
	}{
		{what: "nothing allows", want: "no identity-based policy allows the backup:StartBackupJob action"},
		{what: "the identity policy allows", identity: allow("")},
		{what: "the vault policy denies", identity: allow(""), resource: onVault("Deny", `"*"`), want: "with an explicit deny in a resource-based policy"},
		{what: "the vault policy allows another user", resource: onVault("Allow", `{"AWS":"arn:aws:iam::111111111111:user/admin"}`), want: "no identity-based policy"},
		{what: "the vault policy allows this user", resource: onVault("Allow", `{"AWS":"arn:aws:iam::111111111111:user/u5"}`)},
		{what: "another account without the vault's leave", account: iamtest.Backup, identity: allow(""), want: "no resource-based policy allows"},
		{what: "another account with both sides' leave", account: iamtest.Backup, identity: allow(""), resource: onVault("Allow", `{"AWS":"222222222222"}`)},
		{what: "another account without its own leave", account: iamtest.Backup, resource: onVault("Allow", `{"AWS":"222222222222"}`), want: "no identity-based policy allows"},
		{what: "the organization", identity: when("StringEquals", "aws:PrincipalOrgID", "o-a1b2c3d4e5")},
		{what: "another organization", identity: when("StringEquals", "aws:PrincipalOrgID", "o-zzzzzzzzzz"), want: "no identity-based policy allows"},
		{what: "the resource's organization", identity: when("StringEquals", "aws:ResourceOrgID", "o-a1b2c3d4e5")},
		{what: "a path in the organization", identity: when("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-a1b2c3d4e5/r-*/")},
		{what: "the source address", identity: when("IpAddress", "aws:SourceIp", "192.0.2.0/24")},
		{what: "another source address", identity: when("IpAddress", "aws:SourceIp", "198.51.100.0/24"), want: "no identity-based policy allows"},
		{what: "the address of a forwarded call", identity: when("IpAddress", "aws:SourceIp", "192.0.2.0/24"), change: func(c *api.Caller) *api.Caller { return c.Through("s3.amazonaws.com", "eu-central-1") }, want: "no identity-based policy allows"},
		{what: "called via a service", identity: when("ForAnyValue:StringEquals", "aws:CalledVia", "s3.amazonaws.com"), change: func(c *api.Caller) *api.Caller { return c.Through("s3.amazonaws.com", "eu-central-1") }},
		{what: "the last service", identity: when("StringEquals", "aws:CalledViaLast", "kms.amazonaws.com"), change: func(c *api.Caller) *api.Caller {
			return c.Through("s3.amazonaws.com", "eu-central-1").Through("kms.eu-central-1.amazonaws.com", "eu-central-1")
		}},
		{what: "via no service", identity: when("Bool", "aws:ViaAWSService", "true"), want: "no identity-based policy allows"},
		{what: "the Region", identity: when("StringEquals", "aws:RequestedRegion", "eu-central-1")},
		{what: "another Region", identity: when("StringEquals", "aws:RequestedRegion", "eu-central-1"), change: func(c *api.Caller) *api.Caller { return c.In("eu-north-1") }, want: "no identity-based policy allows"},
		{what: "no TLS", identity: when("Bool", "aws:SecureTransport", "true"), want: "no identity-based policy allows"},
		{what: "before a date", identity: when("DateLessThan", "aws:CurrentTime", "2026-03-15T00:00:00Z")},
		{what: "after a date", identity: when("DateLessThan", "aws:CurrentTime", "2026-03-14T00:00:00Z"), want: "no identity-based policy allows"},
		{what: "the user agent", identity: when("StringEquals", "aws:UserAgent", "test")},
		{what: "the user's name", identity: when("StringEquals", "aws:username", "u25")},
		{what: "a key of the operation", identity: when("StringEquals", "backup:CopyTargets", "x"), context: map[string][]string{"backup:CopyTargets": {"x"}}},
		{what: "another value of it", identity: when("StringEquals", "backup:CopyTargets", "x"), context: map[string][]string{"backup:CopyTargets": {"y"}}, want: "no identity-based policy allows"},
		{what: "a long-term credential", identity: when("Null", "aws:TokenIssueTime", "true")},
	} {
		t.Run(row.what, func(t *testing.T) {
			if row.account == "" {
				row.account = iamtest.Member
			}
			if row.change == nil {
				row.change = same
			}
			c := row.change(caller(t, h, row.account, fmt.Sprintf("u%d", i+1), row.identity))
			access := api.Access{Action: "backup:StartBackupJob", Resource: vault, ResourceAccountID: iamtest.Member, Context: row.context}
			if row.resource != "" {
				access.ResourcePolicies = []api.PolicyDocument{{Name: "vault policy of v", Document: row.resource}}
			}
			err := h.IAM.Authorizer().Authorize(t.Context(), c, access)
			decision, explainErr := h.IAM.Authorizer().Explain(t.Context(), c, access)
			if explainErr != nil || decision.Allowed != (err == nil) {
				t.Errorf("the explanation says %v (%v), the decision %v", decision.Allowed, explainErr, err)
			}
			if row.want == "" {
				if err != nil {
					t.Errorf("refused: %v\n%s", err, decision)
				}
				return
			}
			want := fmt.Sprintf("AccessDenied: User: %s is not authorized to perform: backup:StartBackupJob on resource: %s ", c.ARN, vault)
			if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), row.want) {
				t.Errorf("answered %v,\nwant %s… %s", err, want, row.want)
			}
		})
	}
}

// Services call for themselves with what resource policies give them, and nothing else.
func TestAuthorizerOfServices(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	service := api.ServiceCaller("backup.amazonaws.com", iamtest.Member, "eu-central-1")
	policy := func(account string) api.Access {
		return api.Access{Action: "sns:Publish", Resource: "arn:aws:sns:eu-central-1:111111111111:t", ResourcePolicies: []api.PolicyDocument{{Name: "topic policy", Document: `{
			"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"backup.amazonaws.com"},"Action":"sns:Publish","Resource":"*",
			"Condition":{"StringEquals":{"aws:SourceAccount":"` + account + `"},"Bool":{"aws:PrincipalIsAWSService":"true"}}}]}`}}}
	}
	if err := h.IAM.Authorizer().Authorize(t.Context(), service, policy(iamtest.Member)); err != nil {
		t.Errorf("with the topic's leave: %v", err)
	}
	if err := h.IAM.Authorizer().Authorize(t.Context(), service, policy(iamtest.Backup)); api.Code(err) != "AccessDenied" {
		t.Errorf("for another account: %v", err)
	}
	if err := h.IAM.Authorizer().Authorize(t.Context(), service, api.Access{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k"}); api.Code(err) != "AccessDenied" {
		t.Errorf("without any leave: %v", err)
	}
}

// A KMS key is closed to identity policies until its own policy lets the account decide; a grant opens it.
func TestAuthorizerOfKeys(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c := caller(t, h, iamtest.Member, "u", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*",
		"Condition":{"StringEquals":{"kms:ViaService":"s3.eu-central-1.amazonaws.com","kms:CallerAccount":"111111111111"}}}]}`)
	forwarded := c.Through("s3.amazonaws.com", "eu-central-1")
	key := "arn:aws:kms:eu-central-1:111111111111:key/k"
	delegating := []api.PolicyDocument{{Name: "key policy", Document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"kms:*","Resource":"*"}]}`}}
	closed := []api.PolicyDocument{{Name: "key policy", Document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:user/admin"},"Action":"kms:*","Resource":"*"}]}`}}
	for _, row := range []struct {
		what     string
		c        *api.Caller
		policies []api.PolicyDocument
		grants   []string
		allowed  bool
	}{
		{"delegated, through S3", forwarded, delegating, nil, true},
		{"delegated, not through S3", c, delegating, nil, false},
		{"not delegated", forwarded, closed, nil, false},
		{"granted", c, closed, []string{"g"}, true},
	} {
		err := h.IAM.Authorizer().Authorize(t.Context(), row.c, api.Access{Action: "kms:Decrypt", Resource: key, KeyPolicy: true, ResourcePolicies: row.policies, Grants: row.grants})
		if (err == nil) != row.allowed {
			t.Errorf("%s: %v", row.what, err)
		}
	}
}

// A boundary limits what identity policies give; tags of the principal fill variables.
func TestAuthorizerOfBoundariesAndTags(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	ctx, admin := t.Context(), h.IAMClient(iamtest.Member)
	c := caller(t, h, iamtest.Member, "u", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:PrincipalTag/team}/*"}]}`)
	ask := func(action, resource string) bool {
		return h.IAM.Authorizer().Authorize(ctx, c, api.Access{Action: action, Resource: resource}) == nil
	}
	if ask("s3:GetObject", "arn:aws:s3:::blue/k") {
		t.Error("allowed before the user was tagged")
	}
	if _, err := admin.TagUser(ctx, &iam.TagUserInput{UserName: aws.String("u"), Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String("blue")}}}); err != nil {
		t.Fatal(err)
	}
	if !ask("s3:GetObject", "arn:aws:s3:::blue/k") || ask("s3:GetObject", "arn:aws:s3:::red/k") {
		t.Error("the tag does not decide")
	}
	policy, err := admin.CreatePolicy(ctx, &iam.CreatePolicyInput{
		PolicyName: aws.String("limit"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: aws.String("u"), PermissionsBoundary: policy.Policy.Arn}); err != nil {
		t.Fatal(err)
	}
	if !ask("s3:GetObject", "arn:aws:s3:::blue/k") || ask("s3:PutObject", "arn:aws:s3:::blue/k") {
		t.Error("the boundary does not limit")
	}
}

// A user made again under an old name does not get the old user's sessions their rights back.
func TestAuthorizerOfReplacedUser(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	ctx, admin := t.Context(), h.IAMClient(iamtest.Member)
	old := caller(t, h, iamtest.Member, "u", allowAll)
	access := api.Access{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k"}
	if err := h.IAM.Authorizer().Authorize(ctx, old, access); err != nil {
		t.Fatal(err)
	}
	keys, err := admin.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: aws.String("u")})
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range []func() error{
		func() error {
			_, err := admin.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: aws.String("u"), AccessKeyId: keys.AccessKeyMetadata[0].AccessKeyId})
			return err
		},
		func() error {
			_, err := admin.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: aws.String("u"), PolicyName: aws.String("p")})
			return err
		},
		func() error {
			_, err := admin.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("u")})
			return err
		},
	} {
		if err := call(); err != nil {
			t.Fatal(err)
		}
	}
	caller(t, h, iamtest.Member, "u", allowAll)
	if err := h.IAM.Authorizer().Authorize(ctx, old, access); api.Code(err) != "AccessDenied" {
		t.Errorf("the old user's session: %v", err)
	}
	// Not by a policy or a grant that names the user either: it is the new one that is meant.
	access.ResourcePolicies = []api.PolicyDocument{{Name: "bucket policy", Document: `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:user/u"},"Action":"s3:*","Resource":"*"}]}`}}
	if err := h.IAM.Authorizer().Authorize(ctx, old, access); api.Code(err) != "AccessDenied" {
		t.Errorf("the old user's session, by the bucket's policy: %v", err)
	}
	if _, err := h.IAM.Authorizer().Explain(ctx, old, access); err != nil {
		t.Error(err)
	}
	granted := api.Access{Action: "kms:Decrypt", Resource: "arn:aws:kms:eu-central-1:111111111111:key/k", KeyPolicy: true, Grants: []string{"g"}}
	if err := h.IAM.Authorizer().Authorize(ctx, old, granted); api.Code(err) != "AccessDenied" {
		t.Errorf("the old user's session, by a grant: %v", err)
	}
}

// A role's sessions end with the role, whatever names the role.
func TestAuthorizerOfDeletedRole(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	ctx, admin := t.Context(), h.IAMClient(iamtest.Member)
	create := func() *api.Caller {
		out, err := admin.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"backup.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
		if err != nil {
			t.Fatal(err)
		}
		c, err := h.STS.AssumeForService(ctx, api.ServiceCaller("backup.amazonaws.com", iamtest.Member, "eu-central-1"), *out.Role.Arn, "job")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	access := api.Access{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourcePolicies: []api.PolicyDocument{{Name: "bucket policy", Document: `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:role/r"},"Action":"s3:*","Resource":"*"}]}`}}}
	old := create()
	if err := h.IAM.Authorizer().Authorize(ctx, old, access); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("r")}); err != nil {
		t.Fatal(err)
	}
	if err := h.IAM.Authorizer().Authorize(ctx, old, access); api.Code(err) != "AccessDenied" {
		t.Errorf("a session of the deleted role: %v", err)
	}
	anew := create()
	if err := h.IAM.Authorizer().Authorize(ctx, old, access); api.Code(err) != "AccessDenied" {
		t.Errorf("a session of the deleted role after another has its name: %v", err)
	}
	if err := h.IAM.Authorizer().Authorize(ctx, anew, access); err != nil {
		t.Errorf("a session of the new role: %v", err)
	}
}

// The authorizer is asked for every object of a bucket.
func BenchmarkAuthorize(b *testing.B) {
	h := iamtest.New(b)
	h.Organize(b)
	c := caller(b, h, iamtest.Member, "u", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}}]}`)
	access := api.Access{
		Action: "s3:GetObject", Resource: "arn:aws:s3:::b/some/key", ResourceAccountID: iamtest.Member,
		ResourcePolicies: []api.PolicyDocument{{Name: "bucket policy", Document: `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b/secret/*"}]}`}},
	}
	for b.Loop() {
		if err := h.IAM.Authorizer().Authorize(b.Context(), c, access); err != nil {
			b.Fatal(err)
		}
	}
}
