package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	ebstypes "github.com/aws/aws-sdk-go-v2/service/ebs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/server"
	"strongroom/internal/work"
)

const (
	crashAccount = "111111111111"
	crashRole    = "arn:aws:iam::" + crashAccount + ":role/crash"
	crashBucket  = "crash-bucket"
	crashRegion  = "eu-central-1"
	otherRegion  = "eu-north-1"
)

// sums are the SHA-256 sums of a bucket's objects, by key; a volume's content is under the key "".
type sums map[string][sha256.Size]byte

// crashed is the state that a test of crashes expects the server to be in.
type crashed struct {
	p      *process
	random *rand.Rand
	backup *backup.Client
	other  *backup.Client // in the other Region
	s3     *s3.Client
	ec2    *ec2.Client
	ebs    *ebs.Client

	volume string
	bucket sums            // what the bucket holds
	points map[string]sums // what each known recovery point must restore to, by ARN
	asked  map[string]bool // recovery points whose deletion was asked for, or that have outlived their lifecycle
	brief  map[string]bool // recovery points that last for a day
	keys   []string        // of the vaults, each in its Region
	kms    []*kms.Client
	rounds int
	counts map[string]int
}

// TestCrash kills the server at random instants of writes, backups, copies, restores, deletions, collections and rotations of keys,
// lets days pass that end recovery points, and checks after each start that everything acknowledged is there, that every job
// comes to an end, that what is read back is what was written, and that the archives are sound. CRASHES says how many times, 4 if it
// is not set; or TORTURE for how long. TORTURE_SEED makes the choices of an earlier run, which meet other instants.
func TestCrash(t *testing.T) {
	t.Parallel()
	rounds := 4
	if text := os.Getenv("CRASHES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("CRASHES: %v", err)
		}
		rounds = n
	}
	begin, long := time.Now(), time.Duration(0)
	if text := os.Getenv("TORTURE"); text != "" {
		var err error
		if long, err = time.ParseDuration(text); err != nil {
			t.Fatalf("TORTURE: %v", err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("TORTURE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("TORTURE_SEED: %v", err)
		}
	}
	t.Logf("TORTURE_SEED=%d", seed)
	c := &crashed{p: newProcess(t), random: rand.New(rand.NewPCG(seed, 0)), points: map[string]sums{}, asked: map[string]bool{}, brief: map[string]bool{}, counts: map[string]int{}, bucket: sums{}}
	ctx := t.Context()
	c.p.start(ctx, t)
	c.prepare(ctx, t)
	c.ask("backup of the volume", func() error { // one at least, and it lasts, wherever the kills fall
		_, err := c.backup.StartBackupJob(ctx, &backup.StartBackupJobInput{BackupVaultName: aws.String("crash"), ResourceArn: aws.String(c.volumeARN()), IamRoleArn: aws.String(crashRole)})
		return err
	})
	for ended := false; !ended; c.rounds++ {
		c.work(ctx, t)
		c.p.start(ctx, t)
		c.settle(ctx, t)
		if c.random.IntN(4) == 0 {
			c.passADay(ctx, t)
		}
		ended = c.rounds+1 >= rounds
		if long > 0 {
			ended = time.Since(begin) > long
		}
		c.check(ctx, t, ended)
		if t.Failed() {
			t.Fatalf("round %d", c.rounds)
		}
	}
	rounds = c.rounds
	t.Logf("%d rounds, %d recovery points left, done: %v", rounds, len(c.points), c.counts)
	if len(c.points) == 0 {
		t.Error("no recovery point was made in all rounds, or none is left")
	}
}

// prepare makes keys, vaults, a role, a bucket and a volume.
func (c *crashed) prepare(ctx context.Context, t *testing.T) {
	cfg := c.p.aws(t, "member", crashRegion)
	c.backup, c.s3, c.ec2, c.ebs = backup.NewFromConfig(cfg), s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }), ec2.NewFromConfig(cfg), ebs.NewFromConfig(cfg)
	otherCfg := c.p.aws(t, "member", otherRegion)
	c.other = backup.NewFromConfig(otherCfg)

	roles := iam.NewFromConfig(cfg)
	must(roles.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("crash"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"backup.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)}))(t, "creating the role")
	for _, policy := range []string{"service-role/AWSBackupServiceRolePolicyForBackup", "service-role/AWSBackupServiceRolePolicyForRestores", "AWSBackupServiceRolePolicyForS3Backup", "AWSBackupServiceRolePolicyForS3Restore"} {
		must(roles.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("crash"), PolicyArn: aws.String("arn:aws:iam::aws:policy/" + policy)}))(t, "attaching "+policy)
	}
	for _, place := range []struct {
		cfg    aws.Config
		client *backup.Client
	}{{cfg, c.backup}, {otherCfg, c.other}} {
		keys := kms.NewFromConfig(place.cfg)
		key := must(keys.CreateKey(ctx, &kms.CreateKeyInput{}))(t, "creating a key")
		c.kms, c.keys = append(c.kms, keys), append(c.keys, *key.KeyMetadata.KeyId)
		must(place.client.CreateBackupVault(ctx, &backup.CreateBackupVaultInput{BackupVaultName: aws.String("crash"), EncryptionKeyArn: key.KeyMetadata.Arn}))(t, "creating a vault")
	}
	must(c.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(crashBucket), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: crashRegion}}))(t, "creating the bucket")
	must(c.s3.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: aws.String(crashBucket), VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled}}))(t, "versioning the bucket")

	snapshot := must(c.ebs.StartSnapshot(ctx, &ebs.StartSnapshotInput{VolumeSize: aws.Int64(1)}))(t, "starting a snapshot")
	const blocks, size = 24, 512 << 10
	image := make([]byte, blocks*size)
	for i := range image {
		image[i] = byte(c.random.Uint32())
	}
	for i := range blocks {
		block := image[i*size : (i+1)*size]
		sum := sha256.Sum256(block)
		must(c.ebs.PutSnapshotBlock(ctx, &ebs.PutSnapshotBlockInput{
			SnapshotId: snapshot.SnapshotId, BlockIndex: aws.Int32(int32(i)), BlockData: bytes.NewReader(block), DataLength: aws.Int32(size),
			Checksum: aws.String(base64.StdEncoding.EncodeToString(sum[:])), ChecksumAlgorithm: ebstypes.ChecksumAlgorithmChecksumAlgorithmSha256,
		}))(t, "writing a block")
	}
	must(c.ebs.CompleteSnapshot(ctx, &ebs.CompleteSnapshotInput{SnapshotId: snapshot.SnapshotId, ChangedBlocksCount: aws.Int32(blocks)}))(t, "completing the snapshot")
	eventually(ctx, t, "the snapshot is complete", func() (bool, error) {
		out, err := c.ec2.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{*snapshot.SnapshotId}})
		return err == nil && out.Snapshots[0].State == "completed", err
	})
	volume := must(c.ec2.CreateVolume(ctx, &ec2.CreateVolumeInput{AvailabilityZone: aws.String(crashRegion + "a"), SnapshotId: snapshot.SnapshotId}))(t, "creating the volume")
	c.volume = *volume.VolumeId
	c.volumeSum(ctx, t, c.volume) // waits until it can be read
	c.bucket[""] = sha256.Sum256(image)
}

