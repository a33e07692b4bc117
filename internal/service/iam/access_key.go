package iam

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"gocloud.dev/secrets"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// CreateAccessKey gives a user a long-term credential; this answer is the only one that shows the secret.
func (s *Service) CreateAccessKey(ctx context.Context, c *api.Caller, in *iam.CreateAccessKeyInput) (*iam.CreateAccessKeyOutput, error) {
	secret := NewSecret()
	wrapped, err := s.Keeper.Encrypt(ctx, []byte(secret))
	if err != nil {
		return nil, fmt.Errorf("wrapping an access key: %w", err)
	}
	var key state.AccessKey
	err = s.changeUser(ctx, c, in.UserName, func(ctx context.Context, tx *state.Tx, user *state.User) error {
		keys, err := tx.AccessKeys(ctx, c.AccountID, user.Name)
		if err != nil {
			return err
		}
		if len(keys) >= maxKeysPerUser {
			return limitExceeded("Cannot exceed quota for AccessKeysPerUser: %d", maxKeysPerUser)
		}
		key = state.AccessKey{
			ID: newKeyID(longTermPrefix, c.AccountID), AccountID: c.AccountID, UserName: user.Name, Secret: wrapped,
			Status: string(types.StatusTypeActive), CreatedAt: tx.Now,
		}
		return tx.InsertAccessKey(ctx, key)
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateAccessKeyOutput{AccessKey: &types.AccessKey{
		AccessKeyId: aws.String(key.ID), SecretAccessKey: aws.String(secret), UserName: aws.String(key.UserName),
		Status: types.StatusType(key.Status), CreateDate: seconds(key.CreatedAt),
	}}, nil
}

// UpdateAccessKey makes a key Active or Inactive.
func (s *Service) UpdateAccessKey(ctx context.Context, c *api.Caller, in *iam.UpdateAccessKeyInput) (*iam.UpdateAccessKeyOutput, error) {
	if in.Status != types.StatusTypeActive && in.Status != types.StatusTypeInactive {
		var k constraints
		k.add("status", string(in.Status), "satisfy enum value set: [Active, Inactive]")
		return nil, k.err()
	}
	err := s.changeUser(ctx, c, in.UserName, func(ctx context.Context, tx *state.Tx, user *state.User) error {
		return noSuchKey(in.AccessKeyId, tx.SetAccessKeyStatus(ctx, c.AccountID, user.Name, aws.ToString(in.AccessKeyId), string(in.Status)))
	})
	if err != nil {
		return nil, err
	}
	return &iam.UpdateAccessKeyOutput{}, nil
}

// DeleteAccessKey removes a key.
func (s *Service) DeleteAccessKey(ctx context.Context, c *api.Caller, in *iam.DeleteAccessKeyInput) (*iam.DeleteAccessKeyOutput, error) {
	err := s.changeUser(ctx, c, in.UserName, func(ctx context.Context, tx *state.Tx, user *state.User) error {
		return noSuchKey(in.AccessKeyId, tx.DeleteAccessKey(ctx, c.AccountID, user.Name, aws.ToString(in.AccessKeyId)))
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteAccessKeyOutput{}, nil
}

func noSuchKey(id *string, err error) error {
	if errors.Is(err, state.ErrNotFound) {
		return noSuchEntity("The Access Key with id %s cannot be found.", aws.ToString(id))
	}
	return err
}

// ListAccessKeys lists a user's keys without their secrets.
func (s *Service) ListAccessKeys(ctx context.Context, c *api.Caller, in *iam.ListAccessKeysInput) (*iam.ListAccessKeysOutput, error) {
	p, err := s.page(c, in)
	if err != nil {
		return nil, err
	}
	var keys []state.AccessKey
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		user, err := findUser(ctx, tx, c, in.UserName)
		if err != nil {
			return err
		}
		keys, err = tx.AccessKeys(ctx, c.AccountID, user.Name)
		return err
	})
	if err != nil {
		return nil, err
	}
	keys, next := cut(p, keys, func(k state.AccessKey) string { return k.ID })
	out := &iam.ListAccessKeysOutput{AccessKeyMetadata: []types.AccessKeyMetadata{}, Marker: next, IsTruncated: next != nil}
	for _, key := range keys {
		out.AccessKeyMetadata = append(out.AccessKeyMetadata, types.AccessKeyMetadata{
			AccessKeyId: aws.String(key.ID), UserName: aws.String(key.UserName), Status: types.StatusType(key.Status),
			CreateDate: seconds(key.CreatedAt),
		})
	}
	return out, nil
}

// Unwrap is the secret of an access key.
func Unwrap(ctx context.Context, keeper *secrets.Keeper, key state.AccessKey) (string, error) {
	secret, err := keeper.Decrypt(ctx, key.Secret)
	if err != nil {
		return "", fmt.Errorf("unwrapping access key %s: %w", key.ID, err)
	}
	return string(secret), nil
}
