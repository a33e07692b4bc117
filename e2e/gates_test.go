package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
)

// TestGatesOfACrossAccountCopy shuts one gate after the other, and each alone stops a copy with its own message
// (reference §8.1). Behind it all gates are open again.
func TestGatesOfACrossAccountCopy(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	crossAccount(t, s, true)
	m, b := enter(t, s, member, home), enter(t, s, vaulted, north)
	for _, p := range []*party{m, b} {
		p.role(t, "jobs", rolePolicies...)
		p.linked(t)
	}
	resourceKey, memberKey := m.key(t, b), m.key(t, b)
	m.vault(t, "member-vault", memberKey)
	destinationKey := b.key(t)
	destination := b.vault(t, "backup-vault", destinationKey, m)
	points := map[string]string{
		"S3":  m.backUp(t, "member-vault", m.bucket(t, "gated-bucket", "")),
		"EBS": m.backUp(t, "member-vault", m.volumeARN(m.volume(t, resourceKey, noise(5, blockSize)))),
	}
	both := func(message, category string) map[string]ended {
		return map[string]ended{"S3": {"FAILED", message, category}, "EBS": {"FAILED", message, category}}
	}
	const (
		session = "arn:aws:sts::" + member + ":assumed-role/jobs/AWSBackup-JOB"
		reader  = "arn:aws:sts::" + vaulted + ":assumed-role/AWSServiceRoleForBackup/copy-JOB"
	)
	const notAllowed = "Access Denied trying to call AWS Backup service."
	putPolicy := func(key string, readers ...*party) {
		statements := []statement{{"Effect": "Allow", "Principal": statement{"AWS": m.root()}, "Action": "kms:*", "Resource": "*"}}
		for _, reader := range readers {
			statements = append(statements, readerStatement(reader))
		}
		must(m.kms.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: &key, Policy: policy(statements...)}))(t, "changing a key's policy")
	}
	trust := func(service string) {
		must(m.iam.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("jobs"), PolicyDocument: policy(
			statement{"Effect": "Allow", "Principal": statement{"Service": service}, "Action": "sts:AssumeRole"})}))(t, "changing whom the role trusts")
	}
	for _, gate := range []struct {
		name       string
		shut, open func()
		want       map[string]ended
		gate       string // that explain says is shut, and nothing else
		refused    string // what it says was refused, if a policy did: the gate of the policy, the principal, and the action
	}{
		{
			"the organization's switch",
			func() { crossAccount(t, s, false) }, func() { crossAccount(t, s, true) },
			both("Copy job failed. Cross-account copy feature is not enabled for the current organization.", "FEATURE_NOT_ENABLED"),
			"cross-account-switch", "",
		},
		{
			"the destination's policy",
			func() {
				must(b.backup.DeleteBackupVaultAccessPolicy(ctx, &backup.DeleteBackupVaultAccessPolicyInput{BackupVaultName: aws.String("backup-vault")}))(t, "closing the vault")
			},
			func() { b.admit(t, "backup-vault", m.root()) },
			both(notAllowed, "ACCESS_DENIED"),
			"copy-into", "resource-based policy: " + session + " may not backup:CopyIntoBackupVault",
		},
		{
			"the destination's policy for another account",
			func() { b.admit(t, "backup-vault", "arn:aws:iam::"+management+":root") },
			func() { b.admit(t, "backup-vault", m.root()) },
			both(notAllowed, "ACCESS_DENIED"),
			"copy-into", "resource-based policy: " + session + " may not backup:CopyIntoBackupVault",
		},
		{
			"the role's right to copy into vaults",
			func() {
				must(m.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("jobs"), PolicyName: aws.String("no"), PolicyDocument: policy(
					statement{"Effect": "Deny", "Action": "backup:CopyIntoBackupVault", "Resource": "*"})}))(t, "denying")
			},
			func() {
				must(m.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: aws.String("jobs"), PolicyName: aws.String("no")}))(t, "denying no more")
			},
			both(notAllowed, "ACCESS_DENIED"),
			"copy-into", "identity-based policy: " + session + " may not backup:CopyIntoBackupVault",
		},
		{
			"the policy of the resource's key", func() { putPolicy(resourceKey) }, func() { putPolicy(resourceKey, b) },
			map[string]ended{"S3": completed, "EBS": {"FAILED", keyInaccessible, "KMS_KEY_ERROR"}},
			"source-key", "resource-based policy: " + reader + " may not kms:CreateGrant",
		},
		{
			"the policy of the source vault's key", func() { putPolicy(memberKey) }, func() { putPolicy(memberKey, b) },
			map[string]ended{"S3": failedKey, "EBS": completed},
			"source-key", "resource-based policy: " + reader + " may not kms:CreateGrant",
		},
		{
			"the role's trust", func() { trust("ec2.amazonaws.com") }, func() { trust("backup.amazonaws.com") },
			both("IAM Role "+m.roleARN()+" cannot be assumed by AWS Backup", "ACCESS_DENIED"),
			"role", "role trust policy: backup.amazonaws.com may not sts:AssumeRole",
		},
		{
			"the destination's lock",
			func() {
				must(b.backup.PutBackupVaultLockConfiguration(ctx, &backup.PutBackupVaultLockConfigurationInput{
					BackupVaultName: aws.String("backup-vault"), MinRetentionDays: aws.Int64(7), MaxRetentionDays: aws.Int64(30),
				}))(t, "locking the vault")
			},
			func() {
				must(b.backup.DeleteBackupVaultLockConfiguration(ctx, &backup.DeleteBackupVaultLockConfigurationInput{BackupVaultName: aws.String("backup-vault")}))(t, "unlocking the vault")
			},
			both("Copy job failed. The retention specified in the job is not within the range specified for the target Backup Vault.", "INVALID_LIFECYCLE"),
			"lock", "",
		},
		{
			"AWS Backup's trusted access",
			func() {
				must(enter(t, s, management, "us-east-1").organizations.DisableAWSServiceAccess(ctx, &organizations.DisableAWSServiceAccessInput{ServicePrincipal: aws.String("backup.amazonaws.com")}))(t, "distrusting")
			},
			func() { crossAccount(t, s, true) },
			both("Copy job failed. Cross-account copy feature is not enabled for the current organization.", "FEATURE_NOT_ENABLED"),
			"trusted-access", "",
		},
		{
			"the source vault's policy",
			func() {
				must(m.backup.PutBackupVaultAccessPolicy(ctx, &backup.PutBackupVaultAccessPolicyInput{BackupVaultName: aws.String("member-vault"), Policy: policy(
					statement{"Effect": "Deny", "Principal": "*", "Action": "backup:CopyFromBackupVault", "Resource": "*"})}))(t, "closing the source vault")
			},
			func() {
				must(m.backup.DeleteBackupVaultAccessPolicy(ctx, &backup.DeleteBackupVaultAccessPolicyInput{BackupVaultName: aws.String("member-vault")}))(t, "opening the source vault")
			},
			both(notAllowed, "ACCESS_DENIED"),
			"copy-from", "resource-based policy: " + session + " may not backup:CopyFromBackupVault",
		},
		{
			"the destination vault's key", func() {
				must(b.kms.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &destinationKey}))(t, "disabling a key")
			},
			func() { must(b.kms.EnableKey(ctx, &kms.EnableKeyInput{KeyId: &destinationKey}))(t, "enabling a key") },
			both("KMS key is either disabled or pending deletion or access to KMS key is denied", "KMS_KEY_ERROR"),
			"destination-key-state", "",
		},
		{
			"the organization",
			func() {
				must(enter(t, s, management, home).organizations.RemoveAccountFromOrganization(ctx, &organizations.RemoveAccountFromOrganizationInput{AccountId: aws.String(vaulted)}))(t, "removing the backup account")
			},
			func() { join(t, enter(t, s, management, home), b) },
			both("Copy job failed. Both source and destination account must be a member of the same organization.", "ACCESS_DENIED"),
			"organization", "",
		},
	} {
		gate.shut()
		for kind, point := range points {
			job := m.copyJob(t, point, "member-vault", destination)
			if got := copyEnd(job); got != gate.want[kind] {
				t.Errorf("%s shut: the copy of %s ended with %+v, want %+v", gate.name, kind, got, gate.want[kind])
			}
			shut, refused := gate.gate, gate.refused
			if gate.want[kind] == completed {
				shut, refused = "", ""
			}
			x := explained(t, s, *job.CopyJobId)
			if got := strings.Join(x.Shut, " "); got != shut || refusedIn(x, *job.CopyJobId) != refused {
				t.Errorf("%s shut: the copy of %s is explained by the gates %q and %q, want %q and %q", gate.name, kind, got, refusedIn(x, *job.CopyJobId), shut, refused)
			}
		}
		gate.open()
	}
	for kind, point := range points {
		missing := b.vaultARN("no-such-vault")
		if got, want := m.tryCopy(t, point, "member-vault", missing), (ended{"FAILED", "Could not find cryopod " + missing, "RESOURCE_NOT_FOUND"}); got != want {
			t.Errorf("the copy of %s into a vault that does not exist: %+v, want %+v", kind, got, want)
		}
		if got := m.tryCopy(t, point, "member-vault", destination); got != completed {
			t.Errorf("with all gates open the copy of %s ended with %+v", kind, got)
		}
	}
}

