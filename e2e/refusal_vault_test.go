package e2e

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
	"strongroom/rules"
)

const oneDay = 24 * time.Hour

// vaultMishaps happen to calls about selections, plans and vaults.
var vaultMishaps = []mishap{
	{
		id: "E40", mistake: "the selection is by tags, and its role may not look for tags",
		values: func(w *wreck) rules.Values { return rules.Values{"role": w.arn("weak")} },
		try:    func(w *wreck) telling { return w.selects(tagged("a", "b")) },
		cure:   func(w *wreck, fix rules.Fix) { w.mayToo(w.m, "weak", fix.Statement) },
	},
	{
		id: "E41", mistake: "the selection has conditions only",
		try: func(w *wreck) telling { return w.selects(conditional()) },
		again: func(w *wreck) telling {
			selection := conditional()
			selection.Resources = []string{"*"}
			return w.selects(selection)
		},
	},
	{
		id: "E42", mistake: "the selection has nothing at all",
		try:   func(w *wreck) telling { return w.selects(backuptypes.BackupSelection{}) },
		again: func(w *wreck) telling { return w.selects(backuptypes.BackupSelection{Resources: []string{"*"}}) },
	},
	{
		id: "E43", mistake: "cold storage for less than 90 days", prefix: "Error in rule rule : ",
		try:   func(w *wreck) telling { return w.plans(false, aws.Int64(30), aws.Int64(100)) },
		again: func(w *wreck) telling { return w.plans(false, aws.Int64(30), aws.Int64(120)) },
	},
	{
		id: "E44", mistake: "cold storage for a continuous backup", prefix: "Error in rule rule : ",
		try:   func(w *wreck) telling { return w.plans(true, aws.Int64(1), aws.Int64(35)) },
		again: func(w *wreck) telling { return w.plans(false, aws.Int64(1), aws.Int64(91)) },
	},
	{
		id: "E45", mistake: "a recovery point is to be kept for no days",
		try: func(w *wreck) telling { return w.backup("jobs", "local-vault", w.names["S3 bucket"], keepFor(0)) },
		again: func(w *wreck) telling {
			return w.backup("jobs", "local-vault", w.names["S3 bucket"], keepFor(1))
		},
	},
	{
		id: "E46", mistake: "there is a recovery point in the vault",
		make: func(w *wreck) {
			w.m.vault(w.t, "full-vault", "")
			w.names["point"] = w.m.backUp(w.t, "full-vault", w.names["S3 bucket"])
		},
		try: func(w *wreck) telling {
			return w.call(w.m.backup.DeleteBackupVault(w.t.Context(), &backup.DeleteBackupVaultInput{BackupVaultName: aws.String("full-vault")}))
		},
		cure: func(w *wreck, _ rules.Fix) {
			must(w.m.backup.DeleteRecoveryPoint(w.t.Context(), &backup.DeleteRecoveryPointInput{BackupVaultName: aws.String("full-vault"), RecoveryPointArn: aws.String(w.names["point"])}))(w.t, "deleting the point")
			eventually(w.t.Context(), w.t, "the point is gone", func() (bool, error) { return w.m.gone(w.t, "full-vault", w.names["point"]), nil })
		},
	},
	{
		id: "E48", mistake: "the caller may create vaults, and not backup-storage:MountCapsule",
		make: func(w *wreck) {
			w.user = w.m.user(w.t, "creator")
			w.mayUser("creator", *policy(allow("backup:*", "kms:*")))
		},
		try: func(w *wreck) telling {
			return w.call(w.user.backup.CreateBackupVault(w.t.Context(), &backup.CreateBackupVaultInput{BackupVaultName: aws.String("created-vault")}))
		},
		cure: func(w *wreck, fix rules.Fix) {
			w.mayUser("creator", *document(fix.Statement, `{"Effect":"Allow","Action":["backup:*","kms:*"],"Resource":"*"}`))
		},
	},
	{
		id: "E49", mistake: "the vault's policy lets everybody restore",
		try: func(w *wreck) telling {
			return w.vaultPolicy("local-vault", `{"Effect":"Allow","Principal":"*","Action":"backup:StartRestoreJob","Resource":"*"}`)
		},
		again: func(w *wreck) telling {
			fix := rules.VaultPolicyTooOpen.Refuse(nil).Fix
			return w.vaultPolicy("local-vault", fix.Statement)
		},
	},
	{
		id: "E50", mistake: "the vault's policy denies it to the caller",
		values: func(w *wreck) rules.Values {
			return rules.Values{"user": "arn:aws:iam::" + w.m.id + ":user/denied", "action": "backup:DeleteBackupVaultAccessPolicy", "resource": w.m.vaultARN("local-vault")}
		},
		make: func(w *wreck) {
			w.user = w.m.user(w.t, "denied")
			w.mayUser("denied", *policy(allow("backup:*")))
			if got := w.vaultPolicy("local-vault", `{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::`+w.m.id+`:user/denied"},"Action":"backup:DeleteBackupVaultAccessPolicy","Resource":"*"}`); got != well {
				w.t.Fatalf("denying: %+v", got)
			}
		},
		try: func(w *wreck) telling {
			return w.call(w.user.backup.DeleteBackupVaultAccessPolicy(w.t.Context(), &backup.DeleteBackupVaultAccessPolicyInput{BackupVaultName: aws.String("local-vault")}))
		},
		cure: func(w *wreck, _ rules.Fix) {
			if got := w.vaultPolicy("local-vault", `{"Effect":"Allow","Principal":{"AWS":"`+w.m.root()+`"},"Action":"backup:CopyIntoBackupVault","Resource":"*"}`); got != well {
				w.t.Fatalf("denying no more: %+v", got)
			}
		},
	},
	{
		id: "E51", mistake: "the vault is to notify of what there is not",
		try:   func(w *wreck) telling { return w.notifies("BACKUP_JOB_DREAMT") },
		again: func(w *wreck) telling { return w.notifies("BACKUP_JOB_COMPLETED") },
	},
	{
		id: "E52", mistake: "the vault notifies nobody",
		values: named("name", "local-vault"),
		make: func(w *wreck) {
			must(w.m.backup.DeleteBackupVaultNotifications(w.t.Context(), &backup.DeleteBackupVaultNotificationsInput{BackupVaultName: aws.String("local-vault")}))(w.t, "notifying nobody")
		},
		try: func(w *wreck) telling {
			return w.call(w.m.backup.GetBackupVaultNotifications(w.t.Context(), &backup.GetBackupVaultNotificationsInput{BackupVaultName: aws.String("local-vault")}))
		},
		cure: func(w *wreck, _ rules.Fix) {
			if got := w.notifies("BACKUP_JOB_COMPLETED"); got != well {
				w.t.Fatalf("notifying: %+v", got)
			}
		},
	},
	{
		id: "E53", mistake: "the vault does not exist",
		try: func(w *wreck) telling {
			return w.call(w.m.backup.DescribeBackupVault(w.t.Context(), &backup.DescribeBackupVaultInput{BackupVaultName: aws.String("unknown-vault")}))
		},
		cure: func(w *wreck, _ rules.Fix) { w.m.vault(w.t, "unknown-vault", "") },
	},
	{
		id: "E55", mistake: "the lock date of a compliance lock has passed",
		make: func(w *wreck) {
			w.m.vault(w.t, "immutable-vault", "")
			if got := w.locks("immutable-vault"); got != well {
				w.t.Fatalf("locking: %+v", got)
			}
			move(w.t, w.Server, server.ClockMove{Advance: 3*oneDay + time.Hour})
		},
		try:  func(w *wreck) telling { return w.unlocks("immutable-vault") },
		cure: func(w *wreck, _ rules.Fix) { w.m.vault(w.t, "changeable-vault", "") },
		again: func(w *wreck) telling {
			if got := w.locks("changeable-vault"); got != well {
				return got
			}
			return w.unlocks("changeable-vault")
		},
	},
	{
		id: "E56", mistake: "the vault is another account's",
		try: func(w *wreck) telling {
			return w.call(w.m.backup.DescribeBackupVault(w.t.Context(), &backup.DescribeBackupVaultInput{BackupVaultName: aws.String("theirs"), BackupVaultAccountId: aws.String(vaulted)}))
		},
		cure: func(w *wreck, _ rules.Fix) { w.b.vault(w.t, "theirs", "") },
		again: func(w *wreck) telling {
			return w.call(w.b.backup.DescribeBackupVault(w.t.Context(), &backup.DescribeBackupVaultInput{BackupVaultName: aws.String("theirs"), BackupVaultAccountId: aws.String(vaulted)}))
		},
	},
}

