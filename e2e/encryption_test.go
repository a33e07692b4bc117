package e2e

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/strongroomtest"

	"strongroom/internal/work"
)

// What AWS Backup says when a key is disabled, is being deleted or cannot be used: reference §8, E10 and E7.
const (
	keyUnusable     = "KMS key is either disabled or pending deletion or access to KMS key is denied"
	keyInaccessible = "Given key ID is not accessible"
)

var (
	failedKey  = ended{"FAILED", keyUnusable, "KMS_KEY_ERROR"}
	failedCopy = map[string]ended{"S3": failedKey, "EBS": {"FAILED", keyInaccessible, "KMS_KEY_ERROR"}} // by the source's key
)

// sealed is the solution in two accounts and Regions with a key for each of its three places, and its recovery points.
type sealed struct {
	member, vaulted                    *party
	resourceKey, memberKey, vaultedKey string
	bucketARN, volumeARN               string
	local, copied, back                map[string]string // recovery points, by resource type
	objects                            map[string]string
	image                              []byte
	server                             *strongroomtest.Server
	restores                           int
	memberVault, vaultedVault          string // ARNs
}

func newSealed(t *testing.T) *sealed {
	t.Helper()
	s := strongroomtest.New(t)
	crossAccount(t, s, true)
	w := &sealed{server: s, member: enter(t, s, member, home), vaulted: enter(t, s, vaulted, north)}
	for _, p := range []*party{w.member, w.vaulted} {
		p.role(t, "jobs", rolePolicies...)
		p.linked(t)
	}
	w.resourceKey, w.memberKey, w.vaultedKey = w.member.key(t, w.vaulted), w.member.key(t, w.vaulted), w.vaulted.key(t, w.member)
	w.memberVault = w.member.vault(t, "member-vault", w.memberKey, w.vaulted)
	w.vaultedVault = w.vaulted.vault(t, "backup-vault", w.vaultedKey, w.member)
	w.bucketARN = w.member.bucket(t, "sealed-bucket", w.resourceKey)
	w.objects = w.member.objects(t, "sealed-bucket")
	w.image = noise(1, 2*blockSize)
	w.volumeARN = w.member.volumeARN(w.member.volume(t, w.resourceKey, w.image))
	w.local, w.copied, w.back = map[string]string{}, map[string]string{}, map[string]string{}
	for kind, resource := range map[string]string{"S3": w.bucketARN, "EBS": w.volumeARN} {
		w.local[kind] = w.member.backUp(t, "member-vault", resource)
		w.copied[kind] = w.member.copyTo(t, w.local[kind], "member-vault", w.vaultedVault)
		w.back[kind] = w.vaulted.copyTo(t, w.copied[kind], "backup-vault", w.memberVault)
	}
	return w
}

