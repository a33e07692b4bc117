package sts_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	"gocloud.dev/secrets/localsecrets"

	"strongroom/internal/api"
	"strongroom/internal/service/iam/iamtest"
	service "strongroom/internal/service/sts"
	"strongroom/internal/state"
)

// p points at a value, as the SDK's fields want it.
func p[T any](v T) *T { return &v }

// code is an error's AWS code, with the HTTP status that came with it.
func code(err error) string {
	var refusal smithy.APIError
	if !errors.As(err, &refusal) {
		return fmt.Sprint(err)
	}
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		return fmt.Sprintf("%s %d", refusal.ErrorCode(), response.HTTPStatusCode())
	}
	return refusal.ErrorCode()
}

func trusting(principal, condition string) string {
	if condition != "" {
		condition = `,"Condition":` + condition
	}
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{` + principal + `},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]` + condition + `}]}`
}

func mayAssume(arn string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],"Resource":"` + arn + `"}]}`
}

func assume(t *testing.T, config aws.Config, roleARN string, more ...func(*sts.AssumeRoleInput)) (*sts.AssumeRoleOutput, error) {
	t.Helper()
	in := &sts.AssumeRoleInput{RoleArn: &roleARN, RoleSessionName: p("session")}
	for _, set := range more {
		set(in)
	}
	return sts.NewFromConfig(config).AssumeRole(t.Context(), in)
}

// mustAssume returns the configuration of the session.
func mustAssume(t *testing.T, h *iamtest.House, config aws.Config, roleARN string, more ...func(*sts.AssumeRoleInput)) aws.Config {
	t.Helper()
	out, err := assume(t, config, roleARN, more...)
	if err != nil {
		t.Fatal(err)
	}
	return h.WithSession(out.Credentials)
}

func identity(t *testing.T, config aws.Config) string {
	t.Helper()
	out, err := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		return code(err)
	}
	return *out.Arn
}

const admin = "arn:aws:iam::aws:policy/AdministratorAccess"