// work uses the server until it is killed, at a random instant.
func (c *crashed) work(ctx context.Context, t *testing.T) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	delay := time.Duration(c.random.IntN(1500)) * time.Millisecond
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		pause(ctx, delay)
		c.p.kill()
		cancel()
	}()
	defer func() { <-killed }()

	// The bucket changes only before the backup begins: what a recovery point must hold is then known.
	for range c.random.IntN(6) {
		if ctx.Err() != nil {
			return
		}
		if key := fmt.Sprintf("key %d", c.random.IntN(20)); c.random.IntN(4) > 0 {
			c.put(ctx, t, key)
		} else {
			c.remove(ctx, t, key)
		}
	}
	for ctx.Err() == nil {
		switch known := slices.Sorted(maps.Keys(c.points)); c.random.IntN(9) {
		case 0, 1:
			c.ask("backup of the bucket", func() error { return c.startBackup(ctx, "arn:aws:s3:::"+crashBucket) })
		case 2:
			c.ask("backup of the volume", func() error {
				return c.startBackup(ctx, c.volumeARN())
			})
		case 3:
			if len(known) > 0 {
				c.ask("copy", func() error { return c.startCopy(ctx, known[c.random.IntN(len(known))]) })
			}
		case 4:
			if len(known) > 0 {
				c.ask("restore", func() error {
					_, err := c.startRestore(ctx, known[c.random.IntN(len(known))], fmt.Sprintf("restored-%d", c.random.Uint64()))
					return err
				})
			}
		case 5:
			if len(known) > 6 {
				point := known[c.random.IntN(len(known))]
				c.asked[point] = true
				c.ask("deletion", func() error { return c.deletePoint(ctx, point) })
			}
		case 6:
			c.ask("collection", func() error { _, err := c.p.admin().Collect(ctx); return err })
		case 7:
			i := c.random.IntN(len(c.keys))
			c.ask("rotation of a key", func() error {
				_, err := c.kms[i].RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: &c.keys[i]})
				return err
			})
		case 8:
			pause(ctx, time.Duration(c.random.IntN(200))*time.Millisecond)
		}
	}
}

