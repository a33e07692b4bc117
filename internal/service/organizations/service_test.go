package organizations_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/service/iam/iamtest"
	service "strongroom/internal/service/organizations"
)

// p points at a value, as the SDK's fields want it.
func p[T any](v T) *T { return &v }

// must returns the output of a call that must succeed.
func must[T any](t *testing.T) func(out T, err error) T {
	return func(out T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

func code(err error) string {
	var refusal smithy.APIError
	if errors.As(err, &refusal) {
		return refusal.ErrorCode()
	}
	return fmt.Sprint(err)
}

func TestOrganization(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c, ctx := h.OrganizationsClient(iamtest.Management), t.Context()
	if _, err := c.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{}); code(err) != "AWSOrganizationsNotInUseException" {
		t.Errorf("before there is one: %v", err)
	}
	o := must[*organizations.CreateOrganizationOutput](t)(c.CreateOrganization(ctx, &organizations.CreateOrganizationInput{})).Organization
	if !strings.HasPrefix(*o.Id, "o-") || *o.MasterAccountId != iamtest.Management || o.FeatureSet != types.OrganizationFeatureSetAll {
		t.Errorf("created %+v", o)
	}
	if want := "arn:aws:organizations::999999999999:organization/" + *o.Id; *o.Arn != want {
		t.Errorf("created %s, want %s", *o.Arn, want)
	}
	if _, err := c.CreateOrganization(ctx, &organizations.CreateOrganizationInput{}); code(err) != "AlreadyInOrganizationException" {
		t.Errorf("creating a second: %v", err)
	}
	if described := must[*organizations.DescribeOrganizationOutput](t)(c.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})).Organization; *described.Id != *o.Id {
		t.Errorf("described %+v", described)
	}
	roots := must[*organizations.ListRootsOutput](t)(c.ListRoots(ctx, &organizations.ListRootsInput{})).Roots
	if len(roots) != 1 || !strings.HasPrefix(*roots[0].Id, "r-") {
		t.Errorf("roots: %+v", roots)
	}
	if _, err := c.LeaveOrganization(ctx, &organizations.LeaveOrganizationInput{}); code(err) != "MasterCannotLeaveOrganizationException" {
		t.Errorf("the management account leaves: %v", err)
	}
	unit := must[*organizations.CreateOrganizationalUnitOutput](t)(c.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{ParentId: roots[0].Id, Name: p("u")})).OrganizationalUnit
	if _, err := c.DeleteOrganization(ctx, &organizations.DeleteOrganizationInput{}); code(err) != "OrganizationNotEmptyException" {
		t.Errorf("deleting with a unit: %v", err)
	}
	must[*organizations.DeleteOrganizationalUnitOutput](t)(c.DeleteOrganizationalUnit(ctx, &organizations.DeleteOrganizationalUnitInput{OrganizationalUnitId: unit.Id}))
	must[*organizations.DeleteOrganizationOutput](t)(c.DeleteOrganization(ctx, &organizations.DeleteOrganizationInput{}))
	if _, in, err := h.Organizations.OrganizationOf(ctx, iamtest.Management); in || err != nil {
		t.Errorf("after deletion: in one %v, %v", in, err)
	}
	must[*organizations.CreateOrganizationOutput](t)(c.CreateOrganization(ctx, &organizations.CreateOrganizationInput{}))
}

