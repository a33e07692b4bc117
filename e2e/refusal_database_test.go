package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
	"strongroom/rules"
)

// databaseMishaps happen to backups and copies of a database, by the rules of 2024-04-26.
var databaseMishaps = []mishap{
	{
		id: "E3", mistake: "one copy action is to cross account and Region",
		values: named("from", home, "to", north, "type", "RDS"),
		try:    func(w *wreck) telling { return w.copyAcross("RDS", "backup-vault") },
		cure: func(w *wreck, fix rules.Fix) {
			if fix.Call != "backup:StartCopyJob" || fix.Advice == "" {
				w.t.Errorf("the cure is %+v", fix)
			}
		},
		again: func(w *wreck) telling {
			w.names["there"] = w.m.copyTo(w.t, w.names["RDS"], "member-vault", w.nearby().vaultARN("nearby-vault"))
			return w.copy(w.nearby(), w.names["there"], "nearby-vault", w.b.vaultARN("backup-vault"))
		},
	},
	{
		id: "E6", mistake: "the policy of the database's key does not admit the destination account's service-linked role",
		values: func(w *wreck) rules.Values {
			return rules.Values{"reader": w.b.linkedRole(), "key": w.names["RDS key"], "account": member, "from": home}
		},
		make: func(w *wreck) { w.keyPolicy("RDS key") },
		try:  copyDatabaseAcross,
		cure: func(w *wreck, fix rules.Fix) { w.keyPolicy("RDS key", fix.Statement) },
	},
	{
		id: "E31", mistake: "a new database is to be under a key that is disabled",
		values: func(w *wreck) rules.Values { return rules.Values{"key": w.names["disabled key"]} },
		make: func(w *wreck) {
			w.names["disabled key"] = w.m.key(w.t)
			must(w.m.kms.DisableKey(w.t.Context(), &kms.DisableKeyInput{KeyId: aws.String(w.names["disabled key"])}))(w.t, "disabling the key")
		},
		try:   func(w *wreck) telling { return w.create("disabled key") },
		again: func(w *wreck) telling { return w.create("RDS key") },
	},
	{
		id: "E32", mistake: "a snapshot under a key is copied into another Region, and no key of that Region is named",
		try: func(w *wreck) telling { return w.copySnapshot("") },
		cure: func(w *wreck, _ rules.Fix) {
			w.names["far key"] = w.m.in(north).key(w.t)
		},
		again: func(w *wreck) telling { return w.copySnapshot(w.names["far key"]) },
	},
	{
		id: "E68b", mistake: "the cluster is stopped",
		values: named("name", "wrecked-cluster"),
		make: func(w *wreck) {
			w.names["cluster"] = w.m.cluster(w.t, "wrecked-cluster", "")
			w.m.member(w.t, "wrecked-cluster", "wrecked-member")
			must(w.m.rds().StopDBCluster(w.t.Context(), &rds.StopDBClusterInput{DBClusterIdentifier: aws.String("wrecked-cluster")}))(w.t, "stopping the cluster")
			w.m.clusterHas(w.t, "wrecked-cluster", "stopped")
		},
		try: func(w *wreck) telling { return w.backup("jobs", "member-vault", w.names["cluster"]) },
		cure: func(w *wreck, _ rules.Fix) {
			must(w.m.rds().StartDBCluster(w.t.Context(), &rds.StartDBClusterInput{DBClusterIdentifier: aws.String("wrecked-cluster")}))(w.t, "starting the cluster")
			w.m.clusterHas(w.t, "wrecked-cluster", "available")
		},
	},
	{
		id: "E68c", mistake: "the database is stopped",
		values: named("name", "wrecked"),
		make: func(w *wreck) {
			must(w.m.rds().StopDBInstance(w.t.Context(), &rds.StopDBInstanceInput{DBInstanceIdentifier: aws.String("wrecked")}))(w.t, "stopping the database")
			w.m.hasStatus(w.t, "wrecked", "stopped")
		},
		try: func(w *wreck) telling { return w.backup("jobs", "member-vault", w.names["database"]) },
		cure: func(w *wreck, _ rules.Fix) {
			must(w.m.rds().StartDBInstance(w.t.Context(), &rds.StartDBInstanceInput{DBInstanceIdentifier: aws.String("wrecked")}))(w.t, "starting the database")
			w.m.available(w.t, "wrecked")
		},
	},
	{
		id: "E61", mistake: "the plan's hour lies just before the database's maintenance window",
		values: func(w *wreck) rules.Values { return rules.Values{"window": w.names["maintenance"]} },
		make: func(w *wreck) {
			w.names["plan"] = w.m.plan(w.t, "hourly", w.hour("maintenance hour"), tagged("backup", "hourly"))
		},
		try:  backupOfTheDay,
		cure: func(w *wreck, _ rules.Fix) { w.moveHour("quiet hour") },
	},
	{
		id: "E62", mistake: "the plan's hour lies just before the database's own backup window",
		values: func(w *wreck) rules.Values { return rules.Values{"window": w.names["backups"]} },
		make:   func(w *wreck) { w.moveHour("backup hour") },
		try:    backupOfTheDay,
		cure:   func(w *wreck, _ rules.Fix) { w.moveHour("quiet hour") },
	},
}

func copyDatabaseAcross(w *wreck) telling {
	w.t.Helper()
	return w.copy(w.m, w.names["RDS"], "member-vault", w.nearby().vaultARN("nearby-vault"))
}

// nearby is the backup account in the member's Region, where a database goes first.
func (w *wreck) nearby() *party { return w.b.in(home) }

