package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
)

// TestDatabaseTwoSteps is the way of a database by the rules of 2024-04-26: backed up in the member account, copied into the
// backup account and from there into its other Region, restored there, and brought back by the detour, Region first.
func TestDatabaseTwoSteps(t *testing.T) {
	t.Parallel()
	m, first, final := backupAccounts(t, strongroomtest.New(t))
	resourceKey, memberKey, firstKey, finalKey := m.key(t, first), m.key(t, first), first.key(t, m), final.key(t, m)
	memberVault := m.vault(t, "member-vault", memberKey, first)
	firstVault, finalVault := first.vault(t, "first-vault", firstKey, m), final.vault(t, "final-vault", finalKey, m)
	source := m.database(t, "orders", resourceKey, dbTags("team", "shop"))
	rows := m.orders(t, "orders")

	local := m.backUp(t, "member-vault", source)
	m.order(t, "orders", 1000, 1100) // too late for the recovery point
	oneStep := func(p *party, point, vault, destination, from, to string) {
		t.Helper()
		want := ended{"FAILED", "Copy job from " + from + " to " + to + " cannot be initiated for RDS resources. Feature is not supported for provided resource type.", "UNSUPPORTED_OPERATION"}
		if got := p.tryCopy(t, point, vault, destination); got != want {
			t.Errorf("a copy from %s to %s in one step: %+v", from, to, got)
		}
	}
	oneStep(m, local, "member-vault", finalVault, home, north)
	there := m.copyTo(t, local, "member-vault", firstVault)
	far := first.copyTo(t, there, "first-vault", finalVault)
	oneStep(final, far, "final-vault", memberVault, north, home)
	near := final.copyTo(t, far, "final-vault", firstVault)
	back := first.copyTo(t, near, "first-vault", memberVault)

	for _, c := range []struct {
		what         string
		at           *party
		vault, point string
		key, prefix  string
	}{
		{"a new point keeps the instance's key", m, "member-vault", local, resourceKey, "job-"},
		{"the first copy is sealed under its vault's key", first, "first-vault", there, firstKey, "copyjob-"},
		{"so is the second", final, "final-vault", far, finalKey, "copyjob-"},
		{"so is the one on the way back", first, "first-vault", near, firstKey, "copyjob-"},
		{"so is the one that is back", m, "member-vault", back, memberKey, "copyjob-"},
	} {
		p := c.at.point(t, c.vault, c.point)
		if got := aws.ToString(p.EncryptionKeyArn); got != c.key || !p.IsEncrypted || aws.ToString(p.ResourceArn) != source || aws.ToString(p.ResourceType) != "RDS" {
			t.Errorf("%s: %s of %s is under %s (encrypted: %t), want %s", c.what, aws.ToString(p.ResourceType), aws.ToString(p.ResourceArn), got, p.IsEncrypted, c.key)
		}
		if want := "arn:aws:rds:" + c.at.region + ":" + c.at.id + ":snapshot:awsbackup:" + c.prefix; !strings.HasPrefix(c.point, want) {
			t.Errorf("%s is called %s, want %s…", c.what, c.point, want)
		}
		// RDS shows the same.
		_, id, _ := strings.Cut(c.point, ":snapshot:")
		s := must(c.at.rds().DescribeDBSnapshots(t.Context(), &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: &id}))(t, "describing the snapshot").DBSnapshots[0]
		if aws.ToString(s.SnapshotType) != "awsbackup" || aws.ToString(s.KmsKeyId) != c.key || aws.ToString(s.DBInstanceIdentifier) != "orders" || aws.ToString(s.Status) != "available" {
			t.Errorf("RDS shows the snapshot %s of %s as %s (%s) under %s", id, aws.ToString(s.DBInstanceIdentifier), aws.ToString(s.SnapshotType), aws.ToString(s.Status), aws.ToString(s.KmsKeyId))
		}
	}
	if diff := cmp.Diff(rows, final.restoreDatabase(t, "final-vault", far, "orders-there")); diff != "" {
		t.Errorf("restored in the backup account (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(rows, m.restoreDatabase(t, "member-vault", back, "orders-again")); diff != "" {
		t.Errorf("restored in the member account (-want +got):\n%s", diff)
	}
	if got := aws.ToString(m.instance(t, "orders-again").KmsKeyId); got != memberKey {
		t.Errorf("the restored instance is under %s, want the key of its recovery point %s", got, memberKey)
	}
}

