package e2e

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/strongroomtest"
)

func (p *party) clusterARN(id string) string {
	return "arn:aws:rds:" + p.region + ":" + p.id + ":cluster:" + id
}

// cluster makes a DB cluster of Aurora PostgreSQL without instances, encrypted if a key is given.
func (p *party) cluster(t *testing.T, id, keyARN string) string {
	t.Helper()
	in := &rds.CreateDBClusterInput{
		DBClusterIdentifier: &id, Engine: aws.String("aurora-postgresql"), DatabaseName: aws.String("shop"), MasterUsername: aws.String(keeper), MasterUserPassword: aws.String(password),
		StorageEncrypted: aws.Bool(keyARN != ""),
	}
	if keyARN != "" {
		in.KmsKeyId = &keyARN
	}
	must(p.rds().CreateDBCluster(t.Context(), in))(t, "creating the cluster "+id)
	p.clusterHas(t, id, "available")
	return p.clusterARN(id)
}

func (p *party) describeCluster(t *testing.T, id string) rdstypes.DBCluster {
	t.Helper()
	return must(p.rds().DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{DBClusterIdentifier: &id}))(t, "describing "+id).DBClusters[0]
}

func (p *party) clusterHas(t *testing.T, id, status string) {
	t.Helper()
	eventually(t.Context(), t, "the cluster "+id, func() (bool, error) {
		is := aws.ToString(p.describeCluster(t, id).Status)
		return is == status, errors.New("it is " + is)
	})
}

// member gives a cluster an instance of a name, and waits until it serves.
func (p *party) member(t *testing.T, cluster, id string) {
	t.Helper()
	must(p.rds().CreateDBInstance(t.Context(), &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: &id, DBClusterIdentifier: &cluster, Engine: aws.String("aurora-postgresql"), DBInstanceClass: aws.String("db.r6g.large"),
	}))(t, "creating the instance "+id)
	p.available(t, id)
}

// TestDatabaseClusterTwoSteps: a cluster of Aurora goes the same way by the rules of 2024-04-26, and is restored without
// instances, under the key that the metadata name.
func TestDatabaseClusterTwoSteps(t *testing.T) {
	t.Parallel()
	m, first, final := backupAccounts(t, strongroomtest.New(t))
	resourceKey, firstKey, finalKey, other := m.key(t, first), first.key(t), final.key(t), final.key(t)
	m.vault(t, "member-vault", m.key(t))
	firstVault, finalVault := first.vault(t, "first-vault", firstKey, m), final.vault(t, "final-vault", finalKey, m)
	source := m.cluster(t, "ledger", resourceKey)
	m.member(t, "ledger", "ledger-1")
	m.query(t, "ledger-1", `CREATE TABLE orders (id int PRIMARY KEY, what text NOT NULL)`)
	m.order(t, "ledger-1", 1, 300)
	rows := m.orders(t, "ledger-1")

	local := m.backUp(t, "member-vault", source)
	if got := aws.ToString(m.point(t, "member-vault", local).ResourceType); got != "Aurora" || !strings.Contains(local, ":cluster-snapshot:awsbackup:job-") {
		t.Errorf("the recovery point %s is of %s", local, got)
	}
	unsupported := ended{"FAILED", "Copy job from " + home + " to " + north + " cannot be initiated for Aurora resources. Feature is not supported for provided resource type.", "UNSUPPORTED_OPERATION"}
	if got := m.tryCopy(t, local, "member-vault", finalVault); got != unsupported {
		t.Errorf("a copy in one step: %+v", got)
	}
	far := first.copyTo(t, m.copyTo(t, local, "member-vault", firstVault), "first-vault", finalVault)
	if p := final.point(t, "final-vault", far); aws.ToString(p.EncryptionKeyArn) != finalKey {
		t.Errorf("the copy is under %s, want %s", aws.ToString(p.EncryptionKeyArn), finalKey)
	}
	for id, key := range map[string]string{"ledger-there": finalKey, "ledger-keyed": other} {
		metadata := map[string]string{}
		for name, value := range must(final.backup.GetRecoveryPointRestoreMetadata(t.Context(), &backup.GetRecoveryPointRestoreMetadataInput{BackupVaultName: aws.String("final-vault"), RecoveryPointArn: &far}))(t, "reading restore metadata").RestoreMetadata {
			metadata[name] = value
		}
		metadata["dbClusterIdentifier"] = id
		if key == other {
			metadata["kmsKeyId"] = key
		}
		out := final.restoreJob(t, far, metadata)
		if got := end(string(out.Status), out.StatusMessage, nil); got != completed || aws.ToString(out.CreatedResourceArn) != final.clusterARN(id) {
			t.Fatalf("restoring %s: %+v, %s", id, got, aws.ToString(out.CreatedResourceArn))
		}
		made := final.describeCluster(t, id)
		if len(made.DBClusterMembers) != 0 || aws.ToString(made.KmsKeyId) != key {
			t.Errorf("%s has %d instances, under the key %s, want none, under %s", id, len(made.DBClusterMembers), aws.ToString(made.KmsKeyId), key)
		}
	}
	final.member(t, "ledger-there", "ledger-there-1")
	if diff := cmp.Diff(rows, final.orders(t, "ledger-there-1")); diff != "" {
		t.Errorf("restored (-want +got):\n%s", diff)
	}
	if out := final.restoreJob(t, far, map[string]string{"dbClusterIdentifier": "a"}); aws.ToString(out.StatusMessage) != "Missing required restore metadata: engine" {
		t.Errorf("restoring without an engine: %s: %s", out.Status, aws.ToString(out.StatusMessage))
	}
}

