package iam_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
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