func TestGetCallerIdentity(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	out, err := h.STSClient(iamtest.Member).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	if *out.Account != iamtest.Member || *out.Arn != "arn:aws:iam::111111111111:user/admin" || !strings.HasPrefix(*out.UserId, "AIDA") {
		t.Errorf("the administrator is %s %s %s", *out.Account, *out.Arn, *out.UserId)
	}
	if got := identity(t, h.User(t, iamtest.Member, "nobody", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`)); got != "arn:aws:iam::111111111111:user/nobody" {
		t.Errorf("a user who may do nothing is %s", got)
	}
}

// A role is assumed by whom its trust policy allows, and from another account only with that account's leave as well.
func TestTrust(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	may := h.User(t, iamtest.Member, "may", mayAssume("*"))
	mayNot := h.User(t, iamtest.Member, "may-not", "")
	foreign := h.User(t, iamtest.Backup, "foreign", mayAssume("*"))
	foreignMayNot := h.User(t, iamtest.Backup, "foreign-may-not", "")
	const root, named = `"AWS":"arn:aws:iam::111111111111:root"`, `"AWS":["arn:aws:iam::111111111111:user/may-not","arn:aws:iam::222222222222:user/foreign-may-not"]`
	external := func(id string) func(*sts.AssumeRoleInput) {
		return func(in *sts.AssumeRoleInput) { in.ExternalId = &id }
	}
	for i, row := range []struct {
		what  string
		trust string
		as    aws.Config
		set   func(*sts.AssumeRoleInput)
		ok    bool
	}{
		{"the account is trusted and its policy allows", trusting(root, ""), may, nil, true},
		{"the account is trusted, its policy is silent", trusting(root, ""), mayNot, nil, false},
		{"the user is trusted by name", trusting(named, ""), mayNot, nil, true},
		{"another user is trusted by name", trusting(named, ""), may, nil, false},
		{"a service is trusted", trusting(`"Service":"backup.amazonaws.com"`, ""), may, nil, false},
		{"another account is trusted and allows", trusting(`"AWS":"222222222222"`, ""), foreign, nil, true},
		{"another account is trusted and silent", trusting(`"AWS":"222222222222"`, ""), foreignMayNot, nil, false},
		{"another account's user is trusted by name, its account is silent", trusting(named, ""), foreignMayNot, nil, false},
		{"another account is not trusted", trusting(root, ""), foreign, nil, false},
		{"everyone is trusted", trusting(`"AWS":"*"`, ""), foreign, nil, true},
		{"the external id", trusting(`"AWS":"222222222222"`, `{"StringEquals":{"sts:ExternalId":"secret"}}`), foreign, external("secret"), true},
		{"another external id", trusting(`"AWS":"222222222222"`, `{"StringEquals":{"sts:ExternalId":"secret"}}`), foreign, external("guess"), false},
		{"no external id", trusting(`"AWS":"222222222222"`, `{"StringEquals":{"sts:ExternalId":"secret"}}`), foreign, nil, false},
		{"the session's name", trusting(root, `{"StringLike":{"sts:RoleSessionName":"sess*"}}`), may, nil, true},
		{"another session's name", trusting(root, `{"StringLike":{"sts:RoleSessionName":"x*"}}`), may, nil, false},
		{"the organization, without one", trusting(`"AWS":"*"`, `{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}`), foreign, nil, false},
	} {
		t.Run(row.what, func(t *testing.T) {
			arn := h.Role(t, iamtest.Member, fmt.Sprintf("r%d", i), row.trust)
			if row.set == nil {
				row.set = func(*sts.AssumeRoleInput) {}
			}
			out, err := assume(t, row.as, arn, row.set)
			if row.ok != (err == nil) {
				t.Fatalf("assuming: %v", err)
			}
			if err != nil {
				if code(err) != "AccessDenied 403" || !strings.Contains(err.Error(), "is not authorized to perform: sts:AssumeRole on resource: "+arn) {
					t.Errorf("refused with %v", err)
				}
				return
			}
			want := fmt.Sprintf("arn:aws:sts::111111111111:assumed-role/r%d/session", i)
			if got := identity(t, h.WithSession(out.Credentials)); got != want {
				t.Errorf("the session is %s, want %s", got, want)
			}
			if !strings.HasPrefix(*out.AssumedRoleUser.AssumedRoleId, "AROA") || !strings.HasSuffix(*out.AssumedRoleUser.AssumedRoleId, ":session") {
				t.Errorf("the session's id is %s", *out.AssumedRoleUser.AssumedRoleId)
			}
		})
	}
	if _, err := assume(t, may, "arn:aws:iam::111111111111:role/missing"); code(err) != "AccessDenied 403" {
		t.Errorf("assuming a role that does not exist: %v", err)
	}
}

// The management account enters the members through the role that they were made with.
func TestOrganizationAccountAccessRole(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	h.Organize(t)
	session := mustAssume(t, h, h.As(iamtest.Management), "arn:aws:iam::111111111111:role/OrganizationAccountAccessRole")
	if _, err := iam.NewFromConfig(session).ListRoles(t.Context(), &iam.ListRolesInput{}); err != nil {
		t.Errorf("the session may do nothing: %v", err)
	}
	if _, err := assume(t, h.As(iamtest.Backup), "arn:aws:iam::111111111111:role/OrganizationAccountAccessRole"); code(err) != "AccessDenied 403" {
		t.Errorf("another member enters: %v", err)
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	long := h.Role(t, iamtest.Member, "long", trusting(`"AWS":"111111111111"`, ""), admin)
	_, err := h.IAMClient(iamtest.Member).UpdateRole(t.Context(), &iam.UpdateRoleInput{RoleName: p("long"), MaxSessionDuration: p(int32(7200))})
	if err != nil {
		t.Fatal(err)
	}
	lasting := func(seconds int32) func(*sts.AssumeRoleInput) {
		return func(in *sts.AssumeRoleInput) { in.DurationSeconds = &seconds }
	}
	user := h.As(iamtest.Member)
	session := mustAssume(t, h, user, long)
	for _, row := range []struct {
		what    string
		as      aws.Config
		seconds int32
		want    string
	}{
		{"the shortest", user, 900, ""},
		{"too short", user, 899, "durationSeconds"},
		{"the role's longest", user, 7200, ""},
		{"longer than the role allows", user, 7201, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		{"longer than any", user, 43201, "durationSeconds"},
		{"an hour by chaining", session, 3600, ""},
		{"longer by chaining", session, 3601, "1 hour session limit for roles assumed by role chaining"},
	} {
		out, err := assume(t, row.as, long, lasting(row.seconds))
		if row.want != "" {
			if code(err) != "ValidationError 400" || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%s: %v", row.what, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", row.what, err)
			continue
		}
		if left := out.Credentials.Expiration.Sub(h.Wall.Now()); left > time.Duration(row.seconds)*time.Second || left < time.Duration(row.seconds-60)*time.Second {
			t.Errorf("%s: expires in %v", row.what, left)
		}
	}
}

// Credentials die by the clients' clock, not by the service's, which rehearsals move.
func TestExpiry(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	arn := h.Role(t, iamtest.Member, "r", trusting(`"AWS":"111111111111"`, ""))
	out, err := assume(t, h.As(iamtest.Member), arn)
	if err != nil {
		t.Fatal(err)
	}
	c := out.Credentials
	h.Clock.Advance(48 * time.Hour)
	if _, _, err := h.STS.Lookup(t.Context(), *c.AccessKeyId, *c.SessionToken); err != nil {
		t.Errorf("after the service's clock moved: %v", err)
	}
	h.Wall.Advance(59 * time.Minute)
	if _, _, err := h.STS.Lookup(t.Context(), *c.AccessKeyId, *c.SessionToken); err != nil {
		t.Errorf("before the end: %v", err)
	}
	h.Wall.Advance(time.Minute)
	if _, _, err := h.STS.Lookup(t.Context(), *c.AccessKeyId, *c.SessionToken); api.Code(err) != "ExpiredToken" {
		t.Errorf("at the end: %v", err)
	}
}

// A token works whole, with its own key and secret, and in no other way.
func TestTokens(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	arn := h.Role(t, iamtest.Member, "r", trusting(`"AWS":"111111111111"`, ""))
	one, err := assume(t, h.As(iamtest.Member), arn)
	if err != nil {
		t.Fatal(err)
	}
	two, err := assume(t, h.As(iamtest.Member), arn)
	if err != nil {
		t.Fatal(err)
	}
	a, b := one.Credentials, two.Credentials
	for what, config := range map[string]aws.Config{
		"another session's token": h.With(*a.AccessKeyId, *a.SecretAccessKey, *b.SessionToken),
		"another session's key":   h.With(*b.AccessKeyId, *a.SecretAccessKey, *a.SessionToken),
		"no token":                h.With(*a.AccessKeyId, *a.SecretAccessKey, ""),
		"a token cut short":       h.With(*a.AccessKeyId, *a.SecretAccessKey, (*a.SessionToken)[:40]),
		"no base64":               h.With(*a.AccessKeyId, *a.SecretAccessKey, "!"+*a.SessionToken),
	} {
		if got := identity(t, config); got != "InvalidClientTokenId 403" {
			t.Errorf("%s: %s", what, got)
		}
	}
	if got := identity(t, h.With(*a.AccessKeyId, *b.SecretAccessKey, *a.SessionToken)); got != "SignatureDoesNotMatch 403" {
		t.Errorf("another session's secret: %s", got)
	}
	for i := range *a.SessionToken {
		changed := []byte(*a.SessionToken)
		if changed[i] == 'A' {
			changed[i] = 'B'
		} else {
			changed[i] = 'A'
		}
		if _, _, err := h.STS.Lookup(t.Context(), *a.AccessKeyId, string(changed)); api.Code(err) != "InvalidClientTokenId" {
			t.Fatalf("with character %d changed: %v", i, err)
		}
	}
}

func TestSessionPolicies(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	ctx := t.Context()
	arn := h.Role(t, iamtest.Member, "r", trusting(`"AWS":"111111111111"`, ""), admin)
	limit := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:ListRoles","Resource":"*"}]}`
	policy, err := h.IAMClient(iamtest.Member).CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: p("limit"), PolicyDocument: &limit})
	if err != nil {
		t.Fatal(err)
	}
	for what, set := range map[string]func(*sts.AssumeRoleInput){
		"inline":  func(in *sts.AssumeRoleInput) { in.Policy = &limit },
		"managed": func(in *sts.AssumeRoleInput) { in.PolicyArns = []types.PolicyDescriptorType{{Arn: policy.Policy.Arn}} },
	} {
		client := iam.NewFromConfig(mustAssume(t, h, h.As(iamtest.Member), arn, set))
		if _, err := client.ListRoles(ctx, &iam.ListRolesInput{}); err != nil {
			t.Errorf("%s: listing roles: %v", what, err)
		}
		if _, err := client.ListUsers(ctx, &iam.ListUsersInput{}); code(err) != "AccessDenied 403" {
			t.Errorf("%s: listing users: %v", what, err)
		}
	}
	_, err = assume(t, h.As(iamtest.Member), arn, func(in *sts.AssumeRoleInput) { in.Policy = p(`{"Version":"2012-10-17"}`) })
	if code(err) != "MalformedPolicyDocument 400" {
		t.Errorf("a malformed session policy: %v", err)
	}
}

