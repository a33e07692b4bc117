package backup_test

import (
	"encoding/json"
	"testing"

	awsbackup "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/google/go-cmp/cmp"
)

// templateStory lists the templates and makes a plan of each: what a template answers is a plan's input.
func templateStory(t *testing.T, c *awsbackup.Client) {
	t.Helper()
	ctx := t.Context()
	var names []string
	for p := awsbackup.NewListBackupPlanTemplatesPaginator(c, &awsbackup.ListBackupPlanTemplatesInput{MaxResults: new(int32(3))}); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		must(t, err)
		for _, m := range out.BackupPlanTemplatesList {
			names = append(names, *m.BackupPlanTemplateName)
			read, err := c.GetBackupPlanFromTemplate(ctx, &awsbackup.GetBackupPlanFromTemplateInput{BackupPlanTemplateId: m.BackupPlanTemplateId})
			must(t, err)
			text, err := json.Marshal(read.BackupPlanDocument)
			must(t, err)
			var input types.BackupPlanInput
			must(t, json.Unmarshal(text, &input))
			plan, err := c.CreateBackupPlan(ctx, &awsbackup.CreateBackupPlanInput{BackupPlan: &input})
			must(t, err)
			_, err = c.DeleteBackupPlan(ctx, &awsbackup.DeleteBackupPlanInput{BackupPlanId: plan.BackupPlanId})
			must(t, err)
		}
	}
	want := []string{"Daily-35day-Retention", "Daily-Monthly-1yr-Retention", "Daily-Weekly-Monthly-5yr-Retention", "Daily-Weekly-Monthly-7yr-Retention"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("templates (-want +got):\n%s", diff)
	}
	_, err := c.GetBackupPlanFromTemplate(ctx, &awsbackup.GetBackupPlanFromTemplateInput{BackupPlanTemplateId: new("none")})
	refused(t, err, "ResourceNotFoundException", "none")
}
