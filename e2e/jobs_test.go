package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/resource/ebs/nbd/nbdtest"
	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"

	"strongroom/internal/work"
)

// outage is a server whose store of the home Region can be taken away: jobs that need it go on when it is back.
type outage struct {
	*strongroomtest.Server
	t      *testing.T
	config server.Config
	store  string // a link to where the vaults lie
	vaults string
}

func newOutage(t *testing.T, quotas ...server.Quotas) *outage {
	t.Helper()
	o := &outage{t: t, store: filepath.Join(t.TempDir(), "store"), vaults: t.TempDir()}
	o.end()
	o.config = server.Config{Regions: map[string]server.Region{home: {Store: "file://" + o.store}}}
	for _, q := range quotas {
		o.config.Quotas = q
	}
	o.Server = strongroomtest.New(t, strongroomtest.Options{Config: o.config})
	return o
}

func (o *outage) begin() {
	o.t.Helper()
	file := filepath.Join(o.t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil { // no folder can be made in its place
		o.t.Fatal(err)
	}
	o.lead(file)
}

func (o *outage) end() {
	o.t.Helper()
	o.lead(o.vaults)
}

// lead has the link lead elsewhere, in one step: at no moment is there nothing, where a server would make a store anew.
func (o *outage) lead(to string) {
	o.t.Helper()
	next := filepath.Join(o.t.TempDir(), "next")
	if err := os.Symlink(to, next); err != nil {
		o.t.Fatal(err)
	}
	if err := os.Rename(next, o.store); err != nil {
		o.t.Fatal(err)
	}
}

// reaches waits until a backup job is in a state.
func (p *party) reaches(t *testing.T, id string, state backuptypes.BackupJobState) *backup.DescribeBackupJobOutput {
	t.Helper()
	var out *backup.DescribeBackupJobOutput
	eventually(t.Context(), t, "job "+id+" is "+string(state), func() (done bool, err error) {
		if out, err = p.backup.DescribeBackupJob(t.Context(), &backup.DescribeBackupJobInput{BackupJobId: &id}); err != nil {
			return false, err
		}
		return out.State == state, fmt.Errorf("it is %s: %s", out.State, aws.ToString(out.StatusMessage))
	})
	return out
}

func (p *party) stop(t *testing.T, id string) {
	t.Helper()
	must(p.backup.StopBackupJob(t.Context(), &backup.StopBackupJobInput{BackupJobId: &id}))(t, "stopping job "+id)
}

var stopped = ended{"ABORTED", "Backup job was stopped by user.", ""}

// TestStopRunningJob stops a job at work, and tries to stop one that is done.
func TestStopRunningJob(t *testing.T) {
	t.Parallel()
	o := newOutage(t)
	p := enter(t, o.Server, member, home)
	p.role(t, "jobs", rolePolicies...)
	p.vault(t, "local-vault", p.key(t))
	bucket := p.bucket(t, "stopped-bucket", "")
	point := p.backUp(t, "local-vault", bucket)
	o.begin()
	job := p.startBackup(t, "local-vault", bucket)
	p.reaches(t, job, backuptypes.BackupJobStateRunning)
	p.stop(t, job)
	if out := p.backedUp(t, job); end(string(out.State), out.StatusMessage, nil) != stopped || out.RecoveryPointArn != nil {
		t.Errorf("the stopped job is %s: %s, with the recovery point %v", out.State, aws.ToString(out.StatusMessage), out.RecoveryPointArn)
	}
	o.end()
	if diff := cmp.Diff([]string{point}, p.points(t, "local-vault")); diff != "" {
		t.Errorf("the vault holds (-want +got):\n%s", diff)
	}
	_, err := p.backup.StopBackupJob(t.Context(), &backup.StopBackupJobInput{BackupJobId: &job})
	refused(t, err, "InvalidRequestException", 400, "ABORTED")
}

// TestOneJobPerResource: while a job works on a resource others wait for it; they can be stopped, they expire, and the
// last one runs after it. The server stops and starts in the middle of all that, and every job comes to its end.
func TestOneJobPerResource(t *testing.T) {
	t.Parallel()
	o := newOutage(t)
	ctx := t.Context()
	p := enter(t, o.Server, member, home)
	p.role(t, "jobs", rolePolicies...)
	key := p.key(t)
	p.vault(t, "local-vault", key)
	second := p.vault(t, "second-vault", key)
	bucket, image := p.bucket(t, "busy-bucket", ""), noise(10, 3*blockSize)
	volume := p.volumeARN(p.volume(t, key, image))
	point := p.backUp(t, "local-vault", volume)

	o.begin()
	running := p.startBackup(t, "local-vault", bucket)
	p.reaches(t, running, backuptypes.BackupJobStateRunning)
	toStop, toExpire := p.startBackup(t, "local-vault", bucket), p.startBackup(t, "local-vault", bucket)
	copied := must(p.backup.StartCopyJob(ctx, &backup.StartCopyJobInput{
		RecoveryPointArn: &point, SourceBackupVaultName: aws.String("local-vault"), DestinationBackupVaultArn: &second, IamRoleArn: aws.String(p.roleARN()),
	}))(t, "starting a copy")
	restored := must(p.backup.StartRestoreJob(ctx, &backup.StartRestoreJobInput{
		RecoveryPointArn: &point, IamRoleArn: aws.String(p.roleARN()), Metadata: p.metadata(point, ""),
	}))(t, "starting a restore")
	eventually(ctx, t, "the copy and the restore run", func() (bool, error) { // they were begun after those that wait
		c, err := p.backup.DescribeCopyJob(ctx, &backup.DescribeCopyJobInput{CopyJobId: copied.CopyJobId})
		if err != nil {
			return false, err
		}
		r, err := p.backup.DescribeRestoreJob(ctx, &backup.DescribeRestoreJobInput{RestoreJobId: restored.RestoreJobId})
		if err != nil {
			return false, err
		}
		return c.CopyJob.State == backuptypes.CopyJobStateRunning && r.Status == backuptypes.RestoreJobStatusRunning, fmt.Errorf("they are %s and %s", c.CopyJob.State, r.Status)
	})
	for _, waiting := range []string{toStop, toExpire} {
		p.reaches(t, waiting, backuptypes.BackupJobStateCreated)
	}
	p.stop(t, toStop)
	if out := p.backedUp(t, toStop); end(string(out.State), out.StatusMessage, nil) != stopped {
		t.Errorf("the job that waited and was stopped is %s: %s", out.State, aws.ToString(out.StatusMessage))
	}
	move(t, o.Server, server.ClockMove{Advance: 9 * time.Hour, DoNotWait: true}) // start windows are of 8 hours
	late := p.backedUp(t, toExpire)
	want := ended{"EXPIRED", "Backup job failed because there was a running job for the same resource.", "CONCURRENT_JOB"}
	if got := end(string(late.State), late.StatusMessage, late.MessageCategory); got != want {
		t.Errorf("the job that waited too long: %+v, want %+v", got, want)
	}
	last := p.startBackup(t, "local-vault", bucket)
	p.reaches(t, running, backuptypes.BackupJobStateRunning)

	if err := o.Close(ctx); err != nil {
		t.Fatalf("stopping the server: %v", err)
	}
	o.end()
	o.Server = restart(t, o.Server, o.config)
	p = enter(t, o.Server, member, home)
	first, next := p.backedUp(t, running), p.backedUp(t, last)
	if first.State != backuptypes.BackupJobStateCompleted || next.State != backuptypes.BackupJobStateCompleted {
		t.Fatalf("after the restart the jobs are %s: %s, and %s: %s", first.State, aws.ToString(first.StatusMessage), next.State, aws.ToString(next.StatusMessage))
	}
	if first.CompletionDate.After(*next.CompletionDate) {
		t.Errorf("the job that waited ended at %s, before the other at %s", next.CompletionDate, first.CompletionDate)
	}
	if got := copyEnd(p.copyEnded(t, *copied.CopyJobId)); got != completed {
		t.Errorf("the copy ended with %+v", got)
	}
	var created string
	eventually(ctx, t, "the end of the restore", func() (bool, error) {
		out, err := p.backup.DescribeRestoreJob(ctx, &backup.DescribeRestoreJobInput{RestoreJobId: restored.RestoreJobId})
		if err != nil {
			return false, err
		}
		created = aws.ToString(out.CreatedResourceArn)
		return out.Status == backuptypes.RestoreJobStatusCompleted, fmt.Errorf("it is %s: %s", out.Status, aws.ToString(out.StatusMessage))
	})
	if !bytes.Equal(p.readVolume(t, created[strings.LastIndex(created, "/")+1:]), image) {
		t.Error("the restore that was interrupted does not bring the image back")
	}
	if diff := cmp.Diff(p.objects(t, "busy-bucket"), p.restoreBucket(t, *next.RecoveryPointArn, "restored-busy-bucket")); diff != "" {
		t.Errorf("restored (-want +got):\n%s", diff)
	}
	if report := must(o.Admin.Verify(ctx, work.VerifyRequest{}))(t, "verifying"); report.Damaged() {
		t.Errorf("the archives are damaged: %+v", report.Damage)
	}
}

// TestTokensMakeJobsOnce asks for each kind of job twice with one token.
func TestTokensMakeJobsOnce(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	key := p.key(t)
	p.vault(t, "local-vault", key)
	second := p.vault(t, "second-vault", key)
	bucket := p.bucket(t, "token-bucket", "")
	var ids [3][2]string
	for i := range 2 {
		job := must(p.backup.StartBackupJob(ctx, &backup.StartBackupJobInput{
			BackupVaultName: aws.String("local-vault"), ResourceArn: &bucket, IamRoleArn: aws.String(p.roleARN()), IdempotencyToken: aws.String("backup-token"),
		}))(t, "starting a backup")
		ids[0][i] = *job.BackupJobId
	}
	point := *p.backedUp(t, ids[0][0]).RecoveryPointArn
	for i := range 2 {
		job := must(p.backup.StartCopyJob(ctx, &backup.StartCopyJobInput{
			RecoveryPointArn: &point, SourceBackupVaultName: aws.String("local-vault"), DestinationBackupVaultArn: &second, IamRoleArn: aws.String(p.roleARN()), IdempotencyToken: aws.String("copy-token"),
		}))(t, "starting a copy")
		ids[1][i] = *job.CopyJobId
		restore := must(p.backup.StartRestoreJob(ctx, &backup.StartRestoreJobInput{
			RecoveryPointArn: &point, IamRoleArn: aws.String(p.roleARN()), Metadata: p.metadata(point, "restored-token-bucket"), IdempotencyToken: aws.String("restore-token"),
		}))(t, "starting a restore")
		ids[2][i] = *restore.RestoreJobId
	}
	for i, pair := range ids {
		if pair[0] != pair[1] {
			t.Errorf("one token made two %s jobs", []string{"backup", "copy", "restore"}[i])
		}
	}
	p.copyEnded(t, ids[1][0])
	if n := len(p.points(t, "local-vault")) + len(p.points(t, "second-vault")); n != 2 {
		t.Errorf("there are %d recovery points, want the backup and its copy", n)
	}
}

// TestIncrementalBuckets backs a bucket up again and again: only what changed is read.
func TestIncrementalBuckets(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	p.vault(t, "local-vault", p.key(t))
	bucket := p.bucket(t, "growing-bucket", "")
	p.put(t, "growing-bucket", "long", noise(11, 3<<20))
	transferred := func() (int64, string) {
		t.Helper()
		out := p.backedUp(t, p.startBackup(t, "local-vault", bucket))
		if out.State != backuptypes.BackupJobStateCompleted {
			t.Fatalf("the backup is %s: %s", out.State, aws.ToString(out.StatusMessage))
		}
		return aws.ToInt64(out.BytesTransferred), *out.RecoveryPointArn
	}
	if n, _ := transferred(); n < 3<<20 {
		t.Errorf("the first backup read %d bytes, less than there are", n)
	}
	if n, _ := transferred(); n != 0 {
		t.Errorf("the backup of nothing new read %d bytes", n)
	}
	p.put(t, "growing-bucket", "new", noise(12, 1<<10))
	if n, _ := transferred(); n != 1<<10 {
		t.Errorf("after a new object of 1024 bytes the backup read %d", n)
	}
	must(p.s3.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{Bucket: aws.String("growing-bucket"), Key: aws.String("long"), Tagging: &s3types.Tagging{
		TagSet: []s3types.Tag{{Key: aws.String("color"), Value: aws.String("blue")}},
	}}))(t, "tagging an object")
	n, point := transferred()
	if n != 0 {
		t.Errorf("after a change of tags alone the backup read %d bytes", n)
	}
	if diff := cmp.Diff(p.objects(t, "growing-bucket"), p.restoreBucket(t, point, "grown-bucket")); diff != "" {
		t.Errorf("restored (-want +got):\n%s", diff)
	}
	tags := must(p.s3.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: aws.String("grown-bucket"), Key: aws.String("long")}))(t, "reading tags")
	if len(tags.TagSet) != 1 || *tags.TagSet[0].Key != "color" || *tags.TagSet[0].Value != "blue" {
		t.Errorf("the object came back with tags %v", tags.TagSet)
	}
}

