package work

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/internal/archives"
	"strongroom/internal/resource"
	"strongroom/internal/state"
	"strongroom/rules"
)

// Loops look at the clock at least this often, also where the next known event is far: plans change meanwhile.
const lookAgain = time.Second

// watchSchedules runs rules as they come due.
func (r *Runner) watchSchedules(ctx context.Context) {
	r.watch(ctx, "schedules", lookAgain, r.RunDueRules)
}

// watch calls fn every now and then until ctx ends.
func (r *Runner) watch(ctx context.Context, what string, every time.Duration, fn func(context.Context) error) {
	for {
		if err := fn(ctx); err != nil && ctx.Err() == nil {
			r.Log.ErrorContext(ctx, "looking after "+what, slog.String("error", err.Error()))
		}
		if rest(ctx, every, nil); ctx.Err() != nil {
			return
		}
	}
}

// RunDueRules starts the backup jobs of all rules that are due, and sets each rule's next run.
func (r *Runner) RunDueRules(ctx context.Context) error {
	due, err := view(ctx, r, func(ctx context.Context, tx *state.Tx) ([]state.RuleSchedule, error) {
		return tx.RuleSchedulesDue(ctx, tx.Now, 100)
	})
	if err != nil {
		return err
	}
	var all []error
	for _, s := range due {
		if err := r.runRule(ctx, s); err != nil {
			all = append(all, fmt.Errorf("running rule %s of plan %s: %w", s.RuleID, s.PlanID, err))
		}
	}
	return errors.Join(all...)
}

func (r *Runner) runRule(ctx context.Context, s state.RuleSchedule) error {
	var plan state.BackupPlan
	var versions []state.BackupPlanVersion
	var selections []state.BackupSelection
	err := r.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if plan, err = tx.BackupPlan(ctx, s.PlanID); err != nil {
			return err
		}
		if len(plan.Document.Rules) > 1 {
			if versions, err = tx.BackupPlanVersions(ctx, s.PlanID, state.Cursor{}, 0); err != nil {
				return err
			}
		}
		selections, err = tx.BackupSelections(ctx, s.PlanID, state.Cursor{}, 0)
		return err
	})
	if err != nil {
		return err
	}
	index := slices.IndexFunc(plan.Document.Rules, func(rule types.BackupRule) bool { return aws.ToString(rule.RuleId) == s.RuleID })
	if index < 0 {
		return fmt.Errorf("the plan has no such rule")
	}
	rule := plan.Document.Rules[index]
	planned, err := plannedRules(plan, versions)
	if err != nil {
		return err
	}
	schedule, zone, windows := planned[index].Schedule, planned[index].Zone, planned[index].Windows

	// A run whose start window has passed, because the service was down, is not made up for.
	now, scheduled := r.Clock.Now(), s.NextRunAt.Time()
	missed := now.After(windows.StartBy(scheduled))
	next := schedule.Next(scheduled, zone)
	for !next.IsZero() && now.After(windows.StartBy(next)) {
		next = schedule.Next(next, zone)
	}
	outlasted := rules.Outlasted(planned, index, scheduled)
	var jobs []state.BackupJob
	var failures []unprocessed
	if !missed && !outlasted {
		if selections, failures, err = r.process(ctx, plan, rule, selections); err != nil {
			return err
		}
		if jobs, err = r.jobsOf(ctx, plan, rule, selections, scheduled, windows); err != nil {
			return err
		}
	}
	err = r.update(ctx, func(ctx context.Context, tx *state.Tx) error {
		// Read anew: the plan may have been changed since, and then the run is made by what it is now, at the next look.
		current, err := tx.BackupPlan(ctx, plan.ID)
		if err != nil {
			return err
		}
		if current.VersionID != plan.VersionID {
			jobs = nil
			return nil
		}
		if err := tx.AdvanceRule(ctx, s.PlanID, s.RuleID, s.NextRunAt, state.MicrosOf(next)); errors.Is(err, state.ErrNotFound) {
			jobs = nil // the plan is deleted, or another process was faster
			return nil
		} else if err != nil {
			return err
		}
		if err := r.tellUnprocessed(ctx, tx, plan, rule, failures); err != nil {
			return err
		}
		for _, job := range jobs {
			job.CreatedAt = tx.Now
			if err := tx.InsertBackupJob(ctx, job); err != nil {
				return err
			}
			if err := r.PutEvent.BackupJob(ctx, tx, job); err != nil {
				return err
			}
			if err := r.Queue.EnqueueBackup(ctx, tx, job.ID); err != nil {
				return err
			}
		}
		current.ExecutedAt = tx.Now
		return tx.PutBackupPlan(ctx, current)
	})
	if err == nil && outlasted {
		r.Log.InfoContext(ctx, "a rule leaves the backup to one that keeps it longer", slog.String("plan", plan.Name), slog.String("rule", aws.ToString(rule.RuleName)), slog.String("account", plan.AccountID), slog.String("region", plan.Region))
	}
	if err == nil && len(jobs) > 0 {
		r.Log.InfoContext(ctx, "a rule ran", slog.String("plan", plan.Name), slog.String("rule", aws.ToString(rule.RuleName)), slog.String("account", plan.AccountID), slog.String("region", plan.Region), slog.Int("jobs", len(jobs)))
	}
	return err
}

