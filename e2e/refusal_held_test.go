package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
	"strongroom/rules"
)

// heldMishaps happen while a job is held at its work, because the store does not answer.
var heldMishaps = []mishap{
	{
		id: "E57", mistake: "another job works on the resource until the start window is over",
		state: "EXPIRED",
		make:  func(w *wreck) { w.hold("S3 bucket") },
		try: func(w *wreck) telling {
			waiting := w.m.startBackup(w.t, "held-vault", w.names["S3 bucket"])
			w.m.reaches(w.t, waiting, backuptypes.BackupJobStateCreated)
			move(w.t, w.Server, server.ClockMove{Advance: 9 * time.Hour, DoNotWait: true})
			return w.backupEnded(waiting)
		},
		cure:  func(w *wreck, _ rules.Fix) { w.release() },
		again: backUpTheBucket,
	},
	{
		id: "E58", mistake: "the completion window closes while the job works",
		state: "EXPIRED",
		make:  func(w *wreck) { w.outage.begin() },
		try: func(w *wreck) telling {
			out := must(w.m.backup.StartBackupJob(w.t.Context(), &backup.StartBackupJobInput{
				BackupVaultName: aws.String("held-vault"), ResourceArn: aws.String(w.names["S3 bucket"]), IamRoleArn: aws.String(w.m.roleARN()), CompleteWindowMinutes: aws.Int64(60),
			}))(w.t, "starting a backup")
			w.m.reaches(w.t, *out.BackupJobId, backuptypes.BackupJobStateRunning)
			move(w.t, w.Server, server.ClockMove{Advance: 61 * time.Minute, DoNotWait: true})
			return w.backupEnded(*out.BackupJobId)
		},
		cure:  func(w *wreck, _ rules.Fix) { w.outage.end() },
		again: backUpTheBucket,
	},
	{
		id: "E59", mistake: "somebody stops the job",
		state: "ABORTED",
		make:  func(w *wreck) { w.hold("S3 bucket") },
		try: func(w *wreck) telling {
			w.m.stop(w.t, w.names["held"])
			return w.backupEnded(w.names["held"])
		},
		cure:  func(w *wreck, _ rules.Fix) { w.outage.end() },
		again: backUpTheBucket,
	},
	{
		id: "E29", mistake: "the recovery point is deleted while its copy waits",
		values: func(w *wreck) rules.Values { return rules.Values{"point": w.names["point"]} },
		make: func(w *wreck) {
			w.names["point"] = w.m.backUp(w.t, "held-vault", w.names["S3 bucket"])
			w.hold("S3 bucket")
			w.names["copy"] = w.startCopy(w.names["point"])
			must(w.m.backup.DeleteRecoveryPoint(w.t.Context(), &backup.DeleteRecoveryPointInput{BackupVaultName: aws.String("held-vault"), RecoveryPointArn: aws.String(w.names["point"])}))(w.t, "deleting the point")
			w.names["next"] = w.release()
		},
		try:   func(w *wreck) telling { return w.copyEnded(w.names["copy"]) },
		again: func(w *wreck) telling { return w.copy(w.m, w.names["next"], "held-vault", w.m.vaultARN("other-vault")) },
	},
	{
		id: "E96", mistake: "the recovery point is deleted twice, and a restore reads it",
		make: func(w *wreck) {
			w.names["point"] = w.m.backUp(w.t, "held-vault", w.names["S3 bucket"])
			w.outage.begin()
			w.names["restore"] = *must(w.m.backup.StartRestoreJob(w.t.Context(), &backup.StartRestoreJobInput{
				RecoveryPointArn: aws.String(w.names["point"]), IamRoleArn: aws.String(w.m.roleARN()), Metadata: w.m.metadata(w.names["point"], "read-meanwhile"),
			}))(w.t, "starting a restore").RestoreJobId
			if first := w.deletePoint(w.names["point"]); first != well {
				w.t.Fatalf("the first deletion: %+v", first)
			}
		},
		try: func(w *wreck) telling { return w.deletePoint(w.names["point"]) },
		cure: func(w *wreck, _ rules.Fix) {
			w.outage.end()
			eventually(w.t.Context(), w.t, "the point is gone", func() (bool, error) {
				out, err := w.m.backup.DescribeRecoveryPoint(w.t.Context(), &backup.DescribeRecoveryPointInput{BackupVaultName: aws.String("held-vault"), RecoveryPointArn: aws.String(w.names["point"])})
				return err != nil && w.call(out, err).err.Code == "ResourceNotFoundException", err
			})
		},
		again: func(w *wreck) telling { return w.deletePoint(w.m.backUp(w.t, "held-vault", w.names["S3 bucket"])) },
	},
}