// TestDatabaseClusterKinds: the engine of a cluster says whose it is, and each kind comes back as what it was.
func TestDatabaseClusterKinds(t *testing.T) {
	t.Parallel()
	p := enter(t, strongroomtest.New(t), member, home)
	p.role(t, "jobs", rolePolicies...)
	p.vault(t, "local-vault", p.key(t))
	for engine, want := range map[string]string{"docdb": "DocumentDB", "neptune": "Neptune"} {
		in := &rds.CreateDBClusterInput{DBClusterIdentifier: &engine, Engine: &engine}
		if engine == "docdb" {
			in.MasterUsername, in.MasterUserPassword = aws.String(keeper), aws.String(password)
		}
		must(p.rds().CreateDBCluster(t.Context(), in))(t, "creating a cluster of "+engine)
		p.clusterHas(t, engine, "available")
		point := p.backUp(t, "local-vault", p.clusterARN(engine))
		if got := aws.ToString(p.point(t, "local-vault", point).ResourceType); got != want {
			t.Errorf("the recovery point of a cluster of %s is of %s", engine, got)
		}
		out := p.restoreJob(t, point, map[string]string{"DBClusterIdentifier": engine + "-again", "Engine": engine})
		if got := end(string(out.Status), out.StatusMessage, nil); got != completed {
			t.Fatalf("restoring %s: %+v", engine, got)
		}
		if made := p.describeCluster(t, engine+"-again"); aws.ToString(made.Engine) != engine {
			t.Errorf("what came back of %s runs %s", engine, aws.ToString(made.Engine))
		}
	}
}

// TestDatabaseClusterPlain: what is not encrypted of a cluster stays so when it is copied, and a cluster without instances is
// backed up like any other.
func TestDatabaseClusterPlain(t *testing.T) {
	t.Parallel()
	m, first, _ := backupAccounts(t, strongroomtest.New(t))
	m.vault(t, "member-vault", m.key(t))
	firstVault := first.vault(t, "first-vault", first.key(t), m)
	copied := m.copyTo(t, m.backUp(t, "member-vault", m.cluster(t, "plain", "")), "member-vault", firstVault)
	if p := first.point(t, "first-vault", copied); p.IsEncrypted || p.EncryptionKeyArn != nil {
		t.Errorf("the copy is encrypted: %t, under %s", p.IsEncrypted, aws.ToString(p.EncryptionKeyArn))
	}
	job := m.backedUp(t, m.startBackup(t, "member-vault", m.clusterARN("nowhere")))
	if job.State != backuptypes.BackupJobStateFailed || aws.ToString(job.ResourceType) != "Aurora" || !strings.Contains(aws.ToString(job.StatusMessage), "not found") {
		t.Errorf("backing up a cluster that is not there: %s of %s: %s", job.State, aws.ToString(job.ResourceType), aws.ToString(job.StatusMessage))
	}
}