// plannedRules reads when the rules of a plan run, and for how long they keep what they back up. The plan's versions, the
// newest first, tell since when each has run so; none are needed where no rule meets another.
func plannedRules(plan state.BackupPlan, versions []state.BackupPlanVersion) ([]rules.PlannedRule, error) {
	var all []rules.PlannedRule
	for _, rule := range plan.Document.Rules {
		schedule, err := rules.ParseSchedule(aws.ToString(rule.ScheduleExpression))
		if err != nil {
			return nil, err
		}
		zone, err := time.LoadLocation(aws.ToString(rule.ScheduleExpressionTimezone))
		if err != nil {
			return nil, err
		}
		all = append(all, rules.PlannedRule{
			Schedule: schedule, Zone: zone, Since: since(plan, versions, aws.ToString(rule.RuleId)), Lifecycle: state.LifecycleOf(rule.Lifecycle),
			Windows: rules.Windows{Start: aws.ToInt64(rule.StartWindowMinutes), Completion: aws.ToInt64(rule.CompletionWindowMinutes)},
		})
	}
	return all, nil
}

// since is when a rule of a plan came to run by its schedule. A plan that was deleted and came back begins anew.
func since(plan state.BackupPlan, versions []state.BackupPlanVersion, ruleID string) time.Time {
	began := plan.UpdatedAt
	for _, v := range versions {
		if v.DeletedAt != 0 || !state.SameSchedule(plan.Document, v.Document, ruleID) {
			break
		}
		began = v.CreatedAt
	}
	return began.Time()
}

// jobsOf makes a backup job for each resource that a selection takes.
func (r *Runner) jobsOf(ctx context.Context, plan state.BackupPlan, rule types.BackupRule, selections []state.BackupSelection, scheduled time.Time, windows rules.Windows) ([]state.BackupJob, error) {
	if len(selections) == 0 {
		return nil, nil
	}
	optIn, err := r.optIn(ctx, plan)
	if err != nil {
		return nil, err
	}
	resources, err := r.List(ctx, plan.AccountID, plan.Region)
	if err != nil {
		return nil, err
	}
	var jobs []state.BackupJob
	taken := map[string]bool{}
	for _, selection := range selections {
		takes := state.SelectionOf(selection.Document)
		for _, d := range resources {
			resourceARN := d.ARN.String()
			if taken[resourceARN] || !takes.Takes(rules.Resource{ARN: resourceARN, Type: d.Type, Tags: d.Tags}, optIn) {
				continue
			}
			taken[resourceARN] = true
			jobs = append(jobs, state.BackupJob{
				ID: NewJobID(), AccountID: plan.AccountID, Region: plan.Region,
				VaultName:   aws.ToString(rule.TargetBackupVaultName),
				VaultARN:    archives.Location{Region: plan.Region, AccountID: plan.AccountID, Vault: aws.ToString(rule.TargetBackupVaultName)}.ID(),
				ResourceARN: resourceARN, ResourceType: d.Type, ResourceName: d.Name, IAMRoleARN: selection.IAMRoleARN,
				State: state.JobCreated, InitiatedAt: state.MicrosOf(scheduled), StartBy: state.MicrosOf(windows.StartBy(scheduled)), CompleteWindowMinutes: windows.Completion,
				BackupType: "SNAPSHOT", Options: optionsFor(plan, d.Type), Tags: rule.RecoveryPointTags, Lifecycle: state.LifecycleOf(rule.Lifecycle), CopyActions: rule.CopyActions,
				CreatedBy: state.PlanCreator{
					PlanID: plan.ID, PlanARN: plan.ARN, PlanName: plan.Name, PlanVersion: plan.VersionID, RuleID: aws.ToString(rule.RuleId), RuleName: aws.ToString(rule.RuleName),
					RuleCron: aws.ToString(rule.ScheduleExpression), RuleTimezone: aws.ToString(rule.ScheduleExpressionTimezone),
				},
			})
		}
	}
	return jobs, nil
}

