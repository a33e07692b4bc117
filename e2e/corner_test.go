package e2e

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
)

// allow gives the role "jobs" a statement more, or takes it away again if it is nil.
func (p *party) allow(t *testing.T, s statement) {
	t.Helper()
	if s == nil {
		must(p.iam.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: aws.String("jobs"), PolicyName: aws.String("more")}))(t, "taking a policy away")
		return
	}
	must(p.iam.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("jobs"), PolicyName: aws.String("more"), PolicyDocument: policy(s)}))(t, "giving a policy")
}

// backUpWith backs a resource up with more than a vault, and returns its recovery point.
func (p *party) backUpWith(t *testing.T, resource string, change func(*backup.StartBackupJobInput)) string {
	t.Helper()
	in := &backup.StartBackupJobInput{BackupVaultName: aws.String("local-vault"), ResourceArn: &resource, IamRoleArn: aws.String(p.roleARN())}
	change(in)
	out := p.backedUp(t, *must(p.backup.StartBackupJob(t.Context(), in))(t, "starting a backup").BackupJobId)
	if out.State != backuptypes.BackupJobStateCompleted {
		t.Fatalf("the backup of %s is %s: %s", resource, out.State, aws.ToString(out.StatusMessage))
	}
	return *out.RecoveryPointArn
}

// TestPointNobodyMayDelete: a volume's recovery point is deleted as the role that made it. Where that may not, and the
// service-linked role does not know the point as its own, the point is EXPIRED, until the role may again.
func TestPointNobodyMayDelete(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	key := p.key(t)
	p.vault(t, "local-vault", key)
	image := noise(70, blockSize)
	point := p.backUp(t, "local-vault", p.volumeARN(p.volume(t, key, image)))
	remove := func() {
		t.Helper()
		must(p.backup.DeleteRecoveryPoint(t.Context(), &backup.DeleteRecoveryPointInput{BackupVaultName: aws.String("local-vault"), RecoveryPointArn: &point}))(t, "deleting")
	}
	p.allow(t, statement{"Effect": "Deny", "Action": "ec2:DeleteSnapshot", "Resource": "*"})
	remove()
	eventually(t.Context(), t, "the point expires", func() (bool, error) {
		out := p.point(t, "local-vault", point)
		return out.Status == backuptypes.RecoveryPointStatusExpired, fmt.Errorf("it is %s", out.Status)
	})
	if message := aws.ToString(p.point(t, "local-vault", point).StatusMessage); !strings.Contains(message, "ec2:DeleteSnapshot") {
		t.Errorf("the point says %q", message)
	}
	p.allow(t, nil)
	remove()
	eventually(t.Context(), t, "the point goes", func() (bool, error) { return p.gone(t, "local-vault", point), nil })
}

// TestLegalHoldOutlastsRetention: a held point stays when its retention is over, and goes when it is released.
func TestLegalHoldOutlastsRetention(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	p.vault(t, "local-vault", p.key(t))
	bucket := p.bucket(t, "held-bucket", "")
	point := p.backUpWith(t, bucket, func(in *backup.StartBackupJobInput) { in.Lifecycle = days(7) })
	hold := must(p.backup.CreateLegalHold(ctx, &backup.CreateLegalHoldInput{
		Title: aws.String("a case"), Description: aws.String("of the bucket"),
		RecoveryPointSelection: &backuptypes.RecoveryPointSelection{ResourceIdentifiers: []string{bucket}},
	}))(t, "holding")
	s = restart(t, s)
	p = enter(t, s, member, home)
	move(t, s, server.ClockMove{Advance: 40 * 24 * time.Hour})
	if out := p.point(t, "local-vault", point); out.Status != backuptypes.RecoveryPointStatusCompleted {
		t.Errorf("the held point is %s", out.Status)
	}
	eventually(ctx, t, "no job is told of after 40 days", func() (bool, error) { return len(p.backupJobs(t, "")) == 0, nil })
	if diff := cmp.Diff(p.objects(t, "held-bucket"), p.restoreBucket(t, point, "held-restored")); diff != "" {
		t.Errorf("the held point restores (-want +got):\n%s", diff)
	}
	must(p.backup.CancelLegalHold(ctx, &backup.CancelLegalHoldInput{LegalHoldId: hold.LegalHoldId, CancelDescription: aws.String("settled"), RetainRecordInDays: aws.Int64(1)}))(t, "canceling")
	eventually(ctx, t, "the released point goes", func() (bool, error) { return p.gone(t, "local-vault", point), nil })
	move(t, s, server.ClockMove{Advance: 25 * time.Hour})
	eventually(ctx, t, "the hold's record goes", func() (bool, error) {
		out, err := p.backup.ListLegalHolds(ctx, &backup.ListLegalHoldsInput{})
		return err == nil && len(out.LegalHolds) == 0, err
	})
	_, err := p.backup.GetLegalHold(ctx, &backup.GetLegalHoldInput{LegalHoldId: hold.LegalHoldId})
	refused(t, err, "ResourceNotFoundException", 400, *hold.LegalHoldId)
}

