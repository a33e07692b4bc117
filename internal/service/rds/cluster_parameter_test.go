package rds_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// clusterGroup makes a parameter group for clusters.
func (w *world) clusterGroup(name, family string, parameters ...types.Parameter) {
	w.Helper()
	_, err := w.CreateDBClusterParameterGroup(w.Context(), &rds.CreateDBClusterParameterGroupInput{
		DBClusterParameterGroupName: &name, DBParameterGroupFamily: &family, Description: aws.String("d"),
	})
	if err != nil {
		w.Fatal(err)
	}
	w.setClusterParameters(name, parameters...)
}

func (w *world) setClusterParameters(group string, parameters ...types.Parameter) {
	w.Helper()
	_, err := w.ModifyDBClusterParameterGroup(w.Context(), &rds.ModifyDBClusterParameterGroupInput{DBClusterParameterGroupName: &group, Parameters: parameters})
	if err != nil {
		w.Fatal(err)
	}
}

// applied is what all members of a cluster say of its parameters.
func applied(k types.DBCluster) string {
	said := map[string]bool{}
	for _, m := range k.DBClusterMembers {
		said[*m.DBClusterParameterGroupStatus] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(said)), " and ")
}

// A cluster's database has the parameters of the cluster's group: those at its making, and those that the group has when an
// instance is rebooted, or the cluster started.
func TestParametersOfACluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.clusterGroup("mine", "aurora-postgresql15", set("work_mem", "8192", types.ApplyMethodPendingReboot))
	w.clusterGroup("other", "aurora-mysql8.0", set("max_connections", "77", types.ApplyMethodPendingReboot))

	in := wishCluster("aurora-postgresql", "library")
	for group, want := range map[string]string{"other": "InvalidParameterCombination", "none": "DBParameterGroupNotFound"} {
		in.DBClusterParameterGroupName = &group
		_, err := w.CreateDBCluster(ctx, in)
		refused(t, err, want)
	}
	in.DBClusterParameterGroupName = aws.String("Mine")
	in.DBSubnetGroupName = aws.String("nowhere")
	_, err := w.CreateDBCluster(ctx, in)
	refused(t, err, "DBSubnetGroupNotFoundFault")
	in.DBSubnetGroupName = nil
	if _, err := w.CreateDBCluster(ctx, in); err != nil {
		t.Fatal(err)
	}
	k := w.awaitCluster("library", "available")
	_, err = w.DeleteDBClusterParameterGroup(ctx, &rds.DeleteDBClusterParameterGroupInput{DBClusterParameterGroupName: aws.String("mine")})
	refused(t, err, "InvalidDBParameterGroupState")
	_, err = w.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String("one"), DBClusterIdentifier: aws.String("library"), Engine: k.Engine, DBInstanceClass: aws.String("db.r5.large"), DBParameterGroupName: aws.String("none"),
	})
	refused(t, err, "DBParameterGroupNotFound")
	w.addMember(k, "one")
	memory := func() (value string) {
		t.Helper()
		if err := w.open(k).(pgShelf).QueryRow(ctx, "SHOW work_mem").Scan(&value); err != nil {
			t.Fatal(err)
		}
		return value
	}
	if got := memory(); got != "8MB" {
		t.Errorf("work_mem is %s as it was made", got)
	}

	w.setClusterParameters("mine", set("work_mem", "16384", types.ApplyMethodPendingReboot))
	if k = w.awaitCluster("library", "available"); applied(k) != "pending-reboot" {
		t.Errorf("after a change of its group the members are %s", applied(k))
	}
	if _, err := w.RebootDBInstance(ctx, &rds.RebootDBInstanceInput{DBInstanceIdentifier: aws.String("one")}); err != nil {
		t.Fatal(err)
	}
	w.await("one", "available")
	if k = w.awaitCluster("library", "available"); applied(k) != "in-sync" || memory() != "16MB" {
		t.Errorf("rebooted, the members are %s, and work_mem is %s", applied(k), memory())
	}

	_, err = w.ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{DBClusterIdentifier: aws.String("library"), DBClusterParameterGroupName: aws.String("other")})
	refused(t, err, "InvalidParameterCombination")
	if _, err := w.ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{DBClusterIdentifier: aws.String("library"), DBClusterParameterGroupName: aws.String("default.aurora-postgresql15")}); err != nil {
		t.Fatal(err)
	}
	if k = w.awaitCluster("library", "available"); applied(k) != "pending-reboot" || *k.DBClusterParameterGroup != "default.aurora-postgresql15" {
		t.Errorf("in another group the members are %s, in %s", applied(k), *k.DBClusterParameterGroup)
	}
	if _, err := w.StopDBCluster(ctx, &rds.StopDBClusterInput{DBClusterIdentifier: aws.String("library")}); err != nil {
		t.Fatal(err)
	}
	w.awaitCluster("library", "stopped")
	_, err = w.RebootDBInstance(ctx, &rds.RebootDBInstanceInput{DBInstanceIdentifier: aws.String("one")})
	refused(t, err, "InvalidDBInstanceState")
	if _, err := w.StartDBCluster(ctx, &rds.StartDBClusterInput{DBClusterIdentifier: aws.String("library")}); err != nil {
		t.Fatal(err)
	}
	w.await("one", "available")
	if got := memory(); got != "4MB" {
		t.Errorf("work_mem is %s once it was started, not PostgreSQL's own", got)
	}

	// An instance of a cluster is not stopped and started by itself, in RDS's words.
	_, stop := w.StopDBInstance(ctx, &rds.StopDBInstanceInput{DBInstanceIdentifier: aws.String("one")})
	_, start := w.StartDBInstance(ctx, &rds.StartDBInstanceInput{DBInstanceIdentifier: aws.String("one")})
	for _, err := range []error{stop, start} {
		refused(t, err, "InvalidParameterCombination")
		if !strings.Contains(err.Error(), "aurora-postgresql DB instances are not eligible for stopping and starting.") {
			t.Errorf("it says %v", err)
		}
	}
	w.await("one", "available")

	// Parameters that keep it from starting are the cluster's own misfortune, and can be changed.
	w.clusterGroup("bad", "aurora-postgresql15", set("shared_buffers", "1073741823", types.ApplyMethodPendingReboot))
	modify := func(group string) {
		t.Helper()
		if _, err := w.ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{DBClusterIdentifier: aws.String("library"), DBClusterParameterGroupName: &group}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.RebootDBInstance(ctx, &rds.RebootDBInstanceInput{DBInstanceIdentifier: aws.String("one")}); err != nil {
			t.Fatal(err)
		}
	}
	modify("bad")
	w.await("one", "incompatible-parameters")
	_, err = w.ModifyDBInstance(ctx, &rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("one"), PromotionTier: aws.Int32(3)})
	refused(t, err, "InvalidDBInstanceState")
	modify("mine")
	w.await("one", "available")
	if got := memory(); got != "16MB" {
		t.Errorf("work_mem is %s", got)
	}
}

