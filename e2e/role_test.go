package e2e

import (
	"errors"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"strongroom/internal/strongroomtest"
)

// hasLinked reports whether the account has AWSServiceRoleForBackup.
func (p *party) hasLinked(t *testing.T) bool {
	t.Helper()
	_, err := p.iam.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("AWSServiceRoleForBackup")})
	var missing *iamtypes.NoSuchEntityException
	if err != nil && !errors.As(err, &missing) {
		t.Fatalf("looking for the service-linked role: %v", err)
	}
	return err == nil
}

// unlink deletes AWSServiceRoleForBackup, which must succeed.
func (p *party) unlink(t *testing.T) {
	t.Helper()
	if status, reason := p.tryUnlink(t); status != iamtypes.DeletionTaskStatusTypeSucceeded {
		t.Fatalf("the deletion of the service-linked role is %s: %s", status, reason)
	}
}

func (p *party) tryUnlink(t *testing.T) (iamtypes.DeletionTaskStatusType, string) {
	t.Helper()
	task := must(p.iam.DeleteServiceLinkedRole(t.Context(), &iam.DeleteServiceLinkedRoleInput{RoleName: aws.String("AWSServiceRoleForBackup")}))(t, "deleting the service-linked role")
	out := must(p.iam.GetServiceLinkedRoleDeletionStatus(t.Context(), &iam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: task.DeletionTaskId}))(t, "asking for the deletion")
	if out.Reason == nil {
		return out.Status, ""
	}
	return out.Status, aws.ToString(out.Reason.Reason)
}

// userWho makes a user who may do what the statements allow.
func (p *party) userWho(t *testing.T, name string, statements ...statement) *party {
	t.Helper()
	user := p.user(t, name)
	must(p.iam.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("rights"), PolicyDocument: policy(statements...)}))(t, "allowing the user")
	return user
}