// Session tags and the source identity follow the session into condition keys, and on into chained sessions.
func TestTagsAndSourceIdentity(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	first := h.Role(t, iamtest.Member, "first", trusting(`"AWS":"111111111111"`, ""), admin)
	second := h.Role(t, iamtest.Member, "second", trusting(`"AWS":"111111111111"`, `{"StringEquals":{"aws:RequestTag/team":"blue","aws:PrincipalTag/team":"blue","sts:SourceIdentity":"ann"}}`))
	third := h.Role(t, iamtest.Member, "third", trusting(`"AWS":"111111111111"`, `{"StringEquals":{"aws:PrincipalTag/local":"x"}}`))
	tag := func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }
	session := mustAssume(t, h, h.As(iamtest.Member), first, func(in *sts.AssumeRoleInput) {
		in.Tags, in.TransitiveTagKeys = []types.Tag{tag("team", "blue"), tag("local", "x")}, []string{"team"}
		in.SourceIdentity = p("ann")
	})
	if _, err := assume(t, session, third); err != nil {
		t.Errorf("with a tag of the session: %v", err)
	}
	chained := mustAssume(t, h, session, second)
	credentials, err := chained.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, caller, err := h.STS.Lookup(t.Context(), credentials.AccessKeyID, credentials.SessionToken)
	if err != nil {
		t.Fatal(err)
	}
	if caller.Session.Tags["team"] != "blue" || caller.Session.Tags["local"] != "" || caller.Session.SourceIdentity != "ann" {
		t.Errorf("the chained session is %+v", caller.Session)
	}
	if _, err := assume(t, h.As(iamtest.Member), second); code(err) != "AccessDenied 403" {
		t.Errorf("without tags: %v", err)
	}
	_, err = assume(t, session, first, func(in *sts.AssumeRoleInput) { in.SourceIdentity = p("bob") })
	if code(err) != "AccessDenied 403" {
		t.Errorf("changing the source identity: %v", err)
	}
}