// TestColdStorage: a volume's point moves to cold storage where archiving was opted in to; a bucket's never does. What is
// cold restores, and is not copied.
func TestColdStorage(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	key := p.key(t)
	p.vault(t, "local-vault", key)
	second := p.vault(t, "second-vault", key)
	image := noise(71, 2*blockSize)
	volume, bucket := p.volumeARN(p.volume(t, key, image)), p.bucket(t, "warm-bucket", "")
	lifecycle := func(archive bool) func(*backup.StartBackupJobInput) {
		return func(in *backup.StartBackupJobInput) {
			in.Lifecycle = &backuptypes.Lifecycle{MoveToColdStorageAfterDays: aws.Int64(30), DeleteAfterDays: aws.Int64(120), OptInToArchiveForSupportedResources: &archive}
		}
	}
	cold, warm, never := p.backUpWith(t, volume, lifecycle(true)), p.backUpWith(t, volume, lifecycle(false)), p.backUpWith(t, bucket, lifecycle(true))
	if at := p.point(t, "local-vault", cold).CalculatedLifecycle.MoveToColdStorageAt; at == nil {
		t.Error("the point does not say when it moves")
	}
	move(t, s, server.ClockMove{Advance: 31 * 24 * time.Hour})
	for point, want := range map[string]backuptypes.StorageClass{cold: backuptypes.StorageClassCold, warm: backuptypes.StorageClassWarm, never: backuptypes.StorageClassWarm} {
		if got := p.point(t, "local-vault", point).StorageClass; got != want {
			t.Errorf("%s is %s, want %s", point, got, want)
		}
	}
	if n := len(p.records(t, "BackupTransitionedToCold")); n != 1 {
		t.Errorf("%d records of a transition", n)
	}
	if !bytes.Equal(p.restoreVolume(t, cold), image) {
		t.Error("the cold point does not restore")
	}
	_, err := p.backup.StartCopyJob(ctx, &backup.StartCopyJobInput{RecoveryPointArn: &cold, SourceBackupVaultName: aws.String("local-vault"), DestinationBackupVaultArn: &second, IamRoleArn: aws.String(p.roleARN())})
	refused(t, err, "InvalidRequestException", 400, "cold storage")
	update := func(moveAfter, deleteAfter int64) error {
		_, err := p.backup.UpdateRecoveryPointLifecycle(ctx, &backup.UpdateRecoveryPointLifecycleInput{BackupVaultName: aws.String("local-vault"), RecoveryPointArn: &cold, Lifecycle: &backuptypes.Lifecycle{
			MoveToColdStorageAfterDays: &moveAfter, DeleteAfterDays: &deleteAfter, OptInToArchiveForSupportedResources: aws.Bool(true),
		}})
		return err
	}
	refused(t, update(40, 200), "InvalidParameterValueException", 400, "MoveToColdStorageAfterDays cannot be changed")
	refused(t, update(30, 100), "InvalidParameterValueException", 400, "DeleteAfterDays cannot be less than 90 days apart from MoveToColdStorageAfterDays")
	if err := update(30, 150); err != nil {
		t.Errorf("keeping a cold point longer: %v", err)
	}
	move(t, s, server.ClockMove{Advance: 120 * 24 * time.Hour})
	if left := p.points(t, "local-vault"); len(left) != 0 {
		t.Errorf("after their retention there are %v", left)
	}
}

