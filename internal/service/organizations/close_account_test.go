package organizations_test

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"strongroom/internal/service/iam/iamtest"
)

// A closed account calls nothing and is reached by nobody; after ninety days it leaves its organization for ever.
func TestCloseAccount(t *testing.T) {
	t.Parallel()
	r, ctx := newRuled(t), t.Context()
	close := func(c *organizations.Client, id string) error {
		_, err := c.CloseAccount(ctx, &organizations.CloseAccountInput{AccountId: &id})
		return err
	}
	member, manager := r.h.IAMClient(iamtest.Member), r.h.STSClient(iamtest.Management)
	enter := &sts.AssumeRoleInput{RoleArn: p("arn:aws:iam::" + iamtest.Member + ":role/OrganizationAccountAccessRole"), RoleSessionName: p("enter")}
	session := r.h.WithSession(must[*sts.AssumeRoleOutput](t)(manager.AssumeRole(ctx, enter)).Credentials)
	inside := iam.NewFromConfig(session)
	must[*iam.ListUsersOutput](t)(member.ListUsers(ctx, &iam.ListUsersInput{}))
	must[*iam.ListUsersOutput](t)(inside.ListUsers(ctx, &iam.ListUsersInput{}))
	for what, row := range map[string]struct {
		err  error
		want string
	}{
		"the management account": {close(r.Client, iamtest.Management), "ConstraintViolationException/CANNOT_CLOSE_MANAGEMENT_ACCOUNT"},
		"nobody":                 {close(r.Client, "123412341234"), "AccountNotFoundException"},
		"no account":             {close(r.Client, "x"), "InvalidInputException/INVALID_PATTERN"},
		"by a member":            {close(r.h.OrganizationsClient(iamtest.Member), iamtest.Member), "AccessDeniedException"},
	} {
		if got := reasonOf(row.err); got != row.want {
			t.Errorf("%s: %s, want %s", what, got, row.want)
		}
	}
	if err := close(r.Client, iamtest.Member); err != nil {
		t.Fatal(err)
	}
	if err := close(r.Client, iamtest.Member); code(err) != "AccountAlreadyClosedException" {
		t.Errorf("closing twice: %v", err)
	}
	account := must[*organizations.DescribeAccountOutput](t)(r.DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: p(iamtest.Member)})).Account
	if account.Status != types.AccountStatusSuspended || account.State != types.AccountStateClosed {
		t.Errorf("closed, it is %s and %s", account.Status, account.State)
	}
	_, err := member.ListUsers(ctx, &iam.ListUsersInput{})
	if code(err) != "InvalidClientTokenId" {
		t.Errorf("its administrator calls: %v", err)
	}
	if _, err := inside.ListUsers(ctx, &iam.ListUsersInput{}); code(err) != "InvalidClientTokenId" {
		t.Errorf("a session in it calls: %v", err)
	}
	if _, err := sts.NewFromConfig(session).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); code(err) != "InvalidClientTokenId" {
		t.Errorf("a session in it asks who it is: %v", err)
	}
	if _, err := manager.AssumeRole(ctx, enter); code(err) != "AccessDenied" {
		t.Errorf("entering it: %v", err)
	}
	r.trust(t, backupService)
	if err := r.register(t, iamtest.Member, backupService); reasonOf(err) != "ConstraintViolationException/CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR" {
		t.Errorf("as delegated administrator: %v", err)
	}
	listed := func() bool {
		t.Helper()
		if err := r.h.Organizations.RunDue(ctx); err != nil {
			t.Fatal(err)
		}
		accounts := must[*organizations.ListAccountsOutput](t)(r.ListAccounts(ctx, &organizations.ListAccountsInput{})).Accounts
		return slices.ContainsFunc(accounts, func(a types.Account) bool { return *a.Id == iamtest.Member })
	}
	r.h.Clock.Advance(90*24*time.Hour - time.Minute)
	if !listed() {
		t.Error("a closed account has left before ninety days were over")
	}
	r.h.Clock.Advance(2 * time.Minute)
	if listed() {
		t.Error("after ninety days a closed account is still there")
	}
	if _, err := r.InviteAccountToOrganization(ctx, &organizations.InviteAccountToOrganizationInput{Target: &types.HandshakeParty{Id: p(iamtest.Member), Type: types.HandshakePartyTypeAccount}}); code(err) != "AccountNotFoundException" {
		t.Errorf("after ninety days it is invited: %v", err)
	}
	if _, err := member.ListUsers(ctx, &iam.ListUsersInput{}); code(err) != "InvalidClientTokenId" {
		t.Errorf("after ninety days its administrator calls: %v", err)
	}
}
