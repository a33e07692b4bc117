package work

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// stubborn lets nobody assume a role, for a reason.
type stubborn struct {
	Identity
	why *api.Error
}

func (s stubborn) AssumeForService(context.Context, *api.Caller, string, string) (*api.Caller, error) {
	return nil, s.why
}

// toldNames keeps the names of the service's events.
type toldNames struct {
	Trail
	names []string
}

func (n *toldNames) PutServiceEvent(_ context.Context, _ *state.Tx, _, _, name string, _ map[string]any, _ *api.Error) error {
	n.names = append(n.names, name)
	return nil
}

const dueAccount = "111111111111"

// dueRule is a runner over a plan with a rule that has been due for a minute, and when it is due.
func dueRule(t *testing.T, account state.Account, why *api.Error) (*Runner, *toldNames, state.Micros) {
	t.Helper()
	db, q := openQueue(t, filepath.Join(t.TempDir(), "state.db"))
	t.Cleanup(func() { _ = db.Close() })
	trail := &toldNames{}
	r := New(Config{DB: db, Queue: q, Clock: clock.Wall, Identity: stubborn{why: why}, Trail: trail, Log: slog.New(slog.DiscardHandler)})
	due := state.MicrosOf(clock.Wall.Now().Add(-time.Minute))
	account.ID = dueAccount
	err := db.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		if err := tx.InsertAccount(ctx, account); err != nil {
			return err
		}
		plan := state.BackupPlan{ID: "p", AccountID: dueAccount, Region: "eu-central-1", ARN: "arn:p", Name: "p", VersionID: "v", Document: types.BackupPlan{
			BackupPlanName: aws.String("p"), Rules: []types.BackupRule{{
				RuleId: aws.String("r"), ScheduleExpression: aws.String("cron(0 5 * * ? *)"), ScheduleExpressionTimezone: aws.String("Etc/UTC"), StartWindowMinutes: aws.Int64(60),
			}},
		}}
		if err := tx.InsertBackupPlan(ctx, plan, []state.RuleSchedule{{PlanID: "p", RuleID: "r", NextRunAt: due}}); err != nil {
			return err
		}
		return tx.InsertBackupSelection(ctx, state.BackupSelection{PlanID: "p", ID: "s", Name: "s", IAMRoleARN: "arn:aws:iam::" + dueAccount + ":role/jobs"})
	})
	if err != nil {
		t.Fatal(err)
	}
	return r, trail, due
}

// nextRun is when the rule runs next.
func (r *Runner) nextRun(t *testing.T) state.Micros {
	t.Helper()
	next, err := view(t.Context(), r, func(ctx context.Context, tx *state.Tx) (state.Micros, error) { return tx.NextRuleRun(ctx) })
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// TestAFailureIsNoRefusal: a role that is refused costs the night's backup and leaves an event; a service that fails, or has
// too much to do, puts it off until it is asked again.
func TestAFailureIsNoRefusal(t *testing.T) {
	t.Parallel()
	for what, row := range map[string]struct {
		why     *api.Error
		refused bool
	}{
		"refused":   {&api.Error{Code: "AccessDeniedException", Status: 403}, true},
		"failed":    {&api.Error{Code: "InternalFailure", Status: 500}, false},
		"down":      {&api.Error{Code: "ServiceUnavailable", Status: 503}, false},
		"throttled": {&api.Error{Code: "Throttling", Status: 400}, false},
		"busy":      {&api.Error{Code: "TooManyRequestsException", Status: 429}, false},
	} {
		r, trail, due := dueRule(t, state.Account{Status: "ACTIVE"}, row.why)
		if err := r.RunDueRules(t.Context()); (err == nil) != row.refused {
			t.Errorf("%s: the run ends with %v", what, err)
		}
		if told := slices.Contains(trail.names, "ProcessBackupPlanSelection"); told != row.refused {
			t.Errorf("%s: CloudTrail was told %v", what, trail.names)
		}
		if put := r.nextRun(t) == due; put == row.refused {
			t.Errorf("%s: the rule is still due: %v", what, put)
		}
	}
}

// TestPlansOfAClosedAccount: nothing runs there, and nothing fails; the account's own plans are no exception.
func TestPlansOfAClosedAccount(t *testing.T) {
	t.Parallel()
	r, trail, due := dueRule(t, state.Account{Status: "SUSPENDED", ClosedAt: 1}, &api.Error{Code: "AccessDeniedException", Status: 403})
	if err := r.RunDueRules(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(trail.names) > 0 {
		t.Errorf("CloudTrail was told %v", trail.names)
	}
	if r.nextRun(t) == due {
		t.Error("the rule is due for ever")
	}
}

// TestARuleRunsByThePlanOfNow: a plan that is changed while one of its rules runs keeps the run, and makes it by what it is now.
func TestARuleRunsByThePlanOfNow(t *testing.T) {
	t.Parallel()
	r, trail, due := dueRule(t, state.Account{Status: "ACTIVE"}, &api.Error{Code: "AccessDeniedException", Status: 403})
	duringWait(t, r.DB, r.RunDueRules, func(ctx context.Context, tx *state.Tx) error {
		plan, err := tx.BackupPlan(ctx, "p")
		if err != nil {
			return err
		}
		plan.VersionID = "w"
		return tx.UpdateBackupPlan(ctx, plan, []state.RuleSchedule{{PlanID: "p", RuleID: "r", NextRunAt: due}})
	})
	if len(trail.names) > 0 || r.nextRun(t) != due {
		t.Errorf("by the plan of before, CloudTrail was told %v", trail.names)
	}
	if err := r.RunDueRules(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(trail.names) != 1 || r.nextRun(t) == due {
		t.Errorf("by the plan of now, CloudTrail was told %v", trail.names)
	}
}

// TestSinceWhenARuleRunsSo: a rule that a change of its plan leaves alone has run as it does since before, and still makes others
// yield at that time; one that was moved or is new has not, and a plan that was deleted began anew.
func TestSinceWhenARuleRunsSo(t *testing.T) {
	t.Parallel()
	rule := func(id, cron string) types.BackupRule {
		return types.BackupRule{RuleId: &id, ScheduleExpression: aws.String("cron(" + cron + ")"), ScheduleExpressionTimezone: aws.String("Etc/UTC")}
	}
	document := func(rules ...types.BackupRule) types.BackupPlan { return types.BackupPlan{Rules: rules} }
	now := document(rule("stayed", "0 5 * * ? *"), rule("moved", "0 5 * * ? *"), rule("new", "0 5 * * ? *"))
	plan := state.BackupPlan{UpdatedAt: 30, Document: now}
	versions := []state.BackupPlanVersion{
		{CreatedAt: 30, Document: now},
		{CreatedAt: 20, Document: document(rule("stayed", "0 5 * * ? *"), rule("moved", "0 6 * * ? *"))},
		{CreatedAt: 10, DeletedAt: 15, Document: document(rule("stayed", "0 5 * * ? *"), rule("moved", "0 5 * * ? *"))},
	}
	planned, err := plannedRules(plan, versions)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []state.Micros{20, 30, 30} {
		if got := state.MicrosOf(planned[i].Since); got != want {
			t.Errorf("%s has run so since %d, want %d", *now.Rules[i].RuleId, got, want)
		}
	}
}