// TestRestoreChoices brings parts of a bucket and a volume of another shape back.
func TestRestoreChoices(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	p.allow(t, statement{"Effect": "Allow", "Action": []string{"s3:PutBucketTagging", "ec2:CreateTags"}, "Resource": "*"})
	key := p.key(t)
	p.vault(t, "local-vault", key)
	bucket := p.bucket(t, "chosen-bucket", "", "team", "blue")
	for _, name := range []string{"a/1", "a/2", "b/1"} {
		p.put(t, "chosen-bucket", name, []byte(name))
	}
	p.put(t, "chosen-bucket", "a/1", []byte("again"))
	point := p.backUpWith(t, bucket, func(in *backup.StartBackupJobInput) {
		in.BackupOptions = map[string]string{"BackupACLs": "disabled"}
		in.RecoveryPointTags = map[string]string{"made": "by hand"}
	})
	restore := func(metadata map[string]string, tags bool) (*backup.DescribeRestoreJobOutput, []string) {
		t.Helper()
		started := must(p.backup.StartRestoreJob(ctx, &backup.StartRestoreJobInput{
			RecoveryPointArn: &point, IamRoleArn: aws.String(p.roleARN()), Metadata: metadata, CopySourceTagsToRestoredResource: tags,
		}))(t, "restoring")
		var out *backup.DescribeRestoreJobOutput
		eventually(ctx, t, "the end of the restore", func() (bool, error) {
			var err error
			out, err = p.backup.DescribeRestoreJob(ctx, &backup.DescribeRestoreJobInput{RestoreJobId: started.RestoreJobId})
			return err == nil && out.CompletionDate != nil, err
		})
		versions, err := p.s3.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: aws.String(metadata["DestinationBucketName"])})
		if err != nil {
			return out, nil
		}
		var keys []string
		for _, v := range versions.Versions {
			keys = append(keys, *v.Key)
		}
		return out, keys
	}
	into := func(name string, more ...string) map[string]string {
		m := map[string]string{"DestinationBucketName": name, "newBucket": "true", "EncryptionType": "SSE-S3"}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}

	_, keys := restore(into("chosen-items", "ItemsToRestore", `["s3://chosen-bucket/a/","key 0"]`), true)
	if diff := cmp.Diff([]string{"a/1", "a/2", "key 0"}, keys); diff != "" {
		t.Errorf("chosen items (-want +got):\n%s", diff)
	}
	tags := must(p.s3.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: aws.String("chosen-items")}))(t, "reading tags")
	got := map[string]string{}
	for _, tag := range tags.TagSet {
		got[*tag.Key] = *tag.Value
	}
	if diff := cmp.Diff(map[string]string{"team": "blue", "made": "by hand"}, got); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	_, keys = restore(into("chosen-versions", "ItemsToRestore", `["a/1"]`, "RestoreLatestVersionsUpTo", "all"), false)
	if diff := cmp.Diff([]string{"a/1", "a/1"}, keys); diff != "" {
		t.Errorf("chosen versions (-want +got):\n%s", diff)
	}
	if _, err := p.s3.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: aws.String("chosen-versions")}); err == nil {
		t.Error("tags were copied that nobody asked for")
	}
	empty, _ := restore(into("chosen-nothing", "ItemsToRestore", `["nothing/"]`), false)
	if empty.Status != backuptypes.RestoreJobStatusCompleted || aws.ToString(empty.StatusMessage) != "There are no objects that match the restore request for "+point+"." {
		t.Errorf("a restore of nothing is %s: %s", empty.Status, aws.ToString(empty.StatusMessage))
	}
	for what, test := range map[string]struct {
		metadata map[string]string
		message  string
	}{
		"six items":           {into("chosen-none", "ItemsToRestore", `["1","2","3","4","5","6"]`), "ItemsToRestore"},
		"ACLs not backed up":  {into("chosen-none", "RestoreACLs", "true"), "Unable to restore Access Control Lists (ACLs) for bucket because backup was created with the 'BackupACLs' option disabled."},
		"a time":              {into("chosen-none", "RestoreTime", "2021-11-27T03:30:27Z"), "RestoreTime"},
		"no bucket":           {map[string]string{"newBucket": "true"}, "DestinationBucketName"},
		"a bucket not there":  {map[string]string{"DestinationBucketName": "chosen-none"}, "bucket"},
		"a key without KMS's": {into("chosen-none", "EncryptionType", "SSE-KMS"), "KMSKey"},
	} {
		if out, _ := restore(test.metadata, false); out.Status != backuptypes.RestoreJobStatusFailed || !strings.Contains(aws.ToString(out.StatusMessage), test.message) {
			t.Errorf("%s: %s: %s", what, out.Status, aws.ToString(out.StatusMessage))
		}
	}

	image := noise(72, blockSize)
	point = p.backUp(t, "local-vault", p.volumeARN(p.volume(t, "", image, "team", "blue")))
	out, _ := restore(map[string]string{
		"availabilityZone": p.region + "b", "volumeType": "gp3", "volumeSize": "8", "iops": "4000", "throughput": "250", "encrypted": "true", "kmsKeyId": key,
	}, true)
	if out.Status != backuptypes.RestoreJobStatusCompleted {
		t.Fatalf("the restore of the volume is %s: %s", out.Status, aws.ToString(out.StatusMessage))
	}
	id := (*out.CreatedResourceArn)[strings.LastIndex(*out.CreatedResourceArn, "/")+1:]
	v := must(p.ec2.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{VolumeIds: []string{id}}))(t, "describing the volume").Volumes[0]
	if *v.Size != 8 || *v.Iops != 4000 || *v.Throughput != 250 || v.VolumeType != ec2types.VolumeTypeGp3 || !*v.Encrypted || *v.KmsKeyId != key || *v.AvailabilityZone != p.region+"b" {
		t.Errorf("the volume is %+v", v)
	}
	if len(v.Tags) != 1 || *v.Tags[0].Key != "team" {
		t.Errorf("the volume's tags are %v", v.Tags)
	}
	if read := p.readVolume(t, id); !bytes.Equal(read[:len(image)], image) || len(bytes.Trim(read[len(image):], "\x00")) != 0 {
		t.Error("the volume does not hold what was backed up, and nothing behind it")
	}
}

