package backup_test

import (
	"context"
	"slices"
	"testing"
	"time"

	awsbackup "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/internal/state"
)

// due lists the names of the rules that are due in a plan.
func (w *world) due(planID string) (names []string) {
	w.t.Helper()
	must(w.t, w.db.View(w.t.Context(), func(ctx context.Context, tx *state.Tx) error {
		schedules, err := tx.RuleSchedulesDue(ctx, tx.Now, 100)
		if err != nil {
			return err
		}
		plan, err := tx.BackupPlan(ctx, planID)
		for _, s := range schedules {
			for _, r := range plan.Document.Rules {
				if s.PlanID == planID && *r.RuleId == s.RuleID {
					names = append(names, *r.RuleName)
				}
			}
		}
		return err
	}))
	slices.Sort(names)
	return names
}

// TestAPendingRunOutlivesAnEdit changes a plan after its rules were due and before anybody has run them, as after a stop of
// the server: the runs stay, but of a rule that runs at other times now, or is new.
func TestAPendingRunOutlivesAnEdit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, c := t.Context(), w.backup(member)
	w.vault(member, "local")
	rule := func(name, cron, zone string, days int64) types.BackupRuleInput {
		return types.BackupRuleInput{
			RuleName: &name, TargetBackupVaultName: new("local"), ScheduleExpression: new("cron(" + cron + ")"), ScheduleExpressionTimezone: &zone,
			Lifecycle: &types.Lifecycle{DeleteAfterDays: &days},
		}
	}
	const five, zone = "0 5 * * ? *", "Etc/UTC"
	made, err := c.CreateBackupPlan(ctx, &awsbackup.CreateBackupPlanInput{BackupPlan: &types.BackupPlanInput{BackupPlanName: new("P"), Rules: []types.BackupRuleInput{
		rule("alone", five, zone, 7), rule("kept", five, zone, 7), rule("moved", five, zone, 7), rule("travelled", five, zone, 7), rule("gone", five, zone, 7),
	}}})
	must(t, err)
	w.clock.Advance(17*time.Hour + 30*time.Minute) // half past five
	if got := w.due(*made.BackupPlanId); len(got) != 5 {
		t.Fatalf("due are %v", got)
	}
	_, err = c.UpdateBackupPlan(ctx, &awsbackup.UpdateBackupPlanInput{BackupPlanId: made.BackupPlanId, BackupPlan: &types.BackupPlanInput{BackupPlanName: new("P"), Rules: []types.BackupRuleInput{
		rule("alone", five, zone, 7), rule("kept", five, zone, 30), rule("moved", "0 6 * * ? *", zone, 7), rule("travelled", five, "Europe/Berlin", 7), rule("new", five, zone, 7),
	}}})
	must(t, err)
	if got := w.due(*made.BackupPlanId); !slices.Equal(got, []string{"alone", "kept"}) {
		t.Errorf("after the edit, due are %v", got)
	}
}

// TestAPendingRunOutlivesAPolicy: the same, for a plan that a policy makes. One that is taken away and comes back begins anew.
func TestAPendingRunOutlivesAPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.trust()
	w.inForce(member, small("P", "7", home))
	id := w.plans(member, home)["P"]
	w.clock.Advance(17*time.Hour + 30*time.Minute)
	w.inForce(member, small("P", "14", home))
	if got := w.due(id); !slices.Equal(got, []string{"r"}) {
		t.Errorf("after the edit, due are %v", got)
	}
	w.inForce(member, "")
	w.inForce(member, small("P", "14", home))
	if got := w.due(id); len(got) != 0 {
		t.Errorf("of a plan that came back, due are %v", got)
	}
}

// TestARefusedPlanLeavesTheRegionsThatItLost: a plan that is refused stays as it was in those Regions that the policy still
// names, and nowhere else.
func TestARefusedPlanLeavesTheRegionsThatItLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.trust()
	days := func(region string) int64 {
		t.Helper()
		id := w.plans(member, region)["P"]
		if id == "" {
			return 0
		}
		got, err := awsbackup.NewFromConfig(w.config(member, region)).GetBackupPlan(t.Context(), &awsbackup.GetBackupPlanInput{BackupPlanId: &id})
		must(t, err)
		return *got.BackupPlan.Rules[0].Lifecycle.DeleteAfterDays
	}
	w.inForce(member, small("P", "7", home, north))
	w.trail.take()
	const tooLong = "99999" // for AWS Backup, and not for Organizations
	w.inForce(member, small("P", tooLong, home, north))
	if days(home) != 7 || days(north) != 7 {
		t.Errorf("refused, the plan keeps points for %d and %d days", days(home), days(north))
	}
	if got := names(w.trail.take()); got != "InvalidOrganizationBackupPlan "+member+" "+home+"\nInvalidOrganizationBackupPlan "+member+" "+north {
		t.Errorf("refused: %s", got)
	}
	w.inForce(member, small("P", tooLong, home))
	if days(home) != 7 || days(north) != 0 {
		t.Errorf("refused, and with one Region less, the plan keeps points for %d and %d days", days(home), days(north))
	}
	w.inForce(member, small("P", "14", north))
	if days(home) != 0 || days(north) != 14 {
		t.Errorf("taken again, in the other Region, the plan keeps points for %d and %d days", days(home), days(north))
	}
}
