package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/strongroomtest"
)

// possessions is one of each thing that an account has.
type possessions struct {
	owner                          *party
	key, bucket, volume, vault     string // the bucket's name, the volume's id
	point, snapshot                string // of the bucket; of the volume, its id
	plan, selection                string
	backupJob, copyJob, restoreJob string
	role                           string
	otherVault                     string // ARN
	ownSnapshot                    string
}

func newPossessions(t *testing.T, p *party) *possessions {
	t.Helper()
	ctx := t.Context()
	o := &possessions{owner: p, bucket: "possessed-bucket", vault: "local-vault", role: p.role(t, "jobs", rolePolicies...)}
	p.linked(t)
	o.key = p.key(t)
	p.vault(t, o.vault, o.key)
	o.otherVault = p.vault(t, "second-vault", o.key)
	resource := p.bucket(t, o.bucket, "", "owner", "member")
	o.volume = p.volume(t, o.key, noise(20, blockSize), "owner", "member")
	o.backupJob = p.startBackup(t, o.vault, resource)
	o.point = *p.backedUp(t, o.backupJob).RecoveryPointArn
	snapshot := p.backUp(t, o.vault, p.volumeARN(o.volume))
	o.snapshot = snapshot[strings.LastIndex(snapshot, "/")+1:]
	copied := p.copyJob(t, o.point, o.vault, o.otherVault)
	o.copyJob = *copied.CopyJobId
	o.restoreJob = *p.restoreJob(t, o.point, p.metadata(o.point, "possessed-copy")).RestoreJobId
	o.plan = p.plan(t, "possessed", backuptypes.BackupRuleInput{ScheduleExpression: aws.String(inHalfADay())}, tagged("owner", "member"))
	o.selection = *p.selections(t, o.plan)[0].SelectionId
	own := must(p.ec2.CreateSnapshot(ctx, &ec2.CreateSnapshotInput{VolumeId: &o.volume}))(t, "taking a snapshot")
	o.ownSnapshot = *own.SnapshotId
	p.snapshotDone(t, o.ownSnapshot)
	return o
}

// inHalfADay is a daily schedule that comes to nothing while a test runs.
func inHalfADay() string { return fmt.Sprintf("cron(0 %d ? * * *)", (time.Now().UTC().Hour()+12)%24) }

