package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
	"strongroom/rules"

	"strongroom/internal/work"
)

// backupMishaps happen to backups of a bucket and of a volume.
var backupMishaps = []mishap{
	{
		id: "E36", mistake: "the role is not one for buckets",
		values: func(w *wreck) rules.Values { return rules.Values{"role": w.arn("weak")} },
		make:   func(w *wreck) { w.m.role(w.t, "weak", rolePolicies[0]) },
		try:    func(w *wreck) telling { return w.backup("weak", "local-vault", w.names["S3 bucket"]) },
		cure:   attachCure("weak"),
	},
	{
		id: "E38", mistake: "the role may not ask whether the bucket keeps versions",
		make: func(w *wreck) {
			w.m.role(w.t, "versionless")
			w.may(w.m, "versionless", allow("s3:GetBucketTagging", "s3:ListBucketVersions", "s3:GetObject*"))
		},
		try:  func(w *wreck) telling { return w.backup("versionless", "local-vault", w.names["S3 bucket"]) },
		cure: attachCure("versionless"),
	},
	{
		id: "E39", mistake: "the role does not trust AWS Backup",
		values: func(w *wreck) rules.Values { return rules.Values{"role": w.arn("jobs")} },
		make: func(w *wreck) {
			w.trust("jobs", `{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}`)
		},
		try:  func(w *wreck) telling { return w.backup("jobs", "local-vault", w.names["S3 bucket"]) },
		cure: func(w *wreck, fix rules.Fix) { w.trust("jobs", fix.Statement) },
	},
	{
		id: "E74", mistake: "the role may read none of the objects",
		make: func(w *wreck) {
			w.m.role(w.t, "blind")
			w.names["unread bucket"] = w.m.bucket(w.t, "unread-bucket", "")
			w.may(w.m, "blind", allow("s3:GetBucketTagging", "s3:GetBucketVersioning", "s3:ListBucketVersions"))
		},
		values: named("bucket", "unread-bucket"),
		try:    func(w *wreck) telling { return w.backup("blind", "local-vault", w.names["unread bucket"]) },
		cure:   func(w *wreck, fix rules.Fix) { w.mayToo(w.m, "blind", fix.Statement) },
	},
	{
		id: "E74b", mistake: "the role may not read the object that is new",
		state: "COMPLETED",
		make: func(w *wreck) {
			w.m.role(w.t, "squinting")
			w.names["half-read bucket"] = w.m.bucket(w.t, "half-read-bucket", "")
			w.m.put(w.t, "half-read-bucket", "open/letter", []byte("for everybody"))
			w.m.put(w.t, "half-read-bucket", "sealed/letter", []byte("for somebody"))
			w.may(w.m, "squinting", allow("s3:GetBucketTagging", "s3:GetBucketVersioning", "s3:ListBucketVersions"),
				statement{"Effect": "Allow", "Action": "s3:GetObject*", "Resource": "arn:aws:s3:::half-read-bucket/open/*"})
		},
		values: named("bucket", "half-read-bucket"),
		try:    func(w *wreck) telling { return w.backup("squinting", "local-vault", w.names["half-read bucket"]) },
		cure:   func(w *wreck, fix rules.Fix) { w.mayToo(w.m, "squinting", fix.Statement) },
	},
	{
		id: "E33", mistake: "the role may not take snapshots",
		values: named("action", "ec2:CreateSnapshot"),
		make: func(w *wreck) {
			w.m.role(w.t, "snapless")
			w.may(w.m, "snapless", allow("ec2:DescribeVolumes", "ec2:CreateTags"))
		},
		try:  func(w *wreck) telling { return w.backup("snapless", "local-vault", w.names["volume"]) },
		cure: func(w *wreck, fix rules.Fix) { w.mayToo(w.m, "snapless", fix.Statement) },
	},
	{
		id: "E10", mistake: "the volume's key is disabled",
		make: func(w *wreck) {
			w.names["key"] = w.m.key(w.t)
			w.names["keyed volume"] = w.m.volumeARN(w.m.volume(w.t, w.names["key"], noise(41, blockSize)))
			must(w.m.kms.DisableKey(w.t.Context(), &kms.DisableKeyInput{KeyId: aws.String(w.names["key"])}))(w.t, "disabling the key")
		},
		try: func(w *wreck) telling { return w.backup("jobs", "local-vault", w.names["keyed volume"]) },
		cure: func(w *wreck, _ rules.Fix) {
			must(w.m.kms.EnableKey(w.t.Context(), &kms.EnableKeyInput{KeyId: aws.String(w.names["key"])}))(w.t, "enabling the key")
		},
	},
	{
		id: "E65", mistake: "the bucket has 49 tags, and the job brings two more",
		make: func(w *wreck) {
			var tags []string
			for i := range 49 {
				tags = append(tags, fmt.Sprint("tag-", i), "x")
			}
			must(w.m.s3.PutBucketTagging(w.t.Context(), tagsOf("job-bucket", tags...)))(w.t, "tagging")
		},
		try: func(w *wreck) telling {
			return w.backup("jobs", "local-vault", w.names["S3 bucket"], pointTags("one", "two"))
		},
		again: func(w *wreck) telling {
			return w.backup("jobs", "local-vault", w.names["S3 bucket"], pointTags("one"))
		},
	},
	{
		id: "E69", mistake: "the volume has been deleted",
		make: func(w *wreck) {
			id := w.m.volume(w.t, "", noise(42, blockSize))
			w.names["gone"] = w.m.volumeARN(id)
			must(w.m.ec2.DeleteVolume(w.t.Context(), &ec2.DeleteVolumeInput{VolumeId: &id}))(w.t, "deleting the volume")
		},
		try:   func(w *wreck) telling { return w.backup("jobs", "local-vault", w.names["gone"]) },
		again: func(w *wreck) telling { return w.backup("jobs", "local-vault", w.names["volume"]) },
	},
}

