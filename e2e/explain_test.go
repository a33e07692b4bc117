package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	organizationstypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
)

// explained is what the server tells of a job.
func explained(t *testing.T, s *strongroomtest.Server, jobID string) server.JobExplanation {
	t.Helper()
	return must(s.Admin.Explain(t.Context(), jobID))(t, "explaining "+jobID)
}

// refusedIn is what a policy refused at the first gate that is shut, with JOB in the place of the job's id; "" if none did.
func refusedIn(x server.JobExplanation, jobID string) string {
	for _, g := range x.Gates {
		if g.Verdict == "shut" && g.Refused != nil {
			return string(g.Refused.Gate) + ": " + strings.ReplaceAll(g.Refused.Principal, jobID, "JOB") + " may not " + g.Refused.Action
		}
	}
	return ""
}

// TestManyMistakesAndTheirCures makes many mistakes at once. The copy says the first, its explanation tells all of them, and
// after the calls that it gives, made as they stand there, the copy succeeds.
func TestManyMistakesAndTheirCures(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	crossAccount(t, s, true)
	m, b, boss := enter(t, s, member, home), enter(t, s, vaulted, north), enter(t, s, management, "us-east-1")
	for _, p := range []*party{m, b} {
		p.role(t, "jobs", rolePolicies...)
		p.linked(t)
	}
	key := m.key(t, b)
	m.vault(t, "member-vault", key)
	destinationKey := b.key(t)
	destination := b.vault(t, "backup-vault", destinationKey, m)
	point := m.backUp(t, "member-vault", m.bucket(t, "mistaken-bucket", ""))

	// The mistakes:
	crossAccount(t, s, false)
	must(boss.organizations.DisableAWSServiceAccess(ctx, &organizations.DisableAWSServiceAccessInput{ServicePrincipal: aws.String("backup.amazonaws.com")}))(t, "distrusting")
	must(b.backup.DeleteBackupVaultAccessPolicy(ctx, &backup.DeleteBackupVaultAccessPolicyInput{BackupVaultName: aws.String("backup-vault")}))(t, "closing the vault")
	must(m.iam.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("jobs"), PolicyDocument: policy(
		statement{"Effect": "Allow", "Principal": statement{"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})}))(t, "changing whom the role trusts")
	must(m.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("jobs"), PolicyName: aws.String("no"), PolicyDocument: policy(
		statement{"Sid": "NoCopies", "Effect": "Deny", "Action": "backup:Copy*", "Resource": "*"}, statement{"Effect": "Allow", "Action": "s3:*", "Resource": "*"})}))(t, "denying copies")
	must(m.kms.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: &key, Policy: policy(
		statement{"Effect": "Allow", "Principal": statement{"AWS": m.root()}, "Action": "kms:*", "Resource": "*"})}))(t, "closing the key")
	must(b.kms.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &destinationKey}))(t, "disabling the destination's key")
	root := must(boss.organizations.ListRoots(ctx, &organizations.ListRootsInput{}))(t, "listing roots").Roots[0]
	must(boss.organizations.EnablePolicyType(ctx, &organizations.EnablePolicyTypeInput{RootId: root.Id, PolicyType: organizationstypes.PolicyTypeServiceControlPolicy}))(t, "enabling SCPs")
	scp := must(boss.organizations.CreatePolicy(ctx, &organizations.CreatePolicyInput{
		Name: aws.String("no-copies-out"), Description: aws.String(""), Type: organizationstypes.PolicyTypeServiceControlPolicy,
		Content: policy(statement{"Effect": "Deny", "Action": "backup:CopyFromBackupVault", "Resource": "*"}),
	}))(t, "making an SCP")
	must(boss.organizations.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: scp.Policy.PolicySummary.Id, TargetId: aws.String(member)}))(t, "attaching it")

	job := m.copyJob(t, point, "member-vault", destination)
	x := explained(t, s, *job.CopyJobId)
	if diff := cmp.Diff([]string{"trusted-access", "cross-account-switch", "role", "copy-from", "copy-into", "source-key", "destination-key-state"}, x.Shut); diff != "" {
		t.Fatalf("the gates that are shut (-want +got):\n%s", diff)
	}
	if *job.StatusMessage != x.Job.Message || x.Job.Message != "Copy job failed. Cross-account copy feature is not enabled for the current organization." {
		t.Errorf("the job says %q, its explanation %q", *job.StatusMessage, x.Job.Message)
	}
	cured := pasteCures(t, s, x)
	if diff := cmp.Diff([]string{
		"trusted-access organizations:EnableAWSServiceAccess", "cross-account-switch backup:UpdateGlobalSettings", "role iam:UpdateAssumeRolePolicy",
		"copy-from organizations:UpdatePolicy", "copy-from iam:PutRolePolicy",
		"copy-into backup:PutBackupVaultAccessPolicy",
		"source-key kms:PutKeyPolicy", "destination-key-state kms:EnableKey",
	}, cured); diff != "" {
		t.Errorf("the cures (-want +got):\n%s", diff)
	}
	again := m.copyJob(t, point, "member-vault", destination)
	if got := copyEnd(again); got != completed {
		t.Fatalf("after the cures the copy ended with %+v", got)
	}
	if x := explained(t, s, *again.CopyJobId); len(x.Shut) != 0 || len(x.Gates) < 20 {
		t.Errorf("a copy that succeeded is explained by %+v", x)
	}
}
