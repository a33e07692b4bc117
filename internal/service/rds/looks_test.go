package rds_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

// TestLooks asks for what is there without any database.
func TestLooks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	defaults, err := w.DescribeEngineDefaultParameters(ctx, &rds.DescribeEngineDefaultParametersInput{DBParameterGroupFamily: aws.String("postgres15")})
	if err != nil || len(defaults.EngineDefaults.Parameters) == 0 {
		t.Errorf("the defaults of postgres15 are %+v, %v", defaults, err)
	}
	if _, err := w.DescribeOptionGroupOptions(ctx, &rds.DescribeOptionGroupOptionsInput{EngineName: aws.String("postgres")}); err != nil {
		t.Error(err)
	}
	if _, err := w.CreateDBClusterParameterGroup(ctx, &rds.CreateDBClusterParameterGroupInput{
		DBClusterParameterGroupName: aws.String("one"), DBParameterGroupFamily: aws.String("docdb5.0"), Description: aws.String("d"),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.CopyDBClusterParameterGroup(ctx, &rds.CopyDBClusterParameterGroupInput{
		SourceDBClusterParameterGroupIdentifier: aws.String("one"), TargetDBClusterParameterGroupIdentifier: aws.String("two"), TargetDBClusterParameterGroupDescription: aws.String("d"),
	}); err != nil {
		t.Fatal(err)
	}
	groups, err := w.DescribeDBClusterParameterGroups(ctx, &rds.DescribeDBClusterParameterGroupsInput{DBClusterParameterGroupName: aws.String("two")})
	if err != nil || len(groups.DBClusterParameterGroups) != 1 || *groups.DBClusterParameterGroups[0].DBParameterGroupFamily != "docdb5.0" {
		t.Errorf("the copy is %+v, %v", groups, err)
	}
	_, err = w.DescribeDBClusterSnapshotAttributes(ctx, &rds.DescribeDBClusterSnapshotAttributesInput{DBClusterSnapshotIdentifier: aws.String("none")})
	refused(t, err, "DBClusterSnapshotNotFoundFault")
	_, err = w.ModifyDBSnapshot(ctx, &rds.ModifyDBSnapshotInput{DBSnapshotIdentifier: aws.String("none")})
	refused(t, err, "DBSnapshotNotFound")
	_, err = w.RebootDBCluster(ctx, &rds.RebootDBClusterInput{DBClusterIdentifier: aws.String("none")})
	refused(t, err, "DBClusterNotFoundFault")
}
