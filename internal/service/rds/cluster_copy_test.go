package rds_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/docdb"
	docdbtypes "github.com/aws/aws-sdk-go-v2/service/docdb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/neptune"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"strongroom/internal/server"
)

// sealingKey makes a KMS key in the account and Region of a configuration.
func sealingKey(t *testing.T, cfg aws.Config) string {
	t.Helper()
	key, err := kms.NewFromConfig(cfg).CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	return *key.KeyMetadata.Arn
}

// The snapshot of an encrypted cluster crosses Regions under a key of the other Region, and is restored there. The account's own key
// for RDS is no one's to share, and what is not encrypted stays so.
func TestClusterSnapshotsCrossRegions(t *testing.T) {
	t.Parallel()
	const far = "eu-north-1"
	w := newWorld(t)
	ctx, abroad, engine := t.Context(), w.as("member", far), "aurora-postgresql"
	in := wishCluster(engine, "library")
	in.KmsKeyId = aws.String(sealingKey(t, w.server.AWS(t, "member", region)))
	if _, err := w.CreateDBCluster(ctx, in); err != nil {
		t.Fatal(err)
	}
	k := w.awaitCluster("library", "available")
	if !*k.StorageEncrypted || *k.KmsKeyId != *in.KmsKeyId {
		t.Fatalf("it is shown as %+v", k)
	}
	w.addMember(k, "writer")
	if err := w.open(k).add(ctx, 10); err != nil {
		t.Fatal(err)
	}
	first := w.clusterSnapshot("library", "first")
	copied := func(in rds.CopyDBClusterSnapshotInput) error {
		in.SourceDBClusterSnapshotIdentifier, in.TargetDBClusterSnapshotIdentifier = first.DBClusterSnapshotArn, aws.String("copied")
		_, err := abroad.CopyDBClusterSnapshot(ctx, &in)
		return err
	}
	refused(t, copied(rds.CopyDBClusterSnapshotInput{}), "InvalidParameterValue")
	refused(t, copied(rds.CopyDBClusterSnapshotInput{KmsKeyId: in.KmsKeyId}), "KMSKeyNotAccessibleFault")
	key := sealingKey(t, w.server.AWS(t, "member", far))
	if err := copied(rds.CopyDBClusterSnapshotInput{KmsKeyId: &key}); err != nil {
		t.Fatal(err)
	}
	if s := abroad.awaitClusterSnapshot("copied", "available"); *s.KmsKeyId != key || *s.SourceDBClusterSnapshotArn != *first.DBClusterSnapshotArn {
		t.Errorf("the copy is shown as %+v", s)
	}
	refused(t, copied(rds.CopyDBClusterSnapshotInput{KmsKeyId: &key}), "DBClusterSnapshotAlreadyExistsFault")
	_, err := abroad.RestoreDBClusterFromSnapshot(ctx, &rds.RestoreDBClusterFromSnapshotInput{DBClusterIdentifier: aws.String("branch"), SnapshotIdentifier: aws.String("copied"), Engine: &engine})
	if err != nil {
		t.Fatal(err)
	}
	branch := abroad.awaitCluster("branch", "available")
	abroad.addMember(branch, "branch-1")
	abroad.books(abroad.awaitCluster("branch", "available"), 10)

	// Another account sees what is shared with it, and needs a key of its own to copy it.
	share := func(snapshot, account string) error {
		_, err := w.ModifyDBClusterSnapshotAttribute(ctx, &rds.ModifyDBClusterSnapshotAttributeInput{
			DBClusterSnapshotIdentifier: &snapshot, AttributeName: aws.String("restore"), ValuesToAdd: []string{account},
		})
		return err
	}
	other := w.as("backup", region)
	_, err = other.DescribeDBClusterSnapshots(ctx, &rds.DescribeDBClusterSnapshotsInput{DBClusterSnapshotIdentifier: first.DBClusterSnapshotArn})
	refused(t, err, "DBClusterSnapshotNotFoundFault")
	if err := share("first", server.BackupAccount); err != nil {
		t.Fatal(err)
	}
	refused(t, share("first", "all"), "InvalidDBClusterSnapshotStateFault")
	shared, err := other.DescribeDBClusterSnapshots(ctx, &rds.DescribeDBClusterSnapshotsInput{SnapshotType: aws.String("shared")})
	if err != nil || len(shared.DBClusterSnapshots) != 1 || *shared.DBClusterSnapshots[0].DBClusterSnapshotArn != *first.DBClusterSnapshotArn {
		t.Errorf("shared with the other account is %+v, %v", shared, err)
	}
	_, err = other.CopyDBClusterSnapshot(ctx, &rds.CopyDBClusterSnapshotInput{SourceDBClusterSnapshotIdentifier: first.DBClusterSnapshotArn, TargetDBClusterSnapshotIdentifier: aws.String("theirs")})
	refused(t, err, "InvalidParameterValue")
	_, err = other.DeleteDBClusterSnapshot(ctx, &rds.DeleteDBClusterSnapshotInput{DBClusterSnapshotIdentifier: first.DBClusterSnapshotArn})
	refused(t, err, "DBClusterSnapshotNotFoundFault")
}

