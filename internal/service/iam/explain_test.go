package iam_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/api"
	"strongroom/internal/service/iam/iamtest"
)

// A refusal tells what was missing also where the service answers with other words, and says so to nobody but whoever asks
// the error; the cures name the policies by what the API calls them.
func TestRefusalKeepsItsExplanation(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	h.Organize(t)
	ctx := t.Context()
	client := h.IAMClient(iamtest.Member)
	role := h.Role(t, iamtest.Member, "jobs", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"sts:AssumeRole"}]}`)
	if _, err := client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("jobs"), PolicyName: aws.String("no"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Sid":"Never","Effect":"Deny","Action":"backup:CopyInto*","Resource":"*"}]}`)}); err != nil {
		t.Fatal(err)
	}
	found, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("jobs")})
	if err != nil {
		t.Fatal(err)
	}
	c := &api.Caller{
		AccountID: iamtest.Member, RoleARN: role, ARN: "arn:aws:sts::111111111111:assumed-role/jobs/s", UserID: *found.Role.RoleId + ":s", Region: "eu-central-1",
		Session: &api.Session{Name: "s"},
	}
	const vault = "arn:aws:backup:eu-north-1:222222222222:backup-vault:v"
	words := api.Errorf("SomethingElse", "Other words.")
	access := api.Access{
		Action: "backup:CopyIntoBackupVault", Resource: vault, ResourceAccountID: iamtest.Backup,
		ResourcePolicies: []api.PolicyDocument{{Name: "access policy of v", Of: vault}},
		DeniedAs:         func(string) *api.Error { return words },
	}
	err = h.Door.Authorize(ctx, c, "iam", access)
	var told *api.Error
	if !errors.As(err, &told) || told.Code != words.Code || told.Message != words.Message {
		t.Fatalf("refused with %v", err)
	}
	x := api.ExplanationOf(err)
	if x == nil {
		t.Fatal("the refusal does not explain itself")
	}
	type cure struct{ Gate, Change, Of, ID, Sid string }
	var cures []cure
	for _, c := range x.Cures {
		cures = append(cures, cure{string(c.Gate), string(c.Change), c.Of, c.ID, c.Sid})
	}
	if diff := cmp.Diff([]cure{
		{"identity-based policy", "remove", "arn:aws:iam::111111111111:role/jobs", "no", "Never"},
		{"resource-based policy", "add", vault, "", ""},
		{"identity-based policy", "add", role, "", ""},
	}, cures); diff != "" {
		t.Errorf("%s\n%s", diff, x)
	}
	if api.ExplanationOf(words) != nil {
		t.Error("the words themselves were changed")
	}
}

// A simulation of what a user may do answers what the door would: with the organization's policies, which it does not name,
// and the user's boundary.
func TestSimulationAgreesWithTheDoor(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	h.Organize(t)
	ctx := t.Context()
	boss, client := h.OrganizationsClient(iamtest.Management), h.IAMClient(iamtest.Member)
	root := must[*organizations.ListRootsOutput](t)(boss.ListRoots(ctx, &organizations.ListRootsInput{})).Roots[0].Id
	must[*organizations.EnablePolicyTypeOutput](t)(boss.EnablePolicyType(ctx, &organizations.EnablePolicyTypeInput{RootId: root, PolicyType: types.PolicyTypeServiceControlPolicy}))
	scp := must[*organizations.CreatePolicyOutput](t)(boss.CreatePolicy(ctx, &organizations.CreatePolicyInput{
		Name: aws.String("guard"), Description: aws.String(""), Type: types.PolicyTypeServiceControlPolicy,
		Content: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"backup:DeleteBackupVault","Resource":"*"}]}`),
	}))
	must[*organizations.AttachPolicyOutput](t)(boss.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: scp.Policy.PolicySummary.Id, TargetId: root}))
	h.User(t, iamtest.Member, "u", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["backup:*","s3:*"],"Resource":"*"},{"Effect":"Deny","Action":"backup:StopBackupJob","Resource":"*"}]}`)
	boundary := must[*iam.CreatePolicyOutput](t)(client.CreatePolicy(ctx, &iam.CreatePolicyInput{
		PolicyName: aws.String("bound"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"backup:*","Resource":"*"}]}`),
	})).Policy.Arn
	must[*iam.PutUserPermissionsBoundaryOutput](t)(client.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: aws.String("u"), PermissionsBoundary: boundary}))
	user := must[*iam.GetUserOutput](t)(client.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("u")})).User
	c := &api.Caller{AccountID: iamtest.Member, ARN: *user.Arn, UserID: *user.UserId, Region: "eu-central-1"}
	for action, want := range map[string]string{
		"backup:ListBackupVaults":  "allowed organization=true boundary=true",
		"backup:DeleteBackupVault": "explicitDeny organization=false boundary=true",
		"backup:StopBackupJob":     "explicitDeny organization=true boundary=true",
		"s3:ListAllMyBuckets":      "implicitDeny organization=true boundary=false",
		"kms:ListKeys":             "implicitDeny organization=true boundary=false",
	} {
		r := must[*iam.SimulatePrincipalPolicyOutput](t)(client.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{PolicySourceArn: user.Arn, ActionNames: []string{action}})).EvaluationResults[0]
		got := fmt.Sprintf("%s organization=%t boundary=%t", r.EvalDecision, r.OrganizationsDecisionDetail.AllowedByOrganizations, r.PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary)
		if got != want {
			t.Errorf("%s is simulated as %s, want %s", action, got, want)
		}
		x, err := h.IAM.Authorizer().Explain(ctx, c, api.Access{Action: action, Resource: "*"})
		if err != nil || string(x.Reason) != string(r.EvalDecision) {
			t.Errorf("%s is simulated as %s, and decided as %s (%v)\n%s", action, r.EvalDecision, x.Reason, err, x)
		}
		for _, m := range r.MatchedStatements {
			if strings.Contains(*m.SourcePolicyId, "guard") || strings.HasPrefix(*m.SourcePolicyId, "p-") {
				t.Errorf("the simulation names the organization's policy: %s", *m.SourcePolicyId)
			}
		}
	}
}
