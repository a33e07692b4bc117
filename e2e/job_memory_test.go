package e2e

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
)

// TestManyJobsShareTheMemory: twenty jobs at once, backups, copies and restores of buckets and volumes, which together want many times
// the memory that jobs have, all complete, and hold no more than that at any time.
func TestManyJobsShareTheMemory(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t, strongroomtest.Options{Config: server.Config{Jobs: server.Jobs{AtOnce: 20, Memory: "64MB"}}})
	m := newParty(member, s.AWS(t, "member", home))
	far := m.in(north)
	m.role(t, "jobs", rolePolicies...)
	m.linked(t)
	key := m.key(t)
	m.vault(t, "here", key)
	far.vault(t, "there", far.key(t))
	resources := []string{m.volumeARN(m.volume(t, key, noise(1, 3<<20)))}
	for i := range 4 {
		name := fmt.Sprint("many-jobs-", i)
		resources = append(resources, m.bucket(t, name, ""))
		m.put(t, name, "content", noise(uint64(i), 2<<20))
	}
	var points []string
	for _, r := range resources {
		points = append(points, m.backUp(t, "here", r))
	}

	var backups, copies, restores []string
	for i, r := range resources {
		backups = append(backups, m.startBackup(t, "here", r))
		copies = append(copies, *must(m.backup.StartCopyJob(t.Context(), &backup.StartCopyJobInput{
			RecoveryPointArn: &points[i], SourceBackupVaultName: aws.String("here"), DestinationBackupVaultArn: aws.String(far.vaultARN("there")), IamRoleArn: aws.String(m.roleARN()),
		}))(t, "starting a copy").CopyJobId)
		for n := range 2 {
			restores = append(restores, *must(m.backup.StartRestoreJob(t.Context(), &backup.StartRestoreJobInput{
				RecoveryPointArn: &points[i], IamRoleArn: aws.String(m.roleARN()), Metadata: m.metadata(points[i], fmt.Sprintf("restored-%d-%d", i, n)),
			}))(t, "starting a restore").RestoreJobId)
		}
	}
	for _, id := range backups {
		if out := m.backedUp(t, id); out.State != "COMPLETED" {
			t.Errorf("a backup is %s: %s", out.State, aws.ToString(out.StatusMessage))
		}
	}
	for _, id := range copies {
		if got := copyEnd(m.copyEnded(t, id)); got != completed {
			t.Errorf("a copy: %+v", got)
		}
	}
	for _, id := range restores {
		if out := m.restored(t, id); out.Status != "COMPLETED" {
			t.Errorf("a restore is %s: %s", out.Status, aws.ToString(out.StatusMessage))
		}
	}
	now, most := s.JobMemory()
	if now != 0 || most > 64e6 || most < 32e6 {
		t.Errorf("jobs hold %d bytes in the end and held %d at most, of 64 MB", now, most)
	}
}

// A bucket in which nothing is takes as little memory as a small one.
func TestAJobOfNothingTakesLittleMemory(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	m := newParty(member, s.AWS(t, "member", home))
	m.role(t, "jobs", rolePolicies...)
	m.vault(t, "here", m.key(t))
	name := "nothing-in-it"
	must(m.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: home},
	}))(t, "creating a bucket")
	must(m.s3.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: &name, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
	}))(t, "versioning the bucket")
	m.backUp(t, "here", "arn:aws:s3:::"+name)
	if _, most := s.JobMemory(); most == 0 || most > 16<<20 {
		t.Errorf("the backup of nothing took %d bytes of memory", most)
	}
}