// An account made in the organization is entered through the role it was made with.
func TestCreateAccount(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	h.Organize(t)
	c, ctx := h.OrganizationsClient(iamtest.Management), t.Context()
	create := func(email string, role *string) *types.CreateAccountStatus {
		return must[*organizations.CreateAccountOutput](t)(c.CreateAccount(ctx, &organizations.CreateAccountInput{
			AccountName: p("fourth"), Email: &email, RoleName: role, Tags: []types.Tag{{Key: p("a"), Value: p("b")}},
		})).CreateAccountStatus
	}
	status := create("Fourth@example.com", nil)
	status = must[*organizations.DescribeCreateAccountStatusOutput](t)(c.DescribeCreateAccountStatus(ctx, &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: status.Id})).CreateAccountStatus
	if status.State != types.CreateAccountStateSucceeded || len(*status.AccountId) != 12 {
		t.Fatalf("the request is %+v", status)
	}
	id := *status.AccountId
	account := must[*organizations.DescribeAccountOutput](t)(c.DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: &id})).Account
	if *account.Name != "fourth" || account.Status != types.AccountStatusActive || account.JoinedMethod != types.AccountJoinedMethodCreated {
		t.Errorf("the account is %+v", account)
	}
	if want := "arn:aws:organizations::999999999999:account/o-a1b2c3d4e5/" + id; *account.Arn != want {
		t.Errorf("the account is %s, want %s", *account.Arn, want)
	}
	entered := must[*sts.AssumeRoleOutput](t)(h.STSClient(iamtest.Management).AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: p("arn:aws:iam::" + id + ":role/OrganizationAccountAccessRole"), RoleSessionName: p("enter"),
	}))
	inside := organizations.NewFromConfig(h.WithSession(entered.Credentials))
	if o := must[*organizations.DescribeOrganizationOutput](t)(inside.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})).Organization; *o.MasterAccountId != iamtest.Management {
		t.Errorf("from inside, the organization is %+v", o)
	}
	if tags := must[*organizations.ListTagsForResourceOutput](t)(c.ListTagsForResource(ctx, &organizations.ListTagsForResourceInput{ResourceId: &id})).Tags; len(tags) != 1 || *tags[0].Value != "b" {
		t.Errorf("tags: %+v", tags)
	}
	failed := create("fourth@EXAMPLE.com", nil)
	if failed.State != types.CreateAccountStateFailed || failed.FailureReason != types.CreateAccountFailureReasonEmailAlreadyExists {
		t.Errorf("the same address again: %+v", failed)
	}
	other := create("fifth@example.com", p("Enter"))
	if _, err := h.STSClient(iamtest.Management).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: p("arn:aws:iam::" + *other.AccountId + ":role/Enter"), RoleSessionName: p("enter")}); err != nil {
		t.Errorf("entering by a role of another name: %v", err)
	}
	succeeded := must[*organizations.ListCreateAccountStatusOutput](t)(c.ListCreateAccountStatus(ctx, &organizations.ListCreateAccountStatusInput{States: []types.CreateAccountState{types.CreateAccountStateSucceeded}})).CreateAccountStatuses
	if len(succeeded) != 2 {
		t.Errorf("%d requests succeeded", len(succeeded))
	}
	var listed []string
	pages := organizations.NewListAccountsPaginator(c, &organizations.ListAccountsInput{MaxResults: p(int32(2))})
	for pages.HasMorePages() {
		for _, a := range must[*organizations.ListAccountsOutput](t)(pages.NextPage(ctx)).Accounts {
			listed = append(listed, *a.Id)
		}
	}
	want := []string{iamtest.Management, iamtest.Member, iamtest.Backup, id, *other.AccountId}
	slices.Sort(want)
	if diff := cmp.Diff(want, listed); diff != "" {
		t.Errorf("listed accounts:\n%s", diff)
	}
}