// ask counts what the server acknowledged. Refusals are expected: the server may be gone.
func (c *crashed) ask(what string, call func() error) {
	if call() == nil {
		c.counts[what]++
	}
}

// put writes an object. If the server is killed before it answers, the object has its old or its new content.
func (c *crashed) put(ctx context.Context, t *testing.T, key string) {
	body := make([]byte, c.random.IntN(300<<10))
	for i := range body {
		body[i] = byte(c.random.Uint32())
	}
	_, err := c.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(crashBucket), Key: &key, Body: bytes.NewReader(body)})
	sum := sha256.Sum256(body)
	if err == nil {
		c.bucket[key] = sum
		return
	}
	c.found(ctx, t, key, &sum, err)
}

// remove deletes an object. If the server is killed before it answers, the object is as it was or gone.
func (c *crashed) remove(ctx context.Context, t *testing.T, key string) {
	if _, err := c.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(crashBucket), Key: &key}); err != nil {
		c.found(ctx, t, key, nil, err)
		return
	}
	delete(c.bucket, key)
}

// found looks at what a kill has left of an object that was to have a content, or none: that, or what was there before. Whoever kills
// ends ctx afterwards.
func (c *crashed) found(ctx context.Context, t *testing.T, key string, meant *[sha256.Size]byte, failure error) {
	if ctx == t.Context() {
		t.Fatalf("%q cannot be changed, and nobody kills the server: %v", key, failure)
	}
	c.p.kill() // it is being killed: make sure
	<-ctx.Done()
	c.p.start(t.Context(), t)
	got, found := c.read(t.Context(), t, crashBucket, key)
	old, was := c.bucket[key]
	switch {
	case found && meant != nil && got == *meant:
		c.bucket[key] = got
	case !found && meant == nil:
		delete(c.bucket, key)
	case found != was || got != old:
		t.Errorf("%q was being changed and holds neither what it had nor what it was to have", key)
	}
	c.p.kill()
}

