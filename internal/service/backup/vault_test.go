package backup_test

import (
	"context"
	"strings"
	"testing"
	"time"

	awsbackup "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// key makes a customer managed key in an account and returns its ARN.
func (w *world) key(account, policy string) *string {
	w.t.Helper()
	in := &awskms.CreateKeyInput{}
	if policy != "" {
		in.Policy = &policy
	}
	made, err := w.kms(account).CreateKey(w.t.Context(), in)
	must(w.t, err)
	return made.KeyMetadata.Arn
}

// TestVaultUnderCustomerManagedKey follows the grant that lets the service use the key for this vault and nothing else.
func TestVaultUnderCustomerManagedKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, c := t.Context(), w.backup(member)
	key := w.key(member, "")
	_, err := c.CreateBackupVault(ctx, &awsbackup.CreateBackupVaultInput{BackupVaultName: new("sealed"), EncryptionKeyArn: key})
	must(t, err)
	v, err := c.DescribeBackupVault(ctx, &awsbackup.DescribeBackupVaultInput{BackupVaultName: new("sealed")})
	must(t, err)
	if *v.EncryptionKeyArn != *key || v.EncryptionKeyType != types.EncryptionKeyTypeCustomerManagedKmsKey {
		t.Errorf("the vault is under %s (%s)", *v.EncryptionKeyArn, v.EncryptionKeyType)
	}
	grants, err := w.kms(member).ListGrants(ctx, &awskms.ListGrantsInput{KeyId: key})
	must(t, err)
	if len(grants.Grants) != 1 || grants.Grants[0].Constraints.EncryptionContextSubset["aws:backup:backup-vault"] != *v.BackupVaultArn {
		t.Fatalf("grants on the key: %+v", grants.Grants)
	}

	service := api.ServiceCaller("backup.amazonaws.com", member, home)
	use := func(vault string) error {
		_, err := api.Call[awskms.GenerateDataKeyOutput](ctx, w.Door, service, &awskms.GenerateDataKeyInput{
			KeyId: key, KeySpec: "AES_256", EncryptionContext: map[string]string{"aws:backup:backup-vault": vault},
		})
		return err
	}
	if err := use(*v.BackupVaultArn); err != nil {
		t.Errorf("the service cannot use the key for the vault: %v", err)
	}
	if err := use("arn:aws:backup:eu-central-1:111111111111:backup-vault:other"); err == nil {
		t.Error("the service can use the key for another vault")
	}
	_, err = c.DeleteBackupVault(ctx, &awsbackup.DeleteBackupVaultInput{BackupVaultName: new("sealed")})
	must(t, err)
	if err := use(*v.BackupVaultArn); err == nil {
		t.Error("the service can use the key after the vault is gone")
	}
}

func TestVaultKeyRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	disabled := w.key(member, "")
	_, err := w.kms(member).DisableKey(ctx, &awskms.DisableKeyInput{KeyId: disabled})
	must(t, err)
	foreign := w.key(other, "")
	shared := w.key(other, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":["kms:DescribeKey","kms:GenerateDataKey","kms:Decrypt","kms:CreateGrant"],"Resource":"*"}]}`)
	ebs, err := w.EnsureManagedKey(ctx, member, home, "aws/ebs")
	must(t, err)
	own, err := w.EnsureManagedKey(ctx, member, home, "aws/backup")
	must(t, err)
	usable := w.key(member, "")
	noGrant := w.as(member, "no-grant", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["backup:*","backup-storage:*","kms:DescribeKey","kms:GenerateDataKey","kms:Decrypt"],"Resource":"*"}]}`)
	noStorage := w.as(member, "no-storage", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["backup:*","kms:*"],"Resource":"*"}]}`)
	admin := w.backup(member)
	for _, test := range []struct {
		name   string
		client *awsbackup.Client
		key    *string
		code   string // "" for success
		text   string
	}{
		{"a disabled key", admin, disabled, "InvalidParameterValueException", "EncryptionKeyArn"},
		{"another account's key", admin, foreign, "AccessDeniedException", ""},
		{"a key shared by another account", admin, shared, "", ""},
		{"a key of another Region", admin, new(strings.Replace(*usable, home, north, 1)), "InvalidParameterValueException", "EncryptionKeyArn"},
		{"no key at all", admin, new("arn:aws:kms:eu-central-1:111111111111:key/00000000-0000-0000-0000-000000000000"), "InvalidParameterValueException", "EncryptionKeyArn"},
		{"not a key", admin, new("arn:aws:s3:::bucket"), "InvalidParameterValueException", "EncryptionKeyArn"},
		{"another service's managed key", admin, &ebs, "InvalidParameterValueException", "EncryptionKeyArn"},
		{"the managed key by name", admin, &own, "", ""},
		{"a caller who may not grant", noGrant, usable, "AccessDeniedException", "kms:CreateGrant"},
		{"a caller without backup-storage:MountCapsule", noStorage, usable, "AccessDeniedException", "backup-storage:MountCapsule"},
	} {
		name := strings.NewReplacer(" ", "-", ":", "-", "'", "").Replace(test.name)
		_, err := test.client.CreateBackupVault(ctx, &awsbackup.CreateBackupVaultInput{BackupVaultName: &name, EncryptionKeyArn: test.key})
		if test.code == "" {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		refused(t, err, test.code, test.text)
		_, err = admin.DescribeBackupVault(ctx, &awsbackup.DescribeBackupVaultInput{BackupVaultName: &name})
		refused(t, err, "AccessDeniedException", "")
	}
	vaults, err := admin.DescribeBackupVault(ctx, &awsbackup.DescribeBackupVaultInput{BackupVaultName: new("the-managed-key-by-name")})
	must(t, err)
	if *vaults.EncryptionKeyArn != own || vaults.EncryptionKeyType != "" {
		t.Errorf("a vault under aws/backup is under %s (%s)", *vaults.EncryptionKeyArn, vaults.EncryptionKeyType)
	}
}

func TestVaultExistsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.vault(member, "local")
	_, err := w.backup(member).CreateBackupVault(t.Context(), &awsbackup.CreateBackupVaultInput{BackupVaultName: new("local"), CreatorRequestId: new("x")})
	refused(t, err, "AlreadyExistsException", "already exists")
	w.vault(other, "local") // another account's
	_, err = awsbackup.NewFromConfig(w.config(member, north)).CreateBackupVault(t.Context(), &awsbackup.CreateBackupVaultInput{BackupVaultName: new("local")})
	must(t, err) // another Region's
}

// TestVaultPolicyIsAsked denies what the caller's own policies allow.
func TestVaultPolicyIsAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, c := t.Context(), w.backup(member)
	w.vault(member, "local")
	kept := w.point(member, "local", "kept", start, func(p *state.RecoveryPoint) { p.Tags = map[string]string{"keep": "yes"} })
	free := w.point(member, "local", "free", start, nil)
	_, err := c.PutBackupVaultAccessPolicy(ctx, &awsbackup.PutBackupVaultAccessPolicyInput{BackupVaultName: new("local"), Policy: new(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Deny","Principal":"*","Action":"backup:DeleteRecoveryPoint","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/keep":"yes"}}},
		{"Effect":"Deny","Principal":"*","Action":["backup:StartCopyJob","backup:StartBackupJob"],"Resource":"*"}]}`)})
	must(t, err)
	_, err = c.DeleteRecoveryPoint(ctx, &awsbackup.DeleteRecoveryPointInput{BackupVaultName: new("local"), RecoveryPointArn: kept})
	refused(t, err, "AccessDeniedException", "explicit deny in a resource-based policy")
	_, err = c.DeleteRecoveryPoint(ctx, &awsbackup.DeleteRecoveryPointInput{BackupVaultName: new("local"), RecoveryPointArn: free})
	must(t, err)
	role := w.role(member, "AWSBackupRole")
	_, err = c.StartBackupJob(ctx, &awsbackup.StartBackupJobInput{BackupVaultName: new("local"), ResourceArn: new("arn:aws:s3:::bucket"), IamRoleArn: role})
	refused(t, err, "AccessDeniedException", "backup:StartBackupJob")
	_, err = c.StartCopyJob(ctx, &awsbackup.StartCopyJobInput{SourceBackupVaultName: new("local"), RecoveryPointArn: kept, IamRoleArn: role, DestinationBackupVaultArn: new("arn:aws:backup:eu-north-1:222222222222:backup-vault:central")})
	refused(t, err, "AccessDeniedException", "backup:StartCopyJob")
}

func TestVaultPolicyRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, c := t.Context(), w.backup(member)
	w.vault(member, "local")
	for name, test := range map[string]struct{ policy, text string }{
		"no JSON":                       {`{`, "invalid"},
		"no principal":                  {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"backup:CopyIntoBackupVault","Resource":"*"}]}`, "invalid"},
		"a wildcard action":             {`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"backup:Delete*","Resource":"*"}]}`, "wildcards are not supported"},
		"open to everybody":             {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"backup:DescribeBackupVault","Resource":"*"}]}`, "cross-account sharing restrictions"},
		"a principal that is not there": {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:role/nobody"},"Action":"backup:CopyIntoBackupVault","Resource":"*"}]}`, "do not exist"},
	} {
		_, err := c.PutBackupVaultAccessPolicy(ctx, &awsbackup.PutBackupVaultAccessPolicyInput{BackupVaultName: new("local"), Policy: &test.policy})
		refused(t, err, "InvalidParameterValueException", test.text)
		if _, err = c.GetBackupVaultAccessPolicy(ctx, &awsbackup.GetBackupVaultAccessPolicyInput{BackupVaultName: new("local")}); err == nil {
			t.Errorf("%s: the policy was kept", name)
		}
	}
	_, err := c.PutBackupVaultAccessPolicy(ctx, &awsbackup.PutBackupVaultAccessPolicyInput{BackupVaultName: new("local"), Policy: new(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"backup:CopyIntoBackupVault","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}}]}`)})
	must(t, err)
}

// TestComplianceLock lets the grace period of a compliance lock pass.
func TestComplianceLock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, c := t.Context(), w.backup(member)
	w.vault(member, "locked")
	point := w.point(member, "locked", "one", start, nil)
	lock := &awsbackup.PutBackupVaultLockConfigurationInput{BackupVaultName: new("locked"), MinRetentionDays: new(int64(7)), ChangeableForDays: new(int64(3))}
	_, err := c.PutBackupVaultLockConfiguration(ctx, lock)
	must(t, err)
	v, err := c.DescribeBackupVault(ctx, &awsbackup.DescribeBackupVaultInput{BackupVaultName: new("locked")})
	must(t, err)
	if !*v.Locked || !v.LockDate.Equal(start.AddDate(0, 0, 3)) {
		t.Errorf("locked %v from %v", *v.Locked, v.LockDate)
	}
	_, err = c.DeleteRecoveryPoint(ctx, &awsbackup.DeleteRecoveryPointInput{BackupVaultName: new("locked"), RecoveryPointArn: point})
	refused(t, err, "InvalidRequestException", "locked")
	_, err = c.UpdateRecoveryPointLifecycle(ctx, &awsbackup.UpdateRecoveryPointLifecycleInput{BackupVaultName: new("locked"), RecoveryPointArn: point, Lifecycle: &types.Lifecycle{DeleteAfterDays: new(int64(9))}})
	refused(t, err, "InvalidRequestException", "locked")

	w.clock.Advance(71 * time.Hour)
	_, err = c.DeleteBackupVaultLockConfiguration(ctx, &awsbackup.DeleteBackupVaultLockConfigurationInput{BackupVaultName: new("locked")})
	must(t, err)
	_, err = c.PutBackupVaultLockConfiguration(ctx, lock)
	must(t, err)
	w.clock.Advance(72 * time.Hour)
	_, err = c.DeleteBackupVaultLockConfiguration(ctx, &awsbackup.DeleteBackupVaultLockConfigurationInput{BackupVaultName: new("locked")})
	refused(t, err, "InvalidRequestException", "lock date has passed")
	lock.MinRetentionDays = new(int64(1))
	_, err = c.PutBackupVaultLockConfiguration(ctx, lock)
	refused(t, err, "InvalidRequestException", "lock date has passed")
	_, err = c.DeleteBackupVault(ctx, &awsbackup.DeleteBackupVaultInput{BackupVaultName: new("locked")})
	refused(t, err, "InvalidRequestException", "Backup vault cannot be deleted because it contains recovery points.")
}

func TestDeleteNeedsAnIdlePoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, c := t.Context(), w.backup(member)
	w.vault(member, "local")
	point := w.point(member, "local", "one", start, func(p *state.RecoveryPoint) { p.Status = state.PointCreating })
	remove := func() error {
		_, err := c.DeleteRecoveryPoint(ctx, &awsbackup.DeleteRecoveryPointInput{BackupVaultName: new("local"), RecoveryPointArn: point})
		return err
	}
	refused(t, remove(), "InvalidResourceStateException", "already performing an action")
	w.update(func(ctx context.Context, tx *state.Tx) error {
		p, err := tx.RecoveryPoint(ctx, *point)
		if err != nil {
			return err
		}
		p.Status = state.PointCompleted
		return tx.UpdateRecoveryPoint(ctx, p, state.PointCreating)
	})
	must(t, remove())
	refused(t, remove(), "InvalidResourceStateException", "already performing an action")
}

