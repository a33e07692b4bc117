package state

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/rules"
)

// BackupSelection assigns resources to a plan.
type BackupSelection struct {
	PlanID           string                `db:"plan_id"`
	ID               string                `db:"id"`
	Name             string                `db:"name"`
	IAMRoleARN       string                `db:"iam_role_arn"`
	CreatorRequestID string                `db:"creator_request_id"`
	CreatedAt        Micros                `db:"created_at"`
	Document         types.BackupSelection `db:"document,json"`
}

// SelectionOf reads the API's selection. ListOfTags has bare keys, conditions have keys of the form aws:ResourceTag/key.
func SelectionOf(s types.BackupSelection) rules.Selection {
	selection := rules.Selection{Resources: s.Resources, NotResources: s.NotResources}
	for _, c := range s.ListOfTags {
		selection.ListOfTags = append(selection.ListOfTags, rules.Tag{Key: aws.ToString(c.ConditionKey), Value: aws.ToString(c.ConditionValue)})
	}
	if s.Conditions == nil {
		return selection
	}
	for _, part := range []struct {
		to   *[]rules.Tag
		from []types.ConditionParameter
	}{
		{&selection.StringEquals, s.Conditions.StringEquals},
		{&selection.StringNotEquals, s.Conditions.StringNotEquals},
		{&selection.StringLike, s.Conditions.StringLike},
		{&selection.StringNotLike, s.Conditions.StringNotLike},
	} {
		for _, c := range part.from {
			key := strings.TrimPrefix(aws.ToString(c.ConditionKey), "aws:ResourceTag/")
			*part.to = append(*part.to, rules.Tag{Key: key, Value: aws.ToString(c.ConditionValue)})
		}
	}
	return selection
}

// InsertBackupSelection adds a selection; [ErrExists] if the plan has one of the name.
func (tx *Tx) InsertBackupSelection(ctx context.Context, s BackupSelection) error {
	return insertRow(ctx, tx, "backup_selections", s)
}

// BackupSelection reads one selection of a plan.
func (tx *Tx) BackupSelection(ctx context.Context, planID, id string) (BackupSelection, error) {
	return queryOne(ctx, tx, scanRow[BackupSelection], selectRow[BackupSelection]("backup_selections")+
		"WHERE plan_id = $1 AND id = $2", planID, id)
}

// BackupSelections lists a plan's selections, newest first.
func (tx *Tx) BackupSelections(ctx context.Context, planID string, after Cursor, limit int) ([]BackupSelection, error) {
	return page[BackupSelection](ctx, tx, "backup_selections", "created_at", "id",
		new(filter).add("plan_id = ?", planID), after, limit)
}

// DeleteBackupSelections removes all selections of a plan.
func (tx *Tx) DeleteBackupSelections(ctx context.Context, planID string) error {
	_, err := tx.exec(ctx, `DELETE FROM backup_selections WHERE plan_id = $1`, planID)
	return err
}

// SelectionsOfAccount lists the selections of the plans that an account made itself, in all Regions.
func (tx *Tx) SelectionsOfAccount(ctx context.Context, accountID string) ([]BackupSelection, error) {
	return selectWhere[BackupSelection](ctx, tx, "backup_selections", new(filter).
		add("plan_id IN (SELECT id FROM backup_plans WHERE account_id = ? AND organization_id = '')", accountID), "ORDER BY created_at, id")
}

// DeleteBackupSelection removes a selection.
func (tx *Tx) DeleteBackupSelection(ctx context.Context, planID, id string) error {
	return tx.execOne(ctx, `DELETE FROM backup_selections WHERE plan_id = $1 AND id = $2`, planID, id)
}