// passADay lets the service's time pass until recovery points with a lifecycle of a day are at their end, and no other.
func (c *crashed) passADay(ctx context.Context, t *testing.T) {
	if _, err := c.p.admin().Clock(ctx, server.ClockMove{Advance: 26 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	for point := range c.brief {
		c.asked[point] = true
	}
	eventually(ctx, t, "recovery points are gone that were to last for a day", func() (bool, error) {
		for point := range c.brief {
			client := c.backup
			if !c.home(point) {
				client = c.other
			}
			_, err := client.DescribeRecoveryPoint(ctx, &backup.DescribeRecoveryPointInput{BackupVaultName: aws.String("crash"), RecoveryPointArn: &point})
			var gone *backuptypes.ResourceNotFoundException
			if !errors.As(err, &gone) {
				return false, fmt.Errorf("%s: %w", point, err)
			}
			delete(c.brief, point)
			c.counts["end of a lifecycle"]++
		}
		return true, nil
	})
	c.takeIn(ctx, t)
}

// lifecycle is one of a day, or none.
func (c *crashed) lifecycle() *backuptypes.Lifecycle {
	if c.random.IntN(3) > 0 {
		return nil
	}
	return &backuptypes.Lifecycle{DeleteAfterDays: aws.Int64(1)}
}

func (c *crashed) startBackup(ctx context.Context, resource string) error {
	_, err := c.backup.StartBackupJob(ctx, &backup.StartBackupJobInput{BackupVaultName: aws.String("crash"), ResourceArn: &resource, IamRoleArn: aws.String(crashRole), Lifecycle: c.lifecycle()})
	return err
}

func (c *crashed) volumeARN() string {
	return "arn:aws:ec2:" + crashRegion + ":" + crashAccount + ":volume/" + c.volume
}

// home says whether a recovery point lies in the first Region.
func (c *crashed) home(point string) bool { return !strings.Contains(point, ":"+otherRegion+":") }

func (c *crashed) startCopy(ctx context.Context, point string) error {
	client, to := c.backup, otherRegion
	if !c.home(point) {
		client, to = c.other, crashRegion
	}
	_, err := client.StartCopyJob(ctx, &backup.StartCopyJobInput{
		RecoveryPointArn: &point, SourceBackupVaultName: aws.String("crash"), IamRoleArn: aws.String(crashRole),
		DestinationBackupVaultArn: aws.String("arn:aws:backup:" + to + ":" + crashAccount + ":backup-vault:crash"), Lifecycle: c.lifecycle(),
	})
	return err
}

func (c *crashed) startRestore(ctx context.Context, point, bucket string) (jobID string, err error) {
	client, region := c.backup, crashRegion
	if !c.home(point) {
		client, region = c.other, otherRegion
	}
	metadata := map[string]string{"DestinationBucketName": bucket, "newBucket": "true"}
	if strings.Contains(point, ":snapshot/") {
		metadata = map[string]string{"availabilityZone": region + "a"}
	}
	out, err := client.StartRestoreJob(ctx, &backup.StartRestoreJobInput{RecoveryPointArn: &point, IamRoleArn: aws.String(crashRole), Metadata: metadata})
	if err != nil {
		return "", err
	}
	return *out.RestoreJobId, nil
}

func (c *crashed) deletePoint(ctx context.Context, point string) error {
	client := c.backup
	if !c.home(point) {
		client = c.other
	}
	_, err := client.DeleteRecoveryPoint(ctx, &backup.DeleteRecoveryPointInput{BackupVaultName: aws.String("crash"), RecoveryPointArn: &point})
	return err
}

// settle waits until no job is left, and takes in the recovery points that were made.
func (c *crashed) settle(ctx context.Context, t *testing.T) {
	for _, client := range []*backup.Client{c.backup, c.other} {
		eventually(ctx, t, "every job ends", func() (bool, error) {
			backups, err := client.ListBackupJobs(ctx, &backup.ListBackupJobsInput{})
			if err != nil {
				return false, err
			}
			for _, job := range backups.BackupJobs {
				switch job.State {
				case backuptypes.BackupJobStateCompleted:
				case backuptypes.BackupJobStateFailed, backuptypes.BackupJobStateExpired, backuptypes.BackupJobStateAborted:
					t.Fatalf("backup job %s is %s: %s", *job.BackupJobId, job.State, aws.ToString(job.StatusMessage))
				default:
					return false, fmt.Errorf("backup job %s is %s", *job.BackupJobId, job.State)
				}
			}
			copies, err := client.ListCopyJobs(ctx, &backup.ListCopyJobsInput{})
			if err != nil {
				return false, err
			}
			for _, job := range copies.CopyJobs {
				switch job.State {
				case backuptypes.CopyJobStateCompleted:
				case backuptypes.CopyJobStateFailed:
					if !c.asked[*job.SourceRecoveryPointArn] {
						t.Fatalf("copy job %s failed: %s", *job.CopyJobId, aws.ToString(job.StatusMessage))
					}
				default:
					return false, fmt.Errorf("copy job %s is %s", *job.CopyJobId, job.State)
				}
			}
			restores, err := client.ListRestoreJobs(ctx, &backup.ListRestoreJobsInput{})
			if err != nil {
				return false, err
			}
			for _, job := range restores.RestoreJobs {
				switch job.Status {
				case backuptypes.RestoreJobStatusCompleted:
				case backuptypes.RestoreJobStatusFailed, backuptypes.RestoreJobStatusAborted:
					if !c.asked[*job.RecoveryPointArn] {
						t.Fatalf("restore job %s is %s: %s", *job.RestoreJobId, job.Status, aws.ToString(job.StatusMessage))
					}
				default:
					return false, fmt.Errorf("restore job %s is %s", *job.RestoreJobId, job.Status)
				}
			}
			return true, nil
		})
	}
	c.takeIn(ctx, t)
}

// takeIn compares the vaults with what is known, and learns new recovery points. The bucket did not change since the
// backups of this round began, so a new one must hold what the bucket holds; a copy must hold what its source does.
func (c *crashed) takeIn(ctx context.Context, t *testing.T) {
	found := map[string]backuptypes.RecoveryPointByBackupVault{}
	for _, client := range []*backup.Client{c.backup, c.other} {
		eventually(ctx, t, "deleted recovery points are gone", func() (bool, error) {
			pages := backup.NewListRecoveryPointsByBackupVaultPaginator(client, &backup.ListRecoveryPointsByBackupVaultInput{BackupVaultName: aws.String("crash")})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				if err != nil {
					return false, err
				}
				for _, p := range page.RecoveryPoints {
					if p.Status == backuptypes.RecoveryPointStatusDeleting {
						delete(found, *p.RecoveryPointArn)
						return false, fmt.Errorf("%s is being deleted", *p.RecoveryPointArn)
					}
					found[*p.RecoveryPointArn] = p
				}
			}
			return true, nil
		})
	}
	for point := range c.points {
		if _, there := found[point]; !there {
			if !c.asked[point] {
				t.Errorf("recovery point %s is gone", point)
			}
			delete(c.points, point)
			delete(c.brief, point)
		}
	}
	now := must(c.p.admin().Clock(ctx, server.ClockMove{}))(t, "reading the clock").Now
	for arn, p := range found {
		if p.Lifecycle == nil || p.Lifecycle.DeleteAfterDays == nil {
			continue
		}
		c.brief[arn] = true
		if p.CalculatedLifecycle.DeleteAt.Before(now.Add(time.Hour)) { // a copy of what was made before a day passed: it counts from there
			c.asked[arn] = true
		}
	}
	sources := map[string]string{}
	for _, client := range []*backup.Client{c.backup, c.other} {
		copies := must(client.ListCopyJobs(ctx, &backup.ListCopyJobsInput{}))(t, "listing copies")
		for _, job := range copies.CopyJobs {
			sources[aws.ToString(job.DestinationRecoveryPointArn)] = *job.SourceRecoveryPointArn
		}
	}
	for len(found) > 0 {
		learned := 0
		for arn, p := range found {
			if c.points[arn] != nil {
				delete(found, arn)
				learned++
				continue
			}
			source, copied := sources[arn]
			switch {
			case copied && c.points[source] != nil:
				c.points[arn] = c.points[source]
			case copied:
				if _, later := found[source]; later {
					continue
				}
				c.asked[arn] = true // its source is gone, so what it must hold is not known any more
				if err := c.deletePoint(ctx, arn); err != nil {
					t.Errorf("deleting %s: %v", arn, err)
				}
			case *p.ResourceType == "EBS":
				c.points[arn] = sums{"": c.bucket[""]}
			default:
				held := maps.Clone(c.bucket)
				delete(held, "")
				c.points[arn] = held
			}
			delete(found, arn)
			learned++
		}
		if learned == 0 {
			t.Fatalf("copies of unknown sources: %v", found)
		}
	}
}

// check verifies the archives and the bucket, and restores one recovery point, or all.
func (c *crashed) check(ctx context.Context, t *testing.T, all bool) {
	report := must(c.p.admin().Verify(ctx, work.VerifyRequest{}))(t, "verifying")
	if report.Damaged() {
		var text strings.Builder
		report.Print(&text)
		t.Errorf("the archives are damaged:\n%s", text.String())
	}
	for key, want := range c.bucket {
		if key == "" {
			continue
		}
		if got, found := c.read(ctx, t, crashBucket, key); !found || got != want {
			t.Errorf("%q was acknowledged and does not hold what was written (found: %t)", key, found)
		}
	}
	known := slices.Sorted(maps.Keys(c.points))
	if !all && len(known) > 1 {
		i := c.random.IntN(len(known))
		known = known[i : i+1]
	}
	for i, point := range known {
		c.restore(ctx, t, point, fmt.Sprintf("checked-%d-%d", c.rounds, i))
	}
}

// restore restores a recovery point and compares every byte.
func (c *crashed) restore(ctx context.Context, t *testing.T, point, bucket string) {
	job := must(c.startRestore(ctx, point, bucket))(t, "restoring "+point)
	client := c.backup
	if !c.home(point) {
		client = c.other
	}
	var created string
	eventually(ctx, t, "the restore of "+point, func() (bool, error) {
		out, err := client.DescribeRestoreJob(ctx, &backup.DescribeRestoreJobInput{RestoreJobId: &job})
		if err != nil {
			return false, err
		}
		if out.Status == backuptypes.RestoreJobStatusFailed {
			t.Fatalf("restoring %s: %s", point, aws.ToString(out.StatusMessage))
		}
		created = aws.ToString(out.CreatedResourceArn)
		return out.Status == backuptypes.RestoreJobStatusCompleted, fmt.Errorf("it is %s", out.Status)
	})
	want := c.points[point]
	if sum, isVolume := want[""]; isVolume {
		if c.home(point) && c.volumeSum(ctx, t, created[strings.LastIndex(created, "/")+1:]) != sum {
			t.Errorf("the volume restored from %s is not what was backed up", point)
		}
		return
	}
	for key, sum := range want {
		if got, found := c.read(ctx, t, bucket, key); !found || got != sum {
			t.Errorf("%q restored from %s is not what was backed up (found: %t)", key, point, found)
		}
	}
}

func (c *crashed) read(ctx context.Context, t *testing.T, bucket, key string) (sum [sha256.Size]byte, found bool) {
	out, err := c.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key}, func(o *s3.Options) {
		if location, err := c.s3.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: &bucket}); err == nil {
			o.Region = string(location.LocationConstraint)
		}
	})
	var none *s3types.NoSuchKey
	if errors.As(err, &none) {
		return sum, false
	} else if err != nil {
		t.Fatalf("reading %q of %s: %v", key, bucket, err)
	}
	defer out.Body.Close()
	h := sha256.New()
	if _, err := io.Copy(h, out.Body); err != nil {
		t.Fatalf("reading %q of %s: %v", key, bucket, err)
	}
	return [sha256.Size]byte(h.Sum(nil)), true
}

