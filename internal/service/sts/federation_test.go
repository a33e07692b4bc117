package sts_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"strongroom/internal/api"
	"strongroom/internal/service/iam/iamtest"
	"strongroom/internal/strongroomtest"
)

const allowAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

func TestFederationTokens(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	h.Organize(t)
	ctx := t.Context()
	user := h.User(t, iamtest.Management, "broker", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["sts:GetFederationToken","sts:TagSession"],"Resource":"*"},
		{"Effect":"Allow","Action":["organizations:Describe*","iam:*"],"Resource":"*"}]}`)
	federate := func(in *sts.GetFederationTokenInput) *sts.GetFederationTokenOutput {
		t.Helper()
		in.Name = p("guest")
		out, err := sts.NewFromConfig(user).GetFederationToken(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	allowed := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["organizations:*","iam:*","sts:*"],"Resource":"*"}]}`

	out := federate(&sts.GetFederationTokenInput{Policy: &allowed, Tags: []types.Tag{{Key: p("team"), Value: p("blue")}}})
	if got, want := *out.FederatedUser.Arn, "arn:aws:sts::999999999999:federated-user/guest"; got != want {
		t.Errorf("federated user %s, want %s", got, want)
	}
	if *out.FederatedUser.FederatedUserId != "999999999999:guest" || out.PackedPolicySize == nil || *out.PackedPolicySize < 1 { //nolint:staticcheck // what all clients read so far
		t.Errorf("answered %+v", out)
	}
	guest := h.WithSession(out.Credentials)
	if got := identity(t, guest); got != *out.FederatedUser.Arn {
		t.Errorf("the token speaks for %s", got)
	}
	if _, err := organizations.NewFromConfig(guest).DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{}); err != nil {
		t.Errorf("what both policies allow: %v", err)
	}
	for what, call := range map[string]func() error{
		"what the user may not": func() error {
			_, err := organizations.NewFromConfig(guest).ListRoots(ctx, &organizations.ListRootsInput{})
			return err
		},
		"IAM": func() error {
			_, err := iam.NewFromConfig(guest).ListRoles(ctx, &iam.ListRolesInput{})
			return err
		},
		"a further token": func() error {
			_, err := sts.NewFromConfig(guest).GetFederationToken(ctx, &sts.GetFederationTokenInput{Name: p("again")})
			return err
		},
		"a session": func() error {
			_, err := sts.NewFromConfig(guest).GetSessionToken(ctx, &sts.GetSessionTokenInput{})
			return err
		},
		"nothing but a name": func() error {
			bare := h.WithSession(federate(&sts.GetFederationTokenInput{}).Credentials)
			_, err := organizations.NewFromConfig(bare).DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})
			return err
		},
	} {
		if err := call(); code(err) != "AccessDenied 403" && code(err) != "AccessDeniedException 400" {
			t.Errorf("%s: %v", what, err)
		}
	}
	// Deleting the user ends the token's rights; another user of the name does not bring them back.
	admin := h.IAMClient(iamtest.Management)
	for _, again := range []bool{false, true} {
		if again {
			h.User(t, iamtest.Management, "broker", allowAll)
		} else {
			deleteUser(t, admin, "broker")
		}
		if _, err := organizations.NewFromConfig(guest).DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{}); code(err) != "AccessDeniedException 400" {
			t.Errorf("the user being deleted, and made again %t: %v", again, err)
		}
	}
}

func deleteUser(t *testing.T, c *iam.Client, name string) {
	t.Helper()
	ctx := t.Context()
	keys, err := c.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: &name})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys.AccessKeyMetadata {
		if _, err := c.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: &name, AccessKeyId: key.AccessKeyId}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: &name, PolicyName: p("p")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: &name}); err != nil {
		t.Fatal(err)
	}
}

