package e2e

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/strongroomtest"
)

// governor is the management account, which governs by policies of one type.
type governor struct {
	*party
	kind orgtypes.PolicyType
	root string
}

func govern(t *testing.T, s *strongroomtest.Server, kind orgtypes.PolicyType) *governor {
	t.Helper()
	g := &governor{party: enter(t, s, management, home), kind: kind}
	g.begin(t)
	return g
}

// begin enables the type.
func (g *governor) begin(t *testing.T) {
	t.Helper()
	g.root = *must(g.organizations.ListRoots(t.Context(), &organizations.ListRootsInput{}))(t, "listing roots").Roots[0].Id
	must(g.organizations.EnablePolicyType(t.Context(), &organizations.EnablePolicyTypeInput{RootId: &g.root, PolicyType: g.kind}))(t, "enabling "+string(g.kind))
}

// trust gives AWS Backup trusted access to the organization.
func (g *governor) trust(t *testing.T) {
	t.Helper()
	must(g.organizations.EnableAWSServiceAccess(t.Context(), &organizations.EnableAWSServiceAccessInput{ServicePrincipal: aws.String("backup.amazonaws.com")}))(t, "trusting AWS Backup")
}

// distrust takes it away.
func (g *governor) distrust(t *testing.T) {
	t.Helper()
	must(g.organizations.DisableAWSServiceAccess(t.Context(), &organizations.DisableAWSServiceAccessInput{ServicePrincipal: aws.String("backup.amazonaws.com")}))(t, "distrusting AWS Backup")
}

// decree makes a policy and attaches it to targets.
func (g *governor) decree(t *testing.T, name, content string, targets ...string) (id string) {
	t.Helper()
	made := must(g.organizations.CreatePolicy(t.Context(), &organizations.CreatePolicyInput{Name: &name, Description: aws.String(""), Type: g.kind, Content: &content}))(t, "making policy "+name)
	id = *made.Policy.PolicySummary.Id
	for _, target := range targets {
		g.attach(t, id, target)
	}
	return id
}

func (g *governor) attach(t *testing.T, id, target string) {
	t.Helper()
	must(g.organizations.AttachPolicy(t.Context(), &organizations.AttachPolicyInput{PolicyId: &id, TargetId: &target}))(t, "attaching "+id+" to "+target)
}

func (g *governor) detach(t *testing.T, id, target string) {
	t.Helper()
	must(g.organizations.DetachPolicy(t.Context(), &organizations.DetachPolicyInput{PolicyId: &id, TargetId: &target}))(t, "detaching "+id+" from "+target)
}

func (g *governor) amend(t *testing.T, id, content string) {
	t.Helper()
	must(g.organizations.UpdatePolicy(t.Context(), &organizations.UpdatePolicyInput{PolicyId: &id, Content: &content}))(t, "amending "+id)
}

// unit makes an organizational unit in the root or another one.
func (g *governor) unit(t *testing.T, parent, name string) string {
	t.Helper()
	return *must(g.organizations.CreateOrganizationalUnit(t.Context(), &organizations.CreateOrganizationalUnitInput{ParentId: &parent, Name: &name}))(t, "making unit "+name).OrganizationalUnit.Id
}

func (g *governor) move(t *testing.T, account, from, to string) {
	t.Helper()
	must(g.organizations.MoveAccount(t.Context(), &organizations.MoveAccountInput{AccountId: &account, SourceParentId: &from, DestinationParentId: &to}))(t, "moving "+account)
}