func TestRefusalsOfCalls(t *testing.T) {
	t.Parallel()
	w := crash(t, strongroomtest.New(t))
	w.m.role(t, "jobs", rolePolicies...)
	w.m.role(t, "weak")
	w.m.vault(t, "local-vault", w.m.key(t))
	w.names["S3 bucket"] = w.m.bucket(t, "called-bucket", "")
	w.names["plan"] = w.m.plan(t, "selected", backuptypes.BackupRuleInput{ScheduleExpression: aws.String("cron(0 5 1 1 ? 2099)")})
	happens(t, w, vaultMishaps)
}

// planMishaps happen at night, to jobs of plans.
var planMishaps = []mishap{
	{
		id: "E47", mistake: "the rule names a vault that does not exist",
		values: func(w *wreck) rules.Values {
			return rules.Values{"vault": w.m.vaultARN("nightly-vault"), "name": "nightly-vault", "account": member, "region": home}
		},
		make: func(w *wreck) {
			w.names["plan"] = w.m.plan(w.t, "nightly", backuptypes.BackupRuleInput{TargetBackupVaultName: aws.String("nightly-vault")}, tagged("backup", "nightly"))
		},
		try:  backupOfTheNight,
		cure: func(w *wreck, fix rules.Fix) { w.m.vault(w.t, fix.Parameters["BackupVaultName"], w.m.key(w.t)) },
	},
	{
		id: "E60", mistake: "the rule's lifecycle is outside the range of the vault's lock",
		values: named("days", "7"),
		make: func(w *wreck) {
			must(w.m.backup.PutBackupVaultLockConfiguration(w.t.Context(), &backup.PutBackupVaultLockConfigurationInput{
				BackupVaultName: aws.String("nightly-vault"), MinRetentionDays: aws.Int64(7), MaxRetentionDays: aws.Int64(30),
			}))(w.t, "locking the vault")
			w.updatePlan("nightly", backuptypes.BackupRuleInput{TargetBackupVaultName: aws.String("nightly-vault"), Lifecycle: days(3)})
		},
		try: backupOfTheNight,
		cure: func(w *wreck, fix rules.Fix) {
			w.updatePlan("nightly", backuptypes.BackupRuleInput{TargetBackupVaultName: aws.String("nightly-vault"), Lifecycle: days(number(w.t, fix.Parameters["DeleteAfterDays"]))})
		},
	},
	{
		id: "E39c", mistake: "the selection's role no longer trusts AWS Backup",
		values: func(w *wreck) rules.Values { return rules.Values{"role": w.arn("jobs")} },
		make: func(w *wreck) {
			w.trust("jobs", `{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}`)
		},
		try: func(w *wreck) telling {
			before := len(w.m.backupJobs(w.t, ""))
			move(w.t, w.Server, server.ClockMove{Advance: oneDay})
			if after := len(w.m.backupJobs(w.t, "")); after != before {
				w.t.Errorf("%d jobs were made", after-before)
			}
			events := w.m.records(w.t, "ProcessBackupPlanSelection")
			if len(events) != 1 {
				w.t.Fatalf("there are %d events", len(events))
			}
			return telling{moment: rules.InEvent, message: events[0].ErrorMessage}
		},
		cure:  func(w *wreck, fix rules.Fix) { w.trust("jobs", fix.Statement) },
		again: backupOfTheNight,
	},
}