func TestUnencryptedClusterSnapshotsStaySo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, engine := t.Context(), "aurora-postgresql"
	if _, err := w.CreateDBCluster(ctx, wishCluster(engine, "plain")); err != nil {
		t.Fatal(err)
	}
	w.awaitCluster("plain", "available")
	w.clusterSnapshot("plain", "plain")
	key := sealingKey(t, w.server.AWS(t, "member", region))
	_, err := w.CopyDBClusterSnapshot(ctx, &rds.CopyDBClusterSnapshotInput{
		SourceDBClusterSnapshotIdentifier: aws.String("plain"), TargetDBClusterSnapshotIdentifier: aws.String("sealed"), KmsKeyId: &key,
	})
	refused(t, err, "InvalidParameterCombination")
	if _, err := w.CopyDBClusterSnapshot(ctx, &rds.CopyDBClusterSnapshotInput{SourceDBClusterSnapshotIdentifier: aws.String("plain"), TargetDBClusterSnapshotIdentifier: aws.String("again")}); err != nil {
		t.Fatal(err)
	}
	if s := w.awaitClusterSnapshot("again", "available"); *s.StorageEncrypted {
		t.Errorf("the copy of an unencrypted snapshot is %+v", s)
	}
	_, err = w.RestoreDBClusterFromSnapshot(ctx, &rds.RestoreDBClusterFromSnapshotInput{DBClusterIdentifier: aws.String("sealed"), SnapshotIdentifier: aws.String("again"), Engine: &engine, KmsKeyId: &key})
	if err != nil {
		t.Fatal(err)
	}
	if k := w.awaitCluster("sealed", "available"); !*k.StorageEncrypted || *k.KmsKeyId != key {
		t.Errorf("restored under a key is %+v", k)
	}
	// The account's own key: whoever is given such a snapshot could not use it.
	in := wishCluster(engine, "own")
	in.StorageEncrypted = aws.Bool(true)
	if _, err := w.CreateDBCluster(ctx, in); err != nil {
		t.Fatal(err)
	}
	w.awaitCluster("own", "available")
	w.clusterSnapshot("own", "own")
	_, err = w.ModifyDBClusterSnapshotAttribute(ctx, &rds.ModifyDBClusterSnapshotAttributeInput{
		DBClusterSnapshotIdentifier: aws.String("own"), AttributeName: aws.String("restore"), ValuesToAdd: []string{server.BackupAccount},
	})
	refused(t, err, "InvalidDBClusterSnapshotStateFault")
}

