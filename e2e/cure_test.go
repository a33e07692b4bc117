package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	organizationstypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
)

// cured backs up, copies or restores, applies every cure of the failure's explanation literally, and sees that the job
// succeeds when it is made again.
func cured(t *testing.T, s *strongroomtest.Server, what string, try func() (string, ended), want ...string) {
	t.Helper()
	id, got := try()
	if got == completed {
		t.Fatalf("%s: the job completed before it was cured", what)
	}
	calls := pasteCures(t, s, explained(t, s, id))
	if fmt.Sprint(calls) != fmt.Sprint(want) {
		t.Errorf("%s: the cures are %q, want %q", what, calls, want)
	}
	if id, got = try(); got != completed {
		t.Errorf("%s: after the cures the job ended with %+v, and its gates %q are shut", what, got, explained(t, s, id).Shut)
	}
}

func (p *party) tryBackup(t *testing.T, vault, resource string) func() (string, ended) {
	return func() (string, ended) {
		job := p.backedUp(t, p.startBackup(t, vault, resource))
		return *job.BackupJobId, end(string(job.State), job.StatusMessage, job.MessageCategory)
	}
}

func (p *party) tryCopies(t *testing.T, point, vault, destination string) func() (string, ended) {
	return func() (string, ended) {
		job := p.copyJob(t, point, vault, destination)
		return *job.CopyJobId, copyEnd(job)
	}
}