func pointTags(keys ...string) func(*backup.StartBackupJobInput) {
	return func(in *backup.StartBackupJobInput) {
		in.RecoveryPointTags = map[string]string{}
		for _, key := range keys {
			in.RecoveryPointTags[key] = "x"
		}
	}
}

func TestRefusalsOfBackups(t *testing.T) {
	t.Parallel()
	happens(t, oneAccount(t), backupMishaps)
}

// oneAccount is a wreck in which backups and restores in the member account succeed.
func oneAccount(t *testing.T) *wreck {
	t.Helper()
	w := crash(t, strongroomtest.New(t))
	w.m.role(t, "jobs", rolePolicies...)
	w.m.linked(t)
	w.m.vault(t, "local-vault", w.m.key(t))
	w.names["S3 bucket"] = w.m.bucket(t, "job-bucket", "")
	w.names["volume"] = w.m.volumeARN(w.m.volume(t, "", noise(40, blockSize)))
	return w
}

// restoreMishaps happen to restores of a bucket and of a volume.
var restoreMishaps = []mishap{
	{
		id: "E80", mistake: "the role may not create volumes",
		make:   func(w *wreck) { w.m.role(w.t, "volumeless") },
		values: func(w *wreck) rules.Values { return rules.Values{"encoded": w.names["encoded"]} },
		try: func(w *wreck) telling {
			got := w.bring("volumeless", w.names["volume point"], w.m.metadata(w.names["volume point"], ""))
			_, w.names["encoded"], _ = strings.Cut(got.message, "Encoded authorization failure message: ")
			if got != well {
				w.decodes(w.names["encoded"], "ec2:CreateVolume")
			}
			return got
		},
		cure: attachCure("volumeless"),
	},
	{
		id: "E82", mistake: "the role may write no objects",
		make: func(w *wreck) {
			w.m.role(w.t, "dumb")
			w.may(w.m, "dumb", allow("s3:GetBucketVersioning"))
			w.target("silent-bucket", "")
		},
		values: func(w *wreck) rules.Values { return rules.Values{"point": w.names["point"], "bucket": "silent-bucket"} },
		try:    func(w *wreck) telling { return w.bring("dumb", w.names["point"], into("silent-bucket")) },
		cure:   func(w *wreck, fix rules.Fix) { w.mayToo(w.m, "dumb", fix.Statement) },
	},
	{
		id: "E83", mistake: "the role may not use the key of one of the objects",
		state: "COMPLETED",
		make: func(w *wreck) {
			w.m.role(w.t, "keyless")
			w.may(w.m, "keyless", allow("s3:GetBucketVersioning", "s3:PutObject*"))
			w.target("partial-bucket", "")
			must(w.m.s3.PutObject(w.t.Context(), &s3.PutObjectInput{
				Bucket: aws.String("job-bucket"), Key: aws.String("sealed"), Body: strings.NewReader("under a key"), ServerSideEncryption: s3types.ServerSideEncryptionAwsKms, SSEKMSKeyId: aws.String(w.m.key(w.t)),
			}))(w.t, "writing an object under a key")
			w.names["sealed point"] = w.m.backUp(w.t, "local-vault", w.names["S3 bucket"])
		},
		values: func(w *wreck) rules.Values {
			return rules.Values{"point": w.names["sealed point"], "bucket": "partial-bucket"}
		},
		try: func(w *wreck) telling {
			return w.bring("keyless", w.names["sealed point"], into("partial-bucket", "EncryptionType", "original"))
		},
		cure: func(w *wreck, fix rules.Fix) { w.mayToo(w.m, "keyless", fix.Statement) },
	},
	{
		id: "E84", mistake: "the recovery point holds no such objects",
		state:  "COMPLETED",
		make:   func(w *wreck) { w.target("picked-bucket", "") },
		values: func(w *wreck) rules.Values { return rules.Values{"point": w.names["point"]} },
		try: func(w *wreck) telling {
			return w.bring("jobs", w.names["point"], into("picked-bucket", "ItemsToRestore", `["no such key"]`))
		},
		again: func(w *wreck) telling {
			return w.bring("jobs", w.names["point"], into("picked-bucket", "ItemsToRestore", `["key 1"]`))
		},
	},
	{
		id: "E85", mistake: "the backup has no access control lists",
		make: func(w *wreck) {
			w.target("open-bucket", s3types.ObjectOwnershipObjectWriter)
			out := must(w.m.backup.StartBackupJob(w.t.Context(), &backup.StartBackupJobInput{
				BackupVaultName: aws.String("local-vault"), ResourceArn: aws.String(w.names["S3 bucket"]), IamRoleArn: aws.String(w.arn("jobs")), BackupOptions: map[string]string{"BackupACLs": "disabled"},
			}))(w.t, "starting a backup")
			w.names["listless point"] = *w.m.backedUp(w.t, *out.BackupJobId).RecoveryPointArn
		},
		try: func(w *wreck) telling {
			return w.bring("jobs", w.names["listless point"], into("open-bucket", "RestoreACLs", "true"))
		},
		again: func(w *wreck) telling {
			fix := rules.NoListsInBackup.Refuse(nil).Fix
			return w.bring("jobs", w.names["listless point"], into("open-bucket", "RestoreACLs", fix.Parameters["RestoreACLs"]))
		},
	},
	{
		id: "E86", mistake: "the destination bucket has no access control lists",
		make: func(w *wreck) { w.target("owned-bucket", s3types.ObjectOwnershipBucketOwnerEnforced) },
		try: func(w *wreck) telling {
			return w.bring("jobs", w.names["point"], into("owned-bucket", "RestoreACLs", "true"))
		},
		again: func(w *wreck) telling {
			if n := len(w.m.objects(w.t, "owned-bucket")); n != 0 {
				w.t.Errorf("the restore that failed wrote %d objects", n)
			}
			fix := rules.ListsDisabled.Refuse(nil).Fix
			return w.bring("jobs", w.names["point"], into("owned-bucket", "RestoreACLs", fix.Parameters["RestoreACLs"]))
		},
	},
	{
		id: "E92d", mistake: "the role may not make the bucket",
		make: func(w *wreck) {
			w.m.role(w.t, "bucketless")
			w.may(w.m, "bucketless", allow("s3:PutBucketVersioning", "s3:PutObject*"))
		},
		values: named("bucket", "made-bucket"),
		try: func(w *wreck) telling {
			return w.bring("bucketless", w.names["point"], w.m.metadata(w.names["point"], "made-bucket"))
		},
		cure: func(w *wreck, fix rules.Fix) { w.mayToo(w.m, "bucketless", fix.Statement) },
	},
	{
		id: "E9", mistake: "the vault's key has been deleted",
		make: func(w *wreck) {
			key := w.m.key(w.t)
			w.m.vault(w.t, "lost-vault", key)
			w.names["lost"] = w.m.backUp(w.t, "lost-vault", w.names["S3 bucket"])
			w.names["copy"] = w.m.copyTo(w.t, w.names["lost"], "lost-vault", w.m.vaultARN("local-vault"))
			must(w.m.kms.ScheduleKeyDeletion(w.t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &key, PendingWindowInDays: aws.Int32(7)}))(w.t, "deleting the key")
			move(w.t, w.Server, server.ClockMove{Advance: 7*oneDay + time.Hour})
		},
		try: func(w *wreck) telling {
			return w.bring("jobs", w.names["lost"], w.m.metadata(w.names["lost"], "lost-bucket"))
		},
		again: func(w *wreck) telling {
			return w.bring("jobs", w.names["copy"], w.m.metadata(w.names["copy"], "found-bucket"))
		},
	},
}

