package rds_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/jackc/pgx/v5"
)

func (w *world) modify(in *rds.ModifyDBInstanceInput) types.DBInstance {
	w.Helper()
	out, err := w.ModifyDBInstance(w.Context(), in)
	if err != nil {
		w.Fatal(err)
	}
	return *out.DBInstance
}

// An instance is changed while it runs: its parameters by a reboot, its password and its name at once, its class later.
func TestModifyingAnInstance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, id := t.Context(), aws.String("books")
	for _, name := range []string{"mine", "theirs"} {
		family := map[string]string{"mine": "postgres15", "theirs": "mariadb10.11"}[name]
		if _, err := w.CreateDBParameterGroup(ctx, &rds.CreateDBParameterGroupInput{DBParameterGroupName: &name, DBParameterGroupFamily: &family, Description: &name}); err != nil {
			t.Fatal(err)
		}
	}
	in := wish("books")
	in.DBParameterGroupName = aws.String("theirs")
	_, err := w.CreateDBInstance(ctx, in)
	refused(t, err, "InvalidParameterCombination")
	in.DBParameterGroupName = aws.String("nobodys")
	_, err = w.CreateDBInstance(ctx, in)
	refused(t, err, "DBParameterGroupNotFound")
	in.DBParameterGroupName = nil
	i := w.create(in)

	// A group's parameters wait for a reboot.
	changed := w.modify(&rds.ModifyDBInstanceInput{DBInstanceIdentifier: id, DBParameterGroupName: aws.String("mine"), ApplyImmediately: aws.Bool(true)})
	if g := changed.DBParameterGroups[0]; *g.DBParameterGroupName != "mine" || *g.ParameterApplyStatus != "in-sync" {
		t.Errorf("an empty group is shown as %+v", g)
	}
	if _, err := w.ModifyDBParameterGroup(ctx, &rds.ModifyDBParameterGroupInput{DBParameterGroupName: aws.String("mine"), Parameters: []types.Parameter{
		set("work_mem", "12345", types.ApplyMethodImmediate), set("max_connections", "57", types.ApplyMethodPendingReboot),
	}}); err != nil {
		t.Fatal(err)
	}
	if g := w.await("books", "available").DBParameterGroups[0]; *g.ParameterApplyStatus != "pending-reboot" {
		t.Errorf("changed, the group is shown as %+v", g)
	}
	_, err = w.DeleteDBParameterGroup(ctx, &rds.DeleteDBParameterGroupInput{DBParameterGroupName: aws.String("mine")})
	refused(t, err, "InvalidDBParameterGroupState")
	if _, err := w.RebootDBInstance(ctx, &rds.RebootDBInstanceInput{DBInstanceIdentifier: id}); err != nil {
		t.Fatal(err)
	}
	i = w.await("books", "available")
	if got := ask[string](w, i, "SHOW max_connections") + " " + ask[string](w, i, "SHOW work_mem"); got != "57 12345kB" {
		t.Errorf("after the reboot they are %s", got)
	}
	if g := i.DBParameterGroups[0]; *g.ParameterApplyStatus != "in-sync" {
		t.Errorf("after the reboot the group is shown as %+v", g)
	}

	// What has to do with the class and the storage waits for the maintenance window.
	changed = w.modify(&rds.ModifyDBInstanceInput{DBInstanceIdentifier: id, DBInstanceClass: aws.String("db.t3.large"), AllocatedStorage: aws.Int32(40), BackupRetentionPeriod: aws.Int32(9)})
	if p := changed.PendingModifiedValues; *changed.DBInstanceClass != "db.t3.micro" || *p.DBInstanceClass != "db.t3.large" || *p.AllocatedStorage != 40 || *changed.BackupRetentionPeriod != 9 {
		t.Errorf("modified for later it is %+v, pending %+v", changed, p)
	}
	changed = w.modify(&rds.ModifyDBInstanceInput{DBInstanceIdentifier: id, ApplyImmediately: aws.Bool(true)})
	if p := changed.PendingModifiedValues; *changed.DBInstanceClass != "db.t3.large" || *changed.AllocatedStorage != 40 || p.DBInstanceClass != nil {
		t.Errorf("modified at once it is %+v, pending %+v", changed, p)
	}

	// The password, the name and the port.
	w.modify(&rds.ModifyDBInstanceInput{DBInstanceIdentifier: id, MasterUserPassword: aws.String("battery-staple")})
	i = w.await("books", "available")
	config, err := pgx.ParseConfig("postgres://clerk:battery-staple@" + *i.Endpoint.Address + "/books")
	if err != nil {
		t.Fatal(err)
	}
	config.Port = uint16(*i.Endpoint.Port)
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		t.Fatalf("with the new password: %v", err)
	}
	_ = c.Close(context.Background())
	config.Password = password
	if _, err := pgx.ConnectConfig(ctx, config); err == nil {
		t.Error("the old password is still good")
	}
	renamed := w.modify(&rds.ModifyDBInstanceInput{DBInstanceIdentifier: id, NewDBInstanceIdentifier: aws.String("Volumes"), ApplyImmediately: aws.Bool(true)})
	if *renamed.DBInstanceIdentifier != "volumes" || *renamed.DbiResourceId != *i.DbiResourceId {
		t.Errorf("renamed it is %+v", renamed)
	}
	_, err = w.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: id})
	refused(t, err, "DBInstanceNotFound")

	bad := func(code string, change func(*rds.ModifyDBInstanceInput)) {
		t.Helper()
		in := &rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("volumes"), ApplyImmediately: aws.Bool(true)}
		change(in)
		_, err := w.ModifyDBInstance(ctx, in)
		refused(t, err, code)
	}
	bad("InvalidParameterCombination", func(in *rds.ModifyDBInstanceInput) { in.AllocatedStorage = aws.Int32(30) })
	bad("InvalidParameterCombination", func(in *rds.ModifyDBInstanceInput) { in.EngineVersion = aws.String("16.1") })
	bad("InvalidParameterCombination", func(in *rds.ModifyDBInstanceInput) { in.DBParameterGroupName = aws.String("theirs") })
	bad("InvalidParameterValue", func(in *rds.ModifyDBInstanceInput) { in.MasterUserPassword = aws.String("short") })
	bad("InvalidParameterValue", func(in *rds.ModifyDBInstanceInput) { in.BackupRetentionPeriod = aws.Int32(36) })
	bad("InvalidParameterValue", func(in *rds.ModifyDBInstanceInput) { in.PreferredBackupWindow = aws.String("25:00-26:00") })
	bad("InvalidParameterValue", func(in *rds.ModifyDBInstanceInput) { in.PreferredBackupWindow = aws.String("01:00-01:10") })
	bad("InvalidParameterValue", func(in *rds.ModifyDBInstanceInput) { in.PreferredMaintenanceWindow = aws.String("mon:01:00") })
	bad("InvalidParameterCombination", func(in *rds.ModifyDBInstanceInput) { in.PreferredBackupWindow = aws.String("05:15-06:00") })
	bad("InvalidParameterValue", func(in *rds.ModifyDBInstanceInput) { in.DBPortNumber = aws.Int32(80) })
	bad("InvalidParameterValue", func(in *rds.ModifyDBInstanceInput) { in.DBInstanceClass = aws.String("large") })
	bad("DBSubnetGroupNotFoundFault", func(in *rds.ModifyDBInstanceInput) { in.DBSubnetGroupName = aws.String("none") })
	bad("OptionGroupNotFoundFault", func(in *rds.ModifyDBInstanceInput) { in.OptionGroupName = aws.String("none") })
	bad("NotImplemented", func(in *rds.ModifyDBInstanceInput) { in.ManageMasterUserPassword = aws.Bool(true) })
	_, err = w.as("management", region).ModifyDBInstance(ctx, &rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("volumes")})
	refused(t, err, "DBInstanceNotFound")
}

