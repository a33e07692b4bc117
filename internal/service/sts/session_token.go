package sts

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"strongroom/internal/api"
	"strongroom/internal/service/iam"
)

const (
	shortestSession     = 15 * time.Minute
	defaultUserSession  = 12 * time.Hour
	longestUserSession  = 36 * time.Hour
	defaultRoleSession  = time.Hour
	longestRoleSession  = 12 * time.Hour
	longestChainSession = time.Hour
)

// GetSessionToken gives a user a temporary credential with the user's own rights, but not over IAM. Every user may call.
func (s *Service) GetSessionToken(ctx context.Context, c *api.Caller, in *sts.GetSessionTokenInput) (*sts.GetSessionTokenOutput, error) {
	if c.Session != nil || c.Service != "" {
		return nil, api.Errorf("AccessDenied", "Cannot call GetSessionToken with session credentials").WithStatus(http.StatusForbidden)
	}
	duration, err := sessionDuration(in.DurationSeconds, defaultUserSession, longestUserSession)
	if err != nil {
		return nil, err
	}
	mfa := in.SerialNumber != nil || in.TokenCode != nil
	if mfa {
		if err := s.checkMFA(ctx, c, in.SerialNumber, in.TokenCode); err != nil {
			return nil, err
		}
	}
	now := s.Wall.Now().Truncate(time.Second)
	credentials, _, err := s.issue(ctx, token{
		AccountID: c.AccountID, ARN: c.ARN, UserID: c.UserID,
		Session: api.Session{IssuedAt: now, ExpiresAt: now.Add(duration), MFA: mfa},
	})
	if err != nil {
		return nil, err
	}
	return &sts.GetSessionTokenOutput{Credentials: credentials}, nil
}

func sessionDuration(seconds *int32, ordinary, longest time.Duration) (time.Duration, error) {
	duration := time.Duration(cmp.Or(aws.ToInt32(seconds), int32(ordinary/time.Second))) * time.Second
	limit := ""
	switch {
	case seconds != nil && *seconds < int32(shortestSession/time.Second):
		limit = fmt.Sprintf("greater than or equal to %d", int32(shortestSession/time.Second))
	case duration > longest:
		limit = fmt.Sprintf("less than or equal to %d", int32(longest/time.Second))
	default:
		return duration, nil
	}
	return 0, api.Errorf("ValidationError",
		"1 validation error detected: Value '%d' at 'durationSeconds' failed to satisfy constraint: Member must have value %s", *seconds, limit)
}

// issue completes a token with a new access key and seals it.
func (s *Service) issue(ctx context.Context, t token) (*types.Credentials, *token, error) {
	t.AccessKeyID, t.Secret = iam.NewTemporaryKeyID(t.AccountID), iam.NewSecret()
	sealed, err := s.sealToken(ctx, t)
	if err != nil {
		return nil, nil, fmt.Errorf("sealing a session token: %w", err)
	}
	return &types.Credentials{
		AccessKeyId: aws.String(t.AccessKeyID), SecretAccessKey: aws.String(t.Secret), SessionToken: aws.String(sealed),
		Expiration: aws.Time(t.Session.ExpiresAt),
	}, &t, nil
}
