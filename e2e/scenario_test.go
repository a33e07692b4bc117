package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	ebstypes "github.com/aws/aws-sdk-go-v2/service/ebs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
)

const (
	home  = server.HomeRegion
	north = server.SecondRegion

	management = server.ManagementAccount
	member     = server.MemberAccount
	vaulted    = server.BackupAccount // the backup account

	blockSize = 512 << 10 // of the EBS direct APIs
)

// party is somebody who calls the service: one account, Region and set of credentials.
type party struct {
	id, region string
	config     aws.Config

	backup        *backup.Client
	cloudtrail    *cloudtrail.Client
	ebs           *ebs.Client
	ec2           *ec2.Client
	iam           *iam.Client
	kms           *kms.Client
	organizations *organizations.Client
	s3            *s3.Client
	sts           *sts.Client
	tagging       *resourcegroupstaggingapi.Client
}

func newParty(id string, cfg aws.Config) *party {
	return &party{
		id: id, region: cfg.Region, config: cfg,
		backup: backup.NewFromConfig(cfg), cloudtrail: cloudtrail.NewFromConfig(cfg), ebs: ebs.NewFromConfig(cfg), ec2: ec2.NewFromConfig(cfg),
		iam: iam.NewFromConfig(cfg), kms: kms.NewFromConfig(cfg), organizations: organizations.NewFromConfig(cfg),
		s3:  s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }),
		sts: sts.NewFromConfig(cfg), tagging: resourcegroupstaggingapi.NewFromConfig(cfg),
	}
}

// enter returns the administrator of one of the ready accounts in a Region.
func enter(t *testing.T, s *strongroomtest.Server, account, region string) *party {
	t.Helper()
	profile := map[string]string{management: "management", member: "member", vaulted: "backup"}[account]
	return newParty(account, s.AWS(t, profile, region))
}

// in is the same caller in another Region.
func (p *party) in(region string) *party {
	cfg := p.config.Copy()
	cfg.Region = region
	return newParty(p.id, cfg)
}

func (p *party) root() string { return "arn:aws:iam::" + p.id + ":root" }

func (p *party) linkedRole() string {
	return "arn:aws:iam::" + p.id + ":role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup"
}

func (p *party) roleARN() string { return "arn:aws:iam::" + p.id + ":role/jobs" }

func (p *party) vaultARN(name string) string {
	return "arn:aws:backup:" + p.region + ":" + p.id + ":backup-vault:" + name
}

func (p *party) volumeARN(id string) string {
	return "arn:aws:ec2:" + p.region + ":" + p.id + ":volume/" + id
}

// statement is one statement of a policy.
type statement map[string]any

func policy(statements ...statement) *string {
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		panic("a policy of strings cannot fail to be encoded: " + err.Error())
	}
	return aws.String(string(text))
}

func serviceTrust() *string {
	return policy(statement{"Effect": "Allow", "Principal": statement{"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"})
}

var rolePolicies = []string{
	"service-role/AWSBackupServiceRolePolicyForBackup", "service-role/AWSBackupServiceRolePolicyForRestores",
	"AWSBackupServiceRolePolicyForS3Backup", "AWSBackupServiceRolePolicyForS3Restore",
}

// role makes a role that AWS Backup can assume, with policies of AWS.
func (p *party) role(t *testing.T, name string, policies ...string) string {
	t.Helper()
	out := must(p.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: serviceTrust()}))(t, "creating role "+name)
	for _, policy := range policies {
		must(p.iam.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: aws.String("arn:aws:iam::aws:policy/" + policy)}))(t, "attaching "+policy)
	}
	return *out.Role.Arn
}

// linked makes the service-linked role of AWS Backup, unless it exists.
func (p *party) linked(t *testing.T) {
	t.Helper()
	_, err := p.iam.CreateServiceLinkedRole(t.Context(), &iam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("backup.amazonaws.com")})
	var taken *iamtypes.InvalidInputException
	if err != nil && !errors.As(err, &taken) {
		t.Fatalf("making the service-linked role: %v", err)
	}
}

// key makes a key. Its policy delegates to its account, and lets the service-linked roles of readers copy.
func (p *party) key(t *testing.T, readers ...*party) string {
	t.Helper()
	statements := []statement{{"Effect": "Allow", "Principal": statement{"AWS": p.root()}, "Action": "kms:*", "Resource": "*"}}
	for _, reader := range readers {
		statements = append(statements, readerStatement(reader))
	}
	out := must(p.kms.CreateKey(t.Context(), &kms.CreateKeyInput{Policy: policy(statements...)}))(t, "creating a key")
	return *out.KeyMetadata.Arn
}