func TestRefusalsOfRestores(t *testing.T) {
	t.Parallel()
	w := oneAccount(t)
	w.names["point"] = w.m.backUp(t, "local-vault", w.names["S3 bucket"])
	w.names["volume point"] = w.m.backUp(t, "local-vault", w.names["volume"])
	happens(t, w, restoreMishaps)
}

// decodes opens what EC2 encoded, which must be about the action.
func (w *wreck) decodes(encoded, action string) {
	w.t.Helper()
	out := must(w.m.sts.DecodeAuthorizationMessage(w.t.Context(), &sts.DecodeAuthorizationMessageInput{EncodedMessage: &encoded}))(w.t, "decoding")
	if !strings.Contains(*out.DecodedMessage, action) {
		w.t.Errorf("the encoded message is not about %s: %s", action, *out.DecodedMessage)
	}
}

// target makes a bucket to restore into, whose objects belong to whom the setting says; nothing said is S3's default.
func (w *wreck) target(name string, ownership s3types.ObjectOwnership) {
	w.t.Helper()
	must(w.m.s3.CreateBucket(w.t.Context(), &s3.CreateBucketInput{
		Bucket: &name, ObjectOwnership: ownership, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: home},
	}))(w.t, "making "+name)
	must(w.m.s3.PutBucketVersioning(w.t.Context(), &s3.PutBucketVersioningInput{
		Bucket: &name, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
	}))(w.t, "versioning "+name)
}

