package s3_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/archive"
	"strongroom/archive/archivetest"
	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/resource"
	kind "strongroom/internal/resource/s3"
	"strongroom/internal/service/s3/s3test"
	"strongroom/internal/state"
)

func ptr[T any](v T) *T { return &v }

var admin = s3test.Admin(s3test.Member)

// house is a world with a vault beside it.
type house struct {
	*s3test.World
	kind   *kind.Kind
	domain *archive.Domain
	role   *api.Caller
}

// everything is what AWSBackupServiceRolePolicyForS3Backup and …ForS3Restore allow of buckets, objects and keys.
const everything = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Action":["s3:GetBucketTagging","s3:ListBucketVersions","s3:ListBucket","s3:GetBucketVersioning","s3:CreateBucket","s3:PutBucketVersioning","s3:GetBucketOwnershipControls","s3:PutBucketOwnershipControls"],"Resource":"arn:aws:s3:::*"},
	{"Effect":"Allow","Action":["s3:GetObject*","s3:PutObject*","s3:DeleteObject"],"Resource":"arn:aws:s3:::*/*"},
	{"Effect":"Allow","Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":"*","Condition":{"StringLike":{"kms:ViaService":"s3.*.amazonaws.com"}}}]}`

func newHouse(t *testing.T) *house {
	t.Helper()
	w := s3test.New(t)
	vault := archive.OpenVault(new(archive.Mem), "arn:aws:backup:eu-central-1:111111111111:backup-vault:v", archive.Options{})
	domain, err := vault.Domain(t.Context(), "key", archivetest.NewKeyring())
	if err != nil {
		t.Fatal(err)
	}
	h := &house{World: w, kind: kind.New(kind.Config{Door: w.Door, S3: w.S3, Parallel: 4}), domain: domain, role: s3test.Role(s3test.Member, "backup")}
	w.Allow(h.role, everything)
	return h
}

func bucketARN(name string) arn.ARN { return arn.New("s3", "", "", name) }

// backup makes a recovery point as the role.
func (h *house) backup(t *testing.T, bucket, point, parent, parentState string, options map[string]string) (resource.Result, error) {
	t.Helper()
	d, err := h.kind.Describe(t.Context(), h.role, bucketARN(bucket))
	if err != nil {
		return resource.Result{}, err
	}
	return h.kind.Backup(t.Context(), h.role, d, resource.BackupRequest{Domain: h.domain, Point: point, Parent: parent, ParentState: parentState, Options: options})
}

func (h *house) mustBackup(t *testing.T, bucket, point, parent, parentState string) resource.Result {
	t.Helper()
	r, err := h.backup(t, bucket, point, parent, parentState, nil)
	if err != nil {
		t.Fatalf("backup %s: %v", point, err)
	}
	return r
}

func (h *house) restore(ctx context.Context, t *testing.T, point string, metadata map[string]string) (resource.Restored, error) {
	t.Helper()
	p, err := h.domain.Open(ctx, point)
	if err != nil {
		t.Fatal(err)
	}
	return h.kind.Restore(ctx, h.role, resource.RestoreRequest{Point: p, Metadata: metadata, JobID: "job", Recovery: state.RecoveryPoint{ARN: "arn:aws:backup:eu-central-1:111111111111:recovery-point:p", ResourceRegion: s3test.Central}})
}

func (h *house) mustRestore(t *testing.T, point string, metadata map[string]string) {
	t.Helper()
	got, err := h.restore(t.Context(), t, point, metadata)
	if err != nil {
		t.Fatalf("restore of %s: %v", point, err)
	}
	if want := bucketARN(metadata["DestinationBucketName"]); got.ARN != want {
		t.Errorf("restored %v, want %v", got, want)
	}
}

// contents lists a bucket: every version of every key, the newest first, with all that belongs to it.
func (h *house) contents(t *testing.T, bucket string) (all []string) {
	t.Helper()
	out := s3test.Do[awss3.ListObjectVersionsOutput](t, h.World, admin, &awss3.ListObjectVersionsInput{Bucket: &bucket})
	for _, v := range out.Versions {
		o := s3test.Do[awss3.GetObjectOutput](t, h.World, admin, &awss3.GetObjectInput{Bucket: &bucket, Key: v.Key, VersionId: v.VersionId})
		tags := s3test.Do[awss3.GetObjectTaggingOutput](t, h.World, admin, &awss3.GetObjectTaggingInput{Bucket: &bucket, Key: v.Key, VersionId: v.VersionId})
		acl := s3test.Do[awss3.GetObjectAclOutput](t, h.World, admin, &awss3.GetObjectAclInput{Bucket: &bucket, Key: v.Key, VersionId: v.VersionId})
		line := fmt.Sprintf("%s %q %s", *v.Key, h.Get(t, admin, bucket, *v.Key, *v.VersionId), *o.ContentType)
		for _, key := range slices.Sorted(maps.Keys(o.Metadata)) {
			line += " " + key + "=" + o.Metadata[key]
		}
		for _, tag := range tags.TagSet {
			line += " #" + *tag.Key + "=" + *tag.Value
		}
		if len(acl.Grants) > 1 {
			line += fmt.Sprintf(" %d grants", len(acl.Grants))
		}
		if *v.IsLatest {
			line += " latest"
		}
		all = append(all, line)
	}
	for _, m := range out.DeleteMarkers {
		all = append(all, fmt.Sprintf("%s marker %t", *m.Key, *m.IsLatest))
	}
	return all
}

func (h *house) fill(t *testing.T, bucket string) {
	t.Helper()
	h.Bucket(t, s3test.Member, bucket, true)
	s3test.Do[awss3.PutBucketOwnershipControlsOutput](t, h.World, admin, &awss3.PutBucketOwnershipControlsInput{Bucket: &bucket, OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipObjectWriter}}}})
	logs := ptr(`uri="http://acs.amazonaws.com/groups/s3/LogDelivery"`) // a group that no public access block keeps out
	s3test.Do[awss3.PutObjectOutput](t, h.World, admin, &awss3.PutObjectInput{
		Bucket: &bucket, Key: ptr("a/doc"), Body: strings.NewReader("one"), ContentType: ptr("text/plain"), Metadata: map[string]string{"m": "1"}, Tagging: ptr("t=1&u=x%20y"),
		GrantRead: logs, GrantReadACP: logs,
	})
	s3test.Do[awss3.PutObjectOutput](t, h.World, admin, &awss3.PutObjectInput{Bucket: &bucket, Key: ptr("a/doc"), Body: strings.NewReader("two"), ContentType: ptr("text/html")})
	h.Put(t, admin, bucket, "a", "sorts before a/")
	h.Put(t, admin, bucket, "gone", "was here")
	s3test.Do[awss3.DeleteObjectOutput](t, h.World, admin, &awss3.DeleteObjectInput{Bucket: &bucket, Key: ptr("gone")})
	h.Put(t, admin, bucket, "gone twice", "first")
	s3test.Do[awss3.DeleteObjectOutput](t, h.World, admin, &awss3.DeleteObjectInput{Bucket: &bucket, Key: ptr("gone twice")})
	h.Put(t, admin, bucket, "gone twice", "back")
	h.Put(t, admin, bucket, "big", strings.Repeat("0123456789", 300_000))
	h.Put(t, admin, bucket, "empty", "")
}

func TestBackupAndRestoreOfEverything(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill(t, "source")
	r := h.mustBackup(t, "source", "p1", "", "")
	if r.Entries != 10 || r.Transferred != r.SizeBytes {
		t.Errorf("result %+v", r)
	}
	h.mustRestore(t, "p1", map[string]string{"DestinationBucketName": "all", "NewBucket": "true", "RestoreACLs": "true", "RestoreLatestVersionsUpTo": "all", "EncryptionType": "original", "unknown": "left alone"})
	if diff := cmp.Diff(h.contents(t, "source"), h.contents(t, "all")); diff != "" {
		t.Errorf("source and restored bucket differ:\n%s", diff)
	}

	h.Bucket(t, s3test.Member, "latest", true)
	h.Put(t, admin, "latest", "a", "was there")
	h.mustRestore(t, "p1", map[string]string{"destinationbucketname": "latest", "DestinationBucketName": "latest"})
	want := []string{
		`a "sorts before a/" binary/octet-stream latest`, `a "was there" binary/octet-stream`, `a/doc "two" text/html latest`,
		fmt.Sprintf("big %q binary/octet-stream latest", strings.Repeat("0123456789", 300_000)), `empty "" binary/octet-stream latest`, `gone twice "back" binary/octet-stream latest`,
	}
	if diff := cmp.Diff(want, h.contents(t, "latest")); diff != "" {
		t.Errorf("the latest versions:\n%s", diff)
	}
}

func TestRestoreGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill(t, "source")
	h.mustBackup(t, "source", "p1", "", "")
	metadata := map[string]string{"DestinationBucketName": "target", "NewBucket": "true", "RestoreACLs": "true", "RestoreLatestVersionsUpTo": "all"}
	// The job is stopped again and again, each time a version later.
	for stop := range 8 {
		ctx, cancel := context.WithCancel(t.Context())
		p, err := h.domain.Open(ctx, "p1")
		if err != nil {
			t.Fatal(err)
		}
		var told atomic.Int64
		_, err = h.kind.Restore(ctx, h.role, resource.RestoreRequest{Point: p, Metadata: metadata, JobID: "job", Again: stop > 0, Progress: func(int64, int64) {
			if told.Add(1) > int64(stop) {
				cancel()
			}
		}})
		if cancel(); err == nil {
			t.Fatalf("a restore that was stopped after %d versions succeeded", stop)
		}
	}
	p, err := h.domain.Open(t.Context(), "p1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.kind.Restore(t.Context(), h.role, resource.RestoreRequest{Point: p, Metadata: metadata, JobID: "job", Again: true}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(h.contents(t, "source"), h.contents(t, "target")); diff != "" {
		t.Errorf("source and restored bucket differ:\n%s", diff)
	}
	// A bucket that is to be made must not be there.
	if _, err := h.kind.Restore(t.Context(), h.role, resource.RestoreRequest{Point: p, Metadata: metadata, JobID: "another"}); api.Code(err) != "BucketAlreadyOwnedByYou" {
		t.Errorf("a restore that was to make the bucket took one that was there: %v", err)
	}
	// Another job restores anew.
	metadata = map[string]string{"DestinationBucketName": "target", "RestoreACLs": "true", "RestoreLatestVersionsUpTo": "all"}
	p, err = h.domain.Open(t.Context(), "p1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.kind.Restore(t.Context(), h.role, resource.RestoreRequest{Point: p, Metadata: metadata, JobID: "another"}); err != nil {
		t.Fatal(err)
	}
	if got, want := len(h.contents(t, "target")), 2*len(h.contents(t, "source")); got != want {
		t.Errorf("after another job there are %d versions, want %d", got, want)
	}
}

func TestItemsAndVersions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill(t, "source")
	h.mustBackup(t, "source", "p1", "", "")
	for i, row := range []struct {
		items, latest string
		want          []string
	}{
		{`["a/"]`, "", []string{`a/doc "two" text/html latest`}},
		{`["a"]`, "", []string{`a "sorts before a/" binary/octet-stream latest`}},
		{`["s3://source/a/doc","gone"]`, "2", []string{`a/doc "two" text/html latest`, `a/doc "one" text/plain m=1 #t=1 #u=x y`, `gone "was here" binary/octet-stream`, "gone marker true"}},
	} {
		bucket := fmt.Sprintf("target-%d", i)
		h.mustRestore(t, "p1", map[string]string{"DestinationBucketName": bucket, "NewBucket": "true", "ItemsToRestore": row.items, "RestoreLatestVersionsUpTo": row.latest})
		if diff := cmp.Diff(row.want, h.contents(t, bucket)); diff != "" {
			t.Errorf("%s up to %q:\n%s", row.items, row.latest, diff)
		}
	}
}

