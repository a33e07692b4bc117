package e2e

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
	"strongroom/internal/work"
)

// TestRebuildWithDatabases loses the state, and with it the DB instances: a snapshot that RDS made, a recovery point that AWS Backup
// made and its copy in another account and Region are databases again, with every row.
func TestRebuildWithDatabases(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := strongroomtest.New(t, current)
	m, _, final := backupAccounts(t, s)
	m.vault(t, "member-vault", m.key(t, final), final)
	finalVault := final.vault(t, "final-vault", final.key(t, m), m)
	source := m.database(t, "orders", m.key(t, final))
	rows := m.orders(t, "orders")
	far := m.copyTo(t, m.backUp(t, "member-vault", source), "member-vault", finalVault)
	m.order(t, "orders", 201, 250)
	manual := m.snapshot(t, "orders", "by-hand")
	later := m.orders(t, "orders")

	before := m.snapshots(t)
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	loseState(t, s.Dir)
	config := current.Config
	config.DataDir = s.Dir
	rebuilding := server.Config{DataDir: s.Dir, Dev: true, Listen: "127.0.0.1:0", RulesAsOf: config.RulesAsOf}
	if report, err := server.Rebuild(ctx, rebuilding, server.RebuildOptions{}); err != nil || !report.Whole() {
		t.Fatalf("%+v, %v", report, err)
	}
	s = strongroomtest.New(t, strongroomtest.Options{Config: config})
	m, final = enter(t, s, member, home), enter(t, s, vaulted, north)

	if diff := cmp.Diff(before, m.snapshots(t)); diff != "" {
		t.Errorf("the snapshots after the rebuild (-before +after):\n%s", diff)
	}
	if out, err := m.rds().DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{}); err != nil || len(out.DBInstances) > 0 {
		t.Errorf("DB instances, which were in the lost state alone: %+v, %v", out, err)
	}
	must(m.rds().RestoreDBInstanceFromDBSnapshot(ctx, &rds.RestoreDBInstanceFromDBSnapshotInput{
		DBInstanceIdentifier: aws.String("orders"), DBSnapshotIdentifier: &manual, DBInstanceClass: aws.String("db.t3.micro"),
	}))(t, "restoring the snapshot")
	m.available(t, "orders")
	if diff := cmp.Diff(later, m.orders(t, "orders")); diff != "" {
		t.Errorf("the snapshot, restored by RDS under the name of the lost instance (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(rows, final.restoreDatabase(t, "final-vault", far, "orders-there")); diff != "" {
		t.Errorf("the copy, restored in the backup account (-want +got):\n%s", diff)
	}
	if report := must(s.Admin.Verify(ctx, work.VerifyRequest{}))(t, "verifying"); report.Damaged() {
		t.Errorf("the archives are not well: %+v", report)
	}
}

// snapshot makes a DB snapshot and gives its name.
func (p *party) snapshot(t *testing.T, instance, id string) string {
	t.Helper()
	must(p.rds().CreateDBSnapshot(t.Context(), &rds.CreateDBSnapshotInput{DBInstanceIdentifier: &instance, DBSnapshotIdentifier: &id}))(t, "making the snapshot "+id)
	eventually(t.Context(), t, "the snapshot "+id, func() (bool, error) {
		status := p.snapshots(t)[id]
		return strings.HasPrefix(status, "available "), errors.New("it is " + status)
	})
	return id
}

// snapshots tells of the DB snapshots that RDS shows.
func (p *party) snapshots(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, s := range must(p.rds().DescribeDBSnapshots(t.Context(), &rds.DescribeDBSnapshotsInput{}))(t, "describing snapshots").DBSnapshots {
		all[aws.ToString(s.DBSnapshotIdentifier)] = strings.Join([]string{
			aws.ToString(s.Status), aws.ToString(s.SnapshotType), aws.ToString(s.DBInstanceIdentifier), aws.ToString(s.KmsKeyId), aws.ToString(s.EngineVersion),
		}, " ")
	}
	return all
}