// into restores into a bucket that is there.
func into(bucket string, more ...string) map[string]string {
	metadata := map[string]string{"DestinationBucketName": bucket, "newBucket": "false", "EncryptionType": "SSE-S3"}
	for i := 0; i < len(more); i += 2 {
		metadata[more[i]] = more[i+1]
	}
	return metadata
}

// damageMishaps happen where bytes of the store have changed.
var damageMishaps = []mishap{{
	id: "E26b", mistake: "the source vault's archive is damaged",
	values: func(w *wreck) rules.Values { return rules.Values{"job": "Copy", "reason": w.names["reason"]} },
	make: func(w *wreck) {
		w.names["point"] = w.m.backUp(w.t, "local-vault", w.names["S3 bucket"])
		w.m.vault(w.t, "second-vault", w.m.key(w.t))
		w.m.vault(w.t, "third-vault", w.m.key(w.t))
		w.names["copy"] = w.m.copyTo(w.t, w.names["point"], "local-vault", w.m.vaultARN("second-vault"))
		w.damage("local-vault")
	},
	try: func(w *wreck) telling {
		got := w.copy(w.m, w.names["point"], "local-vault", w.m.vaultARN("third-vault"))
		_, w.names["reason"], _ = strings.Cut(got.message, "fatal error.")
		if !strings.HasPrefix(w.names["reason"], " Internal failure: ") {
			w.t.Errorf("the message does not say what failed: %q", got.message)
		}
		return got
	},
	cure: func(w *wreck, _ rules.Fix) {
		if report := must(w.Admin.Verify(w.t.Context(), work.VerifyRequest{}))(w.t, "verifying"); !report.Damaged() {
			w.t.Error("verify finds no damage")
		}
	},
	again: func(w *wreck) telling {
		return w.copy(w.m, w.names["copy"], "second-vault", w.m.vaultARN("third-vault"))
	},
}}

func TestRefusalOfWhatIsDamaged(t *testing.T) {
	t.Parallel()
	happens(t, oneAccount(t), damageMishaps)
}

// damage changes bytes in the middle of all packs of a vault.
func (w *wreck) damage(vault string) {
	w.t.Helper()
	damaged := 0
	err := filepath.WalkDir(w.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.Contains(path, "/"+vault+"/") || !strings.Contains(path, "pack") {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil || len(content) == 0 {
			return err
		}
		for i := len(content) / 4; i < len(content)/2; i++ {
			content[i] ^= 0xff
		}
		damaged++
		return os.WriteFile(path, content, 0o600)
	})
	if err != nil || damaged == 0 {
		w.t.Fatalf("damaged %d packs: %v", damaged, err)
	}
}
