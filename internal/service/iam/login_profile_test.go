package iam_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"strongroom/internal/api"
	"strongroom/internal/service/iam/iamtest"
	"strongroom/internal/state"
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

// Whoever guesses passwords has them computed one after the other, and a change compares with all former ones at once.
func TestWorkOfPasswords(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()
	user := iam.NewFromConfig(h.User(t, iamtest.Member, "u", ""))
	must[*iam.CreateLoginProfileOutput](t)(c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: p("u"), Password: p("Password-0")}))
	must[*iam.UpdateAccountPasswordPolicyOutput](t)(c.UpdateAccountPasswordPolicy(ctx, &iam.UpdateAccountPasswordPolicyInput{
		AllowUsersToChangePassword: true, PasswordReusePrevention: p(int32(24)),
	}))
	for i := range 5 {
		must[*iam.ChangePasswordOutput](t)(user.ChangePassword(ctx, &iam.ChangePasswordInput{OldPassword: p(fmt.Sprint("Password-", i)), NewPassword: p(fmt.Sprint("Password-", i+1))}))
	}
	err := h.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		profile, err := tx.LoginProfile(ctx, iamtest.Member, "u")
		if len(profile.Former) != 5 {
			t.Errorf("%d former passwords, want 5", len(profile.Former))
		}
		salted := profile.Hash[:strings.LastIndexByte(profile.Hash, '$')+1]
		for _, hash := range profile.Former {
			if !strings.HasPrefix(hash, salted) || hash == profile.Hash {
				t.Errorf("%s is not compared by the computation that compares %s", hash, profile.Hash)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	h.User(t, iamtest.Member, "guessed", "")
	h.IAM.PasswordRounds = 2_000_000 // so that all guesses arrive while the first is computed
	must[*iam.CreateLoginProfileOutput](t)(c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: p("guessed"), Password: p("Password-0")}))
	guesser := h.Caller(t, iamtest.Member)
	guesser.ARN = "arn:aws:iam::" + iamtest.Member + ":user/guessed"
	const guesses = 8
	answers := make(chan string, guesses)
	for i := range guesses {
		go func() {
			_, err := h.IAM.ChangePassword(ctx, guesser, &iam.ChangePasswordInput{OldPassword: p(fmt.Sprint("Guess-", i)), NewPassword: p("Password-1")})
			answers <- api.Code(err)
		}()
	}
	counts := map[string]int{}
	for range guesses {
		counts[<-answers]++
	}
	if counts["AccessDenied"] == 0 || counts["Throttling"] == 0 || counts["AccessDenied"]+counts["Throttling"] != guesses {
		t.Errorf("%d guesses at once are answered %v", guesses, counts)
	}
}

// The account's allowance to change the own password is an allow like another: what denies or does not reach as far is heard.
func TestAllowanceToChangePasswords(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	h.Organize(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()
	must[*iam.UpdateAccountPasswordPolicyOutput](t)(c.UpdateAccountPasswordPolicy(ctx, &iam.UpdateAccountPasswordPolicyInput{AllowUsersToChangePassword: true}))
	denied := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:ChangePassword","Resource":"arn:aws:iam::111111111111:user/${aws:username}"}]}`
	boundary := must[*iam.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: p("edge"), PolicyDocument: p(allowRead)})).Policy.Arn
	configs := map[string]aws.Config{}
	for name, policy := range map[string]string{"free": "", "denied": denied, "bound": allowAll} {
		configs[name] = h.User(t, iamtest.Member, name, policy)
		must[*iam.CreateLoginProfileOutput](t)(c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: &name, Password: p("First-one-1")}))
	}
	must[*iam.PutUserPermissionsBoundaryOutput](t)(c.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: p("bound"), PermissionsBoundary: boundary}))
	configs["session without MFA"] = h.WithSession(must[*sts.GetSessionTokenOutput](t)(
		sts.NewFromConfig(configs["free"]).GetSessionToken(ctx, &sts.GetSessionTokenInput{})).Credentials)

	change := func(who, old, password, want string) {
		t.Helper()
		_, err := iam.NewFromConfig(configs[who]).ChangePassword(ctx, &iam.ChangePasswordInput{OldPassword: &old, NewPassword: &password})
		if code(err) != want || want != "<nil>" && !strings.Contains(message(err), "iam:ChangePassword") {
			t.Errorf("%s changes the password: %v, want %s", who, err, want)
		}
	}
	change("free", "First-one-1", "Second-one-2", "<nil>")
	for _, who := range []string{"denied", "bound", "session without MFA"} {
		change(who, "First-one-1", "Second-one-2", "AccessDenied 403")
	}

	o := h.OrganizationsClient(iamtest.Management)
	root := must[*organizations.ListRootsOutput](t)(o.ListRoots(ctx, &organizations.ListRootsInput{})).Roots[0].Id
	_, err := o.EnablePolicyType(ctx, &organizations.EnablePolicyTypeInput{RootId: root, PolicyType: orgtypes.PolicyTypeServiceControlPolicy})
	if err != nil && code(err) != "PolicyTypeAlreadyEnabledException 400" {
		t.Fatal(err)
	}
	scp := must[*organizations.CreatePolicyOutput](t)(o.CreatePolicy(ctx, &organizations.CreatePolicyInput{
		Name: p("passwords"), Description: p(""), Type: orgtypes.PolicyTypeServiceControlPolicy,
		Content: p(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:ChangePassword","Resource":"*"}]}`),
	})).Policy.PolicySummary.Id
	must[*organizations.AttachPolicyOutput](t)(o.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: scp, TargetId: p(iamtest.Member)}))
	change("free", "Second-one-2", "Third-one-3", "AccessDenied 403")
}

// A password that an administrator sets while the user changes it stays, whichever comes first.
func TestPasswordResetDuringChange(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	h.IAM.PasswordRounds = 200_000 // a while in which the other may come
	c, ctx := h.IAMClient(iamtest.Member), t.Context()
	user := iam.NewFromConfig(h.User(t, iamtest.Member, "u", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:ChangePassword","Resource":"*"}]}`))
	must[*iam.CreateLoginProfileOutput](t)(c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: p("u"), Password: p("First-one-1")}))
	changed := make(chan error)
	go func() {
		_, err := user.ChangePassword(ctx, &iam.ChangePasswordInput{OldPassword: p("First-one-1"), NewPassword: p("Stolen-one-1")})
		changed <- err
	}()
	must[*iam.UpdateLoginProfileOutput](t)(c.UpdateLoginProfile(ctx, &iam.UpdateLoginProfileInput{UserName: p("u"), Password: p("Reset-one-1"), PasswordResetRequired: p(true)}))
	switch err := <-changed; code(err) {
	case "<nil>", "EntityTemporarilyUnmodifiable 409", "AccessDenied 403":
	default:
		t.Errorf("the change: %v", err)
	}
	if got := must[*iam.GetLoginProfileOutput](t)(c.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: p("u")})); !got.LoginProfile.PasswordResetRequired {
		t.Error("the reset is lost")
	}
	if _, err := user.ChangePassword(ctx, &iam.ChangePasswordInput{OldPassword: p("Reset-one-1"), NewPassword: p("Third-one-3")}); err != nil {
		t.Errorf("changing from the password of the reset: %v", err)
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
