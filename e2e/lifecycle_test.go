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
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
	"strongroom/rules"

	"strongroom/internal/work"
)

func days(n int64) *backuptypes.Lifecycle { return &backuptypes.Lifecycle{DeleteAfterDays: &n} }

// gone says whether a vault does not hold a recovery point any more.
func (p *party) gone(t *testing.T, vault, point string) bool {
	t.Helper()
	for _, held := range p.points(t, vault) {
		if held == point {
			return false
		}
	}
	return true
}

// TestLifecycles backs up and copies with retentions and moves the clock: points go when their time has come, counted
// from the creation of the first, and with them what EC2 and the archive held of them.
func TestLifecycles(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	p.linked(t)
	key := p.key(t)
	p.vault(t, "local-vault", key)
	far := p.in(north)
	destination := far.vault(t, "far-vault", far.key(t))
	image := noise(9, blockSize)
	bucket, volume := p.bucket(t, "aging-bucket", "", "backup", "aging"), p.volumeARN(p.volume(t, key, image, "backup", "aging"))
	move(t, s, server.ClockMove{To: at(t, "01-01 00:00")})
	plan := p.plan(t, "aging", backuptypes.BackupRuleInput{
		Lifecycle:   days(10),
		CopyActions: []backuptypes.CopyAction{{DestinationBackupVaultArn: &destination, Lifecycle: days(20)}},
	}, tagged("backup", "aging"))
	move(t, s, server.ClockMove{To: at(t, "01-01 12:00")})
	must(p.backup.DeleteBackupSelection(ctx, &backup.DeleteBackupSelectionInput{BackupPlanId: &plan, SelectionId: p.selections(t, plan)[0].SelectionId}))(t, "deselecting")

	type pair struct{ local, copied string }
	points := map[string]*pair{bucket: {}, volume: {}}
	for resource, pair := range points {
		jobs := must(p.backup.ListCopyJobs(ctx, &backup.ListCopyJobsInput{ByResourceArn: &resource}))(t, "listing copies").CopyJobs
		if len(jobs) != 1 || jobs[0].State != backuptypes.CopyJobStateCompleted {
			t.Fatalf("the copies of %s are %+v", resource, jobs)
		}
		pair.local, pair.copied = *jobs[0].SourceRecoveryPointArn, *jobs[0].DestinationRecoveryPointArn
		local, copied := p.point(t, "local-vault", pair.local), far.point(t, "far-vault", pair.copied)
		if !local.CreationDate.Equal(*copied.CreationDate) {
			t.Errorf("the point of %s was created at %s and its copy at %s", resource, local.CreationDate, copied.CreationDate)
		}
		if got, want := *copied.CalculatedLifecycle.DeleteAt, copied.CreationDate.AddDate(0, 0, 20); !got.Equal(want) {
			t.Errorf("the copy of %s will go at %s, want %s", resource, got, want)
		}
	}

	// A copy of a copy, back, that asks for "always" goes when its source does: copies keep the source's expiry.
	started := must(far.backup.StartCopyJob(ctx, &backup.StartCopyJobInput{
		RecoveryPointArn: &points[bucket].copied, SourceBackupVaultName: aws.String("far-vault"), DestinationBackupVaultArn: aws.String(p.vaultARN("local-vault")),
		IamRoleArn: aws.String(p.roleARN()), Lifecycle: days(-1),
	}))(t, "copying back")
	back := *far.copyEnded(t, *started.CopyJobId).DestinationRecoveryPointArn
	if got, want := p.point(t, "local-vault", back).CalculatedLifecycle.DeleteAt, far.point(t, "far-vault", points[bucket].copied).CalculatedLifecycle.DeleteAt; got == nil || !got.Equal(*want) {
		t.Errorf("the copy that inherits goes at %v, want %v", got, want)
	}
	// The bucket's own point is kept longer.
	out := must(p.backup.UpdateRecoveryPointLifecycle(ctx, &backup.UpdateRecoveryPointLifecycleInput{
		BackupVaultName: aws.String("local-vault"), RecoveryPointArn: &points[bucket].local, Lifecycle: days(15),
	}))(t, "keeping the point longer")
	if got, want := *out.CalculatedLifecycle.DeleteAt, p.point(t, "local-vault", points[bucket].local).CreationDate.AddDate(0, 0, 15); !got.Equal(want) {
		t.Errorf("the point will go at %s, want %s", got, want)
	}

	check := func(when string, bucketGone, volumeGone, copiesGone, backGone bool) {
		t.Helper()
		move(t, s, server.ClockMove{To: at(t, when)})
		for _, c := range []struct {
			what         string
			at           *party
			vault, point string
			want         bool
		}{
			{"the bucket's point", p, "local-vault", points[bucket].local, bucketGone},
			{"the volume's point", p, "local-vault", points[volume].local, volumeGone},
			{"the bucket's copy", far, "far-vault", points[bucket].copied, copiesGone},
			{"the volume's copy", far, "far-vault", points[volume].copied, copiesGone},
			{"the copy back", p, "local-vault", back, backGone},
		} {
			if got := c.at.gone(t, c.vault, c.point); got != c.want {
				t.Errorf("at %s %s is gone: %t, want %t", when, c.what, got, c.want)
			}
		}
	}
	check("01-10 12:00", false, false, false, false)
	check("01-12 00:00", false, true, false, false)
	_, err := p.ec2.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{points[volume].local[strings.LastIndex(points[volume].local, "/")+1:]}})
	refused(t, err, "InvalidSnapshot.NotFound", 400, "")
	_, err = p.backup.DescribeRecoveryPoint(ctx, &backup.DescribeRecoveryPointInput{BackupVaultName: aws.String("local-vault"), RecoveryPointArn: &points[volume].local})
	refused(t, err, "ResourceNotFoundException", 400, "")
	check("01-17 00:00", true, true, false, false)
	if got := far.restoreVolume(t, points[volume].copied); string(got) != string(image) {
		t.Error("the copy of the volume does not restore after its source is gone")
	}
	check("01-23 00:00", true, true, true, true)

	// Nothing of them is left in the archives' catalogues, and collections go through them. (What is garbage lies for an
	// hour of the machine's clock before it goes; package archive tests that.)
	report := must(s.Admin.Verify(ctx, work.VerifyRequest{}))(t, "verifying")
	if report.Damaged() || report.Points != 0 || len(report.Skipped) > 0 {
		t.Errorf("after all points are gone: %+v", report)
	}
	if collected := must(s.Admin.Collect(ctx))(t, "collecting"); collected.Archives != report.Archives || len(collected.Skipped) > 0 {
		t.Errorf("a collection went through %d of %d archives and skipped %v", collected.Archives, report.Archives, collected.Skipped)
	}
	must(p.backup.DeleteBackupVault(ctx, &backup.DeleteBackupVaultInput{BackupVaultName: aws.String("local-vault")}))(t, "deleting the empty vault")
}

