package organizations_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/service/iam/iamtest"
)

// An organization that began with consolidated billing gets all features once everybody that was invited approves.
func TestEnableAllFeatures(t *testing.T) {
	t.Parallel()
	h, ctx := iamtest.New(t), t.Context()
	manager, member, backup := h.OrganizationsClient(iamtest.Management), h.OrganizationsClient(iamtest.Member), h.OrganizationsClient(iamtest.Backup)
	must[*organizations.CreateOrganizationOutput](t)(manager.CreateOrganization(ctx, &organizations.CreateOrganizationInput{FeatureSet: types.OrganizationFeatureSetConsolidatedBilling}))
	accept := func(c *organizations.Client, id *string) error {
		_, err := c.AcceptHandshake(ctx, &organizations.AcceptHandshakeInput{HandshakeId: id})
		return err
	}
	invite := func(account string) (*string, error) {
		out, err := manager.InviteAccountToOrganization(ctx, &organizations.InviteAccountToOrganizationInput{Target: &types.HandshakeParty{Id: &account, Type: types.HandshakePartyTypeAccount}})
		if err != nil {
			return nil, err
		}
		return out.Handshake.Id, nil
	}
	invitation := must[*string](t)(invite(iamtest.Member))
	if err := accept(member, invitation); err != nil {
		t.Fatal(err)
	}
	must[*organizations.CreateAccountOutput](t)(manager.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: p("made"), Email: p("made@example.com")}))
	root := must[*organizations.ListRootsOutput](t)(manager.ListRoots(ctx, &organizations.ListRootsInput{})).Roots[0].Id
	for what, err := range map[string]error{
		"PolicyTypeNotAvailableForOrganizationException": func() error {
			_, err := manager.EnablePolicyType(ctx, &organizations.EnablePolicyTypeInput{RootId: root, PolicyType: backups})
			return err
		}(),
		"ConstraintViolationException/ORGANIZATION_NOT_IN_ALL_FEATURES_MODE": func() error {
			_, err := manager.CloseAccount(ctx, &organizations.CloseAccountInput{AccountId: p(iamtest.Member)})
			return err
		}(),
	} {
		if reasonOf(err) != what {
			t.Errorf("%v, want %s", err, what)
		}
	}
	role := func(account string) error {
		_, err := h.IAMClient(account).GetRole(ctx, &iam.GetRoleInput{RoleName: p("AWSServiceRoleForOrganizations")})
		return err
	}
	if err := role(iamtest.Member); code(err) != "NoSuchEntity" {
		t.Errorf("the service's role without all features: %v", err)
	}
	if _, err := member.EnableAllFeatures(ctx, &organizations.EnableAllFeaturesInput{}); code(err) != "AccessDeniedException" {
		t.Errorf("a member enables all features: %v", err)
	}
	final := must[*organizations.EnableAllFeaturesOutput](t)(manager.EnableAllFeatures(ctx, &organizations.EnableAllFeaturesInput{})).Handshake
	if final.Action != types.ActionTypeEnableAllFeatures || final.State != types.HandshakeStateRequested || final.ExpirationTimestamp.Sub(*final.RequestedTimestamp) != 90*24*time.Hour ||
		!strings.Contains(*final.Arn, "/enable_all_features/h-") {
		t.Errorf("the handshake is %s %s %s", final.Action, final.State, *final.Arn)
	}
	if _, err := manager.EnableAllFeatures(ctx, &organizations.EnableAllFeaturesInput{}); reasonOf(err) != "HandshakeConstraintViolationException/ORGANIZATION_IS_ALREADY_PENDING_ALL_FEATURES_MIGRATION" {
		t.Errorf("enabling twice: %v", err)
	}
	if _, err := invite(iamtest.Backup); reasonOf(err) != "HandshakeConstraintViolationException/INVITE_DISABLED_DURING_ENABLE_ALL_FEATURES" {
		t.Errorf("inviting meanwhile: %v", err)
	}
	approvals := must[*organizations.ListHandshakesForOrganizationOutput](t)(manager.ListHandshakesForOrganization(ctx, &organizations.ListHandshakesForOrganizationInput{
		Filter: &types.HandshakeFilter{ParentHandshakeId: final.Id},
	})).Handshakes
	if len(approvals) != 1 || approvals[0].Action != types.ActionTypeApproveAllFeatures || *approvals[0].Parties[1].Id != iamtest.Member {
		t.Fatalf("%d accounts are asked, and not the one that was invited", len(approvals))
	}
	if err := accept(manager, final.Id); code(err) != "InvalidHandshakeTransitionException" {
		t.Errorf("finalizing before it is approved: %v", err)
	}
	if err := accept(backup, approvals[0].Id); code(err) != "AccessDeniedException" {
		t.Errorf("approving for another: %v", err)
	}
	if err := accept(member, approvals[0].Id); err != nil {
		t.Fatal(err)
	}
	if now := must[*organizations.DescribeHandshakeOutput](t)(manager.DescribeHandshake(ctx, &organizations.DescribeHandshakeInput{HandshakeId: final.Id})).Handshake; now.State != types.HandshakeStateOpen {
		t.Errorf("approved, it is %s", now.State)
	}
	if err := accept(manager, final.Id); err != nil {
		t.Fatal(err)
	}
	if o := must[*organizations.DescribeOrganizationOutput](t)(member.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})).Organization; o.FeatureSet != types.OrganizationFeatureSetAll {
		t.Errorf("finalized, the organization has %s", o.FeatureSet)
	}
	if err := role(iamtest.Member); err != nil {
		t.Errorf("the service's role with all features: %v", err)
	}
	remove := func(account string) iamtypes.DeletionTaskStatusType {
		t.Helper()
		c := h.IAMClient(account)
		task := must[*iam.DeleteServiceLinkedRoleOutput](t)(c.DeleteServiceLinkedRole(ctx, &iam.DeleteServiceLinkedRoleInput{RoleName: p("AWSServiceRoleForOrganizations")})).DeletionTaskId
		return must[*iam.GetServiceLinkedRoleDeletionStatusOutput](t)(c.GetServiceLinkedRoleDeletionStatus(ctx, &iam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: task})).Status
	}
	if status := remove(iamtest.Member); status != iamtypes.DeletionTaskStatusTypeFailed {
		t.Errorf("deleting the service's role in a member: %s", status)
	}
	for _, kind := range []types.PolicyType{scp, backups} {
		must[*organizations.EnablePolicyTypeOutput](t)(manager.EnablePolicyType(ctx, &organizations.EnablePolicyTypeInput{RootId: root, PolicyType: kind}))
	}
	if _, err := manager.EnableAllFeatures(ctx, &organizations.EnableAllFeaturesInput{}); reasonOf(err) != "HandshakeConstraintViolationException/ORGANIZATION_ALREADY_HAS_ALL_FEATURES" {
		t.Errorf("enabling what is: %v", err)
	}
	if err := accept(backup, must[*string](t)(invite(iamtest.Backup))); err != nil {
		t.Fatal(err)
	}
	if err := role(iamtest.Backup); err != nil {
		t.Errorf("the service's role in an account that joined: %v", err)
	}
	must[*organizations.LeaveOrganizationOutput](t)(backup.LeaveOrganization(ctx, &organizations.LeaveOrganizationInput{}))
	if status := remove(iamtest.Backup); status != iamtypes.DeletionTaskStatusTypeSucceeded {
		t.Errorf("deleting the service's role in an account that left: %s", status)
	}
}