// TestDatabaseOneStep: since 2025-10-23 one copy action brings a database across account and Region, on both ways.
func TestDatabaseOneStep(t *testing.T) {
	t.Parallel()
	m, _, final := backupAccounts(t, strongroomtest.New(t, current))
	memberVault, finalVault := m.vault(t, "member-vault", m.key(t, final), final), final.vault(t, "final-vault", final.key(t, m), m)
	source := m.database(t, "orders", m.key(t, final))
	rows := m.orders(t, "orders")
	far := m.copyTo(t, m.backUp(t, "member-vault", source), "member-vault", finalVault)
	back := final.copyTo(t, far, "final-vault", memberVault)
	if diff := cmp.Diff(rows, m.restoreDatabase(t, "member-vault", back, "orders-again")); diff != "" {
		t.Errorf("restored (-want +got):\n%s", diff)
	}
}

// TestDatabaseKeys: what is sealed under a key that is disabled is neither restored nor copied nor backed up, in AWS's words; what
// is not encrypted becomes so by a copy; and a snapshot under aws/rds does not leave its account.
func TestDatabaseKeys(t *testing.T) {
	t.Parallel()
	m, first, _ := backupAccounts(t, strongroomtest.New(t))
	resourceKey, firstKey := m.key(t, first), first.key(t)
	m.vault(t, "member-vault", m.key(t))
	firstVault := first.vault(t, "first-vault", firstKey, m)
	source := m.database(t, "orders", resourceKey)
	local := m.backUp(t, "member-vault", source)

	must(m.kms.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &resourceKey}))(t, "disabling the key")
	unusable := ended{"FAILED", "The source snapshot KMS key [" + resourceKey + "] does not exist, is not enabled or you do not have permissions to access it.", "KMS_KEY_ERROR"}
	if got := m.tryCopy(t, local, "member-vault", firstVault); got != unusable {
		t.Errorf("copying under a disabled key: %+v", got)
	}
	job := m.backedUp(t, m.startBackup(t, "member-vault", source))
	if got := end(string(job.State), job.StatusMessage, job.MessageCategory); got != failedKey {
		t.Errorf("backing up under a disabled key: %+v", got)
	}
	restored := m.restoreJob(t, local, m.databaseMetadata(t, "member-vault", local, "orders-locked"))
	if got := end(string(restored.Status), restored.StatusMessage, nil); got != (ended{"FAILED", keyUnusable, ""}) {
		t.Errorf("restoring under a disabled key: %+v", got)
	}
	must(m.kms.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &resourceKey}))(t, "enabling the key")

	plain := m.backUp(t, "member-vault", m.database(t, "plain", ""))
	if p := m.point(t, "member-vault", plain); p.IsEncrypted || p.EncryptionKeyArn != nil {
		t.Errorf("the point of an unencrypted instance is encrypted: %t, %s", p.IsEncrypted, aws.ToString(p.EncryptionKeyArn))
	}
	copied := m.copyTo(t, plain, "member-vault", firstVault)
	if p := first.point(t, "first-vault", copied); !p.IsEncrypted || aws.ToString(p.EncryptionKeyArn) != firstKey {
		t.Errorf("its copy is encrypted: %t, under %s", p.IsEncrypted, aws.ToString(p.EncryptionKeyArn))
	}

	managed := m.database(t, "managed", "", func(in *rds.CreateDBInstanceInput) { in.StorageEncrypted = aws.Bool(true) })
	key := aws.ToString(m.instance(t, "managed").KmsKeyId)
	point := m.backUp(t, "member-vault", managed)
	want := ended{"FAILED", "The source snapshot KMS key [" + key + "] does not exist, is not enabled or you do not have permissions to access it.", "KMS_KEY_ERROR"}
	if got := m.tryCopy(t, point, "member-vault", firstVault); got != want {
		t.Errorf("copying what is under aws/rds into another account: %+v", got)
	}
	between := m.copyTo(t, point, "member-vault", m.vault(t, "between-vault", m.key(t, first)))
	m.copyTo(t, between, "between-vault", firstVault)
}

