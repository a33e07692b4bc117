package wire_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"strongroom/internal/api"
)

const pointARN = "arn:aws:ec2:eu-central-1::snapshot/snap-0123456789abcdef0"

var unexported = cmp.Options{
	cmpopts.IgnoreUnexported(types.BackupVaultListMember{}, types.BackupPlanInput{}, types.BackupRuleInput{}, types.Lifecycle{}, types.CopyAction{}),
	cmp.FilterPath(func(p cmp.Path) bool {
		return p.Last().String() == ".ResultMetadata" || p.Last().String() == ".noSmithyDocumentSerde"
	}, cmp.Ignore()),
}

func TestBackup(t *testing.T) {
	t.Parallel()
	var create backup.CreateBackupVaultInput
	var describe backup.DescribeRecoveryPointInput
	var restore backup.GetRecoveryPointRestoreMetadataInput
	var list backup.ListBackupJobsInput
	var plan backup.CreateBackupPlanInput
	h := newHouse(t, &api.Service{Name: "backup", Operations: []api.Operation{
		echo("PUT /backup-vaults/{BackupVaultName}", &create, &backup.CreateBackupVaultOutput{CreationDate: &at, BackupVaultName: aws.String("v")}),
		echo("GET /backup-vaults/{BackupVaultName}/recovery-points/{RecoveryPointArn}?backupVaultAccountId=BackupVaultAccountId", &describe,
			&backup.DescribeRecoveryPointOutput{IsEncrypted: true, Lifecycle: &types.Lifecycle{DeleteAfterDays: aws.Int64(7)}}),
		echo("GET /backup-vaults/{BackupVaultName}/recovery-points/{RecoveryPointArn}/restore-metadata", &restore,
			&backup.GetRecoveryPointRestoreMetadataOutput{RestoreMetadata: map[string]string{"a": "<&>\"\n€"}}),
		echo("GET /backup-jobs/?state=ByState&createdAfter=ByCreatedAfter&maxResults=MaxResults", &list, &backup.ListBackupJobsOutput{}),
		echo("PUT /backup/plans/", &plan, &backup.CreateBackupPlanOutput{}),
		op("DELETE /backup-vaults/{BackupVaultName}", func(*backup.DeleteBackupVaultInput) (*backup.DeleteBackupVaultOutput, error) {
			e := api.Errorf("InvalidRequestException", "Backup vault cannot be deleted because it contains recovery points.")
			e.Members = map[string]string{"Code": "ERROR_9101", "Context": "1"}
			return nil, e
		}),
		op("GET /backup-vaults/{BackupVaultName}", func(*backup.DescribeBackupVaultInput) (*backup.DescribeBackupVaultOutput, error) {
			return nil, errors.New("the disk is on fire")
		}),
	}})
	c := backup.NewFromConfig(h.config())
	ctx := t.Context()

	out, err := c.CreateBackupVault(ctx, &backup.CreateBackupVaultInput{BackupVaultName: aws.String("my-vault"), BackupVaultTags: map[string]string{"k": "v"}})
	if err != nil {
		t.Fatal(err)
	}
	if !out.CreationDate.Equal(at) || *create.BackupVaultName != "my-vault" || create.BackupVaultTags["k"] != "v" {
		t.Errorf("created %v on %v", create, out.CreationDate)
	}

	point, err := c.DescribeRecoveryPoint(ctx, &backup.DescribeRecoveryPointInput{BackupVaultName: aws.String("my-vault"), RecoveryPointArn: aws.String(pointARN)})
	if err != nil {
		t.Fatal(err)
	}
	if *describe.RecoveryPointArn != pointARN || !point.IsEncrypted || *point.Lifecycle.DeleteAfterDays != 7 {
		t.Errorf("described %s: %+v", *describe.RecoveryPointArn, point)
	}
	metadata, err := c.GetRecoveryPointRestoreMetadata(ctx, &backup.GetRecoveryPointRestoreMetadataInput{BackupVaultName: aws.String("my-vault"), RecoveryPointArn: aws.String(pointARN)})
	if err != nil {
		t.Fatal(err)
	}
	if *restore.RecoveryPointArn != pointARN || metadata.RestoreMetadata["a"] != "<&>\"\n€" {
		t.Errorf("restore metadata of %s: %+v", *restore.RecoveryPointArn, metadata.RestoreMetadata)
	}

	jobs, err := c.ListBackupJobs(ctx, &backup.ListBackupJobsInput{ByState: types.BackupJobStateRunning, ByCreatedAfter: &at, MaxResults: aws.Int32(5)})
	if err != nil {
		t.Fatal(err)
	}
	if jobs.BackupJobs == nil || list.ByState != "RUNNING" || *list.MaxResults != 5 || list.ByCreatedAfter.Unix() != at.Unix() {
		t.Errorf("listed with %+v, got %v", list, jobs.BackupJobs)
	}

	want := backup.CreateBackupPlanInput{BackupPlan: &types.BackupPlanInput{BackupPlanName: aws.String("p"), Rules: []types.BackupRuleInput{{
		RuleName: aws.String("r"), TargetBackupVaultName: aws.String("my-vault"), StartWindowMinutes: aws.Int64(60),
		Lifecycle:   &types.Lifecycle{DeleteAfterDays: aws.Int64(3)},
		CopyActions: []types.CopyAction{{DestinationBackupVaultArn: aws.String("arn:aws:backup:eu-north-1:222222222222:backup-vault:x")}},
	}}}}
	if _, err := c.CreateBackupPlan(ctx, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, plan, unexported); diff != "" {
		t.Errorf("plan (-sent +got):\n%s", diff)
	}

	_, err = c.DeleteBackupVault(ctx, &backup.DeleteBackupVaultInput{BackupVaultName: aws.String("my-vault")})
	var invalid *types.InvalidRequestException
	if !errors.As(err, &invalid) || *invalid.Code != "ERROR_9101" || *invalid.Context != "1" {
		t.Errorf("delete: %v", err)
	}
	_, err = c.DescribeBackupVault(ctx, &backup.DescribeBackupVaultInput{BackupVaultName: aws.String("my-vault")})
	wantCode(t, err, "InternalFailure")
	_, err = c.StartScanJob(ctx, &backup.StartScanJobInput{
		BackupVaultName: aws.String("v"), IamRoleArn: aws.String("r"), MalwareScanner: "GUARDDUTY",
		RecoveryPointArn: aws.String(pointARN), ScanMode: "FULL_SCAN", ScannerRoleArn: aws.String("r"),
	})
	wantCode(t, err, "NotImplemented", "backup:StartScanJob")
	_, err = c.CreateBackupVault(ctx, &backup.CreateBackupVaultInput{BackupVaultName: aws.String("no spaces")})
	wantCode(t, err, "InvalidParameterValueException", "backupVaultName")
	_, err = c.CreateBackupPlan(ctx, &backup.CreateBackupPlanInput{BackupPlan: &types.BackupPlanInput{BackupPlanName: aws.String("p"), Rules: []types.BackupRuleInput{}}})
	if err != nil {
		t.Errorf("an empty list of rules is given: %v", err)
	}
}

// wantCode wants an API error with a code and words in its message.
func wantCode(t *testing.T, err error, code string, words ...string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) {
		t.Errorf("got %v, want the error %s", err, code)
		return
	}
	if e.ErrorCode() != code {
		t.Errorf("got code %s (%s), want %s", e.ErrorCode(), e.ErrorMessage(), code)
	}
	for _, word := range words {
		if !contains(e.ErrorMessage(), word) {
			t.Errorf("message %q does not say %q", e.ErrorMessage(), word)
		}
	}
}
