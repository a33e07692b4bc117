package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// The names that the solution gives things.
const (
	roleName      = "AWSBackupServiceRole"
	memberVault   = "member-vault"
	firstVault    = "first-vault"  // the backup account's, in the member's Region
	backupVault   = "backup-vault" // the backup account's, in the second Region
	planSimple    = "simple"
	planCrossed   = "cross-region"
	planSpecial   = "cross-region-special" // in two copies, for what cannot cross account and Region in one
	nightly       = "cron(0 5 ? * * *)"
	backupService = "backup.amazonaws.com"
)

// solution is the roll-out in the three accounts.
type solution struct {
	management, member *account
	first, vaulted     *account // the backup account in the member's Region, and in the second

	resourceKey string // CMRK: member, home Region
	memberKey   string // CMVK of the member's vault
	firstKey    string // CMVK of the backup account's first vault
	backupKey   string // CMVK of the backup account's vault in the second Region
}

// statement is one statement of a policy document.
type statement struct {
	Sid       string `json:",omitempty"`
	Effect    string
	Principal any            `json:",omitempty"`
	Action    any            `json:",omitempty"`
	Resource  any            `json:",omitempty"`
	Condition map[string]any `json:",omitempty"`
}

func document(statements ...statement) *string {
	text, err := json.Marshal(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", statements})
	if err != nil {
		panic("a policy of strings cannot fail to be encoded: " + err.Error())
	}
	return aws.String(string(text))
}

// rollOut makes the solution: everything that a platform engineer would write into modules. copier is the function's zip.
func (s *solution) rollOut(ctx context.Context, copier []byte) error {
	if err := s.openOrganization(ctx); err != nil {
		return err
	}
	if _, err := s.management.backup.UpdateGlobalSettings(ctx, &backup.UpdateGlobalSettingsInput{
		GlobalSettings: map[string]string{"isCrossAccountBackupEnabled": "true"},
	}); err != nil {
		return fmt.Errorf("enabling cross-account backup: %w", err)
	}
	// Key policies below name the service-linked roles, so these come first.
	for _, a := range []*account{s.member, s.vaulted} {
		if err := a.createRoles(ctx); err != nil {
			return err
		}
	}
	for _, step := range []struct {
		key   *string
		owner *account
		peer  *account // whose AWSServiceRoleForBackup copies what the key sealed
		alias string
	}{
		{&s.resourceKey, s.member, s.vaulted, "alias/resources"},
		{&s.memberKey, s.member, s.vaulted, "alias/member-vault"},
		{&s.firstKey, s.first, s.member, "alias/first-vault"},
		{&s.backupKey, s.vaulted, s.member, "alias/backup-vault"},
	} {
		var err error
		if *step.key, err = step.owner.createKey(ctx, step.alias, step.peer); err != nil {
			return err
		}
	}
	if err := s.member.createVault(ctx, memberVault, s.memberKey, s.vaulted); err != nil {
		return err
	}
	if err := s.first.createVault(ctx, firstVault, s.firstKey, s.member); err != nil {
		return err
	}
	if err := s.vaulted.createVault(ctx, backupVault, s.backupKey, s.member); err != nil {
		return err
	}
	if err := s.deployCopier(ctx, copier); err != nil {
		return err
	}
	return s.handDown(ctx)
}

// createRoles makes the role that jobs assume, and the service-linked role.
func (a *account) createRoles(ctx context.Context) error {
	if _, err := a.iam.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName:                 aws.String(roleName),
		AssumeRolePolicyDocument: document(statement{Effect: "Allow", Principal: map[string]string{"Service": backupService}, Action: "sts:AssumeRole"}),
	}); err != nil {
		return fmt.Errorf("creating the service role in %s: %w", a.name, err)
	}
	for _, policy := range []string{
		"service-role/AWSBackupServiceRolePolicyForBackup",
		"service-role/AWSBackupServiceRolePolicyForRestores",
		"AWSBackupServiceRolePolicyForS3Backup",
		"AWSBackupServiceRolePolicyForS3Restore",
	} {
		if _, err := a.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{
			RoleName: aws.String(roleName), PolicyArn: aws.String("arn:aws:iam::aws:policy/" + policy),
		}); err != nil {
			return fmt.Errorf("attaching %s in %s: %w", policy, a.name, err)
		}
	}
	_, err := a.iam.CreateServiceLinkedRole(ctx, &iam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String(backupService)})
	var taken *iamtypes.InvalidInputException // it exists: AWS Backup made it
	if err != nil && !errors.As(err, &taken) {
		return fmt.Errorf("creating the service-linked role in %s: %w", a.name, err)
	}
	return nil
}

// createKey makes a key whose policy delegates to the account and lets the peer's AWSServiceRoleForBackup copy.
func (a *account) createKey(ctx context.Context, alias string, peer *account) (keyARN string, err error) {
	key, err := a.kms.CreateKey(ctx, &kms.CreateKeyInput{
		Description: aws.String(alias),
		Policy: document(
			statement{Sid: "Account", Effect: "Allow", Principal: map[string]string{"AWS": a.rootARN()}, Action: "kms:*", Resource: "*"},
			statement{
				Sid: "CopiesOfThePeer", Effect: "Allow", Principal: map[string]string{"AWS": peer.backupServiceRoleARN()},
				Action: []string{"kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"}, Resource: "*",
				Condition: map[string]any{"Bool": map[string]string{"kms:GrantIsForAWSResource": "true"}},
			},
			statement{Sid: "LookOfThePeer", Effect: "Allow", Principal: map[string]string{"AWS": peer.backupServiceRoleARN()}, Action: "kms:DescribeKey", Resource: "*"},
		),
	})
	if err != nil {
		return "", fmt.Errorf("creating key %s in %s: %w", alias, a.name, err)
	}
	if _, err := a.kms.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &alias, TargetKeyId: key.KeyMetadata.KeyId}); err != nil {
		return "", fmt.Errorf("naming key %s in %s: %w", alias, a.name, err)
	}
	return aws.ToString(key.KeyMetadata.Arn), nil
}

// createVault makes a vault that admits copies from the peer.
func (a *account) createVault(ctx context.Context, name, keyARN string, peer *account) error {
	if _, err := a.backup.CreateBackupVault(ctx, &backup.CreateBackupVaultInput{BackupVaultName: &name, EncryptionKeyArn: &keyARN}); err != nil {
		return fmt.Errorf("creating vault %s in %s: %w", name, a.name, err)
	}
	if _, err := a.backup.PutBackupVaultAccessPolicy(ctx, &backup.PutBackupVaultAccessPolicyInput{
		BackupVaultName: &name,
		Policy: document(statement{
			Effect: "Allow", Principal: map[string]string{"AWS": peer.rootARN()}, Action: "backup:CopyIntoBackupVault", Resource: "*",
		}),
	}); err != nil {
		return fmt.Errorf("opening vault %s in %s: %w", name, a.name, err)
	}
	return nil
}