// fewCopiesMishaps happen where no more than two copies of a resource are let into a Region of other accounts.
var fewCopiesMishaps = []mishap{{
	id: "E19", mistake: "two copies of the resource wait already",
	make: func(w *wreck) {
		w.names["point"] = w.m.backUp(w.t, "held-vault", w.names["S3 bucket"])
		w.hold("S3 bucket")
		for i := range 2 {
			w.names[fmt.Sprint("waiting ", i)] = w.startCopyInto(w.names["point"], w.b.vaultARN("backup-vault"))
		}
	},
	try: func(w *wreck) telling {
		return w.copyEnded(w.startCopyInto(w.names["point"], w.b.vaultARN("backup-vault")))
	},
	cure: func(w *wreck, _ rules.Fix) {
		w.release()
		for i := range 2 {
			if got := w.copyEnded(w.names[fmt.Sprint("waiting ", i)]); got != well {
				w.t.Errorf("a copy within the quota: %+v", got)
			}
		}
	},
	again: func(w *wreck) telling {
		return w.copy(w.m, w.names["point"], "held-vault", w.b.vaultARN("backup-vault"))
	},
}}

func backUpTheBucket(w *wreck) telling { return w.backup("jobs", "held-vault", w.names["S3 bucket"]) }

// hold starts a backup of a noted resource and keeps it from its end until release.
func (w *wreck) hold(resource string) {
	w.t.Helper()
	w.outage.begin()
	w.names["held"] = w.m.startBackup(w.t, "held-vault", w.names[resource])
	w.m.reaches(w.t, w.names["held"], backuptypes.BackupJobStateRunning)
}

// release lets the held backup come to its end, and returns its recovery point.
func (w *wreck) release() string {
	w.t.Helper()
	w.outage.end()
	if got := w.backupEnded(w.names["held"]); got != well {
		w.t.Fatalf("the held backup: %+v", got)
	}
	return *w.m.backedUp(w.t, w.names["held"]).RecoveryPointArn
}

func (w *wreck) startCopy(point string) string {
	w.t.Helper()
	return w.startCopyInto(point, w.m.vaultARN("other-vault"))
}

func (w *wreck) startCopyInto(point, destination string) string {
	w.t.Helper()
	return *must(w.m.backup.StartCopyJob(w.t.Context(), &backup.StartCopyJobInput{
		RecoveryPointArn: &point, SourceBackupVaultName: aws.String("held-vault"), DestinationBackupVaultArn: &destination, IamRoleArn: aws.String(w.m.roleARN()),
	}))(w.t, "starting a copy").CopyJobId
}

func (w *wreck) copyEnded(id string) telling {
	w.t.Helper()
	out := w.m.copyEnded(w.t, id)
	w.job = id
	return job(rules.InCopy, string(out.State), out.StatusMessage, out.MessageCategory)
}

func (w *wreck) deletePoint(point string) telling {
	w.t.Helper()
	return w.call(w.m.backup.DeleteRecoveryPoint(w.t.Context(), &backup.DeleteRecoveryPointInput{BackupVaultName: aws.String("held-vault"), RecoveryPointArn: &point}))
}

// holdable is a wreck whose jobs can be held.
func holdable(t *testing.T, quotas server.Quotas) *wreck {
	t.Helper()
	o := newOutage(t, quotas)
	w := crash(t, o.Server)
	w.outage = o
	crossAccount(t, o.Server, true)
	w.m.role(t, "jobs", rolePolicies...)
	w.m.linked(t)
	w.b.linked(t)
	key := w.m.key(t, w.b)
	w.m.vault(t, "held-vault", key)
	w.m.vault(t, "other-vault", key)
	w.b.vault(t, "backup-vault", w.b.key(t), w.m)
	w.names["S3 bucket"] = w.m.bucket(t, "held-bucket", "")
	w.m.backUp(t, "held-vault", w.names["S3 bucket"])
	return w
}

func TestRefusalsOfJobsThatMeet(t *testing.T) {
	t.Parallel()
	happens(t, holdable(t, server.Quotas{}), heldMishaps)
}

func TestRefusalOfTooManyCopies(t *testing.T) {
	t.Parallel()
	happens(t, holdable(t, server.Quotas{CopiesPerResource: 2}), fewCopiesMishaps)
}

// currentMishaps happen under the rules of today, not those of the day of server -dev.
var currentMishaps = []mishap{{
	id: "E37", mistake: "the role is not one for buckets",
	values: func(w *wreck) rules.Values { return rules.Values{"resource": w.names["S3 bucket"]} },
	try:    func(w *wreck) telling { return w.backup("weak", "local-vault", w.names["S3 bucket"]) },
	cure:   attachCure("weak"),
}}

func TestRefusalsOfToday(t *testing.T) {
	t.Parallel()
	w := crash(t, strongroomtest.New(t, strongroomtest.Options{Config: server.Config{RulesAsOf: "current"}}))
	w.m.role(t, "weak", rolePolicies[0])
	w.m.vault(t, "local-vault", w.m.key(t))
	w.names["S3 bucket"] = w.m.bucket(t, "current-bucket", "")
	happens(t, w, currentMishaps)
}
