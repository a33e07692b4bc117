package backup_test

import (
	"context"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	awsbackup "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	smithy "github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/state"
)

// TestEveryOperationThroughTheSDK tells one story in which each operation of the table is called by a real client.
func TestEveryOperationThroughTheSDK(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	called := map[string]bool{}
	note := func(o *awsbackup.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *smithy.Stack) error {
			return stack.Initialize.Add(smithy.InitializeMiddlewareFunc("note", func(ctx context.Context, in smithy.InitializeInput, next smithy.InitializeHandler) (smithy.InitializeOutput, smithy.Metadata, error) {
				called[middleware.GetOperationName(ctx)] = true
				return next.HandleInitialize(ctx, in)
			}), smithy.After)
		})
	}
	c := awsbackup.NewFromConfig(w.config(member, home), note)
	boss := awsbackup.NewFromConfig(w.config(management, home), note)
	role := w.role(member, "AWSBackupRole", "service-role/AWSBackupServiceRolePolicyForBackup")

	// Vaults
	vault, err := c.CreateBackupVault(ctx, &awsbackup.CreateBackupVaultInput{BackupVaultName: new("local"), BackupVaultTags: map[string]string{"team": "blue"}, CreatorRequestId: new("once")})
	must(t, err)
	again, err := c.CreateBackupVault(ctx, &awsbackup.CreateBackupVaultInput{BackupVaultName: new("local"), CreatorRequestId: new("once")})
	must(t, err)
	if *again.BackupVaultArn != *vault.BackupVaultArn || *vault.BackupVaultArn != "arn:aws:backup:eu-central-1:111111111111:backup-vault:local" {
		t.Errorf("vault %s, then %s", *vault.BackupVaultArn, *again.BackupVaultArn)
	}
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"backup:DeleteRecoveryPoint","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/keep":"yes"}}}]}`
	_, err = c.PutBackupVaultAccessPolicy(ctx, &awsbackup.PutBackupVaultAccessPolicyInput{BackupVaultName: new("local"), Policy: &policy})
	must(t, err)
	read, err := c.GetBackupVaultAccessPolicy(ctx, &awsbackup.GetBackupVaultAccessPolicyInput{BackupVaultName: new("local")})
	must(t, err)
	if *read.Policy != policy {
		t.Errorf("the policy reads %s", *read.Policy)
	}
	_, err = c.DeleteBackupVaultAccessPolicy(ctx, &awsbackup.DeleteBackupVaultAccessPolicyInput{BackupVaultName: new("local")})
	must(t, err)
	_, err = c.GetBackupVaultAccessPolicy(ctx, &awsbackup.GetBackupVaultAccessPolicyInput{BackupVaultName: new("local")})
	refused(t, err, "ResourceNotFoundException", "local")
	_, err = c.PutBackupVaultLockConfiguration(ctx, &awsbackup.PutBackupVaultLockConfigurationInput{BackupVaultName: new("local"), MinRetentionDays: new(int64(7)), MaxRetentionDays: new(int64(35))})
	must(t, err)
	described, err := c.DescribeBackupVault(ctx, &awsbackup.DescribeBackupVaultInput{BackupVaultName: new("local")})
	must(t, err)
	if !*described.Locked || *described.MinRetentionDays != 7 || described.LockDate != nil || described.EncryptionKeyArn == nil || described.EncryptionKeyType != "" || !described.CreationDate.Equal(start) {
		t.Errorf("the vault is %+v", described)
	}
	_, err = c.DeleteBackupVaultLockConfiguration(ctx, &awsbackup.DeleteBackupVaultLockConfigurationInput{BackupVaultName: new("local")})
	must(t, err)
	for _, name := range []string{"another", "gone"} {
		w.vault(member, name)
	}
	_, err = c.DeleteBackupVault(ctx, &awsbackup.DeleteBackupVaultInput{BackupVaultName: new("gone")})
	must(t, err)
	var names []string
	for p := awsbackup.NewListBackupVaultsPaginator(c, &awsbackup.ListBackupVaultsInput{MaxResults: new(int32(1))}); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		must(t, err)
		for _, v := range out.BackupVaultList {
			names = append(names, *v.BackupVaultName)
		}
	}
	if diff := cmp.Diff([]string{"another", "local"}, names); diff != "" {
		t.Errorf("vaults (-want +got):\n%s", diff)
	}

	// Plans and selections
	input := &types.BackupPlanInput{
		BackupPlanName: new("simple"),
		Rules: []types.BackupRuleInput{{
			RuleName: new("daily"), TargetBackupVaultName: new("local"), ScheduleExpression: new("cron(0 3 ? * * *)"), ScheduleExpressionTimezone: new("Europe/Berlin"),
			Lifecycle:         &types.Lifecycle{DeleteAfterDays: new(int64(35))},
			CopyActions:       []types.CopyAction{{DestinationBackupVaultArn: new("arn:aws:backup:eu-north-1:222222222222:backup-vault:central"), Lifecycle: &types.Lifecycle{DeleteAfterDays: new(int64(14))}}},
			RecoveryPointTags: map[string]string{"by": "plan"},
		}},
		AdvancedBackupSettings: []types.AdvancedBackupSetting{{ResourceType: new("S3"), BackupOptions: map[string]string{"BackupACLs": "disabled"}}},
	}
	plan, err := c.CreateBackupPlan(ctx, &awsbackup.CreateBackupPlanInput{BackupPlan: input, BackupPlanTags: map[string]string{"team": "blue"}})
	must(t, err)
	got, err := c.GetBackupPlan(ctx, &awsbackup.GetBackupPlanInput{BackupPlanId: plan.BackupPlanId, MaxScheduledRunsPreview: 2})
	must(t, err)
	rule := got.BackupPlan.Rules[0]
	if *rule.StartWindowMinutes != 480 || *rule.CompletionWindowMinutes != 10080 || *rule.RuleId == "" || *rule.CopyActions[0].Lifecycle.DeleteAfterDays != 14 {
		t.Errorf("the rule is %+v", rule)
	}
	runs := []time.Time{*got.ScheduledRunsPreview[0].ExecutionTime, *got.ScheduledRunsPreview[1].ExecutionTime}
	if diff := cmp.Diff([]time.Time{time.Date(2026, 1, 16, 2, 0, 0, 0, time.UTC), time.Date(2026, 1, 17, 2, 0, 0, 0, time.UTC)}, runs); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	input.Rules[0].ScheduleExpression = new("cron(0 4 ? * * *)")
	w.clock.Advance(time.Minute)
	updated, err := c.UpdateBackupPlan(ctx, &awsbackup.UpdateBackupPlanInput{BackupPlanId: plan.BackupPlanId, BackupPlan: input})
	must(t, err)
	current, err := c.GetBackupPlan(ctx, &awsbackup.GetBackupPlanInput{BackupPlanId: plan.BackupPlanId})
	must(t, err)
	if *current.VersionId != *updated.VersionId || *updated.VersionId == *plan.VersionId || *current.BackupPlan.Rules[0].RuleId != *rule.RuleId {
		t.Errorf("version %s of %s, rule %s was %s", *current.VersionId, *plan.VersionId, *current.BackupPlan.Rules[0].RuleId, *rule.RuleId)
	}
	earlier, err := c.GetBackupPlan(ctx, &awsbackup.GetBackupPlanInput{BackupPlanId: plan.BackupPlanId, VersionId: plan.VersionId})
	must(t, err)
	if *earlier.BackupPlan.Rules[0].ScheduleExpression != "cron(0 3 ? * * *)" {
		t.Errorf("the first version has schedule %s", *earlier.BackupPlan.Rules[0].ScheduleExpression)
	}
	versions, err := c.ListBackupPlanVersions(ctx, &awsbackup.ListBackupPlanVersionsInput{BackupPlanId: plan.BackupPlanId})
	must(t, err)
	if len(versions.BackupPlanVersionsList) != 2 || *versions.BackupPlanVersionsList[0].VersionId != *updated.VersionId {
		t.Errorf("%d versions", len(versions.BackupPlanVersionsList))
	}
	plans, err := c.ListBackupPlans(ctx, &awsbackup.ListBackupPlansInput{})
	must(t, err)
	if len(plans.BackupPlansList) != 1 || *plans.BackupPlansList[0].BackupPlanName != "simple" {
		t.Errorf("plans: %v", plans.BackupPlansList)
	}
	template, err := c.ExportBackupPlanTemplate(ctx, &awsbackup.ExportBackupPlanTemplateInput{BackupPlanId: plan.BackupPlanId})
	must(t, err)
	parsed, err := c.GetBackupPlanFromJSON(ctx, &awsbackup.GetBackupPlanFromJSONInput{BackupPlanTemplateJson: template.BackupPlanTemplateJson})
	must(t, err)
	if *parsed.BackupPlan.Rules[0].ScheduleExpression != "cron(0 4 ? * * *)" {
		t.Errorf("the template reads %v", parsed.BackupPlan)
	}
	selection, err := c.CreateBackupSelection(ctx, &awsbackup.CreateBackupSelectionInput{BackupPlanId: plan.BackupPlanId, BackupSelection: &types.BackupSelection{
		SelectionName: new("tagged"), IamRoleArn: role,
		ListOfTags: []types.Condition{{ConditionType: types.ConditionTypeStringequals, ConditionKey: new("backup"), ConditionValue: new("simple")}},
		Conditions: &types.Conditions{StringNotEquals: []types.ConditionParameter{{ConditionKey: new("aws:ResourceTag/stage"), ConditionValue: new("test")}}},
	}})
	must(t, err)
	oneSelection, err := c.GetBackupSelection(ctx, &awsbackup.GetBackupSelectionInput{BackupPlanId: plan.BackupPlanId, SelectionId: selection.SelectionId})
	must(t, err)
	if *oneSelection.BackupSelection.ListOfTags[0].ConditionValue != "simple" || *oneSelection.BackupSelection.Conditions.StringNotEquals[0].ConditionValue != "test" {
		t.Errorf("the selection is %+v", oneSelection.BackupSelection)
	}
	selections, err := c.ListBackupSelections(ctx, &awsbackup.ListBackupSelectionsInput{BackupPlanId: plan.BackupPlanId})
	must(t, err)
	if len(selections.BackupSelectionsList) != 1 || *selections.BackupSelectionsList[0].IamRoleArn != *role {
		t.Errorf("selections: %v", selections.BackupSelectionsList)
	}

	// Jobs and recovery points
	backupJob, err := c.StartBackupJob(ctx, &awsbackup.StartBackupJobInput{
		BackupVaultName: new("local"), ResourceArn: new("arn:aws:s3:::bucket"), IamRoleArn: role, IdempotencyToken: new("token"),
		Lifecycle: &types.Lifecycle{DeleteAfterDays: new(int64(7))}, RecoveryPointTags: map[string]string{"a": "b"},
	})
	must(t, err)
	oneJob, err := c.DescribeBackupJob(ctx, &awsbackup.DescribeBackupJobInput{BackupJobId: backupJob.BackupJobId})
	must(t, err)
	if oneJob.State != types.BackupJobStateCreated || *oneJob.ResourceType != "S3" || !oneJob.StartBy.Equal(w.clock.Now().Add(8*time.Hour)) || *oneJob.PercentDone != "0.0" || oneJob.CreatedBy != nil {
		t.Errorf("the backup job is %+v", oneJob)
	}
	jobs, err := c.ListBackupJobs(ctx, &awsbackup.ListBackupJobsInput{ByBackupVaultName: new("local"), ByState: types.BackupJobStateCreated})
	must(t, err)
	if len(jobs.BackupJobs) != 1 || *jobs.BackupJobs[0].BackupJobId != *backupJob.BackupJobId {
		t.Errorf("backup jobs: %v", jobs.BackupJobs)
	}
	_, err = c.StopBackupJob(ctx, &awsbackup.StopBackupJobInput{BackupJobId: backupJob.BackupJobId})
	must(t, err)
	counts, err := c.ListBackupJobSummaries(ctx, &awsbackup.ListBackupJobSummariesInput{})
	must(t, err)
	if len(counts.BackupJobSummaries) != 1 || counts.BackupJobSummaries[0].Count != 1 || counts.BackupJobSummaries[0].State != "ABORTING" {
		t.Errorf("backup job summaries: %v", counts.BackupJobSummaries)
	}

	point := w.point(member, "local", "one", start, nil)
	copyJob, err := c.StartCopyJob(ctx, &awsbackup.StartCopyJobInput{
		RecoveryPointArn: point, SourceBackupVaultName: new("local"), IamRoleArn: role,
		DestinationBackupVaultArn: new("arn:aws:backup:eu-north-1:222222222222:backup-vault:central"), Lifecycle: &types.Lifecycle{DeleteAfterDays: new(int64(14))},
	})
	must(t, err)
	oneCopy, err := c.DescribeCopyJob(ctx, &awsbackup.DescribeCopyJobInput{CopyJobId: copyJob.CopyJobId})
	must(t, err)
	if oneCopy.CopyJob.State != types.CopyJobStateCreated || *oneCopy.CopyJob.SourceRecoveryPointArn != *point || *oneCopy.CopyJob.DestinationRecoveryPointLifecycle.DeleteAfterDays != 14 {
		t.Errorf("the copy job is %+v", oneCopy.CopyJob)
	}
	copies, err := c.ListCopyJobs(ctx, &awsbackup.ListCopyJobsInput{BySourceRecoveryPointArn: point})
	must(t, err)
	if len(copies.CopyJobs) != 1 {
		t.Errorf("copy jobs: %v", copies.CopyJobs)
	}
	copyCounts, err := c.ListCopyJobSummaries(ctx, &awsbackup.ListCopyJobSummariesInput{AggregationPeriod: types.AggregationPeriodSevenDays})
	must(t, err)
	if len(copyCounts.CopyJobSummaries) != 1 || *copyCounts.AggregationPeriod != "SEVEN_DAYS" {
		t.Errorf("copy job summaries: %v", copyCounts.CopyJobSummaries)
	}

	metadata, err := c.GetRecoveryPointRestoreMetadata(ctx, &awsbackup.GetRecoveryPointRestoreMetadataInput{BackupVaultName: new("local"), RecoveryPointArn: point})
	must(t, err)
	restore, err := c.StartRestoreJob(ctx, &awsbackup.StartRestoreJobInput{RecoveryPointArn: point, Metadata: metadata.RestoreMetadata, IamRoleArn: role, IdempotencyToken: new("r")})
	must(t, err)
	oneRestore, err := c.DescribeRestoreJob(ctx, &awsbackup.DescribeRestoreJobInput{RestoreJobId: restore.RestoreJobId})
	must(t, err)
	if oneRestore.Status != types.RestoreJobStatusPending || *oneRestore.SourceResourceArn != "arn:aws:s3:::bucket" || *oneRestore.PercentDone != "0.00%" {
		t.Errorf("the restore job is %+v", oneRestore)
	}
	restoreMetadata, err := c.GetRestoreJobMetadata(ctx, &awsbackup.GetRestoreJobMetadataInput{RestoreJobId: restore.RestoreJobId})
	must(t, err)
	if restoreMetadata.Metadata["DestinationBucketName"] != "bucket" {
		t.Errorf("the restore's metadata is %v", restoreMetadata.Metadata)
	}
	validate := &awsbackup.PutRestoreValidationResultInput{RestoreJobId: restore.RestoreJobId, ValidationStatus: types.RestoreValidationStatusSuccessful, ValidationStatusMessage: new("all there")}
	_, err = c.PutRestoreValidationResult(ctx, validate)
	refused(t, err, "InvalidRequestException", "PENDING")
	restores, err := c.ListRestoreJobs(ctx, &awsbackup.ListRestoreJobsInput{ByStatus: types.RestoreJobStatusPending})
	must(t, err)
	byResource, err := c.ListRestoreJobsByProtectedResource(ctx, &awsbackup.ListRestoreJobsByProtectedResourceInput{ResourceArn: new("arn:aws:s3:::bucket")})
	must(t, err)
	if len(restores.RestoreJobs) != 1 || len(byResource.RestoreJobs) != 1 {
		t.Errorf("restore jobs: %d, of the resource %d", len(restores.RestoreJobs), len(byResource.RestoreJobs))
	}
	restoreCounts, err := c.ListRestoreJobSummaries(ctx, &awsbackup.ListRestoreJobSummariesInput{})
	must(t, err)
	if len(restoreCounts.RestoreJobSummaries) != 1 {
		t.Errorf("restore job summaries: %v", restoreCounts.RestoreJobSummaries)
	}

	w.update(func(ctx context.Context, tx *state.Tx) error {
		job, err := tx.RestoreJob(ctx, *restore.RestoreJobId)
		must(t, err)
		job.State, job.CompletedAt = state.JobCompleted, tx.Now
		return tx.UpdateRestoreJob(ctx, job, state.JobPending)
	})
	_, err = c.PutRestoreValidationResult(ctx, validate)
	must(t, err)
	_, err = c.PutRestoreValidationResult(ctx, validate)
	refused(t, err, "InvalidRequestException", "already")
	oneRestore, err = c.DescribeRestoreJob(ctx, &awsbackup.DescribeRestoreJobInput{RestoreJobId: restore.RestoreJobId})
	must(t, err)
	if oneRestore.ValidationStatus != types.RestoreValidationStatusSuccessful || *oneRestore.ValidationStatusMessage != "all there" {
		t.Errorf("the validated restore job is %+v", oneRestore)
	}

	_, err = c.UpdateRecoveryPointLifecycle(ctx, &awsbackup.UpdateRecoveryPointLifecycleInput{BackupVaultName: new("local"), RecoveryPointArn: point, Lifecycle: &types.Lifecycle{DeleteAfterDays: new(int64(100))}})
	must(t, err)
	onePoint, err := c.DescribeRecoveryPoint(ctx, &awsbackup.DescribeRecoveryPointInput{BackupVaultName: new("local"), RecoveryPointArn: point})
	must(t, err)
	if !onePoint.CalculatedLifecycle.DeleteAt.Equal(start.AddDate(0, 0, 100)) || onePoint.Status != types.RecoveryPointStatusCompleted || *onePoint.BackupSizeInBytes != 7 {
		t.Errorf("the point is %+v", onePoint)
	}
	inVault, err := c.ListRecoveryPointsByBackupVault(ctx, &awsbackup.ListRecoveryPointsByBackupVaultInput{BackupVaultName: new("local"), ByResourceType: new("S3")})
	must(t, err)
	ofResource, err := c.ListRecoveryPointsByResource(ctx, &awsbackup.ListRecoveryPointsByResourceInput{ResourceArn: new("arn:aws:s3:::bucket")})
	must(t, err)
	if len(inVault.RecoveryPoints) != 1 || len(ofResource.RecoveryPoints) != 1 || *ofResource.RecoveryPoints[0].RecoveryPointArn != *point {
		t.Errorf("points in the vault %d, of the resource %d", len(inVault.RecoveryPoints), len(ofResource.RecoveryPoints))
	}
	protected, err := c.ListProtectedResources(ctx, &awsbackup.ListProtectedResourcesInput{})
	must(t, err)
	protectedHere, err := c.ListProtectedResourcesByBackupVault(ctx, &awsbackup.ListProtectedResourcesByBackupVaultInput{BackupVaultName: new("local")})
	must(t, err)
	oneProtected, err := c.DescribeProtectedResource(ctx, &awsbackup.DescribeProtectedResourceInput{ResourceArn: new("arn:aws:s3:::bucket")})
	must(t, err)
	if len(protected.Results) != 1 || len(protectedHere.Results) != 1 || *oneProtected.LastRecoveryPointArn != *point {
		t.Errorf("protected resources: %v, %v, %v", protected.Results, protectedHere.Results, oneProtected)
	}
	_, err = c.DisassociateRecoveryPoint(ctx, &awsbackup.DisassociateRecoveryPointInput{BackupVaultName: new("local"), RecoveryPointArn: point})
	refused(t, err, "InvalidRequestException", "not a continuous recovery point")
	_, err = c.DisassociateRecoveryPointFromParent(ctx, &awsbackup.DisassociateRecoveryPointFromParentInput{BackupVaultName: new("local"), RecoveryPointArn: point})
	refused(t, err, "InvalidRequestException", "no parent recovery point")
	notificationStory(t, c)

	// Tags
	for resource, want := range map[string]map[string]string{
		*vault.BackupVaultArn: {"team": "blue", "k": "v"}, *plan.BackupPlanArn: {"team": "blue", "k": "v"}, *point: {"team": "blue", "k": "v"},
	} {
		_, err = c.TagResource(ctx, &awsbackup.TagResourceInput{ResourceArn: &resource, Tags: map[string]string{"k": "v", "x": "y"}})
		must(t, err)
		_, err = c.UntagResource(ctx, &awsbackup.UntagResourceInput{ResourceArn: &resource, TagKeyList: []string{"x"}})
		must(t, err)
		tags, err := c.ListTags(ctx, &awsbackup.ListTagsInput{ResourceArn: &resource})
		must(t, err)
		if diff := cmp.Diff(want, tags.Tags); diff != "" {
			t.Errorf("tags of %s (-want +got):\n%s", resource, diff)
		}
	}
	listed, err := w.List(ctx, member, home)
	must(t, err)
	if len(listed) != 3 {
		t.Errorf("the tagging API sees %v", listed)
	}

	// Settings
	_, err = boss.UpdateGlobalSettings(ctx, &awsbackup.UpdateGlobalSettingsInput{GlobalSettings: map[string]string{"isCrossAccountBackupEnabled": "true"}})
	must(t, err)
	global, err := c.DescribeGlobalSettings(ctx, &awsbackup.DescribeGlobalSettingsInput{})
	must(t, err)
	if global.GlobalSettings["isCrossAccountBackupEnabled"] != "true" || global.GlobalSettings["isMpaEnabled"] != "false" {
		t.Errorf("global settings: %v", global.GlobalSettings)
	}
	_, err = c.UpdateRegionSettings(ctx, &awsbackup.UpdateRegionSettingsInput{ResourceTypeOptInPreference: map[string]bool{"EBS": false}})
	must(t, err)
	region, err := c.DescribeRegionSettings(ctx, &awsbackup.DescribeRegionSettingsInput{})
	must(t, err)
	if region.ResourceTypeOptInPreference["EBS"] || !region.ResourceTypeOptInPreference["Storage Gateway"] {
		t.Errorf("opt-in: %v", region.ResourceTypeOptInPreference)
	}
	supported, err := c.GetSupportedResourceTypes(ctx, &awsbackup.GetSupportedResourceTypesInput{})
	must(t, err)
	if diff := cmp.Diff([]string{"EBS", "S3"}, supported.ResourceTypes); diff != "" {
		t.Errorf("resource types (-want +got):\n%s", diff)
	}

	// The end
	_, err = c.DeleteRecoveryPoint(ctx, &awsbackup.DeleteRecoveryPointInput{BackupVaultName: new("local"), RecoveryPointArn: point})
	must(t, err)
	_, err = c.DeleteBackupPlan(ctx, &awsbackup.DeleteBackupPlanInput{BackupPlanId: plan.BackupPlanId})
	refused(t, err, "InvalidRequestException", "Related backup plan selections must be deleted")
	_, err = c.DeleteBackupSelection(ctx, &awsbackup.DeleteBackupSelectionInput{BackupPlanId: plan.BackupPlanId, SelectionId: selection.SelectionId})
	must(t, err)
	_, err = c.DeleteBackupPlan(ctx, &awsbackup.DeleteBackupPlanInput{BackupPlanId: plan.BackupPlanId})
	must(t, err)
	_, err = c.GetBackupPlan(ctx, &awsbackup.GetBackupPlanInput{BackupPlanId: plan.BackupPlanId})
	refused(t, err, "ResourceNotFoundException", "")
	deleted, err := c.ListBackupPlans(ctx, &awsbackup.ListBackupPlansInput{IncludeDeleted: aws.Bool(true)})
	must(t, err)
	if len(deleted.BackupPlansList) != 1 || deleted.BackupPlansList[0].DeletionDate == nil {
		t.Errorf("plans with the deleted: %v", deleted.BackupPlansList)
	}
	if diff := cmp.Diff([]string{"backup " + *backupJob.BackupJobId, "wake " + *backupJob.BackupJobId, "copy " + *copyJob.CopyJobId, "restore " + *restore.RestoreJobId, "delete " + *point}, w.queue.jobs); diff != "" {
		t.Errorf("enqueued (-want +got):\n%s", diff)
	}

	templateStory(t, c)
	legalHoldStory(t, w, c)

	var forgotten []string
	for _, op := range w.API().Operations {
		if !called[op.Name] {
			forgotten = append(forgotten, op.Name)
		}
	}
	sort.Strings(forgotten)
	if len(forgotten) > 0 {
		t.Errorf("never called: %s", strings.Join(forgotten, ", "))
	}
}

// TestWhatIsNotThereSaysSo calls what AWS Backup has and the house does not: each refusal names what was asked for.
func TestWhatIsNotThereSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, c := t.Context(), w.backup(member)
	for name, call := range map[string]func() error{
		"backup:CreateLogicallyAirGappedBackupVault": func() error {
			_, err := c.CreateLogicallyAirGappedBackupVault(ctx, &awsbackup.CreateLogicallyAirGappedBackupVaultInput{BackupVaultName: new("lag"), MinRetentionDays: new(int64(7)), MaxRetentionDays: new(int64(30))})
			return err
		},
		"backup:ListRestoreAccessBackupVaults": func() error {
			_, err := c.ListRestoreAccessBackupVaults(ctx, &awsbackup.ListRestoreAccessBackupVaultsInput{BackupVaultName: new("lag")})
			return err
		},
		"backup:GetRecoveryPointIndexDetails": func() error {
			_, err := c.GetRecoveryPointIndexDetails(ctx, &awsbackup.GetRecoveryPointIndexDetailsInput{BackupVaultName: new("local"), RecoveryPointArn: new("arn:aws:ec2:eu-central-1::snapshot/snap-1")})
			return err
		},
		"backup:ListFrameworks": func() error {
			_, err := c.ListFrameworks(ctx, &awsbackup.ListFrameworksInput{})
			return err
		},
		"backup:ListReportPlans": func() error {
			_, err := c.ListReportPlans(ctx, &awsbackup.ListReportPlansInput{})
			return err
		},
		"backup:ListRestoreTestingPlans": func() error {
			_, err := c.ListRestoreTestingPlans(ctx, &awsbackup.ListRestoreTestingPlansInput{})
			return err
		},
		"EnableContinuousBackup": func() error {
			plan := onePlan("p")
			plan.Rules[0].EnableContinuousBackup, plan.Rules[0].Lifecycle = aws.Bool(true), &types.Lifecycle{DeleteAfterDays: new(int64(35))}
			_, err := c.CreateBackupPlan(ctx, &awsbackup.CreateBackupPlanInput{BackupPlan: plan})
			return err
		},
		"TargetLogicallyAirGappedBackupVaultArn": func() error {
			plan := onePlan("p")
			plan.Rules[0].TargetLogicallyAirGappedBackupVaultArn = new("arn:aws:backup:eu-central-1:111111111111:backup-vault:lag")
			_, err := c.CreateBackupPlan(ctx, &awsbackup.CreateBackupPlanInput{BackupPlan: plan})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) { refused(t, call(), "NotImplemented", name) })
	}
}

// TestListsPage pages through lists one by one, with every filter that changes nothing.
func TestListsPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, c := t.Context(), w.backup(member)
	w.vault(member, "local")
	var want []string
	for i, id := range []string{"e", "d", "c", "b", "a"} {
		want = append(want, *w.point(member, "local", id, start.Add(-time.Duration(i/2)*time.Hour), nil))
	}
	var got []string
	for p := awsbackup.NewListRecoveryPointsByBackupVaultPaginator(c, &awsbackup.ListRecoveryPointsByBackupVaultInput{BackupVaultName: new("local"), MaxResults: new(int32(2))}); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		must(t, err)
		if len(out.RecoveryPoints) > 2 {
			t.Errorf("a page of %d", len(out.RecoveryPoints))
		}
		for _, r := range out.RecoveryPoints {
			got = append(got, *r.RecoveryPointArn)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("points (-want +got):\n%s", diff)
	}
	for name, filter := range map[string]struct {
		in   awsbackup.ListRecoveryPointsByBackupVaultInput
		want int
	}{
		"created after":    {awsbackup.ListRecoveryPointsByBackupVaultInput{ByCreatedAfter: aws.Time(start.Add(-90 * time.Minute))}, 4},
		"created before":   {awsbackup.ListRecoveryPointsByBackupVaultInput{ByCreatedBefore: aws.Time(start)}, 3},
		"another resource": {awsbackup.ListRecoveryPointsByBackupVaultInput{ByResourceArn: new("arn:aws:s3:::other")}, 0},
		"another type":     {awsbackup.ListRecoveryPointsByBackupVaultInput{ByResourceType: new("EBS")}, 0},
		"another plan":     {awsbackup.ListRecoveryPointsByBackupVaultInput{ByBackupPlanId: new("plan")}, 0},
		"a parent":         {awsbackup.ListRecoveryPointsByBackupVaultInput{ByParentRecoveryPointArn: new("arn:aws:backup:eu-central-1:111111111111:recovery-point:p")}, 0},
	} {
		filter.in.BackupVaultName = new("local")
		out, err := c.ListRecoveryPointsByBackupVault(ctx, &filter.in)
		must(t, err)
		if len(out.RecoveryPoints) != filter.want {
			t.Errorf("%s: %d points, want %d", name, len(out.RecoveryPoints), filter.want)
		}
	}

	first, err := c.ListRecoveryPointsByBackupVault(ctx, &awsbackup.ListRecoveryPointsByBackupVaultInput{BackupVaultName: new("local"), MaxResults: new(int32(1))})
	must(t, err)
	_, err = c.ListRecoveryPointsByResource(ctx, &awsbackup.ListRecoveryPointsByResourceInput{ResourceArn: new("arn:aws:s3:::bucket"), NextToken: first.NextToken})
	refused(t, err, "InvalidParameterValueException", "NextToken")
}

func TestJobFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.trust()
	ctx, c := t.Context(), w.backup(member)
	at := func(d time.Duration) state.Micros { return state.MicrosOf(start.Add(d)) }
	w.update(func(ctx context.Context, tx *state.Tx) error {
		for _, j := range []state.BackupJob{
			{ID: "A", AccountID: member, State: state.JobCompleted, CreatedAt: at(0), CompletedAt: at(time.Hour), MessageCategory: "SUCCESS", ResourceType: "S3"},
			{ID: "B", AccountID: member, State: state.JobFailed, CreatedAt: at(time.Minute), CompletedAt: at(2 * time.Hour), MessageCategory: "ACCESS_DENIED", ResourceType: "EBS"},
			{ID: "C", AccountID: member, State: state.JobRunning, CreatedAt: at(2 * time.Minute), StartedAt: at(3 * time.Minute), ResourceType: "S3"},
			{ID: "D", AccountID: other, State: state.JobRunning, CreatedAt: at(3 * time.Minute), ResourceType: "S3"},
			{ID: "E", AccountID: outsider, State: state.JobRunning, CreatedAt: at(4 * time.Minute), ResourceType: "S3"},
		} {
			j.Region = home
			if err := tx.InsertBackupJob(ctx, j); err != nil {
				return err
			}
		}
		return nil
	})
	for _, test := range []struct {
		name string
		in   awsbackup.ListBackupJobsInput
		want string
	}{
		{"all", awsbackup.ListBackupJobsInput{}, "C B A"},
		{"state", awsbackup.ListBackupJobsInput{ByState: types.BackupJobStateFailed}, "B"},
		{"type", awsbackup.ListBackupJobsInput{ByResourceType: new("S3")}, "C A"},
		{"created after", awsbackup.ListBackupJobsInput{ByCreatedAfter: aws.Time(start)}, "C B"},
		{"completed before", awsbackup.ListBackupJobsInput{ByCompleteBefore: aws.Time(start.Add(90 * time.Minute))}, "A"},
		{"completed after", awsbackup.ListBackupJobsInput{ByCompleteAfter: aws.Time(start.Add(90 * time.Minute))}, "B"},
		{"category", awsbackup.ListBackupJobsInput{ByMessageCategory: new("ACCESS_DENIED")}, "B"},
		{"own account", awsbackup.ListBackupJobsInput{ByAccountId: new(member)}, "C B A"},
		{"parent", awsbackup.ListBackupJobsInput{ByParentJobId: new("P")}, ""},
	} {
		out, err := c.ListBackupJobs(ctx, &test.in)
		must(t, err)
		if got := ids(out.BackupJobs); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	_, err := c.ListBackupJobs(ctx, &awsbackup.ListBackupJobsInput{ByAccountId: new(other)})
	refused(t, err, "AccessDeniedException", "")
	everybody, err := w.backup(management).ListBackupJobs(ctx, &awsbackup.ListBackupJobsInput{ByAccountId: new("*")})
	must(t, err)
	if got := ids(everybody.BackupJobs); got != "D C B A" {
		t.Errorf("the management account sees %q of its organization", got)
	}
}

func ids(jobs []types.BackupJob) string {
	var all []string
	for _, j := range jobs {
		all = append(all, *j.BackupJobId)
	}
	return strings.Join(all, " ")
}