// admit opens a vault to copies of a principal.
func (p *party) admit(t *testing.T, vault, principal string) {
	t.Helper()
	must(p.backup.PutBackupVaultAccessPolicy(t.Context(), &backup.PutBackupVaultAccessPolicyInput{BackupVaultName: &vault, Policy: policy(
		statement{"Effect": "Allow", "Principal": statement{"AWS": principal}, "Action": "backup:CopyIntoBackupVault", "Resource": "*"},
	)}))(t, "opening vault "+vault)
}

// TestRoleOfAJob: what a job says whose role cannot do it (reference §8, E36, E39).
func TestRoleOfAJob(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	p := enter(t, s, member, home)
	p.role(t, "jobs", "service-role/AWSBackupServiceRolePolicyForBackup", "service-role/AWSBackupServiceRolePolicyForRestores")
	p.vault(t, "local-vault", p.key(t))
	bucket, volume := p.bucket(t, "role-bucket", ""), p.volumeARN(p.volume(t, "", noise(6, blockSize)))
	shut := func(job, gate, refused string) {
		t.Helper()
		x := explained(t, s, job)
		if got := strings.Join(x.Shut, " "); got != gate || refusedIn(x, job) != refused {
			t.Errorf("the job is explained by the gates %q and %q, want %q and %q", got, refusedIn(x, job), gate, refused)
		}
	}
	backup := func(resource, gate, refused string) ended {
		t.Helper()
		job := p.backedUp(t, p.startBackup(t, "local-vault", resource))
		shut(*job.BackupJobId, gate, refused)
		return end(string(job.State), job.StatusMessage, job.MessageCategory)
	}
	const trusts = "role trust policy: backup.amazonaws.com may not sts:AssumeRole"
	want := ended{"FAILED", "IAM Role " + p.roleARN() + " does not have sufficient permissions to execute the backup.", "ACCESS_DENIED"}
	if got := backup(bucket, "resource", "identity-based policy: arn:aws:sts::"+member+":assumed-role/jobs/AWSBackup-JOB may not s3:GetBucketTagging"); got != want {
		t.Errorf("a role without the policies for S3: %+v, want %+v", got, want)
	}
	point := p.backUp(t, "local-vault", volume)
	must(p.iam.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("jobs"), PolicyDocument: policy(
		statement{"Effect": "Allow", "Principal": statement{"AWS": p.root()}, "Action": "sts:AssumeRole"})}))(t, "changing whom the role trusts")
	want = ended{"FAILED", "IAM Role " + p.roleARN() + " cannot be assumed by AWS Backup", "ACCESS_DENIED"}
	if got := backup(volume, "role", trusts); got != want {
		t.Errorf("a backup by a role that does not trust AWS Backup: %+v, want %+v", got, want)
	}
	out := p.restoreJob(t, point, p.metadata(point, ""))
	shut(*out.RestoreJobId, "role", trusts)
	want.Category = "" // restore jobs have none
	if got := end(string(out.Status), out.StatusMessage, nil); got != want {
		t.Errorf("a restore by a role that does not trust AWS Backup: %+v, want %+v", got, want)
	}
	if n := len(p.points(t, "local-vault")); n != 1 {
		t.Errorf("failed jobs left recovery points: %d", n)
	}
}