func TestUnits(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	h.Organize(t)
	c, ctx := h.OrganizationsClient(iamtest.Management), t.Context()
	root := *must[*organizations.ListRootsOutput](t)(c.ListRoots(ctx, &organizations.ListRootsInput{})).Roots[0].Id
	create := func(parent, name string) (*types.OrganizationalUnit, error) {
		out, err := c.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{ParentId: &parent, Name: &name})
		if err != nil {
			return nil, err
		}
		return out.OrganizationalUnit, nil
	}
	prod := must[*types.OrganizationalUnit](t)(create(root, "prod"))
	if !strings.HasPrefix(*prod.Id, "ou-"+root[2:]+"-") {
		t.Errorf("unit %s under root %s", *prod.Id, root)
	}
	if _, err := create(root, "prod"); code(err) != "DuplicateOrganizationalUnitException" {
		t.Errorf("the name again: %v", err)
	}
	parent := *prod.Id
	for depth := 2; depth <= 5; depth++ {
		parent = *must[*types.OrganizationalUnit](t)(create(parent, "deeper")).Id
	}
	if _, err := create(parent, "deeper"); code(err) != "ConstraintViolationException" {
		t.Errorf("a sixth level: %v", err)
	}
	if _, err := create("ou-zzzz-zzzzzzzz", "x"); code(err) != "ParentNotFoundException" {
		t.Errorf("under nothing: %v", err)
	}

	renamed := must[*organizations.UpdateOrganizationalUnitOutput](t)(c.UpdateOrganizationalUnit(ctx, &organizations.UpdateOrganizationalUnitInput{OrganizationalUnitId: prod.Id, Name: p("production")})).OrganizationalUnit
	if described := must[*organizations.DescribeOrganizationalUnitOutput](t)(c.DescribeOrganizationalUnit(ctx, &organizations.DescribeOrganizationalUnitInput{OrganizationalUnitId: prod.Id})).OrganizationalUnit; *described.Name != *renamed.Name {
		t.Errorf("described %+v", described)
	}
	move := func(from, to string) error {
		_, err := c.MoveAccount(ctx, &organizations.MoveAccountInput{AccountId: p(iamtest.Member), SourceParentId: &from, DestinationParentId: &to})
		return err
	}
	for _, row := range []struct{ from, to, want string }{
		{root, *prod.Id, "<nil>"},
		{root, *prod.Id, "SourceParentNotFoundException"},
		{*prod.Id, *prod.Id, "DuplicateAccountException"},
		{*prod.Id, "ou-zzzz-zzzzzzzz", "DestinationParentNotFoundException"},
		{*prod.Id, "nowhere", "InvalidInputException"},
	} {
		if err := move(row.from, row.to); code(err) != row.want {
			t.Errorf("moving from %s to %s: %v, want %s", row.from, row.to, err, row.want)
		}
	}
	organization, in, err := h.Organizations.OrganizationOf(ctx, iamtest.Member)
	want := service.Organization{ID: "o-a1b2c3d4e5", ManagementAccountID: iamtest.Management, Path: "o-a1b2c3d4e5/" + root + "/" + *prod.Id + "/"}
	if diff := cmp.Diff(want, organization); diff != "" || !in || err != nil {
		t.Errorf("organization of the member: in %v, %v\n%s", in, err, diff)
	}
	parents := must[*organizations.ListParentsOutput](t)(c.ListParents(ctx, &organizations.ListParentsInput{ChildId: p(iamtest.Member)})).Parents
	if len(parents) != 1 || *parents[0].Id != *prod.Id || parents[0].Type != types.ParentTypeOrganizationalUnit {
		t.Errorf("parents: %+v", parents)
	}
	if accounts := must[*organizations.ListAccountsForParentOutput](t)(c.ListAccountsForParent(ctx, &organizations.ListAccountsForParentInput{ParentId: prod.Id})).Accounts; len(accounts) != 1 || *accounts[0].Id != iamtest.Member {
		t.Errorf("accounts in the unit: %+v", accounts)
	}
	if units := must[*organizations.ListOrganizationalUnitsForParentOutput](t)(c.ListOrganizationalUnitsForParent(ctx, &organizations.ListOrganizationalUnitsForParentInput{ParentId: &root})).OrganizationalUnits; len(units) != 1 {
		t.Errorf("units in the root: %+v", units)
	}
	for kind, want := range map[types.ChildType]int{types.ChildTypeAccount: 2, types.ChildTypeOrganizationalUnit: 1} {
		if children := must[*organizations.ListChildrenOutput](t)(c.ListChildren(ctx, &organizations.ListChildrenInput{ParentId: &root, ChildType: kind})).Children; len(children) != want {
			t.Errorf("children of type %s: %+v", kind, children)
		}
	}
	if _, err := c.DeleteOrganizationalUnit(ctx, &organizations.DeleteOrganizationalUnitInput{OrganizationalUnitId: prod.Id}); code(err) != "OrganizationalUnitNotEmptyException" {
		t.Errorf("deleting a unit with an account: %v", err)
	}
	must[*organizations.TagResourceOutput](t)(c.TagResource(ctx, &organizations.TagResourceInput{ResourceId: prod.Id, Tags: []types.Tag{{Key: p("a"), Value: p("b")}, {Key: p("c"), Value: p("d")}}}))
	must[*organizations.UntagResourceOutput](t)(c.UntagResource(ctx, &organizations.UntagResourceInput{ResourceId: prod.Id, TagKeys: []string{"a"}}))
	if tags := must[*organizations.ListTagsForResourceOutput](t)(c.ListTagsForResource(ctx, &organizations.ListTagsForResourceInput{ResourceId: prod.Id})).Tags; len(tags) != 1 || *tags[0].Key != "c" {
		t.Errorf("tags: %+v", tags)
	}
	must[*organizations.RemoveAccountFromOrganizationOutput](t)(c.RemoveAccountFromOrganization(ctx, &organizations.RemoveAccountFromOrganizationInput{AccountId: p(iamtest.Member)}))
	if _, in, _ := h.Organizations.OrganizationOf(ctx, iamtest.Member); in {
		t.Error("a removed account is still in")
	}
}

