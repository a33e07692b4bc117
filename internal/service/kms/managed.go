package kms

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/state"
)

// managedKey tells the service that an AWS managed key is for.
type managedKey struct {
	service     string // as kms:ViaService begins
	description string
}

// managedKeys are the AWS managed keys by the name in their alias.
// https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#aws-managed-cmk
var managedKeys = map[string]managedKey{
	"aws/backup": {"backup", "Default key that protects my Backup data when no other key is defined"},
	"aws/ebs":    {"ec2", "Default key that protects my EBS volumes when no other key is defined"},
	"aws/rds":    {"rds", "Default key that protects my RDS database volumes when no other key is defined"},
	"aws/s3":     {"s3", "Default key that protects my S3 objects when no other key is defined"},
	"aws/sns":    {"sns", "Default key that protects my SNS data when no other key is defined"},
	"aws/sqs":    {"sqs", "Default key that protects my SQS messages when no other key is defined"},
}

// managedService is the service of a predefined alias ("alias/aws/s3"), or "".
func managedService(alias string) string {
	return managedKeys[strings.TrimPrefix(alias, "alias/")].service
}

// managedPolicy lets the account's principals use the key through its service and see it, and nobody change it.
func managedPolicy(name, service, region, accountID string) string {
	return fmt.Sprintf(`{
  "Version" : "2012-10-17",
  "Id" : "auto-%s-1",
  "Statement" : [ {
    "Sid" : "Allow use through %s by the principals of the account that may use it",
    "Effect" : "Allow",
    "Principal" : { "AWS" : "*" },
    "Action" : [ "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey" ],
    "Resource" : "*",
    "Condition" : { "StringEquals" : { "kms:CallerAccount" : "%s", "kms:ViaService" : "%s.%s.amazonaws.com" } }
  }, {
    "Sid" : "Allow the account to see the key's metadata",
    "Effect" : "Allow",
    "Principal" : { "AWS" : "%s" },
    "Action" : [ "kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant" ],
    "Resource" : "*"
  } ]
}`, strings.ReplaceAll(name, "/", "-"), service, accountID, service, region, rootARN(accountID))
}

// EnsureManagedKey returns the ARN of the AWS managed key of an account and Region by the name in its alias, "aws/backup",
// "aws/ebs", "aws/rds" or "aws/s3", and makes the key if it is not there yet.
func (s *Service) EnsureManagedKey(ctx context.Context, accountID, region, name string) (string, error) {
	kind, ok := managedKeys[name]
	if !ok {
		return "", fmt.Errorf("there is no AWS managed key %s, only %v", name, slices.Sorted(maps.Keys(managedKeys)))
	}
	alias := "alias/" + name
	id, err := s.aliasTarget(ctx, accountID, region, alias)
	if err == nil || !errors.Is(err, state.ErrNotFound) {
		return keyARN(region, accountID, id), err
	}
	id = newKeyID(false)
	k, err := s.insertKey(ctx, state.Key{
		ID: id, AccountID: accountID, Region: region, Manager: awsManaged, State: enabled, Description: kind.description,
		Spec: string(types.KeySpecSymmetricDefault), Usage: string(types.KeyUsageTypeEncryptDecrypt), Origin: string(types.OriginTypeAwsKms),
		Policy: managedPolicy(name, kind.service, region, accountID), RotationDays: usualRotationDays,
	}, &state.Alias{AccountID: accountID, Region: region, Name: alias, KeyID: id})
	if errors.Is(err, state.ErrExists) { // another call was quicker
		id, err = s.aliasTarget(ctx, accountID, region, alias)
		return keyARN(region, accountID, id), err
	}
	if err != nil {
		return "", err
	}
	return k.arn, nil
}