func TestSessionTagErrors(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	first := h.Role(t, iamtest.Member, "first", trusting(`"AWS":"111111111111"`, ""), "arn:aws:iam::aws:policy/AdministratorAccess")
	second := h.Role(t, iamtest.Member, "second", trusting(`"AWS":"111111111111"`, ""))
	tag := func(keys ...string) (tags []types.Tag) {
		for _, key := range keys {
			tags = append(tags, types.Tag{Key: p(key), Value: p("v")})
		}
		return tags
	}
	out, err := assume(t, h.As(iamtest.Member), first, func(in *sts.AssumeRoleInput) {
		in.Tags, in.TransitiveTagKeys = tag("Team"), []string{"Team"}
	})
	if err != nil {
		t.Fatal(err)
	}
	long := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::` + strings.Repeat("x", 2000) + `"}]}`
	var noise []types.Tag
	for _, key := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
		noise = append(noise, types.Tag{Key: p(key), Value: p(incompressible(key, 256))})
	}
	for what, tt := range map[string]struct {
		set  func(*sts.AssumeRoleInput)
		want string
	}{
		"a transitive key that is no tag":       {func(in *sts.AssumeRoleInput) { in.TransitiveTagKeys = []string{"x"} }, "InvalidParameterValue 400"},
		"keys that differ in case alone":        {func(in *sts.AssumeRoleInput) { in.Tags = tag("a", "A") }, "InvalidParameterValue 400"},
		"a key of AWS":                          {func(in *sts.AssumeRoleInput) { in.Tags = tag("aws:x") }, "InvalidParameterValue 400"},
		"a tag that the session hands on":       {func(in *sts.AssumeRoleInput) { in.Tags = tag("team") }, "InvalidParameterValue 400"},
		"a policy that is too long":             {func(in *sts.AssumeRoleInput) { in.Policy = &long }, "PackedPolicyTooLarge 400"},
		"tags that are too long":                {func(in *sts.AssumeRoleInput) { in.Tags = noise }, "PackedPolicyTooLarge 400"},
		"a policy that is no policy":            {func(in *sts.AssumeRoleInput) { in.Policy = p("{}") }, "MalformedPolicyDocument 400"},
		"a policy ARN that is none":             {func(in *sts.AssumeRoleInput) { in.PolicyArns = arns(1, "arn:aws:s3:::x/yyyyyyyyyyyyy") }, "ValidationError 400"},
		"eleven policies":                       {func(in *sts.AssumeRoleInput) { in.PolicyArns = arns(11, "arn:aws:iam::aws:policy/ReadOnlyAccess") }, "ValidationError 400"},
		"half of MFA":                           {func(in *sts.AssumeRoleInput) { in.TokenCode = p("123456") }, "AccessDenied 403"},
		"more than an hour of a chain":          {func(in *sts.AssumeRoleInput) { in.DurationSeconds = p(int32(3601)) }, "ValidationError 400"},
		"a chain of an hour and a further tag ": {func(in *sts.AssumeRoleInput) { in.DurationSeconds, in.Tags = p(int32(3600)), tag("other") }, "<nil>"},
	} {
		if _, err := assume(t, h.WithSession(out.Credentials), second, tt.set); code(err) != tt.want {
			t.Errorf("%s: %v, want %s", what, err, tt.want)
		}
	}
}

func arns(n int, arn string) (all []types.PolicyDescriptorType) {
	for range n {
		all = append(all, types.PolicyDescriptorType{Arn: &arn})
	}
	return all
}

// incompressible is text that Deflate makes little of.
func incompressible(seed string, n int) string {
	var b strings.Builder
	state := uint32(seed[0])
	for b.Len() < n {
		state = state*1664525 + 1013904223
		b.WriteByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[state>>26])
	}
	return b.String()
}