// A session dies with its role, even if another of the same name takes its place.
func TestDeletedRole(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	ctx, c := t.Context(), h.IAMClient(iamtest.Member)
	trust := trusting(`"AWS":"111111111111"`, "")
	session := iam.NewFromConfig(mustAssume(t, h, h.As(iamtest.Member), h.Role(t, iamtest.Member, "r", trust, admin)))
	if _, err := session.ListRoles(ctx, &iam.ListRolesInput{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: p("r"), PolicyArn: p(admin)}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: p("r")}); err != nil {
		t.Fatal(err)
	}
	h.Role(t, iamtest.Member, "r", trust, admin)
	if _, err := session.ListRoles(ctx, &iam.ListRolesInput{}); code(err) != "AccessDenied 403" {
		t.Errorf("the old role's session: %v", err)
	}
}

func TestAssumeForService(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	ctx := t.Context()
	arn := h.Role(t, iamtest.Member, "backup", trusting(`"Service":"backup.amazonaws.com"`, ""), admin)
	service := api.ServiceCaller("backup.amazonaws.com", iamtest.Member, "eu-central-1")
	service.SourceARN = "arn:aws:backup:eu-central-1:111111111111:backup-vault:v"
	c, err := h.STS.AssumeForService(ctx, service, arn, "AWSBackup-job")
	if err != nil {
		t.Fatal(err)
	}
	if c.ARN != "arn:aws:sts::111111111111:assumed-role/backup/AWSBackup-job" || c.RoleARN != arn || c.InvokedBy != "backup.amazonaws.com" {
		t.Errorf("assumed %+v", c)
	}
	if _, err := api.Call[iam.ListRolesOutput](ctx, h.Door, c, &iam.ListRolesInput{}); err != nil {
		t.Errorf("the session may do nothing: %v", err)
	}
	found := false
	for _, r := range h.Records() {
		found = found || r.Operation.Name == "AssumeRole" && r.Caller.Service == "backup.amazonaws.com" && r.Err == nil
	}
	if !found {
		t.Error("the AssumeRole is not recorded")
	}
	role, err := h.IAMClient(iamtest.Member).GetRole(ctx, &iam.GetRoleInput{RoleName: p("backup")})
	if err != nil || role.Role.RoleLastUsed == nil || role.Role.RoleLastUsed.LastUsedDate == nil {
		t.Errorf("the last use of the role: %+v, %v", role, err)
	}
	for _, refused := range []string{
		h.Role(t, iamtest.Member, "other", trusting(`"Service":"ec2.amazonaws.com"`, "")),
		"arn:aws:iam::111111111111:role/missing", "arn:aws:iam::111111111111:user/admin", "no arn",
	} {
		_, err := h.STS.AssumeForService(ctx, service, refused, "AWSBackup-job")
		if api.Code(err) != "AccessDeniedException" || !strings.Contains(err.Error(), "IAM Role "+refused+" cannot be assumed by AWS Backup") {
			t.Errorf("%s: %v", refused, err)
		}
	}
	guarded := h.Role(t, iamtest.Member, "guarded", trusting(`"Service":"backup.amazonaws.com"`,
		`{"StringEquals":{"aws:SourceAccount":"111111111111"},"ArnLike":{"aws:SourceArn":"arn:aws:backup:*:111111111111:*"}}`))
	if _, err := h.STS.AssumeForService(ctx, service, guarded, "AWSBackup"); err != nil {
		t.Errorf("the rightful account and resource: %v", err)
	}
	for _, stranger := range []api.Caller{
		{Service: service.Service, AccountID: iamtest.Management, SourceARN: service.SourceARN},
		{Service: service.Service, AccountID: iamtest.Member},
		{Service: service.Service, AccountID: iamtest.Member, SourceARN: "arn:aws:backup:eu-central-1:222222222222:backup-vault:v"},
	} {
		if _, err := h.STS.AssumeForService(ctx, &stranger, guarded, "AWSBackup"); api.Code(err) != "AccessDeniedException" {
			t.Errorf("for %s and %s: %v", stranger.AccountID, stranger.SourceARN, err)
		}
	}
	linked, err := h.IAM.EnsureServiceLinkedRole(ctx, iamtest.Member, "backup.amazonaws.com")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.STS.AssumeForService(ctx, service, linked, "AWSBackup"); err != nil {
		t.Errorf("the service-linked role: %v", err)
	}
}