func TestIncrementalReadsWhatChanged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Bucket(t, s3test.Member, "source", true)
	for i := range 50 {
		h.Put(t, admin, "source", fmt.Sprintf("k%02d", i), strings.Repeat("x", 100))
	}
	first := h.mustBackup(t, "source", "p1", "", "")
	if first.Transferred != 5000 {
		t.Errorf("the first backup read %d bytes, want 5000", first.Transferred)
	}
	second := h.mustBackup(t, "source", "p2", "p1", first.State)
	if second.Transferred != 0 || second.SizeBytes != 5000 || second.Entries != 50 {
		t.Errorf("an unchanged backup: %+v", second)
	}
	h.Put(t, admin, "source", "k10", "new version") // 11 bytes
	h.Put(t, admin, "source", "k99", "new key")     // 7 bytes
	out := s3test.Do[awss3.ListObjectVersionsOutput](t, h.World, admin, &awss3.ListObjectVersionsInput{Bucket: ptr("source"), Prefix: ptr("k20")})
	s3test.Do[awss3.DeleteObjectOutput](t, h.World, admin, &awss3.DeleteObjectInput{Bucket: ptr("source"), Key: ptr("k20"), VersionId: out.Versions[0].VersionId})
	s3test.Do[awss3.DeleteObjectOutput](t, h.World, admin, &awss3.DeleteObjectInput{Bucket: ptr("source"), Key: ptr("k21")})
	s3test.Do[awss3.PutObjectTaggingOutput](t, h.World, admin, &awss3.PutObjectTaggingInput{Bucket: ptr("source"), Key: ptr("k30"), Tagging: &types.Tagging{TagSet: []types.Tag{{Key: ptr("t"), Value: ptr("v")}}}}) // and its content stays unread
	third := h.mustBackup(t, "source", "p3", "p2", second.State)
	if third.Transferred != 18 || third.Entries != 52 {
		t.Errorf("a changed backup: %+v, want 18 bytes read and 52 entries", third)
	}
	for point, want := range map[string]int{"p1": 50, "p2": 50} {
		p, err := h.domain.Open(t.Context(), point)
		if err != nil || int(p.Summary().Entries) != want {
			t.Errorf("%s has %d entries, %v; want %d", point, p.Summary().Entries, err, want)
		}
	}
	h.mustRestore(t, "p3", map[string]string{"DestinationBucketName": "target", "NewBucket": "true", "RestoreLatestVersionsUpTo": "all"})
	if diff := cmp.Diff(h.contents(t, "source"), h.contents(t, "target")); diff != "" {
		t.Errorf("source and restored bucket differ:\n%s", diff)
	}
	// Other options want something else beside the content, which stays unread.
	fourth, err := h.backup(t, "source", "p4", "p3", third.State, map[string]string{"BackupObjectTags": "disabled"})
	if err != nil || fourth.Transferred != 0 || fourth.Entries != third.Entries {
		t.Errorf("without tags: %+v, %v", fourth, err)
	}
	want := h.contents(t, "source")
	h.mustRestore(t, "p4", map[string]string{"DestinationBucketName": "untagged", "NewBucket": "true", "RestoreLatestVersionsUpTo": "all"})
	for i := range want {
		want[i] = strings.ReplaceAll(want[i], " #t=v", "")
	}
	if diff := cmp.Diff(want, h.contents(t, "untagged")); diff != "" {
		t.Errorf("without tags, the restored bucket differs:\n%s", diff)
	}
	fifth := h.mustBackup(t, "source", "p5", "p4", fourth.State)
	h.mustRestore(t, "p5", map[string]string{"DestinationBucketName": "tagged", "NewBucket": "true", "RestoreLatestVersionsUpTo": "all"})
	if diff := cmp.Diff(h.contents(t, "source"), h.contents(t, "tagged")); diff != "" || fifth.Transferred != 0 {
		t.Errorf("with tags again, %d bytes were read and the restored bucket differs:\n%s", fifth.Transferred, diff)
	}
	// What an earlier run skipped is not known from its recovery point: whoever runs the job again removes that first.
	if again, err := h.backup(t, "source", "p3", "p2", second.State, nil); !errors.Is(err, archive.ErrPointExists) {
		t.Errorf("the same job again: %+v, %v", again, err)
	}
}

