package iam

import (
	"context"
	"errors"
	"fmt"

	"strongroom/arn"
	"strongroom/internal/state"
)

// defaultRolePolicies are what AWS's console gives the default role of AWS Backup; for S3 it has none.
// https://docs.aws.amazon.com/aws-backup/latest/devguide/iam-service-roles.html#default-service-roles
var defaultRolePolicies = []string{
	awsPolicyPrefix + "service-role/AWSBackupServiceRolePolicyForBackup",
	awsPolicyPrefix + "service-role/AWSBackupServiceRolePolicyForRestores",
}

// MakeDefaultRole makes AWS Backup's default role of an account as AWS's console does when somebody first chooses it there,
// and reports whether it was not there yet. One that is there stays as it is. roleARN is that of [rules.DefaultRole].
func (s *Service) MakeDefaultRole(ctx context.Context, roleARN string) (made bool, err error) {
	named, err := arn.Parse(roleARN)
	if err != nil {
		return false, err
	}
	accountID, name := named.AccountID, lastSegment(roleARN)
	err = s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) error {
		if _, err := tx.Account(ctx, accountID); errors.Is(err, state.ErrNotFound) {
			return fmt.Errorf("there is no account %s", accountID)
		} else if err != nil {
			return err
		}
		if _, err := tx.Role(ctx, accountID, name); !errors.Is(err, state.ErrNotFound) {
			return err
		}
		made = true
		role := state.Role{
			AccountID: accountID, Name: name, ID: newUniqueID(rolePrefix), Path: "/service-role/", Trust: ServiceTrust("backup.amazonaws.com"),
			Description: "Provides AWS Backup permission to create backups and perform restores on your behalf across AWS services",
			MaxSession:  minSessionDuration, Tags: map[string]string{}, CreatedAt: tx.Now,
		}
		if err := tx.InsertRole(ctx, role); err != nil {
			return err
		}
		for _, policy := range defaultRolePolicies {
			if err := tx.AttachPolicy(ctx, accountID, state.KindRole, name, policy); err != nil {
				return err
			}
		}
		return nil
	})
	return made && err == nil, err
}
