package backup

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// planTemplate is a plan that AWS Backup offers to begin with.
type planTemplate struct {
	id    string
	name  string
	rules []types.BackupRuleInput
}

// planTemplates are AWS's own, under its ids, in the order that it lists them; see
// https://docs.aws.amazon.com/aws-backup/latest/devguide/create-a-scheduled-backup.html.
var planTemplates = []planTemplate{
	{"87c0c1ef-254d-4180-8fef-2e76a2c38aaa", "Daily-35day-Retention", []types.BackupRuleInput{
		templateRule("DailyBackups", "cron(0 5 ? * * *)", 0, 35),
	}},
	{"87c0c1ef-254d-4180-8fef-2e76a2c38aab", "Daily-Monthly-1yr-Retention", []types.BackupRuleInput{
		templateRule("DailyBackups", "cron(0 5 ? * * *)", 0, 35),
		templateRule("MonthlyBackups", "cron(0 5 1 * ? *)", 30, 365),
	}},
	{"87c0c1ef-254d-4180-8fef-2e76a2c38aac", "Daily-Weekly-Monthly-5yr-Retention", []types.BackupRuleInput{
		templateRule("DailyBackups", "cron(0 5 ? * * *)", 0, 35),
		templateRule("WeeklyBackups", "cron(0 5 ? * 7 *)", 0, 90),
		templateRule("MonthlyBackups", "cron(0 5 1 * ? *)", 90, 1825),
	}},
	{"87c0c1ef-254d-4180-8fef-2e76a2c38aad", "Daily-Weekly-Monthly-7yr-Retention", []types.BackupRuleInput{
		templateRule("DailyBackups", "cron(0 5 ? * * *)", 0, 35),
		templateRule("WeeklyBackups", "cron(0 5 ? * 7 *)", 0, 90),
		templateRule("MonthlyBackups", "cron(0 5 1 * ? *)", 90, 2555),
	}},
}

// templateRule is a rule into the vault that AWS's console makes in every Region. A cold of 0 days stays warm.
func templateRule(name, schedule string, cold, keep int64) types.BackupRuleInput {
	lifecycle := &types.Lifecycle{DeleteAfterDays: &keep}
	if cold > 0 {
		lifecycle.MoveToColdStorageAfterDays = &cold
	}
	return types.BackupRuleInput{RuleName: &name, TargetBackupVaultName: aws.String("Default"), ScheduleExpression: &schedule, Lifecycle: lifecycle}
}

// ListBackupPlanTemplates lists the plans that there are to begin with.
func (s *Service) ListBackupPlanTemplates(_ context.Context, c *api.Caller, in *backup.ListBackupPlanTemplatesInput) (*backup.ListBackupPlanTemplatesOutput, error) {
	p, err := s.page(c, "ListBackupPlanTemplates", in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	rest := slices.Clone(planTemplates)
	rest = slices.DeleteFunc(rest, func(t planTemplate) bool { return t.id <= p.after.ID })
	out := &backup.ListBackupPlanTemplatesOutput{}
	out.BackupPlanTemplatesList, out.NextToken = cut(p, rest, func(t planTemplate) state.Cursor { return state.Cursor{ID: t.id} },
		func(t planTemplate) types.BackupPlanTemplatesListMember {
			return types.BackupPlanTemplatesListMember{BackupPlanTemplateId: &t.id, BackupPlanTemplateName: &t.name}
		})
	return out, nil
}

// GetBackupPlanFromTemplate is the plan that a template makes, with all defaults filled in.
func (s *Service) GetBackupPlanFromTemplate(_ context.Context, _ *api.Caller, in *backup.GetBackupPlanFromTemplateInput) (*backup.GetBackupPlanFromTemplateOutput, error) {
	id := aws.ToString(in.BackupPlanTemplateId)
	i := slices.IndexFunc(planTemplates, func(t planTemplate) bool { return t.id == id })
	if i < 0 {
		return nil, notFound("Cannot find backup plan template with id: %s.", id)
	}
	plan, err := bareDocument(&types.BackupPlanInput{BackupPlanName: &planTemplates[i].name, Rules: planTemplates[i].rules})
	return &backup.GetBackupPlanFromTemplateOutput{BackupPlanDocument: plan}, err
}

// bareDocument checks a plan that is not made: its rules have no ids.
func bareDocument(in *types.BackupPlanInput) (*types.BackupPlan, error) {
	plan, err := planDocument(in, nil)
	for i := range plan.Rules {
		plan.Rules[i].RuleId = nil
	}
	return &plan, err
}

// ExportBackupPlanTemplate prints a plan as a template that GetBackupPlanFromJSON reads.
func (s *Service) ExportBackupPlanTemplate(ctx context.Context, c *api.Caller, in *backup.ExportBackupPlanTemplateInput) (*backup.ExportBackupPlanTemplateOutput, error) {
	var plan state.BackupPlan
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		plan, err = findPlan(ctx, tx, c, *in.BackupPlanId)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range plan.Document.Rules {
		plan.Document.Rules[i].RuleId = nil
	}
	text, err := json.Marshal(plan.Document)
	return &backup.ExportBackupPlanTemplateOutput{BackupPlanTemplateJson: aws.String(string(text))}, err
}

// GetBackupPlanFromJSON reads a template and makes nothing.
func (s *Service) GetBackupPlanFromJSON(_ context.Context, _ *api.Caller, in *backup.GetBackupPlanFromJSONInput) (*backup.GetBackupPlanFromJSONOutput, error) {
	var template types.BackupPlanInput
	if err := json.Unmarshal([]byte(aws.ToString(in.BackupPlanTemplateJson)), &template); err != nil {
		return nil, invalid("Invalid BackupPlanTemplateJson: %s", err)
	}
	plan, err := bareDocument(&template)
	if err != nil {
		return nil, err
	}
	return &backup.GetBackupPlanFromJSONOutput{BackupPlan: plan}, nil
}