// volumeSum reads a volume by way of a snapshot.
func (c *crashed) volumeSum(ctx context.Context, t *testing.T, volume string) [sha256.Size]byte {
	var snapshot *ec2.CreateSnapshotOutput
	eventually(ctx, t, "a snapshot of "+volume, func() (done bool, err error) {
		snapshot, err = c.ec2.CreateSnapshot(ctx, &ec2.CreateSnapshotInput{VolumeId: &volume})
		return err == nil, err
	})
	eventually(ctx, t, "the snapshot is complete", func() (bool, error) {
		out, err := c.ec2.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{*snapshot.SnapshotId}})
		return err == nil && out.Snapshots[0].State == "completed", err
	})
	h := sha256.New()
	pages := ebs.NewListSnapshotBlocksPaginator(c.ebs, &ebs.ListSnapshotBlocksInput{SnapshotId: snapshot.SnapshotId})
	for pages.HasMorePages() {
		page := must(pages.NextPage(ctx))(t, "listing blocks")
		for _, b := range page.Blocks {
			block := must(c.ebs.GetSnapshotBlock(ctx, &ebs.GetSnapshotBlockInput{SnapshotId: snapshot.SnapshotId, BlockIndex: b.BlockIndex, BlockToken: b.BlockToken}))(t, "reading a block")
			if _, err := io.Copy(h, block.BlockData); err != nil {
				t.Fatal(err)
			}
			_ = block.BlockData.Close()
		}
	}
	must(c.ec2.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: snapshot.SnapshotId}))(t, "deleting the snapshot")
	return [sha256.Size]byte(h.Sum(nil))
}