// TestCuresOfRoles: a role that lacks the policies of AWS for a type gets them, and the job succeeds at once.
func TestCuresOfRoles(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	p := enter(t, s, member, home)
	p.vault(t, "local-vault", p.key(t))
	bucket, volume := p.bucket(t, "cured-bucket", ""), p.volumeARN(p.volume(t, p.key(t), noise(6, blockSize)))
	cured(t, s, "no role", p.tryBackup(t, "local-vault", bucket), "role iam:CreateRole", "role iam:AttachRolePolicy", "role iam:AttachRolePolicy")
	for _, policy := range []string{rolePolicies[0], rolePolicies[2]} {
		must(p.iam.DetachRolePolicy(t.Context(), &iam.DetachRolePolicyInput{RoleName: aws.String("jobs"), PolicyArn: aws.String("arn:aws:iam::aws:policy/" + policy)}))(t, "detaching")
	}
	cured(t, s, "a bucket", p.tryBackup(t, "local-vault", bucket), "resource iam:AttachRolePolicy")
	cured(t, s, "a volume", p.tryBackup(t, "local-vault", volume), "resource iam:AttachRolePolicy")
	must(p.iam.DetachRolePolicy(t.Context(), &iam.DetachRolePolicyInput{RoleName: aws.String("jobs"), PolicyArn: aws.String("arn:aws:iam::aws:policy/" + rolePolicies[2])}))(t, "detaching")
	must(p.iam.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("jobs"), PolicyDocument: policy(
		statement{"Effect": "Allow", "Principal": statement{"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})}))(t, "changing whom the role trusts")
	cured(t, s, "a role of another service, which may not", p.tryBackup(t, "local-vault", bucket), "role iam:UpdateAssumeRolePolicy", "resource iam:AttachRolePolicy")
	for _, point := range []string{p.backUp(t, "local-vault", bucket), p.backUp(t, "local-vault", volume)} {
		n := 0
		restore := func() (string, ended) {
			n++
			out := p.restoreJob(t, point, p.metadata(point, fmt.Sprintf("cured-bucket-%d", n)))
			return *out.RestoreJobId, end(string(out.Status), out.StatusMessage, nil)
		}
		gate := "target"
		if strings.Contains(point, ":snapshot/") {
			gate = "key"
		}
		cured(t, s, "restoring "+point, restore, gate+" iam:AttachRolePolicy")
	}
}

// TestCuresOfCopies makes mistakes of copies whose cures have several steps, or change one policy twice.
func TestCuresOfCopies(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	crossAccount(t, s, true)
	m, b, boss := enter(t, s, member, home), enter(t, s, vaulted, north), enter(t, s, management, "us-east-1")
	for _, p := range []*party{m, b} {
		p.role(t, "jobs", rolePolicies...)
		p.linked(t)
	}
	m.vault(t, "member-vault", m.key(t, b))
	destinationKey := b.key(t)
	destination := b.vault(t, "backup-vault", destinationKey, m)
	point := m.backUp(t, "member-vault", m.volumeARN(m.volume(t, m.key(t, b), noise(5, blockSize))))

	cured(t, s, "no vault", m.tryCopies(t, point, "member-vault", b.vaultARN("new-vault")),
		"destination-vault kms:CreateKey", "destination-vault backup:CreateBackupVault", "destination-vault backup:PutBackupVaultAccessPolicy")

	must(b.kms.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &destinationKey, PendingWindowInDays: aws.Int32(7)}))(t, "deleting a key")
	cured(t, s, "a key about to go", m.tryCopies(t, point, "member-vault", destination), "destination-key-state kms:CancelKeyDeletion", "destination-key-state kms:EnableKey")

	// One SCP, and one boundary at its five versions, refuse at two gates each.
	root := must(boss.organizations.ListRoots(ctx, &organizations.ListRootsInput{}))(t, "listing roots").Roots[0]
	must(boss.organizations.EnablePolicyType(ctx, &organizations.EnablePolicyTypeInput{RootId: root.Id, PolicyType: organizationstypes.PolicyTypeServiceControlPolicy}))(t, "enabling SCPs")
	scp := must(boss.organizations.CreatePolicy(ctx, &organizations.CreatePolicyInput{
		Name: aws.String("no-copies"), Description: aws.String(""), Type: organizationstypes.PolicyTypeServiceControlPolicy,
		Content: policy(statement{"Effect": "Deny", "Action": "backup:CopyFromBackupVault", "Resource": "*"}, statement{"Effect": "Deny", "Action": "backup:CopyIntoBackupVault", "Resource": "*"}),
	}))(t, "making an SCP")
	must(boss.organizations.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: scp.Policy.PolicySummary.Id, TargetId: root.Id}))(t, "attaching it")
	boundary := must(m.iam.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("boundary"), PolicyDocument: policy(
		statement{"Effect": "Allow", "NotAction": "backup:*", "Resource": "*"})}))(t, "making a boundary").Policy.Arn
	for range 4 {
		must(m.iam.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: boundary, SetAsDefault: true, PolicyDocument: policy(
			statement{"Effect": "Allow", "NotAction": "backup:Copy*", "Resource": "*"})}))(t, "changing the boundary")
	}
	must(m.iam.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: aws.String("jobs"), PermissionsBoundary: boundary}))(t, "bounding the role")
	cured(t, s, "one policy at two gates", m.tryCopies(t, point, "member-vault", destination),
		"copy-from organizations:UpdatePolicy", "copy-from iam:DeletePolicyVersion", "copy-from iam:CreatePolicyVersion",
		"copy-into organizations:UpdatePolicy", "copy-into iam:DeletePolicyVersion", "copy-into iam:CreatePolicyVersion")
	content := *must(boss.organizations.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: scp.Policy.PolicySummary.Id}))(t, "reading the SCP").Policy.Content
	if strings.Count(content, `"ArnNotLike":{"aws:PrincipalArn":"`+m.roleARN()+`"}`) != 2 {
		t.Errorf("the SCP is %s: it must deny everybody else as before", content)
	}

	must(m.iam.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: aws.String("jobs")}))(t, "freeing the role")

	// What a lock admits, and the way around a managed key, start jobs of their own.
	lock := func(vault string) {
		t.Helper()
		must(b.backup.PutBackupVaultLockConfiguration(ctx, &backup.PutBackupVaultLockConfigurationInput{BackupVaultName: &vault, MinRetentionDays: aws.Int64(7), MaxRetentionDays: aws.Int64(30)}))(t, "locking")
	}
	lock("new-vault")
	started := func(what string, job *backuptypes.CopyJob, want ...string) {
		t.Helper()
		if calls := pasteCures(t, s, explained(t, s, *job.CopyJobId)); fmt.Sprint(calls) != fmt.Sprint(want) {
			t.Errorf("%s: the cures are %q, want %q", what, calls, want)
		}
	}
	started("a lock", m.copyJob(t, point, "member-vault", b.vaultARN("new-vault")), "lock backup:StartCopyJob")
	plain := *must(m.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String("alias/aws/ebs")}))(t, "the managed key of EBS").KeyMetadata.Arn
	unshared := m.backUp(t, "member-vault", m.volumeARN(m.volume(t, plain, noise(7, blockSize))))
	started("a managed key", m.copyJob(t, unshared, "member-vault", destination),
		"source-key-kind kms:CreateKey", "source-key-kind backup:CreateBackupVault", "source-key-kind backup:StartCopyJob",
		"source-key-kind backup:DescribeCopyJob", "source-key-kind backup:StartCopyJob")
}

