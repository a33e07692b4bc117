package e2e

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/strongroomtest"
)

// TestControlPoliciesBindJobs: a job's role is bound by the policies over its account, and what it reaches for by those
// over the resource's account; service-linked roles are not, so that copies arrive where nobody else may do anything.
func TestControlPoliciesBindJobs(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	crossAccount(t, s, true)
	m, b, manager := enter(t, s, member, home), enter(t, s, vaulted, home), enter(t, s, management, home).organizations
	for _, p := range []*party{m, b} {
		p.role(t, "jobs", rolePolicies...)
		p.linked(t)
	}
	m.vault(t, "member-vault", m.key(t, b))
	destination := b.vault(t, "backup-vault", b.key(t, m), m)
	bucket := m.bucket(t, "governed-bucket", "")
	point := m.backUp(t, "member-vault", bucket)
	root := must(manager.ListRoots(ctx, &organizations.ListRootsInput{}))(t, "listing roots").Roots[0].Id
	for _, kind := range []orgtypes.PolicyType{orgtypes.PolicyTypeServiceControlPolicy, orgtypes.PolicyTypeResourceControlPolicy} {
		must(manager.EnablePolicyType(ctx, &organizations.EnablePolicyTypeInput{RootId: root, PolicyType: kind}))(t, "enabling "+string(kind))
	}
	under := func(name string, kind orgtypes.PolicyType, target string, deny statement, fn func()) {
		deny["Effect"], deny["Resource"] = "Deny", "*"
		made := must(manager.CreatePolicy(ctx, &organizations.CreatePolicyInput{Name: &name, Description: aws.String(""), Type: kind, Content: policy(deny)}))(t, name)
		id := made.Policy.PolicySummary.Id
		must(manager.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: id, TargetId: &target}))(t, name)
		fn()
		must(manager.DetachPolicy(ctx, &organizations.DetachPolicyInput{PolicyId: id, TargetId: &target}))(t, name)
	}
	backup := func(what string, want ended) {
		t.Helper()
		job := m.backedUp(t, m.startBackup(t, "member-vault", bucket))
		if got := end(string(job.State), job.StatusMessage, job.MessageCategory); got != want {
			t.Errorf("%s: the backup ended with %+v, want %+v", what, got, want)
		}
	}
	copied := func(what string, want ended) {
		t.Helper()
		if got := m.tryCopy(t, point, "member-vault", destination); got != want {
			t.Errorf("%s: the copy ended with %+v, want %+v", what, got, want)
		}
	}
	const scp, rcp = orgtypes.PolicyTypeServiceControlPolicy, orgtypes.PolicyTypeResourceControlPolicy
	refused := ended{"FAILED", "IAM Role " + m.roleARN() + " does not have sufficient permissions to execute the backup.", "ACCESS_DENIED"}
	reading := []string{"s3:GetObject*", "s3:ListBucket*"}
	under("scp over s3", scp, member, statement{"Action": reading}, func() { backup("the role's account forbids reading", refused) })
	under("scp elsewhere", scp, vaulted, statement{"Action": reading}, func() { backup("another account forbids reading", completed) })
	under("rcp over s3", rcp, member, statement{"Action": reading, "Principal": "*"}, func() { backup("the bucket's account forbids reading", refused) })
	under("scp over copies", scp, member, statement{"Action": "backup:CopyIntoBackupVault"}, func() {
		copied("the role's account forbids copies", ended{"FAILED", "Access Denied trying to call AWS Backup service.", "ACCESS_DENIED"})
	})
	under("scp over the destination", scp, vaulted, statement{"Action": "*"}, func() {
		copied("the destination's account forbids everything", completed)
	})
	under("rcp over keys", rcp, member, statement{"Action": "kms:CreateGrant", "Principal": "*"}, func() {
		copied("the key's account forbids grants", completed)
	})
	backup("under no policy", completed)
}
