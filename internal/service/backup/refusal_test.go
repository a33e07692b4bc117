package backup_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	awsbackup "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"

	"strongroom/internal/state"
)

// TestBadInput sends what the API refuses: the code, and the field that the message names.
func TestBadInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, c := t.Context(), w.backup(member)
	w.vault(member, "local")
	point := w.point(member, "local", "one", start, nil)
	cold := w.point(member, "local", "cold", start, func(p *state.RecoveryPoint) { p.StorageClass = "COLD" })
	expired := w.point(member, "local", "gone", start, func(p *state.RecoveryPoint) { p.Status = state.PointExpired })
	role := w.role(member, "AWSBackupRole")
	bucket := new("arn:aws:s3:::bucket")
	rule := func(change func(*types.BackupRuleInput)) *awsbackup.CreateBackupPlanInput {
		plan := onePlan("p")
		change(&plan.Rules[0])
		return &awsbackup.CreateBackupPlanInput{BackupPlan: plan}
	}
	backupJob := func(change func(*awsbackup.StartBackupJobInput)) *awsbackup.StartBackupJobInput {
		in := &awsbackup.StartBackupJobInput{BackupVaultName: new("local"), ResourceArn: bucket, IamRoleArn: role}
		change(in)
		return in
	}
	copyJob := func(change func(*awsbackup.StartCopyJobInput)) *awsbackup.StartCopyJobInput {
		in := &awsbackup.StartCopyJobInput{SourceBackupVaultName: new("local"), RecoveryPointArn: point, IamRoleArn: role, DestinationBackupVaultArn: new("arn:aws:backup:eu-north-1:222222222222:backup-vault:central")}
		change(in)
		return in
	}
	for _, test := range []struct {
		name string
		in   any
		code string
		text string
	}{
		{"a vault's name too short", &awsbackup.CreateBackupVaultInput{BackupVaultName: new("v")}, "InvalidParameterValueException", "ackupVaultName"},
		{"a vault's name with a dot", &awsbackup.CreateBackupVaultInput{BackupVaultName: new("v.w")}, "InvalidParameterValueException", "ackupVaultName"},
		{"a reserved tag", &awsbackup.CreateBackupVaultInput{BackupVaultName: new("vw"), BackupVaultTags: map[string]string{"aws:x": "y"}}, "InvalidParameterValueException", "aws:x"},
		{"an unknown vault", &awsbackup.DescribeBackupVaultInput{BackupVaultName: new("nowhere")}, "AccessDeniedException", ""},
		{"an unknown point", &awsbackup.DescribeRecoveryPointInput{BackupVaultName: new("local"), RecoveryPointArn: new(strings.Replace(*point, ":one", ":two", 1))}, "ResourceNotFoundException", ":two"},
		{"an empty lock range", &awsbackup.PutBackupVaultLockConfigurationInput{BackupVaultName: new("local"), MinRetentionDays: new(int64(9)), MaxRetentionDays: new(int64(3))}, "InvalidParameterValueException", "MaxRetentionDays"},
		{"a lock without retention", &awsbackup.PutBackupVaultLockConfigurationInput{BackupVaultName: new("local"), MinRetentionDays: new(int64(0))}, "InvalidParameterValueException", "MinRetentionDays"},
		{"a lock that is immutable tomorrow", &awsbackup.PutBackupVaultLockConfigurationInput{BackupVaultName: new("local"), ChangeableForDays: new(int64(1))}, "InvalidParameterValueException", "ChangeableForDays"},

		{"a plan without rules", &awsbackup.CreateBackupPlanInput{BackupPlan: &types.BackupPlanInput{BackupPlanName: new("p"), Rules: []types.BackupRuleInput{}}}, "MissingParameterValueException", "Rules"},
		{"a plan's name", &awsbackup.CreateBackupPlanInput{BackupPlan: onePlan("a plan")}, "InvalidParameterValueException", "ackupPlanName"},
		{"a schedule of five fields", rule(func(r *types.BackupRuleInput) { r.ScheduleExpression = new("cron(0 5 * * *)") }), "InvalidParameterValueException", "ScheduleExpression"},
		{"a schedule every minute", rule(func(r *types.BackupRuleInput) { r.ScheduleExpression = new("cron(* * ? * * *)") }), "InvalidParameterValueException", "minimum interval"},
		{"a time zone", rule(func(r *types.BackupRuleInput) { r.ScheduleExpressionTimezone = new("Mars/Base") }), "InvalidParameterValueException", "ScheduleExpressionTimezone"},
		{"a start window", rule(func(r *types.BackupRuleInput) { r.StartWindowMinutes = new(int64(30)) }), "InvalidParameterValueException", "StartWindowMinutes"},
		{"too near to cold", rule(func(r *types.BackupRuleInput) {
			r.Lifecycle = &types.Lifecycle{DeleteAfterDays: new(int64(30)), MoveToColdStorageAfterDays: new(int64(7))}
		}), "InvalidParameterValueException", "Error in rule r : Invalid lifecycle. DeleteAfterDays cannot be less than 90 days apart from MoveToColdStorageAfterDays"},
		{"a continuous backup of 84 days", rule(func(r *types.BackupRuleInput) {
			r.EnableContinuousBackup, r.Lifecycle = new(true), &types.Lifecycle{DeleteAfterDays: new(int64(84))}
		}), "InvalidParameterValueException", "DeleteAfterDays cannot be less than 1 or more than 36500 days"},
		{"a copy's destination", rule(func(r *types.BackupRuleInput) {
			r.CopyActions = []types.CopyAction{{DestinationBackupVaultArn: new("central")}}
		}), "InvalidParameterValueException", "DestinationBackupVaultArn"},
		{"six copies", rule(func(r *types.BackupRuleInput) {
			for range 6 {
				r.CopyActions = append(r.CopyActions, types.CopyAction{DestinationBackupVaultArn: new("arn:aws:backup:eu-north-1:222222222222:backup-vault:central")})
			}
		}), "InvalidParameterValueException", "CopyActions"},
		{"an unknown option", &awsbackup.CreateBackupPlanInput{BackupPlan: &types.BackupPlanInput{
			BackupPlanName: new("p"), Rules: onePlan("p").Rules,
			AdvancedBackupSettings: []types.AdvancedBackupSetting{{ResourceType: new("S3"), BackupOptions: map[string]string{"WindowsVSS": "enabled"}}},
		}}, "InvalidParameterValueException", "WindowsVSS"},
		{"an unknown plan", &awsbackup.GetBackupPlanInput{BackupPlanId: new("nothing")}, "ResourceNotFoundException", ""},
		{"no JSON", &awsbackup.GetBackupPlanFromJSONInput{BackupPlanTemplateJson: new("{")}, "InvalidParameterValueException", "BackupPlanTemplateJson"},

		{"a job into an unknown vault", backupJob(func(in *awsbackup.StartBackupJobInput) { in.BackupVaultName = new("nowhere") }), "ResourceNotFoundException", "nowhere"},
		{"a job of no ARN", backupJob(func(in *awsbackup.StartBackupJobInput) { in.ResourceArn = new("bucket") }), "InvalidParameterValueException", "ResourceArn"},
		{"a job of a queue", backupJob(func(in *awsbackup.StartBackupJobInput) {
			in.ResourceArn = new("arn:aws:sqs:eu-central-1:111111111111:q")
		}), "InvalidParameterValueException", "does not support"},
		{"a job of another account's volume", backupJob(func(in *awsbackup.StartBackupJobInput) {
			in.ResourceArn = new("arn:aws:ec2:eu-central-1:222222222222:volume/vol-1")
		}), "AccessDeniedException", ""},
		{"a job of another Region's volume", backupJob(func(in *awsbackup.StartBackupJobInput) {
			in.ResourceArn = new("arn:aws:ec2:eu-north-1:111111111111:volume/vol-1")
		}), "InvalidParameterValueException", "eu-central-1"},
		{"a job of a type that is not here", backupJob(func(in *awsbackup.StartBackupJobInput) {
			in.ResourceArn = new("arn:aws:elasticfilesystem:eu-central-1:111111111111:file-system/fs-1")
		}), "NotImplemented", "EFS"},
		{"a role that is none", backupJob(func(in *awsbackup.StartBackupJobInput) { in.IamRoleArn = new("arn:aws:iam::111111111111:user/u") }), "InvalidParameterValueException", "IamRoleArn"},
		{"another account's role", backupJob(func(in *awsbackup.StartBackupJobInput) { in.IamRoleArn = new("arn:aws:iam::222222222222:role/r") }), "AccessDeniedException", "Cross-account pass role"},
		{"a completion window", backupJob(func(in *awsbackup.StartBackupJobInput) { in.CompleteWindowMinutes = new(int64(5)) }), "InvalidParameterValueException", "CompletionWindowMinutes"},
		{"an option of another type", backupJob(func(in *awsbackup.StartBackupJobInput) { in.BackupOptions = map[string]string{"X": "enabled"} }), "InvalidParameterValueException", "BackupOptions"},
		{"a lifecycle of nothing", backupJob(func(in *awsbackup.StartBackupJobInput) {
			in.Lifecycle = &types.Lifecycle{DeleteAfterDays: new(int64(0))}
		}), "InvalidParameterValueException", "DeleteAfterDays"},
		{"an unknown job", &awsbackup.DescribeBackupJobInput{BackupJobId: new("NONE")}, "ResourceNotFoundException", "NONE"},

		{"a copy of an unknown point", copyJob(func(in *awsbackup.StartCopyJobInput) { in.RecoveryPointArn = new(*point + "x") }), "ResourceNotFoundException", "Cannot find recovery point"},
		{"a copy to no vault", copyJob(func(in *awsbackup.StartCopyJobInput) { in.DestinationBackupVaultArn = new("arn:aws:s3:::x") }), "InvalidParameterValueException", "DestinationBackupVaultArn"},
		{"a copy onto itself", copyJob(func(in *awsbackup.StartCopyJobInput) {
			in.DestinationBackupVaultArn = new("arn:aws:backup:eu-central-1:111111111111:backup-vault:local")
		}), "InvalidParameterValueException", "DestinationBackupVaultArn"},
		{"a copy from cold storage", copyJob(func(in *awsbackup.StartCopyJobInput) { in.RecoveryPointArn = cold }), "InvalidRequestException", "cold"},
		{"a copy of what expired", copyJob(func(in *awsbackup.StartCopyJobInput) { in.RecoveryPointArn = expired }), "InvalidRequestException", "EXPIRED"},
		{"a restore of what expired", &awsbackup.StartRestoreJobInput{RecoveryPointArn: expired, IamRoleArn: role, Metadata: map[string]string{}}, "InvalidRequestException", "EXPIRED"},
		{"a restore of another type", &awsbackup.StartRestoreJobInput{RecoveryPointArn: point, IamRoleArn: role, Metadata: map[string]string{}, ResourceType: new("EBS")}, "InvalidParameterValueException", "ResourceType"},
		{"an unknown global setting", &awsbackup.UpdateGlobalSettingsInput{GlobalSettings: map[string]string{"isX": "true"}}, "InvalidParameterValueException", "isX"},
		{"a global setting from a member", &awsbackup.UpdateGlobalSettingsInput{GlobalSettings: map[string]string{"isCrossAccountBackupEnabled": "true"}}, "InvalidRequestException", "management account"},
		{"an unknown opt-in", &awsbackup.UpdateRegionSettingsInput{ResourceTypeOptInPreference: map[string]bool{"Tape": true}}, "InvalidParameterValueException", "Tape"},
		{"a page of nothing", &awsbackup.ListBackupJobsInput{MaxResults: new(int32(0))}, "InvalidParameterValueException", "axResults"},
		{"a forged token", &awsbackup.ListBackupJobsInput{NextToken: new("Zm9yZ2Vk")}, "InvalidParameterValueException", "NextToken"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			refused(t, send(ctx, c, test.in), test.code, test.text)
		})
	}
	t.Cleanup(func() {
		if len(w.queue.jobs) > 0 {
			t.Errorf("refused calls enqueued %v", w.queue.jobs)
		}
	})
}

