package iam

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// keyUseAccess asks for the user that has the key.
func (s *Service) keyUseAccess(ctx context.Context, c *api.Caller, in *iam.GetAccessKeyLastUsedInput) ([]api.Access, error) {
	about, tags := "arn:aws:iam::"+c.AccountID+":user/*", map[string]string(nil)
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		key, err := tx.AccessKey(ctx, *in.AccessKeyId)
		if errors.Is(err, state.ErrNotFound) || err == nil && key.AccountID != c.AccountID {
			return nil
		}
		if err != nil {
			return err
		}
		user, err := tx.User(ctx, c.AccountID, key.UserName)
		about, tags = user.ARN(), user.Tags
		return err
	})
	return []api.Access{{Action: "iam:GetAccessKeyLastUsed", Resource: about, Context: api.WithResourceTags(nil, tags, "iam")}}, err
}

// GetAccessKeyLastUsed tells when, where and for which service a key last signed a request.
func (s *Service) GetAccessKeyLastUsed(ctx context.Context, c *api.Caller, in *iam.GetAccessKeyLastUsedInput) (*iam.GetAccessKeyLastUsedOutput, error) {
	out := &iam.GetAccessKeyLastUsedOutput{AccessKeyLastUsed: &types.AccessKeyLastUsed{Region: aws.String("N/A"), ServiceName: aws.String("N/A")}}
	err := s.authorizer.uses.view(ctx, func(ctx context.Context, tx *state.Tx, unwritten []noted) error {
		key, err := tx.AccessKey(ctx, *in.AccessKeyId)
		if errors.Is(err, state.ErrNotFound) || err == nil && key.AccountID != c.AccountID {
			return api.Errorf("AccessDenied", "User: %s is not authorized to perform: iam:GetAccessKeyLastUsed on resource: access key %s",
				c.ARN, *in.AccessKeyId).WithStatus(http.StatusForbidden)
		}
		if err != nil {
			return err
		}
		out.UserName = aws.String(key.UserName)
		use, err := keyUse(ctx, tx, key.ID, unwritten)
		if errors.Is(err, state.ErrNotFound) {
			return nil
		}
		out.AccessKeyLastUsed = &types.AccessKeyLastUsed{
			LastUsedDate: seconds(use.UsedAt), Region: aws.String(use.Region), ServiceName: aws.String(use.Service),
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