// TestScheduledJobWithoutItsVault: a plan may name a vault that does not exist; its job says so (reference §8, E47).
func TestScheduledJobWithoutItsVault(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	morning(t, s)
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	p.linked(t)
	bucket := p.bucket(t, "vaultless-bucket", "", "backup", "vaultless")
	p.plan(t, "vaultless", backuptypes.BackupRuleInput{TargetBackupVaultName: aws.String("no-such-vault")}, tagged("backup", "vaultless"))
	move(t, s, server.ClockMove{Advance: 24 * time.Hour})
	jobs := p.backupJobs(t, bucket)
	if len(jobs) != 1 {
		t.Fatalf("%d jobs, want 1", len(jobs))
	}
	want := ended{"FAILED", "Backup job failed because backup vault " + p.vaultARN("no-such-vault") + " does not exist.", "RESOURCE_NOT_FOUND"}
	if got := end(string(jobs[0].State), jobs[0].StatusMessage, jobs[0].MessageCategory); got != want {
		t.Errorf("the job ended with %+v, want %+v", got, want)
	}
}

// plan makes a plan of one rule, which runs daily at 05:00 unless it says otherwise, with selections under the role
// "jobs", and returns its id.
func (p *party) plan(t *testing.T, name string, rule backuptypes.BackupRuleInput, selections ...backuptypes.BackupSelection) string {
	t.Helper()
	rule.RuleName = aws.String("rule")
	if rule.TargetBackupVaultName == nil {
		rule.TargetBackupVaultName = aws.String("local-vault")
	}
	if rule.ScheduleExpression == nil {
		rule.ScheduleExpression = aws.String("cron(0 5 ? * * *)")
	}
	out := must(p.backup.CreateBackupPlan(t.Context(), &backup.CreateBackupPlanInput{
		BackupPlan: &backuptypes.BackupPlanInput{BackupPlanName: &name, Rules: []backuptypes.BackupRuleInput{rule}},
	}))(t, "creating plan "+name)
	for i, selection := range selections {
		selection.SelectionName, selection.IamRoleArn = aws.String(fmt.Sprintf("selection-%d", i)), aws.String(p.roleARN())
		must(p.backup.CreateBackupSelection(t.Context(), &backup.CreateBackupSelectionInput{BackupPlanId: out.BackupPlanId, BackupSelection: &selection}))(t, "selecting")
	}
	return *out.BackupPlanId
}