// send makes the call that takes in.
func send(ctx context.Context, c *awsbackup.Client, in any) (err error) {
	switch in := in.(type) {
	case *awsbackup.CreateBackupVaultInput:
		_, err = c.CreateBackupVault(ctx, in)
	case *awsbackup.DescribeBackupVaultInput:
		_, err = c.DescribeBackupVault(ctx, in)
	case *awsbackup.DescribeRecoveryPointInput:
		_, err = c.DescribeRecoveryPoint(ctx, in)
	case *awsbackup.PutBackupVaultLockConfigurationInput:
		_, err = c.PutBackupVaultLockConfiguration(ctx, in)
	case *awsbackup.CreateBackupPlanInput:
		_, err = c.CreateBackupPlan(ctx, in)
	case *awsbackup.GetBackupPlanInput:
		_, err = c.GetBackupPlan(ctx, in)
	case *awsbackup.GetBackupPlanFromJSONInput:
		_, err = c.GetBackupPlanFromJSON(ctx, in)
	case *awsbackup.StartBackupJobInput:
		_, err = c.StartBackupJob(ctx, in)
	case *awsbackup.DescribeBackupJobInput:
		_, err = c.DescribeBackupJob(ctx, in)
	case *awsbackup.StartCopyJobInput:
		_, err = c.StartCopyJob(ctx, in)
	case *awsbackup.StartRestoreJobInput:
		_, err = c.StartRestoreJob(ctx, in)
	case *awsbackup.UpdateGlobalSettingsInput:
		_, err = c.UpdateGlobalSettings(ctx, in)
	case *awsbackup.UpdateRegionSettingsInput:
		_, err = c.UpdateRegionSettings(ctx, in)
	case *awsbackup.ListBackupJobsInput:
		_, err = c.ListBackupJobs(ctx, in)
	default:
		return errors.New("the test does not know how to send this")
	}
	return err
}

