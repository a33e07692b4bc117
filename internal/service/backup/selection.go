package backup

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/google/uuid"

	"strongroom/internal/api"
	"strongroom/internal/state"
	"strongroom/rules"
)

func (s *Service) createSelectionAccess(ctx context.Context, c *api.Caller, in *backup.CreateBackupSelectionInput) ([]api.Access, error) {
	if in.BackupSelection == nil {
		return nil, missing("BackupSelection")
	}
	plan, err := s.onPlan(ctx, c, "CreateBackupSelection", in.BackupPlanId)
	if err != nil {
		return nil, err
	}
	role, err := passRole(c, in.BackupSelection.IamRoleArn)
	return []api.Access{plan, role}, err
}

// CreateBackupSelection assigns resources to a plan. The role must be the service's to assume, and for tags must be able
// to read them.
func (s *Service) CreateBackupSelection(ctx context.Context, c *api.Caller, in *backup.CreateBackupSelectionInput) (*backup.CreateBackupSelectionOutput, error) {
	document, request := *in.BackupSelection, aws.ToString(in.CreatorRequestId)
	if err := checkSelection(document); err != nil {
		return nil, err
	}
	if request != "" && !rules.NamePattern.MatchString(request) {
		return nil, invalid("Invalid CreatorRequestId %q.", request)
	}
	service := api.ServiceCaller(principal, c.AccountID, c.Region)
	service.SourceARN = planARN(c, *in.BackupPlanId)
	role, err := s.AssumeForService(ctx, service, *document.IamRoleArn, "AWSBackup-CreateBackupSelection")
	if err != nil {
		if api.Code(err) == "" {
			return nil, err
		}
		return nil, refused(rules.RoleNotAssumed.Refuse(rules.Values{"role": *document.IamRoleArn, "account": c.AccountID}))
	}
	if len(document.ListOfTags) > 0 || document.Conditions != nil {
		err := s.Door.Authorize(ctx, role.In(c.Region), "backup", api.Access{
			Action: "tag:GetResources", Resource: "*",
			DeniedAs: func(string) *api.Error {
				denied := rules.TagSelectionDenied.Refuse(rules.Values{"role": *document.IamRoleArn, "account": c.AccountID})
				return coded(refused(denied), rules.TagSelectionDenied.Error.Number, *document.IamRoleArn)
			},
		})
		if err != nil {
			return nil, err
		}
	}
	selection := state.BackupSelection{
		PlanID: *in.BackupPlanId, ID: uuid.NewString(), Name: *document.SelectionName, IAMRoleARN: *document.IamRoleArn,
		CreatorRequestID: request, Document: document,
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		plan, err := findPlan(ctx, tx, c, selection.PlanID)
		if err != nil {
			return err
		}
		if plan.OrganizationID != "" {
			return ofOrganization("Cannot create selection for", plan)
		}
		there, err := tx.BackupSelections(ctx, selection.PlanID, state.Cursor{}, 0)
		if err != nil {
			return err
		}
		for _, other := range there {
			if request != "" && other.CreatorRequestID == request {
				selection = other
				return nil
			}
			if other.Name == selection.Name {
				return alreadyExists("Backup selection with the same name already exists", "", other.CreatorRequestID)
			}
		}
		if len(there) >= rules.MaxSelectionsPerPlan {
			return limitExceeded("You have reached the limit of %d selections of a backup plan.", rules.MaxSelectionsPerPlan)
		}
		selection.CreatedAt = tx.Now
		return tx.InsertBackupSelection(ctx, selection)
	})
	if err != nil {
		return nil, err
	}
	return &backup.CreateBackupSelectionOutput{SelectionId: &selection.ID, BackupPlanId: &selection.PlanID, CreationDate: selection.CreatedAt.Ptr()}, nil
}

func checkSelection(in types.BackupSelection) error {
	switch name := aws.ToString(in.SelectionName); {
	case name == "":
		return missing("SelectionName")
	case !rules.NamePattern.MatchString(name):
		return invalid("Invalid SelectionName %q: it may hold 1 to 50 letters, digits, hyphens, underscores and dots.", name)
	}
	return checkAssignment(in)
}

// resourceTag stands before the tag's key in conditions.
const resourceTag = "aws:ResourceTag/"