// TestServiceLinkedRoleComesToBe: AWSServiceRoleForBackup is there after those calls that make it at AWS, and after no
// others; whoever makes the call must be allowed iam:CreateServiceLinkedRole (reference §3.1).
func TestServiceLinkedRoleComesToBe(t *testing.T) {
	t.Parallel()
	s, ctx := strongroomtest.New(t), t.Context()
	boss, p := enter(t, s, management, home), enter(t, s, member, home)
	list := func(p *party) {
		t.Helper()
		must(p.backup.ListProtectedResources(ctx, &backup.ListProtectedResourcesInput{}))(t, "listing")
	}
	reader := p.userWho(t, "reader", statement{"Effect": "Allow", "Action": "backup:List*", "Resource": "*"})
	lister := p.userWho(t, "lister", statement{"Effect": "Allow", "Action": "backup:List*", "Resource": "*"}, statement{
		"Effect": "Allow", "Action": "iam:CreateServiceLinkedRole", "Resource": "*", "Condition": statement{"StringEquals": statement{"iam:AWSServiceName": "backup.amazonaws.com"}},
	})

	// Neither vaults nor other lists make it, nor somebody who may not.
	p.vault(t, "local-vault", p.key(t))
	must(p.backup.ListBackupVaults(ctx, &backup.ListBackupVaultsInput{}))(t, "listing vaults")
	list(reader)
	if p.hasLinked(t) {
		t.Error("the role is there before anybody made it")
	}
	list(lister)
	if !p.hasLinked(t) {
		t.Error("listing the protected resources does not make the role")
	}
	list(reader) // it is there: nothing is asked for any more
	made := p.in("us-east-1").records(t, "CreateServiceLinkedRole")
	if len(made) != 2 || made[0].ErrorCode != "" || made[1].ErrorCode != "AccessDenied" || made[0].UserIdentity.ARN != "arn:aws:iam::"+member+":user/lister" || made[0].UserIdentity.InvokedBy != "backup.amazonaws.com" {
		t.Errorf("the records of the role's making are %+v", made)
	}

	// The vault keeps it.
	if status, reason := p.tryUnlink(t); status != iamtypes.DeletionTaskStatusTypeFailed || reason != "The account has 1 backup vaults and 0 recovery points." {
		t.Errorf("the deletion beside a vault is %s: %s", status, reason)
	}
	must(p.backup.DeleteBackupVault(ctx, &backup.DeleteBackupVaultInput{BackupVaultName: aws.String("local-vault")}))(t, "deleting the vault")
	p.unlink(t)
	p.vault(t, "local-vault", p.key(t))

	// A backup makes it as soon as its role is assumed: not one whose role cannot be.
	bucket := p.bucket(t, "linking-bucket", "")
	p.backedUp(t, *must(p.backup.StartBackupJob(ctx, &backup.StartBackupJobInput{
		BackupVaultName: aws.String("local-vault"), ResourceArn: &bucket, IamRoleArn: aws.String("arn:aws:iam::" + member + ":role/no-such-role"),
	}))(t, "starting a backup").BackupJobId)
	if p.hasLinked(t) {
		t.Error("a backup that had no role made the service-linked one")
	}
	p.role(t, "jobs", rolePolicies...)
	p.backUp(t, "local-vault", bucket)
	if !p.hasLinked(t) {
		t.Error("a backup does not make the role")
	}

	// Settings of the organization.
	must(boss.organizations.EnableAWSServiceAccess(ctx, &organizations.EnableAWSServiceAccessInput{ServicePrincipal: aws.String("backup.amazonaws.com")}))(t, "trusting AWS Backup")
	for _, setting := range []string{"isCrossAccountBackupEnabled", "isDelegatedAdministratorEnabled"} {
		set := func(by *party, value string) error {
			_, err := by.backup.UpdateGlobalSettings(ctx, &backup.UpdateGlobalSettingsInput{GlobalSettings: map[string]string{setting: value}})
			return err
		}
		setter := boss.userWho(t, "setter-"+setting, statement{"Effect": "Allow", "Action": "backup:UpdateGlobalSettings", "Resource": "*"})
		if err := set(boss, "false"); err != nil || boss.hasLinked(t) {
			t.Errorf("turning %s off made the role, or failed: %v", setting, err)
		}
		switch err := set(setter, "true"); {
		case setting == "isCrossAccountBackupEnabled" && err != nil:
			t.Errorf("turning cross-account backup on without the right to make the role: %v", err)
		case setting == "isDelegatedAdministratorEnabled":
			denied(t, "turning delegated administrators on without the right to make the role", err)
		}
		if boss.hasLinked(t) {
			t.Errorf("turning %s on made the role for somebody who may not", setting)
		}
		if err := set(boss, "true"); err != nil || !boss.hasLinked(t) {
			t.Errorf("turning %s on does not make the role: %v", setting, err)
		}
		boss.unlink(t)
	}
}

// TestCopyNeedsTheServiceLinkedRole: the copy of a recovery point is made by the destination's AWSServiceRoleForBackup,
// and makes none; the keys of AWS Backup's own vaults are used as it, too.
func TestCopyNeedsTheServiceLinkedRole(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	crossAccount(t, s, true)
	m, b := enter(t, s, member, home), enter(t, s, vaulted, north)
	m.role(t, "jobs", rolePolicies...)
	b.linked(t) // the key's policy can name it only while it is there
	key := m.key(t, b)
	m.vault(t, "member-vault", key)
	b.unlink(t)
	destination := b.vault(t, "backup-vault", b.key(t), m)
	point := m.backUp(t, "member-vault", m.bucket(t, "unlinked-bucket", ""))
	job := m.copyJob(t, point, "member-vault", destination)
	if got := copyEnd(job); got != failedKey {
		t.Errorf("the copy into an account without the role ended with %+v, want %+v", got, failedKey)
	}
	x := explained(t, s, *job.CopyJobId)
	if !slices.Equal(x.Shut, []string{"source-key"}) {
		t.Errorf("the gates %q are shut, want that of the source's key", x.Shut)
	}
	for _, g := range x.Gates {
		if g.Gate == "source-key" && (len(g.Cures) != 1 || g.Cures[0].Call != "iam:CreateServiceLinkedRole" || g.Cures[0].AccountID != vaulted) {
			t.Errorf("the cures are %+v, want that the role be made", g.Cures)
		}
	}
	if b.hasLinked(t) {
		t.Error("a copy made the role")
	}
	b.linked(t)
	if got := m.tryCopy(t, point, "member-vault", destination); got != completed {
		t.Errorf("with the role the copy ended with %+v", got)
	}
}