func readerStatement(reader *party) statement {
	return statement{"Effect": "Allow", "Principal": statement{"AWS": reader.linkedRole()}, "Action": []string{"kms:CreateGrant", "kms:DescribeKey"}, "Resource": "*"}
}

// vault makes a vault, under the key if one is given, that admits copies of others.
func (p *party) vault(t *testing.T, name, keyARN string, others ...*party) string {
	t.Helper()
	in := &backup.CreateBackupVaultInput{BackupVaultName: &name}
	if keyARN != "" {
		in.EncryptionKeyArn = &keyARN
	}
	out := must(p.backup.CreateBackupVault(t.Context(), in))(t, "creating vault "+name)
	if len(others) > 0 {
		var roots []string
		for _, other := range others {
			roots = append(roots, other.root())
		}
		must(p.backup.PutBackupVaultAccessPolicy(t.Context(), &backup.PutBackupVaultAccessPolicyInput{BackupVaultName: &name, Policy: policy(
			statement{"Effect": "Allow", "Principal": statement{"AWS": roots}, "Action": "backup:CopyIntoBackupVault", "Resource": "*"},
		)}))(t, "opening vault "+name)
	}
	return *out.BackupVaultArn
}

// bucket makes a versioned bucket with a few objects, tagged as pairs of name and value say.
func (p *party) bucket(t *testing.T, name, keyARN string, tags ...string) string {
	t.Helper()
	must(p.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(p.region)},
	}))(t, "creating bucket "+name)
	must(p.s3.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: &name, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
	}))(t, "versioning bucket "+name)
	if keyARN != "" {
		must(p.s3.PutBucketEncryption(t.Context(), &s3.PutBucketEncryptionInput{
			Bucket: &name, ServerSideEncryptionConfiguration: &s3types.ServerSideEncryptionConfiguration{Rules: []s3types.ServerSideEncryptionRule{{
				ApplyServerSideEncryptionByDefault: &s3types.ServerSideEncryptionByDefault{SSEAlgorithm: s3types.ServerSideEncryptionAwsKms, KMSMasterKeyID: &keyARN},
			}}},
		}))(t, "encrypting bucket "+name)
	}
	if len(tags) > 0 {
		var set []s3types.Tag
		for pair := range slices.Chunk(tags, 2) {
			set = append(set, s3types.Tag{Key: &pair[0], Value: &pair[1]})
		}
		must(p.s3.PutBucketTagging(t.Context(), &s3.PutBucketTaggingInput{Bucket: &name, Tagging: &s3types.Tagging{TagSet: set}}))(t, "tagging bucket "+name)
	}
	for i := range 3 {
		p.put(t, name, fmt.Sprintf("key %d", i), []byte(strings.Repeat(fmt.Sprintf("%s %d. ", name, i), 200)))
	}
	return "arn:aws:s3:::" + name
}

func (p *party) put(t *testing.T, bucket, key string, body []byte) {
	t.Helper()
	must(p.s3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body)}))(t, "writing "+key)
}

// volume makes a volume of one GiB that begins with the image, encrypted if a key is given.
func (p *party) volume(t *testing.T, keyARN string, image []byte, tags ...string) string {
	t.Helper()
	ctx := t.Context()
	start := &ebs.StartSnapshotInput{VolumeSize: aws.Int64(1)}
	if keyARN != "" {
		start.Encrypted, start.KmsKeyArn = aws.Bool(true), &keyARN
	}
	snapshot := must(p.ebs.StartSnapshot(ctx, start))(t, "starting a snapshot")
	blocks := slices.Collect(slices.Chunk(image, blockSize))
	for i, block := range blocks {
		block = append(slices.Clone(block), make([]byte, blockSize-len(block))...)
		sum := sha256.Sum256(block)
		must(p.ebs.PutSnapshotBlock(ctx, &ebs.PutSnapshotBlockInput{
			SnapshotId: snapshot.SnapshotId, BlockIndex: aws.Int32(int32(i)), BlockData: bytes.NewReader(block), DataLength: aws.Int32(blockSize),
			Checksum: aws.String(base64.StdEncoding.EncodeToString(sum[:])), ChecksumAlgorithm: ebstypes.ChecksumAlgorithmChecksumAlgorithmSha256,
		}))(t, "writing a block")
	}
	must(p.ebs.CompleteSnapshot(ctx, &ebs.CompleteSnapshotInput{SnapshotId: snapshot.SnapshotId, ChangedBlocksCount: aws.Int32(int32(len(blocks)))}))(t, "completing the snapshot")
	p.snapshotDone(t, *snapshot.SnapshotId)
	in := &ec2.CreateVolumeInput{AvailabilityZone: aws.String(p.region + "a"), SnapshotId: snapshot.SnapshotId}
	if len(tags) > 0 {
		specification := ec2types.TagSpecification{ResourceType: ec2types.ResourceTypeVolume}
		for pair := range slices.Chunk(tags, 2) {
			specification.Tags = append(specification.Tags, ec2types.Tag{Key: &pair[0], Value: &pair[1]})
		}
		in.TagSpecifications = append(in.TagSpecifications, specification)
	}
	volume := must(p.ec2.CreateVolume(ctx, in))(t, "creating a volume")
	p.volumeDone(t, *volume.VolumeId)
	must(p.ec2.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: snapshot.SnapshotId}))(t, "deleting the snapshot")
	return *volume.VolumeId
}

