package ebs_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"strongroom/archive"
	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/archives"
	"strongroom/internal/resource"
	"strongroom/internal/resource/ebs"
	"strongroom/internal/resource/ebs/ebstest"
	"strongroom/internal/state"
)

func ptr[T any](v T) *T { return &v }

func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// jobs does what package work does around the kind.
type jobs struct {
	*ebstest.World
	kind  *ebs.Kind
	role  *api.Caller
	admin *api.Caller
}

// The statements of AWSBackupServiceRolePolicyForBackup and ...ForRestores that matter for volumes.
const rolePolicy = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Action":["ec2:CreateTags","ec2:DeleteSnapshot"],"Resource":"arn:aws:ec2:*::snapshot/*"},
	{"Effect":"Allow","Action":["ec2:CreateSnapshot"],"Resource":["arn:aws:ec2:*::snapshot/*","arn:aws:ec2:*:*:volume/*"]},
	{"Effect":"Allow","Action":["ec2:DescribeVolumes","ec2:DescribeSnapshots"],"Resource":"*"},
	{"Effect":"Allow","Action":"ec2:CreateVolume","Resource":["arn:aws:ec2:*::snapshot/*","arn:aws:ec2:*:*:volume/*"]},
	{"Effect":"Allow","Action":"kms:DescribeKey","Resource":"*"},
	{"Effect":"Allow","Action":"kms:CreateGrant","Resource":"*","Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"}}},
	{"Effect":"Allow","Action":"kms:GenerateDataKeyWithoutPlaintext","Resource":"*",
	 "Condition":{"StringLike":{"kms:ViaService":"ec2.*.amazonaws.com"},"ForAnyValue:StringEquals":{"kms:EncryptionContextKeys":"aws:ebs:id"}}}]}`

func newJobs(t *testing.T) jobs {
	t.Helper()
	w := ebstest.New(t)
	role := ebstest.User(ebstest.Member, "backup-role")
	w.Policies.Allow(role, rolePolicy)
	return jobs{w, ebs.NewKind(w.Engine), role, ebstest.Admin(ebstest.Member)}
}

func (j jobs) volume(key string) arn.ARN {
	j.T.Helper()
	in := &awsec2.CreateVolumeInput{Size: ptr[int32](1), AvailabilityZone: ptr(ebstest.Region + "a")}
	if key != "" {
		in.Encrypted, in.KmsKeyId = ptr(true), &key
	}
	out := ebstest.Must[awsec2.CreateVolumeOutput](j.World, j.admin, in)
	return arn.New("ec2", ebstest.Region, ebstest.Member, "volume/"+*out.VolumeId)
}

func (j jobs) write(volume arn.ARN, off int64, data []byte) {
	j.T.Helper()
	v, err := j.Engine.Open(j.T.Context(), strings.TrimPrefix(volume.Resource, "volume/"))
	if err != nil {
		j.T.Fatal(err)
	}
	defer func() { _ = v.Close() }()
	if _, err := v.WriteAt(data, off); err != nil {
		j.T.Fatal(err)
	}
}

func (j jobs) read(volume arn.ARN, n int) []byte {
	j.T.Helper()
	v, err := j.Engine.Open(j.T.Context(), strings.TrimPrefix(volume.Resource, "volume/"))
	if err != nil {
		j.T.Fatal(err)
	}
	defer func() { _ = v.Close() }()
	data := make([]byte, n)
	if _, err := v.ReadAt(data, 0); err != nil {
		j.T.Fatal(err)
	}
	return data
}

var vault = archives.Location{Region: ebstest.Region, AccountID: ebstest.Member, Vault: "main"}

// domain opens the vault's domain of a key as EC2, which the role has given a grant.
func (j jobs) domain(key string) *archive.Domain {
	j.T.Helper()
	if err := j.Engine.GrantArchive(j.T.Context(), j.role, key, vault); err != nil {
		j.T.Fatal(err)
	}
	ring := j.Archives.ServiceKeyring()
	if key != "" {
		ring = j.Archives.Keyring(api.ServiceCaller("ec2.amazonaws.com", ebstest.Member, ebstest.Region), key)
	}
	d, err := j.Archives.Domain(j.T.Context(), vault, key, ring)
	if err != nil {
		j.T.Fatal(err)
	}
	return d
}

// backup runs a backup job.
func (j jobs) backup(volume arn.ARN, job string, parent string, parentState string) (state.RecoveryPoint, resource.Result) {
	j.T.Helper()
	d, err := j.kind.Describe(j.T.Context(), j.role, volume)
	if err != nil {
		j.T.Fatal(err)
	}
	result, err := j.kind.Backup(j.T.Context(), j.role, d, resource.BackupRequest{
		Domain: j.domain(d.KeyARN), Point: job, Parent: parent, ParentState: parentState,
	})
	if err != nil {
		j.T.Fatal(err)
	}
	p := state.RecoveryPoint{
		ARN: j.kind.RecoveryPointARN(d, job, 0).String(), AccountID: ebstest.Member, Region: ebstest.Region, VaultName: vault.Vault,
		VaultARN: vault.ID(), ResourceARN: volume.String(), ResourceType: "EBS", SizeBytes: result.SizeBytes, KeyARN: d.KeyARN,
		IsEncrypted: d.KeyARN != "", ArchivePointID: job, ArchiveKeyARN: d.KeyARN, KindState: result.State, Tags: map[string]string{"plan": "daily"},
	}
	j.added(p)
	return p, result
}

func (j jobs) added(p state.RecoveryPoint) {
	j.T.Helper()
	ctx := j.T.Context()
	if err := j.DB.Update(ctx, func(ctx2 context.Context, tx *state.Tx) error { return j.kind.Added(ctx2, tx, p) }); err != nil {
		j.T.Fatal(err)
	}
}

func (j jobs) restore(p state.RecoveryPoint, job string, metadata map[string]string) (arn.ARN, error) {
	made, err := j.kind.Restore(j.T.Context(), j.role, resource.RestoreRequest{Recovery: p, JobID: job, Metadata: metadata})
	return made.ARN, err
}

func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	for name, encrypted := range map[string]bool{"plain": false, "encrypted": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJobs(t)
			key := ""
			if encrypted {
				key = j.Key(j.admin, "")
			}
			volume := j.volume(key)
			content := noise(1, 10<<20)
			j.write(volume, 0, content)
			p, result := j.backup(volume, "job-1", "", "")
			if result.SizeBytes != 1<<30 || result.Transferred != 10<<20 || result.Entries != 20 {
				t.Errorf("the result is %+v", result)
			}
			j.write(volume, 0, noise(2, 1<<20))

			restored, err := j.restore(p, "restore-1", map[string]string{
				"AvailabilityZone": ebstest.Region + "b", "volumeType": "gp3", "VOLUMESIZE": "2", "encrypted": "false", "volumeId": "vol-1",
			})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(j.read(restored, len(content)), content) {
				t.Fatal("the restored volume differs")
			}
			again, err := j.restore(p, "restore-1", map[string]string{
				"AvailabilityZone": ebstest.Region + "b", "volumeType": "gp3", "VOLUMESIZE": "2", "encrypted": "false", "volumeId": "vol-1",
			})
			if err != nil || again != restored {
				t.Errorf("the job run again restored %v, %v; want %v", again, err, restored)
			}
			_, id := restored.Split()
			d := ebstest.Must[awsec2.DescribeVolumesOutput](j.World, j.admin, &awsec2.DescribeVolumesInput{VolumeIds: []string{id}}).Volumes[0]
			if *d.Size != 2 || d.VolumeType != types.VolumeTypeGp3 || *d.AvailabilityZone != ebstest.Region+"b" || *d.Encrypted != encrypted {
				t.Errorf("the restored volume is %+v", d)
			}
			if !encrypted {
				return
			}
			j.Disable(j.admin, key)
			if _, err := j.restore(p, "restore-2", map[string]string{"availabilityZone": ebstest.Region + "a"}); err == nil ||
				!strings.Contains(err.Error(), "KMS key is either disabled") {
				t.Errorf("a restore under a disabled key returned %v", err)
			}
		})
	}
}

func TestIncrementalBackup(t *testing.T) {
	t.Parallel()
	j := newJobs(t)
	key := j.Key(j.admin, "")
	volume := j.volume(key)
	content := noise(1, 30<<20)
	j.write(volume, 0, content)
	first, full := j.backup(volume, "job-1", "", "")
	change := noise(2, 3000)
	j.write(volume, 7<<20, change)
	copy(content[7<<20:], change)
	second, little := j.backup(volume, "job-2", "job-1", first.KindState)
	if little.Transferred != ebs.BlockSize || little.New != ebs.SectorSize || little.Stored > full.Stored/1000 {
		t.Errorf("an incremental backup of one page read %d bytes, of which %d are new, and stored %d", little.Transferred, little.New, little.Stored)
	}
	// The job run again, after a crash before it was noted, comes to the same state: the next backup misses nothing.
	j.write(volume, 20<<20, change)
	copy(content[20<<20:], change)
	d, err := j.kind.Describe(t.Context(), j.role, volume)
	if err != nil {
		t.Fatal(err)
	}
	again, err := j.kind.Backup(t.Context(), j.role, d, resource.BackupRequest{
		Domain: j.domain(key), Point: "job-2", Parent: "job-1", ParentState: first.KindState,
	})
	if err != nil || again.State != second.KindState {
		t.Fatalf("the job run again returned %+v, %v; want the state %s", again, err, second.KindState)
	}
	third, more := j.backup(volume, "job-3", "job-2", second.KindState)
	if more.Transferred != ebs.BlockSize {
		t.Errorf("the third backup read %d bytes", more.Transferred)
	}
	restored, err := j.restore(third, "restore-1", map[string]string{"availabilityZone": ebstest.Region + "a"})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(j.read(restored, len(content)), content) {
		t.Fatal("the restored volume differs")
	}
	// A parent of another volume, or one that is gone, makes a full backup.
	for job, parent := range map[string][2]string{"job-4": {"job-3", "vol-other:5"}, "job-5": {"job-0", third.KindState}} {
		if _, all := j.backup(volume, job, parent[0], parent[1]); all.Transferred != 30<<20 {
			t.Errorf("%s read %d bytes", job, all.Transferred)
		}
	}
}

func TestRecoveryPointIsASnapshotOfEC2(t *testing.T) {
	t.Parallel()
	j := newJobs(t)
	key := j.Key(j.admin, "")
	volume := j.volume(key)
	j.write(volume, 0, noise(1, 1<<20))
	p, _ := j.backup(volume, "job-1", "", "")
	_, id := must(arn.Parse(p.ARN)).Split()
	s := ebstest.Must[awsec2.DescribeSnapshotsOutput](j.World, j.admin, &awsec2.DescribeSnapshotsInput{
		OwnerIds: []string{"self"}, Filters: []types.Filter{{Name: ptr("tag:aws:backup:source-resource"), Values: []string{volume.String()}}},
	}).Snapshots
	if len(s) != 1 || *s[0].SnapshotId != id || *s[0].KmsKeyId != key || s[0].State != types.SnapshotStateCompleted || "volume/"+*s[0].VolumeId != volume.Resource {
		t.Fatalf("the snapshots are %+v", s)
	}
	err := ebstest.Refusal[awsec2.DeleteSnapshotOutput](j.World, j.admin, &awsec2.DeleteSnapshotInput{SnapshotId: &id}, "InvalidParameterValue")
	if !strings.Contains(err.Error(), "managed by the AWS Backup service") {
		t.Errorf("deleting it answers %v", err)
	}
	ctx := t.Context()
	if err := j.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error { return j.kind.Removed(ctx, tx, p) }); err != nil {
		t.Fatal(err)
	}
	ebstest.Refused[awsec2.DescribeSnapshotsOutput](j.World, j.admin, &awsec2.DescribeSnapshotsInput{SnapshotIds: []string{id}}, "InvalidSnapshot.NotFound")

	copied := j.kind.CopyRecoveryPointARN(p, ebstest.Vault, ebstest.North, "copy-1")
	if copied.Region != ebstest.North || copied.AccountID != "" || copied == must(arn.Parse(p.ARN)) {
		t.Errorf("a copy is named %v", copied)
	}
}

func TestWhatTheRoleMayNotDo(t *testing.T) {
	t.Parallel()
	j := newJobs(t)
	key := j.Key(j.admin, "")
	volume := j.volume(key)
	p, _ := j.backup(volume, "job-1", "", "")
	d, err := j.kind.Describe(t.Context(), j.role, volume)
	if err != nil {
		t.Fatal(err)
	}
	without := func(action string) {
		j.Policies.Allow(j.role, strings.ReplaceAll(rolePolicy, `"`+action+`"`, `"ec2:None"`))
	}
	backup := func() error {
		_, err := j.kind.Backup(t.Context(), j.role, d, resource.BackupRequest{Domain: j.domain(""), Point: "job-2"})
		return err
	}
	for action, do := range map[string]func() error{
		"ec2:CreateSnapshot":  backup,
		"ec2:CreateTags":      backup,
		"kms:CreateGrant":     backup,
		"ec2:DescribeVolumes": func() error { _, err := j.kind.Describe(t.Context(), j.role, volume); return err },
		"ec2:CreateVolume": func() error {
			_, err := j.restore(p, "restore-1", map[string]string{"availabilityZone": ebstest.Region + "a"})
			return err
		},
	} {
		without(action)
		code := api.Code(do())
		if code != "AccessDeniedException" && code != "InvalidKmsKey.NotAccessible" {
			t.Errorf("without %s the code is %q", action, code)
		}
	}
}

func TestRestoreMetadata(t *testing.T) {
	t.Parallel()
	j := newJobs(t)
	p, _ := j.backup(j.volume(""), "job-1", "", "")
	for name, metadata := range map[string]map[string]string{
		"no zone":           {"encrypted": "true"},
		"null zone":         {"availabilityZone": "null"},
		"an unknown key":    {"availabilityZone": ebstest.Region + "a", "colour": "red"},
		"a size in words":   {"availabilityZone": ebstest.Region + "a", "volumeSize": "large"},
		"neither true":      {"availabilityZone": ebstest.Region + "a", "encrypted": "perhaps"},
		"a zone of nowhere": {"availabilityZone": "xx-nowhere-1a"},
	} {
		if _, err := j.restore(p, "restore-"+name, metadata); api.Code(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
