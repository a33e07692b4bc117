package e2e

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/jackc/pgx/v5"
)

// TestDatabaseCrash kills the server while an instance is made, runs, is backed up, is made from a snapshot, and is deleted:
// each goes on after the start, and what was committed is there.
func TestDatabaseCrash(t *testing.T) {
	t.Parallel()
	ctx, p := t.Context(), newProcess(t)
	p.start(ctx, t)
	c := rds.NewFromConfig(p.aws(t, "member", "eu-central-1"))
	crash := func() {
		t.Helper()
		p.kill()
		p.start(ctx, t)
	}
	count := func(id string) (n int) {
		t.Helper()
		db := enterDatabase(t, c, id)
		defer func() { _ = db.Close(ctx) }()
		if err := db.QueryRow(ctx, "SELECT count(*) FROM t").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}

	must(c.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String("kept"), Engine: aws.String("postgres"), DBInstanceClass: aws.String("db.t3.micro"), AllocatedStorage: aws.Int32(20),
		MasterUsername: aws.String("clerk"), MasterUserPassword: aws.String("correct-horse"), DBName: aws.String("books"),
	}))(t, "making an instance")
	crash() // it is being made
	db := enterDatabase(t, c, "kept")
	must(db.Exec(ctx, "CREATE TABLE t (n int)"))(t, "making a table")
	for n := range 100 {
		must(db.Exec(ctx, "INSERT INTO t VALUES ($1)", n))(t, "inserting")
	}
	crash() // it runs, and a client is connected
	if got := count("kept"); got != 100 {
		t.Fatalf("%d of 100 rows that were committed are there", got)
	}

	must(c.CreateDBSnapshot(ctx, &rds.CreateDBSnapshotInput{DBInstanceIdentifier: aws.String("kept"), DBSnapshotIdentifier: aws.String("taken")}))(t, "taking a snapshot")
	crash() // it is being backed up
	snapshotIs(t, c, "taken", "available")

	must(c.RestoreDBInstanceFromDBSnapshot(ctx, &rds.RestoreDBInstanceFromDBSnapshotInput{DBInstanceIdentifier: aws.String("back"), DBSnapshotIdentifier: aws.String("taken")}))(t, "restoring")
	crash() // it is being filled
	if got := count("back"); got != 100 {
		t.Fatalf("%d of 100 rows came back", got)
	}

	must(c.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("kept"), FinalDBSnapshotIdentifier: aws.String("final")}))(t, "deleting with a final snapshot")
	must(c.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("back"), SkipFinalSnapshot: aws.Bool(true)}))(t, "deleting")
	crash() // they are being deleted
	eventually(ctx, t, "the instances are deleted", func() (bool, error) {
		out, err := c.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{})
		return err == nil && len(out.DBInstances) == 0, err
	})
	snapshotIs(t, c, "final", "available")
	must(c.RestoreDBInstanceFromDBSnapshot(ctx, &rds.RestoreDBInstanceFromDBSnapshotInput{DBInstanceIdentifier: aws.String("last"), DBSnapshotIdentifier: aws.String("final")}))(t, "restoring the final snapshot")
	if got := count("last"); got != 100 {
		t.Fatalf("%d of 100 rows came back from the final snapshot", got)
	}
	// In order, so that no database outlives the server.
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.command.Wait(); err != nil {
		t.Fatalf("the server ended with %v", err)
	}
}

// enterDatabase waits until an instance is available and opens its database as a client.
func enterDatabase(t *testing.T, c *rds.Client, id string) *pgx.Conn {
	t.Helper()
	instanceIs(t, c, id, "available")
	endpoint := must(c.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id}))(t, "describing").DBInstances[0].Endpoint
	db := must(pgx.Connect(t.Context(), fmt.Sprintf("postgres://clerk:correct-horse@%s:%d/books", *endpoint.Address, *endpoint.Port)))(t, "connecting")
	t.Cleanup(func() { _ = db.Close(context.Background()) })
	return db
}

// snapshotIs waits until a DB snapshot has a status.
func snapshotIs(t *testing.T, c *rds.Client, id, status string) (s rdstypes.DBSnapshot) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience())
	defer cancel()
	for {
		s = must(c.DescribeDBSnapshots(ctx, &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: &id}))(t, "describing a snapshot").DBSnapshots[0]
		if *s.Status == status {
			return s
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the snapshot %s is %s, not %s", id, *s.Status, status)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