// tagged selects what has a tag.
func tagged(key, value string) backuptypes.BackupSelection {
	return backuptypes.BackupSelection{ListOfTags: []backuptypes.Condition{{ConditionType: backuptypes.ConditionTypeStringequals, ConditionKey: &key, ConditionValue: &value}}}
}

// backupJobs lists the jobs of a resource, or all if none is named, newest first.
func (p *party) backupJobs(t *testing.T, resource string) []backuptypes.BackupJob {
	t.Helper()
	in := &backup.ListBackupJobsInput{}
	if resource != "" {
		in.ByResourceArn = &resource
	}
	var all []backuptypes.BackupJob
	for pages := backup.NewListBackupJobsPaginator(p.backup, in); pages.HasMorePages(); {
		all = append(all, must(pages.NextPage(t.Context()))(t, "listing jobs").BackupJobs...)
	}
	return all
}

// join takes an account into the organization.
func join(t *testing.T, manager, p *party) {
	t.Helper()
	out := must(manager.organizations.InviteAccountToOrganization(t.Context(), &organizations.InviteAccountToOrganizationInput{Target: handshakeOf(p.id)}))(t, "inviting")
	must(p.organizations.AcceptHandshake(t.Context(), &organizations.AcceptHandshakeInput{HandshakeId: out.Handshake.Id}))(t, "accepting")
}