func TestPlanErrorEnvelope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	plan := onePlan("p")
	plan.Rules[0].Lifecycle = &types.Lifecycle{DeleteAfterDays: new(int64(0))}
	_, err := w.backup(member).CreateBackupPlan(t.Context(), &awsbackup.CreateBackupPlanInput{BackupPlan: plan})
	var e *types.InvalidParameterValueException
	if !errors.As(err, &e) {
		t.Fatalf("%v is no InvalidParameterValueException", err)
	}
	if e.Code == nil || *e.Code != "ERROR_3015" || e.Context == nil || !strings.HasPrefix(*e.Context, `["r","Invalid lifecycle.`) {
		t.Errorf("code %v, context %v", e.Code, e.Context)
	}
}

func TestPlanIsMadeOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, c := t.Context(), w.backup(member)
	first, err := c.CreateBackupPlan(ctx, &awsbackup.CreateBackupPlanInput{BackupPlan: onePlan("p"), CreatorRequestId: new("id")})
	must(t, err)
	again, err := c.CreateBackupPlan(ctx, &awsbackup.CreateBackupPlanInput{BackupPlan: onePlan("p"), CreatorRequestId: new("id")})
	must(t, err)
	if *first.BackupPlanId != *again.BackupPlanId {
		t.Error("one request made two plans")
	}
	_, err = c.CreateBackupPlan(ctx, &awsbackup.CreateBackupPlanInput{BackupPlan: onePlan("p")})
	var e *types.AlreadyExistsException
	if !errors.As(err, &e) || e.Arn == nil || *e.Arn != *first.BackupPlanArn {
		t.Errorf("the same document: %v", err)
	}
}