// calls reach for each thing as somebody.
func (o *possessions) calls(ctx context.Context, p *party) map[string]func() error {
	calls := map[string]func() error{}
	add := func(name string, call func() error) { calls[name] = call }
	vault, point, role := &o.vault, &o.point, aws.String(o.role)

	add("backup:DescribeBackupVault", func() error {
		_, err := p.backup.DescribeBackupVault(ctx, &backup.DescribeBackupVaultInput{BackupVaultName: vault})
		return err
	})
	add("backup:DeleteBackupVault", func() error {
		_, err := p.backup.DeleteBackupVault(ctx, &backup.DeleteBackupVaultInput{BackupVaultName: vault})
		return err
	})
	add("backup:PutBackupVaultAccessPolicy", func() error {
		_, err := p.backup.PutBackupVaultAccessPolicy(ctx, &backup.PutBackupVaultAccessPolicyInput{BackupVaultName: vault, Policy: policy(
			statement{"Effect": "Allow", "Principal": statement{"AWS": p.root()}, "Action": "backup:CopyIntoBackupVault", "Resource": "*"})})
		return err
	})
	add("backup:ListRecoveryPointsByBackupVault", func() error {
		_, err := p.backup.ListRecoveryPointsByBackupVault(ctx, &backup.ListRecoveryPointsByBackupVaultInput{BackupVaultName: vault})
		return err
	})
	add("backup:DescribeRecoveryPoint", func() error {
		_, err := p.backup.DescribeRecoveryPoint(ctx, &backup.DescribeRecoveryPointInput{BackupVaultName: vault, RecoveryPointArn: point})
		return err
	})
	add("backup:DeleteRecoveryPoint", func() error {
		_, err := p.backup.DeleteRecoveryPoint(ctx, &backup.DeleteRecoveryPointInput{BackupVaultName: vault, RecoveryPointArn: point})
		return err
	})
	add("backup:StartBackupJob", func() error {
		_, err := p.backup.StartBackupJob(ctx, &backup.StartBackupJobInput{BackupVaultName: vault, ResourceArn: aws.String("arn:aws:s3:::" + o.bucket), IamRoleArn: role})
		return err
	})
	add("backup:StartCopyJob", func() error {
		_, err := p.backup.StartCopyJob(ctx, &backup.StartCopyJobInput{SourceBackupVaultName: vault, RecoveryPointArn: point, DestinationBackupVaultArn: &o.otherVault, IamRoleArn: role})
		return err
	})
	add("backup:StartRestoreJob", func() error {
		_, err := p.backup.StartRestoreJob(ctx, &backup.StartRestoreJobInput{RecoveryPointArn: point, IamRoleArn: role, Metadata: p.metadata(o.point, "stolen-bucket")})
		return err
	})
	add("backup:DescribeBackupJob", func() error {
		_, err := p.backup.DescribeBackupJob(ctx, &backup.DescribeBackupJobInput{BackupJobId: &o.backupJob})
		return err
	})
	add("backup:DescribeCopyJob", func() error {
		_, err := p.backup.DescribeCopyJob(ctx, &backup.DescribeCopyJobInput{CopyJobId: &o.copyJob})
		return err
	})
	add("backup:DescribeRestoreJob", func() error {
		_, err := p.backup.DescribeRestoreJob(ctx, &backup.DescribeRestoreJobInput{RestoreJobId: &o.restoreJob})
		return err
	})
	add("backup:GetBackupPlan", func() error {
		_, err := p.backup.GetBackupPlan(ctx, &backup.GetBackupPlanInput{BackupPlanId: &o.plan})
		return err
	})
	add("backup:DeleteBackupSelection", func() error {
		_, err := p.backup.DeleteBackupSelection(ctx, &backup.DeleteBackupSelectionInput{BackupPlanId: &o.plan, SelectionId: &o.selection})
		return err
	})
	add("backup:ListTags", func() error {
		_, err := p.backup.ListTags(ctx, &backup.ListTagsInput{ResourceArn: aws.String(o.owner.vaultARN(o.vault))})
		return err
	})

	add("kms:DescribeKey", func() error { _, err := p.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &o.key}); return err })
	add("kms:Encrypt", func() error {
		_, err := p.kms.Encrypt(ctx, &kms.EncryptInput{KeyId: &o.key, Plaintext: []byte("x")})
		return err
	})
	add("kms:GenerateDataKey", func() error {
		_, err := p.kms.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &o.key, KeySpec: kmstypes.DataKeySpecAes256})
		return err
	})
	add("kms:CreateGrant", func() error {
		_, err := p.kms.CreateGrant(ctx, &kms.CreateGrantInput{KeyId: &o.key, GranteePrincipal: aws.String(p.root()), Operations: []kmstypes.GrantOperation{kmstypes.GrantOperationDecrypt}})
		return err
	})
	add("kms:DisableKey", func() error { _, err := p.kms.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &o.key}); return err })
	add("kms:ScheduleKeyDeletion", func() error {
		_, err := p.kms.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &o.key})
		return err
	})
	add("kms:PutKeyPolicy", func() error {
		_, err := p.kms.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: &o.key, Policy: policy(statement{"Effect": "Allow", "Principal": statement{"AWS": p.root()}, "Action": "kms:*", "Resource": "*"})})
		return err
	})

	add("ec2:DescribeVolumes", func() error {
		_, err := p.ec2.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{VolumeIds: []string{o.volume}})
		return err
	})
	add("ec2:DeleteVolume", func() error {
		_, err := p.ec2.DeleteVolume(ctx, &ec2.DeleteVolumeInput{VolumeId: &o.volume})
		return err
	})
	add("ec2:CreateSnapshot", func() error {
		_, err := p.ec2.CreateSnapshot(ctx, &ec2.CreateSnapshotInput{VolumeId: &o.volume})
		return err
	})
	for name, snapshot := range map[string]string{"": o.ownSnapshot, " of AWS Backup": o.snapshot} {
		add("ec2:DescribeSnapshots"+name, func() error {
			_, err := p.ec2.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{snapshot}})
			return err
		})
		add("ec2:CreateVolume"+name, func() error {
			_, err := p.ec2.CreateVolume(ctx, &ec2.CreateVolumeInput{SnapshotId: &snapshot, AvailabilityZone: aws.String(p.region + "a")})
			return err
		})
		add("ec2:DeleteSnapshot"+name, func() error {
			_, err := p.ec2.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: &snapshot})
			return err
		})
		add("ebs:ListSnapshotBlocks"+name, func() error {
			_, err := p.ebs.ListSnapshotBlocks(ctx, &ebs.ListSnapshotBlocksInput{SnapshotId: &snapshot})
			return err
		})
	}
	return calls
}

