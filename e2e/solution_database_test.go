package e2e

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

// The example solution has a database and a cluster as well, which are made when a scenario first asks for them. By the rules of
// 2024-04-26 they go into second-vault, in their own Region, and from there on into backup-vault; and back by the same detour.

// databaseARN is the member's database.
func (w *solution) databaseARN() string {
	if w.database == "" {
		w.database = w.m.database(w.t, "protected-orders", w.keys["key-resource.json"], dbTags("backup", "daily"))
	}
	return w.database
}

// clusterARN is the member's cluster, of Aurora.
func (w *solution) clusterARN() string {
	if w.cluster == "" {
		w.cluster = w.m.cluster(w.t, "protected-ledger", w.keys["key-resource.json"])
	}
	return w.cluster
}

// pointOf is a recovery point of the database (RDS) or the cluster (Aurora).
func (w *solution) pointOf(kind string) string {
	w.t.Helper()
	if w.local[kind] == "" {
		w.local[kind] = w.done(w.backup(w.operator, map[string]func() string{"RDS": w.databaseARN, "Aurora": w.clusterARN}[kind]()))
	}
	return w.local[kind]
}

// thereOf is the copy of that in the backup account, farOf the copy of that one in the other Region.
func (w *solution) thereOf(kind string) string {
	w.t.Helper()
	if w.there[kind] == "" {
		w.there[kind] = w.done(w.outOf(kind))
	}
	return w.there[kind]
}

func (w *solution) farOf(kind string) string {
	w.t.Helper()
	if w.far[kind] == "" {
		w.far[kind] = w.done(w.copy(w.second, w.thereOf(kind), "second-vault", w.b.vaultARN("backup-vault")))
	}
	return w.far[kind]
}

// outOf, homeOf and backOf are the steps of a database that people start: into the backup account, from its other Region into the
// one that it came from, and from there into its own account. The step between, on into the other Region, is the copier's.
func (w *solution) outOf(kind string) result {
	w.t.Helper()
	return w.copy(w.operator, w.pointOf(kind), "member-vault", w.second.vaultARN("second-vault"))
}

func (w *solution) homeOf(kind string) result {
	w.t.Helper()
	return w.copy(w.b, w.farOf(kind), "backup-vault", w.second.vaultARN("second-vault"))
}

func (w *solution) backOf(kind string) result {
	w.t.Helper()
	return w.copy(w.second, w.thereOf(kind), "second-vault", w.m.vaultARN("member-vault"))
}

// restoreDatabase restores the recovery point of the database, and deletes what came of it.
func (w *solution) restoreDatabase() result {
	w.t.Helper()
	w.runs++
	id := fmt.Sprintf("restored-%d", w.runs)
	r := w.restoreWith(w.pointOf("RDS"), map[string]string{"DBInstanceIdentifier": id})
	if r.ended == completed {
		must(w.m.rds().DeleteDBInstance(w.t.Context(), &rds.DeleteDBInstanceInput{DBInstanceIdentifier: &id, SkipFinalSnapshot: aws.Bool(true)}))(w.t, "deleting "+id)
	}
	return r
}

// restoreCluster does the same with the cluster.
func (w *solution) restoreCluster() result {
	w.t.Helper()
	w.runs++
	id := fmt.Sprintf("restored-%d", w.runs)
	r := w.restoreWith(w.pointOf("Aurora"), map[string]string{"dbClusterIdentifier": id, "engine": "aurora-postgresql"})
	if r.ended == completed {
		must(w.m.rds().DeleteDBCluster(w.t.Context(), &rds.DeleteDBClusterInput{DBClusterIdentifier: &id, SkipFinalSnapshot: aws.Bool(true)}))(w.t, "deleting "+id)
	}
	return r
}

func (w *solution) restoreWith(point string, metadata map[string]string) result {
	w.t.Helper()
	out, err := w.operator.backup.StartRestoreJob(w.t.Context(), &backup.StartRestoreJobInput{RecoveryPointArn: &point, IamRoleArn: aws.String(w.m.jobRoleARN()), Metadata: metadata})
	if err != nil {
		return refusal(err)
	}
	job := w.m.restored(w.t, *out.RestoreJobId)
	return result{end(string(job.Status), job.StatusMessage, nil), aws.ToString(job.CreatedResourceArn), *out.RestoreJobId}
}