func TestRefusalsOfPlans(t *testing.T) {
	t.Parallel()
	w := crash(t, strongroomtest.New(t))
	morning(t, w.Server)
	w.m.role(t, "jobs", rolePolicies...)
	w.m.linked(t)
	w.names["S3 bucket"] = w.m.bucket(t, "nightly-bucket", "", "backup", "nightly")
	happens(t, w, planMishaps)
}

// backupOfTheNight lets a night pass and tells how the backup of the bucket that a plan made then ended.
func backupOfTheNight(w *wreck) telling {
	w.t.Helper()
	before := len(w.m.backupJobs(w.t, w.names["S3 bucket"]))
	move(w.t, w.Server, server.ClockMove{Advance: oneDay})
	jobs := w.m.backupJobs(w.t, w.names["S3 bucket"])
	if len(jobs) != before+1 {
		w.t.Fatalf("%d jobs were made, want 1", len(jobs)-before)
	}
	return w.backupEnded(*jobs[0].BackupJobId)
}

func (w *wreck) arn(role string) string { return "arn:aws:iam::" + w.m.id + ":role/" + role }

// trust lets a role be assumed as a statement says.
func (w *wreck) trust(role, text string) {
	w.t.Helper()
	must(w.m.iam.UpdateAssumeRolePolicy(w.t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: &role, PolicyDocument: document(text)}))(w.t, "changing whom the role trusts")
}

// attachCure attaches the managed policy that a cure names to a role.
func attachCure(role string) func(*wreck, rules.Fix) {
	return func(w *wreck, fix rules.Fix) {
		must(w.m.iam.AttachRolePolicy(w.t.Context(), &iam.AttachRolePolicyInput{RoleName: &role, PolicyArn: aws.String(fix.Parameters["PolicyArn"])}))(w.t, "attaching")
	}
}

