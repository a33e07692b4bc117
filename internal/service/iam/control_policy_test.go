package iam_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/api"
	"strongroom/internal/service/iam/iamtest"
)

// Resource control policies bind what is asked of an account's resources, whoever asks, in the services that they speak
// of; they bind neither the management account's resources, nor what AWS manages, nor service-linked roles.
func TestResourceControlPolicies(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	h.Organize(t)
	c, ctx := h.OrganizationsClient(iamtest.Management), t.Context()
	roots, err := c.ListRoots(ctx, &organizations.ListRootsInput{})
	if err != nil {
		t.Fatal(err)
	}
	root := roots.Roots[0].Id
	if _, err := c.EnablePolicyType(ctx, &organizations.EnablePolicyTypeInput{RootId: root, PolicyType: types.PolicyTypeResourceControlPolicy}); err != nil {
		t.Fatal(err)
	}
	policy, err := c.CreatePolicy(ctx, &organizations.CreatePolicyInput{
		Name: aws.String("guard"), Description: aws.String(""), Type: types.PolicyTypeResourceControlPolicy,
		Content: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":["s3:*","kms:*","backup:*","events:*"],"Resource":"*"}]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: policy.Policy.PolicySummary.Id, TargetId: root}); err != nil {
		t.Fatal(err)
	}
	member, manager := h.Caller(t, iamtest.Member), h.Caller(t, iamtest.Management)
	linked := *member
	linked.ARN, linked.UserID = "arn:aws:sts::111111111111:assumed-role/AWSServiceRoleForBackup/s", "AROAX:s"
	linked.RoleARN = "arn:aws:iam::111111111111:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup"
	service := api.ServiceCaller("backup.amazonaws.com", iamtest.Member, "eu-central-1")
	open := []api.PolicyDocument{{Name: "bucket policy", Document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`}}
	for _, row := range []struct {
		what   string
		caller *api.Caller
		access api.Access
		denied bool
	}{
		{"the account's own object", member, api.Access{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k"}, true},
		{"from the management account", manager, api.Access{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourceAccountID: iamtest.Member, ResourcePolicies: open}, true},
		{"the management account's object", member, api.Access{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourceAccountID: iamtest.Management, ResourcePolicies: open}, false},
		{"a service", service, api.Access{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourcePolicies: open}, true},
		{"a key", member, api.Access{Action: "kms:Encrypt", Resource: "arn:aws:kms:eu-central-1:111111111111:key/k", KeyPolicy: true, ResourcePolicies: open}, true},
		{"a key of AWS", member, api.Access{Action: "kms:Encrypt", Resource: "arn:aws:kms:eu-central-1:111111111111:key/k", KeyPolicy: true, ResourcePolicies: open, AWSManaged: true}, false},
		{"the end of a grant", member, api.Access{Action: "kms:RetireGrant", Resource: "arn:aws:kms:eu-central-1:111111111111:key/k", KeyPolicy: true, ResourcePolicies: open}, false},
		{"a rule", member, api.Access{Action: "events:PutRule", Resource: "arn:aws:events:eu-central-1:111111111111:rule/r"}, true},
		{"an action without a resource", member, api.Access{Action: "kms:ListKeys", Resource: "*"}, false},
		{"a vault", member, api.Access{Action: "backup:DescribeBackupVault", Resource: "arn:aws:backup:eu-central-1:111111111111:backup-vault:v"}, false},
		{"a service that none speaks of", member, api.Access{Action: "backup:ListBackupVaults", Resource: "*"}, false},
		{"an action that it does not name", member, api.Access{Action: "sts:AssumeRole", Resource: "arn:aws:iam::111111111111:role/r", ResourcePolicies: open}, false},
	} {
		decision, err := h.IAM.Authorizer().Explain(ctx, row.caller, row.access)
		if err != nil {
			t.Fatal(err)
		}
		if decision.Allowed == row.denied || row.denied && decision.Gate != "resource control policy" {
			t.Errorf("%s: %s", row.what, decision)
		}
	}
	if decision, err := h.IAM.Authorizer().Explain(ctx, &linked, api.Access{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k"}); err != nil || decision.Gate == "resource control policy" {
		t.Errorf("a service-linked role: %s, %v", decision, err)
	}
}