// DocumentDB's and Neptune's own clients make clusters, and all three see all, or those of an engine.
func TestThreeClientsOneService(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cfg := t.Context(), w.server.AWS(t, "member", region)
	documents, graphs := docdb.NewFromConfig(cfg), neptune.NewFromConfig(cfg)
	if _, err := documents.CreateDBCluster(ctx, &docdb.CreateDBClusterInput{
		DBClusterIdentifier: aws.String("documents"), Engine: aws.String("docdb"), EngineVersion: aws.String("5.0.0"), MasterUsername: aws.String(user), MasterUserPassword: aws.String(password),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := graphs.CreateDBCluster(ctx, &neptune.CreateDBClusterInput{DBClusterIdentifier: aws.String("graphs"), Engine: aws.String("neptune")}); err != nil {
		t.Fatal(err)
	}
	w.awaitCluster("documents", "available")
	w.awaitCluster("graphs", "available")
	all, err := graphs.DescribeDBClusters(ctx, &neptune.DescribeDBClustersInput{})
	if err != nil || len(all.DBClusters) != 2 {
		t.Errorf("Neptune's client sees %+v, %v", all, err)
	}
	some, err := documents.DescribeDBClusters(ctx, &docdb.DescribeDBClustersInput{Filters: []docdbtypes.Filter{{Name: aws.String("engine"), Values: []string{"docdb"}}}})
	if err != nil || len(some.DBClusters) != 1 || *some.DBClusters[0].DBClusterIdentifier != "documents" || *some.DBClusters[0].Engine != "docdb" {
		t.Errorf("of docdb there is %+v, %v", some, err)
	}
	if _, err := documents.CreateDBClusterSnapshot(ctx, &docdb.CreateDBClusterSnapshotInput{DBClusterIdentifier: aws.String("documents"), DBClusterSnapshotIdentifier: aws.String("documents")}); err != nil {
		t.Fatal(err)
	}
	w.awaitClusterSnapshot("documents", "available")
	_, err = graphs.RestoreDBClusterFromSnapshot(ctx, &neptune.RestoreDBClusterFromSnapshotInput{DBClusterIdentifier: aws.String("wrong"), SnapshotIdentifier: aws.String("documents"), Engine: aws.String("neptune")})
	refused(t, err, "InvalidParameterCombination")
}

// What a cluster cannot be is refused with the code of AWS, and nothing is made.
func TestClustersThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	for name, c := range map[string]struct {
		change func(in *rds.CreateDBClusterInput)
		want   string
	}{
		"engine":         {func(in *rds.CreateDBClusterInput) { in.Engine = aws.String("oracle-ee") }, "InvalidParameterValue"},
		"version":        {func(in *rds.CreateDBClusterInput) { in.EngineVersion = aws.String("9.6") }, "InvalidParameterCombination"},
		"identifier":     {func(in *rds.CreateDBClusterInput) { in.DBClusterIdentifier = aws.String("-x") }, "InvalidParameterValue"},
		"short password": {func(in *rds.CreateDBClusterInput) { in.MasterUserPassword = aws.String("short") }, "InvalidParameterValue"},
		"reserved user":  {func(in *rds.CreateDBClusterInput) { in.MasterUsername = aws.String("rdsadmin") }, "InvalidParameterValue"},
		"no user":        {func(in *rds.CreateDBClusterInput) { in.MasterUsername = nil }, "InvalidParameterValue"},
		"retention":      {func(in *rds.CreateDBClusterInput) { in.BackupRetentionPeriod = aws.Int32(0) }, "InvalidParameterValue"},
		"key, not sealed": {func(in *rds.CreateDBClusterInput) {
			in.StorageEncrypted, in.KmsKeyId = aws.Bool(false), aws.String("alias/x")
		}, "InvalidParameterCombination"},
		"key that is not":   {func(in *rds.CreateDBClusterInput) { in.KmsKeyId = aws.String("alias/none") }, "KMSKeyNotAccessibleFault"},
		"IAM":               {func(in *rds.CreateDBClusterInput) { in.EnableIAMDatabaseAuthentication = aws.Bool(true) }, "NotImplemented"},
		"serverless":        {func(in *rds.CreateDBClusterInput) { in.EngineMode = aws.String("serverless") }, "NotImplemented"},
		"neptune with user": {func(in *rds.CreateDBClusterInput) { in.Engine, in.DatabaseName = aws.String("neptune"), nil }, "InvalidParameterCombination"},
		"docdb with name":   {func(in *rds.CreateDBClusterInput) { in.Engine = aws.String("docdb") }, "InvalidParameterCombination"},
	} {
		in := wishCluster("aurora-postgresql", "impossible")
		c.change(in)
		if _, err := w.CreateDBCluster(ctx, in); code(err) != c.want {
			t.Errorf("%s: %q (%v), want %s", name, code(err), err, c.want)
		}
	}
	if all, err := w.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{}); err != nil || len(all.DBClusters) != 0 {
		t.Errorf("there is %+v, %v", all, err)
	}
	id := aws.String("none")
	_, err := w.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{DBInstanceIdentifier: id, DBClusterIdentifier: id, Engine: aws.String("docdb"), DBInstanceClass: aws.String("db.r5.large")})
	refused(t, err, "DBClusterNotFoundFault")
	_, err = w.StopDBCluster(ctx, &rds.StopDBClusterInput{DBClusterIdentifier: id})
	refused(t, err, "DBClusterNotFoundFault")
	_, err = w.DeleteDBClusterSnapshot(ctx, &rds.DeleteDBClusterSnapshotInput{DBClusterSnapshotIdentifier: id})
	refused(t, err, "DBClusterSnapshotNotFoundFault")
}

