package backup_test

import (
	"testing"

	awsbackup "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
)

// TestAccountsAndRegionsAreApart reaches from another account, and from another Region, for everything that one has.
func TestAccountsAndRegionsAreApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, mine := t.Context(), w.backup(member)
	w.vault(member, "local")
	vaultARN := "arn:aws:backup:eu-central-1:111111111111:backup-vault:local"
	point := w.point(member, "local", "one", start, nil)
	role := w.role(member, "AWSBackupRole", "service-role/AWSBackupServiceRolePolicyForBackup")
	plan, err := mine.CreateBackupPlan(ctx, &awsbackup.CreateBackupPlanInput{BackupPlan: onePlan("p")})
	must(t, err)
	selection, err := mine.CreateBackupSelection(ctx, &awsbackup.CreateBackupSelectionInput{BackupPlanId: plan.BackupPlanId, BackupSelection: &types.BackupSelection{SelectionName: new("s"), IamRoleArn: role, Resources: []string{"*"}}})
	must(t, err)
	backupJob, err := mine.StartBackupJob(ctx, &awsbackup.StartBackupJobInput{BackupVaultName: new("local"), ResourceArn: new("arn:aws:s3:::bucket"), IamRoleArn: role})
	must(t, err)
	copyJob, err := mine.StartCopyJob(ctx, &awsbackup.StartCopyJobInput{SourceBackupVaultName: new("local"), RecoveryPointArn: point, IamRoleArn: role, DestinationBackupVaultArn: new("arn:aws:backup:eu-north-1:222222222222:backup-vault:central")})
	must(t, err)
	restoreJob, err := mine.StartRestoreJob(ctx, &awsbackup.StartRestoreJobInput{RecoveryPointArn: point, IamRoleArn: role, Metadata: map[string]string{}})
	must(t, err)

	for name, c := range map[string]*awsbackup.Client{"another account": w.backup(other), "the management account": w.backup(management), "another Region": awsbackup.NewFromConfig(w.config(member, north))} {
		for what, call := range map[string]func() error{
			"DescribeBackupVault": func() error {
				_, err := c.DescribeBackupVault(ctx, &awsbackup.DescribeBackupVaultInput{BackupVaultName: new("local")})
				return err
			},
			"DescribeRecoveryPoint": func() error {
				_, err := c.DescribeRecoveryPoint(ctx, &awsbackup.DescribeRecoveryPointInput{BackupVaultName: new("local"), RecoveryPointArn: point})
				return err
			},
			"DeleteRecoveryPoint": func() error {
				_, err := c.DeleteRecoveryPoint(ctx, &awsbackup.DeleteRecoveryPointInput{BackupVaultName: new("local"), RecoveryPointArn: point})
				return err
			},
			"StartRestoreJob": func() error {
				_, err := c.StartRestoreJob(ctx, &awsbackup.StartRestoreJobInput{RecoveryPointArn: point, Metadata: map[string]string{}})
				return err
			},
			"GetBackupPlan": func() error {
				_, err := c.GetBackupPlan(ctx, &awsbackup.GetBackupPlanInput{BackupPlanId: plan.BackupPlanId, VersionId: plan.VersionId})
				return err
			},
			"DeleteBackupPlan": func() error {
				_, err := c.DeleteBackupPlan(ctx, &awsbackup.DeleteBackupPlanInput{BackupPlanId: plan.BackupPlanId})
				return err
			},
			"DeleteBackupSelection": func() error {
				_, err := c.DeleteBackupSelection(ctx, &awsbackup.DeleteBackupSelectionInput{BackupPlanId: plan.BackupPlanId, SelectionId: selection.SelectionId})
				return err
			},
			"DescribeBackupJob": func() error {
				_, err := c.DescribeBackupJob(ctx, &awsbackup.DescribeBackupJobInput{BackupJobId: backupJob.BackupJobId})
				return err
			},
			"StopBackupJob": func() error {
				_, err := c.StopBackupJob(ctx, &awsbackup.StopBackupJobInput{BackupJobId: backupJob.BackupJobId})
				return err
			},
			"DescribeCopyJob": func() error {
				_, err := c.DescribeCopyJob(ctx, &awsbackup.DescribeCopyJobInput{CopyJobId: copyJob.CopyJobId})
				return err
			},
			"GetRestoreJobMetadata": func() error {
				_, err := c.GetRestoreJobMetadata(ctx, &awsbackup.GetRestoreJobMetadataInput{RestoreJobId: restoreJob.RestoreJobId})
				return err
			},
			"ListTags of the vault": func() error {
				_, err := c.ListTags(ctx, &awsbackup.ListTagsInput{ResourceArn: &vaultARN})
				return err
			},
			"TagResource of the plan": func() error {
				_, err := c.TagResource(ctx, &awsbackup.TagResourceInput{ResourceArn: plan.BackupPlanArn, Tags: map[string]string{"a": "b"}})
				return err
			},
			"TagResource of the point": func() error {
				_, err := c.TagResource(ctx, &awsbackup.TagResourceInput{ResourceArn: point, Tags: map[string]string{"a": "b"}})
				return err
			},
			"DescribeProtectedResource": func() error {
				_, err := c.DescribeProtectedResource(ctx, &awsbackup.DescribeProtectedResourceInput{ResourceArn: new("arn:aws:s3:::bucket")})
				return err
			},
		} {
			if err := call(); err == nil {
				t.Errorf("%s from %s succeeded", what, name)
			} else {
				code := "ResourceNotFoundException"
				if what == "DescribeBackupVault" {
					code = "AccessDeniedException" // AWS does not say whether it is there
				}
				refused(t, err, code, "")
			}
		}
		vaults, err := c.ListBackupVaults(ctx, &awsbackup.ListBackupVaultsInput{})
		must(t, err)
		plans, err := c.ListBackupPlans(ctx, &awsbackup.ListBackupPlansInput{})
		must(t, err)
		jobs, err := c.ListBackupJobs(ctx, &awsbackup.ListBackupJobsInput{})
		must(t, err)
		points, err := c.ListRecoveryPointsByResource(ctx, &awsbackup.ListRecoveryPointsByResourceInput{ResourceArn: new("arn:aws:s3:::bucket")})
		must(t, err)
		if n := len(vaults.BackupVaultList) + len(plans.BackupPlansList) + len(jobs.BackupJobs) + len(points.RecoveryPoints); n != 0 {
			t.Errorf("%s sees %d things of the other's", name, n)
		}
	}

	// Naming the account does not help, whatever the vault's policy says.
	_, err = mine.PutBackupVaultAccessPolicy(ctx, &awsbackup.PutBackupVaultAccessPolicyInput{BackupVaultName: new("local"), Policy: new(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":["backup:DescribeBackupVault","backup:ListRecoveryPointsByBackupVault"],"Resource":"*"}]}`)})
	must(t, err)
	_, err = w.backup(other).DescribeBackupVault(ctx, &awsbackup.DescribeBackupVaultInput{BackupVaultName: new("local"), BackupVaultAccountId: new(member)})
	refused(t, err, "AccessDeniedException", "Insufficient privileges")
	_, err = w.backup(other).ListRecoveryPointsByBackupVault(ctx, &awsbackup.ListRecoveryPointsByBackupVaultInput{BackupVaultName: new("local"), BackupVaultAccountId: new(member)})
	refused(t, err, "AccessDeniedException", "Insufficient privileges")
}

// onePlan is a plan with one rule.
func onePlan(name string) *types.BackupPlanInput {
	return &types.BackupPlanInput{BackupPlanName: &name, Rules: []types.BackupRuleInput{{RuleName: new("r"), TargetBackupVaultName: new("local")}}}
}
