package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
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

// ofClusters makes two DB clusters and a snapshot of each, of each one that is deleted, and what calls about them are given.
func (w *matrixWorld) ofClusters(t *testing.T, set func(map[string]any)) {
	t.Helper()
	ctx, c := t.Context(), rds.NewFromConfig(w.m.config)
	for _, id := range []string{"possessed", "spare"} {
		must(c.CreateDBCluster(ctx, &rds.CreateDBClusterInput{
			DBClusterIdentifier: &id, Engine: aws.String("aurora-postgresql"), MasterUsername: aws.String("clerk"), MasterUserPassword: aws.String("correct-horse"),
		}))(t, "making a DB cluster")
	}
	for _, id := range []string{"possessed", "spare"} {
		clusterIs(t, c, id, "available")
		must(c.CreateDBClusterSnapshot(ctx, &rds.CreateDBClusterSnapshotInput{DBClusterIdentifier: &id, DBClusterSnapshotIdentifier: &id}))(t, "taking a DB cluster snapshot")
		clusterIs(t, c, id, "available") // no longer backing-up
	}
	set(map[string]any{
		"rds.DBClusterIdentifier": "possessed", "rds.DBClusterSnapshotIdentifier": "possessed",
		"rds:CreateDBCluster.DBClusterIdentifier": "matrix", "rds:CreateDBCluster.Engine": "aurora-postgresql",
		"rds:CreateDBCluster.MasterUsername": "clerk", "rds:CreateDBCluster.MasterUserPassword": "correct-horse",
		"rds:CreateDBClusterSnapshot.DBClusterSnapshotIdentifier":     "matrix",
		"rds:CopyDBClusterSnapshot.SourceDBClusterSnapshotIdentifier": "possessed",
		"rds:CopyDBClusterSnapshot.TargetDBClusterSnapshotIdentifier": "matrix-copy",
		"rds:RestoreDBClusterFromSnapshot.DBClusterIdentifier":        "matrix-restored",
		"rds:RestoreDBClusterFromSnapshot.SnapshotIdentifier":         "possessed",
		"rds:RestoreDBClusterFromSnapshot.Engine":                     "aurora-postgresql",
		"rds:ModifyDBClusterSnapshotAttribute.AttributeName":          "restore",
		"rds:DeleteDBCluster.DBClusterIdentifier":                     "spare",
		"rds:DeleteDBCluster.SkipFinalSnapshot":                       true,
		"rds:DeleteDBClusterSnapshot.DBClusterSnapshotIdentifier":     "spare",
	})
}

// clusterIs waits until a DB cluster has a status.
func clusterIs(t *testing.T, c *rds.Client, id, status string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience())
	defer cancel()
	for {
		now := *must(c.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &id}))(t, "describing a DB cluster").DBClusters[0].Status
		if now == status {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the DB cluster %s is %s, not %s", id, now, status)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// ofRDSGroups makes two groups of each kind, of which one is deleted, and what calls about them are given.
func (w *matrixWorld) ofRDSGroups(t *testing.T, set func(map[string]any)) {
	t.Helper()
	ctx, c, described := t.Context(), rds.NewFromConfig(w.m.config), aws.String("of the matrix")
	builtin := must(c.DescribeDBSubnetGroups(ctx, &rds.DescribeDBSubnetGroupsInput{DBSubnetGroupName: aws.String("default")}))(t, "describing subnets").DBSubnetGroups[0]
	var subnets []string
	for _, s := range builtin.Subnets {
		subnets = append(subnets, *s.SubnetIdentifier)
	}
	for _, name := range []string{"possessed", "spare"} {
		must(c.CreateDBParameterGroup(ctx, &rds.CreateDBParameterGroupInput{DBParameterGroupName: &name, DBParameterGroupFamily: aws.String("postgres15"), Description: described}))(t, "making a parameter group")
		must(c.CreateDBClusterParameterGroup(ctx, &rds.CreateDBClusterParameterGroupInput{
			DBClusterParameterGroupName: &name, DBParameterGroupFamily: aws.String("aurora-postgresql15"), Description: described,
		}))(t, "making a cluster parameter group")
		must(c.CreateDBSubnetGroup(ctx, &rds.CreateDBSubnetGroupInput{DBSubnetGroupName: &name, DBSubnetGroupDescription: described, SubnetIds: subnets}))(t, "making a subnet group")
		must(c.CreateOptionGroup(ctx, &rds.CreateOptionGroupInput{
			OptionGroupName: &name, EngineName: aws.String("mariadb"), MajorEngineVersion: aws.String("10.11"), OptionGroupDescription: described,
		}))(t, "making an option group")
	}
	values := map[string]any{
		"rds.DBParameterGroupName": "possessed", "rds.DBClusterParameterGroupName": "possessed", "rds.DBSubnetGroupName": "possessed", "rds.OptionGroupName": "possessed",
		"rds.Description": "d", "rds.DBSubnetGroupDescription": "d", "rds.OptionGroupDescription": "d", "rds.TargetOptionGroupDescription": "d",
		"rds.TargetDBParameterGroupDescription": "d", "rds.TargetDBClusterParameterGroupDescription": "d",
		"rds.DBParameterGroupFamily": "postgres15", "rds:CreateDBClusterParameterGroup.DBParameterGroupFamily": "aurora-postgresql15",
		"rds:DescribeEngineDefaultClusterParameters.DBParameterGroupFamily": "aurora-postgresql15",
		"rds.SubnetIds":  subnets,
		"rds.EngineName": "mariadb", "rds.MajorEngineVersion": "10.11", "rds.ResetAllParameters": true,
		"rds:ResetDBParameterGroup.ResetAllParameters": true, "rds:ResetDBClusterParameterGroup.ResetAllParameters": true,
		"rds.Parameters":   []rdstypes.Parameter{{ParameterName: aws.String("work_mem"), ParameterValue: aws.String("8192"), ApplyMethod: rdstypes.ApplyMethodImmediate}},
		"rds.ResourceName": "arn:aws:rds:" + home + ":" + w.m.id + ":og:possessed",
		"rds.Tags":         []rdstypes.Tag{{Key: aws.String("team"), Value: aws.String("a")}}, "rds.TagKeys": []string{"team"},
		"rds.SourceDBSnapshotIdentifier": "possessed", "rds.TargetDBSnapshotIdentifier": "matrix-copy", "rds.AttributeName": "restore",
		"rds:ModifyDBSnapshotAttribute.ValuesToAdd": []string{management},
	}
	for _, group := range []string{"DBParameterGroup", "DBClusterParameterGroup", "DBSubnetGroup", "OptionGroup"} {
		values["rds:Create"+group+"."+group+"Name"], values["rds:Delete"+group+"."+group+"Name"] = "matrix", "spare"
		values["rds.Source"+group+"Identifier"], values["rds.Target"+group+"Identifier"] = "possessed", "matrix-copied"
	}
	set(values)
}

// instanceIs waits until a DB instance has a status.
func instanceIs(t *testing.T, c *rds.Client, id, status string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience())
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