// TestDefaultRole: AWSBackupDefaultServiceRole is there once somebody used the console, for which the administrator stands
// in; before, a backup misleads about it, and afterwards it can do everything but S3 (reference §3.1, E36).
func TestDefaultRole(t *testing.T) {
	t.Parallel()
	s, ctx := strongroomtest.New(t), t.Context()
	p := enter(t, s, member, home)
	p.vault(t, "local-vault", p.key(t))
	role := "arn:aws:iam::" + member + ":role/service-role/AWSBackupDefaultServiceRole"
	volume, bucket := p.volumeARN(p.volume(t, p.key(t), noise(91, blockSize))), p.bucket(t, "default-bucket", "")
	backup := func(resource, role string) (ended, string) {
		t.Helper()
		id := *must(p.backup.StartBackupJob(ctx, &backup.StartBackupJobInput{BackupVaultName: aws.String("local-vault"), ResourceArn: &resource, IamRoleArn: &role}))(t, "starting a backup").BackupJobId
		job := p.backedUp(t, id)
		return end(string(job.State), job.StatusMessage, job.MessageCategory), id
	}
	insufficient := ended{"FAILED", "IAM Role " + role + " does not have sufficient permissions to execute the backup.", "ACCESS_DENIED"}
	got, id := backup(volume, role)
	if got != insufficient {
		t.Errorf("the first backup under the default role ended with %+v, want %+v", got, insufficient)
	}
	if x := explained(t, s, id); !slices.Equal(x.Shut, []string{"role"}) {
		t.Errorf("the gates %q are shut, want that of the role", x.Shut)
	}
	other := "arn:aws:iam::" + member + ":role/another"
	if got, _ := backup(volume, other); got != (ended{"FAILED", "IAM Role " + other + " cannot be assumed by AWS Backup", "ACCESS_DENIED"}) {
		t.Errorf("a backup under another role that is not there ended with %+v", got)
	}
	if made := must(s.Admin.DefaultRole(ctx, member))(t, "making the default role"); made.ARN != role || !made.Made {
		t.Errorf("made %+v", made)
	}
	if again := must(s.Admin.DefaultRole(ctx, member))(t, "making the default role again"); again.Made {
		t.Errorf("made again: %+v", again)
	}
	if _, err := s.Admin.DefaultRole(ctx, "123123123123"); err == nil {
		t.Error("the default role of an account that is not there was made")
	}
	if got, _ := backup(volume, role); got != completed {
		t.Errorf("the same backup under the default role that is there ended with %+v", got)
	}
	if got, _ := backup(bucket, role); got != insufficient {
		t.Errorf("the backup of a bucket under the default role ended with %+v, want %+v", got, insufficient)
	}
	custom := p.role(t, jobRole, rolePolicies...)
	if got, _ := backup(bucket, custom); got != completed {
		t.Errorf("the backup of a bucket under a role with AWS's four policies ended with %+v", got)
	}
}