// TestLockedVault: what lies in a locked vault is deleted by its lifecycle only.
func TestLockedVault(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	key := p.key(t)
	p.vault(t, "local-vault", key)
	locked := p.vault(t, "locked-vault", key)
	must(p.backup.PutBackupVaultLockConfiguration(ctx, &backup.PutBackupVaultLockConfigurationInput{
		BackupVaultName: aws.String("locked-vault"), MinRetentionDays: aws.Int64(7), MaxRetentionDays: aws.Int64(30),
	}))(t, "locking the vault")
	bucket := p.bucket(t, "locked-bucket", "")
	kept := func(vault string, lifecycle *backuptypes.Lifecycle) *backup.DescribeBackupJobOutput {
		out := must(p.backup.StartBackupJob(ctx, &backup.StartBackupJobInput{
			BackupVaultName: &vault, ResourceArn: &bucket, IamRoleArn: aws.String(p.roleARN()), Lifecycle: lifecycle,
		}))(t, "starting a backup")
		return p.backedUp(t, *out.BackupJobId)
	}
	tooShort := kept("locked-vault", days(3))
	want := ended{"FAILED", "Backup job failed because the lifecycle is outside the valid range for backup vault.", "INVALID_LIFECYCLE"}
	if got := end(string(tooShort.State), tooShort.StatusMessage, tooShort.MessageCategory); got != want {
		t.Errorf("a backup that is kept too short: %+v, want %+v", got, want)
	}
	forever := kept("locked-vault", nil)
	if got := end(string(forever.State), forever.StatusMessage, forever.MessageCategory); got != want {
		t.Errorf("a backup that is kept for ever: %+v, want %+v", got, want)
	}
	point := *kept("locked-vault", days(10)).RecoveryPointArn
	_, err := p.backup.DeleteRecoveryPoint(ctx, &backup.DeleteRecoveryPointInput{BackupVaultName: aws.String("locked-vault"), RecoveryPointArn: &point})
	refused(t, err, "InvalidRequestException", 400, "locked")
	_, err = p.backup.UpdateRecoveryPointLifecycle(ctx, &backup.UpdateRecoveryPointLifecycleInput{BackupVaultName: aws.String("locked-vault"), RecoveryPointArn: &point, Lifecycle: days(8)})
	refused(t, err, "InvalidRequestException", 400, "locked")
	// A copy that names no lifecycle inherits its source's, which must fit as well.
	local := *kept("local-vault", days(3)).RecoveryPointArn
	outside := ended{"FAILED", "Copy job failed. The retention specified in the job is not within the range specified for the target Backup Vault.", "INVALID_LIFECYCLE"}
	if got := p.tryCopy(t, local, "local-vault", locked); got != outside {
		t.Errorf("a copy that is kept too short: %+v, want %+v", got, outside)
	}
	move(t, s, server.ClockMove{Advance: 11 * 24 * time.Hour})
	if !p.gone(t, "locked-vault", point) {
		t.Error("the lifecycle does not delete what lies in a locked vault")
	}
}