// A stopped instance does not run until it is started, and has its rows then.
func TestStoppingAnInstance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, id := t.Context(), aws.String("books")
	in := wish("books")
	in.DeletionProtection = aws.Bool(true)
	i := w.create(in)
	w.exec(i, "CREATE TABLE t (n int)", "INSERT INTO t SELECT generate_series(1, 100)")
	_, err := w.StartDBInstance(ctx, &rds.StartDBInstanceInput{DBInstanceIdentifier: id})
	refused(t, err, "InvalidDBInstanceState")
	if _, err := w.StopDBInstance(ctx, &rds.StopDBInstanceInput{DBInstanceIdentifier: id, DBSnapshotIdentifier: aws.String("before")}); err != nil {
		t.Fatal(err)
	}
	w.await("books", "stopped")
	if s := w.awaitSnapshot("before", "available"); *s.DBInstanceIdentifier != "books" {
		t.Errorf("the snapshot is %+v", s)
	}
	_, err = w.ModifyDBInstance(ctx, &rds.ModifyDBInstanceInput{DBInstanceIdentifier: id, BackupRetentionPeriod: aws.Int32(2)})
	refused(t, err, "InvalidDBInstanceState")
	_, err = w.RebootDBInstance(ctx, &rds.RebootDBInstanceInput{DBInstanceIdentifier: id})
	refused(t, err, "InvalidDBInstanceState")
	_, err = w.StopDBInstance(ctx, &rds.StopDBInstanceInput{DBInstanceIdentifier: id})
	refused(t, err, "InvalidDBInstanceState")
	if _, err := w.StartDBInstance(ctx, &rds.StartDBInstanceInput{DBInstanceIdentifier: id}); err != nil {
		t.Fatal(err)
	}
	i = w.await("books", "available")
	if n := ask[int](w, i, "SELECT count(*) FROM t"); n != 100 {
		t.Errorf("started again it has %d rows", n)
	}
	_, err = w.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: id, SkipFinalSnapshot: aws.Bool(true)})
	refused(t, err, "InvalidParameterCombination")
	w.modify(&rds.ModifyDBInstanceInput{DBInstanceIdentifier: id, DeletionProtection: aws.Bool(false)})
	if _, err = w.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: id, SkipFinalSnapshot: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	w.awaitGone("books")
	events, err := w.DescribeEvents(ctx, &rds.DescribeEventsInput{SourceType: types.SourceTypeDbInstance, SourceIdentifier: id})
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range events.Events {
		told = append(told, *e.Message)
		if e.Date == nil || time.Since(*e.Date) > time.Hour {
			t.Errorf("an event is told as %+v", e)
		}
	}
	want := []string{"DB instance created", "DB instance stopped", "DB instance started", "DB instance deleted"}
	if !inOrder(told, want) {
		t.Errorf("it told %q, which lacks some of %q", told, want)
	}
}

// inOrder reports whether all of want stand in got, in their order.
func inOrder(got, want []string) bool {
	for _, g := range got {
		if len(want) > 0 && g == want[0] {
			want = want[1:]
		}
	}
	return len(want) == 0
}
