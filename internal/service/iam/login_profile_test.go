package iam_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"strongroom/internal/service/iam/iamtest"
)

func TestPasswords(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()
	user := iam.NewFromConfig(h.User(t, iamtest.Member, "u", ""))

	if _, err := c.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: p("u")}); code(err) != "NoSuchEntity 404" || message(err) != "Login Profile for User u cannot be found." {
		t.Errorf("no profile: %v", err)
	}
	if _, err := c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: p("u"), Password: p("alllowercase")}); code(err) != "PasswordPolicyViolation 400" {
		t.Errorf("a password of one kind of letters: %v", err)
	}
	profile := must[*iam.CreateLoginProfileOutput](t)(c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{
		UserName: p("u"), Password: p("First-one-1"), PasswordResetRequired: true,
	})).LoginProfile
	if !profile.PasswordResetRequired || *profile.UserName != "u" {
		t.Errorf("created %+v", profile)
	}
	if _, err := c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: p("u"), Password: p("Second-one-2")}); code(err) != "EntityAlreadyExists 409" {
		t.Errorf("a second profile: %v", err)
	}

	if _, err := c.GetAccountPasswordPolicy(ctx, &iam.GetAccountPasswordPolicyInput{}); code(err) != "NoSuchEntity 404" {
		t.Errorf("no policy: %v", err)
	}
	if _, err := user.ChangePassword(ctx, &iam.ChangePasswordInput{OldPassword: p("First-one-1"), NewPassword: p("Second-one-2")}); code(err) != "AccessDenied 403" {
		t.Errorf("changing without permission: %v", err)
	}
	must[*iam.UpdateAccountPasswordPolicyOutput](t)(c.UpdateAccountPasswordPolicy(ctx, &iam.UpdateAccountPasswordPolicyInput{
		AllowUsersToChangePassword: true, MinimumPasswordLength: p(int32(10)), RequireNumbers: true, PasswordReusePrevention: p(int32(2)), MaxPasswordAge: p(int32(90)),
	}))
	policy := must[*iam.GetAccountPasswordPolicyOutput](t)(c.GetAccountPasswordPolicy(ctx, &iam.GetAccountPasswordPolicyInput{})).PasswordPolicy
	if *policy.MinimumPasswordLength != 10 || !policy.ExpirePasswords || *policy.MaxPasswordAge != 90 || !policy.RequireNumbers || policy.RequireSymbols {
		t.Errorf("the policy reads %+v", policy)
	}
	for _, tt := range []struct{ old, new, want string }{
		{"wrong-one-1", "Second-one-2", "AccessDenied 403"},
		{"First-one-1", "short1", "PasswordPolicyViolation 400"},
		{"First-one-1", "no numbers here", "PasswordPolicyViolation 400"},
		{"First-one-1", "First-one-1", "PasswordPolicyViolation 400"}, // used before
		{"First-one-1", "second one 2", "<nil>"},
		{"second one 2", "First-one-1", "PasswordPolicyViolation 400"}, // the one before the last
	} {
		if _, err := user.ChangePassword(ctx, &iam.ChangePasswordInput{OldPassword: &tt.old, NewPassword: &tt.new}); code(err) != tt.want {
			t.Errorf("from %q to %q: %v, want %s", tt.old, tt.new, err, tt.want)
		}
	}
	if got := must[*iam.GetLoginProfileOutput](t)(c.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: p("u")})); got.LoginProfile.PasswordResetRequired {
		t.Error("a reset is required still")
	}
	must[*iam.UpdateLoginProfileOutput](t)(c.UpdateLoginProfile(ctx, &iam.UpdateLoginProfileInput{UserName: p("u"), Password: p("third one 3"), PasswordResetRequired: p(true)}))
	if _, err := c.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: p("u"), AccessKeyId: keyOf(t, c, "u")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: p("u")}); code(err) != "DeleteConflict 409" || message(err) != "Cannot delete entity, must delete login profile first." {
		t.Errorf("deleting a user with a password: %v", err)
	}
	must[*iam.DeleteLoginProfileOutput](t)(c.DeleteLoginProfile(ctx, &iam.DeleteLoginProfileInput{UserName: p("u")}))
	must[*iam.DeleteUserOutput](t)(c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: p("u")}))
	must[*iam.DeleteAccountPasswordPolicyOutput](t)(c.DeleteAccountPasswordPolicy(ctx, &iam.DeleteAccountPasswordPolicyInput{}))
	if _, err := c.DeleteAccountPasswordPolicy(ctx, &iam.DeleteAccountPasswordPolicyInput{}); code(err) != "NoSuchEntity 404" {
		t.Errorf("deleting it twice: %v", err)
	}
}

func keyOf(t *testing.T, c *iam.Client, user string) *string {
	t.Helper()
	return must[*iam.ListAccessKeysOutput](t)(c.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: &user})).AccessKeyMetadata[0].AccessKeyId
}

func TestAccountAliases(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c, other, ctx := h.IAMClient(iamtest.Member), h.IAMClient(iamtest.Backup), t.Context()

	for _, bad := range []string{"Upper", "-x-", "a--b", "trailing-"} {
		if _, err := c.CreateAccountAlias(ctx, &iam.CreateAccountAliasInput{AccountAlias: &bad}); code(err) != "ValidationError 400" {
			t.Errorf("alias %q: %v", bad, err)
		}
	}
	must[*iam.CreateAccountAliasOutput](t)(c.CreateAccountAlias(ctx, &iam.CreateAccountAliasInput{AccountAlias: p("blue-prod")}))
	if _, err := other.CreateAccountAlias(ctx, &iam.CreateAccountAliasInput{AccountAlias: p("blue-prod")}); code(err) != "EntityAlreadyExists 409" {
		t.Errorf("an alias that another account has: %v", err)
	}
	must[*iam.CreateAccountAliasOutput](t)(c.CreateAccountAlias(ctx, &iam.CreateAccountAliasInput{AccountAlias: p("blue")})) // replaces it
	if got := must[*iam.ListAccountAliasesOutput](t)(c.ListAccountAliases(ctx, &iam.ListAccountAliasesInput{})).AccountAliases; len(got) != 1 || got[0] != "blue" {
		t.Errorf("aliases: %v", got)
	}
	if _, err := c.DeleteAccountAlias(ctx, &iam.DeleteAccountAliasInput{AccountAlias: p("blue-prod")}); code(err) != "NoSuchEntity 404" {
		t.Errorf("deleting the former alias: %v", err)
	}
	must[*iam.DeleteAccountAliasOutput](t)(c.DeleteAccountAlias(ctx, &iam.DeleteAccountAliasInput{AccountAlias: p("blue")}))
	if got := must[*iam.ListAccountAliasesOutput](t)(other.ListAccountAliases(ctx, &iam.ListAccountAliasesInput{})).AccountAliases; len(got) != 0 {
		t.Errorf("aliases: %v", got)
	}
}
