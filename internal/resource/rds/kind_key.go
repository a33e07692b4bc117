package rds

import (
	"context"

	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/archive"
	"strongroom/internal/api"
)

// grantVault lets RDS use a key for the archive of a backup vault, as far as c may use the key for resources: RDS opens recovery
// points when it restores or copies them.
func (f *Fleet) grantVault(ctx context.Context, c *api.Caller, keyARN, vault string) error {
	_, err := f.grant(ctx, c, keyARN, map[string]string{archive.ContextVault: vault}, kmstypes.GrantOperationDecrypt, kmstypes.GrantOperationGenerateDataKey)
	return err
}
