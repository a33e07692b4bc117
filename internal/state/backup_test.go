package state_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"strongroom/internal/state"
	"strongroom/rules"
)

func update(t *testing.T, db *state.DB, fn func(ctx context.Context, tx *state.Tx) error) {
	t.Helper()
	if err := db.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func TestBackupRowsRoundTrip(t *testing.T) {
	t.Parallel()
	db := open(t)
	tags := map[string]string{"team": "blue"}
	vault := state.BackupVault{AccountID: "1", Region: "r", Name: "v", ARN: "arn:v", KeyARN: "k", KeyType: state.KeyCustomerManaged, CreatedAt: 5, Tags: tags, Locked: true, MinRetentionDays: 7, LockDate: 9}
	plan := state.BackupPlan{
		ID: "p", AccountID: "1", Region: "r", ARN: "arn:p", Name: "n", VersionID: "v1", CreatedAt: 1, UpdatedAt: 1, Tags: tags,
		Document: types.BackupPlan{BackupPlanName: aws.String("n"), Rules: []types.BackupRule{{
			RuleName: aws.String("r"), RuleId: aws.String("rule"), TargetBackupVaultName: aws.String("v"),
			Lifecycle: &types.Lifecycle{DeleteAfterDays: aws.Int64(35)},
		}}},
	}
	selection := state.BackupSelection{PlanID: "p", ID: "s", Name: "all", IAMRoleARN: "role", CreatedAt: 3, Document: types.BackupSelection{
		SelectionName: aws.String("all"), IamRoleArn: aws.String("role"), Resources: []string{"*"},
		ListOfTags: []types.Condition{{ConditionType: types.ConditionTypeStringequals, ConditionKey: aws.String("k"), ConditionValue: aws.String("v")}},
	}}
	point := state.RecoveryPoint{
		ARN: "arn:rp", AccountID: "1", Region: "r", VaultName: "v", VaultARN: "arn:v", ResourceARN: "arn:res", Status: state.PointCompleted, CreatedAt: 7,
		Lifecycle: rules.Lifecycle{DeleteAfterDays: aws.Int64(1)}, CreatedBy: state.PlanCreator{PlanID: "p"}, IsEncrypted: true, Tags: tags,
		RestoreMetadata: map[string]string{"a": "b"},
	}
	backupJob := state.BackupJob{ID: "B", AccountID: "1", Region: "r", State: state.JobCreated, Percent: 1.5, CopyActions: []types.CopyAction{{DestinationBackupVaultArn: aws.String("arn:d")}}, Options: tags}
	copyJob := state.CopyJob{ID: "C", AccountID: "1", Region: "r", State: state.JobCreated, Lifecycle: rules.Lifecycle{DeleteAfterDays: aws.Int64(-1)}}
	restoreJob := state.RestoreJob{ID: "R", AccountID: "1", Region: "r", State: state.JobPending, Metadata: tags, CopySourceTags: true}
	setting := state.BackupSetting{AccountID: "1", Kind: state.SettingGlobal, Value: map[string]string{"x": "true"}, UpdatedAt: 4}

	update(t, db, func(ctx context.Context, tx *state.Tx) error {
		return errors.Join(
			tx.InsertBackupVault(ctx, vault),
			tx.InsertBackupPlan(ctx, plan, []state.RuleSchedule{{PlanID: "p", RuleID: "rule", NextRunAt: 100}}),
			tx.InsertBackupSelection(ctx, selection),
			tx.InsertRecoveryPoint(ctx, point),
			tx.InsertBackupJob(ctx, backupJob), tx.InsertCopyJob(ctx, copyJob), tx.InsertRestoreJob(ctx, restoreJob),
			tx.PutBackupSetting(ctx, setting), tx.PutBackupSetting(ctx, setting),
		)
	})
	check := func(name string, want, got any, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(types.BackupPlan{}, types.BackupRule{}, types.Lifecycle{},
			types.BackupSelection{}, types.Condition{}, types.CopyAction{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	update(t, db, func(ctx context.Context, tx *state.Tx) error {
		gotVault, err := tx.BackupVault(ctx, "1", "r", "v")
		check("vault", vault, gotVault, err)
		gotPlan, err := tx.BackupPlan(ctx, "p")
		check("plan", plan, gotPlan, err)
		gotSelection, err := tx.BackupSelection(ctx, "p", "s")
		check("selection", selection, gotSelection, err)
		gotPoint, err := tx.RecoveryPoint(ctx, "arn:rp")
		check("point", point, gotPoint, err)
		gotBackup, err := tx.BackupJob(ctx, "B")
		check("backup job", backupJob, gotBackup, err)
		gotCopy, err := tx.CopyJob(ctx, "C")
		check("copy job", copyJob, gotCopy, err)
		gotRestore, err := tx.RestoreJob(ctx, "R")
		check("restore job", restoreJob, gotRestore, err)
		gotSetting, err := tx.BackupSetting(ctx, "1", "", state.SettingGlobal)
		check("setting", setting, gotSetting, err)
		due, err := tx.RuleSchedulesDue(ctx, 100, 10)
		check("due", []state.RuleSchedule{{PlanID: "p", RuleID: "rule", NextRunAt: 100}}, due, err)
		byPlan, err := tx.CountRecoveryPoints(ctx, state.PointFilter{PlanID: "p"})
		check("points of the plan", int64(1), byPlan, err)
		return nil
	})
}

func TestJobUpdateIsGuardedByItsState(t *testing.T) {
	t.Parallel()
	db := open(t)
	job := state.BackupJob{ID: "B", AccountID: "1", State: state.JobCreated, ResourceARN: "arn:res", IdempotencyToken: "t", StartBy: 10}
	update(t, db, func(ctx context.Context, tx *state.Tx) error {
		if err := tx.InsertBackupJob(ctx, job); err != nil {
			return err
		}
		if err := tx.InsertBackupJob(ctx, state.BackupJob{ID: "B2", AccountID: "1", IdempotencyToken: "t"}); !errors.Is(err, state.ErrExists) {
			t.Errorf("a token was used twice: %v", err)
		}
		running := job
		running.State, running.StartedAt = state.JobRunning, 4
		if err := tx.UpdateBackupJob(ctx, running, state.JobPending); !errors.Is(err, state.ErrConflict) {
			t.Errorf("a CREATED job was changed as if it were PENDING: %v", err)
		}
		if late, err := tx.BackupJobsPastWindow(ctx, 10, 5); err != nil || len(late) != 1 {
			t.Errorf("past the start window: %d, %v", len(late), err)
		}
		if err := tx.UpdateBackupJob(ctx, running, state.JobCreated, state.JobPending); err != nil {
			return err
		}
		if late, err := tx.BackupJobsPastWindow(ctx, 10, 5); err != nil || len(late) != 0 {
			t.Errorf("a running job is past its start window: %d, %v", len(late), err)
		}
		if id, err := tx.RunningJob(ctx, "1", "arn:res", "other"); err != nil || id != "B" {
			t.Errorf("RunningJob is %q, %v; want B", id, err)
		}
		if _, err := tx.RunningJob(ctx, "1", "arn:res", "B"); !errors.Is(err, state.ErrNotFound) {
			t.Errorf("a job is in its own way: %v", err)
		}
		if _, err := tx.RunningJob(ctx, "2", "arn:res", "other"); !errors.Is(err, state.ErrNotFound) {
			t.Errorf("a job is in another account's way: %v", err)
		}
		return nil
	})
}

func TestListsPageNewestFirst(t *testing.T) {
	t.Parallel()
	db := open(t)
	update(t, db, func(ctx context.Context, tx *state.Tx) error {
		for _, p := range []state.RecoveryPoint{
			{ARN: "a", CreatedAt: 1}, {ARN: "b", CreatedAt: 2}, {ARN: "c", CreatedAt: 2}, {ARN: "d", CreatedAt: 3},
		} {
			p.AccountID, p.Region, p.Status, p.VaultARN, p.ResourceARN = "1", "r", state.PointCompleted, "arn:v", "arn:res-"+p.ARN[:1]
			if p.ARN == "c" {
				p.ResourceARN = "arn:res-a"
			}
			if err := tx.InsertRecoveryPoint(ctx, p); err != nil {
				return err
			}
		}
		var got []string
		after := state.Cursor{}
		for {
			points, err := tx.RecoveryPoints(ctx, state.PointFilter{VaultARN: "arn:v"}, after, 1)
			if err != nil {
				return err
			}
			if len(points) == 0 {
				break
			}
			got = append(got, points[0].ARN)
			after = state.Cursor{At: points[0].CreatedAt, ID: points[0].ARN}
		}
		if diff := cmp.Diff([]string{"d", "c", "b", "a"}, got); diff != "" {
			t.Errorf("pages (-want +got):\n%s", diff)
		}
		protected, err := tx.ProtectedResources(ctx, "1", "r", "arn:v", "", 10)
		got = nil
		for _, p := range protected {
			got = append(got, p.ResourceARN+" by "+p.ARN)
		}
		if diff := cmp.Diff([]string{"arn:res-a by c", "arn:res-b by b", "arn:res-d by d"}, got); diff != "" {
			t.Errorf("protected resources (-want +got):\n%s", diff)
		}
		return err
	})
}
