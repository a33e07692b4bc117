package backup

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/google/uuid"

	"strongroom/internal/api"
	"strongroom/internal/backupevent"
	"strongroom/internal/state"
	"strongroom/rules"
)

// onPlan is an access to one of the caller's plans.
func (s *Service) onPlan(ctx context.Context, c *api.Caller, action string, id *string) (api.Access, error) {
	if aws.ToString(id) == "" {
		return api.Access{}, missing("BackupPlanId")
	}
	a := api.Access{Action: "backup:" + action, Resource: planARN(c, *id)}
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		plan, err := findPlan(ctx, tx, c, *id)
		a.Context = api.WithResourceTags(nil, plan.Tags)
		if api.Code(err) == "ResourceNotFoundException" {
			return nil
		}
		return err
	})
	return a, err
}

// findPlan reads one of the caller's living plans.
func findPlan(ctx context.Context, tx *state.Tx, c *api.Caller, id string) (state.BackupPlan, error) {
	plan, err := tx.BackupPlan(ctx, id)
	if errors.Is(err, state.ErrNotFound) || err == nil && (plan.AccountID != c.AccountID || plan.Region != c.Region || plan.DeletedAt != 0) {
		return state.BackupPlan{}, planNotFound()
	}
	return plan, err
}

// newVersionID names a version of a plan.
func newVersionID() string { return base64.StdEncoding.EncodeToString([]byte(uuid.NewString())) }

func (s *Service) createPlanAccess(_ context.Context, c *api.Caller, in *backup.CreateBackupPlanInput) ([]api.Access, error) {
	return []api.Access{{Action: "backup:CreateBackupPlan", Resource: planARN(c, "*"), Context: api.WithRequestTags(nil, in.BackupPlanTags)}}, nil
}

// CreateBackupPlan makes a plan; its rules run from the next time that their schedules name.
func (s *Service) CreateBackupPlan(ctx context.Context, c *api.Caller, in *backup.CreateBackupPlanInput) (*backup.CreateBackupPlanOutput, error) {
	request := aws.ToString(in.CreatorRequestId)
	if request != "" && !rules.NamePattern.MatchString(request) {
		return nil, invalid("Invalid CreatorRequestId %q.", request)
	}
	if err := checkTags(in.BackupPlanTags); err != nil {
		return nil, err
	}
	document, err := planDocument(in.BackupPlan, nil)
	if err != nil {
		return nil, err
	}
	plan := state.BackupPlan{
		ID: uuid.NewString(), AccountID: c.AccountID, Region: c.Region, Name: *document.BackupPlanName,
		VersionID: newVersionID(), CreatorRequestID: request, Document: document, Tags: in.BackupPlanTags,
	}
	plan.ARN = planARN(c, plan.ID)
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		plans, err := tx.BackupPlans(ctx, c.AccountID, c.Region, false, state.Cursor{}, 0)
		if err != nil {
			return err
		}
		for _, there := range plans {
			switch {
			case request != "" && there.CreatorRequestID == request:
				plan = there
				return nil
			case there.OrganizationID == "" && sameDocument(there.Document, document):
				return alreadyExists("Backup plan with the same plan document already exists", there.ARN, there.CreatorRequestID)
			}
		}
		if len(plans) >= rules.MaxPlans {
			return limitExceeded("You have reached the limit of %d backup plans.", rules.MaxPlans)
		}
		plan.CreatedAt, plan.UpdatedAt = tx.Now, tx.Now
		schedules, err := schedulesOf(plan, tx.Now.Time())
		if err != nil {
			return err
		}
		if err := tx.InsertBackupPlan(ctx, plan, schedules); err != nil {
			return err
		}
		return s.PutEvent.Plan(ctx, tx, plan, backupevent.Created)
	})
	if err != nil {
		return nil, err
	}
	return &backup.CreateBackupPlanOutput{
		BackupPlanId: &plan.ID, BackupPlanArn: &plan.ARN, VersionId: &plan.VersionID, CreationDate: plan.CreatedAt.Ptr(),
		AdvancedBackupSettings: plan.Document.AdvancedBackupSettings,
	}, nil
}