// Whoever may not make the service's role can neither found an organization with all features nor join one.
func TestServiceRoleIsNeeded(t *testing.T) {
	t.Parallel()
	h, ctx := iamtest.New(t), t.Context()
	const allowed = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"organizations:*","Resource":"*"}]}`
	founder := organizations.NewFromConfig(h.User(t, iamtest.Management, "founder", allowed))
	if _, err := founder.CreateOrganization(ctx, &organizations.CreateOrganizationInput{}); code(err) != "AccessDeniedForDependencyException" {
		t.Errorf("founding: %v", err)
	}
	must[*organizations.CreateOrganizationOutput](t)(h.OrganizationsClient(iamtest.Management).CreateOrganization(ctx, &organizations.CreateOrganizationInput{}))
	sent := must[*organizations.InviteAccountToOrganizationOutput](t)(founder.InviteAccountToOrganization(ctx, &organizations.InviteAccountToOrganizationInput{Target: &types.HandshakeParty{Id: p(iamtest.Member), Type: types.HandshakePartyTypeAccount}})).Handshake
	joiner := organizations.NewFromConfig(h.User(t, iamtest.Member, "joiner", allowed))
	if _, err := joiner.AcceptHandshake(ctx, &organizations.AcceptHandshakeInput{HandshakeId: sent.Id}); code(err) != "AccessDeniedForDependencyException" {
		t.Errorf("joining: %v", err)
	}
	must[*organizations.AcceptHandshakeOutput](t)(h.OrganizationsClient(iamtest.Member).AcceptHandshake(ctx, &organizations.AcceptHandshakeInput{HandshakeId: sent.Id}))
}