// shell is what the variables of a shell keep, in which cures are pasted.
type shell map[string]string

// pasteCures applies all cures of an explanation in order, which must all be commands that name their account, and tells their
// gates and calls.
func pasteCures(t *testing.T, s *strongroomtest.Server, x server.JobExplanation) (calls []string) {
	t.Helper()
	b := shell{}
	for _, g := range x.Gates {
		for _, c := range g.Cures {
			if c.Command == "" || c.AccountID == "" {
				t.Errorf("a cure of %s is no command in an account: %+v", g.Gate, c)
			}
			calls = append(calls, g.Gate+" "+c.Call)
			b.applyCure(t, s, c)
		}
	}
	return calls
}

// applyCure makes the call of a cure in its account, as its command would.
func (b shell) applyCure(t *testing.T, s *strongroomtest.Server, c server.Cure) {
	t.Helper()
	account, region := c.AccountID, c.Region
	if account == "" {
		account = management // who binds the organization's accounts
	}
	if region == "" {
		region = "us-east-1"
	}
	p, ctx := enter(t, s, account, region), t.Context()
	of := func(name string) *string {
		value, found := c.Parameters[name]
		if !found {
			t.Fatalf("the cure %+v lacks %s", c, name)
		}
		if kept, is := strings.CutPrefix(value, "$"); is {
			value, found = b[kept]
			if !found {
				t.Fatalf("nothing has kept %s, which %s names", kept, c.Command)
			}
		}
		return &value
	}
	perhaps := func(name string) *string {
		if c.Parameters[name] == "" {
			return nil
		}
		return of(name)
	}
	lifecycle := func() *backuptypes.Lifecycle {
		if c.Parameters["Lifecycle.DeleteAfterDays"] == "" {
			return nil
		}
		days, err := strconv.ParseInt(*of("Lifecycle.DeleteAfterDays"), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return &backuptypes.Lifecycle{DeleteAfterDays: &days}
	}
	kept := ""
	var err error
	switch c.Call {
	case "organizations:EnableAWSServiceAccess":
		_, err = p.organizations.EnableAWSServiceAccess(ctx, &organizations.EnableAWSServiceAccessInput{ServicePrincipal: of("ServicePrincipal")})
	case "organizations:DetachPolicy":
		_, err = p.organizations.DetachPolicy(ctx, &organizations.DetachPolicyInput{PolicyId: of("PolicyId"), TargetId: of("TargetId")})
	case "organizations:UpdatePolicy":
		_, err = p.organizations.UpdatePolicy(ctx, &organizations.UpdatePolicyInput{PolicyId: of("PolicyId"), Content: of("Content")})
	case "backup:UpdateGlobalSettings":
		_, err = p.backup.UpdateGlobalSettings(ctx, globalSettings(*of("GlobalSettings.isCrossAccountBackupEnabled")))
	case "backup:PutBackupVaultAccessPolicy":
		_, err = p.backup.PutBackupVaultAccessPolicy(ctx, &backup.PutBackupVaultAccessPolicyInput{BackupVaultName: of("BackupVaultName"), Policy: of("Policy")})
	case "iam:UpdateAssumeRolePolicy":
		_, err = p.iam.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: of("RoleName"), PolicyDocument: of("PolicyDocument")})
	case "iam:PutRolePolicy":
		_, err = p.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: of("RoleName"), PolicyName: of("PolicyName"), PolicyDocument: of("PolicyDocument")})
	case "iam:DeleteRolePolicy":
		_, err = p.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: of("RoleName"), PolicyName: of("PolicyName")})
	case "kms:PutKeyPolicy":
		_, err = p.kms.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: of("KeyId"), PolicyName: of("PolicyName"), Policy: of("Policy")})
	case "organizations:CreatePolicy":
		var out *organizations.CreatePolicyOutput
		if out, err = p.organizations.CreatePolicy(ctx, &organizations.CreatePolicyInput{
			Name: of("Name"), Description: of("Description"), Type: organizationstypes.PolicyType(*of("Type")), Content: of("Content"),
		}); err == nil {
			kept = *out.Policy.PolicySummary.Id
		}
	case "organizations:AttachPolicy":
		_, err = p.organizations.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: of("PolicyId"), TargetId: of("TargetId")})
	case "iam:AttachRolePolicy":
		_, err = p.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: of("RoleName"), PolicyArn: of("PolicyArn")})
	case "iam:CreateRole":
		_, err = p.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: of("RoleName"), AssumeRolePolicyDocument: of("AssumeRolePolicyDocument"), Path: perhaps("Path")})
	case "iam:CreatePolicyVersion":
		_, err = p.iam.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: of("PolicyArn"), PolicyDocument: of("PolicyDocument"), SetAsDefault: *of("SetAsDefault") == "true"})
	case "iam:DeletePolicyVersion":
		_, err = p.iam.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: of("PolicyArn"), VersionId: of("VersionId")})
	case "kms:CreateKey":
		var out *kms.CreateKeyOutput
		if out, err = p.kms.CreateKey(ctx, &kms.CreateKeyInput{Description: of("Description"), Policy: perhaps("Policy")}); err == nil {
			kept = *out.KeyMetadata.Arn
		}
	case "kms:CancelKeyDeletion":
		_, err = p.kms.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: of("KeyId")})
	case "backup:CreateBackupVault":
		_, err = p.backup.CreateBackupVault(ctx, &backup.CreateBackupVaultInput{BackupVaultName: of("BackupVaultName"), EncryptionKeyArn: perhaps("EncryptionKeyArn")})
	case "backup:StartCopyJob":
		var out *backup.StartCopyJobOutput
		if out, err = p.backup.StartCopyJob(ctx, &backup.StartCopyJobInput{
			RecoveryPointArn: of("RecoveryPointArn"), SourceBackupVaultName: of("SourceBackupVaultName"), DestinationBackupVaultArn: of("DestinationBackupVaultArn"),
			IamRoleArn: of("IamRoleArn"), Lifecycle: lifecycle(),
		}); err == nil {
			kept = *out.CopyJobId
			if got := copyEnd(p.copyEnded(t, kept)); got != completed {
				t.Errorf("the copy that a cure starts ended with %+v", got)
			}
		}
	case "backup:StartBackupJob":
		var out *backup.StartBackupJobOutput
		if out, err = p.backup.StartBackupJob(ctx, &backup.StartBackupJobInput{
			BackupVaultName: of("BackupVaultName"), ResourceArn: of("ResourceArn"), IamRoleArn: of("IamRoleArn"), Lifecycle: lifecycle(),
		}); err == nil {
			if job := p.backedUp(t, *out.BackupJobId); end(string(job.State), job.StatusMessage, job.MessageCategory) != completed {
				t.Errorf("the backup that a cure starts ended with %s: %s", job.State, aws.ToString(job.StatusMessage))
			}
		}
	case "backup:DescribeCopyJob":
		var out *backup.DescribeCopyJobOutput
		if out, err = p.backup.DescribeCopyJob(ctx, &backup.DescribeCopyJobInput{CopyJobId: of("CopyJobId")}); err == nil {
			kept = *out.CopyJob.DestinationRecoveryPointArn
		}
	case "kms:EnableKey":
		_, err = p.kms.EnableKey(ctx, &kms.EnableKeyInput{KeyId: of("KeyId")})
	default:
		t.Fatalf("nobody here can call %s", c.Call)
	}
	if err != nil {
		t.Fatalf("%s: %v", c.Command, err)
	}
	if c.Keeps != "" {
		b[c.Keeps] = kept
	}
}