// A cluster is renamed, given another password, failed over, stopped and started; its client notices what it should.
func TestClustersChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	if _, err := w.CreateDBCluster(ctx, wishCluster("aurora-postgresql", "library")); err != nil {
		t.Fatal(err)
	}
	k := w.awaitCluster("library", "available")
	w.addMember(k, "one")
	w.addMember(k, "two")
	if err := w.open(k).add(ctx, 5); err != nil {
		t.Fatal(err)
	}
	over, err := w.FailoverDBCluster(ctx, &rds.FailoverDBClusterInput{DBClusterIdentifier: aws.String("library"), TargetDBInstanceIdentifier: aws.String("two")})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range over.DBCluster.DBClusterMembers {
		if *m.IsClusterWriter != (*m.DBInstanceIdentifier == "two") {
			t.Errorf("after the failover: %+v", m)
		}
	}
	_, err = w.ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{
		DBClusterIdentifier: aws.String("library"), NewDBClusterIdentifier: aws.String("archive"), DeletionProtection: aws.Bool(true), BackupRetentionPeriod: aws.Int32(7), ApplyImmediately: aws.Bool(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: aws.String("library")})
	refused(t, err, "DBClusterNotFoundFault")
	k = w.awaitCluster("archive", "available")
	if *k.BackupRetentionPeriod != 7 || len(k.DBClusterMembers) != 2 {
		t.Errorf("renamed it is %+v", k)
	}
	if i := w.await("one", "available"); *i.DBClusterIdentifier != "archive" {
		t.Errorf("its instance is of %s", *i.DBClusterIdentifier)
	}
	if _, err := w.StopDBCluster(ctx, &rds.StopDBClusterInput{DBClusterIdentifier: aws.String("archive")}); err != nil {
		t.Fatal(err)
	}
	w.awaitCluster("archive", "stopped")
	if listens(k) {
		t.Error("a stopped cluster serves")
	}
	_, err = w.CreateDBClusterSnapshot(ctx, &rds.CreateDBClusterSnapshotInput{DBClusterIdentifier: aws.String("archive"), DBClusterSnapshotIdentifier: aws.String("s")})
	refused(t, err, "InvalidDBClusterStateFault")
	if _, err := w.StartDBCluster(ctx, &rds.StartDBClusterInput{DBClusterIdentifier: aws.String("archive")}); err != nil {
		t.Fatal(err)
	}
	w.books(w.awaitCluster("archive", "available"), 5)
	w.removeMember("one")
	w.removeMember("two")
	_, err = w.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: aws.String("archive"), SkipFinalSnapshot: aws.Bool(true)})
	refused(t, err, "InvalidParameterCombination") // it is protected
	endpoints, err := w.DescribeDBClusterEndpoints(ctx, &rds.DescribeDBClusterEndpointsInput{DBClusterIdentifier: aws.String("archive")})
	if err != nil || len(endpoints.DBClusterEndpoints) != 2 {
		t.Errorf("its endpoints are %+v, %v", endpoints, err)
	}
	// It is in no global cluster, which a client asks in order to know.
	global, err := w.DescribeGlobalClusters(ctx, &rds.DescribeGlobalClustersInput{Filters: []types.Filter{{Name: aws.String("db-cluster-id"), Values: []string{*endpoints.DBClusterEndpoints[0].DBClusterIdentifier}}}})
	if err != nil || len(global.GlobalClusters) != 0 {
		t.Errorf("its global clusters are %+v, %v", global, err)
	}
	_, err = w.DescribeGlobalClusters(ctx, &rds.DescribeGlobalClustersInput{GlobalClusterIdentifier: aws.String("world")})
	refused(t, err, "GlobalClusterNotFoundFault")
	_, err = w.DescribeGlobalClusters(ctx, &rds.DescribeGlobalClustersInput{Filters: []types.Filter{{Name: aws.String("colour"), Values: []string{"red"}}}})
	refused(t, err, "InvalidParameterValue")
}