func TestGetSessionToken(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	ctx := t.Context()
	out, err := h.STSClient(iamtest.Member).GetSessionToken(ctx, &sts.GetSessionTokenInput{DurationSeconds: p(int32(900))})
	if err != nil {
		t.Fatal(err)
	}
	session := h.WithSession(out.Credentials)
	if got := identity(t, session); got != "arn:aws:iam::111111111111:user/admin" {
		t.Errorf("the session is %s", got)
	}
	if _, err := iam.NewFromConfig(session).ListRoles(ctx, &iam.ListRolesInput{}); code(err) != "AccessDenied 403" {
		t.Errorf("calling IAM: %v", err)
	}
	arn := h.Role(t, iamtest.Member, "r", trusting(`"AWS":"111111111111"`, ""))
	if _, err := assume(t, session, arn); err != nil {
		t.Errorf("assuming a role: %v", err)
	}
	if _, err := sts.NewFromConfig(session).GetSessionToken(ctx, &sts.GetSessionTokenInput{}); code(err) != "AccessDenied 403" {
		t.Errorf("asking for another: %v", err)
	}
	_, err = h.STSClient(iamtest.Member).GetSessionToken(ctx, &sts.GetSessionTokenInput{SerialNumber: p("arn:aws:iam::111111111111:mfa/x"), TokenCode: p("123456")})
	if code(err) != "AccessDenied 403" {
		t.Errorf("with an MFA device that is not there: %v", err)
	}
}