// global are the calls for things that are the same in every Region.
func (o *possessions) global(ctx context.Context, p *party) map[string]func() error {
	return map[string]func() error{
		"s3:ListBucket": func() error { _, err := p.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &o.bucket}); return err },
		"s3:GetObject": func() error {
			_, err := p.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &o.bucket, Key: aws.String("key 0")})
			return err
		},
		"s3:PutObject": func() error {
			_, err := p.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &o.bucket, Key: aws.String("key 0"), Body: bytes.NewReader([]byte("theirs"))})
			return err
		},
		"s3:DeleteObject": func() error {
			_, err := p.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &o.bucket, Key: aws.String("key 0")})
			return err
		},
		"s3:DeleteBucket": func() error { _, err := p.s3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &o.bucket}); return err },
		"s3:PutBucketVersioning": func() error {
			_, err := p.s3.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: &o.bucket, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusSuspended}})
			return err
		},
		"sts:AssumeRole": func() error {
			_, err := p.sts.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &o.role, RoleSessionName: aws.String("visitor")})
			return err
		},
	}
}

// state is what of the possessions could have changed.
func (o *possessions) state(t *testing.T) map[string]any {
	t.Helper()
	ctx, p := t.Context(), o.owner
	vaultPolicy, err := p.backup.GetBackupVaultAccessPolicy(ctx, &backup.GetBackupVaultAccessPolicyInput{BackupVaultName: &o.vault})
	if err == nil {
		t.Errorf("the vault has a policy now: %s", *vaultPolicy.Policy)
	}
	var volumes, snapshots []string
	for _, v := range must(p.ec2.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{}))(t, "volumes").Volumes {
		volumes = append(volumes, *v.VolumeId)
	}
	for _, s := range must(p.ec2.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}}))(t, "snapshots").Snapshots {
		snapshots = append(snapshots, *s.SnapshotId)
	}
	key := must(p.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &o.key}))(t, "the key").KeyMetadata.KeyState
	return map[string]any{
		"points": append(p.points(t, o.vault), p.points(t, "second-vault")...), "objects": p.objects(t, o.bucket), "volumes": volumes, "snapshots": snapshots, "key": key,
		"key policy": *must(p.kms.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: &o.key}))(t, "the key's policy").Policy,
		"grants":     len(must(p.kms.ListGrants(ctx, &kms.ListGrantsInput{KeyId: &o.key}))(t, "the key's grants").Grants),
		"jobs":       len(p.backupJobs(t, "")), "selections": len(p.selections(t, o.plan)),
		"versioning": must(p.s3.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &o.bucket}))(t, "versioning").Status,
	}
}

// unseen checks that err says that there is no such thing, or that access is denied.
func unseen(t *testing.T, what string, err error) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) {
		t.Errorf("%s: got %v, want a refusal", what, err)
		return
	}
	for _, ending := range []string{"NotFound", "NotFoundException", "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "InvalidArnException"} {
		if strings.HasSuffix(e.ErrorCode(), ending) {
			return
		}
	}
	t.Errorf("%s: got %s: %s, want a refusal", what, e.ErrorCode(), e.ErrorMessage())
}

// TestIsolation reaches for everything that an account has: from other accounts, from another Region, as a user whom
// nothing is allowed, and as one to whom everything is allowed and then denied. Nothing is seen, and nothing changes.
func TestIsolation(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	m := enter(t, s, member, home)
	o := newPossessions(t, m)
	before := o.state(t)

	for name, other := range map[string]*party{"another account": enter(t, s, vaulted, home), "the management account": enter(t, s, management, home)} {
		for what, call := range o.calls(ctx, other) {
			unseen(t, what+" from "+name, call())
		}
		for what, call := range o.global(ctx, other) {
			denied(t, what+" from "+name, call())
		}
		other.seesNothing(t, name)
		_, err := other.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("jobs")})
		refused(t, err, "NoSuchEntity", 404, "jobs")
		if buckets := must(other.s3.ListBuckets(ctx, &s3.ListBucketsInput{}))(t, "listing buckets").Buckets; len(buckets) != 0 {
			t.Errorf("%s sees %d buckets", name, len(buckets))
		}
		for _, event := range must(other.cloudtrail.LookupEvents(ctx, &cloudtrail.LookupEventsInput{}))(t, "looking events up").Events {
			if aws.ToString(event.EventName) == "CreateBackupPlan" || aws.ToString(event.EventName) == "BackupJobCompleted" {
				t.Errorf("%s sees the event %s: %s", name, *event.EventName, *event.CloudTrailEvent)
			}
		}
	}
	far := m.in(north)
	for what, call := range o.calls(ctx, far) {
		unseen(t, what+" from another Region", call())
	}
	far.seesNothing(t, "another Region")

	nobody := m.user(t, "nobody")
	bound := m.user(t, "bound")
	must(m.iam.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("bound"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")}))(t, "allowing everything")
	must(bound.backup.DescribeBackupVault(ctx, &backup.DescribeBackupVaultInput{BackupVaultName: &o.vault}))(t, "an administrator's look at the vault")
	must(m.iam.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("bound"), PolicyName: aws.String("no"), PolicyDocument: policy(
		statement{"Effect": "Deny", "Action": "*", "Resource": "*"})}))(t, "denying everything")
	for name, p := range map[string]*party{"a user without policies": nobody, "a user with a denial": bound} {
		for what, call := range o.calls(ctx, p) {
			denied(t, what+" by "+name, call())
		}
		for what, call := range o.global(ctx, p) {
			denied(t, what+" by "+name, call())
		}
		for what, call := range p.lists(ctx) {
			_, err := call()
			denied(t, what+" by "+name, err)
		}
	}
	if diff := cmp.Diff(before, o.state(t)); diff != "" {
		t.Errorf("what the account has changed (-before +after):\n%s", diff)
	}
	if bucket := must(m.s3.ListBuckets(ctx, &s3.ListBucketsInput{}))(t, "listing buckets").Buckets; slices.ContainsFunc(bucket, func(b s3types.Bucket) bool { return *b.Name == "stolen-bucket" }) {
		t.Error("a restore that was refused made its bucket")
	}
}