// TestEncryptionKeys shows which key seals each recovery point.
func TestEncryptionKeys(t *testing.T) {
	t.Parallel()
	w := newSealed(t)
	for _, c := range []struct {
		what, point, vault, key string
		at                      *party
	}{
		{"a new point of a bucket is sealed under the vault's key", w.local["S3"], "member-vault", w.memberKey, w.member},
		{"a new point of a volume keeps the volume's key", w.local["EBS"], "member-vault", w.resourceKey, w.member},
		{"a copy of a bucket is sealed under the destination vault's key", w.copied["S3"], "backup-vault", w.vaultedKey, w.vaulted},
		{"a copy of a volume is sealed under the destination vault's key", w.copied["EBS"], "backup-vault", w.vaultedKey, w.vaulted},
		{"so is a copy back of a bucket", w.back["S3"], "member-vault", w.memberKey, w.member},
		{"so is a copy back of a volume", w.back["EBS"], "member-vault", w.memberKey, w.member},
	} {
		p := c.at.point(t, c.vault, c.point)
		if got := aws.ToString(p.EncryptionKeyArn); got != c.key || !p.IsEncrypted {
			t.Errorf("%s: EncryptionKeyArn is %s (encrypted: %t), want %s", c.what, got, p.IsEncrypted, c.key)
		}
	}
	for kind, source := range w.local {
		if got := aws.ToString(w.vaulted.point(t, "backup-vault", w.copied[kind]).SourceBackupVaultArn); got != w.memberVault {
			t.Errorf("the copy of %s says that it comes from %s", source, got)
		}
	}
	for _, restored := range []struct {
		at     *party
		points map[string]string
	}{{w.member, w.local}, {w.vaulted, w.copied}, {w.member, w.back}} {
		if diff := cmp.Diff(w.objects, restored.at.restoreBucket(t, restored.points["S3"], w.newBucket())); diff != "" {
			t.Errorf("restoring %s (-want +got):\n%s", restored.points["S3"], diff)
		}
		if !bytes.Equal(w.image, restored.at.restoreVolume(t, restored.points["EBS"])) {
			t.Errorf("restoring %s does not bring the image back", restored.points["EBS"])
		}
	}
	// A restored volume may be given another key.
	metadata := w.member.metadata(w.back["EBS"], "")
	metadata["encrypted"], metadata["kmsKeyId"] = "true", w.resourceKey
	out := w.member.restoreJob(t, w.back["EBS"], metadata)
	created := aws.ToString(out.CreatedResourceArn)
	volumes := must(w.member.ec2.DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{VolumeIds: []string{created[strings.LastIndex(created, "/")+1:]}}))(t, "describing the volume")
	if got := aws.ToString(volumes.Volumes[0].KmsKeyId); got != w.resourceKey {
		t.Errorf("the restored volume is under %s, want %s", got, w.resourceKey)
	}
}

func (w *sealed) newBucket() string {
	w.restores++
	return fmt.Sprintf("restored-bucket-%d", w.restores)
}

// TestDisabledKeys takes one key away at a time. Exactly what it sealed can no longer be restored or copied, and nothing
// can be written under it.
func TestDisabledKeys(t *testing.T) {
	t.Parallel()
	w := newSealed(t)
	w.check(t, "")
	for _, key := range []struct {
		name, arn string
		owner     *party
	}{
		{"the resource's key", w.resourceKey, w.member},
		{"the member vault's key", w.memberKey, w.member},
		{"the backup vault's key", w.vaultedKey, w.vaulted},
	} {
		ctx := t.Context()
		t.Log("disabled:", key.name)
		must(key.owner.kms.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &key.arn}))(t, "disabling "+key.name)
		w.check(t, key.arn)
		must(key.owner.kms.EnableKey(ctx, &kms.EnableKeyInput{KeyId: &key.arn}))(t, "enabling "+key.name)

		t.Log("being deleted:", key.name)
		must(key.owner.kms.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &key.arn, PendingWindowInDays: aws.Int32(7)}))(t, "deleting "+key.name)
		w.check(t, key.arn)
		must(key.owner.kms.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: &key.arn}))(t, "keeping "+key.name)
		must(key.owner.kms.EnableKey(ctx, &kms.EnableKeyInput{KeyId: &key.arn}))(t, "enabling "+key.name)
	}
	w.check(t, "")
	if report := must(w.server.Admin.Verify(t.Context(), work.VerifyRequest{}))(t, "verifying"); report.Damaged() || len(report.Skipped) > 0 {
		t.Errorf("the archives are not well: %+v", report)
	}
}