// What a backup by other options than its parent's was refused, the next one gets: until then the parent's state stays.
func TestOtherOptionsThatTheRoleMayNotHave(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Bucket(t, s3test.Member, "source", true)
	h.Put(t, admin, "source", "plain", "no tags")
	h.Put(t, admin, "source", "tagged", "with one")
	s3test.Do[awss3.PutObjectTaggingOutput](t, h.World, admin, &awss3.PutObjectTaggingInput{Bucket: ptr("source"), Key: ptr("tagged"), Tagging: &types.Tagging{TagSet: []types.Tag{{Key: ptr("t"), Value: ptr("v")}}}})
	first, err := h.backup(t, "source", "p1", "", "", map[string]string{"BackupObjectTags": "disabled"})
	if err != nil {
		t.Fatal(err)
	}
	h.Allow(h.role, strings.Replace(everything, `"Statement":[`, `"Statement":[{"Effect":"Deny","Action":"s3:GetObject*Tagging","Resource":"*"},`, 1))
	second := h.mustBackup(t, "source", "p2", "p1", first.State)
	if second.Entries != 2 || !strings.HasPrefix(message(second.Issue), "One or more objects failed") {
		t.Errorf("without the tags: %+v", second)
	}
	h.Allow(h.role, everything)
	third := h.mustBackup(t, "source", "p3", "p2", second.State)
	if third.Transferred != 0 || third.Issue != nil {
		t.Errorf("with the tags: %+v", third)
	}
	for point, want := range map[string][]string{
		"p2": {`plain "no tags" binary/octet-stream latest`, `tagged "with one" binary/octet-stream latest`},
		"p3": {`plain "no tags" binary/octet-stream latest`, `tagged "with one" binary/octet-stream #t=v latest`},
	} {
		h.mustRestore(t, point, map[string]string{"DestinationBucketName": "from-" + point, "NewBucket": "true"})
		if diff := cmp.Diff(want, h.contents(t, "from-"+point)); diff != "" {
			t.Errorf("%s:\n%s", point, diff)
		}
	}
}

