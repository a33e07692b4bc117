package e2e

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/google/go-cmp/cmp"
)

// TestDatabaseJobsOutliveAKill kills the server as soon as a job of a database is asked for, and again when it runs: a backup, a
// copy and a restore each end well, once, with one recovery point or one instance to show for it.
func TestDatabaseJobsOutliveAKill(t *testing.T) {
	t.Parallel()
	ctx, p := t.Context(), newProcess(t)
	p.start(ctx, t)
	m := newParty(member, p.aws(t, "member", home))
	far := m.in(north)
	m.role(t, "jobs", rolePolicies...)
	m.linked(t)
	m.vault(t, "here", m.key(t))
	far.vault(t, "there", far.key(t))
	database := m.database(t, "shop", m.key(t))
	rows := m.orders(t, "shop")

	// crashes kills the server now, and when state tells that the job runs; it reports in which states the kills found it.
	crashes := func(state func() (string, error)) {
		t.Helper()
		p.kill()
		p.start(ctx, t)
		found := ""
		eventually(ctx, t, "the job runs", func() (bool, error) {
			var err error
			found, err = state()
			return found != "CREATED" && found != "PENDING", err
		})
		p.kill()
		p.start(ctx, t)
		t.Logf("the job was %s when the server was killed", found)
	}

	id := m.startBackup(t, "here", database)
	crashes(func() (string, error) {
		out, err := m.backup.DescribeBackupJob(ctx, &backup.DescribeBackupJobInput{BackupJobId: &id})
		if err != nil {
			return "", err
		}
		return string(out.State), nil
	})
	if out := m.backedUp(t, id); out.State != backuptypes.BackupJobStateCompleted {
		t.Fatalf("the backup is %s: %s", out.State, aws.ToString(out.StatusMessage))
	}
	points := m.points(t, "here")
	if len(points) != 1 || len(m.backupJobs(t, database)) != 1 {
		t.Fatalf("one backup made the points %v by %d jobs", points, len(m.backupJobs(t, database)))
	}

	started := must(m.backup.StartCopyJob(ctx, &backup.StartCopyJobInput{
		RecoveryPointArn: &points[0], SourceBackupVaultName: aws.String("here"), DestinationBackupVaultArn: aws.String(far.vaultARN("there")), IamRoleArn: aws.String(m.roleARN()),
	}))(t, "starting a copy")
	crashes(func() (string, error) {
		out, err := m.backup.DescribeCopyJob(ctx, &backup.DescribeCopyJobInput{CopyJobId: started.CopyJobId})
		if err != nil {
			return "", err
		}
		return string(out.CopyJob.State), nil
	})
	if got := copyEnd(m.copyEnded(t, *started.CopyJobId)); got != completed {
		t.Fatalf("the copy: %+v", got)
	}
	copies := far.points(t, "there")
	if len(copies) != 1 {
		t.Fatalf("one copy made the points %v", copies)
	}

	restore := must(far.backup.StartRestoreJob(ctx, &backup.StartRestoreJobInput{
		RecoveryPointArn: &copies[0], IamRoleArn: aws.String(far.roleARN()), Metadata: far.databaseMetadata(t, "there", copies[0], "back"),
	}))(t, "starting a restore")
	status := func() (string, error) {
		out, err := far.backup.DescribeRestoreJob(ctx, &backup.DescribeRestoreJobInput{RestoreJobId: restore.RestoreJobId})
		if err != nil {
			return "", err
		}
		return string(out.Status), nil
	}
	crashes(status)
	eventually(ctx, t, "the end of the restore", func() (bool, error) {
		got, err := status()
		if got == "FAILED" || got == "ABORTED" {
			t.Fatalf("the restore is %s", got)
		}
		return got == "COMPLETED", fmt.Errorf("it is %s: %w", got, err)
	})
	if all := must(far.rds().DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{}))(t, "listing instances").DBInstances; len(all) != 1 {
		t.Errorf("one restore made %d instances", len(all))
	}
	far.available(t, "back")
	if diff := cmp.Diff(rows, far.orders(t, "back")); diff != "" {
		t.Errorf("what came back differs from what was there (-want +got):\n%s", diff)
	}
	// In order, so that no database outlives the server.
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.command.Wait(); err != nil {
		t.Fatalf("the server ended with %v", err)
	}
}