// TestVaultWithAJobAtWorkStays has a job make a point that the catalogue does not know yet.
func TestVaultWithAJobAtWorkStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, c := t.Context(), w.backup(member)
	w.vault(member, "local")
	job := state.CopyJob{ID: "C", AccountID: other, Region: north, State: state.JobRunning, DestinationVaultARN: "arn:aws:backup:eu-central-1:111111111111:backup-vault:local"}
	w.update(func(ctx context.Context, tx *state.Tx) error { return tx.InsertCopyJob(ctx, job) })
	_, err := c.DeleteBackupVault(ctx, &awsbackup.DeleteBackupVaultInput{BackupVaultName: new("local")})
	refused(t, err, "InvalidRequestException", "contains recovery points")
	reason, err := w.ServiceRoleInUse(ctx, member, "backup.amazonaws.com")
	if err != nil || reason == "" {
		t.Errorf("the service-linked role could be deleted: %q, %v", reason, err)
	}
	w.update(func(ctx context.Context, tx *state.Tx) error {
		job.State = state.JobFailed
		return tx.UpdateCopyJob(ctx, job, state.JobRunning)
	})
	_, err = c.DeleteBackupVault(ctx, &awsbackup.DeleteBackupVaultInput{BackupVaultName: new("local")})
	must(t, err)
	if reason, err := w.ServiceRoleInUse(ctx, member, "backup.amazonaws.com"); err != nil || reason != "" {
		t.Errorf("the service-linked role is in use: %q, %v", reason, err)
	}
}