// TestLockLeavesWhatIsThere: a lock's range is for new recovery points. What lay in the vault before keeps its lifecycle, be it
// shorter than the range or without an end, and new jobs fail although the plan that asks for them was taken.
func TestLockLeavesWhatIsThere(t *testing.T) {
	t.Parallel()
	s, p := scheduled(t)
	ctx := t.Context()
	bucket := p.bucket(t, "older-bucket", "", "backup", "daily")
	short := must(p.backup.StartBackupJob(ctx, &backup.StartBackupJobInput{
		BackupVaultName: aws.String("local-vault"), ResourceArn: &bucket, IamRoleArn: aws.String(p.roleARN()), Lifecycle: days(3),
	}))(t, "starting a backup")
	point, forever := *p.backedUp(t, *short.BackupJobId).RecoveryPointArn, p.backUp(t, "local-vault", bucket)
	must(p.backup.PutBackupVaultLockConfiguration(ctx, &backup.PutBackupVaultLockConfigurationInput{
		BackupVaultName: aws.String("local-vault"), MinRetentionDays: aws.Int64(7), MaxRetentionDays: aws.Int64(30), ChangeableForDays: aws.Int64(3),
	}))(t, "locking the vault")
	p.plan(t, "daily", backuptypes.BackupRuleInput{Lifecycle: days(3)}, tagged("backup", "daily"))
	move(t, s, server.ClockMove{Advance: 4 * 24 * time.Hour})
	if !p.gone(t, "local-vault", point) {
		t.Error("a recovery point of three days that lay in the vault before its lock is still there")
	}
	if p.gone(t, "local-vault", forever) {
		t.Error("a recovery point without an end that lay in the vault before its lock is gone")
	}
	failed := 0
	for _, job := range p.backupJobs(t, bucket) {
		if aws.ToString(job.StatusMessage) == rules.BackupOutsideLock.Text {
			failed++
		}
	}
	if n := len(p.points(t, "local-vault")); failed == 0 || n != 1 {
		t.Errorf("%d jobs of the plan failed by the lock, and the vault holds %d recovery points", failed, n)
	}
	_, err := p.backup.DeleteBackupVaultLockConfiguration(ctx, &backup.DeleteBackupVaultLockConfigurationInput{BackupVaultName: aws.String("local-vault")})
	refused(t, err, "InvalidRequestException", 400, "its lock date has passed")
}