// sameDocument compares two documents but for their rules' ids.
func sameDocument(a, b types.BackupPlan) bool {
	bare := func(p types.BackupPlan) string {
		p.Rules = append([]types.BackupRule(nil), p.Rules...)
		for i := range p.Rules {
			p.Rules[i].RuleId = nil
		}
		text, _ := json.Marshal(p)
		return string(text)
	}
	return bare(a) == bare(b)
}

// schedulesOf says when each rule of a plan runs next.
func schedulesOf(plan state.BackupPlan, now time.Time) ([]state.RuleSchedule, error) {
	var all []state.RuleSchedule
	for _, r := range plan.Document.Rules {
		next, err := nextRun(r, now)
		if err != nil {
			return nil, err
		}
		if !next.IsZero() {
			all = append(all, state.RuleSchedule{PlanID: plan.ID, RuleID: *r.RuleId, NextRunAt: state.MicrosOf(next)})
		}
	}
	return all, nil
}

// reschedule says when each rule of a plan runs next whose document was another before. A rule whose schedule did not change
// keeps its next run: it may be due, and not have been made yet.
func reschedule(ctx context.Context, tx *state.Tx, plan state.BackupPlan, before types.BackupPlan) ([]state.RuleSchedule, error) {
	schedules, err := schedulesOf(plan, tx.Now.Time())
	if err != nil {
		return nil, err
	}
	pending, err := tx.RuleSchedules(ctx, plan.ID)
	for _, p := range pending {
		if !state.SameSchedule(plan.Document, before, p.RuleID) {
			continue
		}
		for i := range schedules {
			if schedules[i].RuleID == p.RuleID {
				schedules[i].NextRunAt = p.NextRunAt
			}
		}
	}
	return schedules, err
}

func nextRun(r types.BackupRule, after time.Time) (time.Time, error) {
	schedule, err := rules.ParseSchedule(*r.ScheduleExpression)
	if err != nil {
		return time.Time{}, err
	}
	zone, err := time.LoadLocation(*r.ScheduleExpressionTimezone)
	if err != nil {
		return time.Time{}, err
	}
	return schedule.Next(after, zone), nil
}

func (s *Service) getPlanAccess(ctx context.Context, c *api.Caller, in *backup.GetBackupPlanInput) ([]api.Access, error) {
	return one(s.onPlan(ctx, c, "GetBackupPlan", in.BackupPlanId))
}

// mostPreviewedRuns is how many runs GetBackupPlan tells ahead.
const mostPreviewedRuns = 10

// GetBackupPlan reads a plan, or one version of it.
func (s *Service) GetBackupPlan(ctx context.Context, c *api.Caller, in *backup.GetBackupPlanInput) (*backup.GetBackupPlanOutput, error) {
	if in.MaxScheduledRunsPreview < 0 || in.MaxScheduledRunsPreview > mostPreviewedRuns {
		return nil, invalid("MaxScheduledRunsPreview must be between 0 and %d.", mostPreviewedRuns)
	}
	out := &backup.GetBackupPlanOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		plan, version, err := findPlanVersion(ctx, tx, c, *in.BackupPlanId, in.VersionId)
		if err != nil {
			return err
		}
		*out = backup.GetBackupPlanOutput{
			BackupPlan: &version.Document, BackupPlanId: &plan.ID, BackupPlanArn: &plan.ARN, VersionId: &version.VersionID,
			CreatorRequestId: optional(plan.CreatorRequestID), CreationDate: version.CreatedAt.Ptr(), DeletionDate: version.DeletedAt.Ptr(),
			LastExecutionDate: plan.ExecutedAt.Ptr(), AdvancedBackupSettings: version.Document.AdvancedBackupSettings,
		}
		out.ScheduledRunsPreview, err = preview(version.Document, tx.Now.Time(), int(in.MaxScheduledRunsPreview))
		return err
	})
}