// check restores, copies and backs up everything, and compares how that ends with what the unusable key must end.
func (w *sealed) check(t *testing.T, unusable string) {
	t.Helper()
	expect := func(what string, got ended, failure ended, keys ...string) {
		t.Helper()
		want := completed
		for _, key := range keys {
			if key == unusable {
				want = failure
				break
			}
		}
		if got != want {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	for _, kind := range []string{"S3", "EBS"} {
		failedRestore := ended{"FAILED", keyUnusable, ""} // restore jobs have no category
		localKey := map[string]string{"S3": w.memberKey, "EBS": w.resourceKey}[kind]
		expect("restoring the local "+kind, w.tryRestore(t, w.member, w.local[kind]), failedRestore, localKey)
		expect("restoring the copied "+kind, w.tryRestore(t, w.vaulted, w.copied[kind]), failedRestore, w.vaultedKey)
		expect("restoring the copied back "+kind, w.tryRestore(t, w.member, w.back[kind]), failedRestore, w.memberKey)

		failure := failedCopy[kind]
		if unusable == w.vaultedKey {
			failure = failedKey
		}
		expect("copying the local "+kind, w.member.tryCopy(t, w.local[kind], "member-vault", w.vaultedVault), failure, localKey, w.vaultedKey)
		failure = failedCopy[kind]
		if unusable == w.memberKey {
			failure = failedKey
		}
		expect("copying "+kind+" back", w.vaulted.tryCopy(t, w.copied[kind], "backup-vault", w.memberVault), failure, w.vaultedKey, w.memberKey)
	}
	backup := func(resource string) ended {
		job := w.member.backedUp(t, w.member.startBackup(t, "member-vault", resource))
		return end(string(job.State), job.StatusMessage, job.MessageCategory)
	}
	expect("backing the volume up", backup(w.volumeARN), failedKey, w.resourceKey)
	if unusable == w.resourceKey {
		return // objects that cannot be read are left out: TestSkippedObjects
	}
	expect("backing the bucket up", backup(w.bucketARN), failedKey, w.memberKey)
}

func (w *sealed) tryRestore(t *testing.T, at *party, point string) ended {
	t.Helper()
	out := at.restoreJob(t, point, at.metadata(point, w.newBucket()))
	return end(string(out.Status), out.StatusMessage, nil)
}

// TestUnreadableObjects backs up a bucket whose key is disabled: what cannot be read is left out, and if that is
// everything the job says so (reference §2.1, §8 E74).
func TestUnreadableObjects(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	p.vault(t, "local-vault", p.key(t))
	key := p.key(t)
	bucket := p.bucket(t, "unreadable", key)
	must(p.kms.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &key}))(t, "disabling the key")
	job := p.backedUp(t, p.startBackup(t, "local-vault", bucket))
	const none = "No objects were backed up from the source bucket unreadable. To get notified of these failures, enable SNS event notifications."
	if job.State != "FAILED" || aws.ToString(job.StatusMessage) != none || len(p.points(t, "local-vault")) != 0 {
		t.Errorf("the backup is %s: %s", job.State, aws.ToString(job.StatusMessage))
	}
	must(p.s3.DeleteBucketEncryption(t.Context(), &s3.DeleteBucketEncryptionInput{Bucket: aws.String("unreadable")}))(t, "encrypting the bucket by S3")
	p.put(t, "unreadable", "readable", []byte("this one is under the key of S3"))
	point := p.backUp(t, "local-vault", bucket)
	if diff := cmp.Diff(map[string]string{"readable": "this one is under the key of S3"}, p.restoreBucket(t, point, "what-was-readable")); diff != "" {
		t.Errorf("restored (-want +got):\n%s", diff)
	}
}