// TestLocksByCondition: policies bound a lock's parameters by the condition keys of PutBackupVaultLockConfiguration.
func TestLocksByCondition(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	p := enter(t, s, member, home)
	p.vault(t, "local-vault", "")
	locker := p.user(t, "locker")
	deny := func(operator, key, value string) statement {
		return statement{"Effect": "Deny", "Action": "backup:PutBackupVaultLockConfiguration", "Resource": "*", "Condition": statement{operator: statement{key: value}}}
	}
	must(p.iam.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("locker"), PolicyName: aws.String("may"), PolicyDocument: policy(
		statement{"Effect": "Allow", "Action": "backup:*", "Resource": "*"},
		deny("Null", "backup:ChangeableForDays", "false"), // no compliance locks
		deny("NumericLessThan", "backup:MinRetentionDays", "7"),
		deny("NumericGreaterThan", "backup:MaxRetentionDays", "100"),
	)}))(t, "bounding locks")
	for _, row := range []struct {
		least, most, changeable *int64
		allowed                 bool
	}{
		{aws.Int64(7), aws.Int64(100), nil, true},
		{aws.Int64(6), aws.Int64(100), nil, false},
		{aws.Int64(7), aws.Int64(101), nil, false},
		{aws.Int64(7), aws.Int64(100), aws.Int64(3), false},
	} {
		_, err := locker.backup.PutBackupVaultLockConfiguration(t.Context(), &backup.PutBackupVaultLockConfigurationInput{
			BackupVaultName: aws.String("local-vault"), MinRetentionDays: row.least, MaxRetentionDays: row.most, ChangeableForDays: row.changeable,
		})
		if row.allowed != (err == nil) {
			t.Errorf("a lock of %d to %d days, changeable for %d: %v", *row.least, *row.most, aws.ToInt64(row.changeable), err)
		}
		if err != nil {
			denied(t, "a lock", err)
		}
	}
}

// TestAMonthOfNights backs a changing bucket and a volume up each night and keeps each point for a week, through a
// month. Each point restores to what its night saw.
func TestAMonthOfNights(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	p.linked(t)
	key := p.key(t)
	p.vault(t, "local-vault", key)
	image := noise(60, blockSize)
	bucket, volume := p.bucket(t, "nightly-bucket", "", "backup", "nightly"), p.volumeARN(p.volume(t, key, image, "backup", "nightly"))
	move(t, s, server.ClockMove{To: at(t, "03-01 00:00")})
	p.plan(t, "nightly", backuptypes.BackupRuleInput{Lifecycle: days(7)}, tagged("backup", "nightly"))
	seen := map[string]map[string]string{}
	for night := range 31 {
		p.put(t, "nightly-bucket", fmt.Sprintf("key %d", night%5), []byte(fmt.Sprintf("written in night %d", night)))
		seen[fmt.Sprintf("03-%02d", night+1)] = p.objects(t, "nightly-bucket")
		move(t, s, server.ClockMove{Advance: 24 * time.Hour})
	}
	for _, resource := range []string{bucket, volume} {
		// A job is told of for thirty days: that of the first night has gone.
		if n := len(p.initiated(t, resource)); n != 30 {
			t.Errorf("%d backups of %s are told of, want those of 30 nights", n, resource)
		}
		points := must(p.backup.ListRecoveryPointsByResource(t.Context(), &backup.ListRecoveryPointsByResourceInput{ResourceArn: &resource}))(t, "listing points").RecoveryPoints
		if len(points) != 7 {
			t.Errorf("%s has %d recovery points, want those of a week", resource, len(points))
		}
		for _, i := range []int{0, len(points) - 1} {
			point, night := *points[i].RecoveryPointArn, points[i].CreationDate.UTC().Format("01-02")
			if resource == volume {
				if !bytes.Equal(p.restoreVolume(t, point), image) {
					t.Errorf("%s does not restore to what the volume was", point)
				}
			} else if diff := cmp.Diff(seen[night], p.restoreBucket(t, point, "nightly-restored-"+night)); diff != "" {
				t.Errorf("restored of the night %s (-want +got):\n%s", night, diff)
			}
		}
	}
	if report := must(s.Admin.Verify(t.Context(), work.VerifyRequest{}))(t, "verifying"); report.Damaged() {
		t.Errorf("the archives are damaged: %+v", report.Damage)
	}
}