func TestTokensAreIdempotent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, c := t.Context(), w.backup(member)
	w.vault(member, "local")
	role := w.role(member, "AWSBackupRole")
	point := w.point(member, "local", "one", start, nil)
	for name, call := range map[string]func() *string{
		"backup": func() *string {
			out, err := c.StartBackupJob(ctx, &awsbackup.StartBackupJobInput{BackupVaultName: new("local"), ResourceArn: new("arn:aws:s3:::bucket"), IamRoleArn: role, IdempotencyToken: new("t")})
			must(t, err)
			return out.BackupJobId
		},
		"copy": func() *string {
			out, err := c.StartCopyJob(ctx, &awsbackup.StartCopyJobInput{SourceBackupVaultName: new("local"), RecoveryPointArn: point, IamRoleArn: role, DestinationBackupVaultArn: new("arn:aws:backup:eu-north-1:222222222222:backup-vault:central"), IdempotencyToken: new("t")})
			must(t, err)
			return out.CopyJobId
		},
		"restore": func() *string {
			out, err := c.StartRestoreJob(ctx, &awsbackup.StartRestoreJobInput{RecoveryPointArn: point, IamRoleArn: role, Metadata: map[string]string{}, IdempotencyToken: new("t")})
			must(t, err)
			return out.RestoreJobId
		},
	} {
		if first, again := call(), call(); *first != *again {
			t.Errorf("%s: one token made jobs %s and %s", name, *first, *again)
		}
	}
	for name, call := range map[string]func() error{
		"backup": func() error {
			_, err := c.StartBackupJob(ctx, &awsbackup.StartBackupJobInput{BackupVaultName: new("local"), ResourceArn: new("arn:aws:s3:::bucket"), IamRoleArn: role, IdempotencyToken: new("t"), Lifecycle: &types.Lifecycle{DeleteAfterDays: new(int64(9))}})
			return err
		},
		"copy": func() error {
			_, err := c.StartCopyJob(ctx, &awsbackup.StartCopyJobInput{SourceBackupVaultName: new("local"), RecoveryPointArn: point, IamRoleArn: role, DestinationBackupVaultArn: new("arn:aws:backup:eu-north-1:222222222222:backup-vault:elsewhere"), IdempotencyToken: new("t")})
			return err
		},
		"restore": func() error {
			_, err := c.StartRestoreJob(ctx, &awsbackup.StartRestoreJobInput{RecoveryPointArn: point, IamRoleArn: role, Metadata: map[string]string{"a": "b"}, IdempotencyToken: new("t")})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) { refused(t, call(), "InvalidParameterValueException", "IdempotencyToken t") })
	}
	if len(w.queue.jobs) != 3 {
		t.Errorf("enqueued %v", w.queue.jobs)
	}
}