// lists count what somebody sees of things that accounts have and nobody has from the start.
func (p *party) lists(ctx context.Context) map[string]func() (int, error) {
	return map[string]func() (int, error){
		"backup:ListBackupVaults": func() (int, error) {
			out, err := p.backup.ListBackupVaults(ctx, &backup.ListBackupVaultsInput{})
			return count(out, func() int { return len(out.BackupVaultList) }), err
		},
		"backup:ListBackupPlans": func() (int, error) {
			out, err := p.backup.ListBackupPlans(ctx, &backup.ListBackupPlansInput{})
			return count(out, func() int { return len(out.BackupPlansList) }), err
		},
		"backup:ListBackupJobs": func() (int, error) {
			out, err := p.backup.ListBackupJobs(ctx, &backup.ListBackupJobsInput{})
			return count(out, func() int { return len(out.BackupJobs) }), err
		},
		"backup:ListCopyJobs": func() (int, error) {
			out, err := p.backup.ListCopyJobs(ctx, &backup.ListCopyJobsInput{})
			return count(out, func() int { return len(out.CopyJobs) }), err
		},
		"backup:ListRestoreJobs": func() (int, error) {
			out, err := p.backup.ListRestoreJobs(ctx, &backup.ListRestoreJobsInput{})
			return count(out, func() int { return len(out.RestoreJobs) }), err
		},
		"backup:ListProtectedResources": func() (int, error) {
			out, err := p.backup.ListProtectedResources(ctx, &backup.ListProtectedResourcesInput{})
			return count(out, func() int { return len(out.Results) }), err
		},
		"ec2:DescribeVolumes": func() (int, error) {
			out, err := p.ec2.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{})
			return count(out, func() int { return len(out.Volumes) }), err
		},
		"ec2:DescribeSnapshots": func() (int, error) {
			out, err := p.ec2.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{})
			return count(out, func() int { return len(out.Snapshots) }), err
		},
		"tag:GetResources": func() (int, error) {
			out, err := p.tagging.GetResources(ctx, &resourcegroupstaggingapi.GetResourcesInput{})
			return count(out, func() int { return len(out.ResourceTagMappingList) }), err
		},
		"kms:ListKeys": func() (int, error) {
			out, err := p.kms.ListKeys(ctx, &kms.ListKeysInput{})
			return count(out, func() int { return len(out.Keys) }), err
		},
	}
}

func count[T any](out *T, n func() int) int {
	if out == nil {
		return 0
	}
	return n()
}

func (p *party) seesNothing(t *testing.T, name string) {
	t.Helper()
	for what, list := range p.lists(t.Context()) {
		if n, err := list(); err != nil || n != 0 {
			t.Errorf("%s from %s shows %d things, error %v", what, name, n, err)
		}
	}
}

// user makes a user with an access key.
func (p *party) user(t *testing.T, name string) *party {
	t.Helper()
	must(p.iam.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name}))(t, "making a user")
	key := must(p.iam.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &name}))(t, "making an access key").AccessKey
	cfg := p.config.Copy()
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*key.AccessKeyId, *key.SecretAccessKey, "")
	return newParty(p.id, cfg)
}