func TestWhatTheRoleMayNot(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Bucket(t, s3test.Member, "source", true)
	key := s3test.Do[awskms.CreateKeyOutput](t, h.World, admin, &awskms.CreateKeyInput{}).KeyMetadata
	h.Put(t, admin, "source", "open", "readable")
	s3test.Do[awss3.PutObjectOutput](t, h.World, admin, &awss3.PutObjectInput{Bucket: ptr("source"), Key: ptr("sealed"), Body: strings.NewReader("secret"), ServerSideEncryption: types.ServerSideEncryptionAwsKms, SSEKMSKeyId: key.KeyId})

	type failure struct{ policy, message string }
	for name, row := range map[string]failure{
		"no S3 at all": {
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*"}}`,
			"Your backup job failed as AWS Backup does not have permission to describe resource arn:aws:s3:::source. Please review your IAM policies to ensure AWS Backup can protect your resources.",
		},
		"no versioning": {
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetBucketTagging","Resource":"*"}}`,
			"Customer credential miss permission to get bucket versioning for bucket.",
		},
		"no listing": {
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:GetBucketTagging","s3:GetBucketVersioning"],"Resource":"*"}}`,
			"Your backup job failed as AWS Backup does not have permission to describe resource arn:aws:s3:::source. Please review your IAM policies to ensure AWS Backup can protect your resources.",
		},
		"no objects": {
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:GetBucketTagging","s3:GetBucketVersioning","s3:ListBucketVersions"],"Resource":"*"}}`,
			"No objects were backed up from the source bucket source. To get notified of these failures, enable SNS event notifications.",
		},
	} {
		h.Allow(h.role, row.policy)
		_, err := h.backup(t, "source", "p-"+strings.ReplaceAll(name, " ", "-"), "", "", nil)
		if e := message(err); e != row.message {
			t.Errorf("%s: %q, want %q", name, e, row.message)
		}
	}

	// Without the key, what it sealed is left out and the job succeeds.
	h.Allow(h.role, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`)
	r := h.mustBackup(t, "source", "p1", "", "")
	var kept struct{ Skipped int }
	if err := json.Unmarshal([]byte(r.State), &kept); err != nil || r.Entries != 1 || kept.Skipped != 1 || !strings.HasPrefix(message(r.Issue), "One or more objects failed") {
		t.Errorf("without the key: %+v, %v", r, err)
	}
	if _, err := h.backup(t, "source", "p1b", "p1", r.State, nil); !strings.HasPrefix(message(err), "No objects were backed up") {
		t.Errorf("without the key, and with nothing else to read: %v", err)
	}
	// With it, the next backup reads what was missing and nothing else.
	h.Allow(h.role, everything)
	if r := h.mustBackup(t, "source", "p2", "p1", r.State); r.Entries != 2 || r.Transferred != 6 || r.Issue != nil {
		t.Errorf("with the key: %+v", r)
	}
	h.mustRestore(t, "p2", map[string]string{"DestinationBucketName": "target", "NewBucket": "true", "EncryptionType": "original"})
	head := s3test.Do[awss3.HeadObjectOutput](t, h.World, admin, &awss3.HeadObjectInput{Bucket: ptr("target"), Key: ptr("sealed")})
	if head.SSEKMSKeyId == nil || *head.SSEKMSKeyId != *key.Arn {
		t.Errorf("restored under %v, want %s", head.SSEKMSKeyId, *key.Arn)
	}
	other := s3test.Do[awskms.CreateKeyOutput](t, h.World, admin, &awskms.CreateKeyInput{}).KeyMetadata
	h.mustRestore(t, "p2", map[string]string{"DestinationBucketName": "target", "EncryptionType": "SSE-KMS", "KMSKey": *other.Arn})
	head = s3test.Do[awss3.HeadObjectOutput](t, h.World, admin, &awss3.HeadObjectInput{Bucket: ptr("target"), Key: ptr("open")})
	if head.SSEKMSKeyId == nil || *head.SSEKMSKeyId != *other.Arn {
		t.Errorf("restored under %v, want %s", head.SSEKMSKeyId, *other.Arn)
	}
	s3test.Do[awskms.DisableKeyOutput](t, h.World, admin, &awskms.DisableKeyInput{KeyId: other.KeyId})
	_, err := h.restore(t.Context(), t, "p2", map[string]string{"DestinationBucketName": "target", "EncryptionType": "SSE-KMS", "KMSKey": *other.Arn})
	if want := "No objects were restored from arn:aws:backup:eu-central-1:111111111111:recovery-point:p to target. To get notified of these failures, enable SNS event notifications."; message(err) != want {
		t.Errorf("under a disabled key: %v", err)
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	_, text, _ := strings.Cut(err.Error(), ": ")
	return text
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Bucket(t, s3test.Member, "plain", false)
	if _, err := h.backup(t, "plain", "p0", "", "", nil); api.Code(err) != "InvalidRequestException" {
		t.Errorf("a bucket without versions: %v", err)
	}
	h.Bucket(t, s3test.Member, "source", true)
	h.Put(t, admin, "source", "k", "v")
	h.mustBackup(t, "source", "p1", "", "")
	for name, metadata := range map[string]map[string]string{
		"no destination": {},
		"no versions":    {"DestinationBucketName": "plain"},
		"no key":         {"DestinationBucketName": "source", "EncryptionType": "SSE-KMS"},
		"encryption":     {"DestinationBucketName": "source", "EncryptionType": "rot13"},
		"items":          {"DestinationBucketName": "source", "ItemsToRestore": "a,b"},
		"six items":      {"DestinationBucketName": "source", "ItemsToRestore": `["1","2","3","4","5","6"]`},
		"versions":       {"DestinationBucketName": "source", "RestoreLatestVersionsUpTo": "0"},
		"new bucket":     {"DestinationBucketName": "source", "NewBucket": "perhaps"},
		"restore time":   {"DestinationBucketName": "source", "RestoreTime": "2021-11-27T03:30:27Z"},
	} {
		if _, err := h.restore(t.Context(), t, "p1", metadata); api.Code(err) != "InvalidParameterValueException" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := h.restore(t.Context(), t, "p1", map[string]string{"DestinationBucketName": "none"}); api.Code(err) != "NoSuchBucket" {
		t.Errorf("no bucket: %v", err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Bucket(t, s3test.Member, "source", true)
	h.Bucket(t, s3test.Vault, "other", true)
	all, err := h.kind.List(t.Context(), s3test.Member, s3test.Central)
	if err != nil || len(all) != 1 || all[0].ARN.String() != "arn:aws:s3:::source" {
		t.Fatalf("listed %v, %v", all, err)
	}
	at := state.MicrosOf(h.Clock.Now())
	one := h.kind.RecoveryPointARN(all[0], "JOB-1", at).String()
	if want := "arn:aws:backup:eu-central-1:111111111111:recovery-point:source-20260101000000-"; !strings.HasPrefix(one, want) || len(one) != len(want)+8 {
		t.Errorf("a recovery point is named %s", one)
	}
	if again := h.kind.RecoveryPointARN(all[0], "JOB-1", at).String(); again != one {
		t.Errorf("the same job names %s and %s", one, again)
	}
	copied := h.kind.CopyRecoveryPointARN(state.RecoveryPoint{ResourceName: "source", CreatedAt: at}, s3test.Vault, s3test.North, "JOB-2").String()
	if !strings.HasPrefix(copied, "arn:aws:backup:eu-north-1:222222222222:recovery-point:source-20260101000000-") || strings.HasSuffix(copied, one[len(one)-8:]) {
		t.Errorf("a copy is named %s", copied)
	}
	for text, want := range map[string]bool{"arn:aws:s3:::bucket": true, "arn:aws:s3:::bucket/key": false, "arn:aws:ec2:eu-central-1:1:volume/vol-1": false} {
		a, err := arn.Parse(text)
		owns, refused := h.kind.Owns(t.Context(), a)
		if err != nil || refused != nil || owns != want {
			t.Errorf("owning %s is %t, %v", text, !want, err)
		}
	}
}