// findPlanVersion reads the current version of a plan, or the one named, which may be deleted.
func findPlanVersion(ctx context.Context, tx *state.Tx, c *api.Caller, id string, versionID *string) (state.BackupPlan, state.BackupPlanVersion, error) {
	plan, err := tx.BackupPlan(ctx, id)
	if errors.Is(err, state.ErrNotFound) || err == nil && (plan.AccountID != c.AccountID || plan.Region != c.Region || plan.DeletedAt != 0 && versionID == nil) {
		return plan, state.BackupPlanVersion{}, planNotFound()
	} else if err != nil {
		return plan, state.BackupPlanVersion{}, err
	}
	wanted := plan.VersionID
	if versionID != nil {
		wanted = *versionID
	}
	version, err := tx.BackupPlanVersion(ctx, id, wanted)
	if errors.Is(err, state.ErrNotFound) {
		return plan, version, planNotFound()
	}
	return plan, version, err
}

// preview tells the next runs of a plan's rules, in order.
func preview(document types.BackupPlan, now time.Time, n int) ([]types.ScheduledPlanExecutionMember, error) {
	next := make([]time.Time, len(document.Rules))
	for i, r := range document.Rules {
		at, err := nextRun(r, now)
		if err != nil {
			return nil, err
		}
		next[i] = at
	}
	var runs []types.ScheduledPlanExecutionMember
	for range n {
		first := -1
		for i, at := range next {
			if !at.IsZero() && (first < 0 || at.Before(next[first])) {
				first = i
			}
		}
		if first < 0 {
			break
		}
		rule := document.Rules[first]
		runs = append(runs, types.ScheduledPlanExecutionMember{
			ExecutionTime: aws.Time(next[first].UTC()), RuleId: rule.RuleId, RuleExecutionType: types.RuleExecutionTypeSnapshots,
		})
		at, err := nextRun(rule, next[first])
		if err != nil {
			return nil, err
		}
		next[first] = at
	}
	return runs, nil
}

func (s *Service) updatePlanAccess(ctx context.Context, c *api.Caller, in *backup.UpdateBackupPlanInput) ([]api.Access, error) {
	return one(s.onPlan(ctx, c, "UpdateBackupPlan", in.BackupPlanId))
}

// UpdateBackupPlan gives a plan a new version. Rules keep their ids by their names.
func (s *Service) UpdateBackupPlan(ctx context.Context, c *api.Caller, in *backup.UpdateBackupPlanInput) (*backup.UpdateBackupPlanOutput, error) {
	var plan state.BackupPlan
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if plan, err = findPlan(ctx, tx, c, *in.BackupPlanId); err != nil {
			return err
		}
		if plan.OrganizationID != "" {
			return ofOrganization("Backup plan cannot be updated for", plan)
		}
		versions, err := tx.BackupPlanVersions(ctx, plan.ID, state.Cursor{}, rules.MaxPlanVersions)
		if err != nil {
			return err
		}
		if len(versions) >= rules.MaxPlanVersions {
			return limitExceeded("You have reached the limit of %d versions of a backup plan.", rules.MaxPlanVersions)
		}
		before := plan.Document
		if plan.Document, err = planDocument(in.BackupPlan, plan.Document.Rules); err != nil {
			return err
		}
		plan.Name, plan.VersionID, plan.UpdatedAt = *plan.Document.BackupPlanName, newVersionID(), tx.Now
		schedules, err := reschedule(ctx, tx, plan, before)
		if err != nil {
			return err
		}
		if err := tx.UpdateBackupPlan(ctx, plan, schedules); err != nil {
			return err
		}
		return s.PutEvent.Plan(ctx, tx, plan, backupevent.Modified)
	})
	if err != nil {
		return nil, err
	}
	return &backup.UpdateBackupPlanOutput{
		BackupPlanId: &plan.ID, BackupPlanArn: &plan.ARN, VersionId: &plan.VersionID, CreationDate: plan.UpdatedAt.Ptr(),
		AdvancedBackupSettings: plan.Document.AdvancedBackupSettings,
	}, nil
}

func (s *Service) deletePlanAccess(ctx context.Context, c *api.Caller, in *backup.DeleteBackupPlanInput) ([]api.Access, error) {
	return one(s.onPlan(ctx, c, "DeleteBackupPlan", in.BackupPlanId))
}

