package rds_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// TestClassesAndZones asks for classes and Availability Zones that there are, and for some that there are not. What is refused last, the
// password, tells that a class or a zone was accepted.
func TestClassesAndZones(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	for _, c := range []struct{ class, zone, code, says string }{
		{"db.bogus.large", "", "InvalidParameterValue", "Invalid DB Instance class: db.bogus.large"},
		{"db.t3.24xlarge", "", "InvalidParameterValue", "Invalid DB Instance class: db.t3.24xlarge"},
		{"db.t3", "", "InvalidParameterValue", "Invalid DB Instance class: db.t3"},
		{"t3.micro", "", "InvalidParameterValue", "Invalid DB Instance class: t3.micro"},
		{"db.t3.micro.x", "", "InvalidParameterValue", "Invalid DB Instance class: db.t3.micro.x"},
		{"db.t4g.micro", "us-east-1a", "InvalidVPCNetworkStateFault", "Availability zone '[us-east-1a]' is unavailable in this region, please choose another zone set."},
		{"db.r6g.16xlarge", "eu-central-1b", "InvalidParameterValue", "shorter"},
		{"db.x2iedn.32xlarge", "", "InvalidParameterValue", "shorter"},
		{"db.r7g.medium", "", "InvalidParameterValue", "shorter"},
	} {
		in := wish("books")
		in.DBInstanceClass, in.MasterUserPassword = &c.class, aws.String("short")
		if c.zone != "" {
			in.AvailabilityZone = &c.zone
		}
		_, err := w.CreateDBInstance(ctx, in)
		refusedSaying(t, err, c.code, c.says)
	}
	in := wish("books")
	in.AvailabilityZone, in.MultiAZ = aws.String("eu-central-1a"), aws.Bool(true)
	_, err := w.CreateDBInstance(ctx, in)
	refusedSaying(t, err, "InvalidParameterCombination", "not valid for Multi-AZ instances")

	cluster := &rds.CreateDBClusterInput{
		DBClusterIdentifier: aws.String("library"), Engine: aws.String("aurora-postgresql"), MasterUsername: aws.String(user), MasterUserPassword: aws.String(password),
		AvailabilityZones: []string{"us-east-1a", "eu-central-1a", "us-east-1b"},
	}
	_, err = w.CreateDBCluster(ctx, cluster)
	refusedSaying(t, err, "InvalidVPCNetworkStateFault", "Availability zones '[us-east-1a, us-east-1b]' are unavailable")
	cluster.AvailabilityZones = []string{"eu-central-1a", "eu-central-1b"}
	if _, err := w.CreateDBCluster(ctx, cluster); err != nil {
		t.Fatal(err)
	}
	w.awaitCluster("library", "available")
	member := &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String("library-1"), DBClusterIdentifier: aws.String("library"), Engine: aws.String("aurora-postgresql"), DBInstanceClass: aws.String("db.bogus.large"),
	}
	_, err = w.CreateDBInstance(ctx, member)
	refusedSaying(t, err, "InvalidParameterValue", "db.bogus.large")
	member.DBInstanceClass, member.AvailabilityZone = aws.String("db.r5.large"), aws.String("eu-west-1a")
	_, err = w.CreateDBInstance(ctx, member)
	refusedSaying(t, err, "InvalidVPCNetworkStateFault", "eu-west-1a")

	i := w.create(wish("papers"))
	_, err = w.ModifyDBInstance(ctx, &rds.ModifyDBInstanceInput{DBInstanceIdentifier: i.DBInstanceIdentifier, DBInstanceClass: aws.String("db.m9z.large")})
	refusedSaying(t, err, "InvalidParameterValue", "db.m9z.large")
	w.snapshot("papers", "first")
	_, err = w.RestoreDBInstanceFromDBSnapshot(ctx, &rds.RestoreDBInstanceFromDBSnapshotInput{
		DBSnapshotIdentifier: aws.String("first"), DBInstanceIdentifier: aws.String("again"), AvailabilityZone: aws.String("us-east-1a"),
	})
	refusedSaying(t, err, "InvalidVPCNetworkStateFault", "us-east-1a")
	var orderable []types.OrderableDBInstanceOption
	pages := rds.NewDescribeOrderableDBInstanceOptionsPaginator(w, &rds.DescribeOrderableDBInstanceOptionsInput{Engine: aws.String("postgres")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		orderable = append(orderable, page.OrderableDBInstanceOptions...)
	}
	for _, o := range orderable {
		in := wish("books")
		in.DBInstanceClass, in.MasterUserPassword = o.DBInstanceClass, aws.String("short")
		_, err := w.CreateDBInstance(ctx, in)
		refusedSaying(t, err, "InvalidParameterValue", "shorter")
	}
}

func refusedSaying(t *testing.T, err error, want, says string) {
	t.Helper()
	refused(t, err, want)
	if !strings.Contains(err.Error(), says) {
		t.Errorf("it is refused by %q, which does not say %q", err, says)
	}
}