// List describes all resources of an account and Region that can be protected.
func (r *Runner) List(ctx context.Context, accountID, region string) ([]resource.Description, error) {
	var all []resource.Description
	for _, kind := range r.Kinds {
		some, err := kind.List(ctx, accountID, region)
		if err != nil {
			return nil, fmt.Errorf("listing %s resources: %w", kind.Type(), err)
		}
		all = append(all, some...)
	}
	return all, nil
}

// optionsFor are the plan's advanced settings for a type.
func optionsFor(plan state.BackupPlan, resourceType string) map[string]string {
	for _, s := range plan.Document.AdvancedBackupSettings {
		if strings.EqualFold(aws.ToString(s.ResourceType), resourceType) {
			return s.BackupOptions
		}
	}
	return nil
}

// watchWindows expires jobs that did not begin in time although nothing works on them.
func (r *Runner) watchWindows(ctx context.Context) {
	r.watch(ctx, "start windows", lookAgain, func(ctx context.Context) error {
		var expired []state.BackupJob
		err := r.update(ctx, func(ctx context.Context, tx *state.Tx) error {
			past, err := tx.BackupJobsPastWindow(ctx, tx.Now, 100)
			if err != nil {
				return err
			}
			for _, job := range past {
				if job.State == state.JobRunning {
					// Its own watcher ends it, or the next try, for which it may wait.
					if err := r.Queue.WakeBackup(ctx, tx, job.ID); err != nil {
						return err
					}
					continue
				}
				running, err := tx.RunningJob(ctx, job.AccountID, job.ResourceARN, job.ID)
				if err != nil && !errors.Is(err, state.ErrNotFound) {
					return err
				}
				if err := r.expire(ctx, tx, &job, running); err != nil {
					return err
				}
				expired = append(expired, job)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, job := range expired {
			r.event(ctx, job.AccountID, job.Region, "BackupJobCompleted", backupDetails(job))
		}
		return nil
	})
}

// NextEvent is when the next rule runs or the next recovery point expires or moves to cold storage; the zero time if nothing is ahead.
func (r *Runner) NextEvent(ctx context.Context) (time.Time, error) {
	var next time.Time
	err := r.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		for _, ask := range []func(context.Context) (state.Micros, error){tx.NextRuleRun, tx.NextPointDeletion, tx.NextPointCooling, tx.NextEventRule} {
			at, err := ask(ctx)
			if errors.Is(err, state.ErrNotFound) || err == nil && at == 0 {
				continue
			} else if err != nil {
				return err
			}
			if t := at.Time(); next.IsZero() || t.Before(next) {
				next = t
			}
		}
		return nil
	})
	return next, err
}

// Settle does what the clock has made due and waits until no job is left that could go on.
func (r *Runner) Settle(ctx context.Context) error {
	for {
		if err := errors.Join(r.RunDueRules(ctx), r.FollowLifecycles(ctx), r.runServices(ctx)); err != nil {
			return err
		}
		busy, err := r.Queue.Busy(ctx)
		if err != nil || !busy {
			return err
		}
		if rest(ctx, 20*time.Millisecond, nil); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