// selects makes a selection of the noted plan under the role "weak".
func (w *wreck) selects(selection backuptypes.BackupSelection) telling {
	w.t.Helper()
	w.selections++
	selection.SelectionName, selection.IamRoleArn = aws.String(fmt.Sprint("selection-", w.selections)), aws.String(w.arn("weak"))
	return w.call(w.m.backup.CreateBackupSelection(w.t.Context(), &backup.CreateBackupSelectionInput{BackupPlanId: aws.String(w.names["plan"]), BackupSelection: &selection}))
}

// conditional selects by conditions, and lacks what they would cut down.
func conditional() backuptypes.BackupSelection {
	return backuptypes.BackupSelection{Conditions: &backuptypes.Conditions{StringEquals: []backuptypes.ConditionParameter{{ConditionKey: aws.String("aws:ResourceTag/a"), ConditionValue: aws.String("b")}}}}
}

// plans makes a plan of one rule.
func (w *wreck) plans(continuous bool, cold, keep *int64) telling {
	w.t.Helper()
	w.selections++
	return w.call(w.m.backup.CreateBackupPlan(w.t.Context(), &backup.CreateBackupPlanInput{BackupPlan: &backuptypes.BackupPlanInput{
		BackupPlanName: aws.String(fmt.Sprint("plan-", w.selections)), Rules: []backuptypes.BackupRuleInput{{
			RuleName: aws.String("rule"), TargetBackupVaultName: aws.String("local-vault"), EnableContinuousBackup: &continuous,
			Lifecycle: &backuptypes.Lifecycle{MoveToColdStorageAfterDays: cold, DeleteAfterDays: keep},
		}},
	}}))
}

func (w *wreck) updatePlan(name string, rule backuptypes.BackupRuleInput) {
	w.t.Helper()
	rule.RuleName, rule.ScheduleExpression = aws.String("rule"), aws.String("cron(0 5 ? * * *)")
	must(w.m.backup.UpdateBackupPlan(w.t.Context(), &backup.UpdateBackupPlanInput{
		BackupPlanId: aws.String(w.names["plan"]), BackupPlan: &backuptypes.BackupPlanInput{BackupPlanName: &name, Rules: []backuptypes.BackupRuleInput{rule}},
	}))(w.t, "updating the plan")
}

func keepFor(n int64) func(*backup.StartBackupJobInput) {
	return func(in *backup.StartBackupJobInput) { in.Lifecycle = days(n) }
}

func number(t *testing.T, text string) int64 {
	t.Helper()
	return must(strconv.ParseInt(text, 10, 64))(t, "a number")
}

func (w *wreck) mayUser(user, document string) {
	w.t.Helper()
	must(w.m.iam.PutUserPolicy(w.t.Context(), &iam.PutUserPolicyInput{UserName: &user, PolicyName: aws.String("may"), PolicyDocument: &document}))(w.t, "setting the policy of "+user)
}

func (w *wreck) vaultPolicy(vault, text string) telling {
	w.t.Helper()
	return w.call(w.m.backup.PutBackupVaultAccessPolicy(w.t.Context(), &backup.PutBackupVaultAccessPolicyInput{BackupVaultName: &vault, Policy: document(text)}))
}

func (w *wreck) notifies(event backuptypes.BackupVaultEvent) telling {
	w.t.Helper()
	return w.call(w.m.backup.PutBackupVaultNotifications(w.t.Context(), &backup.PutBackupVaultNotificationsInput{
		BackupVaultName: aws.String("local-vault"), SNSTopicArn: aws.String("arn:aws:sns:" + home + ":" + w.m.id + ":told"), BackupVaultEvents: []backuptypes.BackupVaultEvent{event},
	}))
}

// locks puts a compliance lock with the shortest grace period on a vault.
func (w *wreck) locks(vault string) telling {
	w.t.Helper()
	return w.call(w.m.backup.PutBackupVaultLockConfiguration(w.t.Context(), &backup.PutBackupVaultLockConfigurationInput{
		BackupVaultName: &vault, MinRetentionDays: aws.Int64(1), ChangeableForDays: aws.Int64(3),
	}))
}

func (w *wreck) unlocks(vault string) telling {
	w.t.Helper()
	return w.call(w.m.backup.DeleteBackupVaultLockConfiguration(w.t.Context(), &backup.DeleteBackupVaultLockConfigurationInput{BackupVaultName: &vault}))
}

func tagsOf(bucket string, tags ...string) *s3.PutBucketTaggingInput {
	in := &s3.PutBucketTaggingInput{Bucket: &bucket, Tagging: &s3types.Tagging{}}
	for i := 0; i < len(tags); i += 2 {
		in.Tagging.TagSet = append(in.Tagging.TagSet, s3types.Tag{Key: &tags[i], Value: &tags[i+1]})
	}
	return in
}
