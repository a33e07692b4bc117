package work

import (
	"context"
	"log/slog"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/clock"
	"strongroom/internal/state"
)

// duringWait calls act, which works in a transaction of its own, while it holds the store's writer: until act has read all
// it reads beforehand and waits to write. What change does is committed before act writes.
func duringWait(t *testing.T, db *state.DB, act func(ctx context.Context) error, change func(ctx context.Context, tx *state.Tx) error) {
	t.Helper()
	outside := t.Context()
	done := make(chan error, 1)
	err := db.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		before := db.Writer().Stats().WaitCount
		go func() { done <- act(outside) }()
		for db.Writer().Stats().WaitCount == before {
			runtime.Gosched()
		}
		return change(ctx, tx)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestALongerRetentionInTheLastMomentCounts(t *testing.T) {
	t.Parallel()
	db, q := openQueue(t, filepath.Join(t.TempDir(), "state.db"))
	defer db.Close()
	r := New(Config{DB: db, Queue: q, Clock: clock.Wall, Log: slog.New(slog.DiscardHandler)})
	point := state.RecoveryPoint{ARN: "arn:aws:backup:eu-central-1:111111111111:recovery-point:p", Status: state.PointCompleted, DeleteAt: 1}
	if err := db.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error { return tx.InsertRecoveryPoint(ctx, point) }); err != nil {
		t.Fatal(err)
	}
	duringWait(t, db, r.ExpireDuePoints, func(ctx context.Context, tx *state.Tx) error {
		point.DeleteAt = 0
		return tx.UpdateRecoveryPoint(ctx, point)
	})
	err := db.View(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		got, err := tx.RecoveryPoint(ctx, point.ARN)
		if err == nil && (got.Status != state.PointCompleted || got.DeleteAt != 0) {
			t.Errorf("a point that is to be kept is %s and goes at %d", got.Status, got.DeleteAt)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTagsSetWhileARuleRunsStay(t *testing.T) {
	t.Parallel()
	db, q := openQueue(t, filepath.Join(t.TempDir(), "state.db"))
	defer db.Close()
	r := New(Config{DB: db, Queue: q, Clock: clock.Wall, Log: slog.New(slog.DiscardHandler)})
	now := state.MicrosOf(clock.Wall.Now().Add(-time.Minute))
	plan := state.BackupPlan{ID: "p", AccountID: "111111111111", Region: "eu-central-1", ARN: "arn:p", Name: "p", VersionID: "v", Document: types.BackupPlan{
		BackupPlanName: aws.String("p"), Rules: []types.BackupRule{{
			RuleId: aws.String("r"), ScheduleExpression: aws.String("cron(0 5 * * ? *)"), ScheduleExpressionTimezone: aws.String("Etc/UTC"), StartWindowMinutes: aws.Int64(60),
		}},
	}}
	err := db.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		if err := tx.InsertAccount(ctx, state.Account{ID: "111111111111", Status: "ACTIVE"}); err != nil {
			return err
		}
		return tx.InsertBackupPlan(ctx, plan, []state.RuleSchedule{{PlanID: "p", RuleID: "r", NextRunAt: now}})
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"team": "storage"}
	duringWait(t, db, r.RunDueRules, func(ctx context.Context, tx *state.Tx) error {
		plan.Tags = want
		return tx.PutBackupPlan(ctx, plan)
	})
	err = db.View(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		got, err := tx.BackupPlan(ctx, "p")
		if diff := cmp.Diff(want, got.Tags); err == nil && diff != "" {
			t.Errorf("tags (-want +got):\n%s", diff)
		}
		if got.ExecutedAt == 0 {
			t.Error("the rule did not run")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