// TestSelectionsGoWithTheServiceLinkedRole: deleting AWSServiceRoleForBackup deletes the account's selections, and leaves an
// event of each (reference §11.4).
func TestSelectionsGoWithTheServiceLinkedRole(t *testing.T) {
	t.Parallel()
	s, ctx := strongroomtest.New(t), t.Context()
	p, other := enter(t, s, member, home), enter(t, s, vaulted, home)
	for _, party := range []*party{p, other} {
		party.linked(t)
		party.role(t, "jobs", rolePolicies...)
	}
	plans := map[*party]string{}
	for _, party := range []*party{p, p.in(north), other} {
		plans[party] = party.plan(t, "selecting", backuptypes.BackupRuleInput{}, tagged("backup", "daily"))
	}
	p.unlink(t)
	for party, plan := range plans {
		left := must(party.backup.ListBackupSelections(ctx, &backup.ListBackupSelectionsInput{BackupPlanId: &plan}))(t, "listing selections").BackupSelectionsList
		events := party.records(t, "BackupSelectionDeletedDueToSLRDeletion")
		if party == other {
			if len(left) != 1 || len(events) != 0 {
				t.Errorf("another account has the selections %+v and the events %+v", left, events)
			}
			continue
		}
		if len(left) != 0 {
			t.Errorf("in %s the selections %+v are left", party.region, left)
		}
		if len(events) != 1 || events[0].ServiceEventDetails["backupPlanId"] != plan || events[0].UserIdentity.InvokedBy != "backup.amazonaws.com" {
			t.Errorf("in %s the events are %+v", party.region, events)
		}
	}
}

// TestPassedRoles: whoever hands AWS Backup a role must be allowed iam:PassRole on it, to AWS Backup (reference §3.2).
func TestPassedRoles(t *testing.T) {
	t.Parallel()
	s, ctx := strongroomtest.New(t), t.Context()
	p := enter(t, s, member, home)
	role := p.role(t, "jobs", rolePolicies...)
	p.vault(t, "local-vault", p.key(t))
	other := p.vault(t, "other-vault", p.key(t))
	bucket := p.bucket(t, "passed-bucket", "")
	point := p.backUp(t, "local-vault", bucket)
	plan := p.plan(t, "passing", backuptypes.BackupRuleInput{})
	selection := tagged("backup", "daily")
	selection.SelectionName, selection.IamRoleArn = aws.String("passed"), &role
	calls := map[string]func(by *party) error{
		"StartBackupJob": func(by *party) error {
			_, err := by.backup.StartBackupJob(ctx, &backup.StartBackupJobInput{BackupVaultName: aws.String("local-vault"), ResourceArn: &bucket, IamRoleArn: &role})
			return err
		},
		"StartCopyJob": func(by *party) error {
			_, err := by.backup.StartCopyJob(ctx, &backup.StartCopyJobInput{SourceBackupVaultName: aws.String("local-vault"), RecoveryPointArn: &point, DestinationBackupVaultArn: &other, IamRoleArn: &role})
			return err
		},
		"StartRestoreJob": func(by *party) error {
			_, err := by.backup.StartRestoreJob(ctx, &backup.StartRestoreJobInput{RecoveryPointArn: &point, IamRoleArn: &role, Metadata: p.metadata(point, "passed-again")})
			return err
		},
		"CreateBackupSelection": func(by *party) error {
			_, err := by.backup.CreateBackupSelection(ctx, &backup.CreateBackupSelectionInput{BackupPlanId: &plan, BackupSelection: &selection})
			return err
		},
	}
	all := statement{"Effect": "Allow", "Action": "backup:*", "Resource": "*"}
	pass := func(service string) statement {
		return statement{"Effect": "Allow", "Action": "iam:PassRole", "Resource": role, "Condition": statement{"StringEquals": statement{"iam:PassedToService": service}}}
	}
	without, elsewhere, with := p.userWho(t, "without", all), p.userWho(t, "elsewhere", all, pass("ec2.amazonaws.com")), p.userWho(t, "with", all, pass("backup.amazonaws.com"))
	for name, call := range calls {
		for _, by := range []*party{without, elsewhere} {
			refused(t, call(by), "AccessDeniedException", 403, "is not authorized to perform: iam:PassRole on resource: "+role)
		}
		if err := call(with); err != nil {
			t.Errorf("%s by one who may pass the role: %v", name, err)
		}
	}
}
