package wire_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"strongroom/internal/api"
)

func TestIAM(t *testing.T) {
	t.Parallel()
	var create iam.CreateRoleInput
	var simulate iam.SimulateCustomPolicyInput
	role := &iamtypes.Role{
		RoleName: aws.String("r"), Arn: aws.String("arn"), Path: aws.String("/"), RoleId: aws.String("AROA"), CreateDate: &at,
		AssumeRolePolicyDocument: aws.String("%7B%7D"), Tags: []iamtypes.Tag{{Key: aws.String("a"), Value: aws.String("<b>\r\n&\"")}},
	}
	h := newHouse(t, &api.Service{Name: "iam", Global: true, Operations: []api.Operation{
		echo("", &create, &iam.CreateRoleOutput{Role: role}),
		op("", func(*iam.ListRolesInput) (*iam.ListRolesOutput, error) { return &iam.ListRolesOutput{}, nil }),
		op("", func(*iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) { return &iam.DeleteRoleOutput{}, nil }),
		op("", func(*iam.GetRoleInput) (*iam.GetRoleOutput, error) {
			return nil, api.Errorf("NoSuchEntity", "The role with name r cannot be found.").WithStatus(404)
		}),
		op("", func(*iam.GetAccountSummaryInput) (*iam.GetAccountSummaryOutput, error) {
			return &iam.GetAccountSummaryOutput{SummaryMap: map[string]int32{"Roles": 3, "Users": 1}}, nil
		}),
		echo("", &simulate, &iam.SimulateCustomPolicyOutput{}),
	}})
	c := iam.NewFromConfig(h.config())
	ctx := t.Context()
	out, err := c.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(`{"a":"ü & é = ?"}`), MaxSessionDuration: aws.Int32(3600),
		Tags: []iamtypes.Tag{{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("b"), Value: aws.String("2")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if *create.AssumeRolePolicyDocument != `{"a":"ü & é = ?"}` || *create.MaxSessionDuration != 3600 || len(create.Tags) != 2 || *create.Tags[1].Value != "2" {
		t.Errorf("created with %+v", create)
	}
	if *out.Role.Tags[0].Value != "<b>\r\n&\"" || !out.Role.CreateDate.Equal(at) {
		t.Errorf("created %+v", out.Role)
	}
	if caller := h.calls()[0].Caller; caller.Region != "us-east-1" || caller.AccountID != account || caller.AccessKeyID != testKey || caller.SourceIP != "127.0.0.1" {
		t.Errorf("caller %+v", caller)
	}
	roles, err := c.ListRoles(ctx, nil)
	if err != nil || roles.Roles == nil {
		t.Errorf("no roles: %v, %v", roles, err)
	}
	if _, err := c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("r")}); err != nil {
		t.Error(err)
	}
	_, err = c.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("r")})
	var missing *iamtypes.NoSuchEntityException
	if !asError(err, &missing) {
		t.Errorf("got %v", err)
	}
	summary, err := c.GetAccountSummary(ctx, nil)
	if err != nil || summary.SummaryMap["Roles"] != 3 {
		t.Errorf("summary %+v, %v", summary, err)
	}
	_, err = c.SimulateCustomPolicy(ctx, &iam.SimulateCustomPolicyInput{
		ActionNames: []string{"a:B"}, PolicyInputList: []string{"{}"},
		ContextEntries: []iamtypes.ContextEntry{{ContextKeyName: aws.String("aws:x"), ContextKeyType: "stringList", ContextKeyValues: []string{"1", "2"}}},
	})
	if err != nil || len(simulate.ContextEntries) != 1 || len(simulate.ContextEntries[0].ContextKeyValues) != 2 {
		t.Errorf("simulated %+v, %v", simulate.ContextEntries, err)
	}
	_, err = c.GetUser(ctx, nil)
	wantCode(t, err, "NotImplemented", "iam:GetUser")
	_, err = c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("no/slash")})
	wantCode(t, err, "ValidationError", "roleName", `[\w+=,.@-]+`)
}

func TestSTS(t *testing.T) {
	t.Parallel()
	var got sts.AssumeRoleInput
	var tagged sts.AssumeRoleWithWebIdentityInput
	web := echo("", &tagged, &sts.AssumeRoleWithWebIdentityOutput{})
	web.Anonymous = true
	h := newHouse(t, &api.Service{Name: "sts", Operations: []api.Operation{
		echo("", &got, &sts.AssumeRoleOutput{Credentials: &ststypes.Credentials{AccessKeyId: aws.String("ASIA"), Expiration: &at}}),
		web,
	}})
	c := sts.NewFromConfig(h.config())
	out, err := c.AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::111111111111:role/r"), RoleSessionName: aws.String("session"), DurationSeconds: aws.Int32(900),
		PolicyArns: []ststypes.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")}}, TransitiveTagKeys: []string{"a", "b"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if *got.PolicyArns[0].Arn != "arn:aws:iam::aws:policy/ReadOnlyAccess" || len(got.TransitiveTagKeys) != 2 || !out.Credentials.Expiration.Equal(at) {
		t.Errorf("assumed with %+v, got %+v", got, out.Credentials)
	}
	if region := h.calls()[0].Caller.Region; region != "eu-central-1" {
		t.Errorf("the Region is %s", region)
	}
	cfg := h.config()
	cfg.Credentials = aws.AnonymousCredentials{}
	nobody := sts.NewFromConfig(cfg)
	if _, err := nobody.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String("arn:aws:iam::111111111111:role/r"), RoleSessionName: aws.String("se"), WebIdentityToken: aws.String("token"),
	}); err != nil {
		t.Error(err)
	}
	_, err = nobody.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::111111111111:role/r"), RoleSessionName: aws.String("ss")})
	wantCode(t, err, "MissingAuthenticationToken")
}