func TestGetAccessKeyInfo(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	ctx := t.Context()
	arn := h.Role(t, iamtest.Backup, "r", trusting(`"AWS":"222222222222"`, ""))
	out, err := assume(t, h.As(iamtest.Backup), arn)
	if err != nil {
		t.Fatal(err)
	}
	key, err := h.As(iamtest.Management).Credentials.Retrieve(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{*out.Credentials.AccessKeyId: iamtest.Backup, key.AccessKeyID: iamtest.Management} {
		info, err := h.STSClient(iamtest.Member).GetAccessKeyInfo(ctx, &sts.GetAccessKeyInfoInput{AccessKeyId: &id})
		if err != nil || *info.Account != want {
			t.Errorf("%s is of %+v, %v; want %s", id, info, err, want)
		}
	}
	if _, err := h.STSClient(iamtest.Member).GetAccessKeyInfo(ctx, &sts.GetAccessKeyInfoInput{AccessKeyId: p("AKIA0000000000000000")}); code(err) != "ValidationError 400" {
		t.Errorf("a key that was never made: %v", err)
	}
	user := h.User(t, iamtest.Member, "u", "")
	if _, err := sts.NewFromConfig(user).GetAccessKeyInfo(ctx, &sts.GetAccessKeyInfoInput{AccessKeyId: &key.AccessKeyID}); code(err) != "AccessDenied 403" {
		t.Errorf("without leave: %v", err)
	}
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	user := h.As(iamtest.Member)
	arn := h.Role(t, iamtest.Member, "r", trusting(`"AWS":"111111111111"`, ""))
	caller := h.Caller(t, iamtest.Member)
	for what, in := range map[string]*sts.AssumeRoleInput{
		"roleArn":         {RoleArn: p("arn:aws:iam::1:role/r"), RoleSessionName: p("session")},
		"roleSessionName": {RoleArn: &arn, RoleSessionName: p("no spaces")},
		"externalId":      {RoleArn: &arn, RoleSessionName: p("session"), ExternalId: p("?")},
		"sourceIdentity":  {RoleArn: &arn, RoleSessionName: p("session"), SourceIdentity: p("?")},
	} {
		if _, err := sts.NewFromConfig(user).AssumeRole(t.Context(), in); code(err) != "ValidationError 400" || !strings.Contains(err.Error(), what) {
			t.Errorf("%s over the wire: %v", what, err)
		}
		if _, err := api.Call[sts.AssumeRoleOutput](t.Context(), h.Door, caller, in); api.Code(err) != "ValidationError" || !strings.Contains(err.Error(), what) {
			t.Errorf("%s in the house: %v", what, err)
		}
	}
	if got := identity(t, h.With("AKIAUNKNOWN000000000", "x", "")); got != "InvalidClientTokenId 403" {
		t.Errorf("an unknown key: %s", got)
	}
}

// The rights of a session are those of its role, whatever the user who assumed it may do.
func TestSessionHasTheRolesRights(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	arn := h.Role(t, iamtest.Member, "weak", trusting(`"AWS":"111111111111"`, ""))
	session := iam.NewFromConfig(mustAssume(t, h, h.As(iamtest.Member), arn))
	if _, err := session.TagRole(t.Context(), &iam.TagRoleInput{RoleName: p("weak"), Tags: []iamtypes.Tag{{Key: p("a"), Value: p("b")}}}); code(err) != "AccessDenied 403" {
		t.Errorf("the administrator's session of a role without policies: %v", err)
	}
}

func BenchmarkLookupSession(b *testing.B) {
	h := iamtest.New(b)
	arn := h.Role(b, iamtest.Member, "r", trusting(`"AWS":"111111111111"`, ""))
	out, err := sts.NewFromConfig(h.As(iamtest.Member)).AssumeRole(b.Context(), &sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: p("session")})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := h.STS.Lookup(b.Context(), *out.Credentials.AccessKeyId, *out.Credentials.SessionToken); err != nil {
			b.Fatal(err)
		}
	}
}

// Another process over the same state opens the tokens of this one, and only with the same root key.
func TestTokensOutliveTheProcess(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	arn := h.Role(t, iamtest.Member, "r", trusting(`"AWS":"111111111111"`, ""))
	out, err := assume(t, h.As(iamtest.Member), arn)
	if err != nil {
		t.Fatal(err)
	}
	c := out.Credentials
	next := service.New(service.Config{DB: h.DB, Clock: h.Clock, Wall: h.Wall, Keeper: h.Keeper, Door: h.Door, Log: slog.New(slog.DiscardHandler)})
	if _, caller, err := next.Lookup(t.Context(), *c.AccessKeyId, *c.SessionToken); err != nil || caller.RoleARN != arn {
		t.Errorf("the next process finds %+v, %v", caller, err)
	}
	key, err := localsecrets.NewRandomKey()
	if err != nil {
		t.Fatal(err)
	}
	stranger := service.New(service.Config{DB: h.DB, Clock: h.Clock, Wall: h.Wall, Keeper: localsecrets.NewKeeper(key), Door: h.Door, Log: slog.New(slog.DiscardHandler)})
	if _, _, err := stranger.Lookup(t.Context(), *c.AccessKeyId, *c.SessionToken); err == nil {
		t.Error("a process with another root key opens the token")
	}
}

// What lies in the database does not sign.
func TestSecretsAreWrapped(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	credential, err := h.As(iamtest.Member).Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = h.DB.View(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		kept, err := tx.AccessKey(ctx, credential.AccessKeyID)
		if strings.Contains(string(kept.Secret), credential.SecretAccessKey) {
			t.Error("the secret is kept as it is")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
