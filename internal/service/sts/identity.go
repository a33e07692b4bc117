package sts

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"strongroom/internal/api"
	"strongroom/internal/service/iam"
	"strongroom/internal/state"
)

// GetCallerIdentity tells the caller who it is. No policy can forbid it.
func (s *Service) GetCallerIdentity(_ context.Context, c *api.Caller, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	return &sts.GetCallerIdentityOutput{Account: aws.String(c.AccountID), Arn: aws.String(c.ARN), UserId: aws.String(c.UserID)}, nil
}

// GetAccessKeyInfo tells whose account an access key is of.
func (s *Service) GetAccessKeyInfo(ctx context.Context, _ *api.Caller, in *sts.GetAccessKeyInfoInput) (*sts.GetAccessKeyInfoOutput, error) {
	id := aws.ToString(in.AccessKeyId)
	var key state.AccessKey
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		key, err = tx.AccessKey(ctx, id)
		return err
	})
	if errors.Is(err, state.ErrNotFound) {
		account, ok := iam.KeyAccount(id)
		if !ok {
			return nil, api.Errorf("ValidationError", "Invalid AccessKeyId: %s", id)
		}
		return &sts.GetAccessKeyInfoOutput{Account: aws.String(account)}, nil
	}
	if err != nil {
		return nil, err
	}
	return &sts.GetAccessKeyInfoOutput{Account: aws.String(key.AccountID)}, nil
}

// DecodeAuthorizationMessage shows what the encoded message of a refusal says, to who may see it in the same account.
func (s *Service) DecodeAuthorizationMessage(_ context.Context, c *api.Caller, in *sts.DecodeAuthorizationMessageInput) (*sts.DecodeAuthorizationMessageOutput, error) {
	message, err := s.Decode(c.AccountID, *in.EncodedMessage)
	if err != nil {
		return nil, err
	}
	return &sts.DecodeAuthorizationMessageOutput{DecodedMessage: aws.String(message)}, nil
}
