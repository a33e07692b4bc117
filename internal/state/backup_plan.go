package state

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/rules"
)

// BackupPlan is a plan and the document of its current version.
type BackupPlan struct {
	ID               string            `db:"id"`
	AccountID        string            `db:"account_id"`
	OrganizationID   string            `db:"organization_id"` // whose backup policies made it; "" for the account's own
	Region           string            `db:"region"`
	ARN              string            `db:"arn"`
	Name             string            `db:"name"`
	VersionID        string            `db:"version_id"`
	CreatorRequestID string            `db:"creator_request_id"`
	CreatedAt        Micros            `db:"created_at"`
	UpdatedAt        Micros            `db:"updated_at"` // creation of the current version
	DeletedAt        Micros            `db:"deleted_at"` // 0 while it lives
	ExecutedAt       Micros            `db:"executed_at"`
	Document         types.BackupPlan  `db:"document,json"` // every rule has its RuleId and the defaults filled in
	Tags             map[string]string `db:"tags,json"`
}

// BackupPlanVersion is one version of a plan.
type BackupPlanVersion struct {
	PlanID    string           `db:"plan_id"`
	VersionID string           `db:"version_id"`
	CreatedAt Micros           `db:"created_at"`
	DeletedAt Micros           `db:"deleted_at"`
	Document  types.BackupPlan `db:"document,json"`
}

// RuleSchedule is the next run of a rule.
type RuleSchedule struct {
	PlanID    string `db:"plan_id"`
	RuleID    string `db:"rule_id"`
	NextRunAt Micros `db:"next_run_at"`
}

// PlanCreator is what a job or recovery point that a plan made remembers of it; zero for those made on demand.
type PlanCreator struct {
	PlanID       string `json:",omitempty"`
	PlanARN      string `json:",omitempty"`
	PlanName     string `json:",omitempty"`
	PlanVersion  string `json:",omitempty"`
	RuleID       string `json:",omitempty"`
	RuleName     string `json:",omitempty"`
	RuleCron     string `json:",omitempty"`
	RuleTimezone string `json:",omitempty"`
}

// byPlan demands that the plan of the id made the row; "" demands nothing.
func (f *filter) byPlan(id string) *filter {
	if id == "" {
		return f
	}
	literal := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(id)
	return f.add(`created_by LIKE ? ESCAPE '\'`, `%"PlanID":"`+literal+`"%`)
}

// LifecycleOf reads the API's lifecycle; nil is the zero lifecycle.
func LifecycleOf(l *types.Lifecycle) rules.Lifecycle {
	if l == nil {
		return rules.Lifecycle{}
	}
	return rules.Lifecycle{
		MoveToColdStorageAfterDays: l.MoveToColdStorageAfterDays,
		DeleteAfterDays:            l.DeleteAfterDays,
		OptInToArchive:             l.OptInToArchiveForSupportedResources != nil && *l.OptInToArchiveForSupportedResources,
	}
}

// InsertBackupPlan adds a plan, its first version and its schedules.
func (tx *Tx) InsertBackupPlan(ctx context.Context, p BackupPlan, schedules []RuleSchedule) error {
	if err := insertRow(ctx, tx, "backup_plans", p); err != nil {
		return err
	}
	return tx.putPlanVersion(ctx, p, schedules)
}

// UpdateBackupPlan writes a plan whose document changed under a new version id, and replaces its schedules.
func (tx *Tx) UpdateBackupPlan(ctx context.Context, p BackupPlan, schedules []RuleSchedule) error {
	if err := tx.PutBackupPlan(ctx, p); err != nil {
		return err
	}
	return tx.putPlanVersion(ctx, p, schedules)
}

func (tx *Tx) putPlanVersion(ctx context.Context, p BackupPlan, schedules []RuleSchedule) error {
	version := BackupPlanVersion{PlanID: p.ID, VersionID: p.VersionID, CreatedAt: p.UpdatedAt, Document: p.Document}
	if err := insertRow(ctx, tx, "backup_plan_versions", version); err != nil {
		return err
	}
	if _, err := tx.exec(ctx, `DELETE FROM backup_rule_schedules WHERE plan_id = $1`, p.ID); err != nil {
		return err
	}
	for _, s := range schedules {
		if err := insertRow(ctx, tx, "backup_rule_schedules", s); err != nil {
			return err
		}
	}
	return nil
}