func TestAuthorizationMessages(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	admin, other := s.AWS(t, "member", "eu-central-1"), s.AWS(t, "backup", "eu-central-1")
	me, err := sts.NewFromConfig(admin).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	role, trust := "limited", trusting(`"AWS":"`+*me.Account+`"`, "")
	made, err := iam.NewFromConfig(admin).CreateRole(ctx, &iam.CreateRoleInput{RoleName: &role, AssumeRolePolicyDocument: &trust})
	if err != nil {
		t.Fatal(err)
	}
	policy := `{"Version":"2012-10-17","Statement":[{"Sid":"NoVolumes","Effect":"Deny","Action":"ec2:CreateVolume","Resource":"*"}]}`
	if _, err := iam.NewFromConfig(admin).PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &role, PolicyName: p("p"), PolicyDocument: &policy}); err != nil {
		t.Fatal(err)
	}
	session, err := assume(t, admin, *made.Role.Arn)
	if err != nil {
		t.Fatal(err)
	}
	limited := s.AWS(t, "member", "eu-central-1")
	limited.Credentials = sessionCredentials(session.Credentials)
	_, err = ec2.NewFromConfig(limited).CreateVolume(ctx, &ec2.CreateVolumeInput{AvailabilityZone: p("eu-central-1a"), Size: p(int32(1))})
	var refusal smithy.APIError
	if !errors.As(err, &refusal) || refusal.ErrorCode() != "UnauthorizedOperation" {
		t.Fatal(err)
	}
	text, encoded, found := strings.Cut(refusal.ErrorMessage(), "Encoded authorization failure message: ")
	if !found || !strings.HasPrefix(text, "You are not authorized to perform this operation. User: arn:aws:sts::") {
		t.Fatalf("the refusal reads %s", refusal.ErrorMessage())
	}
	decoded, err := sts.NewFromConfig(admin).DecodeAuthorizationMessage(ctx, &sts.DecodeAuthorizationMessageInput{EncodedMessage: &encoded})
	if err != nil {
		t.Fatal(err)
	}
	var message struct {
		Allowed, ExplicitDeny bool
		MatchedStatements     struct {
			Items []struct{ StatementID, Effect string }
		}
		Context struct {
			Principal        struct{ ARN string }
			Action, Resource string
			Conditions       struct{ Items []struct{ Key string } }
		}
	}
	if err := json.Unmarshal([]byte(*decoded.DecodedMessage), &message); err != nil {
		t.Fatal(err)
	}
	if message.Allowed || !message.ExplicitDeny || len(message.MatchedStatements.Items) != 1 || message.MatchedStatements.Items[0].StatementID != "NoVolumes" ||
		message.Context.Action != "ec2:CreateVolume" || message.Context.Principal.ARN != *session.AssumedRoleUser.Arn || len(message.Context.Conditions.Items) == 0 {
		t.Errorf("decoded %s", *decoded.DecodedMessage)
	}
	if _, err := sts.NewFromConfig(other).DecodeAuthorizationMessage(ctx, &sts.DecodeAuthorizationMessageInput{EncodedMessage: &encoded}); code(err) != "InvalidAuthorizationMessageException 400" {
		t.Errorf("another account reads it: %v", err)
	}
	if _, err := sts.NewFromConfig(limited).DecodeAuthorizationMessage(ctx, &sts.DecodeAuthorizationMessageInput{EncodedMessage: &encoded}); code(err) != "AccessDenied 403" {
		t.Errorf("who may not decode reads it: %v", err)
	}
}

func sessionCredentials(c *types.Credentials) aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
}

// AssumeRole asks again when it lends the role: what it was authorized on may have made way for another role of the name.
func TestAssumeRoleAuthorizesTheRoleItLends(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	arn := h.Role(t, iamtest.Member, "r", trusting(`"Service":"backup.amazonaws.com"`, ""))
	in := &sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: p("session")}
	if _, err := h.STS.AssumeRole(t.Context(), h.Caller(t, iamtest.Member), in); api.Code(err) != "AccessDenied" {
		t.Errorf("behind the door: %v", err)
	}
	*in.RoleArn += "-gone"
	if _, err := h.STS.AssumeRole(t.Context(), h.Caller(t, iamtest.Member), in); api.Code(err) != "AccessDenied" {
		t.Errorf("a role that is not there any more: %v", err)
	}
}