// DeleteBackupPlan ends a plan without selections. Its recovery points stay, as do its earlier versions.
func (s *Service) DeleteBackupPlan(ctx context.Context, c *api.Caller, in *backup.DeleteBackupPlanInput) (*backup.DeleteBackupPlanOutput, error) {
	out := &backup.DeleteBackupPlanOutput{}
	return out, s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		plan, err := findPlan(ctx, tx, c, *in.BackupPlanId)
		if err != nil {
			return err
		}
		if plan.OrganizationID != "" {
			return ofOrganization("Backup plan cannot be deleted for", plan)
		}
		selections, err := tx.BackupSelections(ctx, plan.ID, state.Cursor{}, 1)
		if err != nil {
			return err
		}
		if len(selections) > 0 {
			return invalidRequest("Related backup plan selections must be deleted prior to backup plan deletion")
		}
		*out = backup.DeleteBackupPlanOutput{BackupPlanId: &plan.ID, BackupPlanArn: &plan.ARN, VersionId: &plan.VersionID, DeletionDate: tx.Now.Ptr()}
		if err := tx.DeleteBackupPlan(ctx, plan.ID); err != nil {
			return err
		}
		return s.PutEvent.Plan(ctx, tx, plan, backupevent.Deleted)
	})
}

// ListBackupPlans lists the caller's plans, newest first.
func (s *Service) ListBackupPlans(ctx context.Context, c *api.Caller, in *backup.ListBackupPlansInput) (*backup.ListBackupPlansOutput, error) {
	p, err := s.page(c, "ListBackupPlans", in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &backup.ListBackupPlansOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		plans, err := tx.BackupPlans(ctx, c.AccountID, c.Region, aws.ToBool(in.IncludeDeleted), p.after, p.limit+1)
		out.BackupPlansList, out.NextToken = cut(p, plans, func(b state.BackupPlan) state.Cursor { return state.Cursor{At: b.CreatedAt, ID: b.ID} },
			func(b state.BackupPlan) types.BackupPlansListMember {
				return types.BackupPlansListMember{
					BackupPlanArn: &b.ARN, BackupPlanId: &b.ID, BackupPlanName: &b.Name, VersionId: &b.VersionID,
					CreationDate: b.CreatedAt.Ptr(), DeletionDate: b.DeletedAt.Ptr(), LastExecutionDate: b.ExecutedAt.Ptr(),
					CreatorRequestId: optional(b.CreatorRequestID), AdvancedBackupSettings: b.Document.AdvancedBackupSettings,
				}
			})
		return err
	})
}

func (s *Service) listPlanVersionsAccess(ctx context.Context, c *api.Caller, in *backup.ListBackupPlanVersionsInput) ([]api.Access, error) {
	return one(s.onPlan(ctx, c, "ListBackupPlanVersions", in.BackupPlanId))
}

// ListBackupPlanVersions lists the versions of a plan, newest first.
func (s *Service) ListBackupPlanVersions(ctx context.Context, c *api.Caller, in *backup.ListBackupPlanVersionsInput) (*backup.ListBackupPlanVersionsOutput, error) {
	p, err := s.page(c, "ListBackupPlanVersions:"+*in.BackupPlanId, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &backup.ListBackupPlanVersionsOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		plan, err := findPlan(ctx, tx, c, *in.BackupPlanId)
		if err != nil {
			return err
		}
		versions, err := tx.BackupPlanVersions(ctx, plan.ID, p.after, p.limit+1)
		out.BackupPlanVersionsList, out.NextToken = cut(p, versions,
			func(v state.BackupPlanVersion) state.Cursor { return state.Cursor{At: v.CreatedAt, ID: v.VersionID} },
			func(v state.BackupPlanVersion) types.BackupPlansListMember {
				return types.BackupPlansListMember{
					BackupPlanArn: &plan.ARN, BackupPlanId: &plan.ID, BackupPlanName: v.Document.BackupPlanName, VersionId: &v.VersionID,
					CreationDate: v.CreatedAt.Ptr(), DeletionDate: v.DeletedAt.Ptr(), AdvancedBackupSettings: v.Document.AdvancedBackupSettings,
				}
			})
		return err
	})
}