// TestIncrementalAfterACopyCameBack: a copy that came back is younger than the backup it is of, and the next backup builds on
// the backup all the same.
func TestIncrementalAfterACopyCameBack(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	key := p.key(t)
	here, there := p.vault(t, "here", key), p.vault(t, "there", key)
	for _, resource := range []string{p.bucket(t, "returning-bucket", ""), p.volumeARN(p.volume(t, key, noise(17, 2*blockSize)))} {
		p.copyTo(t, p.copyTo(t, p.backUp(t, "here", resource), "here", there), "there", here)
		again := p.backedUp(t, p.startBackup(t, "here", resource))
		if again.State != backuptypes.BackupJobStateCompleted || aws.ToInt64(again.BytesTransferred) != 0 {
			t.Errorf("the backup of %s is %s and read %d bytes, although nothing is new", resource, again.State, aws.ToInt64(again.BytesTransferred))
		}
	}
}

// TestIncrementalVolumes writes to a volume through its network block device between backups.
func TestIncrementalVolumes(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	key := p.key(t)
	p.vault(t, "local-vault", key)
	image := noise(13, 6*blockSize)
	id := p.volume(t, key, image)
	transferred := func() (int64, string) {
		t.Helper()
		out := p.backedUp(t, p.startBackup(t, "local-vault", p.volumeARN(id)))
		if out.State != backuptypes.BackupJobStateCompleted {
			t.Fatalf("the backup is %s: %s", out.State, aws.ToString(out.StatusMessage))
		}
		return aws.ToInt64(out.BytesTransferred), *out.RecoveryPointArn
	}
	n, first := transferred()
	if n != int64(len(image)) {
		t.Errorf("the first backup read %d bytes of %d", n, len(image))
	}
	if n, _ := transferred(); n != 0 {
		t.Errorf("the backup of nothing new read %d bytes", n)
	}
	changed := bytes.Clone(image)
	copy(changed[3*blockSize+100:], "a few bytes in the middle of a block")
	attached(t, s, id, func(device *nbdtest.Client) {
		must(device.WriteAt(changed[3*blockSize+100:][:36], 3*blockSize+100))(t, "writing")
		if err := device.Flush(); err != nil {
			t.Fatalf("flushing: %v", err)
		}
	})
	n, second := transferred()
	if n != blockSize {
		t.Errorf("after a change in one block the backup read %d bytes, want %d", n, blockSize)
	}
	for point, want := range map[string][]byte{first: image, second: changed} {
		if !bytes.Equal(p.restoreVolume(t, point), want) {
			t.Errorf("%s does not restore to what the volume was then", point)
		}
	}
}

// attached serves a volume on a socket while fn uses it.
func attached(t *testing.T, s *strongroomtest.Server, volume string, fn func(*nbdtest.Client)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	socket, done := filepath.Join(t.TempDir(), "nbd"), make(chan error, 1)
	go func() { done <- s.Admin.Attach(ctx, volume, socket) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("attaching the volume: %v", err)
		}
	}()
	var conn net.Conn
	eventually(ctx, t, "the socket", func() (done bool, err error) {
		conn, err = net.Dial("unix", socket)
		return err == nil, err
	})
	defer conn.Close()
	fn(must(nbdtest.Dial(conn, volume))(t, "dialling"))
}
