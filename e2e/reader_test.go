package e2e

import (
	"context"
	"database/sql"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"strongroom/internal/strongroomtest"
)

// TestWhoReadsWaitsForNoWriter: calls that change nothing are answered while somebody is writing into the database, for however long:
// they wait neither for its lock nor for the record of themselves, nor for the note of when a principal called what.
func TestWhoReadsWaitsForNoWriter(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	m := newParty(member, s.AWS(t, "member", home))
	m.role(t, "jobs", rolePolicies...)
	m.linked(t)
	key := m.key(t)
	m.vault(t, "safe", key)
	resource := m.bucket(t, "read-only", "")
	job := m.startBackup(t, "safe", resource)
	point := *m.backedUp(t, job).RecoveryPointArn

	calls := map[string]func(ctx context.Context) error{
		"DescribeBackupJob": func(ctx context.Context) error {
			_, err := m.backup.DescribeBackupJob(ctx, &backup.DescribeBackupJobInput{BackupJobId: &job})
			return err
		},
		"ListBackupJobs": func(ctx context.Context) error {
			_, err := m.backup.ListBackupJobs(ctx, &backup.ListBackupJobsInput{})
			return err
		},
		"DescribeRecoveryPoint": func(ctx context.Context) error {
			_, err := m.backup.DescribeRecoveryPoint(ctx, &backup.DescribeRecoveryPointInput{BackupVaultName: aws.String("safe"), RecoveryPointArn: &point})
			return err
		},
		"ListRecoveryPointsByBackupVault": func(ctx context.Context) error {
			_, err := m.backup.ListRecoveryPointsByBackupVault(ctx, &backup.ListRecoveryPointsByBackupVaultInput{BackupVaultName: aws.String("safe")})
			return err
		},
		"GetObject": func(ctx context.Context) error {
			_, err := m.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("read-only"), Key: aws.String("key 0")})
			return err
		},
		"ListObjectsV2": func(ctx context.Context) error {
			_, err := m.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("read-only")})
			return err
		},
		"DescribeVolumes": func(ctx context.Context) error {
			_, err := m.ec2.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{})
			return err
		},
		"DescribeKey": func(ctx context.Context) error {
			_, err := m.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &key})
			return err
		},
		"GetRole": func(ctx context.Context) error {
			_, err := m.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("jobs")})
			return err
		},
		"GetCallerIdentity": func(ctx context.Context) error {
			_, err := m.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
			return err
		},
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: filepath.Join(s.Dir, "state.db")}).EscapedPath()+"?_txlock=immediate&_pragma=busy_timeout(20000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	writing, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer writing.Rollback()

	// A call that does change something waits: the lock is held.
	short, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	if _, err := m.s3.PutObject(short, &s3.PutObjectInput{Bucket: aws.String("read-only"), Key: aws.String("new")}); err == nil {
		t.Fatal("an object was put while another writes")
	}
	for name, call := range calls {
		ctx, stop := context.WithTimeout(t.Context(), 15*time.Second) // the server's own writers give up after twenty
		if err := call(ctx); err != nil {
			t.Errorf("%s while another writes: %v", name, err)
		}
		stop()
	}
}