// TestOptOut: a type that was opted out of is neither backed up on demand nor taken by a selection of tags, but by one
// that names the type.
func TestOptOut(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	p.linked(t)
	key := p.key(t)
	p.vault(t, "local-vault", key)
	bucket, volume := p.bucket(t, "opted-bucket", "", "backup", "yes"), p.volumeARN(p.volume(t, key, noise(73, blockSize), "backup", "yes"))
	must(p.backup.UpdateRegionSettings(ctx, &backup.UpdateRegionSettingsInput{ResourceTypeOptInPreference: map[string]bool{"EBS": false}}))(t, "opting out")
	_, err := p.backup.StartBackupJob(ctx, &backup.StartBackupJobInput{BackupVaultName: aws.String("local-vault"), ResourceArn: &volume, IamRoleArn: aws.String(p.roleARN())})
	refused(t, err, "InvalidRequestException", 400, "EBS")
	move(t, s, server.ClockMove{To: at(t, "03-01 00:00")})
	p.plan(t, "by-tag", backuptypes.BackupRuleInput{}, tagged("backup", "yes"))
	move(t, s, server.ClockMove{Advance: 24 * time.Hour})
	if b, v := len(p.backupJobs(t, bucket)), len(p.backupJobs(t, volume)); b != 1 || v != 0 {
		t.Errorf("%d jobs of the bucket, %d of the volume that was opted out", b, v)
	}
	p.plan(t, "by-type", backuptypes.BackupRuleInput{ScheduleExpression: aws.String("cron(0 6 ? * * *)")}, backuptypes.BackupSelection{Resources: []string{"arn:aws:ec2:*:*:volume/*"}})
	move(t, s, server.ClockMove{Advance: 24 * time.Hour})
	if v := len(p.backupJobs(t, volume)); v != 1 {
		t.Errorf("%d jobs of the volume that a selection names by its type", v)
	}
	sums := must(p.backup.ListBackupJobSummaries(ctx, &backup.ListBackupJobSummariesInput{
		AggregationPeriod: backuptypes.AggregationPeriodFourteenDays, State: "AGGREGATE_ALL", ResourceType: aws.String("AGGREGATE_ALL"), MessageCategory: aws.String("AGGREGATE_ALL"),
	}))(t, "summarizing").BackupJobSummaries
	if len(sums) != 1 || sums[0].Count != 3 {
		t.Errorf("the jobs of two weeks sum up to %+v", sums)
	}
}