func TestInvitation(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	ctx := t.Context()
	manager, member, backup := h.OrganizationsClient(iamtest.Management), h.OrganizationsClient(iamtest.Member), h.OrganizationsClient(iamtest.Backup)
	o := must[*organizations.CreateOrganizationOutput](t)(manager.CreateOrganization(ctx, &organizations.CreateOrganizationInput{})).Organization
	invite := func(id string) (*types.Handshake, error) {
		out, err := manager.InviteAccountToOrganization(ctx, &organizations.InviteAccountToOrganizationInput{
			Target: &types.HandshakeParty{Id: &id, Type: types.HandshakePartyTypeAccount}, Notes: p("welcome"),
		})
		if err != nil {
			return nil, err
		}
		return out.Handshake, nil
	}
	sent := must[*types.Handshake](t)(invite(iamtest.Member))
	if sent.State != types.HandshakeStateOpen || sent.ExpirationTimestamp.Sub(*sent.RequestedTimestamp) != 15*24*time.Hour {
		t.Errorf("invited: %+v", sent)
	}
	if _, err := invite(iamtest.Member); code(err) != "DuplicateHandshakeException" {
		t.Errorf("inviting twice: %v", err)
	}
	if _, err := invite("123456789012"); code(err) != "AccountNotFoundException" {
		t.Errorf("inviting nobody: %v", err)
	}
	received := must[*organizations.ListHandshakesForAccountOutput](t)(member.ListHandshakesForAccount(ctx, &organizations.ListHandshakesForAccountInput{})).Handshakes
	if len(received) != 1 || *received[0].Id != *sent.Id {
		t.Errorf("received: %+v", received)
	}
	if _, err := backup.AcceptHandshake(ctx, &organizations.AcceptHandshakeInput{HandshakeId: sent.Id}); code(err) != "AccessDeniedException" {
		t.Errorf("accepting another's invitation: %v", err)
	}
	if _, err := manager.AcceptHandshake(ctx, &organizations.AcceptHandshakeInput{HandshakeId: sent.Id}); code(err) != "AccessDeniedException" {
		t.Errorf("accepting one's own invitation: %v", err)
	}
	if accepted := must[*organizations.AcceptHandshakeOutput](t)(member.AcceptHandshake(ctx, &organizations.AcceptHandshakeInput{HandshakeId: sent.Id})).Handshake; accepted.State != types.HandshakeStateAccepted {
		t.Errorf("accepted: %+v", accepted)
	}
	if organization, in, err := h.Organizations.OrganizationOf(ctx, iamtest.Member); !in || err != nil || organization.ID != *o.Id {
		t.Errorf("the member is in %+v %v %v", organization, in, err)
	}
	for again, want := range map[string]error{
		"HandshakeAlreadyInStateException": func() error {
			_, err := member.AcceptHandshake(ctx, &organizations.AcceptHandshakeInput{HandshakeId: sent.Id})
			return err
		}(),
		"InvalidHandshakeTransitionException": func() error {
			_, err := member.DeclineHandshake(ctx, &organizations.DeclineHandshakeInput{HandshakeId: sent.Id})
			return err
		}(),
		"HandshakeNotFoundException": func() error {
			_, err := member.AcceptHandshake(ctx, &organizations.AcceptHandshakeInput{HandshakeId: p("h-00000000")})
			return err
		}(),
		"HandshakeConstraintViolationException": func() error { _, err := invite(iamtest.Member); return err }(),
	} {
		if code(want) != again {
			t.Errorf("%v, want %s", want, again)
		}
	}

	declined := must[*types.Handshake](t)(invite(iamtest.Backup))
	must[*organizations.DeclineHandshakeOutput](t)(backup.DeclineHandshake(ctx, &organizations.DeclineHandshakeInput{HandshakeId: declined.Id}))
	canceled := must[*types.Handshake](t)(invite(iamtest.Backup))
	must[*organizations.CancelHandshakeOutput](t)(manager.CancelHandshake(ctx, &organizations.CancelHandshakeInput{HandshakeId: canceled.Id}))
	expired := must[*types.Handshake](t)(invite(iamtest.Backup))
	h.Clock.Advance(15*24*time.Hour + time.Second)
	if state := must[*organizations.DescribeHandshakeOutput](t)(backup.DescribeHandshake(ctx, &organizations.DescribeHandshakeInput{HandshakeId: expired.Id})).Handshake.State; state != types.HandshakeStateExpired {
		t.Errorf("after fifteen days the invitation is %s", state)
	}
	if _, err := backup.AcceptHandshake(ctx, &organizations.AcceptHandshakeInput{HandshakeId: expired.Id}); code(err) != "InvalidHandshakeTransitionException" {
		t.Errorf("accepting too late: %v", err)
	}
	all := must[*organizations.ListHandshakesForOrganizationOutput](t)(manager.ListHandshakesForOrganization(ctx, &organizations.ListHandshakesForOrganizationInput{})).Handshakes
	if len(all) != 4 {
		t.Errorf("%d invitations are listed", len(all))
	}
	must[*organizations.LeaveOrganizationOutput](t)(member.LeaveOrganization(ctx, &organizations.LeaveOrganizationInput{}))
	if _, in, _ := h.Organizations.OrganizationOf(ctx, iamtest.Member); in {
		t.Error("an account that left is still in")
	}
}