func (p *party) snapshotDone(t *testing.T, id string) {
	t.Helper()
	eventually(t.Context(), t, "snapshot "+id, func() (bool, error) {
		out, err := p.ec2.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{SnapshotIds: []string{id}})
		if err != nil {
			return false, err
		}
		return out.Snapshots[0].State == ec2types.SnapshotStateCompleted, fmt.Errorf("it is %s", out.Snapshots[0].State)
	})
}

func (p *party) volumeDone(t *testing.T, id string) {
	t.Helper()
	eventually(t.Context(), t, "volume "+id, func() (bool, error) {
		out, err := p.ec2.DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{VolumeIds: []string{id}})
		if err != nil {
			return false, err
		}
		return out.Volumes[0].State == ec2types.VolumeStateAvailable, fmt.Errorf("it is %s", out.Volumes[0].State)
	})
}

// readVolume reads a volume's written blocks by way of a snapshot, up to the end of the last one.
func (p *party) readVolume(t *testing.T, id string) []byte {
	t.Helper()
	ctx := t.Context()
	snapshot := must(p.ec2.CreateSnapshot(ctx, &ec2.CreateSnapshotInput{VolumeId: &id}))(t, "taking a snapshot")
	p.snapshotDone(t, *snapshot.SnapshotId)
	var image []byte
	pages := ebs.NewListSnapshotBlocksPaginator(p.ebs, &ebs.ListSnapshotBlocksInput{SnapshotId: snapshot.SnapshotId})
	for pages.HasMorePages() {
		page := must(pages.NextPage(ctx))(t, "listing blocks")
		for _, b := range page.Blocks {
			out := must(p.ebs.GetSnapshotBlock(ctx, &ebs.GetSnapshotBlockInput{SnapshotId: snapshot.SnapshotId, BlockIndex: b.BlockIndex, BlockToken: b.BlockToken}))(t, "reading a block")
			block := must(io.ReadAll(out.BlockData))(t, "reading a block")
			_ = out.BlockData.Close()
			if end := (int(*b.BlockIndex) + 1) * blockSize; len(image) < end {
				image = append(image, make([]byte, end-len(image))...)
			}
			copy(image[int(*b.BlockIndex)*blockSize:], block)
		}
	}
	must(p.ec2.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: snapshot.SnapshotId}))(t, "deleting the snapshot")
	return image
}

// objects reads the newest versions of a bucket's objects.
func (p *party) objects(t *testing.T, bucket string) map[string]string {
	t.Helper()
	all := map[string]string{}
	list := must(p.s3.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket}))(t, "listing "+bucket)
	for _, o := range list.Contents {
		out := must(p.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: o.Key}))(t, "reading "+*o.Key)
		all[*o.Key] = string(must(io.ReadAll(out.Body))(t, "reading "+*o.Key))
		_ = out.Body.Close()
	}
	return all
}

// startBackup starts a backup job under the role "jobs".
func (p *party) startBackup(t *testing.T, vault, resource string) string {
	t.Helper()
	out := must(p.backup.StartBackupJob(t.Context(), &backup.StartBackupJobInput{BackupVaultName: &vault, ResourceArn: &resource, IamRoleArn: aws.String(p.roleARN())}))(t, "starting a backup")
	return *out.BackupJobId
}

// backedUp waits for the end of a backup job.
func (p *party) backedUp(t *testing.T, id string) *backup.DescribeBackupJobOutput {
	t.Helper()
	var out *backup.DescribeBackupJobOutput
	eventually(t.Context(), t, "the end of backup job "+id, func() (done bool, err error) {
		if out, err = p.backup.DescribeBackupJob(t.Context(), &backup.DescribeBackupJobInput{BackupJobId: &id}); err != nil {
			return false, err
		}
		switch out.State {
		case backuptypes.BackupJobStateCompleted, backuptypes.BackupJobStateFailed, backuptypes.BackupJobStateAborted, backuptypes.BackupJobStateExpired, backuptypes.BackupJobStatePartial:
			return true, nil
		default:
			return false, fmt.Errorf("it is %s: %s", out.State, aws.ToString(out.StatusMessage))
		}
	})
	return out
}

