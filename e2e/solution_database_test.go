package e2e

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

// The example solution has a database as well, which is made when a scenario first asks for it. By the rules of 2024-04-26 it goes
// into second-vault, in its own Region, and from there on into backup-vault: the other vaults' other way round.

// databaseARN is the member's database.
func (w *solution) databaseARN() string {
	if w.database == "" {
		w.database = w.m.database(w.t, "protected-orders", w.keys["key-resource.json"], dbTags("backup", "daily"))
	}
	return w.database
}

// databasePoint is a recovery point of it.
func (w *solution) databasePoint() string {
	w.t.Helper()
	if w.local["RDS"] == "" {
		w.local["RDS"] = w.done(w.backup(w.operator, w.databaseARN()))
	}
	return w.local["RDS"]
}

// databaseThere is the copy of that in the backup account.
func (w *solution) databaseThere() string {
	w.t.Helper()
	if w.there["RDS"] == "" {
		w.there["RDS"] = w.done(w.copy(w.operator, w.databasePoint(), "member-vault", w.second.vaultARN("second-vault")))
	}
	return w.there["RDS"]
}

// restoreDatabase restores the recovery point, and deletes what came of it.
func (w *solution) restoreDatabase() (r result) {
	w.t.Helper()
	w.runs++
	id, point := fmt.Sprintf("restored-%d", w.runs), w.databasePoint()
	out, err := w.operator.backup.StartRestoreJob(w.t.Context(), &backup.StartRestoreJobInput{
		RecoveryPointArn: &point, IamRoleArn: aws.String(w.m.jobRoleARN()), Metadata: map[string]string{"DBInstanceIdentifier": id},
	})
	if err != nil {
		return refusal(err)
	}
	job := w.m.restored(w.t, *out.RestoreJobId)
	r = result{end(string(job.Status), job.StatusMessage, nil), aws.ToString(job.CreatedResourceArn), *out.RestoreJobId}
	if r.ended == completed {
		must(w.m.rds().DeleteDBInstance(w.t.Context(), &rds.DeleteDBInstanceInput{DBInstanceIdentifier: &id, SkipFinalSnapshot: aws.Bool(true)}))(w.t, "deleting "+id)
	}
	return r
}