// TestDatabaseIncremental: a second backup of a database in which little has changed adds little to the vault.
func TestDatabaseIncremental(t *testing.T) {
	t.Parallel()
	p := enter(t, strongroomtest.New(t), member, home)
	p.role(t, "jobs", rolePolicies...)
	p.vault(t, "local-vault", p.key(t))
	source := p.database(t, "orders", p.key(t))
	transferred := func() int64 {
		job := p.backedUp(t, p.startBackup(t, "local-vault", source))
		if got := end(string(job.State), job.StatusMessage, job.MessageCategory); got != completed {
			t.Fatalf("the backup: %+v", got)
		}
		return aws.ToInt64(job.BytesTransferred)
	}
	whole := transferred()
	p.order(t, "orders", 300, 310)
	if changed := transferred(); whole < 10<<20 || changed <= 0 || changed > whole/2 {
		t.Errorf("the first backup transferred %d bytes, and the second, of eleven rows more, %d", whole, changed)
	}
}

// TestDatabaseRemoval: RDS does not delete what AWS Backup manages; AWS Backup does, as a role that may.
func TestDatabaseRemoval(t *testing.T) {
	t.Parallel()
	p := enter(t, strongroomtest.New(t), member, home)
	p.role(t, "jobs", rolePolicies...)
	p.vault(t, "local-vault", p.key(t))
	point := p.backUp(t, "local-vault", p.database(t, "orders", p.key(t)))
	_, id, _ := strings.Cut(point, ":snapshot:")
	_, err := p.rds().DeleteDBSnapshot(t.Context(), &rds.DeleteDBSnapshotInput{DBSnapshotIdentifier: &id})
	refused(t, err, "InvalidDBSnapshotState", 400, "AWS Backup")
	must(p.rds().DeleteDBInstance(t.Context(), &rds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("orders"), SkipFinalSnapshot: aws.Bool(true)}))(t, "losing the database")
	if got := p.restoreDatabase(t, "local-vault", point, "orders-again"); len(got) != 200 {
		t.Errorf("%d rows came back of a database that is gone", len(got))
	}
	must(p.backup.DeleteRecoveryPoint(t.Context(), &backup.DeleteRecoveryPointInput{BackupVaultName: aws.String("local-vault"), RecoveryPointArn: &point}))(t, "deleting the recovery point")
	eventually(t.Context(), t, "the deletion", func() (bool, error) { return p.gone(t, "local-vault", point), nil })
	_, err = p.rds().DescribeDBSnapshots(t.Context(), &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: &id})
	refused(t, err, "DBSnapshotNotFound", 404, id)
}