// copySnapshot copies a snapshot of the database that RDS took itself into the member's other Region.
func (w *wreck) copySnapshot(key string) telling {
	w.t.Helper()
	source := "arn:aws:rds:" + home + ":" + member + ":snapshot:by-hand"
	in := &rds.CopyDBSnapshotInput{SourceDBSnapshotIdentifier: &source, TargetDBSnapshotIdentifier: aws.String("by-hand-there"), SourceRegion: aws.String(home)}
	if key != "" {
		in.KmsKeyId = &key
	}
	return w.call(w.m.in(north).rds().CopyDBSnapshot(w.t.Context(), in))
}

// create asks for a database under a noted key.
func (w *wreck) create(key string) telling {
	w.t.Helper()
	return w.call(w.m.rds().CreateDBInstance(w.t.Context(), &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String("keyed"), DBInstanceClass: aws.String("db.t3.micro"), Engine: aws.String("postgres"), AllocatedStorage: aws.Int32(20),
		MasterUsername: aws.String(keeper), MasterUserPassword: aws.String(password), StorageEncrypted: aws.Bool(true), KmsKeyId: aws.String(w.names[key]),
	}))
}

// chooseWindows notes windows for a database, far from now, and hours within the hour before them.
func (w *wreck) chooseWindows(in *rds.CreateDBInstanceInput) {
	now := move(w.t, w.Server, server.ClockMove{}).UTC()
	day := func(at time.Time) string { return strings.ToLower(at.Weekday().String()[:3]) + at.Format(":15:04") }
	backups := now.Truncate(time.Hour).Add(8*time.Hour + 45*time.Minute)
	maintenance := midnight(now).Add(time.Duration((now.Hour()+16)%24)*time.Hour + 31*time.Minute)
	w.names["backups"] = backups.Format("15:04-") + backups.Add(30*time.Minute).Format("15:04")
	w.names["maintenance"] = day(maintenance) + "-" + day(maintenance.Add(30*time.Minute))
	w.names["backup hour"], w.names["maintenance hour"] = backups.Format("15"), maintenance.Format("15")
	w.names["quiet hour"] = now.Add(13 * time.Hour).Format("15")
	in.PreferredBackupWindow, in.PreferredMaintenanceWindow = aws.String(w.names["backups"]), aws.String(w.names["maintenance"])
}

// hour is a rule that runs daily at a noted hour.
func (w *wreck) hour(noted string) backuptypes.BackupRuleInput {
	return backuptypes.BackupRuleInput{
		RuleName: aws.String("rule"), TargetBackupVaultName: aws.String("member-vault"), ScheduleExpression: aws.String("cron(0 " + w.names[noted] + " ? * * *)"),
	}
}

// moveHour moves the plan's schedule to a noted hour.
func (w *wreck) moveHour(noted string) {
	w.t.Helper()
	must(w.m.backup.UpdateBackupPlan(w.t.Context(), &backup.UpdateBackupPlanInput{
		BackupPlanId: aws.String(w.names["plan"]), BackupPlan: &backuptypes.BackupPlanInput{BackupPlanName: aws.String("hourly"), Rules: []backuptypes.BackupRuleInput{w.hour(noted)}},
	}))(w.t, "moving the schedule")
}

// midnight is the next in UTC that is more than an hour away.
func midnight(now time.Time) time.Time {
	return now.UTC().Add(time.Hour).Truncate(24 * time.Hour).Add(oneDay)
}

// backupOfTheDay moves the clock to the minute before a midnight to come and through a day, which has each hour's beginning once, and
// tells how the backup ended that the plan made.
func backupOfTheDay(w *wreck) telling {
	w.t.Helper()
	now := move(w.t, w.Server, server.ClockMove{})
	begin := midnight(now).Add(-time.Minute)
	move(w.t, w.Server, server.ClockMove{To: begin})
	before := len(w.m.backupJobs(w.t, w.names["database"]))
	move(w.t, w.Server, server.ClockMove{To: begin.Add(oneDay)})
	jobs := w.m.backupJobs(w.t, w.names["database"])
	if len(jobs) != before+1 {
		w.t.Fatalf("%d jobs were made in a day", len(jobs)-before)
	}
	return w.backupEnded(*jobs[0].BackupJobId)
}

// oneDatabase is a wreck with a database of the member account, and vaults of the backup account in both Regions.
func oneDatabase(t *testing.T) *wreck {
	t.Helper()
	w := crash(t, strongroomtest.New(t))
	morning(t, w.Server) // far from midnight, at which the days of windows change
	crossAccount(t, w.Server, true)
	for _, p := range []*party{w.m, w.b} {
		p.role(t, "jobs", rolePolicies...)
		p.linked(t)
	}
	w.names["RDS key"] = w.m.key(t, w.b)
	w.m.vault(t, "member-vault", w.m.key(t))
	w.nearby().vault(t, "nearby-vault", w.nearby().key(t), w.m)
	w.b.vault(t, "backup-vault", w.b.key(t), w.m)
	w.names["database"] = w.m.database(t, "wrecked", w.names["RDS key"], dbTags("backup", "hourly"), w.chooseWindows)
	w.names["RDS"] = w.m.backUp(t, "member-vault", w.names["database"])
	must(w.m.rds().CreateDBSnapshot(t.Context(), &rds.CreateDBSnapshotInput{DBInstanceIdentifier: aws.String("wrecked"), DBSnapshotIdentifier: aws.String("by-hand")}))(t, "taking a snapshot")
	fast := func(o *rds.DBSnapshotAvailableWaiterOptions) { o.MinDelay = 100 * time.Millisecond }
	must(struct{}{}, rds.NewDBSnapshotAvailableWaiter(w.m.rds(), fast).Wait(t.Context(), &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: aws.String("by-hand")}, patience()))(t, "waiting for the snapshot")
	return w
}

func TestRefusalsOfDatabases(t *testing.T) {
	t.Parallel()
	happens(t, oneDatabase(t), databaseMishaps)
}