// TestUnencryptedVolume: a recovery point of an unencrypted volume is not encrypted, and its copy is, under the
// destination vault's key.
func TestUnencryptedVolume(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	key := p.key(t)
	p.vault(t, "local-vault", key)
	other := p.vault(t, "other-vault", key)
	image := noise(2, blockSize)
	point := p.backUp(t, "local-vault", p.volumeARN(p.volume(t, "", image)))
	if out := p.point(t, "local-vault", point); out.IsEncrypted || out.EncryptionKeyArn != nil {
		t.Errorf("the recovery point of an unencrypted volume is encrypted: %t, under %s", out.IsEncrypted, aws.ToString(out.EncryptionKeyArn))
	}
	copied := p.copyTo(t, point, "local-vault", other)
	if out := p.point(t, "other-vault", copied); !out.IsEncrypted || aws.ToString(out.EncryptionKeyArn) != key {
		t.Errorf("the copy is encrypted: %t, under %s, want %s", out.IsEncrypted, aws.ToString(out.EncryptionKeyArn), key)
	}
	must(p.kms.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &key}))(t, "disabling the key")
	if !bytes.Equal(p.restoreVolume(t, point), image) {
		t.Error("what is not encrypted does not come back while the vault's key is disabled")
	}
	out := p.restoreJob(t, copied, p.metadata(copied, ""))
	if got := end(string(out.Status), out.StatusMessage, nil); got != (ended{"FAILED", keyUnusable, ""}) {
		t.Errorf("restoring the copy under a disabled key: %+v", got)
	}
}

// TestManagedVaultKeys: which copies the managed key aws/backup of a vault rules out (reference §2.2, §8 E4).
func TestManagedVaultKeys(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	crossAccount(t, s, true)
	m, b := enter(t, s, member, home), enter(t, s, vaulted, home)
	for _, p := range []*party{m, b} {
		p.role(t, "jobs", rolePolicies...)
		p.linked(t)
	}
	for _, p := range []*party{m, b, m.in(north)} {
		p.vault(t, "managed-vault", "", m, b) // no key: aws/backup
		p.vault(t, "keyed-vault", p.key(t, m, b), m, b)
	}
	bucket, volume := m.bucket(t, "managed-bucket", ""), m.volumeARN(m.volume(t, m.key(t, b), noise(3, blockSize)))
	managed := ended{"FAILED", "Copy job failed because the destination Backup vault is encrypted with the default Backup service managed key. " +
		"The contents of this vault cannot be copied. Only the contents of a Backup vault encrypted by an AWS KMS key may be copied.", "ACCESS_DENIED"}
	for _, c := range []struct {
		what, vault, resource, destination string
		want                               ended
	}{
		{"S3, aws/backup to the other Region's aws/backup", "managed-vault", bucket, m.in(north).vaultARN("managed-vault"), completed},
		{"S3, keyed to another account's aws/backup", "keyed-vault", bucket, b.vaultARN("managed-vault"), completed},
		{"S3, aws/backup to another account", "managed-vault", bucket, b.vaultARN("keyed-vault"), managed},
		{"EBS, to a local aws/backup", "keyed-vault", volume, m.vaultARN("managed-vault"), completed},
		{"EBS, to the other Region's aws/backup", "keyed-vault", volume, m.in(north).vaultARN("managed-vault"), managed},
		{"EBS, to another account's aws/backup", "keyed-vault", volume, b.vaultARN("managed-vault"), managed},
		{"EBS, out of aws/backup to another account", "managed-vault", volume, b.vaultARN("keyed-vault"), completed}, // under the volume's key
	} {
		point := m.backUp(t, c.vault, c.resource)
		if got := m.tryCopy(t, point, c.vault, c.destination); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.what, got, c.want)
		}
	}
	// A volume under aws/ebs cannot be shared.
	plain := must(m.kms.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/aws/ebs")}))(t, "the managed key of EBS")
	point := m.backUp(t, "managed-vault", m.volumeARN(m.volume(t, *plain.KeyMetadata.Arn, noise(4, blockSize))))
	if got, want := m.tryCopy(t, point, "managed-vault", b.vaultARN("keyed-vault")), (ended{"FAILED", "Snapshots encrypted with the AWS managed key can't be shared. Specify another snapshot.", "ACCESS_DENIED"}); got != want {
		t.Errorf("EBS under aws/ebs to another account: %+v, want %+v", got, want)
	}
	// It can after a local copy into a vault with a key.
	local := m.copyTo(t, point, "managed-vault", m.vaultARN("keyed-vault"))
	m.copyTo(t, local, "keyed-vault", b.vaultARN("keyed-vault"))
}