// TestDatabaseMetadata: what a restore needs is asked for, and what it does not know refused; the key is only told.
func TestDatabaseMetadata(t *testing.T) {
	t.Parallel()
	p := enter(t, strongroomtest.New(t), member, home)
	p.role(t, "jobs", rolePolicies...)
	p.vault(t, "local-vault", p.key(t))
	resourceKey := p.key(t)
	point := p.backUp(t, "local-vault", p.database(t, "orders", resourceKey, dbTags("team", "shop")))
	for _, c := range []struct {
		metadata map[string]string
		want     string
	}{
		{map[string]string{"DBInstanceClass": "db.t3.micro"}, "Missing required restore metadata: DBInstanceIdentifier"},
		{map[string]string{"DBInstanceIdentifier": "a", "Colour": "red"}, "Invalid restore metadata: Colour"},
		{map[string]string{"DBInstanceIdentifier": "a", "Port": "high"}, "Invalid restore metadata: Port"},
		{map[string]string{"DBInstanceIdentifier": "a", "MultiAZ": "perhaps"}, "Invalid restore metadata: MultiAZ"},
		{map[string]string{"DBInstanceIdentifier": "a", "VpcSecurityGroupIds": "sg-1"}, "Invalid restore metadata: VpcSecurityGroupIds"},
	} {
		out := p.restoreJob(t, point, c.metadata)
		if got := end(string(out.Status), out.StatusMessage, nil); got != (ended{"FAILED", c.want, ""}) {
			t.Errorf("restoring with %v: %+v", c.metadata, got)
		}
	}
	started := must(p.backup.StartRestoreJob(t.Context(), &backup.StartRestoreJobInput{
		RecoveryPointArn: &point, IamRoleArn: aws.String(p.roleARN()), CopySourceTagsToRestoredResource: true,
		Metadata: map[string]string{"dbinstanceidentifier": "orders-again", "kmskeyid": p.key(t), "encrypted": "true", "vpcid": "vpc-1"},
	}))(t, "starting a restore")
	out := p.restored(t, *started.RestoreJobId)
	if got := end(string(out.Status), out.StatusMessage, nil); got != completed {
		t.Fatalf("restoring: %+v", got)
	}
	again := p.instance(t, "orders-again")
	if aws.ToString(again.KmsKeyId) != resourceKey {
		t.Errorf("the restored instance is under %s, want %s", aws.ToString(again.KmsKeyId), resourceKey)
	}
	if len(again.TagList) != 1 || aws.ToString(again.TagList[0].Value) != "shop" {
		t.Errorf("the restored instance has the tags %v", again.TagList)
	}
	if out := p.restoreJob(t, point, map[string]string{"DBInstanceIdentifier": "orders"}); !strings.Contains(aws.ToString(out.StatusMessage), "already exists") {
		t.Errorf("restoring over an instance that is there: %s: %s", out.Status, aws.ToString(out.StatusMessage))
	}
}

// TestDatabaseJobsAreNotStopped: AWS Backup stops no backups of databases.
func TestDatabaseJobsAreNotStopped(t *testing.T) {
	t.Parallel()
	p := enter(t, strongroomtest.New(t), member, home)
	p.role(t, "jobs", rolePolicies...)
	p.vault(t, "local-vault", p.key(t))
	id := p.startBackup(t, "local-vault", p.database(t, "orders", ""))
	_, err := p.backup.StopBackupJob(t.Context(), &backup.StopBackupJobInput{BackupJobId: &id})
	refused(t, err, "InvalidRequestException", 400, "RDS")
	if job := p.backedUp(t, id); job.State != "COMPLETED" {
		t.Errorf("the job is %s: %s", job.State, aws.ToString(job.StatusMessage))
	}
}

// TestDatabasePlan: a plan finds a database by its tag and copies it, and nothing of a type that the account has opted out of.
func TestDatabasePlan(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	morning(t, s)
	m, first, _ := backupAccounts(t, s)
	m.vault(t, "member-vault", m.key(t))
	firstVault := first.vault(t, "first-vault", first.key(t), m)
	source := m.database(t, "orders", m.key(t, first), dbTags("backup", "nightly"))
	other := m.database(t, "scratch", "")
	m.plan(t, "nightly", copyRule(firstVault, 30), tagged("backup", "nightly"))
	optIn := func(on bool) {
		must(m.backup.UpdateRegionSettings(t.Context(), &backup.UpdateRegionSettingsInput{ResourceTypeOptInPreference: map[string]bool{"RDS": on}}))(t, "opting")
	}
	optIn(false)
	move(t, s, server.ClockMove{Advance: oneDay})
	if jobs := m.backupJobs(t, source); len(jobs) != 0 {
		t.Errorf("%d jobs of a type that is opted out of", len(jobs))
	}
	optIn(true)
	move(t, s, server.ClockMove{Advance: oneDay})
	jobs := m.backupJobs(t, source)
	if len(jobs) != 1 || jobs[0].State != "COMPLETED" {
		t.Fatalf("the plan made the jobs %+v", jobs)
	}
	if jobs := m.backupJobs(t, other); len(jobs) != 0 {
		t.Errorf("%d jobs of a database without the tag", len(jobs))
	}
	if points := first.points(t, "first-vault"); len(points) != 1 {
		t.Errorf("the copies are %q", points)
	}
}