// backUp backs a resource up, which must succeed, and returns the recovery point's ARN.
func (p *party) backUp(t *testing.T, vault, resource string) string {
	t.Helper()
	out := p.backedUp(t, p.startBackup(t, vault, resource))
	if out.State != backuptypes.BackupJobStateCompleted {
		t.Fatalf("the backup of %s is %s: %s", resource, out.State, aws.ToString(out.StatusMessage))
	}
	return *out.RecoveryPointArn
}

// ended is how a job ended, as its state, message and category show it.
type ended struct{ State, Message, Category string }

var completed = ended{"COMPLETED", "", ""}

// copyJob copies a recovery point and waits for the end.
func (p *party) copyJob(t *testing.T, point, vault, destination string) *backuptypes.CopyJob {
	t.Helper()
	out := must(p.backup.StartCopyJob(t.Context(), &backup.StartCopyJobInput{
		RecoveryPointArn: &point, SourceBackupVaultName: &vault, DestinationBackupVaultArn: &destination, IamRoleArn: aws.String(p.roleARN()),
	}))(t, "starting a copy")
	return p.copyEnded(t, *out.CopyJobId)
}

func (p *party) copyEnded(t *testing.T, id string) *backuptypes.CopyJob {
	t.Helper()
	var job *backuptypes.CopyJob
	eventually(t.Context(), t, "the end of copy job "+id, func() (bool, error) {
		out, err := p.backup.DescribeCopyJob(t.Context(), &backup.DescribeCopyJobInput{CopyJobId: &id})
		if err != nil {
			return false, err
		}
		job = out.CopyJob
		switch job.State {
		case backuptypes.CopyJobStateCompleted, backuptypes.CopyJobStateFailed, backuptypes.CopyJobStatePartial:
			return true, nil
		default:
			return false, fmt.Errorf("it is %s: %s", job.State, aws.ToString(job.StatusMessage))
		}
	})
	return job
}

// tryCopy says how a copy ends.
func (p *party) tryCopy(t *testing.T, point, vault, destination string) ended {
	t.Helper()
	return copyEnd(p.copyJob(t, point, vault, destination))
}

func copyEnd(job *backuptypes.CopyJob) ended {
	return end(string(job.State), job.StatusMessage, job.MessageCategory)
}

func end(state string, message, category *string) ended {
	if state == "COMPLETED" && aws.ToString(message) == "" {
		return completed
	}
	return ended{state, aws.ToString(message), aws.ToString(category)}
}

// copyTo copies, which must succeed, and returns the copy's ARN.
func (p *party) copyTo(t *testing.T, point, vault, destination string) string {
	t.Helper()
	job := p.copyJob(t, point, vault, destination)
	if job.State != backuptypes.CopyJobStateCompleted {
		t.Fatalf("the copy of %s is %s: %s", point, job.State, aws.ToString(job.StatusMessage))
	}
	return *job.DestinationRecoveryPointArn
}

// restoreJob restores a recovery point and waits for the end. A volume comes back as metadata says, a bucket as a new
// one of that name.
func (p *party) restoreJob(t *testing.T, point string, metadata map[string]string) *backup.DescribeRestoreJobOutput {
	t.Helper()
	started := must(p.backup.StartRestoreJob(t.Context(), &backup.StartRestoreJobInput{RecoveryPointArn: &point, IamRoleArn: aws.String(p.roleARN()), Metadata: metadata}))(t, "starting a restore")
	var out *backup.DescribeRestoreJobOutput
	eventually(t.Context(), t, "the end of restore job "+*started.RestoreJobId, func() (done bool, err error) {
		if out, err = p.backup.DescribeRestoreJob(t.Context(), &backup.DescribeRestoreJobInput{RestoreJobId: started.RestoreJobId}); err != nil {
			return false, err
		}
		switch out.Status {
		case backuptypes.RestoreJobStatusCompleted, backuptypes.RestoreJobStatusFailed, backuptypes.RestoreJobStatusAborted:
			return true, nil
		default:
			return false, fmt.Errorf("it is %s: %s", out.Status, aws.ToString(out.StatusMessage))
		}
	})
	return out
}