// PutBackupPlan writes a plan's row without making a version of it: tags, time of execution.
func (tx *Tx) PutBackupPlan(ctx context.Context, p BackupPlan) error {
	n, err := updateRow(ctx, tx, "backup_plans", p, new(filter).add("id = ?", p.ID))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// DeleteBackupPlan marks a plan and its current version deleted and ends its schedules.
func (tx *Tx) DeleteBackupPlan(ctx context.Context, id string) error {
	if err := tx.execOne(ctx, `UPDATE backup_plans SET deleted_at = $1 WHERE id = $2 AND deleted_at = 0`, tx.Now, id); err != nil {
		return err
	}
	if _, err := tx.exec(ctx, `UPDATE backup_plan_versions SET deleted_at = $1 WHERE plan_id = $2
		AND version_id = (SELECT version_id FROM backup_plans WHERE id = $2)`, tx.Now, id); err != nil {
		return err
	}
	_, err := tx.exec(ctx, `DELETE FROM backup_rule_schedules WHERE plan_id = $1`, id)
	return err
}

// BackupPlan reads a plan of any account, deleted ones included.
func (tx *Tx) BackupPlan(ctx context.Context, id string) (BackupPlan, error) {
	return queryOne(ctx, tx, scanRow[BackupPlan], selectRow[BackupPlan]("backup_plans")+"WHERE id = $1", id)
}

// BackupPlans lists an account's plans in a Region, newest first.
func (tx *Tx) BackupPlans(ctx context.Context, accountID, region string, includeDeleted bool, after Cursor, limit int) ([]BackupPlan, error) {
	f := new(filter).eq("account_id", accountID).eq("region", region)
	if !includeDeleted {
		f.add("deleted_at = 0")
	}
	return page[BackupPlan](ctx, tx, "backup_plans", "created_at", "id", f, after, limit)
}

// OrganizationPlans lists the living plans of an account that backup policies made, in all Regions.
func (tx *Tx) OrganizationPlans(ctx context.Context, accountID string) ([]BackupPlan, error) {
	return selectWhere[BackupPlan](ctx, tx, "backup_plans", new(filter).add("account_id = ?", accountID).
		add("organization_id <> ''").add("deleted_at = 0"), "ORDER BY region, name, id")
}

// BackupPlanVersion reads one version.
func (tx *Tx) BackupPlanVersion(ctx context.Context, planID, versionID string) (BackupPlanVersion, error) {
	return queryOne(ctx, tx, scanRow[BackupPlanVersion], selectRow[BackupPlanVersion]("backup_plan_versions")+
		"WHERE plan_id = $1 AND version_id = $2", planID, versionID)
}

// BackupPlanVersions lists a plan's versions, newest first.
func (tx *Tx) BackupPlanVersions(ctx context.Context, planID string, after Cursor, limit int) ([]BackupPlanVersion, error) {
	return page[BackupPlanVersion](ctx, tx, "backup_plan_versions", "created_at", "version_id",
		new(filter).add("plan_id = ?", planID), after, limit)
}

// RuleSchedules lists the next runs of a plan's rules.
func (tx *Tx) RuleSchedules(ctx context.Context, planID string) ([]RuleSchedule, error) {
	return selectWhere[RuleSchedule](ctx, tx, "backup_rule_schedules", new(filter).add("plan_id = ?", planID), "ORDER BY rule_id")
}

// RuleSchedulesDue lists the rules whose next run is at or before at, the oldest first.
func (tx *Tx) RuleSchedulesDue(ctx context.Context, at Micros, limit int) ([]RuleSchedule, error) {
	return selectWhere[RuleSchedule](ctx, tx, "backup_rule_schedules", new(filter).add("next_run_at <= ?", at),
		fmt.Sprintf("ORDER BY next_run_at, plan_id, rule_id LIMIT %d", limit))
}

// NextRuleRun is when the next rule of all is due; [ErrNotFound] if no plan has any.
func (tx *Tx) NextRuleRun(ctx context.Context) (Micros, error) {
	all, err := selectWhere[RuleSchedule](ctx, tx, "backup_rule_schedules", new(filter), "ORDER BY next_run_at LIMIT 1")
	if err != nil {
		return 0, err
	}
	if len(all) == 0 {
		return 0, ErrNotFound
	}
	return all[0].NextRunAt, nil
}

// AdvanceRule moves a rule's next run from one time to the next. It is [ErrNotFound] if somebody else did already or
// the rule is gone: then the run at from is not the caller's to make.
func (tx *Tx) AdvanceRule(ctx context.Context, planID, ruleID string, from, next Micros) error {
	return tx.execOne(ctx, `UPDATE backup_rule_schedules SET next_run_at = $1
		WHERE plan_id = $2 AND rule_id = $3 AND next_run_at = $4`, next, planID, ruleID, from)
}

// SameSchedule reports whether a rule is in two documents of its plan and runs at the same times by both.
func SameSchedule(a, b types.BackupPlan, ruleID string) bool {
	one, other := ruleOf(a, ruleID), ruleOf(b, ruleID)
	return one != nil && other != nil && aws.ToString(one.ScheduleExpression) == aws.ToString(other.ScheduleExpression) &&
		aws.ToString(one.ScheduleExpressionTimezone) == aws.ToString(other.ScheduleExpressionTimezone)
}

func ruleOf(document types.BackupPlan, id string) *types.BackupRule {
	for i, r := range document.Rules {
		if aws.ToString(r.RuleId) == id {
			return &document.Rules[i]
		}
	}
	return nil
}