func TestServiceAccess(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	h.Organize(t)
	c, ctx := h.OrganizationsClient(iamtest.Management), t.Context()
	services := func() (names []string) {
		for _, e := range must[*organizations.ListAWSServiceAccessForOrganizationOutput](t)(c.ListAWSServiceAccessForOrganization(ctx, &organizations.ListAWSServiceAccessForOrganizationInput{})).EnabledServicePrincipals {
			names = append(names, *e.ServicePrincipal)
		}
		return names
	}
	for range 2 {
		must[*organizations.EnableAWSServiceAccessOutput](t)(c.EnableAWSServiceAccess(ctx, &organizations.EnableAWSServiceAccessInput{ServicePrincipal: p("backup.amazonaws.com")}))
	}
	if diff := cmp.Diff([]string{"backup.amazonaws.com"}, services()); diff != "" {
		t.Error(diff)
	}
	must[*organizations.DisableAWSServiceAccessOutput](t)(c.DisableAWSServiceAccess(ctx, &organizations.DisableAWSServiceAccessInput{ServicePrincipal: p("backup.amazonaws.com")}))
	if got := services(); len(got) != 0 {
		t.Errorf("after disabling: %v", got)
	}
}

// Members see their organization and nothing of the others in it; who is in none is told so.
func TestWhoMayCall(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	ctx := t.Context()
	calls := map[string]func(c *organizations.Client) error{
		"ListAccounts": func(c *organizations.Client) error {
			_, err := c.ListAccounts(ctx, &organizations.ListAccountsInput{})
			return err
		},
		"CreateAccount": func(c *organizations.Client) error {
			_, err := c.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: p("x"), Email: p("x@example.com")})
			return err
		},
		"DescribeAccount": func(c *organizations.Client) error {
			_, err := c.DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: p(iamtest.Backup)})
			return err
		},
		"RemoveAccountFromOrganization": func(c *organizations.Client) error {
			_, err := c.RemoveAccountFromOrganization(ctx, &organizations.RemoveAccountFromOrganizationInput{AccountId: p(iamtest.Backup)})
			return err
		},
		"EnableAWSServiceAccess": func(c *organizations.Client) error {
			_, err := c.EnableAWSServiceAccess(ctx, &organizations.EnableAWSServiceAccessInput{ServicePrincipal: p("backup.amazonaws.com")})
			return err
		},
	}
	member := h.OrganizationsClient(iamtest.Member)
	for name, call := range calls {
		if err := call(member); code(err) != "AWSOrganizationsNotInUseException" {
			t.Errorf("%s by a standalone account: %v", name, err)
		}
	}
	h.Organize(t)
	for name, call := range calls {
		if err := call(member); code(err) != "AccessDeniedException" || !strings.Contains(err.Error(), "You don't have permissions to access this resource.") {
			t.Errorf("%s by a member: %v", name, err)
		}
	}
	must[*organizations.DescribeOrganizationOutput](t)(member.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{}))
	weak := organizations.NewFromConfig(h.User(t, iamtest.Management, "weak", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"organizations:DescribeAccount","Resource":"arn:aws:organizations::999999999999:account/o-*/222222222222"}]}`))
	if _, err := weak.DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: p(iamtest.Backup)}); err != nil {
		t.Errorf("a user with leave for one account: %v", err)
	}
	if _, err := weak.DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: p(iamtest.Member)}); code(err) != "AccessDeniedException" {
		t.Errorf("the same user and another account: %v", err)
	}
	accounts := must[*organizations.ListAccountsOutput](t)(h.OrganizationsClient(iamtest.Management).ListAccounts(ctx, &organizations.ListAccountsInput{})).Accounts
	if len(accounts) != 3 {
		t.Errorf("refused calls changed the accounts: %+v", accounts)
	}
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	h.Organize(t)
	c, ctx := h.OrganizationsClient(iamtest.Management), t.Context()
	for what, err := range map[string]error{
		"an address": func() error {
			_, err := c.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: p("x"), Email: p("no address")})
			return err
		}(),
		"an account id": func() error {
			_, err := c.DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: p("1")})
			return err
		}(),
		"a token": func() error {
			_, err := c.ListAccounts(ctx, &organizations.ListAccountsInput{NextToken: p("forged")})
			return err
		}(),
		"a page size": func() error {
			_, err := c.ListAccounts(ctx, &organizations.ListAccountsInput{MaxResults: p(int32(21))})
			return err
		}(),
	} {
		if code(err) != "InvalidInputException" {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := c.InviteOrganizationToTransferResponsibility(ctx, &organizations.InviteOrganizationToTransferResponsibilityInput{
		SourceName: p("x"), StartTimestamp: p(time.Now()), Target: &types.HandshakeParty{Id: p(iamtest.Backup), Type: types.HandshakePartyTypeAccount}, Type: types.ResponsibilityTransferTypeBilling,
	}); code(err) != "NotImplemented" || !strings.Contains(err.Error(), "organizations:InviteOrganizationToTransferResponsibility") {
		t.Errorf("an operation that is not there: %v", err)
	}
	if _, err := c.CreateOrganization(ctx, &organizations.CreateOrganizationInput{FeatureSet: "SOME"}); code(err) != "InvalidInputException" {
		t.Errorf("a feature set that does not exist: %v", err)
	}
}

// EnsureOrganization may run at every start.
func TestEnsureOrganization(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	h.Organize(t)
	root := *must[*organizations.ListRootsOutput](t)(h.OrganizationsClient(iamtest.Management).ListRoots(t.Context(), &organizations.ListRootsInput{})).Roots[0].Id
	h.Organize(t)
	if again := *must[*organizations.ListRootsOutput](t)(h.OrganizationsClient(iamtest.Management).ListRoots(t.Context(), &organizations.ListRootsInput{})).Roots[0].Id; again != root {
		t.Errorf("the root became %s, was %s", again, root)
	}
	if _, err := h.IAMClient(iamtest.Member).GetRole(t.Context(), &iam.GetRoleInput{RoleName: p("OrganizationAccountAccessRole")}); err != nil {
		t.Error(err)
	}
	if err := h.Organizations.EnsureOrganization(t.Context(), "o-zzzzzzzzzz", "123456789012"); err == nil {
		t.Error("an account that does not exist founds an organization")
	}
}
