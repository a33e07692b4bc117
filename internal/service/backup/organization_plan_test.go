package backup_test

import (
	"context"
	"testing"

	awsbackup "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/internal/state"
)

// TestOrganizationPlansAreTheOrganizations reads a plan that a backup policy made through every operation that reads plans,
// and cannot change it through any that changes them.
func TestOrganizationPlansAreTheOrganizations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, c := t.Context(), w.backup(member)
	role := w.role(member, "jobs", "service-role/AWSBackupServiceRolePolicyForBackup")
	const id = "orgs/544033d1-b19c-3f2a-9c20-40bcfa82ca68"
	arn := "arn:aws:backup:" + home + ":" + member + ":backup-plan:" + id
	plan := onePlan("handed-down")
	made, err := c.CreateBackupPlan(ctx, &awsbackup.CreateBackupPlanInput{BackupPlan: plan})
	must(t, err)
	selection := &types.BackupSelection{SelectionName: new("selectionall"), IamRoleArn: role, Resources: []string{"*"}}
	w.update(func(ctx context.Context, tx *state.Tx) error {
		p, err := tx.BackupPlan(ctx, *made.BackupPlanId)
		must(t, err)
		must(t, tx.DeleteBackupPlan(ctx, p.ID))
		p.ID, p.ARN, p.OrganizationID = id, arn, "o-a1b2c3d4e5"
		must(t, tx.InsertBackupPlan(ctx, p, nil))
		return tx.InsertBackupSelection(ctx, state.BackupSelection{PlanID: id, ID: "S", Name: *selection.SelectionName, IAMRoleARN: *role, Document: *selection})
	})

	got, err := c.GetBackupPlan(ctx, &awsbackup.GetBackupPlanInput{BackupPlanId: new(id)})
	must(t, err)
	if *got.BackupPlanArn != arn || *got.BackupPlan.BackupPlanName != "handed-down" {
		t.Errorf("the plan is %s, %s", *got.BackupPlanArn, *got.BackupPlan.BackupPlanName)
	}
	versions, err := c.ListBackupPlanVersions(ctx, &awsbackup.ListBackupPlanVersionsInput{BackupPlanId: new(id)})
	must(t, err)
	selections, err := c.ListBackupSelections(ctx, &awsbackup.ListBackupSelectionsInput{BackupPlanId: new(id)})
	must(t, err)
	if len(versions.BackupPlanVersionsList) != 1 || len(selections.BackupSelectionsList) != 1 {
		t.Errorf("the plan has %d versions and %d selections", len(versions.BackupPlanVersionsList), len(selections.BackupSelectionsList))
	}
	_, err = c.GetBackupSelection(ctx, &awsbackup.GetBackupSelectionInput{BackupPlanId: new(id), SelectionId: new("S")})
	must(t, err)

	for what, change := range map[string]func() error{
		"Backup plan cannot be updated for backup plan " + id + " created by organizations": func() error {
			_, err := c.UpdateBackupPlan(ctx, &awsbackup.UpdateBackupPlanInput{BackupPlanId: new(id), BackupPlan: onePlan("mine")})
			return err
		},
		"Backup plan cannot be deleted for backup plan " + id + " created by organizations": func() error {
			_, err := c.DeleteBackupPlan(ctx, &awsbackup.DeleteBackupPlanInput{BackupPlanId: new(id)})
			return err
		},
		"Cannot create selection for backup plan " + id + " created by organizations": func() error {
			_, err := c.CreateBackupSelection(ctx, &awsbackup.CreateBackupSelectionInput{BackupPlanId: new(id), BackupSelection: &types.BackupSelection{SelectionName: new("mine"), IamRoleArn: role, Resources: []string{"*"}}})
			return err
		},
		"Cannot delete selection for backup plan " + id + " created by organizations": func() error {
			_, err := c.DeleteBackupSelection(ctx, &awsbackup.DeleteBackupSelectionInput{BackupPlanId: new(id), SelectionId: new("S")})
			return err
		},
		"Tags cannot be changed for backup plan " + id + " created by organizations": func() error {
			_, err := c.TagResource(ctx, &awsbackup.TagResourceInput{ResourceArn: new(arn), Tags: map[string]string{"mine": "yes"}})
			return err
		},
	} {
		refused(t, change(), "InvalidParameterValueException", what)
	}
	_, err = w.backup(other).DeleteBackupPlan(ctx, &awsbackup.DeleteBackupPlanInput{BackupPlanId: new(id)})
	refused(t, err, "ResourceNotFoundException", "")

	// A plan of the same document is the account's own to make.
	_, err = c.CreateBackupPlan(ctx, &awsbackup.CreateBackupPlanInput{BackupPlan: plan})
	must(t, err)
}