// checkAssignment checks what a selection takes.
func checkAssignment(in types.BackupSelection) error {
	for _, t := range in.ListOfTags {
		switch {
		case t.ConditionType != types.ConditionTypeStringequals:
			return invalid("Invalid ConditionType %q in ListOfTags: only STRINGEQUALS is supported.", t.ConditionType)
		case aws.ToString(t.ConditionKey) == "":
			return missing("ConditionKey")
		case t.ConditionValue == nil:
			return missing("ConditionValue")
		}
	}
	if conditions := in.Conditions; conditions != nil {
		for _, list := range [][]types.ConditionParameter{conditions.StringEquals, conditions.StringNotEquals, conditions.StringLike, conditions.StringNotLike} {
			for _, p := range list {
				if key := strings.TrimPrefix(aws.ToString(p.ConditionKey), resourceTag); key == aws.ToString(p.ConditionKey) || key == "" {
					return invalid("Invalid ConditionKey %q in Conditions: it must begin with %s.", aws.ToString(p.ConditionKey), resourceTag)
				}
			}
		}
	}
	if in.Resources == nil && in.ListOfTags == nil && in.Conditions == nil {
		return refused(rules.SelectionNull.Refuse(nil))
	}
	err := state.SelectionOf(in).Validate()
	if refusal, is := errors.AsType[*rules.Refusal](err); is {
		return refused(refusal)
	} else if err != nil {
		return invalid("%s", err)
	}
	return nil
}

// findSelection reads a selection of a plan.
func findSelection(ctx context.Context, tx *state.Tx, plan state.BackupPlan, id string) (state.BackupSelection, error) {
	selection, err := tx.BackupSelection(ctx, plan.ID, id)
	if errors.Is(err, state.ErrNotFound) {
		return selection, notFound("Cannot find selection with id %s in backup plan %s.", id, plan.ID)
	}
	return selection, err
}

func (s *Service) getSelectionAccess(ctx context.Context, c *api.Caller, in *backup.GetBackupSelectionInput) ([]api.Access, error) {
	return one(s.onPlan(ctx, c, "GetBackupSelection", in.BackupPlanId))
}

// GetBackupSelection reads a selection.
func (s *Service) GetBackupSelection(ctx context.Context, c *api.Caller, in *backup.GetBackupSelectionInput) (*backup.GetBackupSelectionOutput, error) {
	out := &backup.GetBackupSelectionOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		plan, err := findPlan(ctx, tx, c, *in.BackupPlanId)
		if err != nil {
			return err
		}
		selection, err := findSelection(ctx, tx, plan, aws.ToString(in.SelectionId))
		*out = backup.GetBackupSelectionOutput{
			BackupPlanId: &selection.PlanID, SelectionId: &selection.ID, BackupSelection: &selection.Document,
			CreationDate: selection.CreatedAt.Ptr(), CreatorRequestId: optional(selection.CreatorRequestID),
		}
		return err
	})
}

func (s *Service) deleteSelectionAccess(ctx context.Context, c *api.Caller, in *backup.DeleteBackupSelectionInput) ([]api.Access, error) {
	return one(s.onPlan(ctx, c, "DeleteBackupSelection", in.BackupPlanId))
}

// DeleteBackupSelection takes resources from a plan again.
func (s *Service) DeleteBackupSelection(ctx context.Context, c *api.Caller, in *backup.DeleteBackupSelectionInput) (*backup.DeleteBackupSelectionOutput, error) {
	return &backup.DeleteBackupSelectionOutput{}, s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		plan, err := findPlan(ctx, tx, c, *in.BackupPlanId)
		if err != nil {
			return err
		}
		selection, err := findSelection(ctx, tx, plan, aws.ToString(in.SelectionId))
		if err != nil {
			return err
		}
		if plan.OrganizationID != "" {
			return ofOrganization("Cannot delete selection for", plan)
		}
		return tx.DeleteBackupSelection(ctx, selection.PlanID, selection.ID)
	})
}

func (s *Service) listSelectionsAccess(ctx context.Context, c *api.Caller, in *backup.ListBackupSelectionsInput) ([]api.Access, error) {
	return one(s.onPlan(ctx, c, "ListBackupSelections", in.BackupPlanId))
}

// ListBackupSelections lists the selections of a plan, newest first.
func (s *Service) ListBackupSelections(ctx context.Context, c *api.Caller, in *backup.ListBackupSelectionsInput) (*backup.ListBackupSelectionsOutput, error) {
	p, err := s.page(c, "ListBackupSelections:"+*in.BackupPlanId, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &backup.ListBackupSelectionsOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		if _, err := findPlan(ctx, tx, c, *in.BackupPlanId); err != nil {
			return err
		}
		selections, err := tx.BackupSelections(ctx, *in.BackupPlanId, p.after, p.limit+1)
		out.BackupSelectionsList, out.NextToken = cut(p, selections,
			func(b state.BackupSelection) state.Cursor { return state.Cursor{At: b.CreatedAt, ID: b.ID} },
			func(b state.BackupSelection) types.BackupSelectionsListMember {
				return types.BackupSelectionsListMember{
					SelectionId: &b.ID, SelectionName: &b.Name, BackupPlanId: &b.PlanID, IamRoleArn: &b.IAMRoleARN,
					CreationDate: b.CreatedAt.Ptr(), CreatorRequestId: optional(b.CreatorRequestID),
				}
			})
		return err
	})
}