// TestRolesMustBePassed has a caller who may do everything in AWS Backup, and pass no role.
func TestRolesMustBePassed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.vault(member, "local")
	role := w.role(member, "AWSBackupRole", "service-role/AWSBackupServiceRolePolicyForBackup")
	point := w.point(member, "local", "one", start, nil)
	c := w.as(member, "operator", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"backup:*","Resource":"*"},
		{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}}]}`)
	plan, err := c.CreateBackupPlan(ctx, &awsbackup.CreateBackupPlanInput{BackupPlan: onePlan("p")})
	must(t, err)
	_, err = c.StartBackupJob(ctx, &awsbackup.StartBackupJobInput{BackupVaultName: new("local"), ResourceArn: new("arn:aws:s3:::bucket"), IamRoleArn: role})
	refused(t, err, "AccessDeniedException", "iam:PassRole")
	_, err = c.StartCopyJob(ctx, &awsbackup.StartCopyJobInput{SourceBackupVaultName: new("local"), RecoveryPointArn: point, IamRoleArn: role, DestinationBackupVaultArn: new("arn:aws:backup:eu-north-1:222222222222:backup-vault:central")})
	refused(t, err, "AccessDeniedException", "iam:PassRole")
	_, err = c.StartRestoreJob(ctx, &awsbackup.StartRestoreJobInput{RecoveryPointArn: point, IamRoleArn: role, Metadata: map[string]string{}})
	refused(t, err, "AccessDeniedException", "iam:PassRole")
	_, err = c.CreateBackupSelection(ctx, &awsbackup.CreateBackupSelectionInput{BackupPlanId: plan.BackupPlanId, BackupSelection: &types.BackupSelection{SelectionName: new("s"), IamRoleArn: role, Resources: []string{"*"}}})
	refused(t, err, "AccessDeniedException", "iam:PassRole")

	// Nor is a role passed with a recovery point that is not there yet, and may be when the call gets there.
	soon := "arn:aws:backup:eu-central-1:111111111111:recovery-point:soon"
	_, err = c.StartRestoreJob(ctx, &awsbackup.StartRestoreJobInput{RecoveryPointArn: &soon, IamRoleArn: role, Metadata: map[string]string{}})
	refused(t, err, "AccessDeniedException", "iam:PassRole")
	theirs := "arn:aws:iam::222222222222:role/AWSBackupRole"
	_, err = c.StartRestoreJob(ctx, &awsbackup.StartRestoreJobInput{RecoveryPointArn: &soon, IamRoleArn: &theirs, Metadata: map[string]string{}})
	refused(t, err, "AccessDeniedException", "Cross-account pass role is not allowed.")
}

func TestSelectionRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, c := t.Context(), w.backup(member)
	plan, err := c.CreateBackupPlan(ctx, &awsbackup.CreateBackupPlanInput{BackupPlan: onePlan("p")})
	must(t, err)
	strong := w.role(member, "AWSBackupStrong", "service-role/AWSBackupServiceRolePolicyForBackup")
	weak := w.role(member, "AWSBackupWeak")
	_, err = w.iam(member).CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: new("Closed"), AssumeRolePolicyDocument: new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
	must(t, err)
	tags := []types.Condition{{ConditionType: types.ConditionTypeStringequals, ConditionKey: new("k"), ConditionValue: new("v")}}
	for _, test := range []struct {
		name      string
		selection types.BackupSelection
		code      string
		text      string
	}{
		{"nothing", types.BackupSelection{IamRoleArn: strong}, "MissingParameterValueException", "Either Resources or Conditions must not be null"},
		{"empty lists", types.BackupSelection{IamRoleArn: strong, Resources: []string{}}, "InvalidParameterValueException", "Invalid backup selection. Either 'ListOfTags' or 'Resources' section must be non-empty."},
		{"conditions alone", types.BackupSelection{IamRoleArn: strong, Conditions: &types.Conditions{StringEquals: []types.ConditionParameter{{ConditionKey: new("aws:ResourceTag/k"), ConditionValue: new("v")}}}}, "InvalidParameterValueException", "must be non-empty"},
		{"a bare condition key", types.BackupSelection{IamRoleArn: strong, Resources: []string{"*"}, Conditions: &types.Conditions{StringEquals: []types.ConditionParameter{{ConditionKey: new("k"), ConditionValue: new("v")}}}}, "InvalidParameterValueException", "aws:ResourceTag/"},
		{"a suffix pattern", types.BackupSelection{IamRoleArn: strong, Resources: []string{"arn:aws:s3:::*-logs"}}, "InvalidParameterValueException", "Resources"},
		{"a role that does not trust", types.BackupSelection{IamRoleArn: new("arn:aws:iam::111111111111:role/Closed"), Resources: []string{"*"}}, "InvalidParameterValueException", "cannot be assumed by AWS Backup"},
		{"a role that is not there", types.BackupSelection{IamRoleArn: new("arn:aws:iam::111111111111:role/None"), Resources: []string{"*"}}, "InvalidParameterValueException", "cannot be assumed by AWS Backup"},
		{"tags under a weak role", types.BackupSelection{IamRoleArn: weak, ListOfTags: tags}, "InvalidParameterValueException", "is not authorized to call tag:GetResources"},
		{"resources under a weak role", types.BackupSelection{IamRoleArn: weak, Resources: []string{"*"}}, "", ""},
		{"tags", types.BackupSelection{IamRoleArn: strong, ListOfTags: tags}, "", ""},
	} {
		test.selection.SelectionName = new(strings.ReplaceAll(test.name, " ", "-"))
		_, err := c.CreateBackupSelection(ctx, &awsbackup.CreateBackupSelectionInput{BackupPlanId: plan.BackupPlanId, BackupSelection: &test.selection})
		if test.code == "" {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		refused(t, err, test.code, test.text)
	}
	_, err = c.CreateBackupSelection(ctx, &awsbackup.CreateBackupSelectionInput{BackupPlanId: plan.BackupPlanId, BackupSelection: &types.BackupSelection{SelectionName: new("tags"), IamRoleArn: strong, Resources: []string{"*"}}})
	refused(t, err, "AlreadyExistsException", "")
}

func TestStopIsForJobsThatCanStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, c := t.Context(), w.backup(member)
	w.update(func(ctx context.Context, tx *state.Tx) error {
		return errors.Join(
			tx.InsertBackupJob(ctx, state.BackupJob{ID: "DONE", AccountID: member, Region: home, State: state.JobCompleted, ResourceType: "S3"}),
			tx.InsertBackupJob(ctx, state.BackupJob{ID: "RDS", AccountID: member, Region: home, State: state.JobRunning, ResourceType: "RDS"}),
			tx.InsertBackupJob(ctx, state.BackupJob{ID: "RUNS", AccountID: member, Region: home, State: state.JobRunning, ResourceType: "S3"}),
		)
	})
	_, err := c.StopBackupJob(ctx, &awsbackup.StopBackupJobInput{BackupJobId: new("DONE")})
	refused(t, err, "InvalidRequestException", "COMPLETED")
	_, err = c.StopBackupJob(ctx, &awsbackup.StopBackupJobInput{BackupJobId: new("RDS")})
	refused(t, err, "InvalidRequestException", "RDS")
	_, err = c.StopBackupJob(ctx, &awsbackup.StopBackupJobInput{BackupJobId: new("RUNS")})
	must(t, err)
	job, err := c.DescribeBackupJob(ctx, &awsbackup.DescribeBackupJobInput{BackupJobId: new("RUNS")})
	must(t, err)
	if job.State != types.BackupJobStateAborting {
		t.Errorf("the job is %s", job.State)
	}
}

// TestWithoutAnOrganization asks for settings that only organizations have.
func TestWithoutAnOrganization(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.backup(outsider).DescribeGlobalSettings(t.Context(), &awsbackup.DescribeGlobalSettingsInput{})
	refused(t, err, "InvalidRequestException", "organization")
}
