package backup

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/uuid"

	"strongroom/archive"
	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// adoptKey puts a new vault under a key. What the caller's policies and the key's must allow for that is tried here, as
// the caller and through this service: describing the key, making and opening a data key for the vault, and granting
// the service the same for good.
func (s *Service) adoptKey(ctx context.Context, c *api.Caller, keyARN string, vault *state.BackupVault) error {
	if keyARN == "" {
		managed, err := s.EnsureManagedKey(ctx, c.AccountID, c.Region, "aws/backup")
		if err != nil {
			return fmt.Errorf("making the aws/backup key: %w", err)
		}
		vault.KeyARN = managed
		return nil
	}
	named, err := arn.Parse(keyARN)
	if err != nil || named.Service != "kms" {
		return invalid("Invalid key ARN %s in EncryptionKeyArn.", keyARN)
	}
	if named.Region != c.Region {
		return invalid("The key %s in EncryptionKeyArn is not in Region %s.", keyARN, c.Region)
	}
	through := c.Through(principal, c.Region)
	described, err := api.Call[kms.DescribeKeyOutput](ctx, s.Door, through, &kms.DescribeKeyInput{KeyId: &keyARN})
	if err != nil {
		return keyError(err)
	}
	key := described.KeyMetadata
	vault.KeyARN = *key.Arn
	if key.KeyManager == kmstypes.KeyManagerTypeAws {
		managed, err := s.EnsureManagedKey(ctx, c.AccountID, c.Region, "aws/backup")
		if err == nil && managed != vault.KeyARN {
			err = invalid("The AWS managed key %s in EncryptionKeyArn cannot be used for a backup vault.", keyARN)
		}
		return err
	}
	vault.KeyType = state.KeyCustomerManaged
	place := map[string]string{archive.ContextVault: vault.ARN}
	data, err := api.Call[kms.GenerateDataKeyOutput](ctx, s.Door, through,
		&kms.GenerateDataKeyInput{KeyId: key.Arn, KeySpec: kmstypes.DataKeySpecAes256, EncryptionContext: place})
	if err != nil {
		return keyError(err)
	}
	_, err = api.Call[kms.DecryptOutput](ctx, s.Door, through,
		&kms.DecryptInput{KeyId: key.Arn, CiphertextBlob: data.CiphertextBlob, EncryptionContext: place})
	if err != nil {
		return keyError(err)
	}
	granted, err := api.Call[kms.CreateGrantOutput](ctx, s.Door, through, &kms.CreateGrantInput{
		KeyId: key.Arn, GranteePrincipal: aws.String(principal), Name: aws.String("backup-vault/" + vault.Name + "/" + uuid.NewString()), // of its own: a vault that was of this name may be giving its grant back
		Operations: []kmstypes.GrantOperation{
			kmstypes.GrantOperationEncrypt, kmstypes.GrantOperationDecrypt, kmstypes.GrantOperationGenerateDataKey,
			kmstypes.GrantOperationDescribeKey, kmstypes.GrantOperationRetireGrant,
		},
		Constraints: &kmstypes.GrantConstraints{EncryptionContextSubset: place},
	})
	if err != nil {
		return keyError(err)
	}
	vault.GrantID = *granted.GrantId
	return nil
}

// keyError is how the service answers when KMS refuses.
func keyError(err error) error {
	e := api.Refused(err)
	if e == nil {
		return err
	}
	answer := invalid("The key in EncryptionKeyArn cannot be used: %s", e.Message)
	if e.Code == "AccessDeniedException" {
		answer = api.Errorf("AccessDeniedException", "%s", e.Message).WithStatus(403)
	}
	answer.Err = err
	return answer
}

// releaseKey gives a vault's grant back. The vault is gone already, so a failure is only noted: a grant for a vault that
// does not exist opens nothing.
func (s *Service) releaseKey(ctx context.Context, vault state.BackupVault) {
	if vault.GrantID == "" {
		return
	}
	_, err := api.Call[kms.RetireGrantOutput](ctx, s.Door, api.ServiceCaller(principal, vault.AccountID, vault.Region),
		&kms.RetireGrantInput{KeyId: &vault.KeyARN, GrantId: &vault.GrantID})
	if err != nil && !slices.Contains([]string{"NotFoundException", "KMSInvalidStateException"}, api.Code(err)) {
		s.Log.WarnContext(ctx, "could not retire the grant of a backup vault", slog.String("vault", vault.ARN), slog.Any("error", err))
	}
}