// The parameter tls of DocumentDB turns connections without TLS away.
func TestTLSOfDocumentDB(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clusterGroup("secure", "docdb5.0", set("tls", "enabled", types.ApplyMethodPendingReboot))
	in := wishCluster("docdb", "papers")
	in.DBClusterParameterGroupName, in.EngineVersion = aws.String("secure"), aws.String("5.0.0")
	if _, err := w.CreateDBCluster(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	k := w.awaitCluster("papers", "available")
	i := w.addMember(k, "one")
	if len(i.DBParameterGroups) != 0 {
		t.Errorf("an instance of DocumentDB has the parameter groups %+v", i.DBParameterGroups)
	}
	if _, err := w.ModifyDBInstance(t.Context(), &rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("one"), PromotionTier: aws.Int32(3), ApplyImmediately: aws.Bool(true)}); err != nil {
		t.Errorf("it cannot be modified: %v", err)
	}
	reach := func(with string) error {
		at := net.JoinHostPort(*k.Endpoint, strconv.Itoa(int(*k.Port)))
		c, err := mongo.Connect(options.Client().ApplyURI(fmt.Sprintf("mongodb://%s:%s@%s/?retryWrites=false%s", user, password, at, with)))
		if err != nil {
			return err
		}
		defer func() { _ = c.Disconnect(context.Background()) }()
		return c.Ping(t.Context(), nil)
	}
	if err := reach("&tls=true&tlsInsecure=true&serverSelectionTimeoutMS=120000"); err != nil {
		t.Errorf("with TLS: %v", err)
	}
	if err := reach("&serverSelectionTimeoutMS=2000"); err == nil {
		t.Error("without TLS it is let in")
	}
	w.setClusterParameters("secure", set("tls", "disabled", types.ApplyMethodPendingReboot))
	if _, err := w.RebootDBInstance(t.Context(), &rds.RebootDBInstanceInput{DBInstanceIdentifier: aws.String("one")}); err != nil {
		t.Fatal(err)
	}
	w.await("one", "available")
	if err := reach("&serverSelectionTimeoutMS=120000"); err != nil {
		t.Errorf("without TLS once that is allowed: %v", err)
	}
}

// Whoever asks for MySQL by its own version means what serves its family, and is shown what that is.
func TestVersionsByFamily(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := wish("mine")
	in.Engine, in.EngineVersion = aws.String("mysql"), aws.String("5.7.44")
	_, err := w.CreateDBInstance(t.Context(), in)
	refused(t, err, "InvalidParameterCombination")
	if _, err := w.CreateDBParameterGroup(t.Context(), &rds.CreateDBParameterGroupInput{
		DBParameterGroupName: aws.String("mine"), DBParameterGroupFamily: aws.String("mysql8.0"), Description: aws.String("d"),
	}); err != nil {
		t.Fatal(err)
	}
	in.EngineVersion, in.DBParameterGroupName = aws.String("8.0.35"), aws.String("mine")
	i := w.create(in)
	versions, err := w.DescribeDBEngineVersions(t.Context(), &rds.DescribeDBEngineVersionsInput{Engine: aws.String("mysql"), EngineVersion: aws.String("8.0.35")})
	if err != nil || len(versions.DBEngineVersions) != 1 {
		t.Fatalf("the versions are %+v, %v", versions, err)
	}
	v := versions.DBEngineVersions[0]
	if *i.EngineVersion != *v.EngineVersion || *v.DBParameterGroupFamily != "mysql8.0" || *v.MajorEngineVersion != "8.0" || *i.DBParameterGroups[0].DBParameterGroupName != "mine" {
		t.Errorf("it is shown with the version %s, and the engine as %+v", *i.EngineVersion, v)
	}
	for _, same := range []string{"8.0", "8.0.40", *i.EngineVersion} {
		if _, err := w.ModifyDBInstance(t.Context(), &rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("mine"), EngineVersion: &same}); err != nil {
			t.Errorf("what is version %s already is to become %s: %v", *i.EngineVersion, same, err)
		}
	}
	_, err = w.ModifyDBInstance(t.Context(), &rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("mine"), EngineVersion: aws.String("8.4.3")})
	refused(t, err, "InvalidParameterCombination")
}