func (p *party) metadata(point, bucket string) map[string]string {
	if strings.Contains(point, ":snapshot/") {
		return map[string]string{"availabilityZone": p.region + "a", "volumeType": "gp3"}
	}
	return map[string]string{"DestinationBucketName": bucket, "newBucket": "true", "EncryptionType": "SSE-S3"}
}

// restoreBucket restores into a new bucket, which must succeed, and reads that.
func (p *party) restoreBucket(t *testing.T, point, bucket string) map[string]string {
	t.Helper()
	out := p.restoreJob(t, point, p.metadata(point, bucket))
	if out.Status != backuptypes.RestoreJobStatusCompleted {
		t.Fatalf("the restore of %s is %s: %s", point, out.Status, aws.ToString(out.StatusMessage))
	}
	return p.objects(t, bucket)
}

// restoreVolume restores a volume, which must succeed, and reads that.
func (p *party) restoreVolume(t *testing.T, point string) []byte {
	t.Helper()
	out := p.restoreJob(t, point, p.metadata(point, ""))
	if out.Status != backuptypes.RestoreJobStatusCompleted {
		t.Fatalf("the restore of %s is %s: %s", point, out.Status, aws.ToString(out.StatusMessage))
	}
	created := *out.CreatedResourceArn
	return p.readVolume(t, created[strings.LastIndex(created, "/")+1:])
}

func (p *party) point(t *testing.T, vault, point string) *backup.DescribeRecoveryPointOutput {
	t.Helper()
	return must(p.backup.DescribeRecoveryPoint(t.Context(), &backup.DescribeRecoveryPointInput{BackupVaultName: &vault, RecoveryPointArn: &point}))(t, "describing "+point)
}

// points lists the recovery points of a vault.
func (p *party) points(t *testing.T, vault string) []string {
	t.Helper()
	var all []string
	pages := backup.NewListRecoveryPointsByBackupVaultPaginator(p.backup, &backup.ListRecoveryPointsByBackupVaultInput{BackupVaultName: &vault})
	for pages.HasMorePages() {
		for _, point := range must(pages.NextPage(t.Context()))(t, "listing "+vault).RecoveryPoints {
			all = append(all, *point.RecoveryPointArn)
		}
	}
	return all
}

// crossAccount turns cross-account backup on or off.
func crossAccount(t *testing.T, s *strongroomtest.Server, on bool) {
	t.Helper()
	must(enter(t, s, management, home).backup.UpdateGlobalSettings(t.Context(), globalSettings(fmt.Sprint(on))))(t, "setting cross-account backup")
}

func globalSettings(crossAccount string) *backup.UpdateGlobalSettingsInput {
	return &backup.UpdateGlobalSettingsInput{GlobalSettings: map[string]string{"isCrossAccountBackupEnabled": crossAccount}}
}

// move moves the service's clock to when, or by a duration, and waits for what that starts.
func move(t *testing.T, s *strongroomtest.Server, m server.ClockMove) time.Time {
	t.Helper()
	return must(s.Admin.Clock(t.Context(), m))(t, "moving the clock").Now
}

// refused checks that err is the error of AWS with a code and a status, and that its message holds text.
func refused(t *testing.T, err error, code string, status int, text string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) {
		t.Errorf("got the error %v, want %s", err, code)
		return
	}
	got := 0
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		got = response.HTTPStatusCode()
	}
	if e.ErrorCode() != code || got != status || !strings.Contains(e.ErrorMessage(), text) {
		t.Errorf("got %s (%d): %q, want %s (%d) with %q", e.ErrorCode(), got, e.ErrorMessage(), code, status, text)
	}
}

// denied checks that err refuses access.
func denied(t *testing.T, what string, err error) {
	t.Helper()
	var e smithy.APIError
	var response *awshttp.ResponseError
	if !errors.As(err, &e) || !errors.As(err, &response) {
		t.Errorf("%s: got the error %v, want access to be denied", what, err)
		return
	}
	switch e.ErrorCode() {
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation":
	default:
		t.Errorf("%s: got %s: %s, want access to be denied", what, e.ErrorCode(), e.ErrorMessage())
	}
	if status := response.HTTPStatusCode(); status != http.StatusForbidden && status != http.StatusBadRequest {
		t.Errorf("%s: the status is %d", what, status)
	}
}

// noise is size bytes that do not compress, the same for the same seed.
func noise(seed uint64, size int) []byte {
	var out []byte
	for sum := sha256.Sum256(fmt.Append(nil, seed)); len(out) < size; sum = sha256.Sum256(sum[:]) {
		out = append(out, sum[:]...)
	}
	return out[:size]
}
