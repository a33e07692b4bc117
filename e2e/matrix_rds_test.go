package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

// ofRDS makes two DB instances and two snapshots, of each one that is deleted, and what calls about them are given.
func (w *matrixWorld) ofRDS(t *testing.T, set func(map[string]any)) {
	t.Helper()
	ctx, c := t.Context(), rds.NewFromConfig(w.m.config)
	for _, id := range []string{"possessed", "spare"} {
		must(c.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{
			DBInstanceIdentifier: &id, Engine: aws.String("postgres"), DBInstanceClass: aws.String("db.t3.micro"), AllocatedStorage: aws.Int32(20),
			MasterUsername: aws.String("clerk"), MasterUserPassword: aws.String("correct-horse"),
		}))(t, "making a DB instance")
	}
	for _, id := range []string{"possessed", "spare"} {
		instanceIs(t, c, id, "available")
		must(c.CreateDBSnapshot(ctx, &rds.CreateDBSnapshotInput{DBInstanceIdentifier: &id, DBSnapshotIdentifier: &id}))(t, "taking a DB snapshot")
		instanceIs(t, c, id, "available") // no longer backing-up
	}
	set(map[string]any{
		"rds.DBInstanceIdentifier": "possessed", "rds.DBSnapshotIdentifier": "possessed", "rds.Engine": "postgres", "rds.DBInstanceClass": "db.t3.micro",
		"rds:CreateDBInstance.AllocatedStorage": 20, "rds:CreateDBInstance.MasterUsername": "clerk", "rds:CreateDBInstance.MasterUserPassword": "correct-horse",
		"rds:RestoreDBInstanceFromDBSnapshot.DBSnapshotIdentifier": "possessed",
		"rds:CreateDBInstance.DBInstanceIdentifier":                "matrix", "rds:RestoreDBInstanceFromDBSnapshot.DBInstanceIdentifier": "matrix-restored",
		"rds:CreateDBSnapshot.DBSnapshotIdentifier": "matrix", "rds:DeleteDBInstance.DBInstanceIdentifier": "spare",
		"rds:DeleteDBInstance.SkipFinalSnapshot": true, "rds:DeleteDBSnapshot.DBSnapshotIdentifier": "spare",
	})
}

// instanceIs waits until a DB instance has a status.
func instanceIs(t *testing.T, c *rds.Client, id, status string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		now := *must(c.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id}))(t, "describing a DB instance").DBInstances[0].DBInstanceStatus
		if now == status {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the DB instance %s is %s, not %s", id, now, status)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
